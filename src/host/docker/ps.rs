//! Docker's lists: containers (`docker ps`) and reclaimable space (`docker system df`).
//!
//! Rows are read by the form of their cells, so any choice of columns works. Docker's sizes are sums over files, not
//! pool blocks.

use crate::host::model::units::Bytes;
use crate::host::parse::size::{self, Scale};

/// A container as `docker ps` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its id, possibly shortened.
    pub id: String,
    /// Its name, if listed.
    pub name: Option<String>,
    /// Its state.
    pub state: State,
    /// Size of its own files, with `docker ps -s`.
    pub size: Option<Bytes>,
}

/// The state of a container (moby, container/state.go, `String`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// `Up …`.
    Running,
    /// `Exited (…) …`.
    Exited,
    /// `Dead`: its removal was started and failed.
    Dead,
    /// `Created`, `Paused`, `Restarting`, `Removal In Progress`, or not listed.
    #[default]
    Other,
}

/// Reads the rows of `docker ps`.
#[must_use]
pub fn containers(text: &str) -> Vec<Container> {
    text.lines().filter_map(container).collect()
}

fn container(line: &str) -> Option<Container> {
    let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
    let id = cells.first().filter(|id| id.len() >= 10 && id.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let word = |cell: &str| match cell.split([' ', '(']).next()? {
        "Up" => Some(State::Running),
        "Exited" => Some(State::Exited),
        "Dead" => Some(State::Dead),
        "Created" | "Paused" | "Restarting" | "Removal" => Some(State::Other),
        _ => None,
    };
    // An image or command may start with such a word too; the state comes after both.
    let state = cells.iter().skip(3).rev().find_map(|cell| word(cell));
    let sized = |cell: &str| cell.contains("(virtual ") || cell.ends_with('B') && amount_of(cell).is_some();
    let size = cells.iter().skip(3).find(|cell| sized(cell)).and_then(|cell| amount_of(cell));
    let name = cells.iter().skip(3).rev().find(|cell| !sized(cell)).filter(|cell| !cell.contains(' '));
    Some(Container {
        id: (*id).to_owned(),
        name: name.map(|n| (*n).to_owned()),
        state: state.unwrap_or_default(),
        size,
    })
}

/// Reclaimable space, from `docker system df`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removable {
    /// Images that no container uses.
    pub images: Option<Bytes>,
    /// Stopped containers.
    pub containers: Option<Bytes>,
}

/// Reads `docker system df`; `None` if it reports no reclaimable space at all.
#[must_use]
pub fn removable(text: &str) -> Option<Removable> {
    let mut found = Removable::default();
    for line in text.lines() {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
        let (Some(kind), Some(last)) = (cells.first(), cells.last()) else { continue };
        match *kind {
            "Images" => found.images = amount_of(last),
            "Containers" => found.containers = amount_of(last),
            _ => {}
        }
    }
    (found != Removable::default()).then_some(found)
}

/// `9.7GB (virtual 9.78GB)`, `10.1GB (82%)`.
fn amount_of(cell: &str) -> Option<Bytes> {
    let first = cell.split(" (").next()?;
    size::read(first, Scale::Docker).filter(|a| a.has_unit).map(|a| a.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_docker_ps() {
        let text = "CONTAINER ID   IMAGE          COMMAND      CREATED         STATUS                     PORTS      NAMES     SIZE\n\
            4c01db0b339c   ubuntu:22.04   \"bash\"       17 seconds ago  Up 16 seconds                         keen      9.7GB (virtual 9.78GB)\n\
            d7886598dbe2   me/redis       \"/redis --x\"   33 minutes ago   Exited (0) 2 hours ago  6379/tcp   redis   0B (virtual 127MB)\n\
            1a2b3c4d5e6f   ab12cd34ef56   \"/bin/sh -c 'yum…\"   2 hours ago     Dead                                       old_build\n";
        let found = containers(text);
        let want = [("keen", State::Running), ("redis", State::Exited), ("old_build", State::Dead)];
        for (container, (name, state)) in found.iter().zip(want) {
            assert_eq!((container.name.as_deref(), container.state), (Some(name), state));
        }
        assert_eq!(
            (found.len(), found[0].size, found[1].size),
            (3, Some(Bytes(9_700_000_000)), Some(Bytes(0)))
        );
        assert_eq!((found[2].id.as_str(), found[2].size), ("1a2b3c4d5e6f", None));
        assert!(containers("REPOSITORY   TAG   IMAGE ID\nbusybox   latest   59788edf1f3e").is_empty());
    }

    #[test]
    fn what_could_be_removed() {
        let text = "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
            Images          15        3         12.3GB    10.1GB (82%)\nContainers      20        2         3.4GB     3.1GB (91%)\n";
        let removable = removable(text).unwrap();
        assert_eq!(
            (removable.images, removable.containers),
            (Some(Bytes(10_100_000_000)), Some(Bytes(3_100_000_000)))
        );
        assert_eq!(super::removable("Local Volumes   5   1   1.2GB   900MB (75%)"), None);
    }
}

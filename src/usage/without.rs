//! What comes back if a chosen set of containers and images is removed together.
//! A name that matches nothing, or more than one thing, is an error.

use super::{Reclaim, Removal};
use crate::host::model::units::DataBlocks;
use crate::host::owners::{Container, Image, Owners};
use std::collections::BTreeSet;

/// What removing a set gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// The names as they were given.
    pub names: Vec<String>,
    /// Blocks that return once all of it is gone, what only the set shares included; `None` if not counted.
    pub reclaimable: Option<DataBlocks>,
    /// What the engine would refuse to remove, and why; it is not in the number.
    pub refused: Vec<String>,
}

enum Thing {
    Container(usize),
    Image(usize),
}

/// Counts what comes back if everything of these names is removed: containers by name or id, images by a name or id.
///
/// # Errors
/// The name that stands for nothing or for several things.
pub fn without(
    names: &[String],
    owners: &Owners,
    in_pool: &BTreeSet<u32>,
    reclaim: &dyn Reclaim,
) -> Result<Without, String> {
    let things = names.iter().map(|name| find(owners, name)).collect::<Result<Vec<Thing>, String>>()?;
    let mut removal = Removal::new(owners);
    let mut gone = Vec::new();
    let mut images = Vec::new();
    for (thing, name) in things.iter().zip(names) {
        match *thing {
            Thing::Container(place) => gone.extend(removal.container(place)),
            Thing::Image(place) => images.push((place, name)),
        }
    }
    // An image goes after those that were built on it.
    while let Some(at) = images.iter().position(|(place, _)| removal.removable(*place)) {
        let (place, _) = images.remove(at);
        gone.extend(removal.image(place).unwrap_or_default());
    }
    let refused = images.into_iter().filter(|(place, _)| !removal.is_gone(*place));
    let refused = refused.map(|(place, name)| why_not(owners, &removal, place, name)).collect();
    gone.retain(|id| in_pool.contains(id));
    gone.sort_unstable();
    gone.dedup();
    Ok(Without { names: names.to_vec(), reclaimable: reclaim.alone(&gone).map(DataBlocks), refused })
}

fn why_not(owners: &Owners, removal: &Removal<'_>, place: usize, name: &str) -> String {
    let stays = |(at, _): &(usize, &Container)| !removal.has_lost(*at);
    match owners.containers_of(place).find(stays) {
        Some((_, container)) => {
            format!("{name}: the container {} stands on it", container.name.as_ref().unwrap_or(&container.id))
        }
        None => format!("{name}: another image was built on it"),
    }
}

/// The one thing that a name stands for.
fn find(owners: &Owners, name: &str) -> Result<Thing, String> {
    let containers = owners.containers.iter().enumerate().filter(|(_, c)| is_container(c, name));
    let images = owners.images.iter().enumerate().filter(|(_, i)| is_image(i, name));
    let mut found = containers
        .map(|(place, _)| Thing::Container(place))
        .chain(images.map(|(place, _)| Thing::Image(place)));
    match (found.next(), found.next()) {
        (Some(thing), None) => Ok(thing),
        (None, _) => Err(format!("no container or image is called {name}")),
        (Some(_), Some(_)) => Err(format!("{name} stands for several things: give more of an id")),
    }
}

/// The first digits of an id, at least so many.
const DIGITS: usize = 4;

fn is_id(id: &str, name: &str) -> bool {
    let (id, name) = (id.strip_prefix("sha256:").unwrap_or(id), name.strip_prefix("sha256:").unwrap_or(name));
    id == name || name.len() >= DIGITS && id.starts_with(name) && name.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_container(container: &Container, name: &str) -> bool {
    container.name.as_deref() == Some(name) || is_id(&container.id, name)
}

/// As Docker reads names: without a tag `latest` is meant.
fn is_image(image: &Image, name: &str) -> bool {
    let tagged = format!("{name}:latest");
    image.tags.iter().chain(&image.digests).any(|tag| tag == name || *tag == tagged) || is_id(&image.id, name)
}

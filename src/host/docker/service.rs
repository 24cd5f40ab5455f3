//! The arguments of Docker's daemon in its systemd unit, merged as systemd does.
//!
//! The first unit file in the search path is the unit; of drop-ins with the same name the first counts, and they are
//! read in the order of their names (systemd.unit(5)). An empty `ExecStart=` clears earlier ones
//! (systemd.service(5)).

use crate::record::{Outcome, Query, Recording};
use std::collections::BTreeMap;

/// The unit search path, highest priority first; `/lib` may be a link to `/usr/lib`.
const PLACES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
const UNIT: &str = "docker.service";
/// The unit of Docker's snap; its command line is in a script of the snap.
const SNAP: &str = "/etc/systemd/system/snap.docker.dockerd.service";

/// A line of a unit, continuation lines joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its file.
    pub(super) from: &'a str,
    /// `ExecStart=…` or `Environment=…`.
    pub(super) text: String,
}

/// The effective lines, in order.
pub(super) fn lines(recording: &Recording) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (from, text) in files(recording) {
        for line in joined(text) {
            let Some((name, value)) = line.split_once('=') else { continue };
            match (name.trim(), value.trim()) {
                ("ExecStart", "") => lines.retain(|l| !l.text.starts_with("ExecStart=")),
                (name @ ("ExecStart" | "Environment"), value) => {
                    lines.push(Line { from, text: format!("{name}={value}") });
                }
                _ => {}
            }
        }
    }
    lines
}

/// Why the service's arguments are unknown.
pub(super) fn unread(recording: &Recording) -> Option<String> {
    let units = PLACES.map(|place| format!("{place}/{UNIT}"));
    let outcomes: Vec<&Outcome> = units.iter().filter_map(|u| recording.outcome(Query::File, u)).collect();
    if recording.said(Query::File, SNAP).is_some() {
        return Some("Docker is a snap, whose arguments are only known while it runs".to_owned());
    }
    if outcomes.is_empty() {
        return Some(format!("{UNIT} was not recorded"));
    }
    let refused = outcomes.iter().find(|r| r.said().is_none() && r.errno() != Some("ENOENT"));
    refused.map(|outcome| match outcome {
        Outcome::Refused(why) | Outcome::NotAsked(why) => format!("{UNIT} was not read: {why}"),
        Outcome::TimedOut(_) | Outcome::Answered(_) => format!("{UNIT} was not read in time"),
    })
}

/// The unit file and its drop-ins, in reading order.
fn files(recording: &Recording) -> Vec<(&str, &str)> {
    let said: BTreeMap<&str, &str> =
        recording.all(Query::File).filter_map(|a| Some((a.target.as_str(), a.outcome.said()?))).collect();
    let unit = PLACES.iter().find_map(|place| {
        said.get_key_value(format!("{place}/{UNIT}").as_str()).map(|(path, text)| (*path, *text))
    });
    let mut additions: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for place in PLACES {
        let folder = format!("{place}/{UNIT}.d/");
        for (path, text) in &said {
            let name = path.strip_prefix(&folder).filter(|name| name.ends_with(".conf"));
            if let Some(name) = name {
                additions.entry(name).or_insert((path, text));
            }
        }
    }
    unit.into_iter().chain(additions.into_values()).collect()
}

/// The lines of a unit file without comments; a backslash at the end of a line joins it with the next.
fn joined(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begun) => {
                open.push_str(begun);
                open.push(' ');
            }
            None => lines.push(std::mem::take(&mut open) + line),
        }
    }
    lines.push(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    fn recorded(files: &[(&str, &str)]) -> Recording {
        let mut recording = Recording::new(Source::Machine, None);
        for (path, text) in files {
            recording.push(Query::File, path, Outcome::Answered((*text).to_owned()));
        }
        recording
    }

    fn texts(recording: &Recording) -> Vec<String> {
        lines(recording).into_iter().map(|l| l.text).collect()
    }

    #[test]
    fn the_strongest_unit_and_its_additions() {
        let recording = recorded(&[
            ("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd -s a\n"),
            ("/etc/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd \\\n  -s b\n"),
            ("/usr/lib/systemd/system/docker.service.d/a.conf", "[Service]\nEnvironment=OPTS=1\n"),
        ]);
        assert_eq!(texts(&recording), ["ExecStart=/usr/bin/dockerd  -s b", "Environment=OPTS=1"]);
    }

    #[test]
    fn an_empty_line_takes_back_what_was_said() {
        let recording = recorded(&[
            ("/lib/systemd/system/docker.service", "ExecStart=/usr/bin/dockerd -s a"),
            (
                "/etc/systemd/system/docker.service.d/b.conf",
                "# x\nExecStart=\nExecStart=/usr/bin/dockerd -s b",
            ),
        ]);
        assert_eq!(texts(&recording), ["ExecStart=/usr/bin/dockerd -s b"]);
    }

    #[test]
    fn what_is_not_known_is_said() {
        assert!(unread(&recorded(&[])).is_some());
        assert_eq!(unread(&recorded(&[("/lib/systemd/system/docker.service", "")])), None);
        assert!(unread(&recorded(&[(SNAP, "")])).is_some_and(|why| why.contains("snap")));
        let mut recording = recorded(&[]);
        for place in PLACES {
            recording.push(Query::File, &format!("{place}/{UNIT}"), Outcome::Refused("ENOENT".into()));
        }
        assert_eq!(unread(&recording), None, "a host without systemd");
        recording.push(Query::File, "/etc/systemd/system/docker.service", Outcome::Refused("EACCES".into()));
        assert!(unread(&recording).is_some());
    }
}

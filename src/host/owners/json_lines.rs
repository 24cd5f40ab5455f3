//! Parses answers with one JSON object per line.
//! Never fails: a bad line or a missing answer becomes a gap.

use crate::host::model::note::Note;
use crate::record::{Outcome, Query, Recording};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

/// Parses the objects of an answer and adds gaps for what is missing. A query that was not made is a gap, too, because
/// a search for devices without a record must know of it.
pub(in crate::host) fn parse<T: DeserializeOwned>(
    recording: &Recording,
    query: Query,
    target: &str,
    gaps: &mut Vec<Note>,
) -> Vec<T> {
    let mut gap = |text: String| gaps.push(Note { about: target.to_owned(), text, forces_unknown: false });
    let text = match recording.outcome(query, target) {
        Some(Outcome::Answered(text)) => text,
        Some(Outcome::Refused(why)) => {
            gap(format!("{} refused: {why}", what(query)));
            return Vec::new();
        }
        Some(Outcome::TimedOut(ms)) => {
            gap(format!("{} not answered within {ms} ms", what(query)));
            return Vec::new();
        }
        Some(Outcome::NotAsked(_)) | None => {
            gap(format!("{} not asked for", what(query)));
            return Vec::new();
        }
    };
    let mut objects = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(missing) = line.strip_prefix('(') {
            gap(format!("{} in part: {}", what(query), missing.strip_suffix(')').unwrap_or(missing)));
            continue;
        }
        match serde_json::from_str(line) {
            Ok(object) => objects.push(object),
            Err(_) => gap(format!("{}: a line that is not one of them", what(query))),
        }
    }
    objects
}

const fn what(query: Query) -> &'static str {
    match query {
        Query::DockerLayers => "layers",
        Query::DockerMounts => "mounts of containers",
        Query::DockerImages => "images",
        Query::DockerContainers => "containers",
        Query::DockerBuildCache => "steps of the build cache",
        Query::ContainerdDevices => "devices of the snapshotter",
        Query::ContainerdSnapshots => "snapshots",
        Query::PoolMetadata => "the pool's metadata",
        _ => "containerd's images and containers",
    }
}

/// Parses a timestamp. Go's zero time, in the year 1, means never and becomes `None`.
pub(super) fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    let time: Timestamp = text?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// Replaces control characters, which could act on a terminal.
pub(in crate::host) fn sanitize(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

//! Reads answers that are one JSON object a line.
//! Refuses nothing: what is no such object, and what was not answered at all, becomes a gap that is told.

use crate::host::oddity::Oddity;
use crate::host::units::AMOUNT;
use crate::record::{Ask, Reading, Recording};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

/// The objects of an answer. Not having asked is a gap too: whoever looks for what no record names must know.
pub(in crate::host) fn objects<T: DeserializeOwned>(
    recording: &Recording,
    ask: Ask,
    of: &str,
    gaps: &mut Vec<Oddity>,
) -> Vec<T> {
    let mut gap = |text: String| gaps.push(Oddity { about: of.to_owned(), text, blocks_ok: false });
    let text = match recording.reading(ask, of) {
        Some(Reading::Said(text)) => text,
        Some(Reading::Refused(why)) => {
            gap(format!("{} refused: {why}", what(ask)));
            return Vec::new();
        }
        Some(Reading::Silent(ms)) => {
            gap(format!("{} not answered within {ms} ms", what(ask)));
            return Vec::new();
        }
        Some(Reading::Unasked(_)) | None => {
            gap(format!("{} not asked for", what(ask)));
            return Vec::new();
        }
    };
    let mut objects = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(missing) = line.strip_prefix('(') {
            gap(format!("{} in part: {}", what(ask), missing.strip_suffix(')').unwrap_or(missing)));
            continue;
        }
        match serde_json::from_str(line) {
            Ok(object) => objects.push(object),
            Err(_) => gap(format!("{}: a line that is not one of them", what(ask))),
        }
    }
    objects
}

const fn what(ask: Ask) -> &'static str {
    match ask {
        Ask::DockerLayers => "layers",
        Ask::DockerMounts => "mounts of containers",
        Ask::DockerImages => "images",
        Ask::DockerContainers => "containers",
        Ask::DockerBuildCache => "steps of the build cache",
        Ask::ContainerdDevices => "devices of the snapshotter",
        Ask::ContainerdSnapshots => "snapshots",
        Ask::PoolMetadata => "the pool's metadata",
        _ => "containerd's images and containers",
    }
}

/// A moment, unless it is the year 1, which is how Go writes "never".
pub(super) fn moment(text: Option<&str>) -> Option<Timestamp> {
    let time: Timestamp = text?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// A name without what could act on a terminal or a report.
pub(in crate::host) fn plain(name: &str) -> String {
    let harmful = |c: char| c.is_control() || c == AMOUNT.0 || c == AMOUNT.1;
    name.chars().map(|c| if harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

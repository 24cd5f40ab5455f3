//! How a script changes a settings file that was not recorded in full: it compares the checksum and replaces bytes at
//! known offsets.
//!
//! Secrets are redacted in a recording. A change that would touch one is an error, so that a placeholder is never
//! written to a file.

use super::ScriptContext;
use super::daemon_json::Edited;
use super::json_edit::Splice;
use crate::host::docker::{Docker, FileDigest, Hidden};

/// Placeholder for a redacted secret.
const REDACTED: &str = "<redacted>";

/// A settings file on disk, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Original {
    /// The file does not exist.
    Absent,
    /// What it is.
    File(FileDigest),
}

/// Docker's settings file on disk. Fails with a sentence if it was not recorded.
pub(super) fn original(docker: &Docker) -> Result<Original, String> {
    let path = docker.settings_file();
    if let Some(why) = &docker.daemon_json_unread {
        return Err(format!("{path} was not read ({why}): run it as root, on the host itself"));
    }
    match (&docker.daemon_json, &docker.daemon_json_digest) {
        (Some(_), Some(digest)) => Ok(Original::File(digest.clone())),
        (Some(text), None) if text.contains(REDACTED) => Err(format!(
            "{path} holds something secret, and this recording does not say where: make the plan on the host itself, or \
             record it again with this version"
        )),
        (Some(_), None) => {
            Err(format!("what bytes {path} holds is not known here: make the plan on the host itself"))
        }
        (None, _) => Ok(Original::Absent),
    }
}

/// How a script changes the settings, as variables of `script/settings.sh`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Change {
    /// The checksum of the old file; empty if there was none.
    sum: String,
    /// The content of a new file.
    text: String,
    /// The change and its reversal: an offset, a length and a text for each replacement.
    forth: Vec<String>,
    back: Vec<String>,
}

impl Change {
    /// The change from the recorded to the edited text. Fails with a sentence if it would touch bytes that were not
    /// recorded.
    pub(super) fn of_file(file: &Original, edited: &Edited) -> Result<Self, String> {
        match file {
            Original::Absent => Ok(Self { text: edited.text(), ..Self::default() }),
            Original::File(digest) => Ok(Self::spliced(digest, &Replacement::all(digest, edited)?)),
        }
    }

    fn spliced(digest: &FileDigest, all: &[Replacement]) -> Self {
        let mut change = Self { sum: digest.sha256.clone(), ..Self::default() };
        let mut shift = 0_i128;
        for one in all {
            change.forth.extend([one.offset.to_string(), one.old.len().to_string(), one.new.clone()]);
            let offset = i128::from(one.offset) + shift;
            change.back.extend([offset.to_string(), one.new.len().to_string(), one.old.clone()]);
            shift += i128::try_from(one.new.len()).unwrap_or_default();
            shift -= i128::try_from(one.old.len()).unwrap_or_default();
        }
        change
    }

    /// Sets the script variables that describe the change.
    pub(super) fn describe(self, basis: &mut ScriptContext) {
        basis.variables.extend([("settings_sum", self.sum), ("settings_text", self.text)]);
        basis.lists.extend([("settings_forth", self.forth), ("settings_back", self.back)]);
    }
}

/// A replacement of bytes in the file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replacement {
    /// Where they begin, in bytes.
    pub(super) offset: u64,
    pub(super) old: String,
    pub(super) new: String,
}

impl Replacement {
    /// Translates the edits of the recorded text. Fails with a sentence if one would touch bytes that were not
    /// recorded.
    pub(super) fn all(digest: &FileDigest, edited: &Edited) -> Result<Vec<Self>, String> {
        edited.splices().iter().map(|splice| Self::of(digest, &edited.old, splice)).collect()
    }

    fn of(digest: &FileDigest, text: &str, splice: &Splice) -> Result<Self, String> {
        let secret = || {
            "what has to change there was not recorded, as it may be secret: it has to be edited by hand"
                .to_owned()
        };
        let (start, end) = (number(splice.range.start), number(splice.range.end));
        let mut old = text.get(splice.range.clone()).unwrap_or_default().to_owned();
        // In reverse, so that earlier offsets stay valid.
        for place in recorded(&digest.hidden).iter().rev() {
            if place.hidden.shown > 0 && place.at < end && start < place.at + place.hidden.shown {
                return Err(secret());
            }
            // An insertion inside the placeholder would end up in the middle of the secret.
            if place.hidden.shown > 0
                && start == end
                && place.at < start
                && start < place.at + place.hidden.shown
            {
                return Err(secret());
            }
            if place.hidden.shown == 0 && start <= place.at && place.at < end {
                let at = usize::try_from(place.at - start).map_err(|_| secret())?;
                if old.get(at..).is_none() {
                    return Err(secret());
                }
                old.insert(at, '\r');
            }
        }
        let new = splice.by.clone();
        Ok(Self { offset: on_disk(digest, start), old, new })
    }
}

/// Bytes that were not recorded, and their position in the recorded text.
struct Place {
    hidden: Hidden,
    at: u64,
}

fn recorded(hidden: &[Hidden]) -> Vec<Place> {
    let (mut from, mut at) = (0, 0_u64);
    let mut places = Vec::with_capacity(hidden.len());
    for hidden in hidden {
        at = at.saturating_add(hidden.offset.saturating_sub(from));
        places.push(Place { hidden: *hidden, at });
        at = at.saturating_add(hidden.shown);
        from = hidden.offset.saturating_add(hidden.bytes);
    }
    places
}

/// Maps an offset in the recorded text to the file. A carriage return omitted at that offset stays after it.
fn on_disk(digest: &FileDigest, at: u64) -> u64 {
    let before = recorded(&digest.hidden).into_iter().filter(|place| place.at < at);
    before.fold(at, |sum, place| sum.saturating_add(place.hidden.bytes).saturating_sub(place.hidden.shown))
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

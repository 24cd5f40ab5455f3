//! Turns pasted text into a recording: says which tool each piece comes from, and keeps the words as they came.
//!
//! It interprets nothing and drops nothing: a line that belongs to no known report is kept as a line.

use super::{Ask, Reading, Recording, Source};

/// Reads pasted text.
#[must_use]
pub fn paste(text: &str) -> Recording {
    let mut recording = Recording::new(Source::Pasted, None);
    for line in text.lines() {
        recording.push(Ask::Line, "", Reading::Said(line.to_owned()));
    }
    recording
}

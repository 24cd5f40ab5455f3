//! Keeps a very long log within bounds: after the first ten thousand lines, of lines that differ only in their
//! numbers the first hundred and the last are kept, and the rest is counted.
//!
//! It does not know what a line means, so it never has to be told of a new wording.

use super::LEFT_OUT;
use crate::record::{Ask, Reading, Recording};
use std::collections::HashMap;

/// Lines that are kept whatever they say.
const ALL: usize = 10_000;
/// Lines of one shape that are kept after that.
const ALIKE: u32 = 100;
/// Rows of reports that are read: more than any machine has, few enough for whatever compares each with each.
const ROWS: u64 = 16_384;
/// Lines that wait for the next one to tell what they are.
pub(super) const HELD: usize = 64;

/// What was kept and what was left out so far.
#[derive(Default)]
pub(super) struct Limit {
    kept: usize,
    left_out: u64,
    /// Rows of reports so far.
    rows: u64,
    shapes: HashMap<u64, Shape>,
}

#[derive(Default)]
struct Shape {
    seen: u32,
    /// The last line of the shape that was left out, with its place in the text.
    last: Option<(u64, String)>,
}

impl Shape {
    fn leave(&mut self, place: u64, text: &str) {
        let (at, last) = self.last.get_or_insert_default();
        *at = place;
        text.clone_into(last);
    }
}

impl Limit {
    /// Whether a line is one more of a shape that is only counted, and so need not be looked at: it is counted then.
    pub(super) fn counts(&mut self, text: &str) -> bool {
        self.kept >= ALL
            && self.shapes.get_mut(&shape_of(text)).filter(|s| s.seen >= ALIKE).is_some_and(|shape| {
                self.left_out += 1;
                shape.leave(self.left_out, text);
                true
            })
    }

    /// Keeps a line, or counts it.
    pub(super) fn push(&mut self, recording: &mut Recording, text: &str) {
        let shape = self.shapes.entry(shape_of(text)).or_default();
        if self.kept >= ALL && shape.seen >= ALIKE {
            self.left_out += 1;
            return shape.leave(self.left_out, text);
        }
        shape.seen = shape.seen.saturating_add(1);
        self.keep(recording, text);
    }

    /// Keeps a line whatever came before: one that holds more than itself, so that no later one of its shape is passed
    /// over on its account.
    pub(super) fn keep(&mut self, recording: &mut Recording, text: &str) {
        self.kept += 1;
        recording.push(Ask::Line, "", Reading::Said(text.to_owned()));
    }

    /// Whether one more row of a report is to be read.
    pub(super) fn takes_row(&mut self) -> bool {
        self.rows = self.rows.saturating_add(1);
        self.rows <= ROWS
    }

    /// Adds the last line of each shape, in the order of the text, and says how many lines were left out.
    pub(super) fn finish(self, recording: &mut Recording) {
        let mut last: Vec<(u64, String)> = self.shapes.into_values().filter_map(|s| s.last).collect();
        let kept = u64::try_from(last.len()).unwrap_or(u64::MAX);
        last.sort_unstable();
        for (_, text) in last {
            recording.push(Ask::Line, "", Reading::Said(text));
        }
        let gone = self.left_out.saturating_sub(kept);
        let rows = self.rows.saturating_sub(ROWS);
        if gone > 0 {
            let text = format!("{gone} lines were left out: they differ from others only in their numbers");
            recording.push(Ask::Output, LEFT_OUT, Reading::Said(text));
        }
        if rows > 0 {
            let text = format!("{rows} rows of reports were left out: only the first {ROWS} were read");
            recording.push(Ask::Output, LEFT_OUT, Reading::Said(text));
        }
    }
}

/// A number that lines share when they differ only in digits, or in hexadecimal letters of words with digits.
fn shape_of(text: &str) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut shape: u64 = 0xcbf2_9ce4_8422_2325;
    // The word at hand in two readings: all of it, and without what may be a digit.
    let (mut whole, mut bare, mut numeric) = (0_u64, 0_u64, false);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            let mixed = u64::from(byte) + 1;
            whole = whole.wrapping_mul(PRIME).wrapping_add(mixed);
            if !byte.is_ascii_hexdigit() {
                bare = bare.wrapping_mul(PRIME).wrapping_add(mixed);
            }
            numeric |= byte.is_ascii_digit();
        } else {
            let word = if numeric { bare ^ 1 } else { whole };
            shape = (shape ^ word ^ u64::from(byte) << 56).wrapping_mul(PRIME).rotate_left(17);
            (whole, bare, numeric) = (0, 0, false);
        }
    }
    let word = if numeric { bare ^ 1 } else { whole };
    (shape ^ word).wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    #[test]
    fn only_what_repeats_is_left_out() {
        let mut recording = Recording::new(Source::Pasted, None);
        let mut limit = Limit::default();
        for n in 0..30_000 {
            limit.push(&mut recording, &format!("Buffer I/O error on device dm-1, logical block {n}"));
        }
        limit.push(&mut recording, "something else");
        limit.finish(&mut recording);
        let lines: Vec<_> = recording.all(Ask::Line).filter_map(|a| a.reading.said()).collect();
        assert_eq!(lines.len(), ALL + 2);
        assert_eq!(lines[ALL], "something else");
        assert!(lines[ALL + 1].ends_with("29999"), "the last of its kind is there");
        assert!(recording.said(Ask::Output, LEFT_OUT).unwrap().starts_with("19999 lines"));
    }
}

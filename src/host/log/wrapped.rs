//! Joins lines that a terminal or mail program wrapped, to find messages that only the whole line contains.

use super::{Kind, kinds, matcher};

/// Widths at which terminals and mail programs wrap.
const WRAPPED: std::ops::RangeInclusive<usize> = 50..=220;
/// Longest joined message, in bytes; longer ones were not wrapped.
const LONGEST: usize = 2000;

/// Joins a line with its continuation lines.
#[derive(Default)]
pub(super) struct Joiner {
    /// The joined line so far.
    text: String,
    /// The messages found in the single lines and in the joined line.
    known: Vec<Option<Kind>>,
}

impl Joiner {
    /// Takes the next line and its own messages. If it continues the previous line, returns the joined text and the
    /// messages that only it contains.
    pub(super) fn next(&mut self, line: &str, found: &[Option<Kind>]) -> Option<(String, Vec<Option<Kind>>)> {
        if !continues(&self.text, line) || self.text.len() + line.len() > LONGEST {
            self.text.clear();
            self.known.clear();
            if WRAPPED.contains(&line.trim().len()) {
                line.trim().clone_into(&mut self.text);
                self.known.extend_from_slice(found);
            }
            return None;
        }
        self.text.push(' ');
        self.text.push_str(line.trim());
        self.known.extend_from_slice(found);
        if !matcher::may_match(&self.text) {
            return None;
        }
        let new: Vec<Option<Kind>> =
            kinds(&self.text).into_iter().filter(|kind| !self.known.contains(kind)).collect();
        self.known.extend_from_slice(&new);
        (!new.is_empty()).then(|| (self.text.clone(), new))
    }
}

/// Whether a line continues the previous one: log lines and sentences start with a capital, a digit or a bracket.
fn continues(before: &str, line: &str) -> bool {
    let goes_on = |c: char| c.is_lowercase() || matches!(c, '"' | '\'' | '\\' | '(');
    !before.is_empty() && !before.ends_with(['.', ';', '{', '}']) && line.trim_start().starts_with(goes_on)
}

#[cfg(test)]
mod tests {
    use crate::host::log::{Message, gather};

    fn messages(text: &str) -> Vec<Message> {
        let all = gather(std::iter::once(text));
        all.iter().map(super::super::LogMessage::message).filter(|m| !m.is_generic()).collect()
    }

    #[test]
    fn a_wrapped_line_is_read_as_one() {
        let text = "2024-08-01 23:14:03 lvcreate: Cannot create new thin volume, free\nspace in thin pool vg/pool reached threshold.";
        assert_eq!(messages(text), [Message::LvmRefusesAtThreshold]);
        let thrice = "level=error msg=\"failed to create snapshot device from parent: failed\nto save metadata for \\\"p-snap-4\\\": object with key already there,\nso it already exists\"";
        assert!(messages(thrice).contains(&Message::ContainerdDeviceExists), "{:?}", messages(thrice));
    }

    #[test]
    fn lines_of_a_log_are_not_joined() {
        let text = "Aug 01 23:14:03 host lvm[1]: Cannot create new thin volume, there is free\nAug 01 23:14:04 host x: space in thin pool vg/pool reached threshold";
        assert!(!messages(text).contains(&Message::LvmRefusesAtThreshold), "{:?}", messages(text));
        let whole = "the first sentence of a person who tells of free space that there is.\nin thin pool vg/pool, reached threshold";
        assert!(!messages(whole).contains(&Message::LvmRefusesAtThreshold), "{:?}", messages(whole));
    }
}

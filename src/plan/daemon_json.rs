//! Applies several changes to the text of a `daemon.json` and shows the difference line by line.
//!
//! All other characters are preserved; an unsafe change is an error, as in [`super::json_edit`].

use super::json_edit::{Splice, with_member, with_option};
use serde_json::Value;
use std::ops::Range;

/// The key that holds Docker's storage options.
const OPTIONS: &str = "storage-opts";

/// A setting and its new value; `None` removes it.
pub(super) type Setting<'a> = (&'a str, Option<Value>);

/// A text with pending changes, tracked as byte ranges of the old text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edited {
    pub(super) old: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Bytes of the old text.
    Old(Range<usize>),
    New(String),
}

impl Piece {
    const fn len(&self) -> usize {
        match self {
            Self::Old(range) => range.end - range.start,
            Self::New(text) => text.len(),
        }
    }

    /// The part of the piece in this range; `None` if empty.
    fn part(&self, range: Range<usize>) -> Option<Self> {
        let end = range.end.min(self.len());
        if range.start >= end {
            return None;
        }
        match self {
            Self::Old(old) => Some(Self::Old(old.start + range.start..old.start + end)),
            Self::New(text) => text.get(range.start..end).map(|text| Self::New(text.to_owned())),
        }
    }
}

impl Edited {
    fn new(old: &str) -> Self {
        Self { old: old.to_owned(), pieces: vec![Piece::Old(0..old.len())] }
    }

    /// The text after the changes.
    pub(super) fn text(&self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Old(range) => self.old.get(range.clone()).unwrap_or_default().to_owned(),
            Piece::New(text) => text.clone(),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Applies a change whose range refers to the current text.
    fn apply(&mut self, change: &Splice) {
        let (mut before, mut after, mut at) = (Vec::new(), Vec::new(), 0);
        for piece in &self.pieces {
            before.extend(piece.part(0..change.range.start.saturating_sub(at)));
            after.extend(piece.part(change.range.end.saturating_sub(at)..piece.len()));
            at += piece.len();
        }
        before.push(Piece::New(change.by.clone()));
        before.extend(after);
        self.pieces = before;
    }

    /// All changes as disjoint, ordered splices of the old text.
    pub(super) fn splices(&self) -> Vec<Splice> {
        let mut splices = Vec::new();
        let (mut at, mut by) = (0, String::new());
        let end = Piece::Old(self.old.len()..self.old.len());
        for piece in self.pieces.iter().chain([&end]) {
            match piece {
                Piece::New(text) => by.push_str(text),
                Piece::Old(range) => {
                    if at < range.start || !by.is_empty() {
                        splices.push(Splice { range: at..range.start, by: std::mem::take(&mut by) });
                    }
                    at = range.end;
                }
            }
        }
        splices
    }
}

/// Applies settings to a text. Fails with a sentence if that is not safe.
pub(super) fn with_settings(text: &str, settings: &[Setting<'_>]) -> Result<Edited, String> {
    let mut edited = Edited::new(text);
    for (key, value) in settings {
        if let Some(change) = with_member(&edited.text(), key, value.as_ref())? {
            edited.apply(&change);
        }
    }
    Ok(edited)
}

/// Sets the storage option `name` to `value`. Fails with a sentence if that is not safe.
pub(super) fn with_storage_option(text: &str, name: &str, value: &str) -> Result<Edited, String> {
    let mut edited = Edited::new(text);
    edited.apply(&with_option(text, name, value)?);
    Ok(edited)
}

/// The storage options in a text; empty if there are none or the text is not JSON.
pub(super) fn options(text: &str) -> Vec<Value> {
    let settings: Option<Value> = serde_json::from_str(text).ok();
    settings.as_ref().and_then(|s| s.get(OPTIONS)?.as_array()).cloned().unwrap_or_default()
}

/// The storage options except those whose name starts with `prefix` (such as `dm.`).
pub(super) fn options_without(text: &str, prefix: &str) -> Vec<Value> {
    let other = |o: &Value| !o.as_str().is_some_and(|o| o.trim().to_ascii_lowercase().starts_with(prefix));
    options(text).into_iter().filter(other).collect()
}

/// A line diff in the style of `diff -u` without headers: context lines, `-` for removed and `+` for added lines.
pub(super) fn difference(old: &str, new: &str) -> Vec<String> {
    const AROUND: usize = 2;
    if old == new {
        return Vec::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    let part = |lines: &[&str], from: usize, to: usize, mark: char| -> Vec<String> {
        lines.get(from..to).unwrap_or_default().iter().map(|l| format!("{mark}{l}")).collect()
    };
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut shown = part(&old, head.saturating_sub(AROUND), head, ' ');
    shown.extend(part(&old, head, old_end, '-'));
    shown.extend(part(&new, head, new_end, '+'));
    shown.extend(part(&old, old_end, old.len().min(old_end + AROUND), ' '));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_driver_and_its_options() {
        let text = "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \"dm.fs=xfs\",\n    \
                    \"overlay2.size=1G\"\n  ],\n  \"debug\": true\n}\n";
        let rest = options_without(text, "dm.");
        assert_eq!(rest, [json!("overlay2.size=1G")]);
        let settings =
            [("storage-driver", Some(json!("overlay2"))), ("storage-opts", Some(Value::from(rest)))];
        let new = with_settings(text, &settings).unwrap();
        assert_eq!(new.splices().len(), 2, "{new:?}");
        assert_eq!(
            new.text(),
            "{\n  \"storage-driver\": \"overlay2\",\n  \"storage-opts\": [\"overlay2.size=1G\"],\n  \"debug\": true\n}\n"
        );
        let gone = with_settings(text, &[("storage-opts", None)]).unwrap().text();
        assert_eq!(gone, "{\n  \"storage-driver\": \"devicemapper\",\n  \"debug\": true\n}\n");
        let shown = difference(text, &gone);
        assert_eq!(shown.first().map(String::as_str), Some(" {"));
        assert_eq!(shown.iter().filter(|l| l.starts_with('-')).count(), 4, "{shown:#?}");
    }

    #[test]
    fn the_file_that_is_not_there() {
        let new = with_settings("", &[("storage-driver", Some(json!("overlay2")))]).unwrap().text();
        assert_eq!(new, "{\n    \"storage-driver\": \"overlay2\"\n}\n");
        assert_eq!(difference("", &new), ["+{", "+    \"storage-driver\": \"overlay2\"", "+}"]);
        assert_eq!(with_settings("", &[("storage-opts", None)]).unwrap().text(), "");
        assert!(with_settings("[1]", &[("a", None)]).is_err());
    }

    #[test]
    fn changes_of_the_old_text_make_the_new_one() {
        let text = "{\"a\": 1, \"b\": \"x\", \"c\": [2]}";
        for keys in [["a", "c", "d"], ["c", "b", "a"], ["d", "e", "d"], ["b", "b", "b"]] {
            for values in [[Some(json!("y")), None, Some(json!([3]))], [None, Some(json!(1)), None]] {
                let settings: Vec<Setting<'_>> = keys.into_iter().zip(values).collect();
                let edited = with_settings(text, &settings).unwrap();
                let (mut new, mut end) = (text.to_owned(), text.len());
                for splice in edited.splices().iter().rev() {
                    assert!(splice.range.end <= end, "{edited:?}");
                    end = splice.range.start;
                    new = splice.apply(&new).unwrap();
                }
                assert_eq!(new, edited.text());
            }
        }
    }

    #[test]
    fn nothing_differs() {
        assert_eq!(difference("a\nb\nc", "a\nb\nc"), Vec::<String>::new());
    }
}

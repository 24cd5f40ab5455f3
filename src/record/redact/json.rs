//! Secrets in JSON: strings below a name that names a secret, arguments and assignments that carry one, and users in
//! addresses. A string becomes another string; numbers, booleans, `null`, blanks and the order of names stay.

use super::words::{after_secret_option, text_without_secret};
use super::{REDACTED, Span, names_secret};
use serde::de::IgnoredAny;
use std::ops::Range;

/// The strings that have to go; `None` where the text is no JSON.
pub(super) fn spans(text: &str) -> Option<Vec<Span>> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut walk = Walk { text, open: Vec::new(), spans: Vec::new() };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = literal_end(bytes, at)?;
                walk.string(at..end)?;
                at = end;
                continue;
            }
            b'{' | b'[' => {
                let secret = walk.is_secret();
                walk.open.push(Level { object: *byte == b'{', secret, ..Level::default() });
            }
            b'}' | b']' => drop(walk.open.pop()),
            b':' => walk.level(|level| level.in_value = true),
            b',' => walk.level(|level| level.in_value = false),
            _ => {}
        }
        at += 1;
    }
    Some(walk.spans)
}

/// An object or a list that is open.
#[derive(Default)]
struct Level {
    object: bool,
    /// Whether everything in it is secret.
    secret: bool,
    /// Of an object: whether a value follows, and whether its name names a secret.
    in_value: bool,
    key_is_secret: bool,
    /// Of a list: whether the last string was an option whose value is secret.
    after_option: bool,
}

struct Walk<'a> {
    text: &'a str,
    open: Vec<Level>,
    spans: Vec<Span>,
}

impl Walk<'_> {
    fn level(&mut self, change: impl FnOnce(&mut Level)) {
        if let Some(level) = self.open.last_mut() {
            change(level);
        }
    }

    /// Whether a value that begins here is secret.
    fn is_secret(&self) -> bool {
        self.open.last().is_some_and(|level| level.secret || (level.object && level.key_is_secret))
    }

    /// A string, with its quotes.
    fn string(&mut self, range: Range<usize>) -> Option<()> {
        let string: String = serde_json::from_str(self.text.get(range.clone())?).ok()?;
        let is_key = self.open.last().is_some_and(|level| level.object && !level.in_value);
        let mut wanted = text_without_secret(&string);
        if is_key {
            let secret = names_secret(&string);
            self.level(|level| level.key_is_secret = secret);
        } else {
            let after = self.open.last().is_some_and(|level| level.after_option) && !string.starts_with('-');
            if !string.is_empty() && (after || self.is_secret()) {
                REDACTED.clone_into(&mut wanted);
            }
            let option = after_secret_option(&string);
            self.level(|level| level.after_option = !level.object && option);
        }
        if wanted != string {
            self.spans.push(Span { range, shown: serde_json::to_string(&wanted).ok()? });
        }
        Some(())
    }
}

/// Where the string that begins at `start` ends, after its closing quote.
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

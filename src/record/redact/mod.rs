//! Takes secrets out of settings and program arguments before they are kept: values of proxies, tokens, passwords,
//! environment variables, and the user part of addresses.
//!
//! JSON is parsed, so that it stays JSON of the same shape ([`json`]); everything else is redacted word by word
//! ([`words`]), so that broken settings are kept, and redacted, too.

mod json;
mod words;

use serde::{Deserialize, Serialize};
use std::ops::Range;

pub(super) use words::{arguments, uncommented};

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "<redacted>";

/// A name that contains one of these names a secret, or something that may carry one.
const SECRETS: [&str; 14] = [
    "prox",
    "auth",
    "token",
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "credential",
    "apikey",
    "api-key",
    "api_key",
    "private",
    "bearer",
    "access",
];

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|s| name.contains(s))
}

/// Bytes that were not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Where they begin in the file.
    pub offset: u64,
    /// How many they are in the file.
    pub bytes: u64,
    /// How many bytes of the recorded text stand in their place; 0 for a carriage return at the end of a line, which is
    /// the only thing that is left out without a trace.
    pub shown: u64,
}

/// A text without its secrets, and where they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redacted {
    /// The text that may be kept.
    pub(super) text: String,
    /// What of the original is not in it, in order.
    pub(super) hidden: Vec<Hidden>,
}

/// The settings at `path`, in JSON, TOML, or shell notation, without the values of secrets. Carriage returns at the ends
/// of lines are left out too: no control character may stand in a recording.
pub(super) fn settings(path: &str, text: &str) -> Redacted {
    let is_json = text.trim_start_matches('\u{FEFF}').trim_start().starts_with(['{', '[']) && !is_toml(text);
    let mut spans = if is_json || path.ends_with(".json") {
        json::spans(text).unwrap_or_else(|| words::broken_json(text))
    } else {
        words::spans(text)
    };
    let covered = |at: usize| spans.iter().any(|s| s.range.contains(&at));
    let returns: Vec<Span> = text
        .match_indices("\r\n")
        .filter(|(at, _)| !covered(*at))
        .map(|(at, _)| Span { range: at..at + 1, shown: String::new() })
        .collect();
    spans.extend(returns);
    apply(text, spans)
}

/// A table's heading looks like the beginning of a JSON list.
fn is_toml(text: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default();
    first.starts_with('[') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_err()
}

/// A part of a text that is not kept, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    range: Range<usize>,
    shown: String,
}

impl Span {
    fn secret(range: Range<usize>) -> Self {
        Self { range, shown: REDACTED.to_owned() }
    }
}

/// The text with its spans replaced; of two that overlap the first counts, and reaches as far as the farther one.
fn apply(text: &str, mut spans: Vec<Span>) -> Redacted {
    spans.sort_by_key(|s| (s.range.start, std::cmp::Reverse(s.range.end)));
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                last.range.end = last.range.end.max(span.range.end);
            }
            _ => apart.push(span),
        }
    }
    let mut kept = String::with_capacity(text.len());
    let mut hidden = Vec::with_capacity(apart.len());
    let mut at = 0;
    for span in apart {
        kept.push_str(text.get(at..span.range.start).unwrap_or_default());
        kept.push_str(&span.shown);
        hidden.push(Hidden {
            offset: number(span.range.start),
            bytes: number(span.range.len()),
            shown: number(span.shown.len()),
        });
        at = span.range.end;
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    Redacted { text: kept, hidden }
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

//! Finds device-mapper targets in a line: `[name:] start length type params`, as printed by `dmsetup status` and
//! `table`.
//!
//! Distinguishes a status from a table by the form of the params, without parsing the numbers.

use super::shapes::{is_device_number, is_number, words};
use crate::record::Query;

/// Target types of the kernel and of known out-of-tree modules.
const TYPES: &[&str] = &[
    "thin-pool",
    "thin",
    "linear",
    "striped",
    "error",
    "zero",
    "snapshot",
    "snapshot-origin",
    "snapshot-merge",
    "mirror",
    "raid",
    "crypt",
    "cache",
    "writecache",
    "multipath",
    "delay",
    "flakey",
    "era",
    "integrity",
    "verity",
    "vdo",
    "clone",
    "dust",
    "log-writes",
    "switch",
    "unstriped",
    "zoned",
    "ebs",
    "raid45",
];

/// Words before a target in people's notes that are not names.
const NO_NAMES: &[&str] =
    &["status", "table", "before", "after", "output", "result", "now", "then", "live", "inactive"];

/// A target found in a line.
pub(super) struct Target<'a> {
    /// The device's name; empty if the line has none.
    pub(super) name: &'a str,
    /// `start length type params`.
    pub(super) text: &'a str,
    start: &'a str,
    kind: &'a str,
}

/// The targets in a line, and whether the line has other words as well.
pub(super) fn targets(line: &str) -> (Vec<Target<'_>>, bool) {
    if !has_two_numbers(line) {
        return (Vec::new(), false);
    }
    let all: Vec<(usize, &str)> = words(line).collect();
    let is_target_start = |three: &[(usize, &str)]| match three {
        [(_, start), (_, length), (_, kind)] => {
            is_number(unopened(start))
                && is_number(length)
                && TYPES.contains(&kind.trim_end_matches(['\'', '"']))
        }
        _ => false,
    };
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    let mut sentence = false;
    for (index, three) in all.windows(3).enumerate().filter(|(_, three)| is_target_start(three)) {
        let Some((at, start)) = three.first() else { continue };
        let at = at + (start.len() - unopened(start).len());
        let named = match index.checked_sub(1).and_then(|i| all.get(i)) {
            Some((word_at, word)) if word.ends_with(':') => (*word_at, word_at + word.len() - 1),
            _ => (at, at),
        };
        let named = if found.is_empty() { first_name(line, named, &mut sentence) } else { named };
        found.push((named.0, named.1, at));
    }
    let ends = found.iter().skip(1).map(|(name, ..)| *name).chain([line.len()]);
    let targets = found.iter().zip(ends).filter_map(|((from, to, at), end)| {
        let text = line.get(*at..end)?;
        let text =
            text.split(['"', '\'', '`']).next().unwrap_or_default().trim().trim_end_matches(['\\', ',']);
        let mut three = text.split_whitespace();
        let (start, kind) = (three.next()?, three.nth(1)?);
        let name = line.get(*from..*to)?;
        let name = if NO_NAMES.contains(&name.to_ascii_lowercase().as_str()) { "" } else { name };
        Some(Target { name, text, start, kind })
    });
    (targets.collect(), sentence)
}

/// Whether the line has two numbers with only blanks between; every target has. A fast check, done first.
fn has_two_numbers(line: &str) -> bool {
    let (mut digit, mut blank) = (false, false);
    line.bytes().any(|byte| {
        let number = byte.is_ascii_digit();
        let found = number && blank;
        blank = (digit || blank) && byte.is_ascii_whitespace();
        digit = number;
        found
    })
}

fn unopened(word: &str) -> &str {
    word.trim_start_matches(['\'', '"', '(', '`'])
}

/// The position of the first target's name. A name may contain blanks, but several words are a name only if all are
/// letters, because otherwise they are a log's prefix or a sentence; then `sentence` is set.
fn first_name(line: &str, word: (usize, usize), sentence: &mut bool) -> (usize, usize) {
    let before = line.get(..word.0).unwrap_or_default();
    let indent = before.len() - before.trim_start().len();
    let (said, last) = (before.trim(), line.get(word.0..word.1).unwrap_or_default());
    if said.is_empty() || said == "-" || said == "*" {
        return word;
    }
    let plain = |text: &str| text.chars().all(|c| c.is_alphabetic() || c.is_whitespace());
    if !last.is_empty() && plain(said) && plain(last) && said.split_whitespace().count() <= 3 {
        return (indent, word.1);
    }
    *sentence = true;
    word
}

impl Target<'_> {
    /// Whether it is a status or a table. `run` is the answer of its neighbours or of the command line, for targets
    /// without params.
    pub(super) fn ask(&self, run: Option<Query>) -> Query {
        let mut params = self.text.split_whitespace().skip(3);
        let first = params.next();
        let is_device = |word: &str| is_device_number(word) || word.starts_with('/');
        let (table, status) = (Query::DmTable, Query::DmStatus);
        let Some(first) = first else { return run.unwrap_or(status) };
        match self.kind {
            "mirror" | "striped" => {
                let second_is_device = params.next().is_some_and(is_device);
                if is_number(first) && (self.kind == "mirror" || second_is_device) { status } else { table }
            }
            _ if is_device(first) || params.any(is_device) => table,
            _ => status,
        }
    }

    /// Whether it is the first target of its device.
    pub(super) fn is_first(&self) -> bool {
        self.start == "0"
    }

    /// Whether it begins at the sector where the last target of the text ends.
    pub(super) fn continues(&self, said: &str) -> bool {
        let mut last = said.lines().last().unwrap_or_default().split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(start)), Some(Ok(length))) = (last.next(), last.next()) else { return false };
        self.start.parse() == Ok(start.saturating_add(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> (String, String, Query, bool) {
        let (targets, sentence) = targets(line);
        assert_eq!(targets.len(), 1, "{line}");
        let target = &targets[0];
        (target.name.to_owned(), target.text.to_owned(), target.ask(None), sentence)
    }

    #[test]
    fn status_and_table_are_distinguished() {
        let (name, text, query, sentence) =
            one("docker-8:1-2-pool: 0 4 thin-pool 1 2/3 4/5 - rw discard_passdown ");
        assert_eq!(name, "docker-8:1-2-pool");
        assert_eq!(text, "0 4 thin-pool 1 2/3 4/5 - rw discard_passdown");
        assert_eq!((query, sentence), (Query::DmStatus, false));
        assert_eq!(one("0 4 thin-pool 7:1 7:0 128 32768 0").2, Query::DmTable);
        assert_eq!(one("a: 0 4 thin-pool /dev/loop1 /dev/loop0 128 32768 0").2, Query::DmTable);
        assert_eq!(one("a: 0 4 thin 253:0 4").2, Query::DmTable);
        assert_eq!(one("a: 0 4 thin -").2, Query::DmStatus);
        assert_eq!(one("live-rw: 0 10485760 snapshot Invalid").2, Query::DmStatus);
        assert_eq!(one("a: 0 4 raid raid1 2 AA 4/4 idle 0 0 -").2, Query::DmStatus);
        assert_eq!(one("a: 0 4 striped 2 253:0 253:1 1 AA").2, Query::DmStatus);
        assert_eq!(one("a: 0 4 striped 2 128 253:0 0 253:1 0").2, Query::DmTable);
    }

    #[test]
    fn names_are_not_taken_from_sentences() {
        assert_eq!(one("my thin pool: 0 4 thin-pool Fail").0, "my thin pool");
        let in_log = one("Dec 04 17:23:53 pve dmsetup[3]: pve-data-tpool: 0 4 thin-pool Fail");
        assert_eq!((in_log.0.as_str(), in_log.3), ("pve-data-tpool", true));
        let said =
            one(r#"msg="mkfs failed, pool status 0 4 thin-pool 0 1/2 3/4 - rw discard_passdown\" ok""#);
        assert_eq!(said.1, "0 4 thin-pool 0 1/2 3/4 - rw discard_passdown");
        assert_eq!((said.0.as_str(), said.3), ("", true));
        assert_eq!(one("status: 0 4 thin-pool Fail").0, "");
    }

    #[test]
    fn several_targets_in_one_line_are_split() {
        let line = "a: 0 4 thin-pool 1 2/3 4/5 - rw x - 1024 b: 0 8 thin 4 7 0 9 linear 7:0 1";
        let (found, _) = targets(line);
        let texts: Vec<_> = found.iter().map(|t| (t.name, t.text)).collect();
        assert_eq!(
            texts,
            [("a", "0 4 thin-pool 1 2/3 4/5 - rw x - 1024"), ("b", "0 8 thin 4 7"), ("", "0 9 linear 7:0 1")]
        );
    }
}

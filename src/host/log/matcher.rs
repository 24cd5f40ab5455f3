//! Finds the known messages in a line, all at once.
//!
//! A pattern consists of pieces that occur in this order; quotes, backslashes, case and repeated blanks are ignored.
//! One automaton finds the first pieces of all patterns, so the number of patterns costs nothing; another skips lines
//! that contain none of the patterns' words.

use super::Message;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use std::sync::OnceLock;

/// The stable pieces of a message, and its meaning.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The meaning.
    pub(super) message: Message,
    /// The pieces, in order; the first has at least four bytes.
    pub(super) pieces: &'static [&'static str],
    /// At least one of these must occur anywhere in the line; empty for no condition.
    pub(super) near: &'static [&'static str],
    /// None of these may occur in the line.
    pub(super) without: &'static [&'static str],
}

/// An entry of a table.
pub(super) const fn says(message: Message, pieces: &'static [&'static str]) -> Pattern {
    Pattern { message, pieces, near: &[], without: &[] }
}

impl Pattern {
    /// Requires one of these words in the line: they identify the speaker or the subject.
    pub(super) const fn near(self, near: &'static [&'static str]) -> Self {
        Self { near, ..self }
    }

    /// Excludes lines with one of these words: there the same message comes from another program or means something
    /// else.
    pub(super) const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }
}

/// All patterns.
fn tables<'a>() -> impl Iterator<Item = &'a Pattern> {
    super::TABLES.iter().copied().flatten()
}

/// Normalizes a line for matching: lower case, no quotes or backslashes, single blanks.
pub(super) fn normalize(line: &str) -> String {
    if line.is_ascii() { normalize_ascii(line) } else { normalize_unicode(line) }
}

fn normalize_ascii(line: &str) -> String {
    let mut normal = Vec::with_capacity(line.len());
    let mut blank = false;
    for byte in line.bytes() {
        match byte {
            b' ' | b'\t'..=b'\r' => blank = !normal.is_empty(),
            b'"' | b'\'' | b'`' | b'\\' => {}
            _ => {
                if blank {
                    normal.push(b' ');
                    blank = false;
                }
                normal.push(byte.to_ascii_lowercase());
            }
        }
    }
    String::from_utf8(normal).unwrap_or_default()
}

fn normalize_unicode(line: &str) -> String {
    let mut normal = String::with_capacity(line.len());
    let mut blank = false;
    for c in line.chars() {
        if c.is_whitespace() {
            blank = !normal.is_empty();
            continue;
        }
        if matches!(c, '"' | '\'' | '`' | '\\' | '‘' | '’' | '“' | '”') {
            continue;
        }
        if blank {
            normal.push(' ');
            blank = false;
        }
        if c.is_ascii() {
            normal.push(c.to_ascii_lowercase());
        } else {
            normal.extend(c.to_lowercase());
        }
    }
    normal
}

struct Entry {
    message: Message,
    /// The pieces after the first one.
    others: Vec<String>,
    /// Index of its `near` words in [`Index::contexts`]; `None` without a condition.
    near: Option<usize>,
    without: Vec<String>,
}

struct Index {
    entries: Vec<Entry>,
    /// Automata for the distinct lists of `near` words; many patterns share one.
    contexts: Vec<AhoCorasick>,
    /// The distinct first pieces.
    first: AhoCorasick,
    /// For each first piece, the entries that start with it.
    by_first: Vec<Vec<usize>>,
    /// Words of which every matching line contains at least one.
    prefilter: AhoCorasick,
}

/// Builds an automaton. It cannot fail for the constant tables, which the tests verify.
fn automaton(words: &[String], insensitive: bool) -> Option<AhoCorasick> {
    let mut builder = AhoCorasickBuilder::new();
    builder.ascii_case_insensitive(insensitive).kind(Some(AhoCorasickKind::ContiguousNFA));
    builder.build(words).ok()
}

fn index() -> Option<&'static Index> {
    static INDEX: OnceLock<Option<Index>> = OnceLock::new();
    INDEX.get_or_init(build).as_ref()
}

fn build() -> Option<Index> {
    let no_space =
        super::enospc::NO_SPACE.iter().map(|w| says(Message::NoSpaceLeft, std::slice::from_ref(w)));
    let writes =
        super::enospc::WRITE_WORDS.iter().map(|w| says(Message::WantedToWrite, std::slice::from_ref(w)));
    let refused = super::min_free_refusal::PIECES.iter().map(|pieces| says(Message::MinFreeRefused, pieces));
    let extra: Vec<Pattern> = no_space.chain(writes).chain(refused).collect();
    let all = |words: &[&str]| words.iter().map(|w| normalize(w)).collect::<Vec<String>>();
    let (mut firsts, mut by_first) = (Vec::<String>::new(), Vec::<Vec<usize>>::new());
    let (mut entries, mut marks) = (Vec::new(), Vec::new());
    let (mut contexts, mut lists) = (Vec::new(), Vec::<&[&str]>::new());
    for pattern in tables().chain(&extra) {
        let mut pieces = all(pattern.pieces).into_iter();
        let first = pieces.next()?;
        let others: Vec<String> = pieces.collect();
        let longest = |text: &str| text.split(' ').max_by_key(|word| word.len()).map(str::to_owned);
        if pattern.message.is_generic() {
            // Failures are common in logs; the relevant ones contain a storage word.
            marks.extend(pattern.near.iter().filter_map(|near| longest(&normalize(near))));
        } else {
            let pieces = std::iter::once(&first).chain(&others).filter_map(|piece| longest(piece));
            marks.extend(pieces.max_by_key(String::len));
        }
        let place = firsts.iter().position(|f| *f == first).unwrap_or_else(|| {
            firsts.push(first);
            by_first.push(Vec::new());
            firsts.len() - 1
        });
        by_first.get_mut(place)?.push(entries.len());
        let near = match lists.iter().position(|list| *list == pattern.near) {
            _ if pattern.near.is_empty() => None,
            Some(place) => Some(place),
            None => {
                lists.push(pattern.near);
                contexts.push(automaton(&all(pattern.near), false)?);
                Some(contexts.len() - 1)
            }
        };
        entries.push(Entry { message: pattern.message, others, near, without: all(pattern.without) });
    }
    marks.sort_unstable();
    marks.dedup();
    Some(Index {
        contexts,
        entries,
        by_first,
        first: automaton(&firsts, false)?,
        prefilter: automaton(&marks, true)?,
    })
}

/// Whether a line may match a pattern: it contains the longest word of one. False is certain.
pub(super) fn may_match(line: &str) -> bool {
    // Outside ASCII, upper and lower case differ in more than one bit.
    !line.is_ascii() || index().is_some_and(|index| index.prefilter.is_match(line))
}

/// The messages in a [`normalize`]d line, each once, in order of occurrence.
pub(super) fn matches(normal: &str) -> Vec<Message> {
    let Some(index) = index() else { return Vec::new() };
    let mut found = Vec::new();
    // If the later pieces do not follow the first occurrence of the first piece, they do not follow a later one
    // either.
    let mut failed: Vec<usize> = Vec::new();
    let mut checked = vec![None; index.contexts.len()];
    for hit in index.first.find_overlapping_iter(normal) {
        let places = index.by_first.get(hit.pattern().as_usize());
        for place in places.into_iter().flatten() {
            let Some(entry) = index.entries.get(*place).filter(|_| !failed.contains(place)) else { continue };
            if found.contains(&entry.message) {
                continue;
            }
            let rest = normal.get(hit.end()..).unwrap_or_default();
            if follow(rest, &entry.others) && index.fits(normal, entry, &mut checked) {
                found.push(entry.message);
            } else {
                failed.push(*place);
            }
        }
    }
    found
}

impl Index {
    /// Whether the rest of the line matches the entry; `checked` caches which contexts the line has.
    fn fits(&self, normal: &str, entry: &Entry, checked: &mut [Option<bool>]) -> bool {
        let near = entry.near.is_none_or(|place| {
            let looked = || self.contexts.get(place).is_some_and(|context| context.is_match(normal));
            checked.get_mut(place).is_some_and(|known| *known.get_or_insert_with(looked))
        });
        near && !entry.without.iter().any(|word| normal.contains(word.as_str()))
    }
}

/// Whether a text contains the pieces, in order.
fn follow(text: &str, pieces: &[String]) -> bool {
    let mut rest = text;
    pieces.iter().all(|piece| match rest.split_once(piece.as_str()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// `Message<tab>line`: one printed line for each meaning.
    const EXAMPLES: &str = include_str!("../../../tests/texts/log-messages.txt");

    fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
        EXAMPLES.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split_once('\t').unwrap())
    }

    fn read(line: &str) -> Vec<String> {
        matches(&normalize(line)).iter().map(|m| format!("{m:?}")).collect()
    }

    #[test]
    fn every_example_is_recognised() {
        let mut wrong = Vec::new();
        for (name, line) in examples() {
            let worse =
                format!("> **Nov  3 04:05:06 host x[1]:**   {}", line.to_uppercase().replace(' ', "  "));
            for line in [line, worse.as_str()] {
                if !read(line).iter().any(|m| m == name) || !may_match(line) {
                    wrong.push(format!("{name}: {line} gives {:?}", read(line)));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_meaning_has_an_example() {
        let shown: BTreeSet<String> = examples().map(|(name, _)| name.to_owned()).collect();
        let meant: BTreeSet<String> = tables().map(|p| format!("{:?}", p.message)).collect();
        let missing: Vec<&String> = meant.difference(&shown).collect();
        assert!(missing.is_empty(), "no example of {missing:?}");
    }

    #[test]
    fn every_first_piece_is_long_enough() {
        for pattern in tables() {
            assert!(
                normalize(pattern.pieces[0]).len() >= 4,
                "{:?} is too short to begin with",
                pattern.pieces
            );
        }
    }

    #[test]
    fn ordinary_lines_say_nothing() {
        for line in [
            "",
            "thi",
            "Starting up",
            "level=info msg=\"loading plugin io.containerd.content.v1.content\"",
            "the pool has plenty of free space",
        ] {
            assert!(read(line).is_empty(), "{line}: {:?}", read(line));
        }
        assert!(!may_match("Starting up") && !may_match(""));
    }

    #[test]
    fn beginnings_without_an_end_cost_little() {
        // Without the first-occurrence shortcut, each of these would search the rest of the line.
        let line = normalize(&"Error mounting ".repeat(100_000));
        assert_eq!(matches(&line), Vec::new());
    }
}

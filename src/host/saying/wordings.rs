//! Finds the known wordings in a line, all at once.
//!
//! A wording is a few pieces that must stand in the line in this order; quotes, backslashes, case and the number of
//! blanks do not matter. Every four bytes of a line are looked up once among the beginnings of all wordings, so the
//! length of the tables costs nothing.

use std::sync::OnceLock;

/// A wording and its name.
#[derive(Debug)]
pub(super) struct Wording {
    /// What rules call it.
    pub(super) name: &'static str,
    /// The pieces, in order; the first has at least four bytes.
    pub(super) pieces: &'static [&'static str],
}

/// What [`names`] calls a line that says `no space left on device` in some language.
pub(super) const NO_SPACE: &str = "no-space-left";

/// A table's entry.
pub(super) const fn wording(name: &'static str, pieces: &'static [&'static str]) -> Wording {
    Wording { name, pieces }
}

/// All tables.
fn all() -> impl Iterator<Item = &'static Wording> {
    [super::docker::WORDINGS, super::kernel::WORDINGS, super::lvm::WORDINGS, super::others::WORDINGS]
        .into_iter()
        .flatten()
}

/// A line as it is compared: lower case, no quotes or backslashes, single blanks.
pub(super) fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut blank = false;
    for c in line.chars() {
        if c.is_whitespace() {
            blank = !plain.is_empty();
            continue;
        }
        if matches!(c, '"' | '\'' | '`' | '\\' | '‘' | '’' | '“' | '”') {
            continue;
        }
        if blank {
            plain.push(' ');
            blank = false;
        }
        if c.is_ascii() {
            plain.push(c.to_ascii_lowercase());
        } else {
            plain.extend(c.to_lowercase());
        }
    }
    plain
}

/// The first four bytes of a text.
fn gram(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>().map(|four| u32::from_le_bytes(*four))
}

/// Where in a field of bits a gram's bit is: word and mask.
const fn bit(gram: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

struct Entry {
    gram: u32,
    pieces: Vec<String>,
    name: &'static str,
}

struct Index {
    /// Sorted by gram.
    entries: Vec<Entry>,
    /// One bit for each hash of a gram that some wording begins with.
    begins: Vec<u64>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let no_space = super::space::NO_SPACE.iter().map(|words| (NO_SPACE, std::slice::from_ref(words)));
        let tables = all().map(|wording| (wording.name, wording.pieces));
        let mut entries: Vec<Entry> = tables
            .chain(no_space)
            .filter_map(|(name, pieces)| {
                let pieces: Vec<String> = pieces.iter().map(|p| plain(p)).collect();
                Some(Entry { gram: gram(pieces.first()?.as_bytes())?, pieces, name })
            })
            .collect();
        entries.sort_by_key(|e| e.gram);
        let mut begins = vec![0_u64; 1 << 10];
        for entry in &entries {
            let (word, mask) = bit(entry.gram);
            if let Some(bits) = begins.get_mut(word) {
                *bits |= mask;
            }
        }
        Index { entries, begins }
    })
}

/// The names of the wordings in a line that was made [`plain`], each once, in the order they stand.
pub(super) fn names(plain: &str) -> Vec<&'static str> {
    let index = index();
    let mut names = Vec::new();
    for (at, four) in plain.as_bytes().windows(4).enumerate() {
        let Some(gram) = gram(four) else { continue };
        let (word, mask) = bit(gram);
        if index.begins.get(word).is_none_or(|bits| bits & mask == 0) {
            continue;
        }
        let first = index.entries.partition_point(|e| e.gram < gram);
        for entry in index.entries.iter().skip(first).take_while(|e| e.gram == gram) {
            if !names.contains(&entry.name) && plain.get(at..).is_some_and(|rest| begins(rest, &entry.pieces))
            {
                names.push(entry.name);
            }
        }
    }
    names
}

/// Whether a text begins with the first piece and has the others after it, in order.
fn begins(text: &str, pieces: &[String]) -> bool {
    let Some((first, others)) = pieces.split_first() else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    others.iter().all(|piece| match rest.split_once(piece.as_str()) {
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

    /// `name<tab>line`: a line as some program printed it, for each wording.
    const EXAMPLES: &str = include_str!("../../../tests/texts/sayings.txt");

    fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
        EXAMPLES.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split_once('\t').unwrap())
    }

    #[test]
    fn every_example_is_recognised_by_its_name() {
        for (name, line) in examples() {
            assert!(names(&plain(line)).contains(&name), "{name}: {line} gives {:?}", names(&plain(line)));
            let worse =
                format!("> **Nov  3 04:05:06 host x[1]:**   {}", line.to_uppercase().replace(' ', "  "));
            assert!(names(&plain(&worse)).contains(&name), "{name}: {worse}");
        }
    }

    #[test]
    fn every_name_has_an_example_and_every_wording_is_found_in_one() {
        let shown: BTreeSet<&str> = examples().map(|(name, _)| name).collect();
        for wording in all() {
            assert!(shown.contains(wording.name), "{} has no example", wording.name);
            let pieces: Vec<String> = wording.pieces.iter().map(|p| plain(p)).collect();
            assert!(pieces[0].len() >= 4, "{:?} is too short to begin with", wording.pieces);
            let found = examples().filter(|(name, _)| *name == wording.name).any(|(_, line)| {
                let line = plain(line);
                (0..line.len()).any(|at| line.get(at..).is_some_and(|rest| begins(rest, &pieces)))
            });
            assert!(found, "no example has {:?} of {}", wording.pieces, wording.name);
        }
    }

    #[test]
    fn names_are_kebab_case() {
        for wording in all() {
            assert!(wording.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit()));
        }
    }

    #[test]
    fn ordinary_lines_say_nothing() {
        for line in [
            "",
            "thi",
            "Starting up",
            "level=info msg=\"loading plugin io.containerd.content.v1.content\"",
            "EXT4-fs (dm-1): mounted filesystem with ordered data mode. Quota mode: none.",
            "the pool has plenty of free space",
        ] {
            assert!(names(&plain(line)).is_empty(), "{line}: {:?}", names(&plain(line)));
        }
    }
}

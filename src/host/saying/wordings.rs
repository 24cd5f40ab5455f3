//! Finds the known wordings in a line, all at once.
//!
//! A wording is a few pieces that must stand in the line in this order; quotes, backslashes, case and the number of
//! blanks do not matter. Every four bytes of a line are looked up once among the beginnings of all wordings, so the
//! length of the tables costs nothing; lines without any of the words that wordings are made of are passed over first.

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
/// What it calls a line that may be Docker's refusal for want of free blocks.
pub(super) const REFUSED: &str = "refused";
/// What it calls a line with a word for writing.
pub(super) const WRITES: &str = "writes";

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
    if line.is_ascii() { plain_ascii(line) } else { plain_unicode(line) }
}

fn plain_ascii(line: &str) -> String {
    let mut plain = Vec::with_capacity(line.len());
    let mut blank = false;
    for byte in line.bytes() {
        match byte {
            b' ' | b'\t'..=b'\r' => blank = !plain.is_empty(),
            b'"' | b'\'' | b'`' | b'\\' => {}
            _ => {
                if blank {
                    plain.push(b' ');
                    blank = false;
                }
                plain.push(byte.to_ascii_lowercase());
            }
        }
    }
    String::from_utf8(plain).unwrap_or_default()
}

fn plain_unicode(line: &str) -> String {
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
#[inline]
const fn bit(gram: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

struct Entry {
    pieces: Vec<String>,
    name: &'static str,
}

/// Things sorted by their gram, and one bit for each hash of a gram that there is.
struct Grams<T> {
    sorted: Vec<(u32, T)>,
    bits: Vec<u64>,
}

impl<T> Grams<T> {
    fn new(mut sorted: Vec<(u32, T)>) -> Self {
        sorted.sort_by_key(|(gram, _)| *gram);
        let mut bits = vec![0_u64; 1 << 10];
        for (gram, _) in &sorted {
            let (word, mask) = bit(*gram);
            if let Some(bits) = bits.get_mut(word) {
                *bits |= mask;
            }
        }
        Self { sorted, bits }
    }

    /// Whether something may have this gram.
    #[inline]
    fn may_have(&self, gram: u32) -> bool {
        let (word, mask) = bit(gram);
        self.bits.get(word).is_some_and(|bits| bits & mask != 0)
    }

    /// What has this gram, with its place among all.
    fn of(&self, gram: u32) -> impl Iterator<Item = (usize, &T)> {
        let first = self.sorted.partition_point(|(g, _)| *g < gram);
        let there = self.sorted.iter().enumerate().skip(first).take_while(move |(_, (g, _))| *g == gram);
        there.map(|(at, (_, thing))| (at, thing))
    }
}

struct Index {
    /// Wordings by the beginning of their first piece.
    wordings: Grams<Entry>,
    /// Words without which a line says nothing, by their beginning.
    marks: Grams<Vec<u8>>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let tables = all().map(|wording| (wording.name, wording.pieces));
        let no_space = super::space::NO_SPACE.iter().map(|words| (NO_SPACE, std::slice::from_ref(words)));
        let writes = super::space::WRITES.iter().map(|word| (WRITES, std::slice::from_ref(word)));
        let refused = super::refusal::PIECES.iter().map(|pieces| (REFUSED, *pieces));
        let mut wordings = Vec::new();
        let mut marks = Vec::new();
        for (name, pieces) in tables.chain(no_space).chain(writes).chain(refused) {
            let pieces: Vec<String> = pieces.iter().map(|p| plain(p)).collect();
            let longest = pieces.iter().flat_map(|p| p.split(' ')).max_by_key(|word| word.len());
            marks.extend(longest.map(|word| word.bytes().map(folded).collect::<Vec<u8>>()));
            wordings.extend(
                pieces.first().and_then(|p| gram(p.as_bytes())).map(|gram| (gram, Entry { pieces, name })),
            );
        }
        marks.sort_unstable();
        marks.dedup();
        let marks = marks.into_iter().filter_map(|word| Some((gram(&word)?, word))).collect();
        Index { wordings: Grams::new(wordings), marks: Grams::new(marks) }
    })
}

/// A byte for a quick comparison: letters in lower case, some other bytes changed in whatever way.
const fn folded(byte: u8) -> u8 {
    byte | 0x20
}

/// Whether a line may say something that is known: it holds the longest word of some wording. No is certain.
pub(super) fn may_speak(line: &str) -> bool {
    let bytes = line.as_bytes();
    // Letters that are no ASCII change more than a bit between the cases.
    if !line.is_ascii() {
        return true;
    }
    let marks = &index().marks;
    let mut gram = 0_u32;
    for (at, byte) in bytes.iter().enumerate() {
        gram = gram >> 8 | u32::from(folded(*byte)) << 24;
        if marks.may_have(gram) {
            let rest = at.checked_sub(3).and_then(|from| bytes.get(from..)).unwrap_or_default();
            let begins = |word: &[u8]| {
                rest.len() >= word.len() && rest.iter().zip(word).all(|(b, w)| folded(*b) == *w)
            };
            if marks.of(gram).any(|(_, word)| begins(word)) {
                return true;
            }
        }
    }
    false
}

/// The names of the wordings in a line that was made [`plain`], each once, in the order they stand.
pub(super) fn names(plain: &str) -> Vec<&'static str> {
    let wordings = &index().wordings;
    let mut names = Vec::new();
    // A wording whose later pieces do not follow its first one does not have them after a later first one either.
    let mut hopeless: Vec<usize> = Vec::new();
    for (at, four) in plain.as_bytes().windows(4).enumerate() {
        let Some(gram) = gram(four).filter(|gram| wordings.may_have(*gram)) else { continue };
        for (place, entry) in wordings.of(gram) {
            let Some(rest) = plain.get(at..).filter(|_| !hopeless.contains(&place)) else { continue };
            let Some((first, others)) = entry.pieces.split_first() else { continue };
            let Some(rest) = rest.strip_prefix(first.as_str()) else { continue };
            if !follow(rest, others) {
                hopeless.push(place);
            } else if !names.contains(&entry.name) {
                names.push(entry.name);
            }
        }
    }
    names
}

/// Whether a text has the pieces, in order.
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

    /// `name<tab>line`: a line as some program printed it, for each wording.
    const EXAMPLES: &str = include_str!("../../../tests/texts/log-messages.txt");

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
            assert!(may_speak(line) && may_speak(&worse), "{name}: {line} is passed over");
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
                (0..line.len()).any(|at| line.get(at..).is_some_and(|rest| follow(rest, &pieces)))
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
        assert!(!may_speak("Starting up") && !may_speak(""));
    }

    #[test]
    fn beginnings_without_an_end_cost_little() {
        // Each of them would search the rest of the line, were the first not enough to know.
        let line = plain(&"Error mounting ".repeat(100_000));
        assert_eq!(names(&line), Vec::<&str>::new());
    }

    #[test]
    fn every_wording_has_a_word_to_be_marked_by() {
        for wording in all() {
            let longest = wording.pieces.iter().flat_map(|p| p.split(' ')).map(|w| plain(w).len()).max();
            assert!(longest >= Some(4), "{:?}", wording.pieces);
        }
    }
}

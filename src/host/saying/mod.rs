//! What daemons, kernels and tools said in so many words: log and error lines, recognised by their wording.
//!
//! A line is recognised or it is not; nothing is concluded from it here. The named wordings are tables, one file for
//! each sort of speaker; a wording's name is what rules ask for ([`super::Host::known`]).

mod docker;
mod kernel;
mod lvm;
mod others;
mod refusal;
mod space;
mod wordings;

use super::model::units::Bytes;
use std::collections::{HashMap, VecDeque};

/// A recognised line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// What it says.
    pub kind: Kind,
    /// The line as it came.
    pub text: String,
    /// Seconds since boot, for lines of the kernel's log.
    pub uptime_secs: Option<u64>,
    /// How old it was when the machine was asked, in seconds, where both times are known.
    pub age_secs: Option<u64>,
}

/// Which half of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Its data.
    Data,
    /// Its metadata.
    Metadata,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Docker: `Thin Pool has N free data blocks which is less than minimum required M free data blocks`.
    MinFreeRefused {
        /// Data or metadata.
        half: Half,
        /// Blocks free, if the line still holds the number.
        free: Option<u64>,
        /// Blocks required, if the line still holds the number.
        required: Option<u64>,
    },
    /// `no space left on device` (or errno -28), with the path if the line names one.
    NoSpaceLeft {
        /// The path that could not be written.
        path: Option<String>,
    },
    /// A person or tool speaks of an amount that was to be written, e.g. a 12 GB download.
    WantedToWrite {
        /// The amount.
        bytes: Bytes,
    },
    /// Any other wording that some rule knows; `name` is that wording's entry in the table of this module.
    Known {
        /// E.g. `uuid-verification-failed`.
        name: &'static str,
    },
}

impl Saying {
    fn new(kind: Option<Kind>, line: &str) -> Self {
        let kind = kind.unwrap_or_else(|| space::no_space_left(line));
        Self { kind, text: line.trim().to_owned(), uptime_secs: uptime(line), age_secs: None }
    }

    /// The number that follows some words of the line, such as 113 after `transaction_id is`; case does not matter.
    #[must_use]
    pub fn number_after(&self, words: &str) -> Option<u64> {
        let (text, words) = (wordings::plain(&self.text), wordings::plain(words));
        let (_, rest) = text.split_once(words.trim())?;
        let rest = rest.trim_start_matches([' ', ':', '=', '(', '[']);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    }
}

/// What a line says: nothing that is known, one thing, or several.
#[must_use]
pub fn read(line: &str) -> Vec<Saying> {
    let kinds = if wordings::may_speak(line) { kinds(line) } else { Vec::new() };
    kinds.into_iter().map(|kind| Saying::new(kind, line)).collect()
}

/// What the lines of all texts say. A log repeats itself: of one kind, the first and the last are kept.
#[must_use]
pub fn gather<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Saying> {
    let mut heard: HashMap<&'static str, Heard<'a>> = HashMap::new();
    let mut order = 0;
    for line in texts.flat_map(str::lines).flat_map(pieces).filter(|line| wordings::may_speak(line)) {
        for kind in kinds(line) {
            order += 1;
            heard.entry(name(kind.as_ref())).or_default().add((order, line, kind));
        }
    }
    let mut kept: Vec<_> = heard.into_values().flat_map(|h| h.first.into_iter().chain(h.last)).collect();
    kept.sort_unstable_by_key(|(order, ..)| *order);
    kept.into_iter().map(|(_, line, kind)| Saying::new(kind, line)).collect()
}

/// Sayings of one kind that are kept from the beginning, and as many from the end.
const KEPT: usize = 200;

/// A line that says something, with its place in the order of all. Without a kind it speaks of no space left: of which
/// path is looked up only where it is kept.
type Line<'a> = (u64, &'a str, Option<Kind>);

/// What was heard of one kind.
#[derive(Default)]
struct Heard<'a> {
    first: Vec<Line<'a>>,
    last: VecDeque<Line<'a>>,
}

impl<'a> Heard<'a> {
    fn add(&mut self, one: Line<'a>) {
        if self.first.len() < KEPT {
            return self.first.push(one);
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(one);
    }
}

/// Longest line that is read at once, in bytes; a longer one is read as several.
const LONGEST: usize = 16 << 10;

/// A line in pieces of bearable length, cut at blanks where there are any.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = (0..=LONGEST.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at))?;
        let blank = if end == rest.len() { None } else { rest.get(..end)?.rfind(' ').filter(|at| *at > 0) };
        let (piece, after) = rest.split_at_checked(blank.unwrap_or(end))?;
        rest = after;
        Some(piece)
    })
}

/// The kinds of what a line says; `None` for a want of space, whose path is not looked up yet.
fn kinds(line: &str) -> Vec<Option<Kind>> {
    let plain = wordings::plain(line);
    let names = wordings::names(&plain);
    let has = |name| names.contains(&name);
    let refused = if has(wordings::REFUSED) { refusal::read(&plain) } else { None };
    let wanted = if has(wordings::WRITES) { space::wanted_to_write(&plain) } else { None };
    let no_space = has(wordings::NO_SPACE) && space::is_of_a_device(&plain);
    let others = [wordings::REFUSED, wordings::WRITES, wordings::NO_SPACE];
    let known = names.iter().filter(|name| !others.contains(name)).map(|name| Kind::Known { name });
    let before = refused.map(Some).into_iter().chain(no_space.then_some(None)).chain(wanted.map(Some));
    before.chain(known.map(Some)).collect()
}

/// A name that sayings of one kind share.
const fn name(kind: Option<&Kind>) -> &'static str {
    match kind {
        Some(Kind::MinFreeRefused { half: Half::Data, .. }) => wordings::REFUSED,
        Some(Kind::MinFreeRefused { half: Half::Metadata, .. }) => "refused-metadata",
        Some(Kind::WantedToWrite { .. }) => wordings::WRITES,
        Some(Kind::Known { name }) => name,
        Some(Kind::NoSpaceLeft { .. }) | None => wordings::NO_SPACE,
    }
}

/// The seconds since boot of a kernel's line: `[88440.204121] …`.
fn uptime(line: &str) -> Option<u64> {
    line.split('[').skip(1).find_map(|part| {
        let (seconds, rest) = part.trim_start().split_once('.')?;
        let (fraction, _) = rest.split_once(']')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits(seconds) && digits(fraction) { seconds.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_within_reach() {
        let said = read("  Thin pool transaction_id is 113, while expected 0.");
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].kind, Kind::Known { name: "transaction-id-mismatch" });
        assert_eq!(said[0].number_after("transaction_id is"), Some(113));
        assert_eq!(said[0].number_after("while expected"), Some(0));
        assert_eq!(said[0].number_after("nothing"), None);
    }

    #[test]
    fn a_log_that_repeats_itself_is_heard_at_both_ends() {
        let log: String = (0..5000).map(|n| format!("[{n}.000001] Buffer I/O error on dev dm-1\n")).collect();
        let text = format!("{log}[9.5] switching pool to write mode\n{log}");
        let said = gather([text.as_str()].into_iter());
        assert_eq!(said.len(), 2 * KEPT + 1);
        let times = [said[0].uptime_secs, said[KEPT].uptime_secs, said[2 * KEPT].uptime_secs];
        assert_eq!(times, [Some(0), Some(9), Some(4999)], "in the order they came");
    }

    #[test]
    fn an_endless_line_is_read_in_pieces() {
        let line = format!(
            "{} device-mapper: thin: 253:4: switching pool to fail {}",
            "x ".repeat(20_000),
            "é".repeat(30_000)
        );
        assert_eq!(pieces(&line).collect::<String>(), line);
        assert!(pieces(&line).all(|p| p.len() <= LONGEST));
        let said = gather([line.as_str()].into_iter());
        assert!(said.iter().any(|s| s.kind == Kind::Known { name: "pool-to-fail" }));
        assert!(said.iter().all(|s| s.text.len() <= LONGEST));
    }

    #[test]
    fn uptime_is_the_kernels_only() {
        let hung =
            &read("[88440.204121] INFO: task xfsaild/dm-14:12382 blocked for more than 120 seconds.")[0];
        assert_eq!(hung.uptime_secs, Some(88440));
        let info = &read("INFO[0718] write /a: no space left on device")[0];
        assert_eq!(info.uptime_secs, None);
    }
}

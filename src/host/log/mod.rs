//! Log and error lines of daemons, the kernel and tools, recognized by the fixed parts of their messages.
//!
//! Draws no conclusions. The patterns are tables, one file for each origin; rules and the diagnosis query their
//! meanings ([`Message`]).

mod containerd;
mod dmeventd;
mod docker;
mod enospc;
mod kernel_block;
mod kernel_fs;
mod kernel_thin;
mod kubernetes;
mod lvm;
mod matcher;
mod message;
mod min_free_refusal;
mod names;
mod systemd_udev;
mod thin_tools;
mod tools;
mod wrapped;

pub use message::Message;
pub use names::PoolName;

/// All pattern tables.
static TABLES: [&[matcher::Pattern]; 11] = [
    containerd::PATTERNS,
    dmeventd::PATTERNS,
    docker::PATTERNS,
    kernel_block::PATTERNS,
    kernel_fs::PATTERNS,
    kernel_thin::PATTERNS,
    kubernetes::PATTERNS,
    lvm::PATTERNS,
    systemd_udev::PATTERNS,
    thin_tools::PATTERNS,
    tools::PATTERNS,
];

use super::model::units::Bytes;
use crate::host::model::pool::PoolHalf;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

/// A recognized line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMessage {
    /// What it means.
    pub kind: Kind,
    /// The line, verbatim.
    pub text: String,
    /// Seconds since boot, for kernel log lines.
    pub uptime_secs: Option<u64>,
    /// Age in seconds at the time of recording, if both times are known.
    pub age_secs: Option<u64>,
}

/// The meaning of a line, with its details.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Docker: `Thin Pool has N free data blocks which is less than minimum required M free data blocks`.
    MinFreeRefused {
        /// Data or metadata.
        half: PoolHalf,
        /// Free blocks, if the line still has the number.
        free: Option<u64>,
        /// Required blocks, if the line still has the number.
        required: Option<u64>,
    },
    /// `no space left on device` (or errno -28), with the path if the line names one.
    NoSpaceLeft {
        /// The path that could not be written.
        path: Option<String>,
    },
    /// An amount that was to be written, mentioned by a person or tool, e.g. a 12 GB download.
    WantedToWrite {
        /// The amount.
        bytes: Bytes,
    },
    /// Any other message.
    Known {
        /// Its meaning.
        message: Message,
    },
}

impl LogMessage {
    /// The meaning without details.
    #[must_use]
    pub const fn message(&self) -> Message {
        group(Some(&self.kind)).0
    }

    /// The block device that the line names: `dm-5`, `sda`, `/dev/mapper/vg-vm1`.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        device(&self.text)
    }

    /// The pool that the line names.
    #[must_use]
    pub fn pool(&self) -> Option<PoolName<'_>> {
        names::pool(&self.text)
    }

    fn new(kind: Option<Kind>, line: &str) -> Self {
        let kind = kind.unwrap_or_else(|| enospc::no_space_left(line));
        Self { kind, text: line.trim().to_owned(), uptime_secs: uptime(line), age_secs: None }
    }

    /// The number that follows these words in the line, such as 113 after `transaction_id is`; case is ignored.
    #[must_use]
    pub fn number_after(&self, words: &str) -> Option<u64> {
        let (text, words) = (matcher::normalize(&self.text), matcher::normalize(words));
        let (_, rest) = text.split_once(words.trim())?;
        let rest = rest.trim_start_matches([' ', ':', '=', '(', '[']);
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    }
}

/// The messages in a line: none, one or several.
#[must_use]
pub fn read(line: &str) -> Vec<LogMessage> {
    let kinds = if matcher::may_match(line) { kinds(line) } else { Vec::new() };
    kinds.into_iter().map(|kind| LogMessage::new(kind, line)).collect()
}

/// The messages in all texts. Logs are repetitive, so only the first and last of each kind are kept.
#[must_use]
pub fn gather<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<LogMessage> {
    let mut heard: HashMap<(Message, bool), KindLines<'a>> = HashMap::new();
    let mut order = 0;
    let mut add = |line: Cow<'a, str>, kind: Option<Kind>| {
        order += 1;
        heard.entry(group(kind.as_ref())).or_default().add((order, line, kind));
    };
    let mut wrapped = wrapped::Joiner::default();
    let mut whole: Vec<String> = Vec::new();
    let lines: Vec<&str> = texts.flat_map(str::lines).flat_map(pieces).collect();
    for (line, found) in lines.iter().copied().zip(kinds_of_all(&lines)) {
        let joined = wrapped.next(line, &found);
        found.into_iter().for_each(|kind| add(Cow::Borrowed(line), kind));
        if let Some((text, kinds)) = joined {
            if whole.len() < KEPT {
                whole.push(text.clone());
            }
            kinds.into_iter().for_each(|kind| add(Cow::Owned(text.clone()), kind));
        }
    }
    let mut kept: Vec<_> = heard.into_values().flat_map(|h| h.first.into_iter().chain(h.last)).collect();
    kept.sort_unstable_by_key(|(order, ..)| *order);
    let messages = kept.into_iter().map(|(_, line, kind)| LogMessage::new(kind, &line));
    // The part of a wrapped line names only a failure; the joined line tells what failed.
    let part = |m: &LogMessage| whole.iter().any(|text| text.len() > m.text.len() && text.contains(&m.text));
    messages.filter(|m| !(m.message().is_generic() && part(m))).collect()
}

/// Most messages of one kind kept from the beginning, and as many from the end.
const KEPT: usize = 200;

/// A line with a message, and its position. `None` instead of a kind means "no space left"; its path is only looked
/// up if the line is kept.
type Line<'a> = (u64, Cow<'a, str>, Option<Kind>);

/// The first and last messages of one kind.
#[derive(Default)]
struct KindLines<'a> {
    first: Vec<Line<'a>>,
    last: VecDeque<Line<'a>>,
}

impl<'a> KindLines<'a> {
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

/// Longest line that is read at once, in bytes; a longer one is split.
const LONGEST: usize = 16 << 10;

/// Splits a line into pieces of at most [`LONGEST`] bytes, at blanks if possible.
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

/// From this number of lines on, several threads read them: a log of many megabytes.
const MANY: usize = 50_000;
/// Threads for that. How many cores there are is not asked: reading a recording asks nothing of the machine.
const THREADS: usize = 4;

/// The messages in each line by itself.
fn kinds_of_all(lines: &[&str]) -> Vec<Vec<Option<Kind>>> {
    if lines.len() < MANY {
        return kinds_of(lines);
    }
    std::thread::scope(|scope| {
        let parts = lines.chunks(lines.len().div_ceil(THREADS));
        let start = |part| std::thread::Builder::new().spawn_scoped(scope, move || kinds_of(part));
        let threads: Vec<_> = parts.map(|part| (part, start(part))).collect();
        // If a thread cannot be started, this one does the work.
        let read = threads.into_iter().map(|(part, thread)| match thread.map(|t| t.join()) {
            Ok(Ok(found)) => found,
            _ => kinds_of(part),
        });
        read.flatten().collect()
    })
}

fn kinds_of(lines: &[&str]) -> Vec<Vec<Option<Kind>>> {
    let of = |line: &&str| if matcher::may_match(line) { kinds(line) } else { Vec::new() };
    lines.iter().map(of).collect()
}

/// The kinds in a line; `None` for "no space left", whose path is not looked up yet.
fn kinds(line: &str) -> Vec<Option<Kind>> {
    let normal = matcher::normalize(line);
    let mut found = matcher::matches(&normal);
    // A specific message tells more than a bare errno beside a pool's name.
    if found.iter().any(|m| !m.is_generic()) {
        found.retain(|m| !m.is_generic());
    }
    let has = |message| found.contains(&message);
    let refused = if has(Message::MinFreeRefused) { min_free_refusal::read(&normal) } else { None };
    let wanted = if has(Message::WantedToWrite) { enospc::wanted_to_write(&normal) } else { None };
    let no_space = has(Message::NoSpaceLeft) && enospc::is_about_a_file(&normal);
    let others = [Message::MinFreeRefused, Message::WantedToWrite, Message::NoSpaceLeft];
    let known = found.iter().filter(|m| !others.contains(m)).map(|m| Kind::Known { message: *m });
    let before = refused.map(Some).into_iter().chain(no_space.then_some(None)).chain(wanted.map(Some));
    before.chain(known.map(Some)).collect()
}

/// Grouping key: the message, and which of the pool's devices it is about, if stated.
const fn group(kind: Option<&Kind>) -> (Message, bool) {
    match kind {
        Some(Kind::MinFreeRefused { half, .. }) => {
            (Message::MinFreeRefused, matches!(half, PoolHalf::Metadata))
        }
        Some(Kind::WantedToWrite { .. }) => (Message::WantedToWrite, false),
        Some(Kind::Known { message }) => (*message, false),
        Some(Kind::NoSpaceLeft { .. }) | None => (Message::NoSpaceLeft, false),
    }
}

/// The first word that is a block device's name or node.
fn device(text: &str) -> Option<&str> {
    let separates = |c: char| c.is_whitespace() || "\"'`()[],;<>".contains(c);
    let words =
        || text.split(separates).map(|word| word.trim_end_matches([':', '.'])).filter(|w| !w.is_empty());
    let node = |word: &&str| word.starts_with("/dev/") && word.len() > 5;
    let numbered = |word: &str, start: &str| {
        let tail = word.strip_prefix(start).and_then(|rest| rest.split(['-', 'p']).next());
        tail.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let disk = |word: &str| {
        let tail = ["sd", "vd", "xvd", "hd"].iter().find_map(|start| word.strip_prefix(start));
        tail.is_some_and(|rest| {
            (1..=5).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        }) || numbered(word, "nvme")
    };
    let bare = |word: &&str| numbered(word, "dm-") || numbered(word, "loop") || disk(word);
    words().find(bare).or_else(|| words().find(node))
}

/// The seconds since boot in a kernel line: `[88440.204121] …`.
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
        assert_eq!(said[0].kind, Kind::Known { message: Message::TransactionIdMismatch });
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
    fn a_long_log_says_the_same_whoever_reads_it() {
        let line = |n: usize| match n % 3 {
            0 => "Buffer I/O error on dev dm-1",
            1 => "nothing",
            _ => "switching pool to write mode",
        };
        let lines: Vec<&str> = (0..MANY + 7).map(line).collect();
        assert_eq!(kinds_of_all(&lines), kinds_of(&lines));
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
        assert!(said.iter().any(|s| s.kind == Kind::Known { message: Message::PoolToFail }));
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

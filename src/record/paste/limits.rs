//! Limits for very long texts: how much is examined line by line, how many lines become separate answers, and how many
//! rows of reports are kept.
//!
//! Never discards a line: lines beyond the limits are kept as one log, in which only known messages are searched. Rows
//! of reports beyond the limit are counted.

use super::{LEFT_OUT, LOG};
use crate::record::{Outcome, Query, Recording};

/// Bytes at the beginning of a text that are examined line by line.
const HEAD: usize = 4 << 20;
/// Bytes at its end that are examined line by line; people paste the newest output last.
const TAIL: usize = 1 << 20;
/// Most lines that become separate answers.
const ALONE: usize = 10_000;
/// Most rows of reports that are kept: more than any host has, and few enough for quadratic algorithms.
const ROWS: u64 = 16_384;
/// Most lines held back until a later line shows what they are.
pub(super) const HELD: usize = 64;

/// Splits a text into its beginning, a middle that is treated as a log, and its end. Only a very long text has the last
/// two.
pub(super) fn parts(text: &str) -> (&str, &str, &str) {
    if text.len() <= HEAD + TAIL {
        return (text, "", "");
    }
    let (head, rest) = cut(text, HEAD);
    let (middle, tail) = cut(rest, rest.len().saturating_sub(TAIL));
    (head, middle, tail)
}

/// Cuts a text after the last line that ends before `at`, or else after the last blank, or else at a character
/// boundary.
fn cut(text: &str, at: usize) -> (&str, &str) {
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, _) = text.split_at_checked(at).unwrap_or((text, ""));
    let line = before.rfind('\n').or_else(|| before.rfind(' ')).map_or(at, |end| end + 1);
    text.split_at_checked(line).unwrap_or((text, ""))
}

/// Counts what was kept so far.
#[derive(Default)]
pub(super) struct Limit {
    kept: usize,
    /// Rows of reports so far.
    rows: u64,
    /// Index of the log in the recording.
    log: Option<usize>,
    /// Bytes that were not examined line by line.
    unseen: usize,
}

impl Limit {
    /// Keeps a line.
    pub(super) fn push(&mut self, recording: &mut Recording, text: &str) {
        self.kept = self.kept.saturating_add(1);
        if self.kept <= ALONE {
            recording.push(Query::PastedLine, "", Outcome::Answered(text.to_owned()));
        } else {
            self.log(recording, text);
        }
    }

    /// Keeps lines that are not examined.
    pub(super) fn push_unseen(&mut self, recording: &mut Recording, text: &str) {
        if !text.trim().is_empty() {
            self.unseen = self.unseen.saturating_add(text.len());
            self.log(recording, text.trim_end_matches('\n'));
        }
    }

    fn log(&mut self, recording: &mut Recording, text: &str) {
        let log = self.log.and_then(|at| recording.answers.get_mut(at));
        if let Some(Outcome::Answered(said)) = log.map(|answer| &mut answer.outcome) {
            said.push('\n');
            said.push_str(&crate::record::sanitize::clean(text.to_owned()));
        } else {
            self.log = Some(recording.answers.len());
            recording.push(Query::PastedOutput, LOG, Outcome::Answered(text.to_owned()));
        }
    }

    /// Counts one more row of a report; false beyond the limit.
    pub(super) fn takes_row(&mut self) -> bool {
        self.rows = self.rows.saturating_add(1);
        self.rows <= ROWS
    }

    /// Adds answers that tell how much was not examined.
    pub(super) fn finish(self, recording: &mut Recording) {
        let mut say = |text: String| recording.push(Query::PastedOutput, LEFT_OUT, Outcome::Answered(text));
        if self.unseen > 0 {
            let size = self.unseen;
            say(format!(
                "{size} bytes in the middle were read as a log: reports in them were not looked for"
            ));
        }
        let rows = self.rows.saturating_sub(ROWS);
        if rows > 0 {
            say(format!("{rows} rows of reports were left out: only the first {ROWS} were read"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    #[test]
    fn no_line_is_lost() {
        let mut recording = Recording::new(Source::Pasted, None);
        let mut limit = Limit::default();
        for n in 0..30_000 {
            limit.push(&mut recording, &format!("line {n}"));
        }
        limit.finish(&mut recording);
        assert_eq!(recording.all(Query::PastedLine).count(), ALONE);
        let log = recording.said(Query::PastedOutput, LOG).unwrap();
        assert_eq!((log.lines().count(), log.lines().last()), (20_000, Some("line 29999")));
        assert_eq!(recording.answers.len(), ALONE + 1, "nothing was left out, so nothing is said");
    }

    #[test]
    fn a_long_text_is_cut_between_lines() {
        let line = "0123456789 é\n";
        let text = line.repeat((HEAD + 3 * TAIL) / line.len());
        let (head, middle, tail) = parts(&text);
        assert_eq!(format!("{head}{middle}{tail}"), text);
        assert!([head, middle, tail].iter().all(|part| part.ends_with('\n') && part.starts_with('0')));
        assert!(head.len() <= HEAD && tail.len() >= TAIL && tail.len() < TAIL + 20);
        let one = "é".repeat(HEAD);
        let (head, middle, tail) = parts(&one);
        assert_eq!(head.len() + middle.len() + tail.len(), one.len());
        assert_eq!(parts("short"), ("short", "", ""));
    }
}

//! Findings that rest on what a daemon, the kernel or a tool said in so many words.

use super::queries::{self, pool_of, state_is_known};
use crate::host::Host;
use crate::host::Source;
use crate::host::model::pool::Pool;
use crate::host::saying::{Kind, Saying};
use crate::rules::{Finding, Rule, Subject};
use crate::verdict::{Certainty, Severity};

/// Lines quoted of one finding; a log repeats itself.
const QUOTED: usize = 3;

/// All recognised lines of some wordings, in the order they came.
pub(in crate::rules) fn lines<'a>(host: &'a Host, names: &[&str]) -> Vec<&'a Saying> {
    let one_of = |s: &&Saying| matches!(s.kind, Kind::Known { name } if names.contains(&name));
    host.log_messages.iter().filter(one_of).collect()
}

/// [`lines`] without those about a pool whose present state the kernel told: for that pool they are
/// history. On a machine whose pools were all asked, lines about none of them are history too.
pub(in crate::rules) fn current<'a>(host: &'a Host, names: &[&str]) -> Vec<&'a Saying> {
    let all_known = host.source == Source::Machine && host.pools.iter().all(state_is_known);
    let mut lines = lines(host, names);
    lines.retain(|s| !pool_of(host, s).map_or(all_known, state_is_known));
    lines
}

/// The lines of a text, or of a machine those that are no history: for wordings that a pool's state neither
/// confirms nor denies.
pub(in crate::rules) fn fresh<'a>(host: &'a Host, names: &[&str]) -> Vec<&'a Saying> {
    if host.source == Source::Machine { current(host, names) } else { lines(host, names) }
}

/// The last lines of some wordings that are about a pool.
pub(in crate::rules) fn for_pool<'a>(host: &'a Host, pool: &Pool, names: &[&str]) -> Vec<&'a Saying> {
    let label = pool.label();
    let about = |s: &&Saying| pool_of(host, s).is_some_and(|p| p.label() == label);
    let mut lines = lines(host, names);
    lines.retain(about);
    lines.split_off(lines.len().saturating_sub(QUOTED))
}

/// Whether one of some wordings was said.
pub(in crate::rules) fn any(host: &Host, names: &[&str]) -> bool {
    !lines(host, names).is_empty()
}

/// Who said a line, and how long ago.
fn speaker(saying: &Saying) -> String {
    match (saying.uptime_secs, saying.age_secs) {
        (None, _) => "log or error line".to_owned(),
        (Some(_), None) => "kernel log".to_owned(),
        (Some(_), Some(age)) => format!("kernel log, {} ago", queries::span(age)),
    }
}

impl Finding {
    /// Adds the lines as evidence, word for word, each once.
    #[must_use]
    pub(in crate::rules) fn with_log_lines(mut self, lines: &[&Saying]) -> Self {
        let mut quoted: Vec<&str> = Vec::new();
        for line in lines {
            let text = line.text.trim();
            if quoted.len() < QUOTED && !quoted.contains(&text) {
                quoted.push(text);
                self = self.with_evidence("said", text, speaker(line));
            }
        }
        self
    }
}

/// A finding of what was said, or none if nothing was.
pub(in crate::rules) fn finding(
    rule: &Rule,
    (severity, certainty): (Severity, Certainty),
    lines: &[&Saying],
    subject: impl FnOnce(&Saying) -> Subject,
    summary: impl Into<String>,
) -> Option<Finding> {
    let first = lines.first()?;
    Some(Finding::new(rule, severity, certainty, subject(first), summary).with_log_lines(lines))
}

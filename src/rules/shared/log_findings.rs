//! Findings that rest on what a daemon, the kernel or a tool said in so many words.

use super::queries::{self, pool_of, state_is_known};
use crate::advice::Advice;
use crate::host::Host;
use crate::host::Source;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::model::pool::Pool;
use crate::host::model::text::Text;
use crate::rules::{Finding, Rule, Subject};
use crate::verdict::{Certainty, Severity};

/// Lines quoted of one finding; a log repeats itself.
const QUOTED: usize = 3;

/// All recognised lines of some meanings, in the order they came.
pub(in crate::rules) fn lines<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    let one_of = |s: &&LogMessage| matches!(s.kind, Kind::Known { message } if messages.contains(&message));
    host.log_messages.iter().filter(one_of).collect()
}

/// [`lines`] without those about a pool whose present state the kernel told: for that pool they are
/// history. On a machine whose pools were all asked, lines about none of them are history too.
pub(in crate::rules) fn current<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    let all_known = host.source == Source::Machine && host.pools.iter().all(state_is_known);
    let mut lines = lines(host, messages);
    lines.retain(|s| !pool_of(host, s).map_or(all_known, state_is_known));
    lines
}

/// The lines of a text, or of a machine those that are no history: for messages that a pool's state neither
/// confirms nor denies.
pub(in crate::rules) fn fresh<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    if host.source == Source::Machine { current(host, messages) } else { lines(host, messages) }
}

/// Lines about filesystems: those of a text, or of a machine those that name one of its thin devices, until that was
/// mounted again without a complaint. A pool's own state says nothing of what lies on its devices.
pub(in crate::rules) fn of_filesystems<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    if host.source != Source::Machine {
        return lines(host, messages);
    }
    let thin = |device: &str| {
        let minor = device.strip_prefix("dm-").and_then(|m| m.parse::<u32>().ok());
        host.thin_devices.iter().any(|t| minor.is_some() && t.device.map(|d| d.minor) == minor)
    };
    // ext4 says so when it is done, XFS when it begins; what is wrong still is said again after that.
    let mounted = |s: &LogMessage| {
        s.message() == Message::Normal
            && (s.text.contains("mounted filesystem") || s.text.contains("Mounting V"))
    };
    let all = &host.log_messages;
    let mut found = Vec::new();
    for (at, line) in all.iter().enumerate().filter(|(_, s)| messages.contains(&s.message())) {
        let Some(device) = line.device().filter(|d| thin(d)) else { continue };
        if !all.iter().skip(at + 1).any(|s| mounted(s) && s.device() == Some(device)) {
            found.push(line);
        }
    }
    found
}

/// The last lines of some meanings that are about a pool.
pub(in crate::rules) fn for_pool<'a>(
    host: &'a Host,
    pool: &Pool,
    messages: &[Message],
) -> Vec<&'a LogMessage> {
    let label = pool.label();
    let about = |s: &&LogMessage| pool_of(host, s).is_some_and(|p| p.label() == label);
    let mut lines = lines(host, messages);
    lines.retain(about);
    lines.split_off(lines.len().saturating_sub(QUOTED))
}

/// Whether one of some meanings was said.
pub(in crate::rules) fn any(host: &Host, messages: &[Message]) -> bool {
    !lines(host, messages).is_empty()
}

/// Who said a line, and how long ago.
fn speaker(saying: &LogMessage) -> String {
    match (saying.uptime_secs, saying.age_secs) {
        (None, _) => "log or error line".to_owned(),
        (Some(_), None) => "kernel log".to_owned(),
        (Some(_), Some(age)) => format!("kernel log, {} ago", queries::span(age)),
    }
}

impl Finding {
    /// Adds the lines as evidence, word for word, each once.
    #[must_use]
    pub(in crate::rules) fn with_log_lines(mut self, lines: &[&LogMessage]) -> Self {
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

/// What some messages prove, and how it is told.
pub(in crate::rules) struct Claim {
    /// How bad it is.
    pub(in crate::rules) severity: Severity,
    /// How sure the messages alone make it.
    pub(in crate::rules) certainty: Certainty,
    /// The messages, each of which is enough.
    pub(in crate::rules) messages: &'static [Message],
    /// One sentence.
    pub(in crate::rules) summary: &'static str,
}

/// The findings of a rule that rests on lines alone: its first claim that some line makes, with its one piece of advice.
pub(in crate::rules) fn of_claims(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
    subject: impl Fn(&LogMessage) -> Subject,
    advice: impl FnOnce() -> Advice,
) -> Vec<Finding> {
    strongest(host, rule, claims, subject).map(|finding| finding.advise(advice())).into_iter().collect()
}

/// The finding of the first claim that some line makes; of a machine, lines that its pools' state has overtaken make none.
pub(in crate::rules) fn strongest(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
    subject: impl Fn(&LogMessage) -> Subject,
) -> Option<Finding> {
    claims.iter().find_map(|claim| {
        let level = (claim.severity, claim.certainty);
        finding(rule, level, &fresh(host, claim.messages), &subject, claim.summary)
    })
}

/// The same of lines about filesystems, as [`of_filesystems`] has them.
pub(in crate::rules) fn strongest_of_filesystems(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
) -> Option<Finding> {
    claims.iter().find_map(|claim| {
        let level = (claim.severity, claim.certainty);
        let lines = of_filesystems(host, claim.messages);
        let subject = |line: &LogMessage| Subject::filesystem(device_of(line));
        finding(rule, level, &lines, subject, claim.summary)
    })
}

/// The device that a line names: a node, `dm-5`, `sda`, else that it is not named.
pub(in crate::rules) fn device_of(line: &LogMessage) -> String {
    line.device().unwrap_or("(not named)").to_owned()
}

/// A finding of what was said, or none if nothing was.
pub(in crate::rules) fn finding(
    rule: &Rule,
    (severity, certainty): (Severity, Certainty),
    lines: &[&LogMessage],
    subject: impl FnOnce(&LogMessage) -> Subject,
    summary: impl Into<Text>,
) -> Option<Finding> {
    let first = lines.first()?;
    Some(Finding::new(rule, severity, certainty, subject(first), summary).with_log_lines(lines))
}

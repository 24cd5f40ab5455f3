//! Findings that rest on log lines of a daemon, the kernel or a tool.

use super::queries::{self, pool_of, state_is_known};
use crate::advice::Advice;
use crate::host::Host;
use crate::host::Source;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::model::pool::Pool;
use crate::host::model::text::Text;
use crate::rules::{Finding, Rule, Subject};
use crate::verdict::{Certainty, Severity};

/// Most lines quoted as evidence; logs are repetitive.
const QUOTED: usize = 3;

/// All recognized lines with one of these messages, in order.
pub(in crate::rules) fn lines<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    let one_of = |s: &&LogMessage| matches!(s.kind, Kind::Known { message } if messages.contains(&message));
    host.log_messages.iter().filter(one_of).collect()
}

/// [`lines`] without those about a pool whose current state is known from the kernel: for it they are history. On a
/// live host where all pools answered, lines that name no pool are history too.
pub(in crate::rules) fn not_superseded<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    let all_known = host.source == Source::Machine && host.pools.iter().all(state_is_known);
    let mut lines = lines(host, messages);
    lines.retain(|s| !pool_of(host, s).map_or(all_known, state_is_known));
    lines
}

/// All lines of a pasted text; on a live host, only those that are not history. For messages that a pool's state
/// neither confirms nor refutes.
pub(in crate::rules) fn still_relevant<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    if host.source == Source::Machine { not_superseded(host, messages) } else { lines(host, messages) }
}

/// Lines about filesystems. On a live host only those that name one of its thin devices, and only until that device
/// was mounted again without an error. A pool's state does not describe the filesystems on its devices.
pub(in crate::rules) fn about_filesystems<'a>(host: &'a Host, messages: &[Message]) -> Vec<&'a LogMessage> {
    if host.source != Source::Machine {
        return lines(host, messages);
    }
    let thin = |device: &str| {
        let minor = device.strip_prefix("dm-").and_then(|m| m.parse::<u32>().ok());
        host.thin_devices.iter().any(|t| minor.is_some() && t.device.map(|d| d.minor) == minor)
    };
    // ext4 logs this after mounting, XFS before; a persisting problem is logged again after it.
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

/// The last lines with one of these messages that are about a pool.
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

/// Whether any line has one of these messages.
pub(in crate::rules) fn any(host: &Host, messages: &[Message]) -> bool {
    !lines(host, messages).is_empty()
}

/// Source and age of a line.
fn speaker(line: &LogMessage) -> String {
    match (line.uptime_secs, line.age_secs) {
        (None, _) => "log or error line".to_owned(),
        (Some(_), None) => "kernel log".to_owned(),
        (Some(_), Some(age)) => format!("kernel log, {} ago", queries::span(age)),
    }
}

impl Finding {
    /// Adds the lines as evidence, verbatim, each once.
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

/// What some messages prove.
pub(in crate::rules) struct Claim {
    /// Severity.
    pub(in crate::rules) severity: Severity,
    /// Certainty from the messages alone.
    pub(in crate::rules) certainty: Certainty,
    /// Messages, each of which suffices.
    pub(in crate::rules) messages: &'static [Message],
    /// One sentence.
    pub(in crate::rules) summary: &'static str,
}

/// Findings of a rule that rests on log lines alone: the first claim that matches, with the rule's only advice.
pub(in crate::rules) fn from_claims(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
    subject: impl Fn(&LogMessage) -> Subject,
    advice: impl FnOnce() -> Advice,
) -> Vec<Finding> {
    strongest(host, rule, claims, subject).map(|finding| finding.advise(advice())).into_iter().collect()
}

/// The finding of the first claim that matches. On a live host, lines superseded by the pools' state do not count.
pub(in crate::rules) fn strongest(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
    subject: impl Fn(&LogMessage) -> Subject,
) -> Option<Finding> {
    claims.iter().find_map(|claim| {
        let level = (claim.severity, claim.certainty);
        finding(rule, level, &still_relevant(host, claim.messages), &subject, claim.summary)
    })
}

/// Like [`strongest`], for lines about filesystems ([`about_filesystems`]).
pub(in crate::rules) fn strongest_about_filesystems(
    host: &Host,
    rule: &Rule,
    claims: &[Claim],
) -> Option<Finding> {
    claims.iter().find_map(|claim| {
        let level = (claim.severity, claim.certainty);
        let lines = about_filesystems(host, claim.messages);
        let subject = |line: &LogMessage| Subject::filesystem(device_of(line));
        finding(rule, level, &lines, subject, claim.summary)
    })
}

/// The device that a line names (a node, `dm-5`, `sda`), or a placeholder.
pub(in crate::rules) fn device_of(line: &LogMessage) -> String {
    line.device().unwrap_or("(not named)").to_owned()
}

/// A finding from these lines; `None` without lines.
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

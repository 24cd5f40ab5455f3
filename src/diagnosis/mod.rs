//! Combines symptoms and findings: what is explained, what is suspected, what is excluded.
//!
//! A symptom is an observed failure. Either a finding explains it, or it stays open; then its possible causes are
//! suspects, except those that the facts exclude. This module knows messages by their meaning, never by their text.

mod causes;
mod exclusions;
mod questions;
mod situations;

use crate::advice::since::Versions;
use crate::host::log::{LogMessage, Message};
use crate::host::model::text::Text;
use crate::host::{Host, Source};
use crate::rules::Finding;
use crate::verdict::{Certainty, Severity};
use causes::Case;
use std::cmp::Reverse;

/// The visible form of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SymptomKind {
    /// A "no space" error.
    NoSpace,
    /// A read or write failed.
    InputOutputError,
    /// A change or a setting was refused.
    Refused,
    /// Something is busy.
    Busy,
    /// A filesystem could not be mounted or made.
    MountFailed,
    /// A daemon or container did not start.
    StartFailed,
    /// A device or pool could not be brought up.
    ActivationFailed,
    /// Something waits without progress.
    Hang,
    /// Something does not exist.
    Missing,
    /// Two sources disagree.
    Mismatch,
    /// Something is damaged.
    Damage,
}

impl SymptomKind {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoSpace => "no space",
            Self::InputOutputError => "an input/output error",
            Self::Refused => "a refusal",
            Self::Busy => "something busy",
            Self::MountFailed => "a failed mount",
            Self::StartFailed => "a failed start",
            Self::ActivationFailed => "a failed activation",
            Self::Hang => "a hang",
            Self::Missing => "something missing",
            Self::Mismatch => "a mismatch",
            Self::Damage => "damage",
        }
    }
}

/// An observed failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// Its kind.
    pub kind: SymptomKind,
    /// The line that reports it.
    pub said: String,
    /// The rules whose findings explain it; empty while it is open.
    pub explained_by: Vec<&'static str>,
}

impl Symptom {
    /// Whether no finding explains it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.explained_by.is_empty()
    }
}

/// A possible cause of an open symptom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The rule for the cause.
    pub rule: &'static str,
    /// The cause, in one sentence.
    pub summary: &'static str,
    /// Facts that support it.
    pub speaks_for: Vec<Text>,
    /// What to find out.
    pub does: &'static str,
    /// Commands whose output decides. They only read, and exist in the installed versions.
    pub commands: Vec<&'static str>,
}

/// A cause that the facts rule out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The rule for the cause.
    pub rule: &'static str,
    /// The fact that rules it out.
    pub because: Text,
}

/// Symptoms with their explanations and possible causes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// Symptoms, in input order.
    pub symptoms: Vec<Symptom>,
    /// Remaining causes, most likely first.
    pub suspects: Vec<Suspect>,
    /// Excluded causes.
    pub excluded: Vec<Excluded>,
}

impl Diagnosis {
    /// Whether any symptom is unexplained.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.symptoms.iter().any(Symptom::is_open)
    }
}

/// Most lines shown of the same failure.
const SHOWN: usize = 20;

/// Matches findings with the observed failures.
#[must_use]
pub fn diagnose(host: &Host, findings: &[Finding]) -> Diagnosis {
    let seen = observed(host);
    let mut symptoms = Vec::new();
    let mut open: Vec<(&Case, Option<&str>)> = Vec::new();
    for (line, case) in &seen {
        let explained_by = explanations(line, case, findings);
        if explained_by.is_empty() {
            open.push((case, Some(line.text.as_str())));
        }
        let said = line.text.clone();
        let known = symptoms.iter().any(|s: &Symptom| s.said == said);
        if !known && symptoms.len() < SHOWN {
            symptoms.push(Symptom { kind: case.kind, said, explained_by });
        }
    }
    let idle = findings.iter().all(|f| f.severity == Severity::Notice);
    if seen.is_empty() && idle && host.source == Source::Pasted {
        open.extend(situations::for_text(host).map(|case| (case, None)));
    }
    let (suspects, excluded) = weigh(host, &open, findings);
    Diagnosis { symptoms, suspects, excluded }
}

/// Lines that report a failure, with their case. Each line gets one case: that of its innermost error, which comes
/// last.
fn observed(host: &Host) -> Vec<(&LogMessage, &'static Case)> {
    let mut seen: Vec<(&LogMessage, &'static Case)> = Vec::new();
    for (at, line) in host.log_messages.iter().enumerate() {
        if host.source == Source::Machine && is_superseded(host) || is_past(host, at, line) {
            continue;
        }
        let Some(case) = causes::case_for(host, line) else { continue };
        match seen.last_mut() {
            Some((last, known)) if last.text == line.text => {
                if case.rank >= known.rank {
                    (*last, *known) = (line, case);
                }
            }
            _ => seen.push((line, case)),
        }
    }
    seen
}

/// Whether the pools of a live host have answered, so that the log is history.
fn is_superseded(host: &Host) -> bool {
    host.pools.is_empty() || host.pools.iter().all(|p| p.mode.is_some())
}

/// Pool states that end with a later switch to write mode.
const MODES: &[Message] = &[
    Message::PoolOutOfDataSpace,
    Message::PoolQueuesWrites,
    Message::PoolFailsWrites,
    Message::NoFreeData,
    Message::PoolToReadOnly,
    Message::PoolToOutOfMetadata,
];

/// Whether the same log later reports the pool's return to write mode.
fn is_past(host: &Host, at: usize, line: &LogMessage) -> bool {
    let later = host.log_messages.iter().skip(at + 1);
    MODES.contains(&line.message())
        && later.filter(|l| l.message() == Message::PoolToWrite).any(|l| match (l.pool(), line.pool()) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        })
}

/// The findings that explain a line: those that quote it, and those that are among its causes.
fn explanations(line: &LogMessage, case: &Case, findings: &[Finding]) -> Vec<&'static str> {
    let rests = |f: &&Finding| f.evidence.iter().any(|e| e.value.is(&line.text));
    // A generic failure beside a proven cause is one of its consequences.
    let generic = line.message().is_generic();
    let proven = |f: &&Finding| generic && f.severity == Severity::Critical;
    let causes =
        |f: &&Finding| f.certainty != Certainty::Possible && (case.causes.contains(&f.rule) || proven(f));
    let weighty = findings.iter().filter(|f| f.severity > Severity::Notice);
    let mut rules: Vec<&'static str> = weighty.filter(|f| rests(f) || causes(f)).map(|f| f.rule).collect();
    rules.dedup();
    rules
}

/// Weight of the first cause, for a bare errno and for a line that tells what failed.
const BARE: usize = 5;
const TELLING: usize = 10;

/// Suspects and exclusions of the open cases. A cause weighs more the nearer it is to the front of a case's list.
fn weigh(host: &Host, open: &[(&Case, Option<&str>)], findings: &[Finding]) -> (Vec<Suspect>, Vec<Excluded>) {
    let mut weights: Vec<(&'static str, usize, Vec<Text>)> = Vec::new();
    let mut excluded: Vec<Excluded> = Vec::new();
    for (case, said) in open {
        for (place, rule) in case.causes.iter().enumerate() {
            if let Some(because) = exclusions::fact(host, rule) {
                if !excluded.iter().any(|e| e.rule == *rule) {
                    excluded.push(Excluded { rule, because });
                }
                continue;
            }
            let weight = if case.rank == 0 { BARE } else { TELLING }.saturating_sub(place).max(1);
            let reason = said.map(Text::from);
            match weights.iter_mut().find(|(known, ..)| known == rule) {
                Some((_, sum, reasons)) => {
                    *sum += weight;
                    reasons.extend(reason.filter(|r| !reasons.contains(r)));
                }
                None => weights.push((rule, weight, reason.into_iter().collect())),
            }
        }
    }
    for (rule, weight, reasons) in &mut weights {
        if let Some(fact) = exclusions::speaks_for(host, rule) {
            *weight += 2;
            reasons.push(fact);
        }
    }
    weights.retain(|(rule, ..)| !findings.iter().any(|f| f.rule == *rule));
    weights.sort_by_key(|(_, weight, _)| Reverse(*weight));
    let versions = Versions::of(host);
    let suspects = weights.into_iter().filter_map(|(rule, _, mut speaks_for)| {
        speaks_for.truncate(3);
        let question = questions::find(rule)?;
        let (summary, does) = (question.summary, question.does);
        let commands = question.commands.iter().filter_map(|c| versions.fit_static(c)).collect();
        Some(Suspect { rule, summary, speaks_for, does, commands })
    });
    (suspects.collect(), excluded)
}

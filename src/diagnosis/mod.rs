//! What explains what is wrong: symptoms and findings become what is explained, what is suspected, what is excluded.
//!
//! A symptom is a failure that somebody saw. A finding explains it, or it stays open; then the causes that can produce
//! it are suspected, less those that the facts exclude. It knows meanings of messages, never their words.

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

/// What a failure looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SymptomKind {
    /// Something says that there is no space.
    NoSpace,
    /// A read or write failed.
    InputOutputError,
    /// A change or a setting was refused.
    Refused,
    /// Something is in use.
    Busy,
    /// A filesystem could not be mounted or made.
    MountFailed,
    /// A daemon or container did not start.
    StartFailed,
    /// A device or pool could not be brought up.
    ActivationFailed,
    /// Something waits and does not go on.
    Hang,
    /// Something is not there.
    Missing,
    /// Two sides tell different things.
    Mismatch,
    /// Something is damaged.
    Damage,
}

impl SymptomKind {
    /// The word for it.
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

/// A failure that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// What it looks like.
    pub kind: SymptomKind,
    /// The line that tells of it.
    pub said: String,
    /// The rules whose findings explain it; none: it is open.
    pub explained_by: Vec<&'static str>,
}

impl Symptom {
    /// Whether nothing explains it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.explained_by.is_empty()
    }
}

/// A cause that can have produced an open symptom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The rule that would find it.
    pub rule: &'static str,
    /// What it would be, in a sentence.
    pub summary: &'static str,
    /// What speaks for it.
    pub speaks_for: Vec<Text>,
    /// What to find out.
    pub does: &'static str,
    /// Commands whose answer decides; they only read, and exist in the versions that are there.
    pub commands: Vec<&'static str>,
}

/// A cause that the facts rule out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The rule that would have found it.
    pub rule: &'static str,
    /// The fact.
    pub because: Text,
}

/// What explains what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// Failures, in the order they were told.
    pub symptoms: Vec<Symptom>,
    /// Causes that are left, most likely first.
    pub suspects: Vec<Suspect>,
    /// Causes that are ruled out.
    pub excluded: Vec<Excluded>,
}

impl Diagnosis {
    /// Whether a failure is not explained.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.symptoms.iter().any(Symptom::is_open)
    }
}

/// Lines that are shown of one and the same failure.
const SHOWN: usize = 20;

/// Puts findings beside the failures that were told.
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
        open.extend(situations::of_text(host).map(|case| (case, None)));
    }
    let (suspects, excluded) = weigh(host, &open, findings);
    Diagnosis { symptoms, suspects, excluded }
}

/// The lines that tell of a failure, each with its case. One line has one: that of its innermost error, which stands last.
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

/// Whether a live host's pools have answered since: what the log tells is the past then.
fn is_superseded(host: &Host) -> bool {
    host.pools.is_empty() || host.pools.iter().all(|p| p.mode.is_some())
}

/// States of a pool that a later switch to write mode ends.
const MODES: &[Message] = &[
    Message::PoolOutOfDataSpace,
    Message::PoolQueuesWrites,
    Message::PoolFailsWrites,
    Message::NoFreeData,
    Message::PoolToReadOnly,
    Message::PoolToOutOfMetadata,
];

/// Whether the same log tells further on that the pool went back to write mode.
fn is_past(host: &Host, at: usize, line: &LogMessage) -> bool {
    let later = host.log_messages.iter().skip(at + 1);
    MODES.contains(&line.message())
        && later.filter(|l| l.message() == Message::PoolToWrite).any(|l| match (l.pool(), line.pool()) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        })
}

/// The findings that explain a line: those that rest on it, and those that are one of its causes.
fn explanations(line: &LogMessage, case: &Case, findings: &[Finding]) -> Vec<&'static str> {
    let rests = |f: &&Finding| f.evidence.iter().any(|e| e.value.is(&line.text));
    // A failure in unknown words beside a proven cause is one of its consequences.
    let generic = line.message().is_generic();
    let proven = |f: &&Finding| generic && f.severity == Severity::Critical;
    let causes =
        |f: &&Finding| f.certainty != Certainty::Possible && (case.causes.contains(&f.rule) || proven(f));
    let weighty = findings.iter().filter(|f| f.severity > Severity::Notice);
    let mut rules: Vec<&'static str> = weighty.filter(|f| rests(f) || causes(f)).map(|f| f.rule).collect();
    rules.dedup();
    rules
}

/// Weight of the first cause of a bare errno, and of a line that tells what failed.
const BARE: usize = 5;
const TELLING: usize = 10;

/// Suspects and exclusions of open cases. A cause counts the more, the nearer the front of a case's list it stands.
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
        let question = questions::of(rule)?;
        let (summary, does) = (question.summary, question.does);
        let commands = question.commands.iter().filter_map(|c| versions.fit_static(c)).collect();
        Some(Suspect { rule, summary, speaks_for, does, commands })
    });
    (suspects.collect(), excluded)
}

//! A finding: one problem, its certainty, the evidence for it, and advice.
//!
//! Data only; [`crate::report`] decides how it is shown.

use super::Rule;
use crate::advice::Advice;
use crate::host::model::pool::Pool;
use crate::host::model::text::Text;
use crate::verdict::{Certainty, Severity};

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Certainty.
    pub certainty: Certainty,
    /// What the finding is about.
    pub subject: Subject,
    /// One sentence with the numbers that matter.
    pub summary: Text,
    /// The facts that support it.
    pub evidence: Vec<Evidence>,
    /// Advice, mildest first.
    pub advice: Vec<Advice>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
}

/// The kind of a [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// A thin pool, by its device-mapper name.
    Pool,
    /// A thin device.
    ThinDevice,
    /// A container.
    Container,
    /// A filesystem, by its mount point.
    Filesystem,
    /// A Docker daemon, by its data root.
    Docker,
    /// The host as a whole.
    Host,
}

impl SubjectKind {
    /// The word used in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::ThinDevice => "thin-device",
            Self::Container => "container",
            Self::Filesystem => "filesystem",
            Self::Docker => "docker",
            Self::Host => "host",
        }
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Name of the fact, e.g. `free data blocks`.
    pub fact: String,
    /// Its value, e.g. `161986 of 1638400`.
    pub value: Text,
    /// Source of the fact, e.g. `thin-pool status`.
    pub from: String,
}

impl Subject {
    /// A pool.
    #[must_use]
    pub fn pool(pool: &Pool) -> Self {
        Self::pool_named(pool.label())
    }

    /// A pool known only by its name.
    #[must_use]
    pub fn pool_named(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Pool, name: name.into() }
    }

    /// A thin device.
    #[must_use]
    pub fn thin_device(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::ThinDevice, name: name.into() }
    }

    /// A container.
    #[must_use]
    pub fn container(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Container, name: name.into() }
    }

    /// A filesystem.
    #[must_use]
    pub fn filesystem(mount: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Filesystem, name: mount.into() }
    }

    /// A Docker daemon, by its data root.
    #[must_use]
    pub fn docker(root: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Docker, name: root.into() }
    }

    /// The host; the name tells which part of it.
    #[must_use]
    pub fn host(name: impl Into<String>) -> Self {
        Self { kind: SubjectKind::Host, name: name.into() }
    }

    /// Whether the subject is a pool.
    #[must_use]
    pub fn is_pool(&self) -> bool {
        self.kind == SubjectKind::Pool
    }
}

impl Finding {
    /// A finding without evidence or advice. Severity and certainty deliberately have no defaults.
    #[must_use]
    pub fn new(
        rule: &Rule,
        severity: Severity,
        certainty: Certainty,
        subject: Subject,
        summary: impl Into<Text>,
    ) -> Self {
        let (evidence, advice) = (Vec::new(), Vec::new());
        Self { rule: rule.name, severity, certainty, subject, summary: summary.into(), evidence, advice }
    }

    /// Adds one fact.
    #[must_use]
    pub fn with_evidence(
        mut self,
        fact: impl Into<String>,
        value: impl Into<Text>,
        from: impl Into<String>,
    ) -> Self {
        self.evidence.push(Evidence { fact: fact.into(), value: value.into(), from: from.into() });
        self
    }

    /// Adds one piece of advice.
    #[must_use]
    pub fn advise(mut self, advice: Advice) -> Self {
        self.advice.push(advice);
        self
    }
}

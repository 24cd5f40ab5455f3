//! How it is shown: text, JSON, metrics, a monitor's line. Renders what the other layers found and decides nothing.
//!
//! Words from outside (names, paths, pasted lines) pass [`clean`] on their way to a terminal.

pub mod check_plugin;
mod diagnosis;
pub mod explain;
mod forecast;
mod html;
pub mod json;
pub mod metrics;
mod plan;
mod screen;
pub mod sparkline;
mod style;
mod units;
pub mod usage;
pub mod watch;
mod wrap;

pub use html::html;
pub use plan::{PlanOutput, plan_json, plan_schema, plan_text};
pub(crate) use screen::{filled, level, tenths};
pub use screen::{finding_text, text};
pub use style::TextStyle;
pub use units::{Units, clean};

use crate::diagnosis::{Diagnosis, diagnose};
use crate::host::Host;
use crate::host::model::text::{Text, text};
use crate::rules::{self, Finding};
use crate::verdict::{Severity, Verdict};

/// Everything there is to show.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was read.
    pub host: Host,
    /// What is wrong, root causes first.
    pub findings: Vec<Finding>,
    /// What explains what was told, and what is left.
    pub diagnosis: Diagnosis,
    /// What it adds up to.
    pub verdict: Verdict,
    /// Where it came from.
    pub source: Source,
}

/// Where the facts came from, as the reader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// This machine, now.
    Live,
    /// A recording.
    Recording,
    /// Pasted text.
    Pasted,
}

impl Report {
    /// Applies every rule. With `pool`, only that pool and what is not about any pool is kept.
    #[must_use]
    pub fn new(mut host: Host, source: Source, pool: Option<&str>) -> Self {
        let mut findings = rules::findings(&host);
        if let Some(name) = pool {
            host.pools.retain(|p| p.is_called(name));
            let kept = |subject: &str| host.pools.iter().any(|p| p.label() == subject);
            findings.retain(|f| !f.subject.is_pool() || kept(&f.subject.name));
        }
        let diagnosis = diagnose(&host, &findings);
        let gap = has_gap(&host) || diagnosis.is_open();
        let verdict = Verdict::of(findings.iter().map(|f| f.severity).max(), gap);
        Self { host, findings, diagnosis, verdict, source }
    }
}

impl Report {
    /// The finding that leads: the first above a notice.
    #[must_use]
    pub fn leading(&self) -> Option<&Finding> {
        self.findings.iter().find(|f| f.severity > Severity::Notice)
    }

    /// What it all comes to, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> Text {
        match self.leading() {
            Some(finding) if self.host.pools.len() > 1 => {
                text!("{}: {}", finding.subject.name, finding.summary)
            }
            Some(finding) => finding.summary.clone(),
            None => screen::quiet_sentence(self).into(),
        }
    }
}

/// Whether something was not answered that may hide trouble.
fn has_gap(host: &Host) -> bool {
    host.notes.iter().any(|o| o.forces_unknown) || nothing_known(host)
}

/// A pasted text without any pool, or a pool of which nobody told the state, is no ground for `ok`.
fn nothing_known(host: &Host) -> bool {
    let pasted = host.source == crate::record::Source::Pasted;
    // Reports of `docker info` and LVM's rows round, and do not tell whether the pool takes writes.
    let blank = |p: &crate::host::model::pool::Pool| p.mode.is_none() && (pasted || p.data.pair().is_none());
    // What LVM itself calls not active has no state; that is known of it.
    let inactive = |p: &crate::host::model::pool::Pool| {
        let row = p.lv.as_ref().and_then(|lv| host.lvm.volume(lv));
        !pasted && row.is_some_and(crate::host::lvm::LogicalVolume::is_inactive_pool)
    };
    pasted && host.pools.is_empty() || host.pools.iter().any(|p| blank(p) && !inactive(p))
}

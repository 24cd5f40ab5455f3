//! Renders a report as text, HTML, JSON, metrics or a monitoring plug-in's line. Contains no judgement of its own.
//!
//! Strings from outside (names, paths, pasted lines) pass [`clean`] before they reach a terminal.

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

/// A host with all findings about it.
#[derive(Debug, Clone)]
pub struct Report {
    /// The host's state.
    pub host: Host,
    /// What is wrong, root causes first.
    pub findings: Vec<Finding>,
    /// Observed failures and their remaining causes.
    pub diagnosis: Diagnosis,
    /// The overall verdict.
    pub verdict: Verdict,
    /// Where the facts came from.
    pub source: Source,
}

/// Where the facts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// This host, now.
    Live,
    /// A recording.
    Recording,
    /// Pasted text.
    Pasted,
}

impl Report {
    /// Runs every rule. With `pool`, keeps only that pool, its findings, and findings about other subjects than pools.
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
    /// The most important finding: the first above a notice.
    #[must_use]
    pub fn leading(&self) -> Option<&Finding> {
        self.findings.iter().find(|f| f.severity > Severity::Notice)
    }

    /// The report in one sentence.
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

/// Whether a missing answer may hide a problem.
fn has_gap(host: &Host) -> bool {
    host.notes.iter().any(|o| o.forces_unknown) || nothing_known(host)
}

/// Whether too little is known for the verdict `ok`: pasted text without a pool, or a pool of unknown state.
fn nothing_known(host: &Host) -> bool {
    let pasted = host.source == crate::record::Source::Pasted;
    // `docker info` and LVM report rounded usage, and not whether the pool accepts writes.
    let blank = |p: &crate::host::model::pool::Pool| p.mode.is_none() && (pasted || p.data.pair().is_none());
    // What LVM itself calls not active has no state; that is known of it.
    let inactive = |p: &crate::host::model::pool::Pool| {
        let row = p.lv.as_ref().and_then(|lv| host.lvm.volume(lv));
        !pasted && row.is_some_and(crate::host::lvm::LogicalVolume::is_inactive_pool)
    };
    pasted && host.pools.is_empty() || host.pools.iter().any(|p| blank(p) && !inactive(p))
}

//! Rule: the metadata cannot be repaired because the spare volume is missing or too small.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A repair of the metadata lacks room: the spare is missing or too small.
    ///
    /// ## What it means
    /// A repair writes new metadata into a spare volume (`lvol0_pmspare`) or a file. There is none, or it cannot
    /// hold what the pool maps; metadata that ran full needs a larger one.
    ///
    /// ## Why it matters
    /// The repair does not finish. The pool's own metadata stays as it was.
    ///
    /// ## What to do
    /// Make a larger spare or target first; the volume group needs free extents for it.
    ///
    /// ## References
    /// lvmthin(7), "Metadata check and repair", "Metadata space exhaustion"; thin_repair(8), thin_restore(8).
    ///
    /// ## Example
    /// ```host
    /// Output file too small.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "repair-space-too-small", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Critical,
        certainty: Certainty::Likely,
        messages: &[Message::RepairSpaceTooSmall, Message::SpareNotActivated],
        summary: "The repair has no room to write new metadata: the spare or the target is too small or not usable",
    },
    Claim {
        severity: Severity::Notice,
        certainty: Certainty::Certain,
        messages: &[Message::RepairWithoutSpare],
        summary: "The pool has no metadata spare, so LVM cannot repair it by itself",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding
        .advise(Advice::new(
            Risk::Reads,
            "see the spare, the metadata volume and what the group has free",
            &["lvs -a -o vg_name,lv_name,lv_size", "vgs"],
        ))
        .advise(Advice::new(Risk::Reads, "see the steps of a repair", &["thinspect plan repair"]))
}

//! Rule: the pool is not active, so nothing in it can be used.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool is not active, so nothing in it can be used.
    ///
    /// ## What it means
    /// LVM knows the pool and has not brought it up: it was deactivated, its activation is skipped or filtered
    /// (`auto_activation_volume_list`, `volume_list`, the skip flag), or the volume group was not scanned at boot.
    /// A pool whose check failed is not active either; then LVM has said so.
    ///
    /// ## Why it matters
    /// Every thin volume in it is missing for whoever uses it.
    ///
    /// ## What to do
    /// Activate it. If LVM refuses, its reason is the real trouble.
    ///
    /// ## References
    /// lvmthin(7); lvm.conf(5), `activation`; lvchange(8), `--setactivationskip`.
    ///
    /// ## Example
    /// ```host
    ///   Can't read state of locally inactive LV vg/pool.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-inactive", since "0.1.0", check
}

/// What lines prove, the strongest claim first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::PoolInactive],
    summary: "The pool is not active on this host: LVM cannot read its state or use it",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see which volumes are active, and which are skipped",
        &[
            "lvs -a -o vg_name,lv_name,lv_attr,lv_active,lv_skip_activation",
            "lvmconfig activation/volume_list activation/auto_activation_volume_list",
        ],
    ))
}

//! Rule: a hidden part of the pool (`_tdata`, `_tmeta` or the spare) is active on its own.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A hidden part of the pool (`_tdata`, `_tmeta` or the spare) is active on its own.
    ///
    /// ## What it means
    /// LVM refuses to activate, repair or convert a pool while one of its hidden volumes is open by itself: left
    /// over from an interrupted repair, from a crash at boot, or activated by hand to look at it.
    ///
    /// ## Why it matters
    /// The pool does not start until the part is let go.
    ///
    /// ## What to do
    /// See what holds the part open. Deactivate the part alone, then activate the pool.
    ///
    /// ## References
    /// lvmthin(7), "Metadata check and repair"; lvm2, lib/activate/activate.c.
    ///
    /// ## Example
    /// ```host
    ///   Thin pool data or metadata volume vg/thinpool_tmeta is active.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-component-active", since "0.1.0", check
}

/// What lines prove, the strongest claim first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::ComponentActive],
    summary: "A hidden part of the pool is active on its own, so LVM does not activate the pool",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see which parts are active, and who has them open",
        &["lvs -a -o vg_name,lv_name,lv_attr,lv_active", "dmsetup info -c -o name,open"],
    ))
}

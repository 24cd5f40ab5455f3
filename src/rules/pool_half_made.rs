//! Rule: the creation of a pool was interrupted, and parts of it are left.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The creation of a pool was interrupted, and parts of it are left.
    ///
    /// ## What it means
    /// lvcreate or lvconvert stopped in the middle. Volumes with the pool's names exist and are no pool yet.
    ///
    /// ## Why it matters
    /// Making the pool again fails, because the names are taken.
    ///
    /// ## What to do
    /// Look at what is left. If the pool never was in use, the parts can be removed; if it was, this is something
    /// else.
    ///
    /// ## References
    /// lvm2, lib/metadata/lv_manip.c.
    ///
    /// ## Example
    /// ```host
    ///   Manual intervention may be required to remove abandoned LV(s) before retrying.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-half-made", since "0.1.0", check
}

/// What lines prove, the strongest claim first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::PoolHalfMade],
    summary: "The creation of a pool or volume was interrupted, and parts of it are left",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see what is left of it",
        &["lvs -a", "vgcfgbackup -f /tmp/vg-text VG"],
    ))
}

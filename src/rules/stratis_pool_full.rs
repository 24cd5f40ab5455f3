//! Rule: a Stratis pool has no free space left to allocate.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A Stratis pool has no space left to give.
    ///
    /// ## What it means
    /// stratisd extends its thin pool from the block devices of the Stratis pool. They are allocated whole, so the
    /// thin pool or its metadata cannot grow.
    ///
    /// ## Why it matters
    /// When the thin pool itself is full, writes fail in every filesystem of the Stratis pool.
    ///
    /// ## What to do
    /// Add a block device to the pool, or remove filesystems and snapshots.
    ///
    /// ## References
    /// stratis(8); stratisd, src/engine/strat_engine/thinpool.
    ///
    /// ## Example
    /// ```host
    /// WS001: All devices fully allocated
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "stratis-pool-full", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::StratisFull],
    summary: "A Stratis pool has no space left: its thin pool cannot be extended",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see what the pool has and who uses it",
            &["stratis pool list", "stratis filesystem list", "stratis blockdev list"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("stratisd"), advice)
}

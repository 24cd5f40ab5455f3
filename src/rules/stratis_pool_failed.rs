//! Rule: stratisd stopped managing a pool until it is repaired by hand.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// stratisd does not work on a pool until it is mended by hand.
    ///
    /// ## What it means
    /// A change failed and could not be rolled back, devices of the pool are not unlocked or not there, or a limit
    /// was reached; stratisd refuses further changes.
    ///
    /// ## Why it matters
    /// The pool's filesystems may be missing, or cannot be changed.
    ///
    /// ## What to do
    /// See what stratisd reports of the pool, and the error that came first.
    ///
    /// ## References
    /// stratis(8); stratisd, src/engine/strat_engine/pool.
    ///
    /// ## Example
    /// ```host
    /// stratisd failed to perform the operation that you requested. It returned the following error: ERROR: Pool is in state NoRequests where this action cannot be performed until the issue is resolved manually.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "stratis-pool-failed", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::StratisFailed],
    summary: "stratisd refuses to set up or change a pool",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see the state of the pool, and what stratisd said first",
            &["stratis report", "journalctl -u stratisd"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("stratisd"), advice)
}

//! Rule: the line is about another device-mapper target, not a thin pool.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The line is of another device-mapper target, not of a thin pool.
    ///
    /// ## What it means
    /// dm-cache, dm-era, VDO and classic snapshots share words with thin pools. This line is theirs.
    ///
    /// ## Why it matters
    /// It may matter a great deal, but not to a thin pool, unless that lies on it.
    ///
    /// ## What to do
    /// Look at that target; see whether a pool lies on it.
    ///
    /// ## References
    /// Linux Documentation/admin-guide/device-mapper.
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] device-mapper: cache: 253:9: aborting current metadata transaction
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "other-target", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::OtherTarget],
    summary: "A line is of another device-mapper target: a cache, VDO or a classic snapshot, not of a thin pool",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(Risk::Reads, "see what lies on what", &["dmsetup ls --tree", "lvs -a -o+segtype,devices"])
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

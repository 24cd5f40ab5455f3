//! Rule: a monitor cannot see how full the pool or its devices are.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A monitor cannot see how full the pool or its devices are.
    ///
    /// ## What it means
    /// cAdvisor needs `thin_ls` and a metadata snapshot for the sizes of containers on devicemapper; without them
    /// it reports 0 or nothing. Its numbers for the pool itself come from `dmsetup status`.
    ///
    /// ## Why it matters
    /// Nobody is warned by these numbers.
    ///
    /// ## What to do
    /// Watch the pool itself: `thinspect check` or `thinspect metrics`. Install thin-provisioning-tools where
    /// cAdvisor runs, if its numbers are wanted.
    ///
    /// ## References
    /// cAdvisor, devicemapper/thin_pool_watcher.go, container/docker/factory.go.
    ///
    /// ## Example
    /// ```host
    /// E0312 04:17:55.229561    1402 factory.go:352] devicemapper filesystem stats will not be reported: unable to find thin_ls binary
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "monitor-blind", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::MonitorBlind],
    summary: "A monitor does not see the sizes of containers on this pool",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || Advice::new(Risk::Reads, "see how full the pool is", &["thinspect check"]);
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

//! Rule: the filesystem of the base device could not be grown to the configured size.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The filesystem of the base device could not be grown to the configured size.
    ///
    /// ## What it means
    /// Docker enlarged the base device (`dm.basesize`), and resize2fs or xfs_growfs failed on it: the filesystem
    /// wants a check first, is not mounted, or met an error of the pool.
    ///
    /// ## Why it matters
    /// The daemon or the container does not start with this size.
    ///
    /// ## What to do
    /// See what the tool said. Set the old size again to start, and check the filesystem of the base.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `growFS`; resize2fs(8), xfs_growfs(8).
    ///
    /// ## Example
    /// ```host
    /// docker: Error response from daemon: Failed to grow rootfs:exit status 1:resize2fs 1.42.9 (28-Dec-2013)
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "base-growth-failed", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::BaseGrowthFailed],
    summary: "The filesystem of a base device could not be grown to the configured size",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see the size that is asked for, and what the kernel said",
            &["cat /etc/docker/daemon.json", "dmesg | tail -50"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| queries::docker_subject(host), advice)
}

//! Rule: no filesystem could be made on a new thin device.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// No filesystem could be made on a new thin device.
    ///
    /// ## What it means
    /// The first writes to a new device failed: the pool is full, refuses changes or fails below, the device has no
    /// size, or mkfs does not take its options.
    ///
    /// ## Why it matters
    /// The base image, layer or volume is not usable, and a half-made device may stay in the pool.
    ///
    /// ## What to do
    /// See whether the pool has room and is writable, and what mkfs itself said.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `createFilesystem`; containerd, snapshots/devmapper,
    /// `mkfs`.
    ///
    /// ## Example
    /// ```host
    /// time="2023-05-11T08:14:52Z" level=info msg="Error while creating filesystem xfs on device docker-253:0-1835011-base: exit status 1" storage-driver=devicemapper
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "mkfs-failed", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::MkfsFailed],
    summary: "No filesystem could be made on a new thin device",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see whether the pool takes writes, and what the kernel said",
            &["dmsetup status --noflush --target thin-pool", "dmesg | tail -50"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line), advice)
}

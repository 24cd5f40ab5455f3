//! Rule: a tool that the storage driver or LVM calls is not installed.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A tool that the storage driver or LVM calls is not installed.
    ///
    /// ## What it means
    /// Docker, containerd and LVM run other programs: `mkfs.xfs`, `pvcreate`, `thin_check`, `dmsetup`,
    /// `blkdiscard`. One is not in the path that the daemon has.
    ///
    /// ## Why it matters
    /// What needs the tool fails; some drivers fall back to something else.
    ///
    /// ## What to do
    /// Install the package that has it: xfsprogs, e2fsprogs, lvm2, dmsetup, util-linux, thin-provisioning-tools
    /// (device-mapper-persistent-data).
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/device_setup.go; containerd, snapshots/devmapper/plugin.
    ///
    /// ## Example
    /// ```host
    /// failed to start daemon: error initializing graphdriver: error looking up command `pvcreate` while setting up direct lvm: exec: "pvcreate": executable file not found in $PATH
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "tool-missing", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::ToolMissing],
    summary: "A tool that the storage needs is not installed, or not in the daemon's path",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see which of them there are",
            &["command -v mkfs.xfs mkfs.ext4 pvcreate lvcreate thin_check dmsetup blkdiscard"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

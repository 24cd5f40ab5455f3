//! Rule: a filesystem could not be mounted for a reason other than the pool.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A filesystem could not be mounted for a reason of its own.
    ///
    /// ## What it means
    /// The device is there and readable; the mount itself was refused: two XFS filesystems with one UUID (a
    /// snapshot beside its origin, without `nouuid`), an SELinux context that does not fit, an option that the
    /// filesystem does not take.
    ///
    /// ## Why it matters
    /// The container or volume does not start. Nothing is lost.
    ///
    /// ## What to do
    /// Mount with what is missing (`nouuid`), or give the copy a UUID of its own while it is not mounted; for
    /// SELinux compare the options of the two mounts.
    ///
    /// ## References
    /// mount(8), xfs(5), xfs_admin(8).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] XFS (dm-6): Filesystem has duplicate UUID 2b1a5a4d-1111-4222-8333-444455556666 - can't mount
    /// ```
    /// ```host quiet
    /// [88231.507114] XFS (dm-5): Ending clean mount
    /// ```
    "mount-refused", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::MountRefused],
    summary: "A mount was refused for a reason of its own: the device is there, its UUID, label or options do not fit",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see what the kernel said, and which filesystems share a UUID",
            &["dmesg | grep -E 'XFS|EXT4|SELinux' | tail -20", "lsblk -o NAME,FSTYPE,UUID,MOUNTPOINT"],
        )
    };
    log_findings::from_claims(
        host,
        &RULE,
        CLAIMS,
        |line: &_| Subject::filesystem(log_findings::device_of(line)),
        advice,
    )
}

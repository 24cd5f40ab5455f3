//! Rule: a filesystem on a thin device or under the records is damaged.

use super::Finding;
use super::shared::log_findings;
use super::shared::log_findings::Claim;
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A filesystem on a thin device or under the records is damaged.
    ///
    /// ## What it means
    /// The filesystem met something that cannot be: a bad checksum, a structure that points nowhere, no magic
    /// number where one belongs. That can be the end of lost writes of a pool that was full, of a device that
    /// failed, or of a pool that was restored to another moment.
    ///
    /// ## Why it matters
    /// What is on it is not to be trusted, and the kernel stops writing to it or refuses to mount it.
    ///
    /// ## What to do
    /// First see that the pool and the devices under it are well: a check on a full or failing pool does more harm.
    /// Then copy what can be read, and check the filesystem while it is not mounted.
    ///
    /// ## References
    /// e2fsck(8), xfs_repair(8); Linux fs/ext4/super.c, fs/xfs/xfs_error.c.
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] XFS (dm-5): Metadata CRC error detected at xfs_agf_read_verify+0xd1/0xf0 [xfs], xfs_agf block 0x1
    /// ```
    /// ```host quiet
    /// [88231.507114] XFS (dm-5): Mounting V5 Filesystem
    /// ```
    "filesystem-damaged", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::FilesystemDamaged, Message::XfsCorruption],
    summary: "A filesystem is damaged: the kernel or a tool found what cannot be",
}];

fn check(host: &Host) -> Vec<Finding> {
    log_findings::strongest_about_filesystems(host, &RULE, CLAIMS).map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding
        .advise(Advice::new(
            Risk::Reads,
            "see that the pool and what is under it are well before any check",
            &["dmsetup status --noflush", "dmesg | grep -E 'I/O error|device-mapper|XFS|EXT4'"],
        ))
        .advise(Advice::new(Risk::Reads, "see which filesystem is on the device", &["lsblk -f"]))
}

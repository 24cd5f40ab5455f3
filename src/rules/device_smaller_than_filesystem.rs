//! Rule: a device is smaller than the filesystem on it.

use super::Finding;
use super::shared::log_findings;
use super::shared::log_findings::Claim;
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A device is smaller than the filesystem on it.
    ///
    /// ## What it means
    /// The filesystem was made on, or grown with, a larger device. The device was made smaller, a table names the
    /// old size, or the data under it was cut off.
    ///
    /// ## Why it matters
    /// What lies beyond the end cannot be read; the filesystem does not mount, or fails while in use.
    ///
    /// ## What to do
    /// Do not check or repair it: a repair throws away what is cut off. Bring the device back to its size first.
    ///
    /// ## References
    /// Linux block/blk-core.c, `bio_check_eod`; fs/ext4/super.c, `ext4_check_geometry`; lvreduce(8).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] EXT4-fs (dm-5): bad geometry: block count 26214400 exceeds size of device (2621440 blocks)
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "device-smaller-than-filesystem", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::FilesystemCutOff, Message::AccessBeyondEnd],
    summary: "A device is smaller than what is on it: the end of the filesystem is cut off",
}];

fn check(host: &Host) -> Vec<Finding> {
    log_findings::strongest_about_filesystems(host, &RULE, CLAIMS).map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "compare the sizes of the device, its table and the volume",
        &["lsblk -b", "dmsetup table", "lvs -a --units b"],
    ))
}

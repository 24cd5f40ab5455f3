//! Rule: overlay2 cannot be used on this filesystem.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// overlay2 cannot be used on this filesystem.
    ///
    /// ## What it means
    /// overlay needs a filesystem that stores file types in its directories (`d_type`): XFS made with `ftype=0`
    /// does not, and it cannot be changed afterwards.
    ///
    /// ## Why it matters
    /// The way off devicemapper needs another filesystem first.
    ///
    /// ## What to do
    /// Put the data root on a filesystem that was made with `ftype=1`, or on ext4.
    ///
    /// ## References
    /// docs.docker.com, "OverlayFS storage driver"; mkfs.xfs(8), `ftype`.
    ///
    /// ## Example
    /// ```host
    /// ERROR: XFS filesystem at /var/lib/docker has ftype=0, cannot use overlay backend; consider different driver or separate volume or OS reprovision
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "overlay-impossible", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::OverlayImpossible],
    summary: "overlay2 cannot be used here: the filesystem stores no file types in its directories",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice =
        || Advice::new(Risk::Reads, "see how the filesystem was made", &["xfs_info /var/lib/docker"]);
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

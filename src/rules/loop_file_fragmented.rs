//! Rule: a loop file is so fragmented that the kernel cannot allocate memory for its extents.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A loop file is torn into so many pieces that the kernel runs short of memory for its map.
    ///
    /// ## What it means
    /// A sparse loop file that grew in small steps has very many extents. XFS on older kernels keeps their list in
    /// one piece of memory, and waits when there is none.
    ///
    /// ## Why it matters
    /// Everything that uses the pool hangs from time to time.
    ///
    /// ## What to do
    /// Move off loop files, or copy the file while the pool is down; a newer kernel keeps the list in a tree
    /// (4.16).
    ///
    /// ## References
    /// Linux fs/xfs/kmem.c; xfs_bmap(8).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] XFS: dockerd(1213) possible memory allocation deadlock size 65552 in kmem_realloc (mode:0x250)
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "loop-file-fragmented", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::LoopFileFragmented],
    summary: "A file has so many extents that the kernel waits for memory to hold their list",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see how many extents the loop files have",
            &["filefrag /var/lib/docker/devicemapper/devicemapper/data"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

//! Rule: the kernel reports an internal error.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The kernel says of itself that this cannot be.
    ///
    /// ## What it means
    /// A check inside the kernel failed that holds whatever a pool's state is: a defect of the kernel, or memory
    /// that went bad.
    ///
    /// ## Why it matters
    /// What the kernel does from there on is not defined.
    ///
    /// ## What to do
    /// Note the kernel's version and the lines before. See whether a newer kernel of the same series has it fixed;
    /// check the memory.
    ///
    /// ## References
    /// Linux drivers/md/dm-bufio.c, drivers/md/persistent-data/dm-space-map-metadata.c.
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] device-mapper: bufio: leaked buffer 3, hold count 1, list 0
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "kernel-bug", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::KernelBug],
    summary: "A check of the kernel's own failed: a defect of this kernel, or bad memory",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see the kernel and the lines before",
            &["uname -r", "dmesg | grep -B 20 -A 20 -E 'bufio|recursive allocations'"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

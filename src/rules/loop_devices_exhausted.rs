//! Rule: no free loop device was available for the pool's files.

use super::shared::{advice, log_findings};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// No loop device could be had for the pool's files.
    ///
    /// ## What it means
    /// Docker looks for a free `/dev/loopN`. There is none: the kernel has no loop module, all of them are
    /// taken (often by containers that ran their own Docker and died), or the nodes are missing inside a
    /// container.
    ///
    /// ## Why it matters
    /// A Docker that keeps its pool in loop files does not start.
    ///
    /// ## What to do
    /// Load the module, and see what holds the devices that exist. Detach only those that nothing uses.
    ///
    /// ## References
    /// moby, pkg/loopback/attach_loopback.go; losetup(8).
    ///
    /// ## Example
    /// ```host
    /// [error] attach_loopback.go:42 There are no more loopback devices available.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "loop-devices-exhausted", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let lines = log_findings::lines(host, &[Message::LoopDevicesExhausted, Message::LoopAttachFailed]);
    let summary = "No loop device could be had for the pool's files";
    let subject = |_: &_| Subject::host("loop devices");
    let found =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary);
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding
        .advise(advice::inspect(
            "see which loop devices there are and what holds them",
            &["losetup -l", "ls -l /dev/loop*", "lsmod | grep '^loop'"],
        ))
        .advise(Advice::new(Risk::Changes, "load the loop module", &["modprobe loop"]))
}

//! Rule: the pool has failed.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool has failed: all I/O to it and to its thin devices fails.
    ///
    /// ## What it means
    /// The kernel could neither finish nor undo an operation on the metadata, most often because the device
    /// that holds the metadata gave I/O errors. Its status line is the bare word `Fail`, or `Error` where the
    /// kernel could not read its own numbers.
    ///
    /// ## Why it matters
    /// Nothing in the pool can be read or written, and it stays so until the pool is set up anew. What was
    /// written since the last commit is lost; what was committed is usually still on the disk.
    ///
    /// ## What to do
    /// Touch nothing yet. Look at the kernel's log for the device that failed, save a copy of the metadata,
    /// and only then check and repair it (`thinspect plan repair`).
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `PM_FAIL`.
    ///
    /// ## Example
    /// ```host
    /// pool: 0 524288 thin-pool Fail
    /// ```
    /// ```host quiet
    /// pool: 0 524288 thin-pool 1 120/2048 1000/1024 - rw discard_passdown queue_if_no_space - 512
    /// ```
    "pool-failed", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let from_lvm = queries::health(host, pool) == Some('F');
    if pool.mode != Some(Mode::Failed) && !from_lvm {
        return None;
    }
    let (fact, value) = if from_lvm { ("health in the attributes", "F, failed") } else { ("mode", "Fail") };
    let summary = "The pool has failed: all I/O to it and its thin devices fails";
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence(fact, value, queries::source(pool))
        .with_log_lines(&log_findings::for_pool(
            host,
            pool,
            &[Message::TransactionAbortFailed, Message::PoolToFail],
        ));
    Some(finding.advise(advice::kernel_log()).advise(advice::repair(pool)))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(host, &[Message::PoolToFail, Message::TransactionAbortFailed]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "The kernel says that a pool has failed: all I/O to it fails";
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    Some(finding.advise(advice::kernel_log()).advise(advice::repair(&Pool::default())))
}

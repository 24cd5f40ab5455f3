//! Rule: the pool is read-only.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool is read-only: writes to new space fail, and nothing can be made or deleted in it.
    ///
    /// ## What it means
    /// The kernel takes a pool out of write mode when an operation on its metadata failed, or when the
    /// metadata is full. From then on every message to it is refused (`unable to service pool target messages
    /// in READ_ONLY or FAIL mode`), which Docker shows as `dm_task_run failed`, whatever it tried.
    ///
    /// ## Why it matters
    /// `docker rm` and `docker rmi` cannot free space any more, containers cannot start, and running ones get
    /// I/O errors for every write that needs a new block.
    ///
    /// ## What to do
    /// Find out which of the two it is. Metadata all used and no `needs_check`: grow the metadata.
    /// `needs_check`: check and repair offline, before anything else. Otherwise look at the device under the
    /// pool.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `set_pool_mode`, `metadata_operation_failed`, `pool_message`.
    ///
    /// ## Example
    /// ```host
    /// docker-254:0-393239-pool: 0 4194304 thin-pool 4 75/512 321/32768 - ro discard_passdown queue_if_no_space needs_check 128
    /// ```
    /// ```host quiet
    /// docker-254:0-393239-pool: 0 4194304 thin-pool 4 75/512 321/32768 - rw discard_passdown queue_if_no_space - 128
    /// ```
    "pool-read-only", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let from_lvm = queries::health(host, pool) == Some('M');
    if pool.mode != Some(Mode::ReadOnly) && !from_lvm {
        return None;
    }
    let why = if queries::metadata_is_full(pool) {
        "because its metadata is full"
    } else if pool.needs_check == Some(true) {
        "after a failed metadata operation; it needs an offline check"
    } else {
        "after a failed metadata operation"
    };
    let (fact, value) =
        if from_lvm { ("health in the attributes", "M, metadata read-only") } else { ("mode", "ro") };
    let summary = format!("The pool is read-only {why}");
    let mut finding =
        Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
            .with_evidence(fact, value, queries::source(pool));
    if let Some(used) = queries::metadata_used_of(pool) {
        finding = finding.with_evidence("metadata in use", used, queries::source(pool));
    }
    let lines = log_findings::for_pool(
        host,
        pool,
        &[Message::MetadataOperationFailed, Message::PoolToReadOnly, Message::PoolToOutOfMetadata],
    );
    Some(finding.with_log_lines(&lines).advise(advice::kernel_log()).advise(advice::repair(pool)))
}

fn check_log(host: &Host) -> Option<Finding> {
    let plain = [
        Message::PoolToReadOnly,
        Message::MessagesRefused,
        Message::PoolRefuses,
        Message::MetadataOperationFailed,
    ];
    let lines = log_findings::not_superseded(host, &plain);
    let subject = |s: &_| queries::pool_subject(host, s);
    let (lines, certainty, summary) = if lines.is_empty() {
        let refused = log_findings::not_superseded(
            host,
            &[Message::DeleteDeviceFailed, Message::RollbackFailed, Message::ThinDeleteFailed],
        );
        let text = "Docker could not delete a thin device; a read-only pool refuses every change like this";
        (refused, Certainty::Possible, text)
    } else {
        (lines, Certainty::Likely, "The kernel says that a pool is read-only or has failed")
    };
    let finding = log_findings::finding(&RULE, (Severity::Critical, certainty), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise(advice::kernel_log()))
}

//! Rule: the pool's metadata is marked for an offline check.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's metadata is marked `needs_check`: it stays read-only and cannot grow until it was repaired.
    ///
    /// ## What it means
    /// An operation on the metadata failed, for want of space or because of an I/O error, and the kernel set
    /// a mark on the disk. It survives a reboot; nothing but an offline check and repair takes it off.
    ///
    /// ## Why it matters
    /// Until then the pool refuses writes, deletions and growth (`unable to grow the data device until
    /// repaired`). Often the cause lies below: a full filesystem under a loop file, or a failing disk. A
    /// repair before that is cured fails again. A pool that is full as well cannot grow before the repair.
    ///
    /// ## What to do
    /// Cure the cause, stop what uses the pool, save the metadata, then check and repair it
    /// (`thinspect plan repair` gives the steps and how to undo each). Grow a full pool right after that.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin-metadata.c, `dm_pool_metadata_set_needs_check`; thin_repair(8).
    ///
    /// ## Example
    /// ```host
    /// docker-254:0-393239-pool: 0 4194304 thin-pool 4 75/512 321/32768 - ro discard_passdown queue_if_no_space needs_check 128
    /// ```
    /// ```host quiet
    /// docker-254:0-393239-pool: 0 4194304 thin-pool 4 75/512 321/32768 - ro discard_passdown queue_if_no_space - 128
    /// ```
    "pool-needs-check", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(check_pool).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    if pool.needs_check != Some(true) {
        return None;
    }
    let full = pool.data.is_full();
    let more = if full { "; it is full as well, and can grow only after that" } else { "" };
    let summary =
        format!("The pool's metadata is marked needs_check: it must be checked and repaired offline{more}");
    let mut finding =
        Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
            .with_evidence("check", "needs_check", queries::source(pool));
    if let Some(used) = queries::used_of(&pool.data).filter(|_| full) {
        finding = finding.with_evidence("data in use", used, queries::source(pool));
    }
    Some(finding.advise(advice::kernel_log()).advise(advice::repair(pool)))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(host, &[Message::NeedsCheck, Message::NeedsCheckNotSet]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let level = (Severity::Critical, Certainty::Likely);
    let summary = "The kernel says that a pool's metadata must be repaired before it can be written or grow";
    let known = log_findings::finding(&RULE, level, &lines, subject, summary);
    // blkid's exit status 2, when Docker asks for the UUID: the base device could not be read at all.
    let unreadable = || {
        let mut lines =
            log_findings::not_superseded(host, &[Message::UuidVerificationFailed, Message::UuidUnreadable]);
        lines.retain(|s| s.text.contains("exit status 2"));
        let text =
            "Docker could not read its base device, as after a pool filled up and was marked needs_check";
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Possible), &lines, subject, text)
    };
    let finding = known.or_else(unreadable)?;
    let pool = Pool::default();
    Some(finding.advise(advice::status(&pool)).advise(advice::kernel_log()).advise(advice::repair(&pool)))
}

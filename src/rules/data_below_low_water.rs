//! Rule: the pool's free data is at or under its own low-water mark.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's free data blocks are at or under the low-water mark of its table.
    ///
    /// ## What it means
    /// When free data blocks fall to the mark, the kernel raises one event and writes `reached low water mark
    /// for data device`. LVM's dmeventd acts on it by growing the pool; Docker does not listen to it. Docker
    /// sets the mark to 32768 blocks, 2 GiB of the usual 64 KiB blocks, whatever the size of the pool.
    ///
    /// ## Why it matters
    /// It is the kernel's last word before the pool is full, and it says it only once until the pool is
    /// resumed.
    ///
    /// ## What to do
    /// See whether anybody grows the pool by itself; if not, make room or grow it now.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `check_low_water_mark`.
    ///
    /// ## Example
    /// ```host
    /// vg-pool: 0 209715200 thin-pool 253:0 253:1 128 32768 1 skip_block_zeroing
    /// vg-pool: 0 209715200 thin-pool 28 16057/524288 1605632/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    /// A mark that was lowered leaves more room:
    /// ```host quiet
    /// vg-pool: 0 209715200 thin-pool 253:0 253:1 128 1024 1 skip_block_zeroing
    /// vg-pool: 0 209715200 thin-pool 28 16057/524288 1605632/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "data-below-low-water", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let (free, mark) = (pool.data.free()?, pool.data.low_water?);
    if mark.0 == 0 || free > mark {
        return None;
    }
    // A pool smaller than Docker's fixed mark is below it from the start, so this is not reported.
    let always_below = pool.data.total.is_some_and(|t| t <= mark);
    let nearly = pool.data.above(80).unwrap_or(true);
    let severity = if always_below || !nearly { Severity::Notice } else { Severity::Warning };
    let more =
        if always_below { "; the whole pool is smaller than the mark, so this was always so" } else { "" };
    let summary = format!("{} data blocks are free, the low-water mark is {}{more}", free.0, mark.0);
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("free data blocks", free.0.to_string(), queries::source(pool))
        .with_evidence("low-water mark", mark.0.to_string(), "thin-pool table");
    Some(finding.advise(advice::usage(pool)).advise_all(advice::grow_data(host, pool, None)))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(host, &[Message::LowWaterData]);
    let summary = "The kernel says that a pool's free data fell to its low-water mark";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise_all(advice::grow_data(host, &pool, None)))
}

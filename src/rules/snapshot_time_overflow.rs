//! Rule: the pool's snapshot counter is near or past the range of a mapping's timestamp.

use super::shared::advice;
use super::{Finding, Subject};
use crate::advice::quote;
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's snapshot counter nears, or has passed, the largest number that a mapping can hold.
    ///
    /// ## What it means
    /// Each snapshot raises a counter in the pool's superblock, called its time though it is no clock. A mapping keeps
    /// the counter's value beside the block's number, in 24 bits, and the kernel packs both into one number without a
    /// mask. From 2^24 (16777216) on, the upper bits of the counter change the number of the block.
    ///
    /// ## Why it matters
    /// Past that point, new blocks read back as other blocks: data is mixed up without an error, in volumes that look
    /// healthy. Every layer and every container start of Docker or containerd, and every LVM thin snapshot, is at least
    /// one step; one snapshot a minute lasts 32 years, one a second 194 days.
    ///
    /// ## What to do
    /// Before the end: make fewer snapshots, and move the volumes to a new pool, whose counter starts at 0, while there is
    /// time. A copy of the metadata (`thin_dump`, `thin_restore`) keeps the counter and does not help. Past the end: stop
    /// writing, and trust only backups from before.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin-metadata.c, `pack_block_time`, `unpack_block_time` and `__create_snap`;
    /// QubesOS/qubes-issues, 3244.
    ///
    /// ## Example
    /// ```host
    /// {"ask":"dm-list","said":"253:2 0 pool"}
    /// {"ask":"dm-table","of":"pool","said":"0 524288 thin-pool 253:0 253:1 512 0"}
    /// {"ask":"dm-status","of":"pool","said":"0 524288 thin-pool 1 120/2048 500/1024 - rw discard_passdown queue_if_no_space - 512"}
    /// {"ask":"pool-metadata","of":"253:0","said":"{\"is\":\"pool\",\"transaction_id\":1,\"snapshot_time\":15099500,\"used_metadata_blocks\":20,\"total_metadata_blocks\":2048,\"devices\":0,\"damaged\":0,\"steady\":true}"}
    /// ```
    /// ```host quiet
    /// {"ask":"dm-list","said":"253:2 0 pool"}
    /// {"ask":"dm-table","of":"pool","said":"0 524288 thin-pool 253:0 253:1 512 0"}
    /// {"ask":"dm-status","of":"pool","said":"0 524288 thin-pool 1 120/2048 500/1024 - rw discard_passdown queue_if_no_space - 512"}
    /// {"ask":"pool-metadata","of":"253:0","said":"{\"is\":\"pool\",\"transaction_id\":1,\"snapshot_time\":8000000,\"used_metadata_blocks\":20,\"total_metadata_blocks\":2048,\"devices\":0,\"damaged\":0,\"steady\":true}"}
    /// ```
    "snapshot-time-overflow", since "0.1.0", check
}

/// Percent of the counter's range from which it is a warning, and critical.
const WARNING_PERCENT: u64 = 50;
const CRITICAL_PERCENT: u64 = 90;

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(check_pool).collect()
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    let time = pool.metadata_contents.as_ref()?.snapshot_time?;
    let limit = time.limit();
    let left = limit.saturating_sub(time.count());
    let percent = time.count().saturating_mul(100) / limit;
    let (severity, summary) = match (left, percent) {
        (0, _) => (
            Severity::Critical,
            format!(
                "The snapshot counter has passed its end: {} of {limit}. New blocks read back as others: stop writing",
                time.count()
            ),
        ),
        (_, CRITICAL_PERCENT..) => (Severity::Critical, nearing(time.count(), limit, left)),
        (_, WARNING_PERCENT..) => (Severity::Warning, nearing(time.count(), limit, left)),
        _ => return None,
    };
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence(
            "snapshot counter",
            format!("{} of {limit}", time.count()),
            "superblock of the pool's metadata",
        );
    let look = pool.name.as_deref().map(|name| format!("thinspect status -v --pool {}", quote(name)));
    let look = look.unwrap_or_else(|| "thinspect status -v".to_owned());
    Some(finding.advise(advice::inspect(
        "see later how fast it moves, and stop what makes snapshots without need",
        &[&look],
    )))
}

fn nearing(count: u64, limit: u64, left: u64) -> String {
    format!(
        "The snapshot counter stands at {count} of {limit}: after {left} more snapshots new blocks read back as others"
    )
}

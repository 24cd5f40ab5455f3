//! Rule: no free metadata block is left in the pool.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::{METADATA_BLOCKS_MAX, MetadataBlocks};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool has no free metadata block: it is read-only, and nothing can be made or deleted.
    ///
    /// ## What it means
    /// Metadata says which data block belongs to which thin device. With none of it free the pool turns
    /// read-only: the status line says `ro` with all metadata used. Newer kernels (4.19 and later) keep a
    /// small reserve of min(4096 blocks, a tenth), count it as used, and stop in good order: growing the
    /// metadata cures the pool without a repair. Older kernels end with `needs_check`.
    ///
    /// ## Why it matters
    /// Writes to new space fail with I/O errors, and so does every deletion: `docker rm` cannot make room.
    ///
    /// ## What to do
    /// Grow the metadata (`thinspect plan grow`); where `needs_check` is set, check and repair it first
    /// (`thinspect plan repair`).
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `PM_OUT_OF_METADATA_SPACE`; commit 3ab91828, the reserve.
    ///
    /// ## Example
    /// ```host
    /// pool: 0 8388608 thin-pool 0 1024/1024 4977/65536 - ro discard_passdown queue_if_no_space - 256
    /// ```
    /// A fresh small pool counts its reserve as used:
    /// ```host quiet
    /// pool: 0 8388608 thin-pool 0 110/1024 0/65536 - rw discard_passdown queue_if_no_space - 256
    /// ```
    "metadata-full", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    if !queries::metadata_is_full(pool) {
        return None;
    }
    let used = queries::metadata_used_of(pool)?;
    let certainty = if pool.metadata.exact { Certainty::Certain } else { Certainty::Likely };
    let damaged = pool.needs_check == Some(true);
    let state = match (&pool.mode, pool.needs_check) {
        (_, Some(true)) => "; it is read-only and its metadata must be checked offline before it can grow",
        (Some(Mode::ReadOnly), Some(false)) => {
            "; it is read-only until the metadata grows, and needs no repair"
        }
        (Some(Mode::ReadOnly), None) => {
            "; it is read-only until the metadata grows (or, on old kernels, is repaired)"
        }
        _ => "",
    };
    let summary = text!("The pool's metadata is full: {}{}", used, state);
    let mut finding = Finding::new(&RULE, Severity::Critical, certainty, Subject::pool(pool), summary)
        .with_evidence("metadata in use", used, queries::source(pool));
    if pool.metadata.total.is_some_and(|t| t >= METADATA_BLOCKS_MAX) {
        let most = METADATA_BLOCKS_MAX.0.to_string();
        finding = finding.with_evidence(
            "the most metadata blocks the kernel uses",
            most,
            "dm-space-map-metadata.h",
        );
    }
    let finding = if damaged { finding.advise(advice::repair(pool)) } else { finding };
    Some(finding.advise_all(advice::grow_metadata(host, pool, doubled(pool))).advise(advice::status(pool)))
}

/// Doubles the metadata, so that growing need not be repeated soon.
fn doubled(pool: &Pool) -> Option<crate::host::model::units::Bytes> {
    let total = pool.metadata.total.filter(|t| *t < METADATA_BLOCKS_MAX)?;
    let more = MetadataBlocks(total.0.min(METADATA_BLOCKS_MAX.0 - total.0));
    Some(crate::host::model::units::Blocks::bytes(more, crate::host::model::units::METADATA_BLOCK))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(
        host,
        &[Message::NoFreeMetadata, Message::PoolToOutOfMetadata, Message::MetadataOutOfSpace],
    );
    let summary = "A pool's metadata is full: the kernel or a metadata tool found no free block in it";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise_all(advice::grow_metadata(host, &pool, None)))
}

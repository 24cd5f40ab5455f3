//! Rule: the metadata is too small to record all of the data.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::BITMAP_BLOCKS;
use crate::host::model::units::{Blocks, METADATA_BLOCK, MetadataBlocks, percent_of};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The metadata is too small for the data: it would be full before the data is.
    ///
    /// ## What it means
    /// One metadata block records at least 126 data blocks of one device when half full, as B-tree blocks are
    /// in the worst case. Recording every data block once would take more than there is, the kernel's reserve
    /// (min(4096 blocks, a tenth)) included. Snapshots and layers need more still: where a quarter of the data is
    /// in use, and the metadata could be read, the rate so far is carried on to the end as well.
    ///
    /// ## Why it matters
    /// Full metadata makes the pool read-only while data blocks are free, which surprises everybody.
    ///
    /// ## What to do
    /// Grow the metadata now (`thinspect plan grow`): it takes a moment and interrupts nothing.
    ///
    /// ## References
    /// thin_metadata_size(8); Linux Documentation/admin-guide/device-mapper/thin-provisioning.rst.
    ///
    /// ## Example
    /// ```host
    /// pool: 0 2147483648 thin-pool 4 300/6144 181/16777216 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    /// ```host quiet
    /// pool: 0 209715200 thin-pool 28 16057/524288 1474560/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "metadata-undersized", since "0.1.0", check
}

/// Mappings in a half-full leaf of the B-tree; a full one has 252 (4096 bytes less a 32-byte header, 16 bytes each).
const MAPPINGS_PER_BLOCK: u64 = 126;
/// The most blocks that the kernel reserves.
const RESERVE: u64 = 4096;
/// Percent of data in use from which the rate so far can be extrapolated.
const TELLING_PERCENT: u64 = 25;

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let (data, metadata) = (pool.data.total?, pool.metadata.total?);
    let reserve = RESERVE.min(metadata.0 / 10);
    let mappings = data.0.div_ceil(MAPPINGS_PER_BLOCK).saturating_add(1);
    let worst = MetadataBlocks(mappings.saturating_add(reserve));
    let seen = at_this_rate(pool).map(|blocks| MetadataBlocks(blocks.saturating_add(reserve)));
    let needed = seen.map_or(worst, |seen| seen.max(worst));
    if needed <= metadata {
        return None;
    }
    let (has, wants) = (metadata.bytes(METADATA_BLOCK), needed.bytes(METADATA_BLOCK));
    let by_seen = seen.is_some_and(|seen| seen > metadata);
    let which = if by_seen { "at the rate so far it" } else { "the worst case" };
    let summary =
        text!("The metadata would be full before the data is: it has {}, {} needs {}", has, which, wants);
    let mut finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("metadata blocks", metadata.0.to_string(), queries::source(pool))
        .with_evidence("worst case of one mapping a data block", format!("{} blocks", worst.0), "computed");
    if let Some((seen, contents)) = seen.zip(pool.metadata_contents.as_ref()) {
        let used = contents.metadata_used.unwrap_or_default().0;
        let mapped: u64 = contents.devices.values().filter_map(|d| d.mapped).map(|b| b.0).sum();
        let now = format!("{used} blocks for {} devices with {mapped} mappings", contents.devices.len());
        finding = finding
            .with_evidence("metadata in use, without the kernel's reserve", now, "the pool's metadata")
            .with_evidence("when the data is full at that rate", format!("{} blocks", seen.0), "computed");
    }
    Some(finding.advise_all(advice::grow_metadata(host, pool, Some(wants.minus(has)))))
}

/// Metadata blocks in use once the data is full, extrapolated from the use per data block so far: snapshots and
/// layers that share data have their own mappings. `None` while too little data is in use to extrapolate.
fn at_this_rate(pool: &Pool) -> Option<u64> {
    let (used, total) = (pool.data.used.filter(|used| used.0 > 0)?.0, pool.data.total?.0);
    let metadata = pool.metadata_contents.as_ref()?.metadata_used?.0;
    if used < percent_of(total, TELLING_PERCENT) {
        return None;
    }
    let fixed = total.div_ceil(BITMAP_BLOCKS).min(metadata);
    let growing = u128::from(metadata - fixed) * u128::from(total) / u128::from(used);
    u64::try_from(growing).ok()?.checked_add(fixed)
}

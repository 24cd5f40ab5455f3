//! Rule: the metadata is too small to record all of the data.

use super::{Finding, Subject, advise, judge};
use crate::host::Host;
use crate::host::pool::Pool;
use crate::host::units::{Blocks, METADATA_BLOCK, MetadataBlocks};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The metadata is too small for the data: it would be full before the data is.
    ///
    /// ## What it means
    /// One metadata block records at least 126 data blocks of one device when half full, as B-tree blocks are
    /// in the worst case. Recording every data block once would take more than there is, the kernel's reserve
    /// (min(4096 blocks, a tenth)) included. Snapshots and layers need more still.
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

/// Mappings in a leaf of the B-tree that is half full: 252 fit (4096 bytes less 32 of header, by 16).
const MAPPINGS_PER_BLOCK: u64 = 126;
/// Blocks the kernel keeps back at most.
const RESERVE: u64 = 4096;

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| of_pool(host, p)).collect()
}

fn of_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let (data, metadata) = (pool.data.total?, pool.metadata.total?);
    let mappings = data.0.div_ceil(MAPPINGS_PER_BLOCK).saturating_add(1);
    let needed = MetadataBlocks(mappings.saturating_add(RESERVE.min(metadata.0 / 10)));
    if needed <= metadata {
        return None;
    }
    let (has, wants) = (metadata.bytes(METADATA_BLOCK), needed.bytes(METADATA_BLOCK));
    let summary =
        format!("The metadata would be full before the data is: it has {has}, the worst case needs {wants}");
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, Subject::pool(pool), summary)
        .because("metadata blocks", metadata.0.to_string(), judge::source(pool))
        .because("worst case", format!("{} blocks", needed.0), "computed");
    Some(finding.advise_all(advise::grow_metadata(host, pool, Some(wants.minus(has)))))
}

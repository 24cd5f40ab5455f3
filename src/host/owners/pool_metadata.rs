//! Parses the recorded facts from a pool's metadata.
//! If the metadata changed while it was read, it counts neither as complete nor as damaged.

use super::json_lines::{parse, sanitize};
use crate::host::model::pool::Pool;
use crate::host::model::pool_metadata::{DeviceDetails, PoolMetadata, SnapshotTime};
use crate::host::model::units::{DataBlocks, MetadataBlocks};
use crate::record::owners::pool_metadata::Line;
use crate::record::{Query, Recording};

/// The facts from a pool's metadata; `None` if it was not read.
pub(in crate::host) fn read(recording: &Recording, pool: &Pool) -> Option<PoolMetadata> {
    let target = pool.metadata_backing.device?.to_string();
    recording.said(Query::PoolMetadata, &target)?;
    let mut gaps = Vec::new();
    let lines: Vec<Line> = parse(recording, Query::PoolMetadata, &target, &mut gaps);
    let (mut contents, mut is_consistent, mut expected) = (PoolMetadata::default(), true, None);
    for line in lines {
        match line {
            Line::Pool {
                transaction_id,
                snapshot_time,
                used_metadata_blocks,
                devices,
                damaged,
                steady,
                ..
            } => {
                expected = Some(devices);
                contents.transaction_id = Some(transaction_id);
                contents.snapshot_time = snapshot_time.map(SnapshotTime);
                contents.metadata_used = Some(MetadataBlocks(used_metadata_blocks));
                (contents.damaged, is_consistent) = (damaged, steady);
            }
            Line::Device { id, mapped_blocks, transaction_id } => {
                let mapped = mapped_blocks.map(DataBlocks);
                contents.devices.insert(id, DeviceDetails { mapped, transaction_id });
            }
            Line::Damage { block, what } => contents.damage.push((block, sanitize(&what))),
        }
    }
    if !is_consistent {
        (contents.damage, contents.damaged) = (Vec::new(), 0);
    }
    contents.complete = is_consistent
        && gaps.is_empty()
        && contents.damage.is_empty()
        && expected == Some(contents.devices.len());
    Some(contents)
}

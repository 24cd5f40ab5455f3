//! What a pool's own metadata says of the pool and of the thin devices in it.
//! Refuses to mix moments: where the metadata changed while it was read, nothing in it counts as whole or damaged.

use super::json_lines::{objects, plain};
use crate::host::model::pool::Pool;
use crate::host::model::pool_metadata::{DeviceDetails, PoolMetadata};
use crate::host::model::units::{DataBlocks, MetadataBlocks};
use crate::record::owners::pool_metadata::Line;
use crate::record::{Query, Recording};

/// What the metadata of a pool says; `None` where it was not read.
pub(in crate::host) fn read(recording: &Recording, pool: &Pool) -> Option<PoolMetadata> {
    let target = pool.metadata_backing.device?.to_string();
    recording.said(Query::PoolMetadata, &target)?;
    let mut gaps = Vec::new();
    let lines: Vec<Line> = objects(recording, Query::PoolMetadata, &target, &mut gaps);
    let (mut inside, mut one_moment, mut expected) = (PoolMetadata::default(), true, None);
    for line in lines {
        match line {
            Line::Pool { transaction_id, used_metadata_blocks, devices, damaged, steady, .. } => {
                expected = Some(devices);
                inside.transaction_id = Some(transaction_id);
                inside.metadata_used = Some(MetadataBlocks(used_metadata_blocks));
                (inside.damaged, one_moment) = (damaged, steady);
            }
            Line::Device { id, mapped_blocks, transaction_id } => {
                let mapped = mapped_blocks.map(DataBlocks);
                inside.devices.insert(id, DeviceDetails { mapped, transaction_id });
            }
            Line::Damage { block, what } => inside.damage.push((block, plain(&what))),
        }
    }
    if !one_moment {
        (inside.damage, inside.damaged) = (Vec::new(), 0);
    }
    inside.whole =
        one_moment && gaps.is_empty() && inside.damage.is_empty() && expected == Some(inside.devices.len());
    Some(inside)
}

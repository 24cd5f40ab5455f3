//! Adapter that lets `record` read pool metadata without depending on `metadata`.
//! Reads only the superblock and the devices' details, which are a few blocks even in a large pool.

use crate::metadata::{self, Blocks, Error, MetadataFile, Options, Usage};
use crate::record::owners::pool_metadata::Line;
use std::fs::File;

/// Most damage lines; the pool's line has the total number.
const DAMAGE_LINES: usize = 20;

/// Reads the pool's and its thin devices' counts from an open metadata device.
///
/// # Errors
/// A sentence, if the first block cannot be read.
pub fn pool_metadata(device: File) -> Result<Vec<Line>, String> {
    let source = MetadataFile::of(device).map_err(|error| error.to_string())?;
    lines(&source)
}

fn lines(source: &dyn Blocks) -> Result<Vec<Line>, String> {
    let options = Options { threads: 1, details_only: true, ..Options::default() };
    match metadata::read(source, &options) {
        Ok(usage) => Ok(usage_lines(&usage)),
        Err(Error::Io(error)) => Err(error.to_string()),
        // Without a valid superblock nothing else can be read.
        Err(error) => Ok(vec![Line::Damage { block: 0, what: error.to_string() }]),
    }
}

fn usage_lines(usage: &Usage) -> Vec<Line> {
    let mut lines = vec![Line::Pool {
        transaction_id: usage.transaction_id,
        snapshot_time: Some(usage.time),
        used_metadata_blocks: usage.metadata.used_blocks,
        total_metadata_blocks: usage.metadata.total_blocks,
        devices: usage.devices.len(),
        damaged: usage.damaged,
        steady: usage.consistent,
    }];
    let damage = usage.damage.iter().take(DAMAGE_LINES);
    lines.extend(damage.map(|d| Line::Damage { block: d.block, what: d.what.to_string() }));
    lines.extend(usage.devices.iter().map(|device| Line::Device {
        id: device.device_id,
        mapped_blocks: device.mapped_blocks,
        transaction_id: device.transaction_id,
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::metadata::Memory;
    use crate::record::owners::pool_metadata::Line;

    #[test]
    fn no_superblock_is_damage() {
        for device in [vec![0; 8192], Vec::new()] {
            let lines = lines(&Memory(device)).unwrap();
            assert!(matches!(lines.as_slice(), [Line::Damage { block: 0, .. }]), "{lines:?}");
        }
    }
}

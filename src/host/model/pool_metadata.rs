//! Facts from a pool's metadata about the pool and its thin devices.
//!
//! Types only; [`crate::host::owners::pool_metadata`] fills them.

use super::units::{DataBlocks, MetadataBlocks};
use std::collections::BTreeMap;

/// Facts from a pool's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolMetadata {
    /// The owner's transaction id on disk.
    pub transaction_id: Option<u64>,
    /// The snapshot counter.
    pub snapshot_time: Option<SnapshotTime>,
    /// Used metadata blocks, without the reserve that status lines add.
    pub metadata_used: Option<MetadataBlocks>,
    /// Its thin devices by id.
    pub devices: BTreeMap<u32, DeviceDetails>,
    /// The first damaged places: metadata block and description.
    pub damage: Vec<(u64, String)>,
    /// Number of damaged places.
    pub damaged: u64,
    /// Whether `devices` has all devices of one transaction.
    pub complete: bool,
}

/// The pool's snapshot counter, `time` in its superblock: a generation, not a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTime(pub u32);

impl SnapshotTime {
    /// Number of snapshots made so far.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0 as u64
    }

    /// The first value that does not fit a mapping, which stores 24 bits of it (drivers/md/dm-thin-metadata.c,
    /// `unpack_block_time`).
    #[must_use]
    pub const fn limit(self) -> u64 {
        1 << 24
    }
}

/// A thin device in the pool's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceDetails {
    /// Data blocks it maps, including shared ones.
    pub mapped: Option<DataBlocks>,
    /// The pool's transaction id when it was created.
    pub transaction_id: Option<u64>,
}

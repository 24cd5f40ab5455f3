//! What a pool's own metadata says of the pool and of the thin devices in it.
//!
//! Types only; [`crate::host::owners::pool_metadata`] reads them.

use super::units::{DataBlocks, MetadataBlocks};
use std::collections::BTreeMap;

/// What a pool's metadata says of the pool and of its thin devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolMetadata {
    /// The owner's transaction counter on the disk.
    pub transaction_id: Option<u64>,
    /// The counter of snapshots.
    pub snapshot_time: Option<SnapshotTime>,
    /// Metadata blocks in use, without the kernel's reserve that status lines add.
    pub metadata_used: Option<MetadataBlocks>,
    /// Its thin devices by id.
    pub devices: BTreeMap<u32, DeviceDetails>,
    /// What is damaged, by metadata block; the first of it.
    pub damage: Vec<(u64, String)>,
    /// How much is damaged.
    pub damaged: u64,
    /// Whether these are all devices, as they were at one moment.
    pub complete: bool,
}

/// The pool's counter of snapshots, `time` in its superblock: a generation, not a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTime(pub u32);

impl SnapshotTime {
    /// Snapshots made so far.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0 as u64
    }

    /// The first value that a mapping cannot hold: it keeps 24 bits (drivers/md/dm-thin-metadata.c,
    /// `unpack_block_time`).
    #[must_use]
    pub const fn limit(self) -> u64 {
        1 << 24
    }
}

/// A thin device in the pool's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceDetails {
    /// Data blocks it maps, shared ones included.
    pub mapped: Option<DataBlocks>,
    /// The pool's transaction id when it was made.
    pub transaction_id: Option<u64>,
}

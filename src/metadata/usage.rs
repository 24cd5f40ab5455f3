//! Block counts of a pool and of each of its thin devices.
//! A count that could not be read is `None`, never 0.

use super::damage::Damage;
use super::superblock::SpaceMapRoot;

/// Use of a pool's data blocks, from its B-trees. If [`Usage::consistent`], every count that is `Some` is exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Transaction id of the trees that were read.
    pub transaction_id: u64,
    /// The pool's snapshot counter in these trees.
    pub time: u32,
    /// The pool needs `thin_check` before it can be read-write again.
    pub needs_check: bool,
    /// Metadata block of the held metadata snapshot, if one is held.
    pub held_root: Option<u64>,
    /// The devices are those in the held metadata snapshot, not the current ones.
    pub through_held_root: bool,
    /// Size of a data block in sectors of 512 bytes.
    pub data_block_sectors: u32,
    /// Used and total data blocks by the superblock.
    pub data: SpaceMapRoot,
    /// Used and total metadata blocks of 4 KiB, without the reserve that status lines add.
    pub metadata: SpaceMapRoot,
    /// The thin devices by ascending id.
    pub devices: Vec<Device>,
    /// Allocated data blocks that no thin device maps. `None` if a tree or the space map could not be read in full,
    /// and for a held metadata snapshot, which keeps no space maps.
    pub unaccounted_blocks: Option<u64>,
    /// The part of the unaccounted blocks that the held metadata snapshot keeps.
    pub held_only_blocks: Option<u64>,
    /// Damage found, by block; at most [`super::damage::MAX_DAMAGE`] entries.
    pub damage: Vec<Damage>,
    /// Number of damaged places, including those that `damage` does not list.
    pub damaged: u64,
    /// Subtrees and bitmaps that could not be read.
    pub skipped: u64,
    /// Blocks checked, and bytes read from the device (more, because neighbours are read together).
    pub read: Read,
    /// The superblock was the same before and after, so everything belongs to one transaction. If not, exclusive and
    /// shared counts mix several transactions, and no damage is reported; mapped counts come from a separate scan.
    pub consistent: bool,
    /// Number of walks that were made.
    pub attempts: u32,
    /// Number of walks during which the pool changed.
    pub changes: u32,
}

/// One thin device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The id in the pool, 24 bits.
    pub device_id: u32,
    /// Data blocks the device maps, from its details.
    pub mapped_blocks: Option<u64>,
    /// Mapped blocks that no other thin device maps: the most that deleting only this device can free.
    pub exclusive_blocks: Option<u64>,
    /// Mapped blocks that other thin devices map too.
    pub shared_blocks: Option<u64>,
    /// The highest mapped virtual block; `None` also if nothing is mapped.
    pub highest_block: Option<u64>,
    /// The pool's transaction id when the device was created.
    pub transaction_id: Option<u64>,
    /// The pool's snapshot counter when the device was created.
    pub creation_time: Option<u32>,
    /// The pool's snapshot counter when the device was created or last snapshotted.
    pub snapshotted_time: Option<u32>,
}

/// The amount that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Read {
    /// Blocks processed: B-tree nodes, bitmaps, indexes.
    pub blocks: u64,
    /// Bytes read from the source.
    pub bytes: u64,
}

//! What reading metadata tells: numbers for the pool and for each thin device.
//! What could not be read is `None`, never 0.

use super::damage::Damage;
use super::superblock::SpaceMapRoot;

/// Who uses the pool's data, from the pool's own B-trees. All counts are exact where they are `Some`,
/// provided that [`Usage::consistent`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Transaction id of the trees that were read.
    pub transaction_id: u64,
    /// The pool's snapshot counter at that moment.
    pub time: u32,
    /// The pool wants `thin_check` before it goes back to read-write.
    pub needs_check: bool,
    /// Metadata block of the held metadata snapshot, if one is held.
    pub held_root: Option<u64>,
    /// The devices are those of the held metadata snapshot, not the present ones.
    pub through_held_root: bool,
    /// Size of a data block in sectors of 512 bytes.
    pub data_block_sectors: u32,
    /// Data blocks, used and in all, by the pool's own count.
    pub data: SpaceMapRoot,
    /// Metadata blocks of 4 KiB: the true count, without the reserve that status lines add to it.
    pub metadata: SpaceMapRoot,
    /// The thin devices by ascending id.
    pub devices: Vec<Device>,
    /// Allocated data blocks that no thin device maps. `None` if a tree or the space map could not be read in
    /// full, and through a held root, whose space maps are not kept.
    pub unaccounted_blocks: Option<u64>,
    /// Those of the unaccounted blocks that the held metadata snapshot keeps.
    pub held_only_blocks: Option<u64>,
    /// What was wrong in the metadata, by block. At most [`super::damage::MAX_DAMAGE`] entries.
    pub damage: Vec<Damage>,
    /// How much was wrong, also beyond what `damage` lists.
    pub damaged: u64,
    /// Subtrees and bitmaps whose root could not be used, with all that hangs below them.
    pub skipped: u64,
    /// Blocks read and checked, and bytes asked of the device (more, as neighbours are read together).
    pub read: Read,
    /// The superblock was the same before and after, so that everything belongs to one transaction. If not, exclusive
    /// and shared counts are of several moments, and what could not be read is no damage; what each device maps was
    /// read by itself.
    pub consistent: bool,
    /// How often the trees were walked until then.
    pub attempts: u32,
    /// How often the pool changed meanwhile.
    pub changes: u32,
}

/// One thin device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The id in the pool, 24 bits.
    pub device_id: u32,
    /// Data blocks the device maps, from its details.
    pub mapped_blocks: Option<u64>,
    /// Mapped blocks that no other thin device maps: the most that deleting the device alone could free.
    pub exclusive_blocks: Option<u64>,
    /// Mapped blocks that other thin devices map too.
    pub shared_blocks: Option<u64>,
    /// The highest virtual block that is mapped; `None` also if nothing is.
    pub highest_block: Option<u64>,
    /// Transaction id when the device was made.
    pub transaction_id: Option<u64>,
    /// The pool's snapshot counter when the device was made.
    pub creation_time: Option<u32>,
    /// The pool's snapshot counter when the device was last made or snapshotted.
    pub snapshotted_time: Option<u32>,
}

/// What reading cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Read {
    /// Blocks used: B-tree nodes, bitmaps, indexes.
    pub blocks: u64,
    /// Bytes asked of the source.
    pub bytes: u64,
}

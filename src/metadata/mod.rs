//! Reads thin-pool metadata: which thin device uses which data blocks, from the pool's B-trees.
//! Never writes and never takes a metadata snapshot. A count that depends on unreadable metadata is never exact.
//!
//! **Cost.** Thin devices share subtrees, so no step runs once per device. `walk` reads each distinct node once,
//! level by level in block order. A leaf below a node with several parents is shared, with all its blocks. Every
//! other leaf belongs to one device, and its blocks are exclusive if nothing else refers to them. The space map
//! holds that fact (two bits a block), so one pass suffices. The walk keeps its own reference counts too. If they
//! differ from the space map (a held metadata snapshot, a damaged bitmap), the unshared leaves are read a second
//! time and the walk's counts are used.
//!
//! **Why the space map is not enough.** It counts references from leaves, not from devices: a block in a leaf
//! that ten devices share has one reference.
//!
//! **Reading a live pool.** The kernel never overwrites blocks of the last committed transaction before the next
//! commit (copy on write, `dm_tm_shadow_block`, drivers/md/persistent-data/dm-transaction-manager.c). If the
//! superblock's 4096 bytes are the same before and after a walk, everything read belongs to one transaction.
//! If not, the walk is repeated.

mod block;
mod block_reader;
mod btree;
mod damage;
mod mapping_tree;
mod node;
mod reach;
mod reclaim;
mod ref_counts;
mod scan;
mod source;
mod space_map;
mod superblock;
mod usage;
mod view;

use std::sync::atomic::AtomicBool;

pub use block::BLOCK_BYTES;
pub use block_reader::one as block;
pub use damage::{Damage, Error, MAX_DAMAGE, What};
pub use reclaim::{InTurn, Reclaimable, reclaimable, reclaimable_in_turn};
pub use scan::read;
pub use source::{Blocks, Memory, MetadataFile};
pub use superblock::{SpaceMapRoot, Superblock};
pub use usage::{Device, Read, Usage};

/// Options for reading metadata.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Number of threads; 0 means one per core, at most four.
    pub threads: usize,
    /// Most walks over a live pool's trees; a walk is repeated if the superblock changed during it.
    pub attempts: u32,
    /// Limit of the read rate.
    pub bytes_per_second: Option<u64>,
    /// Read the devices in the metadata snapshot that another program holds.
    pub through_held_root: bool,
    /// Read only the devices' details, a few blocks: no exclusive and shared counts.
    pub details_only: bool,
    /// Called after each batch of blocks, from any of the threads.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Set by the caller to cancel.
    pub cancel: Option<&'a AtomicBool>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            threads: 0,
            attempts: 8,
            bytes_per_second: None,
            through_held_root: false,
            details_only: false,
            progress: None,
            cancel: None,
        }
    }
}

/// Progress of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Metadata blocks read in this attempt.
    pub blocks: u64,
    /// Metadata blocks in use, an upper estimate of the blocks to read; never less than `blocks`.
    pub expected: u64,
}

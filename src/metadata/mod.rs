//! Reads thin-pool metadata: who owns which data blocks, from the pool's own B-trees.
//! Never writes and never takes a metadata snapshot; numbers that rest on something unreadable are not called exact.
//!
//! **How it stays cheap.** Devices share subtrees, so nothing here runs per device: `walk` reads each
//! distinct node once, whoever points to it, level by level in block order. A leaf below a node that is
//! reached from several places is shared with all its blocks; what remains is a leaf of one device, and its
//! blocks are exclusive where nothing else refers to them. The space map knows that already (two bits a
//! block), so one pass suffices; the walk counts for itself at the same time, and if the two disagree (a held
//! metadata snapshot, a damaged bitmap), the leaves of single devices are read once more and the walk's count
//! decides.
//!
//! **Why the space map alone is not enough.** It counts references from leaves, not from devices: a block in
//! a leaf that ten devices share has one reference.
//!
//! **How a live pool is read without stopping it.** The kernel never overwrites blocks of the last committed
//! transaction before the next commit (copy on write, `dm_tm_shadow_block`,
//! drivers/md/persistent-data/dm-transaction-manager.c). If the superblock's 4096 bytes are the same before
//! and after, everything between belongs to one transaction; if not, the walk starts again.

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

/// How to read.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Threads; 0 takes as many as there are cores, at most four.
    pub threads: usize,
    /// How often a live pool's trees are walked at most, until the superblock stays the same meanwhile.
    pub attempts: u32,
    /// The most bytes to ask of the device in a second.
    pub bytes_per_second: Option<u64>,
    /// Read the devices of the metadata snapshot that somebody else holds.
    pub through_held_root: bool,
    /// Only the devices' own details, a few blocks: no exclusive and shared counts.
    pub details_only: bool,
    /// Called now and then from any of the threads.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Set by the caller to stop.
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

/// How far a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Metadata blocks read in this attempt.
    pub blocks: u64,
    /// Metadata blocks in use, most of which will be read; never less than `blocks`.
    pub expected: u64,
}

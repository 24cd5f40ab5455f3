//! Parses the superblock: the roots of trees and space maps, and the pool's own fields.
//! Returns an error for anything but a thin-pool superblock, and for one with unknown features.

use super::block::{BLOCK_BYTES, Page, Salt, checksum_fits, u32_at, u64_at};
use super::damage::{Error, What};

const MAGIC: u64 = 27_022_010;
const NEEDS_CHECK: u32 = 1;
/// Sectors of 512 bytes in a metadata block.
const METADATA_BLOCK_SECTORS: u32 = 8;

/// The roots of a space map and its block counts (`struct disk_sm_root`,
/// drivers/md/persistent-data/dm-space-map-common.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpaceMapRoot {
    /// Blocks that the space map covers: data blocks, or metadata blocks of 4 KiB.
    pub total_blocks: u64,
    /// Blocks with at least one reference.
    pub used_blocks: u64,
    /// Metadata block of the index: a B-tree root for data, the single index block for metadata.
    pub bitmap_root: u64,
    /// Root of the B-tree of reference counts above two.
    pub ref_count_root: u64,
}

/// A pool's superblock (`struct thin_disk_superblock`, drivers/md/dm-thin-metadata.c).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// The pool needs `thin_check` before it can be read-write again.
    pub needs_check: bool,
    /// On-disk format version.
    pub version: u32,
    /// The pool's snapshot counter: a generation, not a clock.
    pub time: u32,
    /// The transaction id, set by the program that manages the pool.
    pub transaction_id: u64,
    /// Metadata block of the held metadata snapshot, if any.
    pub held_root: Option<u64>,
    /// Space map of the data device.
    pub data: SpaceMapRoot,
    /// Space map of the metadata device. Its used count excludes the reserve that status lines add.
    pub metadata: SpaceMapRoot,
    /// Root of the two-level mapping tree: thin device, then virtual block.
    pub mapping_root: u64,
    /// Root of the tree of device details.
    pub details_root: u64,
    /// Size of a data block in sectors of 512 bytes.
    pub data_block_sectors: u32,
}

impl Superblock {
    /// Checks and parses the superblock at block `location`: 0, or the held root.
    ///
    /// # Errors
    /// [`Error::NotThinMetadata`] without the magic number, [`Error::Superblock`] if the checksum or block number is
    /// wrong, [`Error::Unsupported`] for a later version or unknown features.
    pub fn parse(bytes: &[u8], location: u64) -> Result<Self, Error> {
        let page: &Page = bytes.first_chunk::<BLOCK_BYTES>().ok_or(Error::NotThinMetadata)?;
        if u64_at(page, 32) != MAGIC {
            return Err(Error::NotThinMetadata);
        }
        if !checksum_fits(page, Salt::Superblock) {
            return Err(Error::Superblock(What::Checksum));
        }
        let found = u64_at(page, 8);
        if found != location {
            return Err(Error::Superblock(What::Misplaced { found }));
        }
        supported(page)?;
        Ok(Self {
            needs_check: u32_at(page, 4) & NEEDS_CHECK != 0,
            version: u32_at(page, 40),
            time: u32_at(page, 44),
            transaction_id: u64_at(page, 48),
            held_root: Some(u64_at(page, 56)).filter(|&root| root != 0),
            data: space_map_root(page, 64),
            metadata: space_map_root(page, 192),
            mapping_root: u64_at(page, 320),
            details_root: u64_at(page, 328),
            data_block_sectors: u32_at(page, 336),
        })
    }
}

/// Rejects what this parser does not know. The kernel rejects every incompatible feature bit, since it defines none
/// (`__check_incompat_features`). The version limit keeps a later format from being read at the wrong offsets.
fn supported(page: &Page) -> Result<(), Error> {
    let (version, sectors, incompatible) = (u32_at(page, 40), u32_at(page, 340), u32_at(page, 360));
    if version > 2 {
        return Err(Error::Unsupported(format!("metadata version {version}")));
    }
    if sectors != METADATA_BLOCK_SECTORS {
        return Err(Error::Unsupported(format!("metadata blocks of {sectors} sectors")));
    }
    if incompatible != 0 {
        return Err(Error::Unsupported(format!("incompatible features {incompatible:#x}")));
    }
    Ok(())
}

fn space_map_root(page: &Page, at: usize) -> SpaceMapRoot {
    SpaceMapRoot {
        total_blocks: u64_at(page, at),
        used_blocks: u64_at(page, at + 8),
        bitmap_root: u64_at(page, at + 16),
        ref_count_root: u64_at(page, at + 24),
    }
}

//! Damage found in metadata, and the errors that prevent reading it at all.
//! An entry states what was seen in which block, not what caused it.

use std::fmt;
use std::io;

/// Most entries in a list of damage; further damage is only counted.
pub const MAX_DAMAGE: usize = 1000;

/// One damaged place in the metadata. Nothing below it was counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The metadata block where it was seen.
    pub block: u64,
    /// What is wrong there.
    pub what: What,
}

/// What can be wrong with metadata.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Reading the block failed; the operating system's error.
    Unreadable(String),
    /// The checksum does not match the contents or the kind of block.
    Checksum,
    /// The block's header holds another block number.
    Misplaced {
        /// The block number in the header.
        found: u64,
    },
    /// Neither an internal node nor a leaf.
    Kind {
        /// The header's flags.
        flags: u32,
    },
    /// The entry count or value size is impossible for the node or its tree.
    Sizes {
        /// Entries in use.
        entries: u32,
        /// Capacity in entries.
        max_entries: u32,
        /// Bytes per value.
        value_bytes: u32,
    },
    /// Keys do not ascend.
    KeyOrder,
    /// Two leaves hold the same key.
    KeyTwice(u64),
    /// A pointer to a metadata block that does not exist.
    Beyond(u64),
    /// Mappings to data blocks that do not exist.
    DataBeyond {
        /// Number of such mappings in this leaf.
        mappings: u64,
    },
    /// The node is its own ancestor.
    Cycle,
    /// The trees refer to the metadata block more often than the space map counts.
    References,
    /// The mappings refer to some data blocks more often than the space map counts.
    DataReferences {
        /// Number of such data blocks.
        blocks: u64,
    },
    /// A space map's root and its bitmaps disagree on the number of used blocks.
    SpaceMapCount {
        /// Used blocks by the root.
        root: u64,
        /// Used blocks by the bitmaps.
        bitmaps: u64,
    },
    /// Number of the space map's bitmaps that are missing from its index or unusable.
    BitmapsMissing(u64),
    /// The space map covers more metadata blocks than the source holds.
    Truncated {
        /// Blocks that the space map covers.
        expected: u64,
        /// Blocks that the source holds.
        present: u64,
    },
    /// The space map claims more blocks than metadata of this size can describe.
    TooLarge(u64),
    /// A device id of more than 24 bits.
    DeviceId(u64),
    /// A device with details and no mappings.
    NoMappings(u32),
    /// A device with mappings and no details.
    NoDetails(u32),
    /// A device's details and its mapping tree disagree on the number of mapped blocks.
    MappedCount {
        /// The device.
        device_id: u32,
        /// Mapped blocks by the details.
        details: u64,
        /// Mapped blocks by the tree.
        tree: u64,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "could not be read: {why}"),
            Self::Checksum => write!(f, "wrong checksum"),
            Self::Misplaced { found } => write!(f, "says it is block {found}"),
            Self::Kind { flags } => write!(f, "neither internal node nor leaf (flags {flags:#x})"),
            Self::Sizes { entries, max_entries, value_bytes } => {
                write!(f, "sizes do not fit: {entries} of {max_entries} entries of {value_bytes} bytes")
            }
            Self::KeyOrder => write!(f, "keys do not ascend"),
            Self::KeyTwice(key) => write!(f, "key {key} stands in two leaves"),
            Self::Beyond(block) => write!(f, "points to metadata block {block}, which does not exist"),
            Self::DataBeyond { mappings } => {
                write!(f, "{mappings} mappings to data blocks that do not exist")
            }
            Self::Cycle => write!(f, "is its own ancestor"),
            Self::References => write!(f, "more references than the space map knows"),
            Self::DataReferences { blocks } => {
                write!(f, "{blocks} data blocks have more references than the space map knows")
            }
            Self::SpaceMapCount { root, bitmaps } => {
                write!(f, "the space map says {root} blocks are used, its bitmaps say {bitmaps}")
            }
            Self::BitmapsMissing(count) => write!(f, "{count} bitmaps of the space map are missing"),
            Self::Truncated { expected, present } => {
                write!(f, "only {present} of {expected} metadata blocks are there")
            }
            Self::TooLarge(blocks) => {
                write!(f, "claims {blocks} blocks, more than this metadata can describe")
            }
            Self::DeviceId(id) => write!(f, "device id {id} has more than 24 bits"),
            Self::NoMappings(id) => write!(f, "device {id} has details but no mappings"),
            Self::NoDetails(id) => write!(f, "device {id} has mappings but no details"),
            Self::MappedCount { device_id, details, tree } => {
                write!(f, "device {device_id} says it maps {details} blocks, its tree holds {tree}")
            }
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata block {}: {}", self.block, self.what)
    }
}

/// Why the metadata could not be read at all.
#[derive(Debug)]
pub enum Error {
    /// No superblock with the magic number: not thin-pool metadata, or never formatted.
    NotThinMetadata,
    /// The superblock is damaged, so the roots of the trees are unknown.
    Superblock(What),
    /// A later format version or an unknown feature.
    Unsupported(String),
    /// The caller asked for the held metadata snapshot, and none is held.
    NoHeldRoot,
    /// The superblock could not be read.
    Io(io::Error),
    /// The caller asked to stop.
    Cancelled,
    /// The metadata changed during the walk. Internal: the walk is repeated and callers never see it.
    Changed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThinMetadata => write!(f, "this is not thin-pool metadata: no superblock at its start"),
            Self::Superblock(what) => write!(f, "the superblock is damaged: {what}"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::NoHeldRoot => write!(f, "no metadata snapshot is held"),
            Self::Io(_) => write!(f, "the superblock could not be read"),
            Self::Cancelled => write!(f, "cancelled"),
            Self::Changed => write!(f, "the metadata changed while it was read"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Damage, What};

    #[test]
    fn every_kind_of_damage_has_a_sentence() {
        let all = [
            (What::Unreadable("EIO".into()), "could not be read: EIO"),
            (What::Checksum, "wrong checksum"),
            (What::Misplaced { found: 9 }, "says it is block 9"),
            (What::Kind { flags: 3 }, "neither internal node nor leaf (flags 0x3)"),
            (
                What::Sizes { entries: 300, max_entries: 252, value_bytes: 8 },
                "sizes do not fit: 300 of 252 entries of 8 bytes",
            ),
            (What::KeyOrder, "keys do not ascend"),
            (What::KeyTwice(4), "key 4 stands in two leaves"),
            (What::Beyond(70), "points to metadata block 70, which does not exist"),
            (What::DataBeyond { mappings: 2 }, "2 mappings to data blocks that do not exist"),
            (What::Cycle, "is its own ancestor"),
            (What::References, "more references than the space map knows"),
            (
                What::DataReferences { blocks: 5 },
                "5 data blocks have more references than the space map knows",
            ),
            (
                What::SpaceMapCount { root: 1, bitmaps: 2 },
                "the space map says 1 blocks are used, its bitmaps say 2",
            ),
            (What::BitmapsMissing(1), "1 bitmaps of the space map are missing"),
            (What::Truncated { expected: 8, present: 4 }, "only 4 of 8 metadata blocks are there"),
            (What::TooLarge(99), "claims 99 blocks, more than this metadata can describe"),
            (What::DeviceId(1 << 24), "device id 16777216 has more than 24 bits"),
            (What::NoMappings(7), "device 7 has details but no mappings"),
            (What::NoDetails(7), "device 7 has mappings but no details"),
            (
                What::MappedCount { device_id: 7, details: 1, tree: 2 },
                "device 7 says it maps 1 blocks, its tree holds 2",
            ),
        ];
        for (what, words) in all {
            assert_eq!(Damage { block: 12, what }.to_string(), format!("metadata block 12: {words}"));
        }
    }
}

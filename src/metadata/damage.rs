//! What can be wrong with metadata, and why there may be no answer at all.
//! An entry says what was seen in which block, not what caused it.

use std::fmt;
use std::io;

/// How many entries a list of damage holds at most: enough to show, little enough to keep.
pub const MAX_DAMAGE: usize = 1000;

/// One thing that is wrong in the metadata. What hangs below it was not counted.
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
    /// The device did not give the block.
    Unreadable(String),
    /// The checksum is not that of the contents, or of another kind of block.
    Checksum,
    /// The block says it belongs elsewhere.
    Misplaced {
        /// Where it says it belongs.
        found: u64,
    },
    /// Neither an internal node nor a leaf.
    Kind {
        /// The header's flags.
        flags: u32,
    },
    /// Entry count or sizes do not fit the node or its tree.
    Sizes {
        /// Entries in use.
        entries: u32,
        /// Room for entries.
        max_entries: u32,
        /// Bytes a value.
        value_bytes: u32,
    },
    /// Keys do not ascend.
    KeyOrder,
    /// The same key stands in two leaves.
    KeyTwice(u64),
    /// A pointer to a metadata block that does not exist.
    Beyond(u64),
    /// Mappings to data blocks that do not exist.
    DataBeyond {
        /// How many in this leaf.
        mappings: u64,
    },
    /// The node is its own ancestor.
    Cycle,
    /// The trees refer to the block more often than the space map knows.
    References,
    /// The space map knows fewer references to data blocks than the mappings make.
    DataReferences {
        /// How many data blocks.
        blocks: u64,
    },
    /// The count in a space map's root is not that of its bitmaps.
    SpaceMapCount {
        /// In the root.
        root: u64,
        /// In the bitmaps.
        bitmaps: u64,
    },
    /// Bitmaps that the space map needs are not in its index or could not be used.
    BitmapsMissing(u64),
    /// The space map covers more metadata blocks than the source holds.
    Truncated {
        /// Blocks the space map covers.
        expected: u64,
        /// Blocks there are.
        present: u64,
    },
    /// More blocks than metadata of this size can describe.
    TooLarge(u64),
    /// A device id of more than 24 bits.
    DeviceId(u64),
    /// A device with details and no mappings.
    NoMappings(u32),
    /// A device with mappings and no details.
    NoDetails(u32),
    /// A device's own count is not that of its mappings.
    MappedCount {
        /// The device.
        device_id: u32,
        /// In its details.
        details: u64,
        /// In its tree.
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

/// Why there is no answer at all.
#[derive(Debug)]
pub enum Error {
    /// No superblock with the magic number: not thin-pool metadata, or never formatted.
    NotThinMetadata,
    /// The superblock itself is damaged, so nothing says where the trees are.
    Superblock(What),
    /// Written by a later format.
    Unsupported(String),
    /// A metadata snapshot was to be read and none is held.
    NoHeldRoot,
    /// The superblock could not be read.
    Io(io::Error),
    /// The caller asked to stop.
    Cancelled,
    /// What was read changed on the way; the reader starts again and does not let this out.
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
    fn each_kind_in_words() {
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

//! Sectors, data blocks, metadata blocks and bytes as distinct types, with integer arithmetic.
//!
//! All arithmetic saturates or is checked.

use serde::Serialize;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The difference, or zero if the other is larger.
            #[must_use]
            pub const fn minus(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The saturating sum.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }
    };
}

unit! {
    /// A number of bytes.
    Bytes
}
unit! {
    /// A number of 512-byte sectors, the unit of device-mapper tables.
    Sectors
}
unit! {
    /// A number of data blocks; their size differs from pool to pool.
    DataBlocks
}
unit! {
    /// A number of metadata blocks, always 4096 bytes (`THIN_METADATA_BLOCK_SIZE`, drivers/md/dm-thin-metadata.h).
    MetadataBlocks
}

/// Blocks that one bitmap of a space map describes: two bits each in 4096 bytes less 16 of header
/// (drivers/md/persistent-data/dm-space-map-common.h).
pub const BITMAP_BLOCKS: u64 = 16_320;
/// Bytes in a sector.
pub const SECTOR: u64 = 512;
/// Bytes in a metadata block.
pub const METADATA_BLOCK: Bytes = Bytes(4096);
/// Most metadata blocks that the kernel uses: 255 bitmaps of 2^14 − 64 entries, 15.875 GiB
/// (drivers/md/persistent-data/dm-space-map-metadata.h).
pub const METADATA_BLOCKS_MAX: MetadataBlocks = MetadataBlocks(255 * ((1 << 14) - 64));

impl Sectors {
    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> Bytes {
        Bytes(self.0.saturating_mul(SECTOR))
    }
}

impl Bytes {
    /// The length in whole sectors, rounded down.
    #[must_use]
    pub const fn sectors(self) -> Sectors {
        Sectors(self.0 / SECTOR)
    }
}

/// A number of data or metadata blocks.
pub trait Blocks: Copy + Ord + std::fmt::Debug {
    /// From a plain number.
    fn of(count: u64) -> Self;
    /// The plain number.
    fn count(self) -> u64;
    /// The amount in bytes, for blocks of `block` bytes.
    fn bytes(self, block: Bytes) -> Bytes {
        Bytes(self.count().saturating_mul(block.0))
    }
}

impl Blocks for DataBlocks {
    fn of(count: u64) -> Self {
        Self(count)
    }
    fn count(self) -> u64 {
        self.0
    }
}

impl Blocks for MetadataBlocks {
    fn of(count: u64) -> Self {
        Self(count)
    }
    fn count(self) -> u64 {
        self.0
    }
}

/// `value × percent / 100`, rounded down, without overflow.
#[must_use]
pub fn percent_of(value: u64, percent: u64) -> u64 {
    let product = u128::from(value) * u128::from(percent) / 100;
    u64::try_from(product).unwrap_or(u64::MAX)
}

/// `part` as a share of `whole` in tenths of a percent, rounded down; `None` if `whole` is 0.
#[must_use]
pub fn permille(part: u64, whole: u64) -> Option<u64> {
    let share = (u128::from(part) * 1000).checked_div(u128::from(whole))?;
    Some(u64::try_from(share).unwrap_or(u64::MAX))
}

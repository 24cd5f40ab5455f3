//! A checked B-tree node: kind, keys and values.
//! A node with a wrong checksum, block number, size or key order is an error, and its contents are never used.

use super::block::{BLOCK_BYTES, Page, Salt, checksum_fits, u32_at, u64_at};
use super::damage::What;

const HEADER_BYTES: usize = 32;
const KEY_BYTES: usize = 8;
const INTERNAL: u32 = 1;
const LEAF: u32 = 2;

/// A checked node. Its keys ascend strictly, and each has one value.
pub(super) struct Node<'a> {
    pub(super) leaf: bool,
    keys: &'a [[u8; KEY_BYTES]],
    values: &'a [u8],
}

impl<'a> Node<'a> {
    /// Checks the node at `block`. `value_bytes` is the size of a leaf's value; internal nodes always hold
    /// child pointers of 8 bytes (`node_check`, drivers/md/persistent-data/dm-btree-spine.c).
    pub(super) fn check(page: &'a Page, block: u32, value_bytes: usize) -> Result<Self, What> {
        if !checksum_fits(page, Salt::Node) {
            return Err(What::Checksum);
        }
        let found = u64_at(page, 8);
        if found != u64::from(block) {
            return Err(What::Misplaced { found });
        }
        let leaf = match u32_at(page, 4) {
            LEAF => true,
            INTERNAL => false,
            flags => return Err(What::Kind { flags }),
        };
        let (entries, room, size) = (u32_at(page, 16), u32_at(page, 20), u32_at(page, 24));
        let width = if leaf { value_bytes } else { 8 };
        let sizes = What::Sizes { entries, max_entries: room, value_bytes: size };
        if size as usize != width || entries > room || room as usize > BLOCK_BYTES / KEY_BYTES {
            return Err(sizes);
        }
        let values_at = HEADER_BYTES + KEY_BYTES * room as usize;
        let keys = page.get(HEADER_BYTES..HEADER_BYTES + KEY_BYTES * entries as usize);
        let values = page.get(values_at..values_at + width * entries as usize);
        let (Some(keys), Some(values)) = (keys, values) else { return Err(sizes) };
        if values_at + width * room as usize > BLOCK_BYTES || (!leaf && entries == 0) {
            return Err(sizes);
        }
        let (keys, _) = keys.as_chunks::<KEY_BYTES>();
        if !keys.is_sorted_by(|a, b| u64::from_le_bytes(*a) < u64::from_le_bytes(*b)) {
            return Err(What::KeyOrder);
        }
        Ok(Self { leaf, keys, values })
    }

    /// Number of entries, at most 254.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The highest key; `None` in an empty leaf, which a new thin device has.
    pub(super) fn last_key(&self) -> Option<u64> {
        self.keys.last().map(|key| u64::from_le_bytes(*key))
    }

    /// Each key with the `N` bytes of its value.
    pub(super) fn entries<const N: usize>(&self) -> impl Iterator<Item = (u64, &'a [u8; N])> + use<'a, N> {
        let (values, _) = self.values.as_chunks::<N>();
        self.keys.iter().map(|key| u64::from_le_bytes(*key)).zip(values)
    }

    /// The values as numbers: child blocks of an internal node, or packed mappings of a leaf.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> + use<'a> {
        let (values, _) = self.values.as_chunks::<8>();
        values.iter().map(|value| u64::from_le_bytes(*value))
    }
}

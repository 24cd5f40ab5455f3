//! Little-endian numbers and checksums inside one 4096-byte block.
//! Never reads outside the block: a field beyond its end reads as zero, and the caller's checks reject it.

/// Size of every metadata block in bytes (`THIN_METADATA_BLOCK_SIZE`, drivers/md/dm-thin-metadata.h).
pub const BLOCK_BYTES: usize = 4096;

/// The bytes of one metadata block.
pub(super) type Page = [u8; BLOCK_BYTES];

/// The constant that each kind of block mixes into its checksum (`*_CSUM_XOR`, drivers/md/dm-thin-metadata.c and
/// drivers/md/persistent-data/{dm-btree-spine,dm-space-map-common}.c).
#[derive(Clone, Copy)]
pub(super) enum Salt {
    Superblock = 160_774,
    Node = 121_107,
    Bitmap = 240_779,
    Index = 160_478,
}

/// Whether the stored checksum is correct: CRC-32C without the final inversion, over all but the first four
/// bytes, XORed with the salt (`dm_bm_checksum`, drivers/md/persistent-data/dm-block-manager.c).
pub(super) fn checksum_fits(page: &Page, salt: Salt) -> bool {
    let Some((stored, rest)) = page.split_first_chunk::<4>() else { return false };
    u32::from_le_bytes(*stored) == !crc32c::crc32c(rest) ^ salt as u32
}

/// The little-endian number at a byte offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |raw| u32::from_le_bytes(*raw))
}

/// The little-endian number at a byte offset.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).map_or(0, |raw| u64::from_le_bytes(*raw))
}

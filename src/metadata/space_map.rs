//! Reads a space map: its index, its bitmaps, and the tree of reference counts above two.
//! Never reports more blocks than the metadata has room to describe.

use std::io;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::block::{BLOCK_BYTES, Page, Salt, checksum_fits, u64_at};
use super::block_reader::{Job, Reader};
use super::btree::{Checked, Entries, lock, walk};
use super::damage::{Error, What};
use super::reach::Reach;
use super::ref_counts::{BITMAP_BLOCKS, Counts, Map};
use super::superblock::SpaceMapRoot;

/// Entries in the metadata space map's one index block (`MAX_METADATA_BITMAPS`,
/// drivers/md/persistent-data/dm-space-map-common.h).
const METADATA_BITMAPS: usize = 255;
const INDEX_ENTRY_BYTES: usize = 16;

/// Reads the space map of the data device, whose index is a B-tree.
pub(super) fn data(reader: &Reader<'_>, reach: &mut Reach, root: &SpaceMapRoot) -> Result<Counts, Error> {
    let counts = Counts::new(plausible_total(reach, root));
    let entries = Entries::<INDEX_ENTRY_BYTES, u64>::collect(reader, reach, root.bitmap_root, bitmap)?;
    let bitmaps = entries.into_iter().map(|entry| (entry.key, entry.leaf, entry.value));
    let counts = read(reader, reach, root, counts, bitmaps)?;
    let bitmaps = counts.used();
    if counts.unknown() == 0 && root.used_blocks != bitmaps {
        reach.record_damage(from(root), What::SpaceMapCount { root: root.used_blocks, bitmaps });
    }
    Ok(counts)
}

/// Reads the space map of the metadata device, whose index is a single block. The used count in its root is not
/// compared with its bitmaps, because `thin_restore` 0.9.0 writes a count that is one too high.
pub(super) fn metadata(reader: &Reader<'_>, reach: &mut Reach, root: &SpaceMapRoot) -> Result<Counts, Error> {
    let counts = Counts::new(plausible_total(reach, root));
    let index = Index::default();
    let wanted: Vec<u32> = reach.point(0, root.bitmap_root).into_iter().collect();
    reader.sweep(&wanted, &index)?;
    let (bitmaps, lost) = index.all.into_inner().unwrap_or_else(PoisonError::into_inner);
    lost.into_iter().for_each(|(block, what)| reach.record_lost_subtree(block, what));
    read(reader, reach, root, counts, bitmaps.into_iter())
}

/// The bitmap block that an index entry points to (`struct disk_index_entry`).
fn bitmap(entry: &[u8; INDEX_ENTRY_BYTES]) -> u64 {
    u64_at(entry, 0)
}

/// Number of blocks that the map covers, limited to what metadata of this size can describe.
fn plausible_total(reach: &mut Reach, root: &SpaceMapRoot) -> u64 {
    let most = u64::from(reach.limit()) * BITMAP_BLOCKS;
    if root.total_blocks > most {
        reach.record_lost_subtree(0, What::TooLarge(root.total_blocks));
    }
    root.total_blocks.min(most)
}

/// The block named when a space map as a whole is damaged.
fn from(root: &SpaceMapRoot) -> u32 {
    u32::try_from(root.bitmap_root).unwrap_or(0)
}

fn read(
    reader: &Reader<'_>,
    reach: &mut Reach,
    root: &SpaceMapRoot,
    mut counts: Counts,
    bitmaps: impl Iterator<Item = Pointer>,
) -> Result<Counts, Error> {
    let mut places = Vec::new();
    for (index, from, block) in
        bitmaps.take_while(|(index, ..)| *index < counts.total().div_ceil(BITMAP_BLOCKS))
    {
        places.extend(reach.point(from, block).map(|block| (block, index)));
    }
    places.sort_unstable();
    let wanted: Vec<u32> = places.iter().map(|&(block, _)| block).collect();
    let total = counts.total();
    let job = Bitmaps { places, total, all: Mutex::new((&mut counts, Vec::new())) };
    reader.sweep(&wanted, &job)?;
    let (_, lost) = job.all.into_inner().unwrap_or_else(PoisonError::into_inner);
    lost.into_iter().for_each(|(block, what)| reach.record_lost_subtree(block, what));
    if counts.unknown() > 0 {
        reach.record_damage(from(root), What::BitmapsMissing(counts.unknown()));
    }
    let roots = reach.point(0, root.ref_count_root).into_iter().collect();
    walk(reader, reach, roots, &Checked)?;
    Ok(counts)
}

/// A bitmap's index, the block that points to it, and the bitmap's own block.
type Pointer = (u64, u32, u64);
type Lost = Vec<(u32, What)>;

/// Reads the index block (`struct disk_metadata_index`): 16 bytes of header, then 255 entries.
#[derive(Default)]
struct Index {
    all: Mutex<(Vec<Pointer>, Lost)>,
}

impl Job for Index {
    type Batch = ();

    fn block(&self, (): &mut Self::Batch, block: u32, page: Result<&Page, &io::Error>) {
        let mut all = lock(&self.all);
        match checked(page, block, Salt::Index) {
            Err(what) => all.1.push((block, what)),
            Ok(page) => {
                let (entries, _) = page.as_chunks::<INDEX_ENTRY_BYTES>();
                let entries = (0_u64..).zip(entries.iter().skip(1)).take(METADATA_BITMAPS);
                all.0.extend(entries.map(|(index, entry)| (index, block, bitmap(entry))));
            }
        }
    }

    fn flush(&self, (): &mut Self::Batch) {}
}

/// Reads bitmap blocks.
struct Bitmaps<'c> {
    /// Block and index of each bitmap, by ascending block.
    places: Vec<(u32, u64)>,
    total: u64,
    all: Mutex<(&'c mut Counts, Lost)>,
}

impl Job for Bitmaps<'_> {
    type Batch = Vec<(u32, u64, Result<Box<Map>, What>)>;

    fn block(&self, batch: &mut Self::Batch, block: u32, page: Result<&Page, &io::Error>) {
        let Ok(place) = self.places.binary_search_by_key(&block, |&(block, _)| block) else { return };
        let index = self.places.get(place).map_or(0, |&(_, index)| index);
        let blocks = self.total.saturating_sub(index.saturating_mul(BITMAP_BLOCKS));
        let map = checked(page, block, Salt::Bitmap).map(|page| Box::new(Map::parse(page, blocks)));
        batch.push((block, index, map));
    }

    fn flush(&self, batch: &mut Self::Batch) {
        let mut all = lock(&self.all);
        for (block, index, map) in mem::take(batch) {
            match map {
                Ok(map) => all.0.know(index, map),
                Err(what) => all.1.push((block, what)),
            }
        }
    }
}

/// Checks the header of a bitmap or index block; the block number is at byte 8, as in nodes.
fn checked<'p>(page: Result<&'p Page, &io::Error>, block: u32, salt: Salt) -> Result<&'p Page, What> {
    let page = page.map_err(|error| What::Unreadable(error.to_string()))?;
    let found = u64_at(page, 8);
    match checksum_fits(page, salt) {
        false => Err(What::Checksum),
        true if found != u64::from(block) => Err(What::Misplaced { found }),
        true => Ok(page),
    }
}

const _: () = assert!(INDEX_ENTRY_BYTES * (METADATA_BITMAPS + 1) == BLOCK_BYTES);

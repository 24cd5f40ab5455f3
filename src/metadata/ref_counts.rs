//! Reference counts of blocks: by the space map and by the walk, to compare them.
//! Counts only 0, 1 or several: that is all that exclusive and shared depend on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::{Page, u64_at};

/// Blocks described by one bitmap block: (4096 − 16) · 4
/// (drivers/md/persistent-data/dm-space-map-common.c).
pub(super) const BITMAP_BLOCKS: u64 = 16_320;
/// [`BITMAP_BLOCKS`] in words of 64 blocks.
const WORDS: usize = 255;
const BITMAP_HEADER_BYTES: usize = 16;

/// One bitmap of the space map, as two bit planes: used, and referenced more than once.
pub(super) struct Map {
    used: [u64; WORDS],
    several: [u64; WORDS],
}

impl Map {
    /// Parses a checked bitmap block, of which the first `blocks` entries are valid. An entry has two bits, the
    /// higher one first (`sm_lookup_bitmap`, drivers/md/persistent-data/dm-space-map-common.c).
    pub(super) fn parse(page: &Page, blocks: u64) -> Self {
        let mut map = Self { used: [0; WORDS], several: [0; WORDS] };
        let planes = map.used.iter_mut().zip(&mut map.several);
        for (word, (used, several)) in planes.enumerate() {
            let at = BITMAP_HEADER_BYTES + 16 * word;
            let (low, high) = (u64_at(page, at), u64_at(page, at + 8));
            let exists = below(blocks.saturating_sub(64 * word as u64));
            *several = (evens(low) | evens(high) << 32) & exists;
            *used = *several | (evens(low >> 1) | evens(high >> 1) << 32) & exists;
        }
        map
    }

    /// Blocks in use.
    pub(super) fn used(&self) -> u64 {
        self.used.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// A word with the lowest `count` bits set.
fn below(count: u64) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// The bits at even positions, packed into the lower half.
fn evens(word: u64) -> u64 {
    let mut bits = word & 0x5555_5555_5555_5555;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) & 0xffff_ffff
}

struct Walked {
    seen: [AtomicU64; WORDS],
    again: [AtomicU64; WORDS],
}

impl Walked {
    fn new() -> Box<Self> {
        Box::new(Self {
            seen: [const { AtomicU64::new(0) }; WORDS],
            again: [const { AtomicU64::new(0) }; WORDS],
        })
    }
}

/// Both counts for the blocks of one bitmap.
#[derive(Default)]
struct Chunk {
    map: Option<Box<Map>>,
    /// Allocated when the walk first reaches one of these blocks.
    walked: OnceLock<Box<Walked>>,
}

/// Both counts for all blocks: by the space map and by the walk. Takes at most 8 KiB per bitmap.
pub(super) struct Counts {
    total: u64,
    chunks: Vec<Chunk>,
}

/// Differences between the walk's counts and the space map.
#[derive(Default, Debug)]
pub(super) struct Compared {
    /// Blocks with more references in the walk than in the space map.
    pub(super) over: u64,
    /// Blocks reached that are exclusive by one count and not by the other, or whose bitmap is missing.
    pub(super) differ: u64,
    /// Blocks in use that the walk did not reach.
    pub(super) unreached: u64,
    /// Every bitmap was read.
    pub(super) complete: bool,
}

impl Counts {
    /// For `total` blocks, with no bitmap read and no block reached yet.
    pub(super) fn new(total: u64) -> Self {
        let chunks = (0..total.div_ceil(BITMAP_BLOCKS)).map(|_| Chunk::default()).collect();
        Self { total, chunks }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Stores one bitmap of the space map.
    pub(super) fn know(&mut self, index: u64, map: Box<Map>) {
        if let Some(chunk) = usize::try_from(index).ok().and_then(|index| self.chunks.get_mut(index)) {
            chunk.map = Some(map);
        }
    }

    /// Number of bitmaps that were not read.
    pub(super) fn unknown(&self) -> u64 {
        self.chunks.iter().filter(|chunk| chunk.map.is_none()).count() as u64
    }

    /// Blocks in use by the bitmaps that were read.
    pub(super) fn used(&self) -> u64 {
        self.chunks.iter().filter_map(|chunk| chunk.map.as_deref()).map(Map::used).sum()
    }

    /// Adds a reference to each block of a run. Returns how many of them are exclusive by the space map.
    pub(super) fn refer(&self, first: u64, blocks: u64) -> u64 {
        let mut exclusive = 0;
        self.words(first, blocks, |chunk, word, mask| {
            let walked = chunk.walked.get_or_init(Walked::new);
            let (Some(seen), Some(again)) = (walked.seen.get(word), walked.again.get(word)) else { return };
            let repeated = seen.fetch_or(mask, Ordering::Relaxed) & mask;
            if repeated != 0 {
                again.fetch_or(repeated, Ordering::Relaxed);
            }
            exclusive += chunk.map.as_deref().map_or(0, |map| {
                let (used, several) = (map.used.get(word), map.several.get(word));
                ones(mask & used.copied().unwrap_or(0) & !several.copied().unwrap_or(0))
            });
        });
        exclusive
    }

    /// Number of blocks in a run that the walk reached exactly once.
    pub(super) fn reached_once(&self, first: u64, blocks: u64) -> u64 {
        let mut once = 0;
        self.words(first, blocks, |chunk, word, mask| {
            let walked = chunk.walked.get();
            let planes = walked.and_then(|walked| walked.seen.get(word).zip(walked.again.get(word)));
            once += planes.map_or(0, |(seen, again)| {
                ones(mask & seen.load(Ordering::Relaxed) & !again.load(Ordering::Relaxed))
            });
        });
        once
    }

    /// Marks the blocks of a run as reached and returns how many of them were not reached before.
    pub(super) fn reach_new(&self, first: u64, blocks: u64) -> u64 {
        let mut new = 0;
        self.words(first, blocks, |chunk, word, mask| {
            let walked = chunk.walked.get_or_init(Walked::new);
            let old = walked.seen.get(word).map_or(mask, |seen| seen.fetch_or(mask, Ordering::Relaxed));
            new += ones(mask & !old);
        });
        new
    }

    /// Splits a run at word boundaries and passes chunk, word index and bit mask to `each`.
    fn words(&self, first: u64, blocks: u64, mut each: impl FnMut(&Chunk, usize, u64)) {
        let end = first.saturating_add(blocks).min(self.total);
        let mut at = first;
        while at < end {
            let (index, inside) = (at / BITMAP_BLOCKS, at % BITMAP_BLOCKS);
            let Some(chunk) = self.chunks.get(usize::try_from(index).unwrap_or(usize::MAX)) else { return };
            let (word, bit) = (inside / 64, inside % 64);
            let count = (64 - bit).min(end - at);
            each(chunk, usize::try_from(word).unwrap_or(WORDS), below(count) << bit);
            at += count;
        }
    }

    /// Compares the walk's counts with the space map.
    pub(super) fn compare(&self) -> Compared {
        let mut all = Compared { complete: true, ..Compared::default() };
        for chunk in &self.chunks {
            match (chunk.map.as_deref(), chunk.walked.get()) {
                (Some(map), Some(walked)) => {
                    let seen = walked.seen.iter().map(|word| word.load(Ordering::Relaxed));
                    let again = walked.again.iter().map(|word| word.load(Ordering::Relaxed));
                    map.compare(seen.zip(again), &mut all, |_, _| {});
                }
                (Some(map), None) => all.unreached += map.used(),
                (None, Some(walked)) => {
                    all.complete = false;
                    all.differ +=
                        walked.seen.iter().map(|word| ones(word.load(Ordering::Relaxed))).sum::<u64>();
                }
                (None, None) => all.complete = false,
            }
        }
        all
    }

    /// Sets the bits of all blocks with several references by the space map in a bit plane.
    pub(super) fn add_several(&self, plane: &mut [u64]) {
        for (chunk, plane) in self.chunks.iter().zip(plane.chunks_mut(WORDS)) {
            let several = chunk.map.iter().flat_map(|map| &map.several);
            plane.iter_mut().zip(several).for_each(|(word, several)| *word |= several);
        }
    }

    /// Compares bit planes of the metadata blocks that the walk reached once and more than once with the space map.
    /// Calls `over` for each block with more references than the space map counts.
    pub(super) fn compare_with(&self, seen: &[u64], again: &[u64], mut over: impl FnMut(u64)) {
        let planes = seen.chunks(WORDS).zip(again.chunks(WORDS));
        for (index, (chunk, (seen, again))) in (0_u64..).zip(self.chunks.iter().zip(planes)) {
            let Some(map) = chunk.map.as_deref() else { continue };
            let words = seen.iter().copied().zip(again.iter().copied());
            map.compare(words, &mut Compared::default(), |word, bits| {
                let first = index * BITMAP_BLOCKS + 64 * word;
                (0..64).filter(|bit| bits & 1 << bit != 0).for_each(|bit| over(first + bit));
            });
        }
    }
}

impl Map {
    fn compare(
        &self,
        walked: impl Iterator<Item = (u64, u64)>,
        all: &mut Compared,
        mut each_over: impl FnMut(u64, u64),
    ) {
        let planes = self.used.iter().zip(&self.several).zip(walked);
        for (word, ((&used, &several), (seen, again))) in (0_u64..).zip(planes) {
            let over = seen & !used | again & !several;
            all.over += ones(over);
            all.differ += ones(seen & ((used & !several) ^ !again));
            all.unreached += ones(used & !seen);
            if over != 0 {
                each_over(word, over);
            }
        }
    }
}

fn ones(word: u64) -> u64 {
    u64::from(word.count_ones())
}

//! References to blocks, twice over: as the space map has them and as the walk finds them.
//! Counts only to two: exclusive and shared depend on nothing but one reference or several.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::{Page, u64_at};

/// Blocks that one bitmap block describes: (4096 − 16) · 4
/// (drivers/md/persistent-data/dm-space-map-common.c).
pub(super) const BITMAP_BLOCKS: u64 = 16_320;
/// [`BITMAP_BLOCKS`] in words of 64 blocks.
const WORDS: usize = 255;
const BITMAP_HEADER_BYTES: usize = 16;

/// One bitmap of the space map, as two planes of one bit a block.
pub(super) struct Map {
    used: [u64; WORDS],
    several: [u64; WORDS],
}

impl Map {
    /// Takes a checked bitmap block apart; `blocks` of it exist. Two bits a block, the higher one first
    /// (`sm_lookup_bitmap`, drivers/md/persistent-data/dm-space-map-common.c).
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

/// The bits at even places, moved together.
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

/// The blocks of one bitmap.
#[derive(Default)]
struct Chunk {
    map: Option<Box<Map>>,
    /// Made when the walk first comes here.
    walked: OnceLock<Box<Walked>>,
}

/// Both views of all blocks. Memory follows what the metadata describes: 8 KiB a bitmap.
pub(super) struct Counts {
    total: u64,
    chunks: Vec<Chunk>,
}

/// How the two views compare.
#[derive(Default, Debug)]
pub(super) struct Compared {
    /// Blocks with more references in the walk than in the space map.
    pub(super) over: u64,
    /// Blocks reached that one view calls exclusive and the other not, or that the space map says nothing of.
    pub(super) differ: u64,
    /// Blocks in use that the walk did not reach.
    pub(super) unreached: u64,
    /// Every bitmap is known.
    pub(super) complete: bool,
}

impl Counts {
    /// Nothing known and nothing reached yet of `total` blocks.
    pub(super) fn new(total: u64) -> Self {
        let chunks = (0..total.div_ceil(BITMAP_BLOCKS)).map(|_| Chunk::default()).collect();
        Self { total, chunks }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Takes in one bitmap of the space map.
    pub(super) fn know(&mut self, index: u64, map: Box<Map>) {
        if let Some(chunk) = usize::try_from(index).ok().and_then(|index| self.chunks.get_mut(index)) {
            chunk.map = Some(map);
        }
    }

    /// How many bitmaps are not known.
    pub(super) fn unknown(&self) -> u64 {
        self.chunks.iter().filter(|chunk| chunk.map.is_none()).count() as u64
    }

    /// Blocks in use in the bitmaps that are known.
    pub(super) fn used(&self) -> u64 {
        self.chunks.iter().filter_map(|chunk| chunk.map.as_deref()).map(Map::used).sum()
    }

    /// Counts one more reference to each block of a run; how many of them are exclusive by the space map.
    pub(super) fn refer(&self, first: u64, blocks: u64) -> u64 {
        let mut exclusive = 0;
        self.words(first, blocks, |chunk, word, mask| {
            let walked = chunk.walked.get_or_init(Walked::new);
            let (Some(seen), Some(again)) = (walked.seen.get(word), walked.again.get(word)) else { return };
            let conflicts = seen.fetch_or(mask, Ordering::Relaxed) & mask;
            if conflicts != 0 {
                again.fetch_or(conflicts, Ordering::Relaxed);
            }
            exclusive += chunk.map.as_deref().map_or(0, |map| {
                let (used, several) = (map.used.get(word), map.several.get(word));
                ones(mask & used.copied().unwrap_or(0) & !several.copied().unwrap_or(0))
            });
        });
        exclusive
    }

    /// How many blocks of a run the walk reached exactly once.
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

    /// Counts those blocks of a run that were never reached before, here or by others.
    pub(super) fn reach_new(&self, first: u64, blocks: u64) -> u64 {
        let mut new = 0;
        self.words(first, blocks, |chunk, word, mask| {
            let walked = chunk.walked.get_or_init(Walked::new);
            let old = walked.seen.get(word).map_or(mask, |seen| seen.fetch_or(mask, Ordering::Relaxed));
            new += ones(mask & !old);
        });
        new
    }

    /// Cuts a run at word borders.
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

    /// Compares what the walk reached with the space map.
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

    /// Adds to a plane the blocks that the space map says have several references.
    pub(super) fn add_several(&self, plane: &mut [u64]) {
        for (chunk, plane) in self.chunks.iter().zip(plane.chunks_mut(WORDS)) {
            let several = chunk.map.iter().flat_map(|map| &map.several);
            plane.iter_mut().zip(several).for_each(|(word, several)| *word |= several);
        }
    }

    /// Compares the metadata blocks that the walk reached, given as planes, with the space map, and names
    /// those that have too many references.
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

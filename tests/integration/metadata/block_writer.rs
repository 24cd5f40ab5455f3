//! Writes metadata as blocks: B-trees from sorted entries, space maps, superblock, checksums.
//!
//! Written for tests from the on-disk format alone; shares only the checksum crate with the tested reader.

const BLOCK: usize = 4096;
/// Blocks that one bitmap describes.
const BITMAP: usize = 16_320;

/// Metadata under construction, with the reference count of each block.
pub(crate) struct Pages {
    bytes: Vec<u8>,
    refs: Vec<u32>,
    block_sectors: u32,
    time: u32,
}

/// Writes the checksum into a block.
pub(crate) fn seal(page: &mut [u8], salt: u32) {
    let sum = !crc32c::crc32c(&page[4..]) ^ salt;
    page[..4].copy_from_slice(&sum.to_le_bytes());
}

/// The salt of B-tree nodes.
pub(crate) const NODE: u32 = 121_107;
/// The salt of a space map's bitmaps.
pub(crate) const BITMAP_SALT: u32 = 240_779;
/// The salt of the metadata space map's index.
pub(crate) const INDEX_SALT: u32 = 160_478;
/// The salt of the superblock.
pub(crate) const SUPERBLOCK: u32 = 160_774;

/// One B-tree node.
pub(crate) fn node_page<const N: usize>(leaf: bool, block: u64, keys: &[u64], values: &[[u8; N]]) -> Vec<u8> {
    let room = (BLOCK - 32) / (8 + N) / 3 * 3;
    assert!(keys.len() <= room);
    let mut page = vec![0; BLOCK];
    page[4] = if leaf { 2 } else { 1 };
    page[8..16].copy_from_slice(&block.to_le_bytes());
    page[16..20].copy_from_slice(&(keys.len() as u32).to_le_bytes());
    page[20..24].copy_from_slice(&(room as u32).to_le_bytes());
    page[24..28].copy_from_slice(&(N as u32).to_le_bytes());
    for (at, key) in keys.iter().enumerate() {
        page[32 + 8 * at..40 + 8 * at].copy_from_slice(&key.to_le_bytes());
    }
    for (at, value) in values.iter().enumerate() {
        let at = 32 + 8 * room + N * at;
        page[at..at + N].copy_from_slice(value);
    }
    seal(&mut page, NODE);
    page
}

impl Pages {
    pub(crate) fn new(block_sectors: u32, time: u32) -> Self {
        Self { bytes: vec![0; BLOCK], refs: vec![1], block_sectors, time }
    }

    /// A new block with this reference count.
    pub(crate) fn reserve(&mut self, refs: u32) -> u64 {
        self.bytes.resize(self.bytes.len() + BLOCK, 0);
        self.refs.push(refs);
        self.refs.len() as u64 - 1
    }

    pub(crate) fn put(&mut self, block: u64, page: Vec<u8>) {
        self.bytes[block as usize * BLOCK..][..BLOCK].copy_from_slice(&page);
    }

    /// Writes a B-tree with these entries; returns its root.
    pub(crate) fn tree<const N: usize>(&mut self, entries: &[(u64, [u8; N])]) -> u64 {
        let room = (BLOCK - 32) / (8 + N) / 3 * 3;
        let mut level: Vec<(u64, u64)> = Vec::new();
        for part in parts(entries, room) {
            let block = self.reserve(1);
            let (keys, values): (Vec<u64>, Vec<[u8; N]>) = part.iter().copied().unzip();
            self.put(block, node_page(true, block, &keys, &values));
            level.push((keys.first().copied().unwrap_or(0), block));
        }
        while level.len() > 1 {
            let below = std::mem::take(&mut level);
            for part in parts(&below, 252) {
                let block = self.reserve(1);
                let keys: Vec<u64> = part.iter().map(|&(key, _)| key).collect();
                let values: Vec<[u8; 8]> = part.iter().map(|&(_, child)| child.to_le_bytes()).collect();
                self.put(block, node_page(false, block, &keys, &values));
                level.push((keys[0], block));
            }
        }
        level[0].1
    }

    /// Adds space maps and superblocks.
    pub(crate) fn finish(
        mut self,
        tops: (u64, u64),
        held: Option<(u64, u64)>,
        data_refs: &[u32],
        data_blocks: u64,
        spare: u64,
    ) -> Vec<u8> {
        let mut refs = data_refs.to_vec();
        refs.resize(data_blocks as usize, 0);
        let data = self.data_map(&refs);
        let held = held.map(|tops| (self.reserve(1), tops));
        let metadata = self.metadata_map(spare);
        if let Some((block, tops)) = held {
            let page = self.superblock(block, 0, tops, [0; 32], [0; 32]);
            self.put(block, page);
        }
        let page = self.superblock(0, held.map_or(0, |(block, _)| block), tops, data, metadata);
        self.put(0, page);
        self.bytes
    }

    fn superblock(
        &self,
        block: u64,
        held: u64,
        (mappings, details): (u64, u64),
        data: [u8; 32],
        metadata: [u8; 32],
    ) -> Vec<u8> {
        let mut page = vec![0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(8, &block.to_le_bytes());
        put(32, &27_022_010_u64.to_le_bytes());
        put(40, &2_u32.to_le_bytes());
        put(44, &self.time.to_le_bytes());
        put(48, &u64::from(self.time).to_le_bytes());
        put(56, &held.to_le_bytes());
        put(64, &data);
        put(192, &metadata);
        put(320, &mappings.to_le_bytes());
        put(328, &details.to_le_bytes());
        put(336, &self.block_sectors.to_le_bytes());
        put(340, &8_u32.to_le_bytes());
        put(344, &(self.refs.len() as u64).to_le_bytes());
        seal(&mut page, SUPERBLOCK);
        page
    }

    fn data_map(&mut self, refs: &[u32]) -> [u8; 32] {
        let index: Vec<(u64, [u8; 16])> = (0_u64..)
            .zip(refs.chunks(BITMAP))
            .map(|(at, part)| {
                let block = self.reserve(1);
                self.put(block, bitmap(block, part));
                (at, index_entry(block, part))
            })
            .collect();
        let bitmaps = self.tree(&index);
        let counts = self.tree(&large(refs));
        root(refs.len(), refs, bitmaps, counts)
    }

    /// The metadata space map also describes its own blocks, so these are reserved first.
    fn metadata_map(&mut self, spare: u64) -> [u8; 32] {
        let index = self.reserve(1);
        let counts = self.tree(&large(&self.refs.clone()));
        let total = self.refs.len() + spare as usize;
        // Each bitmap needs a block, which needs a bit in a bitmap.
        let count = (1..=255).find(|count| (total + count).div_ceil(BITMAP) <= *count).unwrap();
        let bitmaps: Vec<u64> = (0..count).map(|_| self.reserve(1)).collect();
        let mut refs = self.refs.clone();
        refs.resize(total + count, 0);
        let mut page = vec![0; BLOCK];
        page[8..16].copy_from_slice(&index.to_le_bytes());
        for ((at, block), part) in bitmaps.iter().enumerate().zip(refs.chunks(BITMAP)) {
            self.put(*block, bitmap(*block, part));
            page[16 + 16 * at..32 + 16 * at].copy_from_slice(&index_entry(*block, part));
        }
        seal(&mut page, INDEX_SALT);
        self.put(index, page);
        self.bytes.resize(refs.len() * BLOCK, 0);
        let root = root(refs.len(), &refs, index, counts);
        self.refs = refs;
        root
    }
}

/// Spreads entries evenly over as few nodes as possible; one empty node if there are none.
fn parts<T>(entries: &[T], room: usize) -> Vec<&[T]> {
    if entries.is_empty() {
        return vec![entries];
    }
    let nodes = entries.len().div_ceil(room);
    (0..nodes).map(|at| &entries[entries.len() * at / nodes..entries.len() * (at + 1) / nodes]).collect()
}

fn bitmap(block: u64, refs: &[u32]) -> Vec<u8> {
    let mut page = vec![0; BLOCK];
    page[8..16].copy_from_slice(&block.to_le_bytes());
    for (at, refs) in refs.iter().enumerate() {
        // The higher of the two bits comes first.
        let bits = match refs {
            0 => 0,
            1 => 2,
            2 => 1,
            _ => 3,
        };
        page[16 + at / 4] |= bits << (2 * (at % 4));
    }
    seal(&mut page, BITMAP_SALT);
    page
}

fn index_entry(block: u64, refs: &[u32]) -> [u8; 16] {
    let free = refs.iter().filter(|&&refs| refs == 0).count() as u32;
    let first = refs.iter().position(|&refs| refs == 0).unwrap_or(refs.len()) as u32;
    let mut entry = [0; 16];
    entry[..8].copy_from_slice(&block.to_le_bytes());
    entry[8..12].copy_from_slice(&free.to_le_bytes());
    entry[12..].copy_from_slice(&first.to_le_bytes());
    entry
}

fn large(refs: &[u32]) -> Vec<(u64, [u8; 4])> {
    let all = (0_u64..).zip(refs).filter(|(_, refs)| **refs > 2);
    all.map(|(block, refs)| (block, refs.to_le_bytes())).collect()
}

fn root(total: usize, refs: &[u32], bitmaps: u64, counts: u64) -> [u8; 32] {
    let used = refs.iter().filter(|&&refs| refs > 0).count() as u64;
    let mut root = [0; 32];
    for (at, number) in [total as u64, used, bitmaps, counts].iter().enumerate() {
        root[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
    }
    root
}

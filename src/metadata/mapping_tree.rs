//! Walks the mapping trees of the thin devices and counts mapped and exclusive data blocks per device.
//! Goes by node, not by device: a leaf that a thousand devices share is read once.

use std::io;
use std::mem;
use std::sync::{Mutex, PoisonError};

use super::block::Page;
use super::block_reader::{Job, Reader};
use super::btree::{Tree, lock, walk};
use super::damage::{Error, What};
use super::node::Node;
use super::reach::{Owner, Reach, Shape};
use super::ref_counts::Counts;

/// Size of a mapping in bytes: data block in the upper 40 bits, time in the lower 24 (`pack_block_time`,
/// drivers/md/dm-thin-metadata.c).
pub(super) const MAPPING_BYTES: usize = 8;
const TIME_BITS: u32 = 24;

/// A thin device and the root of its mapping tree.
pub(super) struct Root {
    /// Block number of the top-level leaf that holds the root.
    pub(super) top: u32,
    pub(super) block: u64,
}

/// The counts of one device by its mapping tree. `None` if part of the tree could not be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) mapped: Option<u64>,
    pub(super) highest: Option<u64>,
    /// Mappings in the device's unshared leaves whose data blocks nothing else maps.
    pub(super) exclusive: u64,
    /// A node that only this device reaches is damaged.
    pub(super) broken: bool,
}

/// The counts of each leaf, indexed by metadata block.
struct Leaves {
    /// Number of entries plus one; 0 if the block is not a leaf.
    entries: Vec<u8>,
    exclusive: Vec<u8>,
    highest: Vec<u64>,
}

/// The result of walking the mapping trees.
pub(super) struct Mappings {
    leaves: Leaves,
    shape: Shape,
}

/// Walks all mapping trees and counts the references to data blocks in `counts`.
pub(super) fn read(
    reader: &Reader<'_>,
    reach: &mut Reach,
    roots: &[Root],
    counts: &Counts,
) -> Result<Mappings, Error> {
    reach.keep_shape();
    let devices = roots.iter().enumerate();
    let first = devices.filter_map(|(place, root)| reach.point_device(root.top, place, root.block)).collect();
    let size = reach.limit() as usize;
    let leaves = Leaves { entries: vec![0; size], exclusive: vec![0; size], highest: vec![0; size] };
    let walking = Walking { counts, leaves: Mutex::new(leaves) };
    walk(reader, reach, first, &walking)?;
    let leaves = walking.leaves.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Mappings { leaves, shape: reach.shape.take().unwrap_or_default() })
}

/// Passes the data blocks of a leaf to `each` as runs: first block and length. Blocks from `total` on do not
/// exist; they are left out and reported.
pub(super) fn runs(leaf: &Node<'_>, total: u64, mut each: impl FnMut(u64, u64)) -> Option<What> {
    let (mut first, mut count, mut beyond) = (0, 0, 0);
    for mapping in leaf.numbers() {
        let block = mapping >> TIME_BITS;
        if count > 0 && block == first + count {
            count += 1;
        } else {
            if count > 0 {
                each(first, count);
            }
            (first, count) = (block, 1);
        }
        if block >= total {
            (count, beyond) = (0, beyond + 1);
        }
    }
    if count > 0 {
        each(first, count);
    }
    (beyond > 0).then_some(What::DataBeyond { mappings: beyond })
}

struct Walking<'c> {
    counts: &'c Counts,
    leaves: Mutex<Leaves>,
}

/// Block, entries, exclusive entries, highest key.
type Leaf = (u32, u8, u8, u64);

impl Tree for Walking<'_> {
    const VALUE_BYTES: usize = MAPPING_BYTES;
    type Found = Vec<Leaf>;

    fn leaf(&self, found: &mut Self::Found, block: u32, leaf: &Node<'_>) -> Option<What> {
        let mut exclusive = 0;
        let wrong =
            runs(leaf, self.counts.total(), |first, blocks| exclusive += self.counts.refer(first, blocks));
        let entries = u8::try_from(leaf.len()).unwrap_or(u8::MAX);
        found.push((block, entries, exclusive as u8, leaf.last_key().unwrap_or(0)));
        wrong
    }

    fn keep(&self, found: &mut Self::Found) {
        if found.is_empty() {
            return;
        }
        let mut leaves = lock(&self.leaves);
        for (block, entries, exclusive, highest) in found.drain(..) {
            leaves.keep(block, entries, exclusive, highest);
        }
    }
}

impl Leaves {
    fn keep(&mut self, block: u32, entries: u8, exclusive: u8, highest: u64) {
        let at = block as usize;
        let places = (self.entries.get_mut(at), self.exclusive.get_mut(at), self.highest.get_mut(at));
        if let (Some(in_entries), Some(in_exclusive), Some(in_highest)) = places {
            // A node holds at most 254 entries, so adding one does not overflow.
            *in_entries = entries.saturating_add(1);
            *in_exclusive = exclusive;
            *in_highest = highest;
        }
    }

    fn entries(&self, block: u32) -> Option<u64> {
        self.entries.get(block as usize)?.checked_sub(1).map(u64::from)
    }

    /// The leaves that only one device reaches: block, and the device's index in the list of roots.
    fn owned<'f>(&'f self, reach: &'f Reach) -> impl Iterator<Item = (u32, usize)> {
        let leaves = (0_u32..).zip(&self.entries).filter(|&(_, &entries)| entries > 1);
        leaves.filter_map(|(block, _)| match reach.owner(block) {
            Owner::Device(place) => Some((block, place)),
            Owner::Shared | Owner::None => None,
        })
    }
}

impl Mappings {
    /// Recounts exclusive blocks from the walk's own reference counts. Needed when the space map also counts
    /// references from a held metadata snapshot, or cannot be read. Reads only the unshared leaves again.
    pub(super) fn recount(
        &mut self,
        reader: &Reader<'_>,
        reach: &Reach,
        counts: &Counts,
    ) -> Result<(), Error> {
        let wanted: Vec<u32> = self.leaves.owned(reach).map(|(block, _)| block).collect();
        let job = Recount { counts, exclusive: Mutex::new(&mut self.leaves.exclusive) };
        reader.sweep(&wanted, &job)
    }

    /// The counts of each device, in the order of `roots`.
    pub(super) fn tallies(&self, reach: &Reach, roots: &[Root]) -> Vec<Tally> {
        let mut totals = Totals { mappings: self, states: vec![State::Unknown; self.shape.len()] };
        let tally = |root: &Root| {
            let block = u32::try_from(root.block).unwrap_or(0);
            Tally { mapped: totals.below(block), highest: self.highest(block), ..Tally::default() }
        };
        let mut tallies: Vec<Tally> = roots.iter().map(tally).collect();
        for (block, place) in self.leaves.owned(reach) {
            if let Some(tally) = tallies.get_mut(place) {
                tally.exclusive += self.leaves.exclusive.get(block as usize).copied().map_or(0, u64::from);
            }
        }
        for &block in &reach.broken {
            if let Owner::Device(place) = reach.owner(block)
                && let Some(tally) = tallies.get_mut(place)
            {
                tally.broken = true;
            }
        }
        tallies
    }

    /// The highest mapped virtual block below a root. The depth is bounded because damaged trees can have cycles.
    fn highest(&self, root: u32) -> Option<u64> {
        const DEEPEST: usize = 32;
        let down =
            |&block: &u32| self.shape.children(block).and_then(|(_, children)| children.last().copied());
        let leaf = std::iter::successors(Some(root), down).take(DEEPEST).last()?;
        self.leaves.entries(leaf).filter(|&entries| entries > 0)?;
        self.leaves.highest.get(leaf as usize).copied()
    }
}

struct Recount<'c> {
    counts: &'c Counts,
    exclusive: Mutex<&'c mut Vec<u8>>,
}

impl Job for Recount<'_> {
    type Batch = Vec<(u32, u8)>;

    fn block(&self, batch: &mut Self::Batch, block: u32, page: Result<&Page, &io::Error>) {
        // The leaf passed its checks before. If it has changed since, so has the superblock, and the walk is repeated.
        let Some(Ok(leaf)) = page.ok().map(|page| Node::check(page, block, MAPPING_BYTES)) else { return };
        let mut once = 0;
        runs(&leaf, self.counts.total(), |first, blocks| once += self.counts.reached_once(first, blocks));
        batch.push((block, once as u8));
    }

    fn flush(&self, batch: &mut Self::Batch) {
        let mut exclusive = lock(&self.exclusive);
        for (block, once) in mem::take(batch) {
            if let Some(place) = exclusive.get_mut(block as usize) {
                *place = once;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    /// On the current path: reaching it again means a cycle.
    Open,
    Done(Option<u64>),
}

/// Sums the mappings below internal nodes; each node is summed once.
struct Totals<'m> {
    mappings: &'m Mappings,
    states: Vec<State>,
}

impl Totals<'_> {
    /// Number of mappings below a block; `None` if part of the subtree could not be read.
    fn below(&mut self, root: u32) -> Option<u64> {
        let Some((place, children)) = self.mappings.shape.children(root) else {
            return self.mappings.leaves.entries(root);
        };
        if let Some(State::Done(total)) = self.states.get(place) {
            return *total;
        }
        // An explicit stack instead of recursion, because a damaged tree can be arbitrarily deep.
        let mut stack = vec![(place, children.iter(), Some(0_u64))];
        let mut last = None;
        while let Some((place, children, sum)) = stack.last_mut() {
            let place = *place;
            let Some(&child) = children.next() else {
                last = *sum;
                self.set(place, State::Done(last));
                stack.pop();
                if let Some((_, _, above)) = stack.last_mut() {
                    *above = above.zip(last).map(|(a, b)| a + b);
                }
                continue;
            };
            let inner = self.mappings.shape.children(child);
            let state = inner.map_or_else(
                || State::Done(self.mappings.leaves.entries(child)),
                |(inner, _)| self.states.get(inner).copied().unwrap_or(State::Open),
            );
            match (state, inner) {
                (State::Unknown, Some((inner, grandchildren))) => {
                    self.set(inner, State::Open);
                    stack.push((inner, grandchildren.iter(), Some(0)));
                }
                (State::Done(total), _) => *sum = sum.zip(total).map(|(a, b)| a + b),
                (State::Open | State::Unknown, _) => *sum = None,
            }
        }
        last
    }

    fn set(&mut self, place: usize, state: State) {
        if let Some(at) = self.states.get_mut(place) {
            *at = state;
        }
    }
}

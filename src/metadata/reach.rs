//! Remembers which metadata blocks the walk has reached, from where, and whether from several places.
//! Keeps no contents, only a few bytes a block, so that memory follows the metadata's size and not the
//! mappings.

use super::damage::{Damage, MAX_DAMAGE, What};

/// Marks a parent that is a thin device (by its place in the list) and not a block.
const DEVICE: u32 = 1 << 31;
/// The walk's children lists stop here (64 MiB); beyond, mapped counts go without their second opinion.
const CHILDREN_MAX: usize = 16 << 20;

/// Who reaches a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// One device along one path.
    Device(usize),
    /// Several devices.
    Shared,
    /// No device: a block of another tree.
    Nobody,
}

/// The internal nodes of mapping trees with their children, for the counts that need the tree's shape.
#[derive(Default)]
pub(super) struct Shape {
    /// By metadata block: one more than the place in `starts`; 0 for what is no internal node.
    places: Vec<u32>,
    starts: Vec<u32>,
    children: Vec<u32>,
}

impl Shape {
    /// The children of an internal node, and its place among the internal nodes.
    pub(super) fn children(&self, block: u32) -> Option<(usize, &[u32])> {
        let place = self.places.get(block as usize)?.checked_sub(1)? as usize;
        let start = *self.starts.get(place)? as usize;
        let end = self.starts.get(place + 1).map_or(self.children.len(), |&end| end as usize);
        Some((place, self.children.get(start..end)?))
    }

    /// How many internal nodes there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }
}

/// What is known about every metadata block.
pub(super) struct Reach {
    limit: u32,
    /// One bit a block: reached; reached more than once.
    pub(super) seen: Vec<u64>,
    pub(super) again: Vec<u64>,
    /// By block: where it was first reached from; 0 for roots.
    parents: Vec<u32>,
    /// Kept while mapping trees are walked.
    pub(super) shape: Option<Shape>,
    pub(super) damage: Vec<Damage>,
    pub(super) damaged: u64,
    pub(super) skipped: u64,
    /// Blocks below which something is missing.
    pub(super) broken: Vec<u32>,
}

impl Reach {
    /// A forest over metadata blocks 0 to `limit`; the superblock counts as reached.
    pub(super) fn new(limit: u32) -> Self {
        let words = limit.div_ceil(64) as usize;
        let mut seen = vec![0; words];
        if let Some(word) = seen.first_mut() {
            *word = 1;
        }
        Self {
            limit,
            seen,
            again: vec![0; words],
            parents: vec![0; limit as usize],
            shape: None,
            damage: Vec::new(),
            damaged: 0,
            skipped: 0,
            broken: Vec::new(),
        }
    }

    /// The first block number that does not exist.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Starts keeping the shape of the trees.
    pub(super) fn keep_shape(&mut self) {
        self.shape = Some(Shape { places: vec![0; self.limit as usize], ..Shape::default() });
    }

    /// Notes something wrong.
    pub(super) fn record_damage(&mut self, block: u32, what: What) {
        self.damaged += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(Damage { block: u64::from(block), what });
        }
    }

    /// Notes something wrong that hides all below it.
    pub(super) fn record_lost_subtree(&mut self, block: u32, what: What) {
        self.skipped += 1;
        self.broken.push(block);
        self.record_damage(block, what);
    }

    /// Takes over what another forest found wrong.
    pub(super) fn merge(&mut self, other: Self) {
        self.damage.extend(other.damage.into_iter().take(MAX_DAMAGE.saturating_sub(self.damage.len())));
        self.damaged += other.damaged;
        self.skipped += other.skipped;
    }

    /// A pointer from `from` to a block: the block if it exists and was not reached before, that is if it is
    /// to be read.
    pub(super) fn point(&mut self, from: u32, to: u64) -> Option<u32> {
        match u32::try_from(to) {
            Ok(block) if block != 0 && block < self.limit => self.reach(block, from).then_some(block),
            _ => {
                self.record_lost_subtree(from, What::Beyond(to));
                None
            }
        }
    }

    /// Records the root of a device's tree as reached; `place` is the device's place in the list.
    pub(super) fn point_device(&mut self, top: u32, place: usize, root: u64) -> Option<u32> {
        match (u32::try_from(root), u32::try_from(place)) {
            (Ok(block), Ok(place)) if block != 0 && block < self.limit && place < DEVICE => {
                self.reach(block, DEVICE | place).then_some(block)
            }
            _ => {
                self.record_lost_subtree(top, What::Beyond(root));
                None
            }
        }
    }

    /// Whether the block is reached for the first time.
    fn reach(&mut self, block: u32, from: u32) -> bool {
        let (word, bit) = ((block / 64) as usize, 1_u64 << (block % 64));
        let Some(seen) = self.seen.get_mut(word) else { return false };
        if *seen & bit == 0 {
            *seen |= bit;
            if let Some(parent) = self.parents.get_mut(block as usize) {
                *parent = from;
            }
            return true;
        }
        if let Some(again) = self.again.get_mut(word) {
            *again |= bit;
        }
        if self.ancestors(from).any(|ancestor| ancestor == block) {
            self.record_lost_subtree(from, What::Cycle);
        }
        false
    }

    /// The block itself and what it was first reached from, upwards. Each parent was reached before its
    /// child, so this ends.
    fn ancestors(&self, block: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(block), |&at| self.parents.get(at as usize).copied())
            .take_while(|&at| at != 0)
    }

    fn reached_again(&self, block: u32) -> bool {
        self.again.get((block / 64) as usize).is_some_and(|word| word & 1 << (block % 64) != 0)
    }

    /// Who reaches a block. Following first parents is enough: if several paths lead here, then one of the
    /// blocks on the way was reached from several places.
    pub(super) fn owner(&self, block: u32) -> Owner {
        for at in self.ancestors(block) {
            if at & DEVICE != 0 {
                return Owner::Device((at & !DEVICE) as usize);
            }
            if self.reached_again(at) {
                return Owner::Shared;
            }
        }
        Owner::Nobody
    }

    /// Takes in an internal node's children; gives back those to be read.
    pub(super) fn add_children(&mut self, block: u32, children: &[u64], next: &mut Vec<u32>) {
        if let Some(shape) = &mut self.shape
            && shape.children.len() + children.len() <= CHILDREN_MAX
            && let Some(place) = shape.places.get_mut(block as usize)
        {
            shape.starts.push(u32::try_from(shape.children.len()).unwrap_or(u32::MAX));
            *place = u32::try_from(shape.starts.len()).unwrap_or(0);
            // What does not fit cannot exist either, and is found out below.
            shape.children.extend(children.iter().map(|&child| u32::try_from(child).unwrap_or(0)));
        }
        next.extend(children.iter().filter_map(|&child| self.point(block, child)));
    }
}

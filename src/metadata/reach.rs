//! Records which metadata blocks a walk has reached, from which parent, and whether from several.
//! Stores a few bytes per block and no contents, so memory depends on the size of the metadata, not on the mappings.

use super::damage::{Damage, MAX_DAMAGE, What};

/// Set in a parent that is the index of a thin device instead of a block.
const DEVICE: u32 = 1 << 31;
/// Most child pointers kept (64 MiB). Beyond that, mapped counts are not checked against the trees.
const CHILDREN_MAX: usize = 16 << 20;

/// What reaches a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// One device along one path; its index in the list of roots.
    Device(usize),
    /// Several devices, or one along several paths.
    Shared,
    /// No device: the block belongs to another tree.
    None,
}

/// The internal nodes of the mapping trees and their children, needed to sum mappings per device.
#[derive(Default)]
pub(super) struct Shape {
    /// By metadata block: the index in `starts` plus one; 0 if the block is not an internal node.
    places: Vec<u32>,
    starts: Vec<u32>,
    children: Vec<u32>,
}

impl Shape {
    /// An internal node's index among the internal nodes, and its children.
    pub(super) fn children(&self, block: u32) -> Option<(usize, &[u32])> {
        let place = self.places.get(block as usize)?.checked_sub(1)? as usize;
        let start = *self.starts.get(place)? as usize;
        let end = self.starts.get(place + 1).map_or(self.children.len(), |&end| end as usize);
        Some((place, self.children.get(start..end)?))
    }

    /// Number of internal nodes.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }
}

/// What the walk knows about every metadata block.
pub(super) struct Reach {
    limit: u32,
    /// One bit per block: reached.
    pub(super) seen: Vec<u64>,
    /// One bit per block: reached more than once.
    pub(super) again: Vec<u64>,
    /// By block: the parent it was first reached from; 0 for roots.
    parents: Vec<u32>,
    /// Present while mapping trees are walked.
    pub(super) shape: Option<Shape>,
    pub(super) damage: Vec<Damage>,
    pub(super) damaged: u64,
    pub(super) skipped: u64,
    /// Blocks below which something could not be read.
    pub(super) broken: Vec<u32>,
}

impl Reach {
    /// For metadata blocks 0 to `limit`, exclusive. The superblock counts as reached.
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

    /// Number of metadata blocks; pointers from here on are invalid.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Starts recording the shape of the trees.
    pub(super) fn keep_shape(&mut self) {
        self.shape = Some(Shape { places: vec![0; self.limit as usize], ..Shape::default() });
    }

    /// Records damage in a block.
    pub(super) fn record_damage(&mut self, block: u32, what: What) {
        self.damaged += 1;
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(Damage { block: u64::from(block), what });
        }
    }

    /// Records damage that makes everything below the block unreadable.
    pub(super) fn record_lost_subtree(&mut self, block: u32, what: What) {
        self.skipped += 1;
        self.broken.push(block);
        self.record_damage(block, what);
    }

    /// Adds the damage that another walk recorded.
    pub(super) fn merge(&mut self, other: Self) {
        self.damage.extend(other.damage.into_iter().take(MAX_DAMAGE.saturating_sub(self.damage.len())));
        self.damaged += other.damaged;
        self.skipped += other.skipped;
    }

    /// Records a pointer from `from` to a block. Returns the block if it is valid and still has to be read.
    pub(super) fn point(&mut self, from: u32, to: u64) -> Option<u32> {
        match u32::try_from(to) {
            Ok(block) if block != 0 && block < self.limit => self.reach(block, from).then_some(block),
            _ => {
                self.record_lost_subtree(from, What::Beyond(to));
                None
            }
        }
    }

    /// Records the pointer to the root of a device's tree, like [`Self::point`]. `place` is the device's index in the
    /// list of roots, `top` the leaf that holds the pointer.
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

    /// Marks a block as reached; true the first time.
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

    /// The block and its chain of first parents. Each parent was reached before its child, so the chain ends.
    fn ancestors(&self, block: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(block), |&at| self.parents.get(at as usize).copied())
            .take_while(|&at| at != 0)
    }

    fn reached_again(&self, block: u32) -> bool {
        self.again.get((block / 64) as usize).is_some_and(|word| word & 1 << (block % 64) != 0)
    }

    /// The devices that reach a block. Following first parents is enough: if several paths lead to the block, some
    /// block on this path was reached more than once.
    pub(super) fn owner(&self, block: u32) -> Owner {
        for at in self.ancestors(block) {
            if at & DEVICE != 0 {
                return Owner::Device((at & !DEVICE) as usize);
            }
            if self.reached_again(at) {
                return Owner::Shared;
            }
        }
        Owner::None
    }

    /// Records the children of an internal node and adds those still to be read to `next`.
    pub(super) fn add_children(&mut self, block: u32, children: &[u64], next: &mut Vec<u32>) {
        if let Some(shape) = &mut self.shape
            && shape.children.len() + children.len() <= CHILDREN_MAX
            && let Some(place) = shape.places.get_mut(block as usize)
        {
            shape.starts.push(u32::try_from(shape.children.len()).unwrap_or(u32::MAX));
            *place = u32::try_from(shape.starts.len()).unwrap_or(0);
            // A child number above 32 bits is invalid; `point` reports it below.
            shape.children.extend(children.iter().map(|&child| u32::try_from(child).unwrap_or(0)));
        }
        next.extend(children.iter().filter_map(|&child| self.point(block, child)));
    }
}

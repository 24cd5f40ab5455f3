//! Walks B-trees level by level and reads each node once, however many nodes point to it.
//! Does not descend below a node that fails its checks, and stops at a cycle.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::block::Page;
use super::block_reader::{Job, Reader};
use super::damage::{Error, What};
use super::node::Node;
use super::reach::Reach;

/// One kind of B-tree: the size of its values and the processing of its leaves.
pub(super) trait Tree: Sync {
    /// Size of a leaf's value in bytes.
    const VALUE_BYTES: usize;
    /// One thread's results since its last `keep`.
    type Found: Default + Send;

    /// Processes a leaf whose header and keys are correct. Returns what is wrong with its values, if anything.
    fn leaf(&self, found: &mut Self::Found, block: u32, leaf: &Node<'_>) -> Option<What>;

    /// Merges a thread's results into the tree's own state and leaves `found` empty.
    fn keep(&self, found: &mut Self::Found);
}

/// Locks a mutex and ignores poisoning: no holder leaves its data half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the trees below `roots`, except nodes that `reach` has already recorded.
pub(super) fn walk<T: Tree>(
    reader: &Reader<'_>,
    reach: &mut Reach,
    roots: Vec<u32>,
    tree: &T,
) -> Result<(), Error> {
    let mut blocks = roots;
    while !blocks.is_empty() {
        blocks.sort_unstable();
        let level = Level { tree, shared: Mutex::new((&mut *reach, Vec::new())) };
        reader.sweep(&blocks, &level)?;
        blocks = level.shared.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    }
    Ok(())
}

struct Level<'t, T> {
    tree: &'t T,
    /// The blocks reached so far, and the blocks of the next level.
    shared: Mutex<(&'t mut Reach, Vec<u32>)>,
}

struct Batch<F> {
    found: F,
    /// Internal nodes, each with the number of its entries in `children`.
    nodes: Vec<(u32, usize)>,
    children: Vec<u64>,
    lost: Vec<(u32, What)>,
}

impl<F: Default> Default for Batch<F> {
    fn default() -> Self {
        Self { found: F::default(), nodes: Vec::new(), children: Vec::new(), lost: Vec::new() }
    }
}

impl<T: Tree> Job for Level<'_, T> {
    type Batch = Batch<T::Found>;

    fn block(&self, batch: &mut Self::Batch, block: u32, page: Result<&Page, &io::Error>) {
        let node = page
            .map_err(|error| What::Unreadable(error.to_string()))
            .and_then(|page| Node::check(page, block, T::VALUE_BYTES));
        match node {
            Err(what) => batch.lost.push((block, what)),
            Ok(node) if node.leaf => {
                let wrong = self.tree.leaf(&mut batch.found, block, &node);
                batch.lost.extend(wrong.map(|what| (block, what)));
            }
            Ok(node) => {
                batch.children.extend(node.numbers());
                batch.nodes.push((block, node.len()));
            }
        }
    }

    fn flush(&self, batch: &mut Self::Batch) {
        self.tree.keep(&mut batch.found);
        if batch.nodes.is_empty() && batch.lost.is_empty() {
            return;
        }
        let mut shared = lock(&self.shared);
        let (reach, next) = &mut *shared;
        let mut rest = batch.children.as_slice();
        for (block, count) in batch.nodes.drain(..) {
            let (children, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = others;
            reach.add_children(block, children, next);
        }
        batch.children.clear();
        batch.lost.drain(..).for_each(|(block, what)| reach.record_lost_subtree(block, what));
    }
}

/// Reads a small tree in full; `read` parses each value.
pub(super) struct Entries<const N: usize, V> {
    read: fn(&[u8; N]) -> V,
    all: Mutex<Vec<Entry<V>>>,
}

/// A key with its value, and the block number of its leaf.
pub(super) struct Entry<V> {
    pub(super) key: u64,
    pub(super) leaf: u32,
    pub(super) value: V,
}

impl<const N: usize, V: Send> Entries<N, V> {
    /// All entries below `root` by ascending key. A duplicate key is recorded as damage and only its first entry kept.
    pub(super) fn collect(
        reader: &Reader<'_>,
        reach: &mut Reach,
        root: u64,
        read: fn(&[u8; N]) -> V,
    ) -> Result<Vec<Entry<V>>, Error> {
        let tree = Self { read, all: Mutex::new(Vec::new()) };
        let roots = reach.point(0, root).into_iter().collect();
        walk(reader, reach, roots, &tree)?;
        let mut all = tree.all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_unstable_by_key(|entry| (entry.key, entry.leaf));
        all.dedup_by(|later, first| {
            let duplicate = later.key == first.key;
            if duplicate {
                reach.record_lost_subtree(later.leaf, What::KeyTwice(later.key));
            }
            duplicate
        });
        Ok(all)
    }
}

impl<const N: usize, V: Send> Tree for Entries<N, V> {
    const VALUE_BYTES: usize = N;
    type Found = Vec<Entry<V>>;

    fn leaf(&self, found: &mut Self::Found, block: u32, leaf: &Node<'_>) -> Option<What> {
        let entries = leaf.entries::<N>();
        found.extend(entries.map(|(key, value)| Entry { key, leaf: block, value: (self.read)(value) }));
        None
    }

    fn keep(&self, found: &mut Self::Found) {
        lock(&self.all).append(found);
    }
}

/// The tree of reference counts above two. Its values are not used; it is read only to check its nodes.
pub(super) struct Checked;

impl Tree for Checked {
    const VALUE_BYTES: usize = 4;
    type Found = ();

    fn leaf(&self, (): &mut Self::Found, _: u32, _: &Node<'_>) -> Option<What> {
        None
    }

    fn keep(&self, (): &mut Self::Found) {}
}

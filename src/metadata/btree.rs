//! Walks B-trees level by level: each node once, whoever points to it.
//! Does not descend below a node that fails its checks, and stops at a cycle.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::block::Page;
use super::block_reader::{Job, Reader};
use super::damage::{Error, What};
use super::node::Node;
use super::reach::Reach;

/// One kind of B-tree: what its leaves hold and what is done with them.
pub(super) trait Tree: Sync {
    /// Bytes of a value in a leaf.
    const VALUE_BYTES: usize;
    /// What a thread found since it last gave it away.
    type Found: Default + Send;

    /// Looks at a checked leaf; says what is wrong with its contents.
    fn leaf(&self, found: &mut Self::Found, block: u32, leaf: &Node<'_>) -> Option<What>;

    /// Takes over what a thread found and leaves it empty.
    fn keep(&self, found: &mut Self::Found);
}

/// A lock whose holder never panics half-way; what it guards is whole in any case.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the trees below `roots`, except what the forest already knows.
pub(super) fn walk<T: Tree>(
    reader: &Reader<'_>,
    reach: &mut Reach,
    roots: Vec<u32>,
    tree: &T,
) -> Result<(), Error> {
    let mut wave = roots;
    while !wave.is_empty() {
        wave.sort_unstable();
        let level = Level { tree, shared: Mutex::new((&mut *reach, Vec::new())) };
        reader.sweep(&wave, &level)?;
        wave = level.shared.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    }
    Ok(())
}

struct Level<'t, T> {
    tree: &'t T,
    /// What is known of every block, and the blocks of the next level.
    shared: Mutex<(&'t mut Reach, Vec<u32>)>,
}

struct Batch<F> {
    found: F,
    /// Internal nodes and how many of `children` are theirs.
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

/// A small tree read in full: what `read` makes of each entry.
pub(super) struct Entries<const N: usize, V> {
    read: fn(&[u8; N]) -> V,
    all: Mutex<Vec<Entry<V>>>,
}

/// A key with its value, and the leaf it stands in.
pub(super) struct Entry<V> {
    pub(super) key: u64,
    pub(super) leaf: u32,
    pub(super) value: V,
}

impl<const N: usize, V: Send> Entries<N, V> {
    /// All entries below `root`, by ascending key; of a key that stands twice only the first.
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
            let conflicts = later.key == first.key;
            if conflicts {
                reach.record_lost_subtree(later.leaf, What::KeyTwice(later.key));
            }
            conflicts
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

/// The tree of large reference counts: read for its checks alone.
pub(super) struct Checked;

impl Tree for Checked {
    const VALUE_BYTES: usize = 4;
    type Found = ();

    fn leaf(&self, (): &mut Self::Found, _: u32, _: &Node<'_>) -> Option<What> {
        None
    }

    fn keep(&self, (): &mut Self::Found) {}
}

//! How many data blocks come back to the pool when a set of thin devices is deleted, and what a held metadata
//! snapshot keeps.
//! Refuses to add up exclusive counts: blocks that only the set shares come back too.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Options;
use super::counts::{BITMAP_BLOCKS, Counts};
use super::damage::{Damage, Error, What};
use super::forest::Forest;
use super::mappings::{MAPPING_BYTES, Root, runs};
use super::node::Node;
use super::read::{View, roots, steadily};
use super::source::Blocks;
use super::superblock::Superblock;
use super::sweep::Reader;
use super::walk::{Tree, walk};

/// What deleting a set of thin devices would give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaimable {
    /// Data blocks that nothing refers to any more. `None` if part of the trees could not be read. A metadata
    /// snapshot that is held keeps its blocks: they are not in here.
    pub blocks: Option<u64>,
    /// Devices of the set that the pool does not have.
    pub absent: Vec<u32>,
    /// Transaction id of the trees that were read.
    pub transaction_id: u64,
    /// What was wrong in the metadata that was read.
    pub damage: Vec<Damage>,
    /// The superblock was the same before and after.
    pub consistent: bool,
    /// How often the trees were walked until then.
    pub attempts: u32,
}

/// Data blocks that return to the pool when exactly the devices of `set` are deleted. First all that stays is
/// walked, then what only the set reaches; each distinct node is read once, and a bit a data block is kept.
///
/// # Errors
/// As [`super::read`].
pub fn reclaimable(source: &dyn Blocks, set: &[u32], options: &Options<'_>) -> Result<Reclaimable, Error> {
    // The deletion would happen in the live pool, not in the snapshot of it.
    let options = Options { through_held_root: false, ..*options };
    let (mut found, steady) = steadily(source, &options, |reader, view| walk_both(reader, view, set))?;
    (found.consistent, found.attempts) = (steady.consistent, steady.attempts);
    Ok(found)
}

fn walk_both(reader: &Reader<'_>, view: &View, set: &[u32]) -> Result<Reclaimable, Error> {
    let mut forest = Forest::new(view.limit(reader.source()));
    reader.expect(view.live.metadata.used_blocks.min(u64::from(forest.limit())));
    let most = u64::from(forest.limit()) * BITMAP_BLOCKS;
    let counts = Counts::new(view.live.data.total_blocks.min(most));
    let all = roots(reader, &mut forest, view.trees.mapping_root)?;
    let absent =
        set.iter().copied().filter(|id| all.binary_search_by_key(id, |(id, _)| *id).is_err()).collect();
    let (going, staying): (Vec<_>, Vec<_>) = all.into_iter().partition(|(id, _)| set.contains(id));
    reach(reader, &mut forest, staying, &counts)?;
    if let Some(root) = view.live.held_root {
        held(reader, &mut forest, root, &counts)?;
    }
    let blocks = reach(reader, &mut forest, going, &counts)?;
    forest.damage.sort_unstable();
    Ok(Reclaimable {
        blocks: (forest.damaged == 0).then_some(blocks),
        absent,
        transaction_id: view.live.transaction_id,
        damage: forest.damage,
        consistent: false,
        attempts: 0,
    })
}

/// Data blocks that only the held metadata snapshot at `root` keeps, after all that is to be set against it
/// was walked; `None` if the snapshot's superblock cannot be used.
pub(super) fn held(
    reader: &Reader<'_>,
    forest: &mut Forest,
    root: u64,
    counts: &Counts,
) -> Result<Option<u64>, Error> {
    let Some(block) = forest.point(0, root) else { return Ok(None) };
    let Some(snapshot) = reader.page(block).and_then(|page| Superblock::parse(&page, root).ok()) else {
        forest.lose(block, What::Checksum);
        return Ok(None);
    };
    // The snapshot's top tree may still be the pool's own. Those nodes were reached, yet what they point to has
    // to be walked on the snapshot's behalf, so they are read as if for the first time.
    let mut top = Forest::new(forest.limit());
    let all = roots(reader, &mut top, snapshot.mapping_root)?;
    forest.inherit(top);
    reach(reader, forest, all, counts).map(Some)
}

/// Walks what is new below the devices' roots; how many data blocks were new.
fn reach(
    reader: &Reader<'_>,
    forest: &mut Forest,
    devices: Vec<(u32, Root)>,
    counts: &Counts,
) -> Result<u64, Error> {
    let tree = Reaching { counts, new: AtomicU64::new(0) };
    let first = devices.iter().filter_map(|(_, root)| forest.point(root.top, root.block)).collect();
    walk(reader, forest, first, &tree)?;
    Ok(tree.new.into_inner())
}

struct Reaching<'c> {
    counts: &'c Counts,
    new: AtomicU64,
}

impl Tree for Reaching<'_> {
    const VALUE_BYTES: usize = MAPPING_BYTES;
    type Found = u64;

    fn leaf(&self, found: &mut Self::Found, _: u32, leaf: &Node<'_>) -> Option<What> {
        runs(leaf, self.counts.total(), |first, blocks| *found += self.counts.reach_new(first, blocks))
    }

    fn keep(&self, found: &mut Self::Found) {
        self.new.fetch_add(std::mem::take(found), Ordering::Relaxed);
    }
}

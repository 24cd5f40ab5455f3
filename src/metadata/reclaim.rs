//! Counts the data blocks that deleting a set of thin devices returns to the pool, and those that a held metadata
//! snapshot keeps.
//! This is more than the sum of exclusive blocks: blocks shared only within the set return too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Options;
use super::block_reader::Reader;
use super::btree::{Tree, walk};
use super::damage::{Damage, Error, What};
use super::mapping_tree::{MAPPING_BYTES, Root, runs};
use super::node::Node;
use super::reach::Reach;
use super::ref_counts::{BITMAP_BLOCKS, Counts};
use super::source::Blocks;
use super::superblock::Superblock;
use super::view::{View, retry_until_stable, roots};

/// What deleting a set of thin devices would return to the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaimable {
    /// Data blocks that nothing would refer to any more; blocks that a held metadata snapshot keeps are not counted.
    /// `None` if part of the trees could not be read.
    pub blocks: Option<u64>,
    /// Devices of the set that are not in the pool.
    pub absent: Vec<u32>,
    /// Transaction id of the trees that were read.
    pub transaction_id: u64,
    /// Damage found in the metadata.
    pub damage: Vec<Damage>,
    /// The superblock was the same before and after the walk.
    pub consistent: bool,
    /// Number of walks that were made.
    pub attempts: u32,
}

/// What deleting several sets of thin devices, one after the other, would return: [`Reclaimable`] for several sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTurn {
    /// Data blocks that each set returns once the sets before it are deleted. `None` if part of the trees could not
    /// be read.
    pub blocks: Option<Vec<u64>>,
    /// Devices of the sets that are not in the pool.
    pub absent: Vec<u32>,
    /// Transaction id of the trees that were read.
    pub transaction_id: u64,
    /// Damage found in the metadata.
    pub damage: Vec<Damage>,
    /// The superblock was the same before and after the walk.
    pub consistent: bool,
    /// Number of walks that were made.
    pub attempts: u32,
}

/// Counts the data blocks that return to the pool when exactly the devices of `set` are deleted.
///
/// # Errors
/// As [`super::read`].
pub fn reclaimable(source: &dyn Blocks, set: &[u32], options: &Options<'_>) -> Result<Reclaimable, Error> {
    let found = reclaimable_in_turn(source, &[set.to_vec()], options)?;
    Ok(Reclaimable {
        blocks: found.blocks.and_then(|blocks| blocks.first().copied()),
        absent: found.absent,
        transaction_id: found.transaction_id,
        damage: found.damage,
        consistent: found.consistent,
        attempts: found.attempts,
    })
}

/// Counts the data blocks that return to the pool when the sets are deleted one after the other. A device in several
/// sets belongs to the first.
///
/// The remaining devices are walked first, then the sets from the last to the first. A set returns the blocks that
/// no walk before it has reached. Each distinct node is read once however many sets there are, and one bit per data
/// block is kept.
///
/// With [`Options::through_held_root`], counts the devices in the snapshot, as if the snapshot were released.
///
/// # Errors
/// As [`super::read`].
pub fn reclaimable_in_turn(
    source: &dyn Blocks,
    sets: &[Vec<u32>],
    options: &Options<'_>,
) -> Result<InTurn, Error> {
    let (mut found, stability) =
        retry_until_stable(source, options, |reader, view| walk_all(reader, view, sets))?;
    (found.consistent, found.attempts) = (stability.consistent, stability.attempts);
    Ok(found)
}

fn walk_all(reader: &Reader<'_>, view: &View, sets: &[Vec<u32>]) -> Result<InTurn, Error> {
    let mut reach = Reach::new(view.limit(reader.source()));
    reader.expect(view.live.metadata.used_blocks.min(u64::from(reach.limit())));
    let most = u64::from(reach.limit()) * BITMAP_BLOCKS;
    let counts = Counts::new(view.live.data.total_blocks.min(most));
    let all = roots(reader, &mut reach, view.trees.mapping_root)?;
    let mut set_of: HashMap<u32, usize> = HashMap::new();
    for (index, set) in sets.iter().enumerate() {
        for id in set {
            set_of.entry(*id).or_insert(index);
        }
    }
    let mut remaining = Vec::new();
    let mut deleted: Vec<Vec<(u32, Root)>> = sets.iter().map(|_| Vec::new()).collect();
    for (id, root) in all {
        let set = set_of.remove(&id).and_then(|index| deleted.get_mut(index));
        set.unwrap_or(&mut remaining).push((id, root));
    }
    let mut absent: Vec<u32> = set_of.into_keys().collect();
    absent.sort_unstable();
    newly_reached(reader, &mut reach, remaining, &counts)?;
    if let Some(root) = view.live.held_root
        && !view.through_held
    {
        held(reader, &mut reach, root, &counts)?;
    }
    let mut blocks = Vec::with_capacity(deleted.len());
    for set in deleted.into_iter().rev() {
        blocks.push(newly_reached(reader, &mut reach, set, &counts)?);
    }
    blocks.reverse();
    reach.damage.sort_unstable();
    Ok(InTurn {
        blocks: (reach.damaged == 0).then_some(blocks),
        absent,
        transaction_id: view.trees.transaction_id,
        damage: reach.damage,
        consistent: false,
        attempts: 0,
    })
}

/// Counts the data blocks that the held metadata snapshot at `root` reaches and no earlier walk did. `None` if the
/// snapshot's superblock is unusable.
pub(super) fn held(
    reader: &Reader<'_>,
    reach: &mut Reach,
    root: u64,
    counts: &Counts,
) -> Result<Option<u64>, Error> {
    let Some(block) = reach.point(0, root) else { return Ok(None) };
    let Some(snapshot) = reader.page(block).and_then(|page| Superblock::parse(&page, root).ok()) else {
        reach.record_lost_subtree(block, What::Checksum);
        return Ok(None);
    };
    // The snapshot may share its top-level tree with the pool. `reach` would skip those nodes as already read, but
    // the roots in them are needed here, so the top-level tree is read with a fresh `Reach`.
    let mut top = Reach::new(reach.limit());
    let all = roots(reader, &mut top, snapshot.mapping_root)?;
    reach.merge(top);
    newly_reached(reader, reach, all, counts).map(Some)
}

/// Walks the devices' trees, except nodes already reached, and counts the data blocks reached for the first time.
fn newly_reached(
    reader: &Reader<'_>,
    reach: &mut Reach,
    devices: Vec<(u32, Root)>,
    counts: &Counts,
) -> Result<u64, Error> {
    let tree = Reaching { counts, new: AtomicU64::new(0) };
    let first = devices.iter().filter_map(|(_, root)| reach.point(root.top, root.block)).collect();
    walk(reader, reach, first, &tree)?;
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

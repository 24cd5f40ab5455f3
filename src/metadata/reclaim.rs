//! How many data blocks come back to the pool when a set of thin devices is deleted, and what a held metadata
//! snapshot keeps.
//! Exclusive counts are not simply added up: blocks that only the set shares come back too.

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

/// What deleting sets of thin devices one after the other would give back: [`Reclaimable`] for several sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTurn {
    /// What each set gives back once those before it are gone. `None` if part of the trees could not be read.
    pub blocks: Option<Vec<u64>>,
    /// Devices of the sets that the pool does not have.
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

/// Data blocks that return to the pool when exactly the devices of `set` are deleted.
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

/// Data blocks that return to the pool when the devices of each set are deleted, one set after the other; a device
/// goes with the first set that names it. First all that stays is walked, then the sets from the last to the first:
/// what a set reaches that neither those who stay nor later sets reach is what its deletion gives back. Each
/// distinct node is read once, however many sets there are, and a bit a data block is kept.
///
/// Through a held metadata snapshot it is counted as of the snapshot's moment, and as if the snapshot were released.
///
/// # Errors
/// As [`super::read`].
pub fn reclaimable_in_turn(
    source: &dyn Blocks,
    sets: &[Vec<u32>],
    options: &Options<'_>,
) -> Result<InTurn, Error> {
    let (mut found, steady) =
        retry_until_stable(source, options, |reader, view| walk_all(reader, view, sets))?;
    (found.consistent, found.attempts) = (steady.consistent, steady.attempts);
    Ok(found)
}

fn walk_all(reader: &Reader<'_>, view: &View, sets: &[Vec<u32>]) -> Result<InTurn, Error> {
    let mut reach = Reach::new(view.limit(reader.source()));
    reader.expect(view.live.metadata.used_blocks.min(u64::from(reach.limit())));
    let most = u64::from(reach.limit()) * BITMAP_BLOCKS;
    let counts = Counts::new(view.live.data.total_blocks.min(most));
    let all = roots(reader, &mut reach, view.trees.mapping_root)?;
    let mut turn_of: HashMap<u32, usize> = HashMap::new();
    for (turn, set) in sets.iter().enumerate() {
        set.iter().for_each(|id| _ = turn_of.entry(*id).or_insert(turn));
    }
    let mut staying = Vec::new();
    let mut going: Vec<Vec<(u32, Root)>> = sets.iter().map(|_| Vec::new()).collect();
    for (id, root) in all {
        let group = turn_of.remove(&id).and_then(|turn| going.get_mut(turn));
        group.unwrap_or(&mut staying).push((id, root));
    }
    let mut absent: Vec<u32> = turn_of.into_keys().collect();
    absent.sort_unstable();
    reachable(reader, &mut reach, staying, &counts)?;
    if let Some(root) = view.live.held_root.filter(|_| !view.through_held) {
        held(reader, &mut reach, root, &counts)?;
    }
    let mut blocks = Vec::with_capacity(going.len());
    for group in going.into_iter().rev() {
        blocks.push(reachable(reader, &mut reach, group, &counts)?);
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

/// Data blocks that only the held metadata snapshot at `root` keeps, after all that is to be set against it
/// was walked; `None` if the snapshot's superblock cannot be used.
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
    // The snapshot's top tree may still be the pool's own. Those nodes were reached, yet what they point to
    // has to be walked on the snapshot's behalf, so they are read as if for the first time.
    let mut top = Reach::new(reach.limit());
    let all = roots(reader, &mut top, snapshot.mapping_root)?;
    reach.merge(top);
    reachable(reader, reach, all, counts).map(Some)
}

/// Walks what is new below the devices' roots; how many data blocks were new.
fn reachable(
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

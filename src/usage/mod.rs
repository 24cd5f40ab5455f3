//! Attributes a pool's blocks to thin devices, images and containers.
//! Never adds up shared blocks, and never estimates: an amount is counted or `None`.
//!
//! [`join`] makes rows by device, image and container, and totals that add up to the pool's used blocks.
//! [`without`] counts what removing a chosen set returns. [`selection`] picks what to remove to free a wanted amount.

mod removal;
pub mod selection;
mod totals;
mod without;

pub use removal::Removal;
pub use totals::{Kind, Share, Totals};
pub use without::{Without, without};

use crate::host::model::note::Note;
use crate::host::model::units::{Bytes, DataBlocks, Sectors};
use crate::host::owners::{DeviceRole, Owners, Unmatched};
use crate::metadata;
use std::collections::{BTreeSet, HashMap};

/// A pool's blocks by device, image and container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Size of a data block.
    pub block: Bytes,
    /// The transaction of the metadata that was read.
    pub transaction_id: u64,
    /// Whether all counts belong to that transaction.
    pub consistent: bool,
    /// Number of times that the pool changed while it was read.
    pub changes: u32,
    /// Metadata block of the metadata snapshot that was read; `None` if the live metadata was read.
    pub snapshot: Option<u64>,
    /// Damage found in the metadata, by block; see [`metadata::MAX_DAMAGE`].
    pub damage: Vec<metadata::Damage>,
    /// Number of damaged places, including those not in `damage`.
    pub damaged: u64,
    /// Sums over all devices.
    pub totals: Totals,
    /// Every thin device, most exclusive blocks first.
    pub devices: Vec<DeviceRow>,
    /// Every image, most reclaimable blocks first.
    pub images: Vec<ImageRow>,
    /// Every container, most reclaimable blocks first.
    pub containers: Vec<ContainerRow>,
    /// Differences between the engine's records and the pool.
    pub unmatched: Option<Unmatched>,
    /// Notes on records and metadata that could not be read.
    pub gaps: Vec<Note>,
}

impl Usage {
    /// Adds a note that a metadata snapshot was read. `fate` says what happened to a snapshot that this program took;
    /// `None` if another program holds it.
    pub fn note_snapshot(&mut self, fate: Option<&str>) {
        let Some(block) = self.snapshot else { return };
        let whose = fate.map_or_else(
            || "that somebody holds, not of now".to_owned(),
            |fate| format!("that was taken for this and {fate}"),
        );
        let changes = match self.changes {
            0 => String::new(),
            times => format!("; the pool itself changed {times} times while it was read"),
        };
        self.gaps.push(note(format!(
            "the numbers are of transaction {}, of the metadata snapshot in block {block} {whose}{changes}",
            self.transaction_id
        )));
    }
}

/// The blocks of a device, an image or a container. `None` means not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Blocks mapped by its filesystem: an image's top layer, or a container's writable device.
    pub mapped: Option<DataBlocks>,
    /// The part of `mapped` that other devices map too.
    pub shared: Option<DataBlocks>,
    /// Blocks that only its own devices map; an image's own devices are the layers that no other image has.
    pub exclusive: Option<DataBlocks>,
    /// Blocks that return to the pool if only this is removed.
    pub reclaimable: Option<DataBlocks>,
}

/// A thin device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id in the pool.
    pub device_id: u32,
    /// What the device is used as; empty if no record names it.
    pub owners: Vec<DeviceRole>,
    /// Its blocks. `reclaimable` is `None`: for a single device it equals `exclusive`, unless a metadata snapshot is
    /// held.
    pub amounts: Amounts,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// Index in [`Owners::images`].
    pub image: usize,
    /// Its blocks.
    pub amounts: Amounts,
    /// Containers that use it, as indices in [`Owners::containers`]. While there are any, it cannot be removed.
    pub containers: Vec<usize>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRow {
    /// Index in [`Owners::containers`].
    pub container: usize,
    /// Its blocks.
    pub amounts: Amounts,
}

/// Counts the data blocks that deleting thin devices returns to the pool.
pub trait Reclaim {
    /// Blocks that each set returns when the sets are deleted in this order. `None` if they cannot be counted exactly.
    fn in_turn(&self, sets: &[Vec<u32>]) -> Option<Vec<u64>>;

    /// Blocks that return when only these devices are deleted.
    fn alone(&self, set: &[u32]) -> Option<u64> {
        if set.is_empty() {
            return Some(0);
        }
        self.in_turn(&[set.to_vec()])?.first().copied()
    }
}

/// Counts by walking a pool's metadata, once per call.
pub struct InMetadata<'a> {
    /// The metadata.
    pub source: &'a dyn metadata::Blocks,
    /// Options for reading it.
    pub options: metadata::Options<'a>,
    /// Counts from any other transaction are discarded, so that all rows agree.
    pub transaction_id: u64,
}

impl Reclaim for InMetadata<'_> {
    fn in_turn(&self, sets: &[Vec<u32>]) -> Option<Vec<u64>> {
        let found = metadata::reclaimable_in_turn(self.source, sets, &self.options).ok()?;
        if found.consistent && found.transaction_id == self.transaction_id { found.blocks } else { None }
    }
}

/// Limit of walks over the metadata for the rows by image and container: as many as read about 1 GiB in all, but at
/// least a few even for the largest metadata.
#[must_use]
pub fn walks_worth_it(usage: &metadata::Usage) -> usize {
    const FEWEST: u64 = 8;
    const BLOCKS: u64 = (1 << 30) / 4096;
    usize::try_from((BLOCKS / usage.read.blocks.max(1)).max(FEWEST)).unwrap_or(usize::MAX)
}

/// Joins the block counts from the metadata with the owners of the devices. `most_walks` limits the walks over the
/// metadata for images and containers. Those that map most are counted first; the rest stay uncounted.
#[must_use]
pub fn join(usage: &metadata::Usage, owners: &Owners, reclaim: &dyn Reclaim, most_walks: usize) -> Usage {
    let in_pool: BTreeSet<u32> = usage.devices.iter().map(|d| d.device_id).collect();
    let mut devices: Vec<DeviceRow> = usage.devices.iter().map(|d| device_row(d, owners)).collect();
    devices.sort_by_key(|row| (std::cmp::Reverse(row.amounts.exclusive), row.device_id));
    let amounts: HashMap<u32, Amounts> = devices.iter().map(|row| (row.device_id, row.amounts)).collect();
    // Metadata that kept changing during the first scan would do so for every row.
    let left = if usage.consistent { most_walks } else { 0 };
    let mut counter = Counter { reclaim, left, known: HashMap::new() };
    let containers = container_rows(owners, &amounts, &mut counter);
    let images = image_rows(owners, &amounts, &mut counter);
    Usage {
        block: Sectors(u64::from(usage.data_block_sectors)).bytes(),
        transaction_id: usage.transaction_id,
        consistent: usage.consistent,
        changes: usage.changes,
        snapshot: if usage.through_held_root { usage.held_root } else { None },
        damage: usage.damage.clone(),
        damaged: usage.damaged,
        totals: totals::totals(usage, owners),
        devices,
        images,
        containers,
        unmatched: owners.unmatched(&in_pool),
        gaps: gaps(usage, owners),
    }
}

fn note(text: String) -> Note {
    Note { about: "the pool's metadata".to_owned(), text, forces_unknown: false }
}

fn gaps(usage: &metadata::Usage, owners: &Owners) -> Vec<Note> {
    let mut gaps = owners.gaps.clone();
    if usage.damaged > 0 {
        gaps.push(note(format!(
            "{} places are damaged, and {} subtrees could not be read; what depends on them is not counted",
            usage.damaged, usage.skipped
        )));
    }
    if !usage.consistent {
        gaps.push(note(format!(
            "it changed {} times while it was read: what each device maps is exact, exclusive and shared blocks are of \
             several moments, and what images and containers give back is not counted. At a quieter moment, or with \
             --snapshot, which writes to the pool, all of it is exact",
            usage.changes
        )));
    }
    gaps
}

fn device_row(device: &metadata::Device, owners: &Owners) -> DeviceRow {
    let amounts = Amounts {
        mapped: device.mapped_blocks.map(DataBlocks),
        shared: device.shared_blocks.map(DataBlocks),
        exclusive: device.exclusive_blocks.map(DataBlocks),
        reclaimable: None,
    };
    DeviceRow { device_id: device.device_id, owners: owners.of(device.device_id).to_vec(), amounts }
}

/// Counts sets of devices, each distinct set once, until no walks are left.
struct Counter<'a> {
    reclaim: &'a dyn Reclaim,
    /// Walks left.
    left: usize,
    known: HashMap<Vec<u32>, Option<u64>>,
}

impl Counter<'_> {
    fn count(&mut self, mut set: Vec<u32>, amounts: &HashMap<u32, Amounts>) -> Option<DataBlocks> {
        // Devices that are recorded but not in the pool return nothing.
        set.retain(|id| amounts.contains_key(id));
        set.sort_unstable();
        set.dedup();
        if set.is_empty() {
            return Some(DataBlocks(0));
        }
        if let Some(known) = self.known.get(&set) {
            return known.map(DataBlocks);
        }
        self.left = self.left.checked_sub(1)?;
        let blocks = self.reclaim.alone(&set);
        self.known.insert(set, blocks);
        blocks.map(DataBlocks)
    }
}

/// The mapped and shared blocks of the first device, which is the top layer or the writable device.
fn of_top(devices: &[u32], amounts: &HashMap<u32, Amounts>) -> Amounts {
    let top = devices.first().and_then(|id| amounts.get(id)).copied().unwrap_or_default();
    Amounts { exclusive: None, reclaimable: None, ..top }
}

/// Indices ordered by mapped blocks, so that the limited walks go to the largest first.
fn largest_first<'a>(
    devices: impl Iterator<Item = &'a [u32]>,
    amounts: &HashMap<u32, Amounts>,
) -> Vec<(usize, Amounts)> {
    let mut all: Vec<(usize, Amounts)> = devices.map(|ids| of_top(ids, amounts)).enumerate().collect();
    all.sort_by_key(|(place, amounts)| (std::cmp::Reverse(amounts.mapped), *place));
    all
}

fn container_rows(
    owners: &Owners,
    amounts: &HashMap<u32, Amounts>,
    counter: &mut Counter<'_>,
) -> Vec<ContainerRow> {
    let fresh = Removal::new(owners);
    let mut rows = Vec::new();
    for (container, top) in largest_first(owners.containers.iter().map(|c| c.devices.as_slice()), amounts) {
        let own = owners.containers.get(container).map(|c| c.devices.clone()).unwrap_or_default();
        let removed = fresh.clone().container(container);
        let exclusive = counter.count(own, amounts);
        let reclaimable = counter.count(removed, amounts);
        rows.push(ContainerRow { container, amounts: Amounts { exclusive, reclaimable, ..top } });
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.amounts.reclaimable, row.amounts.mapped)));
    rows
}

fn image_rows(owners: &Owners, amounts: &HashMap<u32, Amounts>, counter: &mut Counter<'_>) -> Vec<ImageRow> {
    let mut images_with: HashMap<u32, usize> = HashMap::new();
    for id in owners.images.iter().flat_map(|image| &image.devices) {
        *images_with.entry(*id).or_default() += 1;
    }
    let fresh = Removal::new(owners);
    let mut rows = Vec::new();
    for (image, top) in largest_first(owners.images.iter().map(|i| i.devices.as_slice()), amounts) {
        let own = owners.devices_of_image(image).iter().copied().filter(|id| images_with.get(id) == Some(&1));
        let complete = owners.images.get(image).is_some_and(|i| i.whole);
        let mut count = |set: Vec<u32>| if complete { counter.count(set, amounts) } else { None };
        let reclaimable = count(fresh.clone().image(image).unwrap_or_default());
        let exclusive = count(own.collect());
        let containers = owners.containers_of(image).map(|(place, _)| place).collect();
        rows.push(ImageRow { image, amounts: Amounts { exclusive, reclaimable, ..top }, containers });
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.amounts.reclaimable, row.amounts.mapped)));
    rows
}

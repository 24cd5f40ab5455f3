//! Scans a pool's metadata: superblock, device details, space maps, mappings, and the superblock again.
//! Never returns a count that depends on unreadable metadata.

use super::Options;
use super::block::{u32_at, u64_at};
use super::block_reader::Reader;
use super::btree::Entries;
use super::damage::{Error, What};
use super::mapping_tree::{self, Root, Tally};
use super::reach::Reach;
use super::ref_counts::{BITMAP_BLOCKS, Counts};
use super::source::Blocks;
use super::space_map;
use super::usage::{Device, Usage};
use super::view::{METADATA_BLOCKS_MAX, View, device_id, retry_until_stable, roots};

const DETAILS_BYTES: usize = 24;

/// Counts the blocks of the pool and of each thin device. On a live pool, a walk during which the metadata changed is
/// repeated, at most [`Options::attempts`] times in all. If every walk was disturbed, a held metadata snapshot is read
/// instead, if there is one. Otherwise only the mapped counts are read consistently, a few blocks; the other counts
/// come from the last walk, and [`Usage::consistent`] is false.
///
/// # Errors
/// If there is no usable superblock, or the caller cancelled: see [`Error`].
pub fn read(source: &dyn Blocks, options: &Options<'_>) -> Result<Usage, Error> {
    let unstable = scan(source, options)?;
    if unstable.consistent || options.details_only {
        return Ok(unstable);
    }
    let (attempts, changes) = (unstable.attempts, unstable.changes);
    let consistent = |options: &Options<'_>| scan(source, options).ok().filter(|usage| usage.consistent);
    if unstable.held_root.is_some()
        && !options.through_held_root
        && let Some(held) = consistent(&Options { through_held_root: true, ..*options })
    {
        return Ok(Usage { attempts, changes, ..held });
    }
    let details = consistent(&Options { details_only: true, ..*options });
    Ok(Usage { attempts, changes, ..merge_details(unstable, details) })
}

/// Merges an inconsistent walk with the mapped counts of a consistent scan of the details.
fn merge_details(unstable: Usage, details: Option<Usage>) -> Usage {
    let Some(mut usage) = details else {
        let (damage, damaged, unaccounted_blocks, held_only_blocks) = (Vec::new(), 0, None, None);
        return Usage { damage, damaged, unaccounted_blocks, held_only_blocks, ..unstable };
    };
    for device in &mut usage.devices {
        let walked = unstable.devices.binary_search_by_key(&device.device_id, |walked| walked.device_id);
        let walked = walked.ok().and_then(|place| unstable.devices.get(place));
        device.exclusive_blocks = walked.and_then(|walked| walked.exclusive_blocks).min(device.mapped_blocks);
        device.shared_blocks = device
            .mapped_blocks
            .zip(device.exclusive_blocks)
            .and_then(|(mapped, own)| mapped.checked_sub(own));
        device.highest_block = walked.and_then(|walked| walked.highest_block);
    }
    Usage { skipped: unstable.skipped, read: unstable.read, consistent: false, ..usage }
}

fn scan(source: &dyn Blocks, options: &Options<'_>) -> Result<Usage, Error> {
    let (mut usage, stability) = retry_until_stable(source, options, usage)?;
    (usage.consistent, usage.attempts) = (stability.consistent, stability.attempts);
    usage.changes = stability.attempts - u32::from(stability.consistent);
    Ok(usage)
}

/// A device's details (`struct disk_device_details`, drivers/md/dm-thin-metadata.c).
struct Details {
    mapped_blocks: u64,
    transaction_id: u64,
    creation_time: u32,
    snapshotted_time: u32,
}

fn details(value: &[u8; DETAILS_BYTES]) -> Details {
    Details {
        mapped_blocks: u64_at(value, 0),
        transaction_id: u64_at(value, 8),
        creation_time: u32_at(value, 16),
        snapshotted_time: u32_at(value, 20),
    }
}

/// Walks the metadata once.
fn usage(reader: &Reader<'_>, view: &View) -> Result<Usage, Error> {
    let source = reader.source();
    let mut reach = Reach::new(view.limit(source));
    reader.expect(view.live.metadata.used_blocks.min(u64::from(reach.limit())));
    let expected = view.live.metadata.total_blocks;
    if expected.min(METADATA_BLOCKS_MAX) > source.total() {
        reach.record_damage(0, What::Truncated { expected, present: source.total() });
    }
    let mut usage = superblock_usage(view);
    let all =
        Entries::<DETAILS_BYTES, Details>::collect(reader, &mut reach, view.trees.details_root, details)?;
    let all = all.into_iter().filter_map(|entry| Some((device_id(&mut reach, &entry)?, entry.value)));
    let details: Vec<(u32, Details)> = all.collect();
    if reader.details_only() {
        usage.devices = details.iter().map(|(id, details)| device(*id, Some(details))).collect();
    } else {
        count(reader, view, &mut reach, &details, &mut usage)?;
    }
    reach.damage.sort_unstable();
    usage.damage = reach.damage;
    (usage.damaged, usage.skipped, usage.read) = (reach.damaged, reach.skipped, reader.read());
    Ok(usage)
}

/// The usage by the superblock alone, without devices.
fn superblock_usage(view: &View) -> Usage {
    Usage {
        transaction_id: view.trees.transaction_id,
        time: view.trees.time,
        needs_check: view.live.needs_check,
        held_root: view.live.held_root,
        through_held_root: view.through_held,
        data_block_sectors: view.live.data_block_sectors,
        data: view.live.data,
        metadata: view.live.metadata,
        devices: Vec::new(),
        unaccounted_blocks: None,
        held_only_blocks: None,
        damage: Vec::new(),
        damaged: 0,
        skipped: 0,
        read: super::Read::default(),
        consistent: false,
        attempts: 0,
        changes: 0,
    }
}

fn device(device_id: u32, details: Option<&Details>) -> Device {
    Device {
        device_id,
        mapped_blocks: details.map(|details| details.mapped_blocks),
        exclusive_blocks: None,
        shared_blocks: None,
        highest_block: None,
        transaction_id: details.map(|details| details.transaction_id),
        creation_time: details.map(|details| details.creation_time),
        snapshotted_time: details.map(|details| details.snapshotted_time),
    }
}

/// Adds everything that needs the mapping trees.
fn count(
    reader: &Reader<'_>,
    view: &View,
    reach: &mut Reach,
    details: &[(u32, Details)],
    usage: &mut Usage,
) -> Result<(), Error> {
    let before = reach.damaged;
    let (ids, roots): (Vec<u32>, Vec<Root>) =
        roots(reader, reach, view.trees.mapping_root)?.into_iter().unzip();
    let top_complete = reach.damaged == before;
    let (data, metadata) = space_maps(reader, view, reach)?;
    let before = reach.damaged;
    let mut mappings = mapping_tree::read(reader, reach, &roots, &data)?;
    let trees_complete = top_complete && reach.damaged == before;
    let metadata_complete =
        metadata.is_some_and(|metadata| check_refcounts(reach, &metadata, trees_complete));
    let compared = data.compare();
    if compared.over > 0 && !view.through_held {
        let from = u32::try_from(view.live.data.bitmap_root).unwrap_or(0);
        reach.record_damage(from, What::DataReferences { blocks: compared.over });
    }
    if trees_complete && compared.differ > 0 {
        mappings.recount(reader, reach, &data)?;
    }
    // If leaves are missing, exclusive counts rest on the space maps, which also count a held snapshot's references.
    let maps_complete =
        metadata_complete && compared.complete && compared.over == 0 && view.live.held_root.is_none();
    let exact = trees_complete || maps_complete;
    let tallies = mappings.tallies(reach, &roots);
    usage.devices = devices(reach, details, &ids, &tallies, exact, top_complete);
    if trees_complete && compared.complete && !view.through_held {
        // After the tallies, because this walk marks leaves of single devices as shared.
        usage.unaccounted_blocks = Some(compared.unreached);
        usage.held_only_blocks = held(reader, view, reach, &data)?;
    }
    Ok(())
}

/// The space maps of data and metadata. When the held metadata snapshot is read, both stay empty, because the
/// pool's space maps belong to another transaction.
fn space_maps(
    reader: &Reader<'_>,
    view: &View,
    reach: &mut Reach,
) -> Result<(Counts, Option<Counts>), Error> {
    if view.through_held {
        let most = u64::from(reach.limit()) * BITMAP_BLOCKS;
        return Ok((Counts::new(view.live.data.total_blocks.min(most)), None));
    }
    let metadata = space_map::metadata(reader, reach, &view.live.metadata)?;
    Ok((space_map::data(reader, reach, &view.live.data)?, Some(metadata)))
}

/// Records metadata blocks with more references than the space map counts as damage. Returns whether the space map is
/// complete and there are no such blocks. If subtrees are missing, so are references from them; then the blocks that
/// are shared by the space map count as shared too.
fn check_refcounts(reach: &mut Reach, metadata: &Counts, trees_complete: bool) -> bool {
    let mut over = Vec::new();
    metadata.compare_with(&reach.seen, &reach.again, |block| over.extend(u32::try_from(block)));
    if !trees_complete {
        metadata.add_several(&mut reach.again);
    }
    let complete = over.is_empty() && metadata.unknown() == 0;
    over.into_iter().for_each(|block| reach.record_damage(block, What::References));
    complete
}

/// Data blocks that only the held metadata snapshot keeps; `None` if its trees cannot be read in full.
fn held(reader: &Reader<'_>, view: &View, reach: &mut Reach, data: &Counts) -> Result<Option<u64>, Error> {
    let Some(root) = view.live.held_root else { return Ok(Some(0)) };
    let before = reach.damaged;
    let kept = super::reclaim::held(reader, reach, root, data)?;
    Ok(if reach.damaged == before { kept } else { None })
}

/// Joins details and tallies by device id; both are in ascending order.
fn devices(
    reach: &mut Reach,
    details: &[(u32, Details)],
    ids: &[u32],
    tallies: &[Tally],
    exact: bool,
    top_complete: bool,
) -> Vec<Device> {
    let mut devices: Vec<Device> = details.iter().map(|(id, details)| device(*id, Some(details))).collect();
    for (&id, tally) in ids.iter().zip(tallies) {
        let known = devices.binary_search_by_key(&id, |device| device.device_id);
        let place = known.unwrap_or_else(|place| {
            reach.record_damage(0, What::NoDetails(id));
            devices.insert(place, device(id, None));
            place
        });
        let Some(device) = devices.get_mut(place) else { continue };
        device.highest_block = tally.highest;
        if exact && !tally.broken {
            device.exclusive_blocks = Some(tally.exclusive);
            device.shared_blocks = device.mapped_blocks.and_then(|all| all.checked_sub(tally.exclusive));
        }
        if let (Some(details), Some(tree)) = (device.mapped_blocks, tally.mapped)
            && details != tree
        {
            reach.record_damage(0, What::MappedCount { device_id: id, details, tree });
        }
    }
    // A damaged top-level tree explains missing mappings and is already recorded.
    if top_complete {
        let unmapped = devices.iter().filter(|device| ids.binary_search(&device.device_id).is_err());
        unmapped.for_each(|device| reach.record_damage(0, What::NoMappings(device.device_id)));
    }
    devices
}

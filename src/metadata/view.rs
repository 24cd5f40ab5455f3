//! A consistent view of a pool's trees: the live superblock or the held metadata snapshot's, compared before and after
//! a walk; and the roots of the devices' mapping trees.

use super::Options;
use super::block_reader::{Reader, page};
use super::btree::{Entries, Entry};
use super::damage::{Error, What};
use super::mapping_tree::Root;
use super::reach::Reach;
use super::source::Blocks;
use super::superblock::Superblock;

/// Most metadata blocks that the kernel uses, however large the device is: 255 bitmaps
/// (`DM_SM_METADATA_MAX_BLOCKS`, drivers/md/persistent-data/dm-space-map-metadata.h).
pub(super) const METADATA_BLOCKS_MAX: u64 = 255 * ((1 << 14) - 64);
/// Device ids are 24 bits (drivers/md/dm-thin.c, `read_dev_id`).
const DEVICE_ID_MAX: u64 = (1 << 24) - 1;

/// Whether a walk belongs to one transaction, and how many walks were made.
pub(super) struct Stability {
    pub(super) consistent: bool,
    pub(super) attempts: u32,
}

/// The live superblock, and the superblock whose trees are read.
pub(super) struct View {
    pub(super) live: Superblock,
    /// Either `live` or the held metadata snapshot's superblock.
    pub(super) trees: Superblock,
    /// `trees` is the held metadata snapshot's.
    pub(super) through_held: bool,
    /// Bytes that must not change while the trees are read.
    stamp: Vec<u8>,
}

impl View {
    fn read(source: &dyn Blocks, options: &Options<'_>) -> Result<Self, Error> {
        let live = page(source, 0)?;
        let superblock = Superblock::parse(&live, 0)?;
        if !options.through_held_root {
            return Ok(Self {
                trees: superblock.clone(),
                live: superblock,
                through_held: false,
                stamp: live,
            });
        }
        // The live pool may change during the walk; only the snapshot must not.
        let root = superblock.held_root.ok_or(Error::NoHeldRoot)?;
        let mut stamp = page(source, root)?;
        let trees = Superblock::parse(&stamp, root)?;
        stamp.extend(root.to_le_bytes());
        Ok(Self { live: superblock, trees, through_held: true, stamp })
    }

    /// Number of metadata blocks; pointers from here on are invalid.
    pub(super) fn limit(&self, source: &dyn Blocks) -> u32 {
        let limit = source.total().min(METADATA_BLOCKS_MAX).min(self.live.metadata.total_blocks);
        u32::try_from(limit).unwrap_or(u32::MAX)
    }
}

/// Repeats `walk` until the superblock is the same before and after it, at most [`Options::attempts`] times.
pub(super) fn retry_until_stable<T>(
    source: &dyn Blocks,
    options: &Options<'_>,
    walk: impl Fn(&Reader<'_>, &View) -> Result<T, Error>,
) -> Result<(T, Stability), Error> {
    let mut attempts = 1;
    loop {
        let view = match View::read(source, options) {
            // A superblock read while it is written can be half old and half new.
            Err(Error::Superblock(_)) if attempts < options.attempts => {
                attempts += 1;
                continue;
            }
            view => view?,
        };
        let unchanged = || View::read(source, options).is_ok_and(|now| now.stamp == view.stamp);
        let reader = Reader::new(source, options);
        // The last attempt is never aborted: inconsistent counts are better than none.
        let last = attempts >= options.attempts;
        let found = match walk(&if last { reader } else { reader.abort_unless(&unchanged) }, &view) {
            Err(Error::Changed) => None,
            found => Some(found?),
        };
        if let Some(found) = found {
            let consistent = unchanged();
            if consistent || last {
                return Ok((found, Stability { consistent, attempts }));
            }
        }
        attempts += 1;
    }
}

/// Device id and root of each mapping tree, by ascending id.
pub(super) fn roots(
    reader: &Reader<'_>,
    reach: &mut Reach,
    mapping_root: u64,
) -> Result<Vec<(u32, Root)>, Error> {
    let entries =
        Entries::<8, u64>::collect(reader, reach, mapping_root, |value| u64::from_le_bytes(*value))?;
    let root =
        |entry: Entry<u64>| Some((device_id(reach, &entry)?, Root { top: entry.leaf, block: entry.value }));
    Ok(entries.into_iter().filter_map(root).collect())
}

/// The key as a device id; records damage and returns `None` if it has more than 24 bits.
pub(super) fn device_id<V>(reach: &mut Reach, entry: &Entry<V>) -> Option<u32> {
    if entry.key > DEVICE_ID_MAX {
        reach.record_lost_subtree(entry.leaf, What::DeviceId(entry.key));
        return None;
    }
    u32::try_from(entry.key).ok()
}

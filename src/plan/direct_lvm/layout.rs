//! Sizes of the new pool's volumes: data that leaves LVM room to grow, metadata for the largest data size, and the
//! minimum device size.
//!
//! Pure arithmetic in bytes and blocks; does not check whether a device is usable.

use crate::host::docker::min_free;
use crate::host::model::units::BITMAP_BLOCKS;
use crate::host::model::units::METADATA_BLOCKS_MAX;
use crate::plan::sizes::advised_bytes;

/// LVM's header area before the first extent of a new device (`default_data_alignment`, lvm.conf(5)).
const HEADER: u64 = 1 << 20;
/// LVM's default extent, the unit in which volumes grow.
pub(super) const EXTENT: u64 = 4 << 20;
/// Percentage by which LVM grows the pool each time: the default of LVM and of Docker's automatic setup.
pub(super) const GROWTH: u64 = 20;
/// Largest metadata reserve of newer kernels, which they count as used: 4096 blocks (drivers/md/dm-thin-metadata.c,
/// `dm_pool_metadata_set_max_reserved`… `__set_metadata_reserve`).
const RESERVE: u64 = 16 << 20;
/// Factor by which the metadata usage may grow.
const METADATA_GROWS: u64 = 4;
/// Smallest metadata size: one whole bitmap of 4 KiB blocks, in extents.
const METADATA_LEAST: u64 = 64 << 20;
/// Minimum distance, in percentage points, between LVM growing the pool and Docker refusing new layers.
const MARGIN: u64 = 10;

/// Above this percent Docker would refuse before LVM acts, whose threshold is never below 50.
const HIGHEST_PERCENT: u64 = 40;

/// Space that the new pool needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    /// Data blocks in use, each counted once however many devices share it.
    pub(super) used: u64,
    /// Bytes in one.
    pub(super) block: u64,
    /// Metadata bytes in use.
    pub(super) metadata: u64,
    /// Percent that Docker demands free.
    pub(super) percent: u64,
    /// Virtual size of the base device: what one container may write.
    pub(super) base: u64,
}

/// Space that is available for the new pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes in whole extents.
    pub(super) usable: u64,
    /// Bytes in an extent.
    pub(super) extent: u64,
    /// Whether the pool may take everything except room to grow; in a shared group it takes only what it needs.
    pub(super) all: bool,
}

/// Layout of the new volumes. Sizes in bytes, in whole extents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Percent of use at which LVM grows the pool.
    pub(super) threshold: u64,
    /// Initial data size.
    pub(super) data: u64,
    /// Metadata; LVM keeps a spare of the same size.
    pub(super) metadata: u64,
    /// Minimum device size or free space in the group: minimum data, metadata twice, and one growth step.
    pub(super) needed: u64,
    /// Minimum data size: usage stays within the threshold.
    pub(super) least: u64,
    /// What stays free for the pool's growth.
    pub(super) growth: u64,
}

impl Room {
    /// Room on a device that becomes a volume group.
    pub(super) fn device(size: u64) -> Self {
        Self { usable: down(size.saturating_sub(HEADER), EXTENT), extent: EXTENT, all: true }
    }

    /// Room in a volume group with `free` bytes.
    pub(super) fn group(free: u64, extent: u64) -> Self {
        Self { usable: down(free, extent), extent, all: false }
    }
}

/// The free-space floor of the new pool: unchanged, unless it is so high that Docker would refuse before LVM grows the
/// pool.
pub(super) const fn percent(now: u64) -> u64 {
    if now > HIGHEST_PERCENT { min_free::DEFAULT_PERCENT } else { now }
}

/// The percent of use at which LVM grows the pool: 80, or less where Docker refuses early. LVM takes anything below 50
/// for 50 (lvm.conf(5), thin_pool_autoextend_threshold).
pub(super) fn threshold(percent: u64) -> u64 {
    100_u64.saturating_sub(percent).saturating_sub(MARGIN).clamp(50, 80)
}

/// Computes the layout; `asked` is the requested data size. If it does not fit, `needed` is larger than `usable`.
pub(super) fn layout(demand: &Demand, room: &Room, asked: Option<u64>) -> Layout {
    let demand = &Demand { percent: percent(demand.percent), ..*demand };
    let threshold = threshold(demand.percent);
    let up = |bytes: u64| bytes.checked_next_multiple_of(room.extent.max(1)).unwrap_or(u64::MAX);
    let least = up(least(demand, threshold).saturating_mul(demand.block));
    let metadata =
        |data: u64| up(metadata(demand, data)).min(down(METADATA_BLOCKS_MAX.0 * 4096, room.extent));
    let step = |data: u64| up(data / 100 * GROWTH);
    let first = asked.map_or(least, up);
    let least_metadata = metadata(first.saturating_add(step(first)));
    let needed = first.saturating_add(step(first)).saturating_add(least_metadata.saturating_mul(2));
    let all = room.usable.saturating_sub(metadata(room.usable).saturating_mul(2));
    let largest = down(all / (100 + GROWTH) * 100, room.extent);
    let data = match asked {
        Some(_) => first,
        None if room.all => largest.max(least),
        None => up(least.max(demand.roomy())).min(largest).max(least),
    };
    let reach = if room.all { room.usable } else { data.saturating_mul(2).min(room.usable) };
    let metadata = metadata(reach.max(data));
    let growth = room.usable.saturating_sub(data).saturating_sub(metadata.saturating_mul(2));
    Layout { threshold, data, metadata, needed, least, growth }
}

impl Demand {
    /// Twice what is used, or room for one full container more.
    fn roomy(&self) -> u64 {
        let used = self.used.saturating_mul(self.block);
        used.saturating_mul(2).max(used.saturating_add(self.base))
    }
}

/// The fewest blocks of which those in use are no more than the threshold, and that leave Docker's floor, in whole
/// bitmaps. `thin_restore` counts too few free blocks in a last bitmap that is not whole (thin-provisioning-tools pull
/// request 288), and the kernel, once it has grown such a space map, does not find the others: writes hang although
/// blocks are free. So whole bitmaps are restored, and the kernel grows them to the volume.
fn least(demand: &Demand, threshold: u64) -> u64 {
    let share = |used: u64| used.saturating_mul(100).div_ceil(threshold);
    let blocks = share(demand.used);
    let floor = min_free::required(blocks, demand.percent);
    let roomy = blocks.saturating_sub(demand.used) >= floor;
    let blocks = if roomy { blocks } else { share(demand.used.saturating_add(floor)) };
    blocks.max(demand.used.max(1).checked_next_multiple_of(BITMAP_BLOCKS).unwrap_or(u64::MAX))
}

/// Metadata size for a pool that may grow to `data` bytes.
fn metadata(demand: &Demand, data: u64) -> u64 {
    let blocks = data.div_ceil(demand.block.max(1));
    advised_bytes(blocks)
        .max(demand.metadata.saturating_mul(METADATA_GROWS))
        .saturating_add(RESERVE)
        .max(METADATA_LEAST)
}

fn down(bytes: u64, unit: u64) -> u64 {
    bytes - bytes.checked_rem(unit).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;

    fn demand(used_gib: u64, percent: u64) -> Demand {
        let used = used_gib * GIB / 65_536;
        Demand { used, block: 65_536, metadata: 20 * MIB, percent, base: 10 * GIB }
    }

    #[test]
    fn a_disk_of_200_gib_for_40_in_use() {
        let layout = layout(&demand(40, 10), &Room::device(200 * GIB), None);
        assert_eq!((layout.threshold, layout.least), (80, 50 * GIB));
        // 64 bytes for each of 3276800 blocks, and what the kernel keeps back.
        assert_eq!(layout.metadata, 216 * MIB);
        assert_eq!(layout.data % EXTENT, 0);
        assert!(layout.data * 12 / 10 + 2 * layout.metadata <= 200 * GIB - MIB);
        assert!(layout.data > 166 * GIB && layout.growth >= layout.data / 5, "{layout:?}");
        assert_eq!(layout.needed, 60 * GIB + 2 * 96 * MIB);
    }

    #[test]
    fn of_a_group_it_takes_what_it_needs() {
        let room = Room::group(900 * GIB, EXTENT);
        assert_eq!(layout(&demand(40, 10), &room, None).data, 80 * GIB);
        assert_eq!(layout(&demand(4, 10), &room, None).data, 14 * GIB, "and a container's size");
        assert_eq!(layout(&demand(40, 10), &room, Some(300 * GIB + 1)).data, 300 * GIB + EXTENT);
    }

    #[test]
    fn too_little_is_seen() {
        let little = layout(&demand(40, 10), &Room::device(60 * GIB), None);
        assert!(little.needed > Room::device(60 * GIB).usable, "{little:?}");
        let enough = layout(&demand(40, 10), &Room::device(61 * GIB), None);
        assert!(enough.needed <= Room::device(61 * GIB).usable && enough.data >= enough.least, "{enough:?}");
    }

    #[test]
    fn lvm_acts_before_docker_refuses() {
        for percent in 0..40 {
            assert!(threshold(percent) + MARGIN <= 100 - percent, "{percent}");
        }
        assert_eq!((threshold(0), threshold(10), threshold(25), threshold(60)), (80, 80, 65, 50));
    }

    #[test]
    fn an_empty_pool_and_a_tiny_one() {
        let empty = Demand { used: 0, ..demand(0, 10) };
        assert!(layout(&empty, &Room::device(20 * GIB), None).data > 16 * GIB);
        assert_eq!(
            layout(&empty, &Room::device(20 * GIB), None).least,
            1020 * MIB,
            "a whole bitmap of blocks"
        );
        let tiny = Demand { used: 1, metadata: 0, ..empty };
        let layout = layout(&tiny, &Room::device(GIB), None);
        assert_eq!(layout.needed, (1020 + 204 + 2 * 64) * MIB);
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_fits(
            used in 0_u64..1 << 26,
            metadata in 0_u64..1 << 34,
            percent in 0_u64..100,
            size in 0_u64..1 << 45,
            all in any::<bool>(),
        ) {
            let demand = Demand { used, block: 65_536, metadata, percent, base: 10 << 30 };
            let room = Room { all, ..Room::device(size) };
            let layout = layout(&demand, &room, None);
            if layout.needed <= room.usable {
                prop_assert!(layout.data >= layout.least);
                let taken = layout.data + 2 * layout.metadata;
                prop_assert!(taken <= room.usable, "{layout:?} {room:?}");
            }
        }
    }
}

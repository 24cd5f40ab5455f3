//! New sizes for a pool: the smallest that ends the refusal, and a recommended one with room to work.
//!
//! Pure arithmetic on blocks; does not check where the space comes from.
//!
//! The recommendation for data: at most 75 % used (less where Docker demands more than 15 % free: ten points
//! above its floor), rounded up to a power of two of about a sixteenth of the size, at most 1 GiB. For
//! metadata: at most 75 % used, and 64 bytes a data block where there is less than the 48 that the kernel's
//! documentation asks for (Documentation/admin-guide/device-mapper/thin-provisioning.rst), rounded up to 4
//! MiB.

use super::pool_facts::SpaceFacts;
use crate::host::docker::min_free;
use crate::host::model::units::BITMAP_BLOCKS;
use crate::host::model::units::METADATA_BLOCKS_MAX;

/// Sizes for data or metadata, in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Target {
    /// Fewest blocks to add; 0 if none are needed.
    pub(super) minimum_growth: Option<u64>,
    /// Total blocks after that.
    pub(super) minimum_total: Option<u64>,
    /// Recommended total blocks.
    pub(super) recommended: Option<u64>,
}

const GIB: u64 = 1 << 30;
/// Metadata grows in steps of 64 blocks (256 KiB): the resize uses some blocks itself.
const METADATA_STEP: u64 = 64;
/// Metadata recommendations are multiples of 1024 blocks (4 MiB), LVM's usual extent.
const METADATA_UNIT: u64 = 1024;
/// Blocks that growing the metadata may use itself, for bitmaps and the index.
const RESIZE_USES: u64 = 8;

/// Sizes for the data.
pub(super) fn data(half: &SpaceFacts) -> Target {
    let (Some(total), Some(free)) = (half.total, half.free) else { return Target::default() };
    let minimum_growth = match half.percent.filter(|p| *p > 0) {
        Some(percent) => min_free::smallest_growth(free, total, percent),
        None => Some(u64::from(free == 0)),
    };
    let minimum_total = minimum_growth.and_then(|g| total.checked_add(g));
    let roomy = roomy(total.saturating_sub(free), half.percent.unwrap_or(0));
    let recommended = match (minimum_total, roomy) {
        (Some(least), Some(roomy)) if least.max(roomy) <= total => Some(total),
        (Some(least), Some(roomy)) => rounded_up(least.max(roomy), half.block),
        _ => None,
    };
    Target { minimum_growth, minimum_total, recommended }
}

/// Sizes for data whose free blocks in the last bitmap the kernel does not find. thin_repair and thin_restore record
/// in that bitmap's entry the free blocks that exist, while the kernel records those it has room for; growing changes
/// neither, and an entry without free blocks is skipped (`sm_ll_extend`, `sm_ll_find_free_block`).
pub(super) fn beyond_bitmap(half: &SpaceFacts) -> Target {
    let whole = half.total.and_then(|total| total.checked_next_multiple_of(BITMAP_BLOCKS));
    let (Some(total), Some(whole)) = (half.total, whole) else { return Target::default() };
    let target = data(&SpaceFacts { total: Some(whole), free: Some(0), ..*half });
    Target { minimum_growth: target.minimum_total.and_then(|least| least.checked_sub(total)), ..target }
}

/// The smallest total at which `used` blocks stay within the recommended share.
fn roomy(used: u64, percent: u64) -> Option<u64> {
    let share = 75.min(90_u64.saturating_sub(percent)).max(1);
    Some(used.checked_mul(100)?.div_ceil(share))
}

/// Rounds up to a round size in bytes, in whole blocks.
fn rounded_up(blocks: u64, block: Option<u64>) -> Option<u64> {
    let size = block.unwrap_or(64 << 10);
    let bytes = blocks.checked_mul(size)?;
    Some(bytes.checked_next_multiple_of(unit(bytes))?.div_ceil(size))
}

/// Rounding unit for a size: a power of two, about a sixteenth of it, at most 1 GiB.
pub(super) fn unit(bytes: u64) -> u64 {
    match (bytes / 16).checked_ilog2() {
        Some(log) => (1_u64 << log).min(GIB),
        None => 1,
    }
}

/// Sizes for the metadata of a pool with `data_blocks` data blocks.
pub(super) fn metadata(half: &SpaceFacts, data_blocks: Option<u64>) -> Target {
    let (Some(total), Some(free)) = (half.total, half.free) else { return Target::default() };
    let minimum_growth = metadata_growth(free, total, half.percent.unwrap_or(0));
    let minimum_total = minimum_growth.and_then(|g| total.checked_add(g));
    let most = METADATA_BLOCKS_MAX.0;
    let advised = match data_blocks {
        Some(blocks) if needed_bytes(blocks).div_ceil(4096) > total => {
            advised_bytes(blocks).div_ceil(4096).min(most)
        }
        _ => 0,
    };
    let used = total.saturating_sub(free);
    let recommended = match (minimum_total, roomy(used, half.percent.unwrap_or(0))) {
        (Some(least), Some(roomy)) => {
            let want = least.max(roomy).max(advised);
            let round = want.checked_next_multiple_of(METADATA_UNIT).map(|r| r.min(most.max(least)));
            if want <= total { Some(total) } else { round }
        }
        _ => None,
    };
    Target { minimum_growth, minimum_total, recommended }
}

/// The fewest blocks to add, in steps of 64, to meet the floor. Allows for the tenth of the new blocks that newer
/// kernels reserve and for the blocks that the resize itself uses.
fn metadata_growth(free: u64, total: u64, percent: u64) -> Option<u64> {
    let met = |growth: u64| {
        let gain = growth.checked_sub(growth.div_ceil(10))?.checked_sub(RESIZE_USES)?;
        Some(free.checked_add(gain)? >= min_free::required(total.checked_add(growth)?, percent).max(1))
    };
    if free >= min_free::required(total, percent).max(1) {
        return Some(0);
    }
    let most = METADATA_BLOCKS_MAX.0.saturating_sub(total) / METADATA_STEP;
    let (mut low, mut high) = (0, most);
    if !met(most.checked_mul(METADATA_STEP)?)? {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if met(middle * METADATA_STEP)? { high = middle } else { low = middle }
    }
    high.checked_mul(METADATA_STEP)
}

/// The kernel's rule: 48 bytes a data block, at least 2 MiB.
pub(super) fn needed_bytes(data_blocks: u64) -> u64 {
    data_blocks.saturating_mul(48).max(2 << 20)
}

/// LVM's rule: 64 bytes a data block, at least 2 MiB.
pub(super) fn advised_bytes(data_blocks: u64) -> u64 {
    data_blocks.saturating_mul(64).max(2 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn half(free: u64, total: u64, block: u64) -> SpaceFacts {
        let percent = Some(10);
        SpaceFacts {
            block: Some(block),
            total: Some(total),
            free: Some(free),
            percent,
            ..SpaceFacts::default()
        }
    }

    #[test]
    fn the_published_pool() {
        let target = data(&half(161_986, 1_638_400, 65_536));
        assert_eq!(target.minimum_growth, Some(2059));
        assert_eq!(target.minimum_total, Some(1_640_459));
        assert_eq!(target.recommended, Some(121 * 16_384), "121 GiB");
    }

    #[test]
    fn blocks_that_the_kernel_does_not_find_are_left_behind() {
        let found = SpaceFacts { percent: None, ..half(384, 1408, 65_536) };
        let target = beyond_bitmap(&found);
        assert_eq!(target.minimum_growth, Some(16_321 - 1408));
        assert_eq!(target.minimum_total, Some(16_321));
        assert!(target.recommended >= Some(16_320 * 4 / 3), "{target:?}");
    }

    #[test]
    fn small_metadata() {
        let target = metadata(&half(1325, 13_310, 4096), None);
        assert_eq!(target.minimum_growth, Some(64));
        assert_eq!(target.minimum_total, Some(13_374));
        assert_eq!(target.recommended, Some(16_384), "64 MiB");
    }

    #[test]
    fn nothing_needed_is_nothing_recommended() {
        let target = data(&half(900_000, 1_638_400, 65_536));
        assert_eq!((target.minimum_growth, target.recommended), (Some(0), Some(1_638_400)));
        let target = metadata(&half(500_000, 524_288, 4096), Some(1_638_400));
        assert_eq!((target.minimum_growth, target.recommended), (Some(0), Some(524_288)));
    }

    #[test]
    fn metadata_follows_the_data_and_ends_at_the_kernels_limit() {
        let target = metadata(&half(10_000, 12_288, 4096), Some(1_638_400));
        assert_eq!(target.recommended, Some(25_600), "64 bytes a block are 100 MiB");
        let target = metadata(&half(10_000, 12_288, 4096), Some(1 << 40));
        assert_eq!(target.recommended, Some(METADATA_BLOCKS_MAX.0));
        assert_eq!(metadata(&half(0, METADATA_BLOCKS_MAX.0, 4096), None).minimum_growth, None);
    }
}

#[cfg(test)]
mod properties {
    use super::tests::half;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn recommended_is_never_below_the_minimum(
            total in 1_u64..1 << 40,
            share in 0_u64..=100,
            percent in 0_u64..99,
        ) {
            let free = total * share / 100;
            let half = half(free, total, 65_536);
            let target = data(&SpaceFacts { percent: Some(percent), ..half });
            prop_assert!(target.recommended >= target.minimum_total);
            prop_assert!(target.minimum_total >= Some(total));
        }
    }
}

//! The arithmetic of Docker's free-space floor (`dm.min_free_space`), in exact integers.
//!
//! Docker 1.11 to 24 refuses to create a thin device if `free < max(1, floor(total × percent / 100))`, for data and
//! then for metadata; equality passes (daemon/graphdriver/devmapper/deviceset.go, `poolHasFreeSpace`).

use crate::host::model::units::percent_of;

/// Docker's default percentage.
pub const DEFAULT_PERCENT: u64 = 10;

/// Blocks that must be free: `max(1, floor(total × percent / 100))`; 0 with 0 percent.
#[must_use]
pub fn required(total: u64, percent: u64) -> u64 {
    if percent == 0 { 0 } else { percent_of(total, percent).max(1) }
}

/// The largest percentage, 0 to 99, at which `free` of `total` blocks pass; 0 always passes.
#[must_use]
pub fn largest_passing_percent(free: u64, total: u64) -> u64 {
    (0..=99).rev().find(|p| required(total, *p) <= free).unwrap_or(0)
}

/// The fewest blocks to add that meet the floor while the used blocks stay the same.
///
/// Each added block raises free by one and the floor by at most one, so a floor once met stays met, and a binary
/// search finds the first such size. `None` if no growth helps (100 percent or overflow).
#[must_use]
pub fn smallest_growth(free: u64, total: u64, percent: u64) -> Option<u64> {
    let passes = |more: u64| {
        let (free, total) = (free.checked_add(more)?, total.checked_add(more)?);
        Some(free >= required(total, percent))
    };
    let mut high = 1_u64;
    if passes(0)? {
        return Some(0);
    }
    while !passes(high)? {
        high = high.checked_mul(2)?;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if passes(middle)? { high = middle } else { low = middle }
    }
    Some(high)
}

/// The percentage behind a floor, if exactly one whole percentage from 1 to 99 gives it for this total.
#[must_use]
pub fn percent_behind(required_blocks: u64, total: u64) -> Option<u64> {
    (1..=99).find(|p| required(total, *p) == required_blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_case() {
        assert_eq!(required(1_638_400, 10), 163_840);
        assert_eq!(largest_passing_percent(161_986, 1_638_400), 9);
        assert_eq!(required(1_638_400, 9), 147_456);
        assert_eq!(161_986 - 147_456, 14_530);
        assert_eq!(smallest_growth(161_986, 1_638_400, 10), Some(2059));
        assert_eq!(1_638_400 + 2059, 1_640_459);
        assert_eq!(percent_behind(163_840, 1_638_400), Some(10));
    }

    #[test]
    fn small_metadata_of_a_build_service() {
        assert_eq!(required(13_310, 10), 1331);
        assert_eq!(largest_passing_percent(1325, 13_310), 9);
    }

    #[test]
    fn edges() {
        assert_eq!(required(5, 10), 1, "a floor is at least one block");
        assert_eq!(required(5, 0), 0);
        assert_eq!(largest_passing_percent(0, 5), 0);
        assert_eq!(largest_passing_percent(5, 5), 99);
        assert_eq!(smallest_growth(0, 10, 0), Some(0));
        assert_eq!(smallest_growth(u64::MAX, u64::MAX, 10), Some(0));
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn growth_is_enough_and_no_more(total in 1_u64..1 << 40, share in 0_u64..=100, percent in 0_u64..100) {
            let free = percent_of(total, share);
            let more = smallest_growth(free, total, percent).unwrap();
            prop_assert!(free + more >= required(total + more, percent));
            prop_assert!(more == 0 || free + more - 1 < required(total + more - 1, percent));
        }

        #[test]
        fn the_largest_percent_passes_and_the_next_does_not(total in 1_u64..1 << 40, share in 0_u64..=100) {
            let free = percent_of(total, share);
            let percent = largest_passing_percent(free, total);
            prop_assert!(required(total, percent) <= free);
            prop_assert!(percent == 99 || required(total, percent + 1) > free);
        }
    }
}

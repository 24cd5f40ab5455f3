//! A sparkline of use over time, one bar per column.
//!
//! The scale is the observed range, so that slow growth is visible, but at least a hundredth of the total, so that
//! noise is not.

use crate::host::history::Moment;

/// Heights of the bars, lowest first.
pub const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The bars for terminals that show only ASCII.
pub const PLAIN: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// The longest time shown, in milliseconds.
const LONGEST: i64 = 3_600_000;

/// Heights of at most `columns` bars at equal time intervals, the last one at the newest sample. A bar shows the last
/// use at its time, of a space of `total` units. Heights are 0 to `8 * lines - 1`. There are never more bars than
/// samples.
#[must_use]
pub fn heights(seen: &[(Moment, u64)], total: u64, columns: usize, lines: usize) -> Vec<usize> {
    let Some((newest, _)) = seen.last() else { return Vec::new() };
    let seen = seen.get(seen.partition_point(|(at, _)| newest.since(*at) > LONGEST)..).unwrap_or_default();
    let Some((oldest, _)) = seen.first() else { return Vec::new() };
    let columns = columns.min(seen.len()).max(1);
    let uses = seen.iter().map(|(_, used)| *used);
    let (low, high) = (uses.clone().min().unwrap_or_default(), uses.max().unwrap_or_default());
    let range = u128::from((high - low).max(total / 100).max(1));
    let highest = lines.max(1).saturating_mul(8) - 1;
    let top = u128::try_from(highest).unwrap_or_default();
    let height = |used: u64| usize::try_from(u128::from(used - low) * top / range).unwrap_or(highest);
    let span = i128::from(newest.since(*oldest));
    let steps = i128::try_from(columns).unwrap_or(1);
    let column = |n: i128| {
        let by = i128::from(oldest.0) + span * (n + 1) / steps;
        let at = seen.partition_point(|(at, _)| i128::from(at.0) <= by).saturating_sub(1);
        seen.get(at).map_or(0, |(_, used)| height(*used))
    };
    (0..steps).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(uses: &[u64], total: u64, columns: usize) -> String {
        let seen: Vec<(Moment, u64)> = (0..).zip(uses).map(|(n, used)| (Moment(n * 1000), *used)).collect();
        heights(&seen, total, columns, 1).into_iter().map(|h| BARS[h]).collect()
    }

    #[test]
    fn growth_rises_and_noise_does_not() {
        assert_eq!(row(&[0, 1, 2, 3, 4, 5, 6, 7], 7, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(row(&[500, 501, 500, 502], 100_000, 4), "▁▁▁▁");
        assert_eq!(row(&[0, 10, 20, 70], 100, 2), "▂█");
        assert_eq!(row(&[5], 10, 20), "▁");
        assert_eq!(row(&[], 10, 20), "");
    }

    proptest! {
        #[test]
        fn every_height_is_a_bar(
            uses in prop::collection::vec(any::<u64>(), 0..100), total in any::<u64>(), columns in 0_usize..300, lines in 1_usize..5,
        ) {
            let seen: Vec<(Moment, u64)> = (0..).zip(uses).map(|(n, used)| (Moment(n * 77), used)).collect();
            let heights = heights(&seen, total, columns, lines);
            prop_assert!(heights.len() <= columns.max(1) && heights.iter().all(|h| *h < 8 * lines));
        }
    }
}

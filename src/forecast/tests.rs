//! Exact rates and times until full for constructed histories, and properties that hold for every history.

use super::*;
use crate::host::history::{Below, Level, Moment};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const TOTAL: u64 = 1_638_400;

fn sample(at: i64, used: u64) -> Sample {
    Sample {
        at: Moment(at),
        pool: "p".to_owned(),
        mode: None,
        block_bytes: Some(65536),
        data: Some(Level { used_blocks: used, total_blocks: TOTAL }),
        metadata: None,
        filesystem: None,
    }
}

/// The forecast for data with these samples of use, one per minute.
fn data(uses: impl IntoIterator<Item = u64>) -> SpaceForecast {
    let samples: Vec<Sample> = (0..).zip(uses).map(|(n, used)| sample(n * MINUTE, used)).collect();
    of_samples(&samples.iter().collect::<Vec<_>>()).data
}

#[test]
fn a_steady_fill_is_exact() {
    // 100 blocks a minute; 1638400 - 1000000 - 60 * 100 are left after an hour.
    let outlook = data((0..=60).map(|n| 1_000_000 + n * 100));
    let Trend::Fills(fit, end) = outlook.soonest() else { panic!("{outlook:?}") };
    assert_eq!((fit.slope, fit.span, fit.samples), (Slope { rise: 100, run: MINUTE }, 60 * MINUTE, 61));
    assert_eq!(end, 6324 * MINUTE);
    assert_eq!(outlook.bytes_per_hour(&fit), Some(6000 * 65536));
    // An hour's rate is not trusted for four days.
    assert_eq!(outlook.reliable_since(), None);
}

#[test]
fn too_few_samples_give_no_rate() {
    assert_eq!(data([]).soonest(), Trend::NotEnough(0));
    assert_eq!(data([1, 2, 3]).soonest(), Trend::NotEnough(3));
    assert!(matches!(data([1, 2, 3, 4]).soonest(), Trend::Fills(..)));
    assert_eq!(data([1, 2, 3, 4]).reliable_since(), None, "three minutes are too short a time");
}

#[test]
fn flat_and_falling_do_not_fill() {
    let over = |trend| if let Trend::NotGrowing(fit) = trend { fit.span / MINUTE } else { 0 };
    assert_eq!(over(data([5; 30]).soonest()), 29);
    assert_eq!(over(data((0..30).map(|n| 1_000_000 - n)).now()), 10);
}

#[test]
fn samples_before_a_prune_are_ignored() {
    let before = (0..100).map(|n| 1_000_000 + n * 1000);
    // It takes three samples to fall.
    let falling = [900_000, 700_000, 500_000];
    let after = (1..=30).map(|n| 500_000 + n * 2000);
    let outlook = data(before.chain(falling).chain(after));
    assert_eq!(outlook.falls, Drops { times: 1, highest: 1_099_000 });
    assert_eq!(outlook.samples, 31);
    let Trend::Fills(fit, _) = outlook.soonest() else { panic!("{outlook:?}") };
    assert_eq!(fit.slope, Slope { rise: 2000, run: MINUTE });
}

#[test]
fn after_a_prune_there_is_not_enough_data_at_first() {
    let outlook = data((0..100).map(|n| 1_000_000 + n * 1000).chain([500_000, 501_000]));
    assert_eq!(outlook.soonest(), Trend::NotEnough(2));
}

#[test]
fn an_acute_fill_is_not_hidden_by_quiet_hours() {
    // Five hours of nothing, then twenty minutes at 2 percent a minute.
    let outlook = data([200_000; 300].into_iter().chain((1..=20).map(|n| 200_000 + n * 32_768)));
    let (fit, end) = outlook.reliable_since().unwrap();
    assert_eq!(fit.slope, Slope { rise: 32_768, run: MINUTE });
    assert_eq!(end / MINUTE, 23);
}

#[test]
fn a_short_burst_is_not_trusted() {
    // A pull of three minutes, 30 GiB free: at that rate full in 41 minutes.
    let outlook = data([1_100_000; 60].into_iter().chain((1..=3).map(|n| 1_100_000 + n * 12_000)));
    assert_eq!(outlook.reliable_since(), None);
}

#[test]
fn an_old_history_says_nothing_about_now() {
    let old = (0..100).map(|n| sample(n * MINUTE, 1000 + 1000 * u64::try_from(n).unwrap()));
    let week = 7 * 24 * 60 * MINUTE;
    let samples: Vec<Sample> = old.chain([sample(week, 200_000)]).collect();
    let outlook = of_samples(&samples.iter().collect::<Vec<_>>()).data;
    assert_eq!(outlook.soonest(), Trend::NotEnough(1));
}

#[test]
fn the_loop_files_filesystem_has_its_own_forecast() {
    let samples: Vec<Sample> = (0..30_i64)
        .map(|n| {
            let free_bytes = 10_000_000_000 - u64::try_from(n).unwrap() * 100_000_000;
            let below = Below { mount: None, free_bytes, size_bytes: 50_000_000_000 };
            Sample { filesystem: Some(below), ..sample(n * MINUTE, 5) }
        })
        .collect();
    let forecast = of_samples(&samples.iter().collect::<Vec<_>>());
    assert!(matches!(forecast.data.soonest(), Trend::NotGrowing(_)));
    let (_, end) = forecast.filesystem.unwrap().reliable_since().unwrap();
    assert_eq!(end, 71 * MINUTE);
}

#[test]
fn after_the_clock_is_set_back_only_later_samples_count() {
    let mut samples: Vec<Sample> = (0..10).map(|n| sample(1_000_000_000 + n * MINUTE, 5)).collect();
    samples.extend((0..10_i64).map(|n| sample(n * MINUTE, 100 + u64::try_from(n).unwrap())));
    let outlook = of_samples(&samples.iter().collect::<Vec<_>>()).data;
    assert_eq!(outlook.samples, 10);
}

#[test]
fn a_pool_that_is_pruned_every_hour_is_a_sawtooth() {
    // A build host: an hour of builds takes 10 percent, then they are removed.
    let hour = |_| (0..60).map(|n| 800_000 + n * 2_730);
    let outlook = data((0..4).flat_map(hour).chain((0..30).map(|n| 800_000 + n * 2_730)));
    assert_eq!(outlook.falls, Drops { times: 4, highest: 800_000 + 59 * 2_730 });
    assert!(outlook.is_sawtooth());
    // Once it is fuller than before any drop, it is no longer a sawtooth.
    assert!(!data((0..4).flat_map(hour).chain((0..90).map(|n| 800_000 + n * 2_730))).is_sawtooth());
}

#[test]
fn durations_are_formatted() {
    let all = [0, 59_999, 61_000, 600_000, 3_600_000, 12_000_000, 200_000_000, 1_500_000_000, i64::MAX];
    let words = ["0 s", "59 s", "1 min 1 s", "10 min", "1 h", "3 h 20 min", "2 days 7 h", "17 days", "years"];
    assert_eq!(all.map(length), words);
}

/// Points a minute apart.
fn points(uses: &[u64]) -> Vec<Point> {
    (0..).zip(uses).map(|(n, used)| Point { at: Moment(n * MINUTE), used: *used }).collect()
}

proptest! {
    /// A quarter of the samples may be arbitrary without changing the slope.
    #[test]
    fn wild_samples_do_not_move_the_slope(
        rise in 0_u64..1000,
        count in 12_usize..60,
        wild in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 15),
    ) {
        let mut uses: Vec<u64> = (0..count).map(|n| 10_000_000 + rise * u64::try_from(n).unwrap()).collect();
        for (at, used) in wild.iter().take(count / 4) {
            uses[at.index(count)] = *used;
        }
        let slope = median_slope(&points(&uses)).unwrap();
        prop_assert_eq!(slope, Slope { rise: i64::try_from(rise).unwrap(), run: MINUTE });
    }

    /// Samples before a drop do not change the forecast.
    #[test]
    fn only_samples_after_the_drop_count(
        before in prop::collection::vec(500_000..TOTAL, 1..50),
        after in prop::collection::vec(0_u64..1000, 1..50),
    ) {
        // In rising order, so that the bottom of the drop is the first sample.
        let mut rising = after;
        rising.sort_unstable();
        let alone = data(rising.iter().copied());
        let mut both = data(before.iter().chain(&rising).copied());
        let falls = both.falls;
        prop_assert!(falls.times >= 1 && falls.highest >= *before.last().unwrap());
        // If the lowest value is repeated, counting starts at its last occurrence.
        prop_assert!(both.samples <= alone.samples);
        both.falls = alone.falls;
        if rising.first() != rising.get(1) {
            prop_assert_eq!(both, alone);
        }
    }

    /// Filling more space never takes less time, and nothing panics or overflows.
    #[test]
    fn every_history_has_a_forecast(
        seen in prop::collection::vec((any::<i64>(), any::<u64>(), any::<u64>()), 0..80),
        more in any::<u64>(),
    ) {
        let points = seen.iter().map(|(at, used, total)| (Point { at: Moment(*at), used: *used }, *total));
        let outlook = space_forecast(points, Some(Bytes(65536)));
        let _ = (outlook.now(), outlook.soonest(), outlook.reliable_since());
        for fit in &outlook.fits {
            let _ = outlook.bytes_per_hour(fit);
            let (less, all) = (fit.slope.time_for(more / 2), fit.slope.time_for(more));
            prop_assert!(less <= all && less.is_none() == all.is_none());
        }
    }

    #[test]
    fn thinning_keeps_the_ends_and_the_order(gaps in prop::collection::vec(1_i64..100_000, 1..500)) {
        let mut at = 0;
        let points: Vec<Point> = gaps.iter().map(|gap| { at += gap; Point { at: Moment(at), used: 0 } }).collect();
        let kept = series::thinned(&points);
        prop_assert!(kept.len() <= 65 && kept.is_sorted_by_key(|p| p.at));
        prop_assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
    }
}

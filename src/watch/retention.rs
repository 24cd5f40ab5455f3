//! Thins a history: all recent samples are kept, and fewer the older they are.
//!
//! Pure. Never removes the newest sample of a pool.

use crate::host::history::{History, Sample};
use std::collections::HashMap;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Pairs of age and smallest distance between samples up to that age, in milliseconds. Samples older than the last age
/// are removed. The windows of forecasts (10 minutes, 6 hours, 3 days) keep enough samples each.
const KEPT: [(i64, i64); 4] =
    [(10 * MINUTE, 0), (6 * HOUR, MINUTE), (3 * DAY, 10 * MINUTE), (90 * DAY, HOUR)];
/// Number of newest events kept.
const EVENTS: usize = 1000;

/// Removes samples that are too old or too close together. Ages count from each pool's newest sample.
pub fn thin(history: &mut History) {
    let mut newest: HashMap<String, Sample> = HashMap::new();
    let mut kept = Vec::with_capacity(history.samples.len());
    // From the newest to the oldest: a sample stays if it is far enough from the next newer one kept.
    let mut next: HashMap<String, i64> = HashMap::new();
    for sample in history.samples.drain(..).rev() {
        let Some(newest) = newest.get(&sample.pool) else {
            newest.insert(sample.pool.clone(), sample.clone());
            next.insert(sample.pool.clone(), sample.at.0);
            kept.push(sample);
            continue;
        };
        let age = newest.at.since(sample.at);
        let Some(next) = next.get_mut(&sample.pool) else { continue };
        let apart = next.saturating_sub(sample.at.0);
        // The clock was set back after this sample, so its age is meaningless.
        if age < 0 || apart < 0 {
            continue;
        }
        if KEPT.iter().find(|(limit, _)| age <= *limit).is_some_and(|(_, least)| apart >= *least) {
            *next = sample.at.0;
            kept.push(sample);
        }
    }
    kept.reverse();
    history.samples = kept;
    let old = history.events.len().saturating_sub(EVENTS);
    history.events.drain(..old);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::history::{Level, Moment};
    use proptest::prelude::*;

    fn sample(pool: &str, at: i64) -> Sample {
        let data = Some(Level { used_blocks: 1, total_blocks: 2 });
        Sample {
            at: Moment(at),
            pool: pool.to_owned(),
            mode: None,
            block_bytes: None,
            data,
            metadata: None,
            filesystem: None,
        }
    }

    fn thinned(samples: Vec<Sample>) -> Vec<Sample> {
        let mut history = History { samples, ..History::default() };
        thin(&mut history);
        history.samples
    }

    #[test]
    fn a_week_at_two_seconds_becomes_a_thousand_samples() {
        let week = (0..7 * DAY / 2000).map(|n| sample("p", n * 2000)).collect();
        let kept = thinned(week);
        // 300 of ten minutes, 350 of six hours, 396 of three days, 96 of the rest.
        assert!((1100..1200).contains(&kept.len()), "{}", kept.len());
    }

    proptest! {
        #[test]
        fn the_newest_stay_and_nothing_is_added(
            seen in prop::collection::vec((0_usize..3, 0_i64..100 * DAY), 1..300),
        ) {
            let names = ["a", "b", "c"];
            let samples: Vec<Sample> = seen.iter().map(|(pool, at)| sample(names[*pool], *at)).collect();
            let kept = thinned(samples.clone());
            for pool in names {
                let last = |all: &[Sample]| all.iter().rev().find(|s| s.pool == pool).cloned();
                prop_assert_eq!(last(&kept), last(&samples));
            }
            let mut rest = samples.iter();
            prop_assert!(kept.iter().all(|k| rest.any(|s| s == k)), "in order, and each was there");
            prop_assert_eq!(&thinned(kept.clone()), &kept, "once is enough");
        }
    }
}

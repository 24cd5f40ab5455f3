//! The median of the slopes between all pairs of points, as an exact fraction.
//!
//! Uses no floating point: slopes are compared by cross-multiplication.

use super::series::Point;
use std::cmp::Ordering;

/// A rate of growth, `rise / run`.
#[derive(Debug, Clone, Copy)]
pub struct Slope {
    /// Change of use in units; negative if use shrank.
    pub rise: i64,
    /// Time of the change in milliseconds; more than 0.
    pub run: i64,
}

impl Slope {
    fn between(from: Point, to: Point) -> Option<Self> {
        let run = to.at.since(from.at);
        let rise = i128::from(to.used) - i128::from(from.used);
        let rise = i64::try_from(rise).unwrap_or(if rise < 0 { i64::MIN } else { i64::MAX });
        (run > 0).then_some(Self { rise, run })
    }

    /// Milliseconds until `more` additional units are in use; `None` if use does not grow.
    #[must_use]
    pub const fn time_for(&self, more: u64) -> Option<i64> {
        if self.rise <= 0 {
            return None;
        }
        let time = more as i128 * self.run as i128 / self.rise as i128;
        Some(if time > i64::MAX as i128 { i64::MAX } else { time as i64 })
    }

    /// Growth in `millis` milliseconds, multiplied by `scale` (such as bytes per unit) and rounded towards 0.
    #[must_use]
    pub fn per(&self, millis: i64, scale: i128) -> i64 {
        let gained = i128::from(self.rise).saturating_mul(i128::from(millis)).saturating_mul(scale)
            / i128::from(self.run.max(1));
        i64::try_from(gained).unwrap_or(if gained < 0 { i64::MIN } else { i64::MAX })
    }
}

impl Ord for Slope {
    fn cmp(&self, other: &Self) -> Ordering {
        let across = |a: i64, b: i64| i128::from(a) * i128::from(b);
        across(self.rise, other.run).cmp(&across(other.rise, self.run))
    }
}

impl PartialOrd for Slope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Equal by value: a rise of 2 in 4 ms equals a rise of 1 in 2 ms.
impl PartialEq for Slope {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Slope {}

/// The Theil-Sen slope of points in order of time. With an even number of slopes, the larger of the middle two.
/// `None` if no two points have different times. Takes quadratic time.
#[must_use]
pub fn median_slope(points: &[Point]) -> Option<Slope> {
    let later = |i: usize| points.get(i + 1..).unwrap_or_default();
    let pairs = points.iter().enumerate().flat_map(|(i, a)| later(i).iter().map(move |b| (*a, *b)));
    let mut slopes: Vec<Slope> = pairs.filter_map(|(a, b)| Slope::between(a, b)).collect();
    let middle = slopes.len() / 2;
    let (_, median, _) = (!slopes.is_empty()).then(|| slopes.select_nth_unstable(middle))?;
    Some(*median)
}

//! The median of the slopes between all pairs of points, as an exact fraction.
//!
//! No floating point: slopes are compared by multiplying across.

use super::series::Point;
use std::cmp::Ordering;

/// Growth: so many units in so many milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Slope {
    /// Units gained; negative where some were lost.
    pub rise: i64,
    /// Milliseconds it took; more than 0.
    pub run: i64,
}

impl Slope {
    fn between(from: Point, to: Point) -> Option<Self> {
        let run = to.at.since(from.at);
        let rise = i128::from(to.used) - i128::from(from.used);
        let rise = i64::try_from(rise).unwrap_or(if rise < 0 { i64::MIN } else { i64::MAX });
        (run > 0).then_some(Self { rise, run })
    }

    /// Milliseconds until so many more units are in use; `None` where it does not grow.
    #[must_use]
    pub const fn time_for(&self, more: u64) -> Option<i64> {
        if self.rise <= 0 {
            return None;
        }
        let time = more as i128 * self.run as i128 / self.rise as i128;
        Some(if time > i64::MAX as i128 { i64::MAX } else { time as i64 })
    }

    /// Units of `scale` gained in so many milliseconds, rounded towards 0.
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

/// 2 in 4 is the same slope as 1 in 2.
impl PartialEq for Slope {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Slope {}

/// The Theil-Sen slope of points in order of time: of an even number of slopes the larger of the two in the middle.
/// `None` where no two points have different times. It takes time with the square of the number of points.
#[must_use]
pub fn median_slope(points: &[Point]) -> Option<Slope> {
    let later = |i: usize| points.get(i + 1..).unwrap_or_default();
    let pairs = points.iter().enumerate().flat_map(|(i, a)| later(i).iter().map(move |b| (*a, *b)));
    let mut slopes: Vec<Slope> = pairs.filter_map(|(a, b)| Slope::between(a, b)).collect();
    let middle = slopes.len() / 2;
    let (_, median, _) = (!slopes.is_empty()).then(|| slopes.select_nth_unstable(middle))?;
    Some(*median)
}

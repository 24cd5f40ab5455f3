//! Prepares one space's use over time for fitting a rate: in order, limited in number, cut after the last sudden drop.

use crate::host::history::Moment;

/// Use at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The moment.
    pub at: Moment,
    /// Units in use.
    pub used: u64,
}

/// The sudden drops of use in a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// Number of drops.
    pub times: usize,
    /// The highest use before any of them, in units.
    pub highest: u64,
}

/// Most points that a slope is fitted to; all pairs of 64 points take about a millisecond.
const MOST_POINTS: usize = 64;
/// Smallest decrease that counts as a drop, in percent of the total; smaller ones hardly change a forecast.
const DROP_PERCENT: u64 = 1;
/// Smallest decrease that counts as a drop, in units: on a tiny device every commit changes use by a percent.
const DROP_LEAST: u64 = 16;

/// Appends a point. If the clock was set back, points later than the new one are removed.
pub(super) fn push(points: &mut Vec<Point>, point: Point) {
    while points.last().is_some_and(|last| last.at >= point.at) {
        points.pop();
    }
    points.push(point);
}

/// The points within `window` milliseconds before the last point.
pub(super) fn within(points: &[Point], window: i64) -> &[Point] {
    let Some(last) = points.last() else { return points };
    let first = points.partition_point(|p| last.at.since(p.at) > window);
    points.get(first..).unwrap_or_default()
}

/// The points from the bottom of the last drop on, and a summary of all drops.
pub(super) fn since_last_fall(points: &[Point], total: u64) -> (&[Point], Drops) {
    let least = (total / 100 * DROP_PERCENT).max(DROP_LEAST);
    let (mut start, mut falls) = (0, Drops::default());
    let (mut peak, mut bottom) = (0, None);
    for (at, used) in points.iter().map(|p| p.used).enumerate() {
        // A decrease over several samples is one drop.
        if bottom.is_some_and(|bottom| used <= bottom) {
            (start, peak, bottom) = (at, used, Some(used));
        } else if peak > used && peak - used >= least {
            falls = Drops { times: falls.times + 1, highest: falls.highest.max(peak) };
            (start, peak, bottom) = (at, used, Some(used));
        } else {
            (peak, bottom) = (peak.max(used), None);
        }
    }
    (points.get(start..).unwrap_or_default(), falls)
}

/// At most about [`MOST_POINTS`] of the points: the first, and the last in each of [`MOST_POINTS`] equal time spans.
pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let parts = i64::try_from(MOST_POINTS - 1).unwrap_or(i64::MAX);
    let part = last.at.since(first.at) / parts + 1;
    let mut kept = vec![*first];
    for point in points.get(1..).unwrap_or_default() {
        let part_of = |p: &Point| p.at.since(first.at) / part;
        match kept.last_mut().filter(|k| k.at != first.at && part_of(k) == part_of(point)) {
            Some(same) => *same = *point,
            None => kept.push(*point),
        }
    }
    kept
}

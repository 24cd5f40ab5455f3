//! One space's use over time, made fit for a rate: in order, bounded, and begun anew after each cliff.

use crate::host::history::Moment;

/// Use at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub at: Moment,
    /// Units in use.
    pub used: u64,
}

/// How often use fell by much, and the highest it fell from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// How often.
    pub times: usize,
    /// The highest use before any of them.
    pub highest: u64,
}

/// Most points that a slope is taken of: the pairs of so many take a millisecond.
const MOST_POINTS: usize = 64;
/// A fall is a cliff from this share of the whole on, in percent: what is smaller hides no forecast worth having.
const CLIFF_PERCENT: u64 = 1;
/// But no fewer units than this: of a tiny device every commit moves a percent.
const CLIFF_LEAST: u64 = 16;

/// Adds a point in order of time. Where the clock was set back, what lies in its new future is forgotten.
pub(super) fn push(points: &mut Vec<Point>, point: Point) {
    while points.last().is_some_and(|last| last.at >= point.at) {
        points.pop();
    }
    points.push(point);
}

/// The points of the last so many milliseconds before the last of them.
pub(super) fn within(points: &[Point], window: i64) -> &[Point] {
    let Some(last) = points.last() else { return points };
    let first = points.partition_point(|p| last.at.since(p.at) > window);
    points.get(first..).unwrap_or_default()
}

/// The points from the bottom of the last cliff on, and all the falls there were.
pub(super) fn since_last_fall(points: &[Point], total: u64) -> (&[Point], Drops) {
    let cliff = (total / 100 * CLIFF_PERCENT).max(CLIFF_LEAST);
    let (mut start, mut falls) = (0, Drops::default());
    let (mut peak, mut bottom) = (0, None);
    for (at, used) in points.iter().map(|p| p.used).enumerate() {
        // While it goes on falling it is one fall.
        if bottom.is_some_and(|bottom| used <= bottom) {
            (start, peak, bottom) = (at, used, Some(used));
        } else if peak > used && peak - used >= cliff {
            falls = Drops { times: falls.times + 1, highest: falls.highest.max(peak) };
            (start, peak, bottom) = (at, used, Some(used));
        } else {
            (peak, bottom) = (peak.max(used), None);
        }
    }
    (points.get(start..).unwrap_or_default(), falls)
}

/// At most [`MOST_POINTS`] of the points, the last of each of as many equal parts of the time, and the first.
pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let parts = i64::try_from(MOST_POINTS - 1).unwrap_or(i64::MAX);
    let part = last.at.since(first.at) / parts + 1;
    let mut kept = vec![*first];
    for point in points.get(1..).unwrap_or_default() {
        let of = |p: &Point| p.at.since(first.at) / part;
        match kept.last_mut().filter(|k| k.at != first.at && of(k) == of(point)) {
            Some(same) => *same = *point,
            None => kept.push(*point),
        }
    }
    kept
}

//! How fast a pool fills and when it is full: rates and times from a history, in exact integers.
//!
//! Never guesses: where too little was seen, or seen for too short a time, it says so. A rate is the median of
//! the slopes between all pairs of samples in a window (Theil and Sen), which a quarter of wild samples cannot move; a
//! cliff, such as a prune leaves, starts it anew.

mod series;
mod slope;

pub use series::{Drops, Point};
pub use slope::{Slope, median_slope};

use crate::host::Host;
use crate::host::history::Sample;
use crate::host::model::pool::Pool;
use crate::host::model::units::{Bytes, METADATA_BLOCK};

/// The windows that rates are fitted in, in milliseconds: a minute, ten, an hour, six, and three days.
pub const WINDOWS: [i64; 5] = [60_000, 600_000, 3_600_000, 6 * 3_600_000, 72 * 3_600_000];
/// A rate takes at least so many samples.
pub const LEAST_SAMPLES: usize = 4;
/// A rate that was seen for some time is trusted for so many times that time: a burst of a minute says nothing about
/// tomorrow. What fills steadily from nothing is so called after a seventh of its way.
const TRUST: i64 = 6;
/// A rate seen for less than this, five minutes, is trusted for nothing.
const LEAST_SPAN: i64 = 300_000;

/// When the parts of a pool are full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The pool's data.
    pub data: SpaceForecast,
    /// The pool's metadata.
    pub metadata: SpaceForecast,
    /// The filesystem under the data's loop file, where there is one.
    pub filesystem: Option<SpaceForecast>,
}

impl Forecast {
    /// The forecast of each space that the pool has.
    pub fn spaces(&self) -> impl Iterator<Item = (SpaceKind, &SpaceForecast)> {
        let all = [(SpaceKind::Data, Some(&self.data)), (SpaceKind::Metadata, Some(&self.metadata))];
        let all = all.into_iter().chain([(SpaceKind::Filesystem, self.filesystem.as_ref())]);
        all.filter_map(|(name, outlook)| Some((name, outlook?)))
    }
}

/// What can fill up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceKind {
    /// The pool's data.
    Data,
    /// The pool's metadata.
    Metadata,
    /// The filesystem under the data's loop file.
    Filesystem,
}

impl SpaceKind {
    /// `data`, `metadata` or `filesystem`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Metadata => "metadata",
            Self::Filesystem => "filesystem",
        }
    }
}

/// What was seen of one space, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpaceForecast {
    /// Bytes in what it is counted in: a data block, a metadata block, a byte.
    pub unit: Option<Bytes>,
    /// How much is free at the last sample; `None` where nothing was seen.
    pub left: Option<u64>,
    /// Rates, those over the shortest time first; none where too little was seen.
    pub fits: Vec<Fit>,
    /// How often it fell back, and from where, within the longest window.
    pub falls: Drops,
    /// What it holds at the last sample.
    pub used: u64,
    /// Samples since the last fall.
    pub samples: usize,
}

/// A rate over some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Samples in the window.
    pub samples: usize,
    /// Milliseconds from the first of them to the last.
    pub span: i64,
    /// How fast it grows.
    pub slope: Slope,
}

/// What there is to say of a space in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Not enough data: so many samples since the last fall.
    NotEnough(usize),
    /// Not growing, by this fit.
    NotGrowing(Fit),
    /// Growing, and full in so many milliseconds at the rate of the fit.
    Fills(Fit, i64),
}

/// The forecast for a pool of a host, from the host's history.
#[must_use]
pub fn of(host: &Host, pool: &Pool) -> Forecast {
    let samples: Vec<&Sample> = host.history.of(pool.name.as_deref().unwrap_or_default()).collect();
    of_samples(&samples)
}

/// The forecast from the samples of one pool, oldest first.
#[must_use]
pub fn of_samples(samples: &[&Sample]) -> Forecast {
    let level = |of: fn(&Sample) -> Option<(u64, u64)>, unit: Option<Bytes>| {
        let points = samples.iter().filter_map(|s| Some((s.at, of(s)?)));
        outlook(points.map(|(at, (used, total))| (Point { at, used }, total)), unit)
    };
    let block = samples.iter().rev().find_map(|s| s.block());
    let filesystem = |s: &Sample| {
        let below = s.filesystem.as_ref()?;
        Some((below.size_bytes.saturating_sub(below.free_bytes), below.size_bytes))
    };
    Forecast {
        data: level(|s| s.data.map(|l| (l.used_blocks, l.total_blocks)), block),
        metadata: level(|s| s.metadata.map(|l| (l.used_blocks, l.total_blocks)), Some(METADATA_BLOCK)),
        filesystem: samples.iter().any(|s| s.filesystem.is_some()).then(|| level(filesystem, Some(Bytes(1)))),
    }
}

/// What follows from one space's use over time: pairs of use and size, oldest first.
fn outlook(seen: impl Iterator<Item = (Point, u64)>, unit: Option<Bytes>) -> SpaceForecast {
    let (mut points, mut total) = (Vec::new(), 0);
    for (point, size) in seen {
        series::push(&mut points, point);
        total = size;
    }
    let Some(last) = points.last().copied() else {
        return SpaceForecast { unit, ..SpaceForecast::default() };
    };
    let points = series::within(&points, WINDOWS.iter().copied().max().unwrap_or_default());
    let (points, falls) = series::since_last_fall(points, total);
    let mut fits: Vec<Fit> = Vec::new();
    for window in WINDOWS {
        let seen = series::within(points, window);
        // A window that holds no more than the one before says nothing new.
        let more = fits.last().is_none_or(|f| f.samples < seen.len());
        if more && let Some(fit) = fit(seen) {
            fits.push(fit);
        }
    }
    let (left, used, samples) = (Some(total.saturating_sub(last.used)), last.used, points.len());
    SpaceForecast { unit, left, fits, falls, used, samples }
}

fn fit(points: &[Point]) -> Option<Fit> {
    let (first, last) = (points.first()?, points.last()?);
    let slope = median_slope(&series::thinned(points)).filter(|_| points.len() >= LEAST_SAMPLES)?;
    Some(Fit { samples: points.len(), span: last.at.since(first.at), slope })
}

impl SpaceForecast {
    /// What the latest samples say, over the shortest time that allows a rate.
    #[must_use]
    pub fn now(&self) -> Trend {
        self.trend(self.fits.first())
    }

    /// The soonest end that was seen long enough to be trusted; where there is none, what was seen longest says
    /// whether it grows at all.
    #[must_use]
    pub fn soonest(&self) -> Trend {
        let trusted = self.fits.iter().filter_map(|f| Some((f, self.full_in(f)?)));
        let trusted = trusted.filter(|(f, end)| f.span >= LEAST_SPAN && *end <= f.span.saturating_mul(TRUST));
        match trusted.min_by_key(|(_, end)| *end) {
            Some((fit, end)) => Trend::Fills(*fit, end),
            None => self.trend(self.fits.last()),
        }
    }

    /// Milliseconds until it is full, only where that end is to be expected.
    #[must_use]
    pub fn reliable_since(&self) -> Option<(Fit, i64)> {
        match self.soonest() {
            Trend::Fills(fit, end) if fit.span >= LEAST_SPAN && end <= fit.span.saturating_mul(TRUST) => {
                Some((fit, end))
            }
            _ => None,
        }
    }

    /// Whether it was at least as full before, fell back twice or more by itself or by hand, and never came near its
    /// end: what grows now is likely to fall back too.
    #[must_use]
    pub fn is_sawtooth(&self) -> bool {
        let total = self.left.map(|left| u128::from(self.used) + u128::from(left));
        let never_near = total.is_some_and(|t| u128::from(self.falls.highest) * 10 < t * 9);
        self.falls.times >= 2 && self.used <= self.falls.highest && never_near
    }

    /// Bytes an hour that a fit amounts to; negative where it shrinks.
    #[must_use]
    pub fn bytes_per_hour(&self, fit: &Fit) -> Option<i64> {
        let unit = i128::from(self.unit?.0);
        Some(fit.slope.per(3_600_000, unit))
    }

    fn full_in(&self, fit: &Fit) -> Option<i64> {
        fit.slope.time_for(self.left?)
    }

    fn trend(&self, fit: Option<&Fit>) -> Trend {
        match fit.map(|f| (f, self.full_in(f))) {
            None => Trend::NotEnough(self.samples),
            Some((fit, None)) => Trend::NotGrowing(*fit),
            Some((fit, Some(end))) => Trend::Fills(*fit, end),
        }
    }
}

/// A length of time in two units at most, as people say it: `3 h 20 min`, `45 s`, `5 days`. Rounded down.
#[must_use]
pub fn length(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |first: String, rest: i64, unit: &str| {
        if rest == 0 { first } else { format!("{first} {rest} {unit}") }
    };
    match (seconds, minutes, hours, days) {
        (..60, ..) => format!("{seconds} s"),
        (_, ..10, ..) => two(format!("{minutes} min"), seconds % 60, "s"),
        (_, ..60, ..) => format!("{minutes} min"),
        (_, _, ..48, _) => two(format!("{hours} h"), minutes % 60, "min"),
        (_, _, _, ..14) => two(format!("{days} days"), hours % 24, "h"),
        (_, _, _, ..730) => format!("{days} days"),
        _ => "years".to_owned(),
    }
}

#[cfg(test)]
mod tests;

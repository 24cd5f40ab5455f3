//! Forecasts how fast a pool fills and when it is full, from its history, in exact integers.
//!
//! Never forecasts from too few samples or too short a time. A rate is the Theil-Sen slope: the median of the slopes
//! between all pairs of samples in a window, which up to a quarter of outliers cannot move. A sudden drop, such as a
//! prune causes, discards all samples before it.

mod series;
mod slope;

pub use series::{Drops, Point};
pub use slope::{Slope, median_slope};

use crate::host::Host;
use crate::host::history::Sample;
use crate::host::model::pool::Pool;
use crate::host::model::units::{Bytes, METADATA_BLOCK};

/// Windows that rates are fitted in, in milliseconds: 1 minute, 10 minutes, 1 hour, 6 hours and 3 days.
pub const WINDOWS: [i64; 5] = [60_000, 600_000, 3_600_000, 6 * 3_600_000, 72 * 3_600_000];
/// Fewest samples that a rate is fitted to.
pub const LEAST_SAMPLES: usize = 4;
/// A rate is trusted for this many times the time it was observed: a burst of a minute says nothing about tomorrow.
/// A space that fills steadily from empty is therefore reported once it is one seventh full.
const TRUST: i64 = 6;
/// A rate observed for less than this (5 minutes, in milliseconds) is not trusted at all.
const LEAST_SPAN: i64 = 300_000;

/// The forecasts for a pool's spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The pool's data.
    pub data: SpaceForecast,
    /// The pool's metadata.
    pub metadata: SpaceForecast,
    /// The filesystem that holds the data's loop file, if there is one.
    pub filesystem: Option<SpaceForecast>,
}

impl Forecast {
    /// Each space that the pool has, with its forecast.
    pub fn spaces(&self) -> impl Iterator<Item = (SpaceKind, &SpaceForecast)> {
        let all = [(SpaceKind::Data, Some(&self.data)), (SpaceKind::Metadata, Some(&self.metadata))];
        let all = all.into_iter().chain([(SpaceKind::Filesystem, self.filesystem.as_ref())]);
        all.filter_map(|(kind, forecast)| Some((kind, forecast?)))
    }
}

/// A space that can fill up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceKind {
    /// The pool's data.
    Data,
    /// The pool's metadata.
    Metadata,
    /// The filesystem that holds the data's loop file.
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

/// The history of one space and the rates fitted to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpaceForecast {
    /// Size of the unit of `left` and `used`: a data block, a metadata block, or one byte.
    pub unit: Option<Bytes>,
    /// Free units at the last sample; `None` without samples.
    pub left: Option<u64>,
    /// Rates, shortest window first; empty if there are too few samples.
    pub fits: Vec<Fit>,
    /// Sudden drops of use within the longest window.
    pub falls: Drops,
    /// Used units at the last sample.
    pub used: u64,
    /// Samples since the last drop.
    pub samples: usize,
}

/// A rate fitted to one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Samples in the window.
    pub samples: usize,
    /// Milliseconds from the first sample to the last.
    pub span: i64,
    /// The rate of growth.
    pub slope: Slope,
}

/// The trend of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Too few samples for a rate; their number since the last drop.
    NotEnough(usize),
    /// Not growing, by this fit.
    NotGrowing(Fit),
    /// Growing; at the rate of the fit, full in this many milliseconds.
    Fills(Fit, i64),
}

/// The forecast for a pool, from the host's history.
#[must_use]
pub fn of(host: &Host, pool: &Pool) -> Forecast {
    let samples: Vec<&Sample> = host.history.of(pool.name.as_deref().unwrap_or_default()).collect();
    of_samples(&samples)
}

/// The forecast from the samples of one pool, oldest first.
#[must_use]
pub fn of_samples(samples: &[&Sample]) -> Forecast {
    let forecast = |used_and_total: fn(&Sample) -> Option<(u64, u64)>, unit: Option<Bytes>| {
        let points = samples.iter().filter_map(|s| Some((s.at, used_and_total(s)?)));
        space_forecast(points.map(|(at, (used, total))| (Point { at, used }, total)), unit)
    };
    let block = samples.iter().rev().find_map(|s| s.block());
    let filesystem = |s: &Sample| {
        let below = s.filesystem.as_ref()?;
        Some((below.size_bytes.saturating_sub(below.free_bytes), below.size_bytes))
    };
    Forecast {
        data: forecast(|s| s.data.map(|l| (l.used_blocks, l.total_blocks)), block),
        metadata: forecast(|s| s.metadata.map(|l| (l.used_blocks, l.total_blocks)), Some(METADATA_BLOCK)),
        filesystem: samples
            .iter()
            .any(|s| s.filesystem.is_some())
            .then(|| forecast(filesystem, Some(Bytes(1)))),
    }
}

/// The forecast of one space from its used units and total size over time, oldest first.
fn space_forecast(samples: impl Iterator<Item = (Point, u64)>, unit: Option<Bytes>) -> SpaceForecast {
    let (mut points, mut total) = (Vec::new(), 0);
    for (point, size) in samples {
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
        let in_window = series::within(points, window);
        // A window with the same samples as the one before gives the same rate.
        let has_more = fits.last().is_none_or(|f| f.samples < in_window.len());
        if has_more && let Some(fit) = fit(in_window) {
            fits.push(fit);
        }
    }
    let (left, used, samples) = (Some(total.saturating_sub(last.used)), last.used, points.len());
    SpaceForecast { unit, left, fits, falls, used, samples }
}

fn fit(points: &[Point]) -> Option<Fit> {
    if points.len() < LEAST_SAMPLES {
        return None;
    }
    let (first, last) = (points.first()?, points.last()?);
    let slope = median_slope(&series::thinned(points))?;
    Some(Fit { samples: points.len(), span: last.at.since(first.at), slope })
}

impl SpaceForecast {
    /// The trend over the shortest window that has a rate.
    #[must_use]
    pub fn now(&self) -> Trend {
        self.trend(self.fits.first())
    }

    /// The trend of the trusted rate that fills the space soonest. Without a trusted rate, the trend over the longest
    /// window.
    #[must_use]
    pub fn soonest(&self) -> Trend {
        let trusted = self.fits.iter().filter_map(|f| Some((f, self.full_in(f)?)));
        let trusted = trusted.filter(|(f, end)| f.span >= LEAST_SPAN && *end <= f.span.saturating_mul(TRUST));
        match trusted.min_by_key(|(_, end)| *end) {
            Some((fit, end)) => Trend::Fills(*fit, end),
            None => self.trend(self.fits.last()),
        }
    }

    /// The trusted fit that fills the space soonest, and the milliseconds until then; `None` without a trusted rate.
    #[must_use]
    pub fn reliable_since(&self) -> Option<(Fit, i64)> {
        match self.soonest() {
            Trend::Fills(fit, end) if fit.span >= LEAST_SPAN && end <= fit.span.saturating_mul(TRUST) => {
                Some((fit, end))
            }
            _ => None,
        }
    }

    /// Whether use rises and falls regularly: it dropped at least twice, from at least the current level, and never
    /// from 90 percent or more. The current growth will then probably end with a drop, too.
    #[must_use]
    pub fn is_sawtooth(&self) -> bool {
        let total = self.left.map(|left| u128::from(self.used) + u128::from(left));
        let never_near = total.is_some_and(|t| u128::from(self.falls.highest) * 10 < t * 9);
        self.falls.times >= 2 && self.used <= self.falls.highest && never_near
    }

    /// The rate of a fit in bytes per hour; negative if use shrinks.
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

/// Formats a duration with at most two units, rounded down: `3 h 20 min`, `45 s`, `5 days`.
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

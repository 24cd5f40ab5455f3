//! Forecasts of a pool's spaces, as text and as JSON.
//!
//! Empty without a history; no rate if there are too few samples.

use crate::forecast::{self, SpaceForecast, SpaceKind, Trend, length};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

/// A line for each space: `data      +1.2 GiB an hour, seen for 6 h: full in 75 h`.
#[must_use]
pub(super) fn lines(pool: &Pool, host: &Host) -> Vec<Text> {
    if host.history.samples.is_empty() {
        return Vec::new();
    }
    let forecast = forecast::of(host, pool);
    let line = |(kind, outlook): (SpaceKind, &SpaceForecast)| {
        text!("{} {}", format!("{:<10}", kind.word()), words(outlook, outlook.soonest()))
    };
    forecast.spaces().map(line).collect()
}

/// A trend as a sentence.
#[must_use]
pub(super) fn words(outlook: &SpaceForecast, trend: Trend) -> Text {
    match trend {
        Trend::NotEnough(samples) => {
            let samples = if samples == 1 { "1 sample".to_owned() } else { format!("{samples} samples") };
            text!("not enough data yet: {}", samples)
        }
        Trend::NotGrowing(fit) => text!("not growing, seen for {}", length(fit.span)),
        Trend::Fills(fit, end) => {
            let bytes = outlook.bytes_per_hour(&fit).and_then(|b| u64::try_from(b).ok());
            let rate = bytes.map_or_else(|| "growing".into(), |b| text!("+{} an hour", Bytes(b)));
            text!("{}, seen for {}: full in {}", rate, length(fit.span), length(end))
        }
    }
}

/// When the spaces of a pool will be full, from a history.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ForecastV1 {
    data: OutlookV1,
    metadata: OutlookV1,
    /// The filesystem that holds the data's loop file.
    filesystem: Option<OutlookV1>,
}

/// The growth of one space.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OutlookV1 {
    /// Samples since the last sudden drop of use.
    samples: usize,
    /// Seconds over which the rate was measured; `null` if there is not enough data.
    seen_seconds: Option<i64>,
    /// Growth; negative if use shrinks.
    bytes_per_hour: Option<i64>,
    /// Seconds until it is full at that rate; `null` if it does not grow or there is not enough data.
    full_in_seconds: Option<i64>,
    /// Whether the rate was measured long enough to be trusted.
    trusted: bool,
}

impl ForecastV1 {
    /// The forecast for a pool; `pick` chooses the trend of each space. `None` without a history.
    pub(super) fn of(pool: &Pool, host: &Host, pick: fn(&SpaceForecast) -> Trend) -> Option<Self> {
        if host.history.samples.is_empty() {
            return None;
        }
        let forecast = forecast::of(host, pool);
        Some(Self {
            data: OutlookV1::of(&forecast.data, pick),
            metadata: OutlookV1::of(&forecast.metadata, pick),
            filesystem: forecast.filesystem.as_ref().map(|outlook| OutlookV1::of(outlook, pick)),
        })
    }
}

impl OutlookV1 {
    fn of(outlook: &SpaceForecast, pick: fn(&SpaceForecast) -> Trend) -> Self {
        let (fit, end) = match pick(outlook) {
            Trend::Fills(fit, end) => (Some(fit), Some(end)),
            Trend::NotGrowing(fit) => (Some(fit), None),
            Trend::NotEnough(_) => (None, None),
        };
        Self {
            samples: outlook.samples,
            seen_seconds: fit.map(|f| f.span / 1000),
            bytes_per_hour: fit.and_then(|f| outlook.bytes_per_hour(&f)),
            full_in_seconds: end.map(|e| e / 1000),
            trusted: outlook.reliable_since().is_some(),
        }
    }
}

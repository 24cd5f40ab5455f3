//! A chart of a pool's history: use in percent over time, events, and the forecast of the data.
//!
//! Coordinates are integers in hundredths of the displayed unit. Without at least two samples there is no chart.

use crate::forecast::{Forecast, SpaceForecast};
use crate::host::Host;
use crate::host::history::{Event, Moment, Sample};
use crate::host::model::pool::Pool;
use maud::{Markup, html};

/// Size of the chart, and the area of the lines.
const WIDTH: i64 = 80_000;
const HEIGHT: i64 = 26_000;
const LEFT: i64 = 5_500;
const RIGHT: i64 = WIDTH - 1_500;
const TOP: i64 = 1_500;
const BOTTOM: i64 = HEIGHT - 3_000;
/// Most points of a line; a screen cannot show more.
const POINTS: usize = 600;
/// Number of last events that are drawn.
const EVENTS: usize = 40;
/// Number of last events that are listed as text.
const TOLD: usize = 12;

/// A line of the chart: its CSS class, and the use in a sample in hundredths of a percent.
type Curve = (&'static str, fn(&Sample) -> Option<u64>);

const CURVES: [Curve; 3] = [
    ("filesystem", |s| {
        let below = s.filesystem.as_ref()?;
        share(below.size_bytes.saturating_sub(below.free_bytes), below.size_bytes)
    }),
    ("metadata", |s| s.metadata.and_then(|l| share(l.used_blocks, l.total_blocks))),
    ("data", |s| s.data.and_then(|l| share(l.used_blocks, l.total_blocks))),
];

fn share(used: u64, total: u64) -> Option<u64> {
    let share = (u128::from(used) * 10_000).checked_div(u128::from(total))?;
    u64::try_from(share.min(10_000)).ok()
}

/// Maps times and percentages to coordinates.
struct Scale {
    from: Moment,
    to: Moment,
}

impl Scale {
    fn x(&self, at: Moment) -> i64 {
        let span = i128::from(self.to.since(self.from).max(1));
        let part = i128::from(at.since(self.from)) * i128::from(RIGHT - LEFT) / span;
        LEFT + i64::try_from(part).unwrap_or_default().clamp(0, RIGHT - LEFT)
    }

    fn y(share: u64) -> i64 {
        let share = i64::try_from(share.min(10_000)).unwrap_or(10_000);
        BOTTOM - (BOTTOM - TOP) * share / 10_000
    }
}

/// The chart; empty without a history.
pub(super) fn figure(pool: &Pool, host: &Host, forecast: &Forecast) -> Markup {
    let mut samples: Vec<&Sample> = host.history.of(pool.label()).collect();
    samples.sort_by_key(|s| s.at);
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return html! {} };
    if first.at == last.at {
        return html! {};
    }
    let end = full_at(&forecast.data, last.at, last.at.since(first.at) / 3);
    let scale = Scale { from: first.at, to: end.map_or(last.at, |(at, _)| at) };
    let events: Vec<&Event> = host.history.events_of(pool.label()).collect();
    html! {
        figure.plot {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Use in percent over time" {
                (grid(&scale, last.at))
                @for event in events.iter().rev().take(EVENTS).filter(|e| e.at >= scale.from && e.at <= scale.to) {
                    (vertical("event", scale.x(event.at), &told(event)))
                }
                @if let Some(floor) = floor(pool) {
                    (horizontal("floor", floor))
                }
                @for (class, of) in CURVES {
                    (curve(class, &scale, &samples, of))
                }
                (ahead(&scale, &samples, end))
            }
            (caption(&samples, pool, forecast))
        }
        @if !events.is_empty() {
            ul.events {
                @for event in events.iter().rev().take(TOLD) {
                    li { (told(event)) }
                }
            }
        }
    }
}

fn told(event: &Event) -> String {
    format!("{} {}: {}", event.at, event.event, event.text)
}

/// The use above which the engine refuses new layers, in hundredths of a percent.
fn floor(pool: &Pool) -> Option<u64> {
    let total = pool.data.total?.0;
    share(total.saturating_sub(pool.min_free.required(total)?), total)
}

/// The dashed line of the forecast, starting at the last sample.
fn ahead(scale: &Scale, samples: &[&Sample], end: Option<(Moment, u64)>) -> Markup {
    let last = samples.iter().rev().find_map(|s| Some((s.at, CURVES.last()?.1(s)?)));
    html! {
        @if let Some(((now, used), (at, share))) = last.zip(end) {
            line.ahead x1=(scale.x(now)) y1=(Scale::y(used)) x2=(scale.x(at)) y2=(Scale::y(share)) {}
        }
    }
}

/// The end of the forecast line, at most `within` milliseconds ahead: time and use in hundredths of a percent.
fn full_at(data: &SpaceForecast, now: Moment, within: i64) -> Option<(Moment, u64)> {
    let (fit, end) = data.reliable_since()?;
    if end <= within {
        return Some((Moment(now.0.saturating_add(end)), 10_000));
    }
    let more = fit.slope.per(within, 1);
    let used = data.used.saturating_add(u64::try_from(more).ok()?);
    Some((Moment(now.0.saturating_add(within)), share(used, data.used.saturating_add(data.left?))?))
}

fn grid(scale: &Scale, now: Moment) -> Markup {
    let labels = [("start", scale.from), ("middle", middle(scale)), ("end", scale.to)];
    html! {
        @for percent in [0, 25, 50, 75, 100] {
            (horizontal("grid", percent * 100))
            text.y x=(LEFT - 600) y=(Scale::y(percent * 100) + 400) { (percent) " %" }
        }
        @for (anchor, at) in labels {
            text x=(scale.x(at)) y=(BOTTOM + 1_900) text-anchor=(anchor) { (short(at)) }
        }
        @if now < scale.to {
            (vertical("now", scale.x(now), "the last sample"))
        }
    }
}

const fn middle(scale: &Scale) -> Moment {
    Moment(scale.from.0 + scale.to.since(scale.from) / 2)
}

/// Formats a time as `11-22 02:20`.
fn short(at: Moment) -> String {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{} {}", day.get(5..).unwrap_or(day), clock.get(..5).unwrap_or(clock))
}

fn horizontal(class: &str, share: u64) -> Markup {
    let y = Scale::y(share);
    html! { line class=(class) x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {} }
}

fn vertical(class: &str, x: i64, says: &str) -> Markup {
    html! { line class=(class) x1=(x) x2=(x) y1=(TOP) y2=(BOTTOM) { title { (says) } } }
}

fn curve(class: &str, scale: &Scale, samples: &[&Sample], of: fn(&Sample) -> Option<u64>) -> Markup {
    let points: Vec<String> =
        samples.iter().filter_map(|s| Some(format!("{},{}", scale.x(s.at), Scale::y(of(s)?)))).collect();
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let drawn = points.iter().enumerate().filter(|(n, _)| n % step == 0 || *n == last);
    let drawn: Vec<&str> = drawn.map(|(_, point)| point.as_str()).collect();
    html! {
        @if drawn.len() > 1 {
            polyline class=(class) points=(drawn.join(" ")) {}
        }
    }
}

fn caption(samples: &[&Sample], pool: &Pool, forecast: &Forecast) -> Markup {
    let is_drawn =
        |of: fn(&Sample) -> Option<u64>| samples.iter().filter(|s| of(s).is_some()).nth(1).is_some();
    html! {
        figcaption {
            @for (class, _) in CURVES.into_iter().rev().filter(|(_, of)| is_drawn(*of)) {
                span.key.(class) {}
                (class) " "
            }
            "in use, in percent; times are UTC"
            @if forecast.data.reliable_since().is_some() {
                "; dashed: where the data's growth leads"
            }
            @if pool.min_free.percent.is_some_and(|p| p > 0) {
                "; dotted: Docker refuses above it"
            }
        }
    }
}

//! The past of a pool as a drawing: use in percent over time, events, and where the growth of the data leads.
//!
//! Whole numbers only: the drawing's own unit is a hundredth of what a reader sees. Nothing is drawn where no history
//! was given, or only one sample.

use super::builder::Html;
use crate::forecast::{Forecast, SpaceForecast};
use crate::host::Host;
use crate::host::history::{Event, Moment, Sample};
use crate::host::model::pool::Pool;

/// The drawing's size, and the part of it that holds the lines.
const WIDTH: i64 = 80_000;
const HEIGHT: i64 = 26_000;
const LEFT: i64 = 5_500;
const RIGHT: i64 = WIDTH - 1_500;
const TOP: i64 = 1_500;
const BOTTOM: i64 = HEIGHT - 3_000;
/// Most points of a line: more than a screen has columns are not seen.
const POINTS: usize = 600;
/// Most events that are drawn: the last ones.
const EVENTS: usize = 40;
/// Most events that are told in words.
const TOLD: usize = 12;

/// A line of the drawing: its class, and the use of a sample in hundredths of a percent.
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

/// Where moments and shares lie in the drawing.
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

/// The drawing, if there is a past.
pub(super) fn figure(page: &mut Html, pool: &Pool, host: &Host, forecast: &Forecast) {
    let mut samples: Vec<&Sample> = host.history.of(pool.label()).collect();
    samples.sort_by_key(|s| s.at);
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
    if first.at == last.at {
        return;
    }
    let end = full_at(&forecast.data, last.at, last.at.since(first.at) / 3);
    let scale = Scale { from: first.at, to: end.map_or(last.at, |(at, _)| at) };
    page.open("figure", "plot");
    page.raw("<svg viewBox=\"0 0 80000 26000\" role=\"img\" aria-label=\"Use in percent over time\">\n");
    grid(page, &scale, last.at);
    let events: Vec<&Event> = host.history.events_of(pool.label()).collect();
    for event in events.iter().rev().take(EVENTS).filter(|e| e.at >= scale.from && e.at <= scale.to) {
        vertical(
            page,
            "event",
            scale.x(event.at),
            Some(&format!("{} {}: {}", event.at, event.event, event.text)),
        );
    }
    if let Some(total) = pool.data.total
        && let Some(floor) = pool.min_free.required(total.0)
    {
        horizontal(page, "floor", share(total.0.saturating_sub(floor), total.0).unwrap_or(10_000));
    }
    for (class, of) in CURVES {
        curve(page, class, &scale, &samples, of);
    }
    if let Some((at, share)) = end
        && let Some(now) = samples.iter().rev().find_map(|s| Some((s.at, CURVES.last()?.1(s)?)))
    {
        page.raw("<line class=\"ahead\" x1=\"")
            .number(scale.x(now.0))
            .raw("\" y1=\"")
            .number(Scale::y(now.1));
        page.raw("\" x2=\"").number(scale.x(at)).raw("\" y2=\"").number(Scale::y(share)).raw("\"/>\n");
    }
    page.raw("</svg>\n");
    caption(page, &samples, pool, forecast);
    page.close("figure");
    if !events.is_empty() {
        page.open("ul", "events");
        for event in events.iter().rev().take(TOLD) {
            page.element("li", "", &format!("{} {}: {}", event.at, event.event, event.text));
        }
        page.close("ul");
    }
}

/// Where the data's growth leads within a time: the moment, and its use then.
fn full_at(data: &SpaceForecast, now: Moment, within: i64) -> Option<(Moment, u64)> {
    let (fit, end) = data.reliable_since()?;
    if end <= within {
        return Some((Moment(now.0.saturating_add(end)), 10_000));
    }
    let more = fit.slope.per(within, 1);
    let used = data.used.saturating_add(u64::try_from(more).ok()?);
    Some((Moment(now.0.saturating_add(within)), share(used, data.used.saturating_add(data.left?))?))
}

fn grid(page: &mut Html, scale: &Scale, now: Moment) {
    for percent in [0, 25, 50, 75, 100] {
        horizontal(page, "grid", percent * 100);
        page.raw("<text class=\"y\" x=\"")
            .number(LEFT - 600)
            .raw("\" y=\"")
            .number(Scale::y(percent * 100) + 400);
        page.raw("\">").text(&percent.to_string()).raw(" %</text>\n");
    }
    for (anchor, at) in [("start", scale.from), ("middle", middle(scale)), ("end", scale.to)] {
        page.raw("<text x=\"").number(scale.x(at)).raw("\" y=\"").number(BOTTOM + 1_900);
        page.raw("\" text-anchor=\"").raw(anchor).raw("\">").text(&short(at)).raw("</text>\n");
    }
    if now < scale.to {
        vertical(page, "now", scale.x(now), Some("the last sample"));
    }
}

const fn middle(scale: &Scale) -> Moment {
    Moment(scale.from.0 + scale.to.since(scale.from) / 2)
}

/// `11-22 02:20`, of RFC 3339.
fn short(at: Moment) -> String {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{} {}", day.get(5..).unwrap_or(day), clock.get(..5).unwrap_or(clock))
}

fn horizontal(page: &mut Html, class: &'static str, share: u64) {
    let y = Scale::y(share);
    page.raw("<line class=\"").raw(class).raw("\" x1=\"").number(LEFT).raw("\" x2=\"").number(RIGHT);
    page.raw("\" y1=\"").number(y).raw("\" y2=\"").number(y).raw("\"/>\n");
}

fn vertical(page: &mut Html, class: &'static str, x: i64, says: Option<&str>) {
    page.raw("<line class=\"").raw(class).raw("\" x1=\"").number(x).raw("\" x2=\"").number(x);
    page.raw("\" y1=\"").number(TOP).raw("\" y2=\"").number(BOTTOM).raw("\">");
    page.open("title", "").text(says.unwrap_or_default()).raw("</title></line>\n");
}

fn curve(
    page: &mut Html,
    class: &'static str,
    scale: &Scale,
    samples: &[&Sample],
    of: fn(&Sample) -> Option<u64>,
) {
    let points: Vec<(i64, i64)> =
        samples.iter().filter_map(|s| Some((scale.x(s.at), Scale::y(of(s)?)))).collect();
    if points.len() < 2 {
        return;
    }
    page.raw("<polyline class=\"").raw(class).raw("\" points=\"");
    let step = points.len().div_ceil(POINTS);
    let last = points.len() - 1;
    for (_, (x, y)) in points.iter().enumerate().filter(|(n, _)| n % step == 0 || *n == last) {
        page.number(*x).raw(",").number(*y).raw(" ");
    }
    page.raw("\"/>\n");
}

fn caption(page: &mut Html, samples: &[&Sample], pool: &Pool, forecast: &Forecast) {
    page.open("figcaption", "");
    for (class, of) in CURVES.iter().rev() {
        if samples.iter().filter(|s| of(s).is_some()).nth(1).is_some() {
            page.raw("<span class=\"key ").raw(class).raw("\"></span>").text(class).raw(" ");
        }
    }
    page.text("in use, in percent; times are UTC");
    if forecast.data.reliable_since().is_some() {
        page.text("; dashed: where the data's growth leads");
    }
    if pool.min_free.percent.is_some_and(|p| p > 0) {
        page.text("; dotted: Docker refuses above it");
    }
    page.close("figcaption");
}

//! Output of `watch`: a block that is redrawn in place, lines of text, and lines of JSON.
//!
//! Renders one poll; where it is drawn is up to the view.

use super::Report;
use super::forecast::{ForecastV1, words};
use super::screen::{of_share, tenths};
use super::sparkline;
use super::style::{TextStyle, colour_of};
use super::units::{Units, clean};
use super::wrap::cut;
use crate::forecast::{self, Forecast, SpaceForecast, SpaceKind, Trend, length};
use crate::host::Host;
use crate::host::history::{Event, Moment, SCHEMA, Sample};
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, permille};
use crate::verdict::Severity;
use anstyle::Style;
use schemars::JsonSchema;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// One line of `watch -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "thinspect-watch/1")]
pub struct Line {
    /// Always `thinspect-watch/1`.
    schema: &'static str,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum What {
    /// A sample of a pool.
    Sample {
        #[serde(flatten)]
        sample: Box<Sample>,
        /// When it will be full.
        forecast: Option<ForecastV1>,
    },
    /// An event of a pool.
    Event(Event),
}

impl Line {
    /// A sample with its forecast.
    #[must_use]
    pub fn sample(sample: &Sample, host: &Host) -> Self {
        let pool = host.pools.iter().find(|p| p.name.as_deref() == Some(&sample.pool));
        let forecast = pool.and_then(|p| ForecastV1::of(p, host, trend));
        Self { schema: SCHEMA, what: What::Sample { sample: Box::new(sample.clone()), forecast } }
    }

    /// An event.
    #[must_use]
    pub fn event(event: &Event) -> Self {
        Self { schema: SCHEMA, what: What::Event(event.clone()) }
    }
}

/// The JSON Schema of [`Line`].
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Line)
}

/// A sample as a line of text.
#[must_use]
pub fn sample_text(sample: &Sample, host: &Host, style: &TextStyle) -> String {
    let mut text = text!("{} {}: {}", sample.at, sample.pool, sample.mode.as_deref().unwrap_or("unknown"));
    if let Some(pool) = host.pools.iter().find(|p| p.name.as_deref() == Some(&sample.pool)) {
        for row in rows(pool, &forecast::of(host, pool)) {
            let trend = words(row.outlook, trend(row.outlook));
            text.push(&text!(
                "; {} {} %, {} free, {}",
                row.kind.word(),
                tenths(row.permille),
                row.free,
                trend
            ));
        }
    }
    style.say(&text)
}

/// An event as a line of text.
#[must_use]
pub fn event_text(event: &Event) -> String {
    let pool = event.pool.as_ref().map(|pool| format!("{pool}: ")).unwrap_or_default();
    clean(&format!("{} {pool}{}: {}", event.at, event.event, event.text)).into_owned()
}

/// One space of a pool.
pub(crate) struct Row<'a> {
    /// The kind of space.
    pub(crate) kind: SpaceKind,
    /// Used space in tenths of a percent.
    pub(crate) permille: u64,
    /// Free space.
    pub(crate) free: Bytes,
    /// Its forecast.
    pub(crate) outlook: &'a SpaceForecast,
}

/// The spaces of a pool whose size and use are known.
pub(crate) fn rows<'a>(pool: &Pool, forecast: &'a Forecast) -> Vec<Row<'a>> {
    let spaces = forecast.spaces();
    let known = spaces.filter_map(|(kind, outlook)| {
        let (share, free) = match kind {
            SpaceKind::Data => (pool.data.permille()?, pool.data.free_in_bytes()?),
            SpaceKind::Metadata => (pool.metadata.permille()?, pool.metadata.free_in_bytes()?),
            SpaceKind::Filesystem => {
                let below = pool.data_backing.filesystem.as_ref()?;
                let (size, free) = (below.size?, below.free?);
                (permille(size.minus(free).0, size.0)?, free)
            }
        };
        Some(Row { kind, permille: share, free, outlook })
    });
    known.collect()
}

/// The trend shown while watching: a trusted one, or else the trend of the latest samples.
pub(crate) fn trend(outlook: &SpaceForecast) -> Trend {
    outlook.reliable_since().map_or_else(|| outlook.now(), |(fit, end)| Trend::Fills(fit, end))
}

/// A trend in few words: `+5.7 GiB/h, full in 1 h 44 min`.
pub(crate) fn short_words(outlook: &SpaceForecast, units: Units) -> String {
    match trend(outlook) {
        Trend::NotEnough(_) => "not enough data yet".to_owned(),
        Trend::NotGrowing(_) => "not growing".to_owned(),
        Trend::Fills(fit, end) => {
            let bytes = outlook.bytes_per_hour(&fit).and_then(|b| u64::try_from(b).ok()).unwrap_or_default();
            format!("+{}/h, full in {}", units.show(Bytes(bytes)), length(end))
        }
    }
}

/// Use of one space of a pool over time, in blocks or bytes.
pub(crate) fn seen(host: &Host, pool: &str, space: SpaceKind) -> Vec<(Moment, u64)> {
    let of = |s: &Sample| match space {
        SpaceKind::Data => s.data.map(|l| l.used_blocks),
        SpaceKind::Metadata => s.metadata.map(|l| l.used_blocks),
        SpaceKind::Filesystem => s.filesystem.as_ref().map(|f| f.size_bytes.saturating_sub(f.free_bytes)),
    };
    host.history.of(pool).filter_map(|s| Some((s.at, of(s)?))).collect()
}

/// The block that is redrawn in place: for each pool a head, a line per space, and its worst finding. No line is wider
/// than the screen. With `plain`, only ASCII.
#[must_use]
pub fn block(report: &Report, at: Moment, plain: bool, style: &TextStyle) -> Vec<String> {
    let mut lines = Vec::new();
    for pool in &report.host.pools {
        lines.push(head(pool, at, style));
        let forecast = forecast::of(&report.host, pool);
        for row in rows(pool, &forecast) {
            lines.push(row_line(pool, &row, &report.host, plain, style));
        }
        let is_of_pool = |f: &&crate::rules::Finding| {
            f.severity > Severity::Notice && f.subject.is_pool() && f.subject.name == pool.label()
        };
        if let Some(finding) = report.findings.iter().find(is_of_pool) {
            let word = finding.severity.word().to_uppercase();
            let summary = style.say(&finding.summary);
            let colour = colour_of(finding.severity);
            lines.push(line(&[(PLAIN, "  "), (colour, &word), (PLAIN, ": "), (PLAIN, &summary)], style));
        }
    }
    if lines.is_empty() {
        lines.push(line(&[(PLAIN, &format!("no thin pools here ({})", at.clock()))], style));
    }
    // Both marks of cut text are one column wide.
    if plain { lines.iter().map(|line| line.replace('…', "~")).collect() } else { lines }
}

const PLAIN: Style = Style::new();
/// Columns of the sparkline.
const SPARK: usize = 40;

fn head(pool: &Pool, at: Moment, style: &TextStyle) -> String {
    let (name, mode, time) = (clean(pool.label()), pool.state().word(), at.clock());
    let used = name.width() + mode.len() + time.len() + 2;
    let gap = " ".repeat(style.width.saturating_sub(used).max(1));
    line(&[(Style::new().bold(), &name), (PLAIN, "  "), (PLAIN, mode), (PLAIN, &gap), (PLAIN, &time)], style)
}

fn row_line(pool: &Pool, row: &Row<'_>, host: &Host, plain: bool, style: &TextStyle) -> String {
    let name = format!("  {:<10} ", row.kind.word());
    let share = format!("{:>5} %", tenths(row.permille));
    let free = format!("{} free", style.units.show(row.free));
    let text = format!(" {free:>14}  {} ", short_words(row.outlook, style.units));
    let room = style.width.saturating_sub(name.width() + share.width() + text.width()).min(SPARK);
    let seen = seen(host, pool.label(), row.kind);
    let total = row.outlook.left.unwrap_or_default().saturating_add(row.outlook.used);
    let heights = if room < 3 { Vec::new() } else { sparkline::heights(&seen, total, room, 1) };
    let bars = if plain { sparkline::PLAIN } else { sparkline::BARS };
    let spark: String = heights.into_iter().filter_map(|h| bars.get(h)).collect();
    line(&[(PLAIN, &name), (of_share(row.permille), &share), (PLAIN, &text), (PLAIN, &spark)], style)
}

/// Joins styled pieces into a line, cut at the edge of the screen: a wrapped line could not be redrawn in place.
fn line(pieces: &[(Style, &str)], style: &TextStyle) -> String {
    let mut room = style.width;
    let mut line = String::new();
    for (colour, text) in pieces {
        let part = cut(text, room);
        room = room.saturating_sub(part.width());
        line.push_str(&if *colour == PLAIN { part } else { style.paint(*colour, &part) });
    }
    line.trim_end().to_owned()
}

/// A message about watching itself, such as a history file that cannot be written.
#[must_use]
pub fn note(text: &str) -> String {
    clean(&format!("note: {text}")).into_owned()
}

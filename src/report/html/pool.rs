//! A pool's section: state, space as bars with marks, device stack, history.

use super::{Style, device_stack, fact, history_chart};
use crate::forecast::{self, SpaceKind};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::units::{self, Blocks};
use crate::report::forecast::words;
use crate::report::screen;
use crate::report::watch::{Row, rows};
use crate::verdict::Severity;
use maud::{Markup, html};

/// A pool's section.
pub(super) fn section(pool: &Pool, host: &Host, style: &Style) -> Markup {
    let state = Some(Text::from(screen::state(pool, host)));
    let owner = screen::owner(pool, host).map(Text::from);
    let facts = [("state", state), ("owner", owner), ("limit", screen::limit(pool))];
    let forecast = forecast::of(host, pool);
    let has_history = !host.history.samples.is_empty();
    html! {
        section.pool {
            h2 { (pool.label()) }
            dl.facts.wide {
                @for (name, value) in facts {
                    @if let Some(value) = value {
                        (fact(name, &style.say(&value)))
                    }
                }
            }
            div.bars {
                @for row in rows(pool, &forecast) {
                    (bar(pool, &row, has_history, style))
                }
            }
            @if !marks(pool, SpaceKind::Data).is_empty() {
                p.quiet {
                    "Marks on the bars: "
                    @if pool.min_free.percent.is_some_and(|p| p > 0) {
                        "where " (pool.engine().0) " begins to refuse, and "
                    }
                    "where the kernel says that space gets low."
                }
            }
            (device_stack::figure(pool, host, style))
            (history_chart::figure(pool, host, &forecast))
        }
    }
}

/// One space: name, bar, numbers, and the trend if there is a history.
fn bar(pool: &Pool, row: &Row<'_>, has_history: bool, style: &Style) -> Markup {
    let level = screen::level(row.permille).map_or("", Severity::word);
    let name = if row.kind == SpaceKind::Filesystem { "filesystem below" } else { row.kind.word() };
    let mut numbers = text!("{} free", row.free);
    if let Some(blocks) = blocks(pool, row.kind) {
        numbers = text!("{}, {}", numbers, blocks);
    }
    html! {
        div.bar {
            span.name { (name) }
            span.share { (screen::tenths(row.permille)) " %" }
            span.track {
                span.fill.(level) style={ "width:" (css_percent(row.permille)) } {}
                @for (mark, at) in marks(pool, row.kind) {
                    span.mark style={ "left:" (css_percent(at)) } title=(mark) {}
                }
            }
            span.numbers { (style.say(&numbers)) }
            @if has_history {
                span.trend { (style.say(&words(row.outlook, row.outlook.soonest()))) }
            }
        }
    }
}

/// Formats tenths of a percent as a CSS length: `45.3%`.
fn css_percent(permille: u64) -> String {
    screen::tenths(permille.min(1000)) + "%"
}

fn blocks(pool: &Pool, space: SpaceKind) -> Option<String> {
    let (free, total) = match space {
        SpaceKind::Data => (pool.data.free()?.count(), pool.data.total?.count()),
        SpaceKind::Metadata => (pool.metadata.free()?.count(), pool.metadata.total?.count()),
        SpaceKind::Filesystem => return None,
    };
    Some(format!("{free} of {total} blocks"))
}

/// Marks on a bar, in tenths of a percent: where the engine refuses new layers, and the kernel's low-water mark.
fn marks(pool: &Pool, space: SpaceKind) -> Vec<(String, u64)> {
    let (total, low_water) = match space {
        SpaceKind::Data => (pool.data.total.map(|t| t.0), pool.data.low_water.map(|l| l.0)),
        SpaceKind::Metadata => (pool.metadata.total.map(|t| t.0), pool.metadata.low_water.map(|l| l.0)),
        SpaceKind::Filesystem => (None, None),
    };
    let Some(total) = total else { return Vec::new() };
    let floor = pool.min_free.required(total);
    let refuses = format!("{} refuses new layers from here on", pool.engine().0);
    let marks = [(refuses, floor), ("the kernel's low-water mark".to_owned(), low_water)];
    let at = |left: u64| units::permille(total.saturating_sub(left), total);
    marks.into_iter().filter_map(|(words, left)| Some((words, at(left.filter(|l| *l > 0)?)?))).collect()
}

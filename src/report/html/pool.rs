//! A pool on a page: its state in words, its space as bars with the marks that matter, what carries it, its past.

use super::builder::Html;
use super::{Style, device_stack, history_chart};
use crate::forecast::{self, SpaceKind};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::units::{self, Blocks};
use crate::report::forecast::words;
use crate::report::screen;
use crate::report::watch::{Row, rows};
use crate::verdict::Severity;

/// All there is to say of a pool.
pub(super) fn section(page: &mut Html, pool: &Pool, host: &Host, style: &Style) {
    page.open("section", "pool").element("h2", "", pool.label());
    page.open("dl", "facts wide");
    let state = Some(Text::from(screen::state(pool, host)));
    let owner = screen::owner(pool, host).map(Text::from);
    let facts = [("state", state), ("owner", owner), ("limit", screen::limit(pool))];
    for (name, value) in facts {
        let Some(value) = value else { continue };
        page.open("div", "").element("dt", "", name).element("dd", "", &style.say(&value)).close("div");
    }
    page.close("dl");
    let forecast = forecast::of(host, pool);
    let known = !host.history.samples.is_empty();
    page.open("div", "bars");
    for row in rows(pool, &forecast) {
        bar(page, pool, &row, known, style);
    }
    page.close("div");
    if !marks(pool, SpaceKind::Data).is_empty() {
        let floor = if pool.min_free.percent.is_some_and(|p| p > 0) {
            format!("where {} begins to refuse, and ", pool.engine().0)
        } else {
            String::new()
        };
        page.element(
            "p",
            "quiet",
            &format!("Marks on the bars: {floor}where the kernel says that space gets low."),
        );
    }
    device_stack::figure(page, pool, host, style);
    history_chart::figure(page, pool, host, &forecast);
    page.close("section");
}

/// One space: name, bar, numbers, and how it grows.
fn bar(page: &mut Html, pool: &Pool, row: &Row<'_>, known: bool, style: &Style) {
    let level = screen::level(row.permille).map_or("", Severity::word);
    let name = if row.kind == SpaceKind::Filesystem { "filesystem below" } else { row.kind.word() };
    page.open("div", "bar").element("span", "name", name);
    page.open("span", "share").text(&screen::tenths(row.permille)).raw(" %").close("span");
    page.raw("<span class=\"track\"><span class=\"fill ").raw(level).raw("\" style=\"width:");
    permille(page, row.permille).raw("\"></span>");
    for (mark, at) in marks(pool, row.kind) {
        page.raw("<span class=\"mark\" style=\"left:");
        permille(page, at).raw("\" title=\"").text(&mark).raw("\"></span>");
    }
    page.raw("</span>\n");
    let mut numbers = text!("{} free", row.free);
    if let Some(blocks) = blocks(pool, row.kind) {
        numbers = text!("{}, {}", numbers, blocks);
    }
    page.element("span", "numbers", &style.say(&numbers));
    if known {
        page.element("span", "trend", &style.say(&words(row.outlook, row.outlook.soonest())));
    }
    page.close("div");
}

/// Tenths of a percent as a length in CSS.
fn permille(page: &mut Html, permille: u64) -> &mut Html {
    let permille = i64::try_from(permille.min(1000)).unwrap_or(1000);
    page.number(permille / 10).raw(".").number(permille % 10).raw("%")
}

fn blocks(pool: &Pool, space: SpaceKind) -> Option<String> {
    let (free, total) = match space {
        SpaceKind::Data => (pool.data.free()?.count(), pool.data.total?.count()),
        SpaceKind::Metadata => (pool.metadata.free()?.count(), pool.metadata.total?.count()),
        SpaceKind::Filesystem => return None,
    };
    Some(format!("{free} of {total} blocks"))
}

/// Marks on a bar, in tenths of a percent in use: where the engine begins to refuse, where the kernel warns.
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

//! A pool's usage as a table with bars, largest first.
//! A number that was not counted is shown as `?`.

use super::columns::{By, Column};
use super::rows::{self, Row};
use crate::host::model::units::{Blocks, DataBlocks};
use crate::host::owners::Owners;
use crate::report::style::TextStyle;
use crate::report::units::{Units, clean};
use crate::report::wrap::{cut, wrap};
use crate::usage::Usage;
use jiff::Timestamp;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Options of the table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The kind of rows.
    pub by: By,
    /// The columns from left to right; empty for the default ones.
    pub columns: Vec<Column>,
    /// The column to sort by; `None` for the first.
    pub sort: Option<Column>,
    /// Ages are computed at this time.
    pub now: Option<Timestamp>,
}

impl Table {
    fn columns(&self) -> Vec<Column> {
        use Column::{Age, Bar, Exclusive, Frees, Mapped, Name, Shared};
        match (self.columns.is_empty(), self.by) {
            (false, _) => self.columns.clone(),
            (true, By::Device) => vec![Exclusive, Shared, Mapped, Bar, Name],
            (true, By::Image | By::Container) => vec![Frees, Shared, Mapped, Bar, Age, Name],
        }
    }
}

/// Rows shown unless `verbose`.
const ROWS: usize = 25;

/// The table as text, with totals above and notes below.
#[must_use]
pub fn text(pool: Option<&str>, usage: &Usage, owners: &Owners, table: &Table, style: &TextStyle) -> String {
    let mut out = head(pool, usage, style);
    let mut rows = rows::rows(usage, owners, table.by, table.now, table.columns.contains(&Column::State));
    let columns = table.columns();
    let sort = table.sort.or_else(|| columns.first().copied()).unwrap_or(Column::Exclusive);
    rows.sort_by(|a, b| sort.compare(a, b));
    // The bar shows the amount that the rows are sorted by, or else another one.
    let bar_of = [sort, Column::Frees, Column::Exclusive]
        .into_iter()
        .find(|column| rows.iter().any(|row| column.blocks(row).is_some()) && *column != Column::Bar);
    let bar_of = bar_of.unwrap_or(Column::Exclusive);
    let largest = rows.iter().filter_map(|row| bar_of.blocks(row)).max().unwrap_or_default();
    let shown = Shown { usage, style, bar_of, largest, last: columns.last().copied() };
    let headings: Vec<String> =
        columns.iter().map(|column| shown.pad(*column, column.heading(table.by))).collect();
    let _ = writeln!(out, "\n{}", headings.join(" ").trim_end());
    let most = if style.verbose { usize::MAX } else { ROWS };
    for row in rows.iter().take(most) {
        let mut line = String::new();
        for column in &columns {
            if !line.is_empty() {
                line.push(' ');
            }
            let room = style.width.saturating_sub(line.width());
            let cell = shown.cell(*column, row);
            // The last column is cut at the width of the screen; the others have fixed widths.
            let cell = if shown.last == Some(*column) { shortened(&cell, room, style.verbose) } else { cell };
            line.push_str(&shown.pad(*column, &cell));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if rows.len() > most {
        let _ = writeln!(out, "{:>10} {} more; -v shows them", "…", rows.len() - most);
    }
    out.push_str(&foot(usage, style));
    out
}

/// Formats cells.
struct Shown<'a> {
    usage: &'a Usage,
    style: &'a TextStyle,
    bar_of: Column,
    largest: DataBlocks,
    last: Option<Column>,
}

impl Shown<'_> {
    fn cell(&self, column: Column, row: &Row) -> String {
        match column {
            Column::Bar => bar(self.bar_of.blocks(row), self.largest),
            Column::Exclusive | Column::Shared | Column::Mapped | Column::Frees => {
                let show = |blocks: DataBlocks| self.style.units.show(blocks.bytes(self.usage.block));
                column.blocks(row).map_or_else(|| "?".to_owned(), show)
            }
            Column::Age => row.age.map_or_else(|| "?".to_owned(), age),
            Column::State => row.state.to_owned(),
            Column::Id => clean(&row.id).into_owned(),
            Column::Name => clean(&row.name).into_owned(),
        }
    }

    fn pad(&self, column: Column, cell: &str) -> String {
        match column {
            Column::Exclusive | Column::Shared | Column::Mapped | Column::Frees => format!("{cell:>10}"),
            Column::Bar => format!(" {cell:<BAR$} "),
            Column::Age => format!("{cell:>6} "),
            _ if self.last == Some(column) => cell.to_owned(),
            Column::State => format!("{cell:<10}"),
            Column::Id => format!("{cell:<12}"),
            Column::Name => format!("{cell:<24}"),
        }
    }
}

/// Formats a duration in one unit, rounded down: `3 d`, `5 h`.
fn age(seconds: i64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let (size, name) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "s"));
    format!("{} {name}", seconds.max(0) / size)
}

const BAR: usize = 10;

fn bar(value: Option<DataBlocks>, largest: DataBlocks) -> String {
    let tenths = u128::from(value.unwrap_or_default().0) * BAR as u128;
    let full = tenths.div_ceil(u128::from(largest.0.max(1)));
    "#".repeat(usize::try_from(full).unwrap_or_default().min(BAR))
}

/// A name, cut to the available columns unless `verbose`.
fn shortened(name: &str, room: usize, verbose: bool) -> String {
    if verbose { name.to_owned() } else { cut(name, room) }
}

fn head(pool: Option<&str>, usage: &Usage, style: &TextStyle) -> String {
    let totals = &usage.totals;
    let show = |blocks: DataBlocks| style.units.show(blocks.bytes(usage.block));
    let part = |blocks: Option<DataBlocks>| blocks.map_or_else(|| "not counted".to_owned(), show);
    let mut out = String::new();
    if let Some(pool) = pool {
        let _ = writeln!(out, "  pool: {}", clean(pool));
    }
    let block = Units::Iec.show(usage.block);
    let (used, total) = (totals.used, totals.total);
    let sentence = format!("{} of {} ({} of {} blocks of {block})", show(used), show(total), used.0, total.0);
    out.push_str(&wrap("  used: ", &sentence, style.width));
    let lines = [
        ("in one device only", totals.exclusive),
        ("shared by several", totals.shared),
        ("in no device", totals.unaccounted),
    ];
    for (what, blocks) in lines {
        let _ = writeln!(out, "        {:>10} {what}", part(blocks));
    }
    if let Some(held) = totals.held.filter(|held| held.0 > 0) {
        let _ = writeln!(out, "        {:>10} of these kept by a held metadata snapshot", show(held));
    }
    out
}

fn foot(usage: &Usage, style: &TextStyle) -> String {
    let mut out = String::new();
    if let Some(unmatched) = &usage.unmatched {
        let sure = if unmatched.certain { "leaked" } else { "perhaps leaked, as not all records were read" };
        let many = |ids: &[u32]| ids.iter().take(20).map(u32::to_string).collect::<Vec<_>>().join(", ");
        if !unmatched.without_record.is_empty() {
            let (count, ids) = (unmatched.without_record.len(), many(&unmatched.without_record));
            out.push_str(&wrap(
                "  note: ",
                &format!("devices without a record ({sure}): {count}, with id {ids}"),
                style.width,
            ));
        }
        if !unmatched.without_device.is_empty() {
            let (count, ids) = (unmatched.without_device.len(), many(&unmatched.without_device));
            out.push_str(&wrap(
                "  note: ",
                &format!("records without a device: {count}, with id {ids}"),
                style.width,
            ));
        }
    }
    let most = if style.verbose { usize::MAX } else { 5 };
    for damage in usage.damage.iter().take(most) {
        out.push_str(&wrap("  note: ", &clean(&damage.to_string()), style.width));
    }
    for gap in usage.gaps.iter().take(most) {
        out.push_str(&wrap("  note: ", &clean(&format!("{}: {}", gap.about, gap.text)), style.width));
    }
    if usage.gaps.len() > most {
        let _ = writeln!(out, "  note: {} more; -v shows them", usage.gaps.len() - most);
    }
    out
}

//! Who uses a pool's space, as a table with bars, the largest first.
//! Refuses to print a number that was not counted: it is `?`.

use crate::host::owners::{Container, Image, Owner, Owners, Part};
use crate::host::units::{Blocks, DataBlocks};
use crate::report::amount::{Units, clean};
use crate::report::text::Look;
use crate::report::wrap::wrap;
use crate::usage::{Amounts, Usage};
use std::fmt::Write as _;

/// What the rows of the table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Thin devices.
    #[default]
    Device,
    /// Images.
    Image,
    /// Containers.
    Container,
}

/// Rows shown unless all are asked for.
const ROWS: usize = 25;

/// The table.
#[must_use]
pub fn text(pool: Option<&str>, usage: &Usage, owners: &Owners, by: By, look: &Look) -> String {
    let mut out = head(pool, usage, look);
    let rows = rows(usage, owners, by);
    let sorted_by = if by == By::Device { "EXCLUSIVE" } else { "FREES" };
    let what = match by {
        By::Device => "DEVICE",
        By::Image => "IMAGE",
        By::Container => "CONTAINER",
    };
    let _ = writeln!(out, "\n{sorted_by:>10} {:>10} {:>10}  {:<BAR$}  {what}", "SHARED", "MAPPED", "");
    let largest = rows.iter().filter_map(|row| row.first).max().unwrap_or_default();
    let most = if look.verbose { usize::MAX } else { ROWS };
    for row in rows.iter().take(most) {
        let show = |blocks: Option<DataBlocks>| {
            blocks.map_or_else(|| "?".to_owned(), |b| look.units.show(b.bytes(usage.block)))
        };
        let (first, shared, mapped) = (show(row.first), show(row.amounts.shared), show(row.amounts.mapped));
        let line = format!("{first:>10} {shared:>10} {mapped:>10}  {:<BAR$}  ", bar(row.first, largest));
        let room = look.width.saturating_sub(line.chars().count());
        let _ = writeln!(out, "{line}{}", shortened(&clean(&row.name), room, look.verbose));
    }
    if rows.len() > most {
        let _ = writeln!(out, "{:>10} {} more; -v shows them", "…", rows.len() - most);
    }
    out.push_str(&foot(usage, look));
    out
}

const BAR: usize = 10;

fn bar(value: Option<DataBlocks>, largest: DataBlocks) -> String {
    let tenths = u128::from(value.unwrap_or_default().0) * BAR as u128;
    let full = tenths.div_ceil(u128::from(largest.0.max(1)));
    "#".repeat(usize::try_from(full).unwrap_or_default().min(BAR))
}

/// A name in the room there is; in full where everything is wanted.
fn shortened(name: &str, room: usize, verbose: bool) -> String {
    if verbose || name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

struct Row {
    /// What the table is sorted by.
    first: Option<DataBlocks>,
    amounts: Amounts,
    name: String,
}

fn rows(usage: &Usage, owners: &Owners, by: By) -> Vec<Row> {
    let device = |row: &crate::usage::DeviceRow| {
        let named: Vec<String> = row.owners.iter().map(|o| owner_name(o, owners)).collect();
        let named = if named.is_empty() { "no record".to_owned() } else { named.join("; ") };
        Row {
            first: row.amounts.exclusive,
            amounts: row.amounts,
            name: format!("{}: {named}", row.device_id),
        }
    };
    let image = |row: &crate::usage::ImageRow| {
        let name = owners.images.get(row.image).map(image_name).unwrap_or_default();
        let used = match row.containers.len() {
            0 => String::new(),
            1 => " (1 container)".to_owned(),
            many => format!(" ({many} containers)"),
        };
        Row { first: row.amounts.reclaimable, amounts: row.amounts, name: format!("{name}{used}") }
    };
    let container = |row: &crate::usage::ContainerRow| {
        let name = owners.containers.get(row.container).map(container_name).unwrap_or_default();
        Row { first: row.amounts.reclaimable, amounts: row.amounts, name }
    };
    match by {
        By::Device => usage.devices.iter().map(device).collect(),
        By::Image => usage.images.iter().map(image).collect(),
        By::Container => usage.containers.iter().map(container).collect(),
    }
}

fn head(pool: Option<&str>, usage: &Usage, look: &Look) -> String {
    let totals = &usage.totals;
    let show = |blocks: DataBlocks| look.units.show(blocks.bytes(usage.block));
    let part = |blocks: Option<DataBlocks>| blocks.map_or_else(|| "not counted".to_owned(), show);
    let mut out = String::new();
    if let Some(pool) = pool {
        let _ = writeln!(out, "  pool: {}", clean(pool));
    }
    let block = Units::Iec.show(usage.block);
    let (used, total) = (totals.used, totals.total);
    let sentence = format!("{} of {} ({} of {} blocks of {block})", show(used), show(total), used.0, total.0);
    out.push_str(&wrap("  used: ", &sentence, look.width));
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

fn foot(usage: &Usage, look: &Look) -> String {
    let mut out = String::new();
    if let Some(strangers) = &usage.strangers {
        let sure = if strangers.certain { "leaked" } else { "perhaps leaked, as not all records were read" };
        let many = |ids: &[u32]| ids.iter().take(20).map(u32::to_string).collect::<Vec<_>>().join(", ");
        if !strangers.without_record.is_empty() {
            let (count, ids) = (strangers.without_record.len(), many(&strangers.without_record));
            out.push_str(&wrap(
                "  note: ",
                &format!("devices without a record ({sure}): {count}, with id {ids}"),
                look.width,
            ));
        }
        if !strangers.without_device.is_empty() {
            let (count, ids) = (strangers.without_device.len(), many(&strangers.without_device));
            out.push_str(&wrap(
                "  note: ",
                &format!("records without a device: {count}, with id {ids}"),
                look.width,
            ));
        }
    }
    let most = if look.verbose { usize::MAX } else { 3 };
    for gap in usage.gaps.iter().take(most) {
        out.push_str(&wrap("  note: ", &clean(&format!("{}: {}", gap.about, gap.text)), look.width));
    }
    if usage.gaps.len() > most {
        let _ = writeln!(out, "  note: {} more; -v shows them", usage.gaps.len() - most);
    }
    out
}

/// What a device is, for a person.
fn owner_name(owner: &Owner, owners: &Owners) -> String {
    match owner {
        Owner::Base => "base device".to_owned(),
        Owner::Layer { chain, images } => layer_name(chain, images, owners),
        Owner::Container { container, part } => {
            let name = owners.containers.get(*container).map(container_name).unwrap_or_default();
            if *part == Part::Init { format!("{name}, init layer") } else { name }
        }
        Owner::Snapshot { key } => format!("snapshot {key}"),
        Owner::Deleted { record } => format!("deleted, not yet freed ({})", short(record)),
        Owner::Faulty { record } => format!("faulty ({})", short(record)),
        Owner::Stray { record } => format!("record that nothing names ({})", short(record)),
        Owner::Volume(volume) => format!("volume {}/{}", volume.vg, volume.lv),
        Owner::Active(name) => format!("active as {name}"),
    }
}

fn layer_name(chain: &str, images: &[usize], owners: &Owners) -> String {
    let first = images.first().and_then(|i| owners.images.get(*i)).map(image_name);
    match (first, images.len()) {
        (None, _) => format!("layer {}, no image", short(chain)),
        (Some(name), 1) => format!("layer of {name}"),
        (Some(name), many) => format!("layer of {name} and {} more", many - 1),
    }
}

fn image_name(image: &Image) -> String {
    let names = if image.tags.is_empty() { &image.digests } else { &image.tags };
    names.first().cloned().unwrap_or_else(|| format!("<none> {}", short(&image.id)))
}

fn container_name(container: &Container) -> String {
    let name = container.name.clone().unwrap_or_else(|| short(&container.id));
    format!("{name} ({})", container.state.word())
}

/// Twelve characters of an id; anything else whole.
fn short(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    let hex = digits.len() >= 64 && digits.chars().take(64).all(|c| c.is_ascii_hexdigit());
    if hex { digits.chars().take(12).collect() } else { id.to_owned() }
}

//! Rows of the usage table, and their order.

use super::columns::{By, Column};
use crate::host::model::units::DataBlocks;
use crate::host::owners::{Container, DeviceRole, Image, Owners, Part, State};
use crate::usage::{Amounts, ContainerRow, DeviceRow, ImageRow, Kind, Usage};
use jiff::Timestamp;
use std::cmp::{Ordering, Reverse};

/// One row.
pub(super) struct Row {
    pub(super) amounts: Amounts,
    /// Seconds since an image was pulled or tagged, or a container was created or ended.
    pub(super) age: Option<i64>,
    pub(super) state: String,
    pub(super) id: String,
    pub(super) name: String,
}

/// The rows, unsorted. If the table has a column for the state, names do not repeat it.
pub(super) fn rows(
    usage: &Usage,
    owners: &Owners,
    by: By,
    now: Option<Timestamp>,
    state_has_column: bool,
) -> Vec<Row> {
    let rows = Rows { owners, now, state_has_column };
    match by {
        By::Device => usage.devices.iter().map(|row| rows.device(row)).collect(),
        By::Image => usage.images.iter().map(|row| rows.image(row)).collect(),
        By::Container => usage.containers.iter().map(|row| rows.container(row)).collect(),
    }
}

struct Rows<'a> {
    owners: &'a Owners,
    now: Option<Timestamp>,
    state_has_column: bool,
}

impl Rows<'_> {
    fn age(&self, since: Option<Timestamp>) -> Option<i64> {
        Some(self.now?.as_second() - since?.as_second())
    }

    fn device(&self, row: &DeviceRow) -> Row {
        let named: Vec<String> = row.owners.iter().map(|o| owner_name(o, self.owners)).collect();
        let named = if named.is_empty() { "no record".to_owned() } else { named.join("; ") };
        let since = row.owners.first().and_then(|owner| match owner {
            DeviceRole::Container { container, .. } => self.owners.containers.get(*container).and_then(since),
            DeviceRole::Layer { images, .. } => {
                images.iter().filter_map(|i| self.owners.images.get(*i)?.here_since()).min()
            }
            _ => None,
        });
        Row {
            amounts: row.amounts,
            age: self.age(since),
            state: Kind::of(self.owners, row.device_id).word().to_owned(),
            id: row.device_id.to_string(),
            name: format!("{}: {named}", row.device_id),
        }
    }

    fn image(&self, row: &ImageRow) -> Row {
        let image = self.owners.images.get(row.image);
        let name = image.map(image_name).unwrap_or_default();
        let used = match row.containers.len() {
            0 => String::new(),
            1 => "1 container".to_owned(),
            many => format!("{many} containers"),
        };
        let name = if used.is_empty() || self.state_has_column { name } else { format!("{name} ({used})") };
        Row {
            amounts: row.amounts,
            age: self.age(image.and_then(Image::here_since)),
            state: used,
            id: image.map(|image| short(&image.id)).unwrap_or_default(),
            name,
        }
    }

    fn container(&self, row: &ContainerRow) -> Row {
        let container = self.owners.containers.get(row.container);
        let name = container.map(|c| if self.state_has_column { bare_name(c) } else { container_name(c) });
        Row {
            amounts: row.amounts,
            age: self.age(container.and_then(since)),
            state: container.map(|c| c.state.word().to_owned()).unwrap_or_default(),
            id: container.map(|c| short(&c.id)).unwrap_or_default(),
            name: name.unwrap_or_default(),
        }
    }
}

/// When a container ended, or, if it has not, when it was created.
fn since(container: &Container) -> Option<Timestamp> {
    match container.state {
        State::Exited | State::Dead => container.finished.or(container.created),
        _ => container.created,
    }
}

/// What a device is used as, in words.
fn owner_name(owner: &DeviceRole, owners: &Owners) -> String {
    match owner {
        DeviceRole::Base => "base device".to_owned(),
        DeviceRole::Layer { chain, images } => layer_name(chain, images, owners),
        DeviceRole::Container { container, part } => {
            let name = owners.containers.get(*container).map(container_name).unwrap_or_default();
            if *part == Part::Init { format!("{name}, init layer") } else { name }
        }
        DeviceRole::BuildStep { record } => format!("build cache ({})", short(record)),
        DeviceRole::Snapshot { key } => format!("snapshot {key}"),
        DeviceRole::Deleted { record } => format!("deleted, not yet freed ({})", short(record)),
        DeviceRole::Faulty { record } => format!("faulty ({})", short(record)),
        DeviceRole::Orphan { record } => format!("record that nothing names ({})", short(record)),
        DeviceRole::StratisFilesystem { filesystem, .. } => format!("Stratis filesystem {filesystem}"),
        DeviceRole::Volume(volume) => format!("volume {}/{}", volume.vg, volume.lv),
        DeviceRole::Active(name) => format!("active as {name}"),
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

fn bare_name(container: &Container) -> String {
    let name = container.name.clone().unwrap_or_else(|| short(&container.id));
    let namespace = container.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{namespace}{name}")
}

fn container_name(container: &Container) -> String {
    format!("{} ({})", bare_name(container), container.state.word())
}

/// The first twelve characters of an image or container id; any other text unchanged.
fn short(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    let hex = digits.len() >= 64 && digits.chars().take(64).all(|c| c.is_ascii_hexdigit());
    if hex { digits.chars().take(12).collect() } else { id.to_owned() }
}

impl Column {
    /// The amount that the column shows, if it shows one.
    pub(super) const fn blocks(self, row: &Row) -> Option<DataBlocks> {
        match self {
            Self::Exclusive => row.amounts.exclusive,
            Self::Shared => row.amounts.shared,
            Self::Mapped => row.amounts.mapped,
            Self::Frees => row.amounts.reclaimable,
            Self::Bar | Self::Age | Self::State | Self::Id | Self::Name => None,
        }
    }

    /// Order of two rows: largest amount or age first, unknown ones last, words alphabetically.
    pub(super) fn compare(self, a: &Row, b: &Row) -> Ordering {
        match self {
            Self::Exclusive | Self::Shared | Self::Mapped | Self::Frees => {
                Reverse(self.blocks(a)).cmp(&Reverse(self.blocks(b)))
            }
            Self::Age => Reverse(a.age).cmp(&Reverse(b.age)),
            Self::State => a.state.cmp(&b.state),
            Self::Id => a.id.cmp(&b.id),
            Self::Name => a.name.cmp(&b.name),
            Self::Bar => Ordering::Equal,
        }
    }
}

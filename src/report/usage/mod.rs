//! A pool's usage as JSON `thinspect-usage/1`, and as a table in `table`.
//! A number that was not counted is `null`.

mod columns;
mod rows;
mod table;

pub use columns::{By, Column};
pub use table::{Table, text};

use crate::host::model::units::{Blocks as _, DataBlocks};
use crate::host::owners::{DeviceRole, Owners};
use crate::report::style::TextStyle;
use crate::report::units::clean;
use crate::report::wrap::wrap;
use crate::usage::{Kind, Usage, Without};
use schemars::JsonSchema;
use serde::Serialize;

/// The whole output.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "thinspect-usage/1")]
pub struct Output {
    /// Always `thinspect-usage/1`.
    schema: &'static str,
    /// The pool's device-mapper name, or the file that was read.
    pool: Option<String>,
    /// The transaction of the metadata that was read.
    transaction_id: u64,
    /// Whether all numbers belong to it. If not, exclusive and shared blocks mix several transactions.
    consistent: bool,
    /// Number of times that the pool changed while it was read.
    changes: u32,
    /// Metadata block of the metadata snapshot that was read; `null` if the live metadata was read.
    metadata_snapshot: Option<u64>,
    /// Size of a data block.
    block_bytes: u64,
    totals: TotalsV1,
    /// Every thin device, most exclusive blocks first.
    devices: Vec<DeviceV1>,
    /// Every image, most reclaimable blocks first.
    images: Vec<ImageV1>,
    /// Every container, most reclaimable blocks first.
    containers: Vec<ContainerV1>,
    /// Differences between the owner's records and the pool; `null` if no records were read.
    strangers: Option<StrangersV1>,
    /// The result of `--without`; `null` if it was not given.
    without: Option<WithoutV1>,
    /// Damaged places in the metadata, at most 1000.
    damage: Vec<DamageV1>,
    /// Number of damaged places.
    damaged: u64,
    /// Records and metadata that could not be read.
    notes: Vec<NoteV1>,
}

/// The result of removing a set of images and containers.
#[derive(Debug, Serialize, JsonSchema)]
struct WithoutV1 {
    names: Vec<String>,
    /// Blocks that return once all of it is removed.
    reclaimable_blocks: Option<u64>,
    /// Names that the engine would refuse to remove, with the reason; their blocks are not counted.
    refused: Vec<String>,
}

/// A damaged place in the metadata.
#[derive(Debug, Serialize, JsonSchema)]
struct DamageV1 {
    /// The metadata block.
    block: u64,
    /// The damage.
    what: String,
}

/// Differences between the owner's records and the pool.
#[derive(Debug, Serialize, JsonSchema)]
struct StrangersV1 {
    /// Ids of devices without a record: leaked, if `certain`.
    without_record: Vec<u32>,
    /// Ids in records without a device in the pool.
    without_device: Vec<u32>,
    /// Whether all records were read.
    certain: bool,
}

/// `used = exclusive + shared + unaccounted`.
#[derive(Debug, Serialize, JsonSchema)]
struct TotalsV1 {
    used_blocks: u64,
    total_blocks: u64,
    /// Blocks that one device alone maps.
    exclusive_blocks: Option<u64>,
    /// Blocks that several devices map, each counted once.
    shared_blocks: Option<u64>,
    /// Used blocks that no device maps.
    unaccounted_blocks: Option<u64>,
    /// The part of these that a held metadata snapshot keeps.
    held_blocks: Option<u64>,
    /// The exclusive blocks by kind of device.
    by_kind: Vec<ShareV1>,
}

/// All devices of one kind.
#[derive(Debug, Serialize, JsonSchema)]
struct ShareV1 {
    /// The same words as for the owners of devices; open-ended.
    kind: &'static str,
    devices: u64,
    exclusive_blocks: Option<u64>,
}

/// A thin device.
#[derive(Debug, Serialize, JsonSchema)]
struct DeviceV1 {
    /// Its id in the pool.
    device_id: u32,
    mapped_blocks: Option<u64>,
    exclusive_blocks: Option<u64>,
    shared_blocks: Option<u64>,
    /// What the device is used as; empty if no record names it.
    owners: Vec<OwnerV1>,
}

/// What a device is used as.
#[derive(Debug, Serialize, JsonSchema)]
struct OwnerV1 {
    /// `container`, `image-layer`, `layer-without-image`, `build-cache`, `snapshot`, `volume`, `filesystem`, `base`,
    /// `deleted`, `faulty`, `record-without-owner`, `unknown`; open-ended.
    kind: &'static str,
    /// The container, chain, snapshot, record or volume.
    name: String,
    /// Ids of the images that have the layer.
    images: Vec<String>,
}

/// An image.
#[derive(Debug, Serialize, JsonSchema)]
struct ImageV1 {
    id: String,
    /// containerd's namespace.
    namespace: Option<String>,
    /// Tags, or digests if it has none.
    names: Vec<String>,
    /// Ids of its layers' devices, top layer first.
    device_ids: Vec<u32>,
    /// Blocks that its top layer maps.
    mapped_blocks: Option<u64>,
    /// The part of these that other devices map too.
    shared_blocks: Option<u64>,
    /// Blocks mapped only by layers that no other image has.
    exclusive_blocks: Option<u64>,
    /// Blocks that return if only this image is removed; 0 while containers use it.
    reclaimable_blocks: Option<u64>,
    /// Ids of the containers that use it.
    containers: Vec<String>,
}

/// A container.
#[derive(Debug, Serialize, JsonSchema)]
struct ContainerV1 {
    id: String,
    name: Option<String>,
    /// containerd's namespace.
    namespace: Option<String>,
    /// `running`, `paused`, `restarting`, `exited`, `created`, `stopped`, `dead`, `removing`, `unknown`;
    /// open-ended.
    state: &'static str,
    /// Id of its image.
    image: Option<String>,
    /// Ids of its own devices, the writable one first.
    device_ids: Vec<u32>,
    /// Blocks that its writable device maps, including those of its image.
    mapped_blocks: Option<u64>,
    /// The part of these that other devices map too.
    shared_blocks: Option<u64>,
    /// Blocks that only its own devices map.
    exclusive_blocks: Option<u64>,
    /// Blocks that return if it is removed.
    reclaimable_blocks: Option<u64>,
}

/// A record or metadata that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
struct NoteV1 {
    about: String,
    text: String,
}

/// The JSON Schema of [`Output`].
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Output)
}

/// The usage as JSON types.
#[must_use]
pub fn output(pool: Option<&str>, usage: &Usage, owners: &Owners, without: Option<&Without>) -> Output {
    let devices = usage.devices.iter().map(|row| DeviceV1 {
        device_id: row.device_id,
        mapped_blocks: count(row.amounts.mapped),
        exclusive_blocks: count(row.amounts.exclusive),
        shared_blocks: count(row.amounts.shared),
        owners: row.owners.iter().map(|owner| owner_v1(owner, owners)).collect(),
    });
    let strangers = usage.unmatched.as_ref().map(|s| StrangersV1 {
        without_record: s.without_record.clone(),
        without_device: s.without_device.clone(),
        certain: s.certain,
    });
    let notes = usage.gaps.iter().map(|gap| NoteV1 { about: gap.about.clone(), text: gap.text.clone() });
    let damage = usage.damage.iter().map(|d| DamageV1 { block: d.block, what: d.what.to_string() });
    Output {
        schema: "thinspect-usage/1",
        pool: pool.map(str::to_owned),
        transaction_id: usage.transaction_id,
        consistent: usage.consistent,
        changes: usage.changes,
        metadata_snapshot: usage.snapshot,
        block_bytes: usage.block.0,
        totals: totals(usage),
        devices: devices.collect(),
        images: images(usage, owners),
        containers: containers(usage, owners),
        strangers,
        without: without.map(|without| WithoutV1 {
            names: without.names.clone(),
            reclaimable_blocks: count(without.reclaimable),
            refused: without.refused.clone(),
        }),
        damage: damage.collect(),
        damaged: usage.damaged,
        notes: notes.collect(),
    }
}

/// The result of `--without` as text.
#[must_use]
pub fn without_text(without: &Without, usage: &Usage, style: &TextStyle) -> String {
    let names = without.names.join(", ");
    let sentence = match without.reclaimable {
        Some(blocks) => {
            let bytes = style.units.show(blocks.bytes(usage.block));
            format!("{bytes} ({} blocks) come back if {names} are removed together", blocks.0)
        }
        None => format!("what comes back if {names} are removed could not be counted"),
    };
    let refused =
        without.refused.iter().map(|why| wrap("  note: cannot be removed: ", &clean(why), style.width));
    wrap(" frees: ", &clean(&sentence), style.width) + &refused.collect::<String>()
}

fn count(blocks: Option<DataBlocks>) -> Option<u64> {
    blocks.map(|b| b.0)
}

fn totals(usage: &Usage) -> TotalsV1 {
    let totals = &usage.totals;
    let share = |share: &crate::usage::Share| ShareV1 {
        kind: share.kind.word(),
        devices: share.devices,
        exclusive_blocks: count(share.exclusive),
    };
    TotalsV1 {
        used_blocks: totals.used.0,
        total_blocks: totals.total.0,
        exclusive_blocks: count(totals.exclusive),
        shared_blocks: count(totals.shared),
        unaccounted_blocks: count(totals.unaccounted),
        held_blocks: count(totals.held),
        by_kind: totals.shares.iter().map(share).collect(),
    }
}

fn images(usage: &Usage, owners: &Owners) -> Vec<ImageV1> {
    let rows = usage.images.iter().filter_map(|row| Some((row, owners.images.get(row.image)?)));
    let id = |place: &usize| owners.containers.get(*place).map(|c| c.id.clone());
    let images = rows.map(|(row, image)| ImageV1 {
        id: image.id.clone(),
        namespace: image.namespace.clone(),
        names: if image.tags.is_empty() { image.digests.clone() } else { image.tags.clone() },
        device_ids: image.devices.clone(),
        mapped_blocks: count(row.amounts.mapped),
        shared_blocks: count(row.amounts.shared),
        exclusive_blocks: count(row.amounts.exclusive),
        reclaimable_blocks: count(row.amounts.reclaimable),
        containers: row.containers.iter().filter_map(id).collect(),
    });
    images.collect()
}

fn containers(usage: &Usage, owners: &Owners) -> Vec<ContainerV1> {
    let rows = usage.containers.iter().filter_map(|row| Some((row, owners.containers.get(row.container)?)));
    let containers = rows.map(|(row, container)| ContainerV1 {
        id: container.id.clone(),
        name: container.name.clone(),
        namespace: container.namespace.clone(),
        state: container.state.word(),
        image: container.image.and_then(|i| owners.images.get(i)).map(|i| i.id.clone()),
        device_ids: container.devices.clone(),
        mapped_blocks: count(row.amounts.mapped),
        shared_blocks: count(row.amounts.shared),
        exclusive_blocks: count(row.amounts.exclusive),
        reclaimable_blocks: count(row.amounts.reclaimable),
    });
    containers.collect()
}

fn owner_v1(owner: &DeviceRole, owners: &Owners) -> OwnerV1 {
    let id = |place: &usize| owners.images.get(*place).map(|image| image.id.clone());
    let images = match owner {
        DeviceRole::Layer { images, .. } => images.iter().filter_map(id).collect(),
        _ => Vec::new(),
    };
    let (kind, name) = match owner {
        DeviceRole::Base => (Kind::Base, "base".to_owned()),
        DeviceRole::Layer { chain, .. } if images.is_empty() => (Kind::LooseLayer, chain.clone()),
        DeviceRole::Layer { chain, .. } => (Kind::Layer, chain.clone()),
        DeviceRole::Container { container, .. } => {
            (Kind::Container, owners.containers.get(*container).map(|c| c.id.clone()).unwrap_or_default())
        }
        DeviceRole::BuildStep { record } => (Kind::BuildStep, record.clone()),
        DeviceRole::Snapshot { key } => (Kind::Snapshot, key.clone()),
        DeviceRole::Deleted { record } => (Kind::Deleted, record.clone()),
        DeviceRole::Faulty { record } => (Kind::Faulty, record.clone()),
        DeviceRole::Orphan { record } => (Kind::Orphan, record.clone()),
        DeviceRole::StratisFilesystem { filesystem, .. } => (Kind::Filesystem, filesystem.clone()),
        DeviceRole::Volume(volume) => (Kind::Volume, format!("{}/{}", volume.vg, volume.lv)),
        DeviceRole::Active(name) => (Kind::Unknown, name.clone()),
    };
    OwnerV1 { kind: kind.word(), name, images }
}

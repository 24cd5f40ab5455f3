//! Splits a pool's used blocks into blocks of one device (by the kind of device), of several devices, and of none.
//! A sum with an unknown part is `None`.

use crate::host::model::units::DataBlocks;
use crate::host::owners::{DeviceRole, Owners, RecordKeeper};
use crate::metadata;
use std::collections::BTreeMap;

/// Sums over a pool: `used = exclusive + shared + unaccounted`, if all are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Used blocks by the superblock.
    pub used: DataBlocks,
    /// Total blocks.
    pub total: DataBlocks,
    /// Blocks that one device alone maps.
    pub exclusive: Option<DataBlocks>,
    /// Blocks that several devices map, each counted once.
    pub shared: Option<DataBlocks>,
    /// Used blocks that no device maps: kept by a held metadata snapshot, or lost.
    pub unaccounted: Option<DataBlocks>,
    /// The part of `unaccounted` that the held metadata snapshot keeps.
    pub held: Option<DataBlocks>,
    /// The exclusive blocks by kind of device.
    pub shares: Vec<Share>,
}

/// All devices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The kind.
    pub kind: Kind,
    /// Number of devices.
    pub devices: u64,
    /// Sum of their exclusive blocks.
    pub exclusive: Option<DataBlocks>,
}

/// The kind of a thin device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container's writable device.
    Container,
    /// A layer of at least one image.
    Layer,
    /// A layer of no image: part of a build cache, or left over.
    LooseLayer,
    /// A step in Docker's build cache.
    BuildStep,
    /// A snapshot that no known container uses.
    Snapshot,
    /// A logical volume.
    Volume,
    /// A Stratis filesystem.
    Filesystem,
    /// Docker's base device.
    Base,
    /// Deleted by the engine, but still in the pool.
    Deleted,
    /// Its creation failed.
    Faulty,
    /// It has a device record, but no layer, image or container refers to it.
    Orphan,
    /// Without a record, although all records were read.
    Leaked,
    /// Without a record, and not all records were read.
    Unknown,
}

impl Kind {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Layer => "image-layer",
            Self::LooseLayer => "layer-without-image",
            Self::BuildStep => "build-cache",
            Self::Snapshot => "snapshot",
            Self::Volume => "volume",
            Self::Filesystem => "filesystem",
            Self::Base => "base",
            Self::Deleted => "deleted",
            Self::Faulty => "faulty",
            Self::Orphan => "record-without-owner",
            Self::Leaked => "leaked",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of a device.
    #[must_use]
    pub fn of(owners: &Owners, device_id: u32) -> Self {
        let recorded = owners.keeper != RecordKeeper::Nobody && owners.all_recorded;
        match owners.of(device_id).first() {
            Some(DeviceRole::Base) => Self::Base,
            Some(DeviceRole::Layer { images, .. }) if images.is_empty() => Self::LooseLayer,
            Some(DeviceRole::Layer { .. }) => Self::Layer,
            Some(DeviceRole::BuildStep { .. }) => Self::BuildStep,
            Some(DeviceRole::Container { .. }) => Self::Container,
            Some(DeviceRole::Snapshot { .. }) => Self::Snapshot,
            Some(DeviceRole::Deleted { .. }) => Self::Deleted,
            Some(DeviceRole::Faulty { .. }) => Self::Faulty,
            Some(DeviceRole::Orphan { .. }) => Self::Orphan,
            Some(DeviceRole::Volume(_)) => Self::Volume,
            Some(DeviceRole::StratisFilesystem { .. }) => Self::Filesystem,
            Some(DeviceRole::Active(_)) | None if recorded => Self::Leaked,
            Some(DeviceRole::Active(_)) | None => Self::Unknown,
        }
    }
}

pub(super) fn totals(usage: &metadata::Usage, owners: &Owners) -> Totals {
    let mut by_kind: BTreeMap<Kind, (u64, Option<u64>)> = BTreeMap::new();
    for device in &usage.devices {
        let (devices, exclusive) = by_kind.entry(Kind::of(owners, device.device_id)).or_insert((0, Some(0)));
        *devices += 1;
        *exclusive = exclusive.zip(device.exclusive_blocks).and_then(|(sum, more)| sum.checked_add(more));
    }
    let mut shares: Vec<Share> = by_kind
        .into_iter()
        .map(|(kind, (devices, exclusive))| Share { kind, devices, exclusive: exclusive.map(DataBlocks) })
        .collect();
    shares.sort_by_key(|share| (std::cmp::Reverse(share.exclusive), share.kind));
    let used = usage.data.used_blocks;
    let sum = shares.iter().try_fold(0_u64, |sum, share| sum.checked_add(share.exclusive?.0));
    let shared = match (sum, usage.unaccounted_blocks) {
        (Some(exclusive), Some(unaccounted)) => {
            used.checked_sub(exclusive).and_then(|rest| rest.checked_sub(unaccounted))
        }
        _ => None,
    };
    Totals {
        used: DataBlocks(used),
        total: DataBlocks(usage.data.total_blocks),
        exclusive: sum.map(DataBlocks),
        shared: shared.map(DataBlocks),
        unaccounted: usage.unaccounted_blocks.map(DataBlocks),
        held: usage.held_only_blocks.map(DataBlocks),
        shares,
    }
}

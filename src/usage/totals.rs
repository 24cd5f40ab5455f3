//! What a pool's used blocks add up to: blocks of one device by what the device is, blocks of several, blocks of none.
//! A sum with an unknown part is unknown.

use crate::host::model::units::DataBlocks;
use crate::host::owners::{DeviceRole, Owners, RecordKeeper};
use crate::metadata;
use std::collections::BTreeMap;

/// `used = exclusive + shared + unaccounted`, where all are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Blocks in use, by the pool's own count.
    pub used: DataBlocks,
    /// Blocks in all.
    pub total: DataBlocks,
    /// Blocks that one device alone maps.
    pub exclusive: Option<DataBlocks>,
    /// Blocks that several devices map, each counted once.
    pub shared: Option<DataBlocks>,
    /// Blocks in use that no device maps: a held metadata snapshot's, or lost.
    pub unaccounted: Option<DataBlocks>,
    /// Of these, blocks that the held metadata snapshot keeps.
    pub held: Option<DataBlocks>,
    /// The exclusive ones by what the devices are.
    pub shares: Vec<Share>,
}

/// Devices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// What they are.
    pub kind: Kind,
    /// How many.
    pub devices: u64,
    /// Blocks that each has for itself, added up.
    pub exclusive: Option<DataBlocks>,
}

/// What a device is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A container's own.
    Container,
    /// A layer of images.
    Layer,
    /// A layer of no image: a build cache's, or a rest.
    LooseLayer,
    /// A step in Docker's build cache.
    BuildStep,
    /// A snapshot that no known container uses.
    Snapshot,
    /// A logical volume.
    Volume,
    /// A filesystem of Stratis.
    Filesystem,
    /// Docker's base device.
    Base,
    /// Deleted for its owner.
    Deleted,
    /// Its making failed.
    Faulty,
    /// A record that nothing names.
    Orphan,
    /// In the pool without a record, though records were read in full.
    Leaked,
    /// Nothing is known of it.
    Unknown,
}

impl Kind {
    /// The word for it, as the output has it.
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

    /// What a device is.
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
    let rest = |exclusive: u64, unaccounted: u64| used.checked_sub(exclusive)?.checked_sub(unaccounted);
    let shared = sum.zip(usage.unaccounted_blocks).and_then(|(e, u)| rest(e, u));
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

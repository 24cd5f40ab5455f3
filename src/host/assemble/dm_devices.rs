//! Collects the answers about each device-mapper device, and builds pools and thin devices from them.
//!
//! Uses only answers about the device itself; `reports` and `pool_owner` add the rest.

use super::conflicts;
use super::outputs;
use crate::host::block::lsblk::{self, BlockDevice, Halves, Listing};
use crate::host::block::sysfs;
use crate::host::dm::info;
use crate::host::dm::status::{PoolStatus, pool_status, thin_status};
use crate::host::dm::table::{DeviceNumber, PoolTable, Target, pool_table, target, thin_table};
use crate::host::lvm::{self, LvName};
use crate::host::model::backing::{Backing, BackingKind, Filesystem};
use crate::host::model::pool::{Pool, StatusAnswer};
use crate::host::model::space::Space;
use crate::host::model::thin::Thin;
use crate::host::model::units::{Bytes, DataBlocks, METADATA_BLOCK, Sectors};
use crate::record::paste::Tool;
use crate::record::{Outcome, Query, Recording};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The answers about one device-mapper device. The last answer to each query is used; of statuses, the newest.
#[derive(Default)]
pub(in crate::host) struct Device<'a> {
    pub(in crate::host) name: Cow<'a, str>,
    number: Option<DeviceNumber>,
    event: Option<u32>,
    pub(in crate::host) table: Option<&'a Outcome>,
    pub(in crate::host) status: Option<&'a Outcome>,
    info: Option<info::DmInfo>,
    /// Whether a pasted list shows that it is a pool.
    listed_as_pool: bool,
    /// The pool's data and metadata devices, from a pasted list.
    halves: Option<Halves>,
}

/// All device-mapper devices in the recording, by name.
pub(in crate::host) fn devices(recording: &Recording) -> BTreeMap<Cow<'_, str>, Device<'_>> {
    let mut devices = Devices::new();
    for line in recording.all(Query::DmList).filter_map(|a| a.outcome.said()).flat_map(str::lines) {
        let mut words = line.splitn(3, ' ');
        let (Some(number), Some(event), Some(name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let device = entry(&mut devices, name.into());
        (device.number, device.event) = (DeviceNumber::read(number), event.parse().ok());
    }
    for answer in &recording.answers {
        let name = Cow::Borrowed(answer.target.as_str());
        match answer.query {
            Query::DmTable => entry(&mut devices, name).table = Some(&answer.outcome),
            Query::DmStatus => {
                let device = entry(&mut devices, name);
                if !device.status.is_some_and(|before| conflicts::is_older(&answer.outcome, before)) {
                    device.status = Some(&answer.outcome);
                }
            }
            Query::DmInfo => {
                let device = entry(&mut devices, name);
                let info = answer.outcome.said().map(info::read);
                device.number = device.number.or_else(|| info.as_ref().and_then(|i| i.device));
                device.info = info;
            }
            _ => {}
        }
    }
    add_listed(&mut devices, recording);
    devices
}

type Devices<'a> = BTreeMap<Cow<'a, str>, Device<'a>>;

fn entry<'d, 'a>(devices: &'d mut Devices<'a>, name: Cow<'a, str>) -> &'d mut Device<'a> {
    devices.entry(name.clone()).or_insert_with(|| Device { name, ..Device::default() })
}

/// Adds pasted lists: numbers and states of known devices, and pools that appear only in a list.
fn add_listed<'a>(devices: &mut Devices<'a>, recording: &'a Recording) {
    for info in outputs(recording, Tool::DmsetupInfo).flat_map(info::columns) {
        let name = Cow::Owned(info.name.clone());
        if devices.contains_key(&name) || is_pool_name(&name) {
            let device = entry(devices, name);
            device.number = device.number.or(info.device);
            device.info = device.info.take().or(Some(info));
        }
    }
    let pasted = recording.all(Query::PastedOutput);
    let pasted = pasted.filter_map(|a| Some((Tool::named(&a.target)?, a.outcome.said()?)));
    let listing = Listing::new(pasted.flat_map(|(tool, text)| lsblk::read(tool, text)));
    for listed in listing.iter() {
        let name = Cow::Owned(listed.name.clone());
        let pool = is_pool_name(&name) || listing.is_lvm_pool(listed);
        if !pool && !devices.contains_key(&name) {
            continue;
        }
        let device = entry(devices, name);
        device.number = device.number.or(listed.device);
        device.listed_as_pool = pool;
        device.halves = listing.halves(listed);
    }
}

impl Device<'_> {
    fn table_target(&self) -> Option<Target<'_>> {
        self.table?.said()?.lines().find_map(target)
    }

    fn status_target(&self) -> Option<Target<'_>> {
        self.status?.said()?.lines().find_map(target)
    }

    /// The target type, `thin-pool`, `thin` or another; `None` if unknown.
    pub(in crate::host) fn kind(&self) -> Option<&str> {
        if let Some(target) = self.table_target().or_else(|| self.status_target()) {
            return Some(target.kind);
        }
        // A pasted `dmsetup info` or `lsblk` shows no target types, but some names are only used for pools.
        let has_target_lines = self.table.is_some() || self.status.is_some();
        let listed = self.listed_as_pool || self.info.is_some() && is_pool_name(&self.name);
        (!has_target_lines && listed).then_some("thin-pool")
    }

    /// The device as a pool.
    pub(in crate::host) fn pool(&self, recording: &Recording, mounts: &[Filesystem]) -> Pool {
        let table = self.table_target().map(|t| pool_table(t.params)).unwrap_or_default();
        let status_target = self.status_target();
        let status = status_target.map(|t| pool_status(t.params)).unwrap_or_default();
        let length = status_target.or_else(|| self.table_target()).map(|t| t.length);
        let block = table.block.map(Sectors::bytes).or_else(|| block_size(length?, status.total_data?));
        let info = self.info.as_ref();
        let uuid = info.and_then(|i| i.uuid.clone());
        // A device whose info shows no UUID was not made by LVM.
        let lvm_uuid = if info.is_some() { Some(uuid.as_deref().unwrap_or("none")) } else { None };
        let name = (!self.name.is_empty()).then(|| self.name.to_string());
        Pool {
            lv: name.as_deref().and_then(|name| logical_volume(name, lvm_uuid)),
            name,
            uuid,
            device: self.number,
            answer: self.answer(),
            suspended: info.and_then(|i| i.suspended),
            inactive_table: info.and_then(|i| i.inactive_table),
            event_number: self.event.or_else(|| info.and_then(|i| i.event_number)),
            length,
            block,
            data_backing: self.backing(recording, mounts, table.data, |h| &h.data),
            metadata_backing: self.backing(recording, mounts, table.metadata, |h| &h.metadata),
            ..from_status(status, &table, block)
        }
    }

    /// The device under the pool's data or metadata: from sysfs by its number, or else from a pasted list.
    fn backing(
        &self,
        recording: &Recording,
        mounts: &[Filesystem],
        number: Option<DeviceNumber>,
        half: fn(&Halves) -> &BlockDevice,
    ) -> Backing {
        let Some(number) = number else {
            return self.halves.as_ref().map(|h| listed_backing(half(h))).unwrap_or_default();
        };
        let backing = sysfs::backing(recording, mounts, number);
        if backing.kind == BackingKind::Unknown
            && backing.path.is_none()
            && let Some(halves) = &self.halves
            && let Some(listed) =
                [&halves.data, &halves.metadata].into_iter().find(|l| l.device == Some(number))
        {
            return listed_backing(listed);
        }
        backing
    }

    fn answer(&self) -> StatusAnswer {
        match self.status {
            None | Some(Outcome::NotAsked(_)) => StatusAnswer::NotAsked,
            Some(Outcome::Answered(_)) => StatusAnswer::Answered,
            Some(Outcome::TimedOut(ms)) => StatusAnswer::Silent(*ms),
            Some(Outcome::Refused(why)) => StatusAnswer::Refused(why.clone()),
        }
    }

    /// The device as a thin device.
    pub(in crate::host) fn thin(&self, recording: &Recording, mounts: &[Filesystem]) -> Thin {
        let table = self.table_target().map(|t| thin_table(t.params)).unwrap_or_default();
        let status = self.status_target();
        Thin {
            name: self.name.to_string(),
            device: self.number,
            pool: table.pool,
            device_id: table.device_id,
            length: status.or_else(|| self.table_target()).map(|t| t.length),
            status: status.map(|t| thin_status(t.params)),
            filesystem: self.number.and_then(|number| sysfs::mounted(recording, mounts, number)),
            deferred_remove: self.info.as_ref().is_some_and(|i| i.deferred_remove),
            open_count: self.info.as_ref().and_then(|i| i.open_count),
            suspended: self.info.as_ref().and_then(|i| i.suspended),
        }
    }
}

/// The size of a data block, as Docker derives it (deviceset.go, callers of `poolStatus`): the pool's length divided by
/// its number of blocks. `None` if it does not divide evenly.
fn block_size(length: Sectors, total: DataBlocks) -> Option<Bytes> {
    let remainder = length.0.checked_rem(total.0)?;
    if remainder == 0 { length.bytes().0.checked_div(total.0).map(Bytes) } else { None }
}

/// The fields of a pool that come from its status and table lines.
fn from_status(status: PoolStatus, table: &PoolTable, block: Option<Bytes>) -> Pool {
    let data = Space {
        block,
        used: status.used_data,
        total: status.total_data,
        low_water: table.low_water,
        exact: true,
        ..Space::default()
    };
    let metadata = Space {
        block: Some(METADATA_BLOCK),
        used: status.used_metadata,
        total: status.total_metadata,
        low_water: status.metadata_low_water,
        exact: true,
        ..Space::default()
    };
    Pool {
        mode: status.mode,
        transaction_id: status.transaction_id,
        held_root: status.held_root,
        needs_check: status.needs_check,
        discards: status.discards.or(table.discards),
        when_full: status.when_full.or(table.when_full),
        when_full_requested: table.when_full,
        data,
        metadata,
        unrecognized: status.unrecognized,
        ..Pool::default()
    }
}

/// A device under a pool, from a pasted list. Its size is not used, because lists round it.
fn listed_backing(listed: &BlockDevice) -> Backing {
    let loop_number = listed.name.strip_prefix("loop").and_then(|n| n.parse().ok());
    let device = listed.device.or(loop_number.map(|minor| DeviceNumber { major: 7, minor }));
    let mapped = matches!(listed.kind.as_str(), "lvm" | "dm" | "crypt" | "mpath")
        || lvm::split_name(&listed.name).is_some();
    let kind = match listed.kind.as_str() {
        _ if device.is_some_and(DeviceNumber::is_loop) => BackingKind::Loop,
        _ if ["_tdata", "_tmeta"].iter().any(|end| listed.name.ends_with(end)) => BackingKind::Lvm,
        "lvm" => BackingKind::Lvm,
        "dm" | "crypt" | "mpath" => BackingKind::Dm,
        "part" => BackingKind::Partition,
        "disk" => BackingKind::Disk,
        _ => BackingKind::Unknown,
    };
    let node = match &*listed.name {
        "" => device.filter(|d| d.is_loop()).map(|d| format!("/dev/loop{}", d.minor)),
        name if mapped => Some(format!("/dev/mapper/{name}")),
        name => Some(format!("/dev/{name}")),
    };
    Backing { kind, device, path: node, ..Backing::default() }
}

/// Whether only pools have such a device-mapper name: Docker's `docker-8:1-262211-pool`, LVM's `vg-lv-tpool`.
fn is_pool_name(name: &str) -> bool {
    name.ends_with("-tpool") || is_dockers_own(name)
}

/// Whether a device-mapper name is that of a pool which Docker created itself, usually on loop files:
/// `docker-8:1-262211-pool`.
pub(in crate::host) fn is_dockers_own(name: &str) -> bool {
    let middle = name.strip_prefix("docker-").and_then(|n| n.strip_suffix("-pool"));
    let parts = middle.and_then(|m| m.rsplit_once('-'));
    parts.is_some_and(|(number, inode)| {
        DeviceNumber::read(number).is_some() && inode.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The logical volume of a pool that LVM created, by its UUID, or without a UUID by the form of its name.
pub(in crate::host) fn logical_volume(name: &str, uuid: Option<&str>) -> Option<LvName> {
    let by_uuid = uuid.is_some_and(|u| u.starts_with("LVM-"));
    if uuid.is_some_and(|u| !u.is_empty()) && !by_uuid {
        return None;
    }
    let (lv, layer) = lvm::split_name(name)?;
    let plausible = layer.as_deref() == Some("tpool") || layer.is_none() && lv.lv != "pool";
    (by_uuid || plausible).then_some(lv)
}

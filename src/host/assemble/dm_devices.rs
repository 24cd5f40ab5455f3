//! Gathers what was said about each device-mapper device, and makes pools and thin devices of it.
//!
//! It joins the answers about one device; what several devices or other reports add is joined elsewhere.

use super::conflicts;
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
use crate::host::model::units::{Bytes, METADATA_BLOCK};
use crate::record::{Outcome, Query, Recording};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What was said about one device-mapper device; the last answer to each question counts, of statuses the latest.
#[derive(Default)]
pub(in crate::host) struct Device<'a> {
    pub(in crate::host) name: Cow<'a, str>,
    number: Option<DeviceNumber>,
    event: Option<u32>,
    pub(in crate::host) table: Option<&'a Outcome>,
    pub(in crate::host) status: Option<&'a Outcome>,
    info: Option<info::DmInfo>,
    /// Whether a pasted list has it as a pool.
    listed_as_pool: bool,
    /// The two devices right below it, where a pasted list tells.
    halves: Option<Halves>,
}

/// Every device that was spoken of, by name.
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

/// Adds what pasted lists say: numbers and states of devices that are known otherwise, and pools that only they name.
fn add_listed<'a>(devices: &mut Devices<'a>, recording: &'a Recording) {
    let said =
        || recording.all(Query::PastedOutput).filter_map(|a| Some((a.target.as_str(), a.outcome.said()?)));
    for info in
        said().filter(|(target, _)| *target == "dmsetup info -c").flat_map(|(_, text)| info::columns(text))
    {
        let name = Cow::Owned(info.name.clone());
        if devices.contains_key(&name) || is_pools_name(&name) {
            let device = entry(devices, name);
            device.number = device.number.or(info.device);
            device.info = device.info.take().or(Some(info));
        }
    }
    let listing = Listing::new(said().flat_map(|(target, text)| lsblk::read(target, text)));
    for listed in listing.iter() {
        let name = Cow::Owned(listed.name.clone());
        let pool = is_pools_name(&name) || listing.is_lvms_pool(listed);
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

    pub(in crate::host) fn kind(&self) -> Option<&str> {
        let told = self.table_target().or_else(|| self.status_target()).map(|t| t.kind);
        // A pasted `dmsetup info` or `lsblk` has no types of targets; some names are only given to pools.
        let unasked = self.table.is_none() && self.status.is_none();
        let listed = self.listed_as_pool || self.info.is_some() && is_pools_name(&self.name);
        told.or_else(|| (unasked && listed).then_some("thin-pool"))
    }

    fn number(&self) -> Option<DeviceNumber> {
        self.number
    }

    /// The device as a pool.
    pub(in crate::host) fn pool(&self, recording: &Recording, mounts: &[Filesystem]) -> Pool {
        let table = self.table_target().map(|t| pool_table(t.params)).unwrap_or_default();
        let said = self.status_target();
        let status = said.map(|t| pool_status(t.params)).unwrap_or_default();
        let length = said.or_else(|| self.table_target()).map(|t| t.length);
        let block = table.block.map(crate::host::model::units::Sectors::bytes).or_else(|| {
            // Docker itself derives the block size so (deviceset.go, `poolStatus` callers): length over blocks.
            let (length, total) = (length?, status.total_data.filter(|t| t.0 > 0)?);
            (length.0 % total.0 == 0).then(|| Bytes(length.bytes().0 / total.0))
        });
        let name = (!self.name.is_empty()).then(|| self.name.to_string());
        let below = |number: Option<DeviceNumber>, half: fn(&Halves) -> &BlockDevice| {
            let Some(number) = number else {
                return self.halves.as_ref().map(|h| listed_backing(half(h))).unwrap_or_default();
            };
            let asked = sysfs::backing(recording, mounts, number);
            let halves = self.halves.iter().flat_map(|h| [&h.data, &h.metadata]);
            match halves.into_iter().find(|l| l.device == Some(number)) {
                Some(listed) if asked.kind == BackingKind::Unknown && asked.path.is_none() => {
                    listed_backing(listed)
                }
                _ => asked,
            }
        };
        let info = self.info.as_ref();
        let uuid = info.and_then(|i| i.uuid.clone());
        Pool {
            // A device whose info was given and names no UUID is not LVM's.
            lv: name.as_deref().and_then(|n| logical_volume(n, uuid.as_deref().or(info.map(|_| "none")))),
            name,
            uuid,
            device: self.number(),
            answer: self.answer(),
            suspended: info.and_then(|i| i.suspended),
            inactive_table: info.and_then(|i| i.inactive_table),
            event_number: self.event.or_else(|| info.and_then(|i| i.event_number)),
            length,
            block,
            data_backing: below(table.data, |h| &h.data),
            metadata_backing: below(table.metadata, |h| &h.metadata),
            ..from_status(status, &table, block)
        }
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
            device: self.number(),
            pool: table.pool,
            device_id: table.device_id,
            length: status.or_else(|| self.table_target()).map(|t| t.length),
            status: status.map(|t| thin_status(t.params)),
            filesystem: self.number().and_then(|number| sysfs::mounted(recording, mounts, number)),
            deferred_remove: self.info.as_ref().is_some_and(|i| i.deferred_remove),
            open_count: self.info.as_ref().and_then(|i| i.open_count),
            suspended: self.info.as_ref().and_then(|i| i.suspended),
        }
    }
}

/// The fields of a pool that its status and table lines fill.
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

/// What carries one half of a pool, as a list tells: its size is rounded there and not taken.
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

/// Whether a dm name is one that only pools have: Docker's `docker-8:1-262211-pool`, LVM's `vg-lv-tpool`.
fn is_pools_name(name: &str) -> bool {
    name.ends_with("-tpool") || is_dockers_own(name)
}

/// Whether a dm name is that of a pool which Docker made itself, of loop files as a rule: `docker-8:1-262211-pool`.
pub(in crate::host) fn is_dockers_own(name: &str) -> bool {
    let middle = name.strip_prefix("docker-").and_then(|n| n.strip_suffix("-pool"));
    let parts = middle.and_then(|m| m.rsplit_once('-'));
    parts.is_some_and(|(number, inode)| {
        DeviceNumber::read(number).is_some() && inode.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The logical volume behind a pool's dm name, where LVM made it: by its UUID, or pasted, by the shape of its name.
pub(in crate::host) fn logical_volume(name: &str, uuid: Option<&str>) -> Option<LvName> {
    let by_uuid = uuid.is_some_and(|u| u.starts_with("LVM-"));
    if uuid.is_some_and(|u| !u.is_empty()) && !by_uuid {
        return None;
    }
    let (lv, layer) = lvm::split_name(name)?;
    let plausible = layer.as_deref() == Some("tpool") || layer.is_none() && lv.lv != "pool";
    (by_uuid || plausible).then_some(lv)
}

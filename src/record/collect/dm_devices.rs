//! Device-mapper devices: tables of all, states of pools and thin devices, filesystems on thin devices.
//!
//! Of any other device only the table is queried.

use super::{Collector, is_number};
use crate::record::Query;
use std::collections::{HashMap, HashSet};

/// Most thin devices whose info is queried (open count, deferred removal).
const LIMIT_INFO: usize = 200;
/// Most filesystems on thin devices whose space is queried.
const LIMIT_FILESYSTEMS: usize = 256;

/// The known devices, as the basis of further queries.
#[derive(Default)]
pub(super) struct Devices {
    pub(super) pools: Vec<Pool>,
    pub(super) thin_devices: Vec<Thin>,
    /// Name and target type of every device by number.
    pub(super) all: HashMap<String, (String, String)>,
}

pub(super) struct Pool {
    pub(super) name: String,
    pub(super) number: String,
    /// Numbers of the metadata and the data device.
    pub(super) carried_by: Vec<String>,
}

pub(super) struct Thin {
    pub(super) name: String,
    pub(super) number: String,
    /// Number of its pool; unknown for thin devices of a failed pool.
    pub(super) pool: Option<String>,
}

/// Queries every device-mapper device.
pub(super) fn ask(collector: &mut Collector<'_>) -> Devices {
    collector.ask(Query::DmVersion, "");
    let list = collector.ask(Query::DmList, "").unwrap_or_default();
    let listed: Vec<(&str, &str)> = list.lines().filter_map(listed).collect();
    let names: Vec<&str> = listed.iter().map(|(_, name)| *name).collect();
    collector.ask_all(Query::DmTable, &names);
    let devices = sort(collector, &listed);
    let pools: Vec<&str> = devices.pools.iter().map(|p| p.name.as_str()).collect();
    collector.ask_all(Query::DmInfo, &pools);
    collector.ask_all(Query::DmStatus, &pools);
    ask_thins(collector, &devices);
    devices
}

/// Parses `253:0 17 NAME` into number and name; names may contain blanks.
pub(super) fn listed(line: &str) -> Option<(&str, &str)> {
    let mut words = line.splitn(3, ' ');
    let (number, _event, name) = (words.next()?, words.next()?, words.next()?);
    is_number(number).then_some((number, name))
}

fn sort(collector: &Collector<'_>, listed: &[(&str, &str)]) -> Devices {
    let mut devices = Devices::default();
    for (number, name) in listed {
        let (number, name) = ((*number).to_owned(), (*name).to_owned());
        // The device was removed between two queries, as happens when containers exit.
        if collector.outcome(Query::DmTable, &name).is_some_and(|r| r.errno() == Some("ENXIO")) {
            continue;
        }
        // A device whose table could not be read may be a pool, so its status is queried too.
        let table = collector.said(Query::DmTable, &name);
        let mut words = table.as_deref().unwrap_or("0 0 thin-pool").split_whitespace().skip(2);
        let kind = words.next().unwrap_or_default().to_owned();
        let numbers: Vec<String> = words.filter(|w| is_number(w)).take(2).map(str::to_owned).collect();
        match kind.as_str() {
            "thin-pool" => {
                devices.pools.push(Pool { name: name.clone(), number: number.clone(), carried_by: numbers });
            }
            "thin" => {
                let pool = numbers.into_iter().next();
                devices.thin_devices.push(Thin { name: name.clone(), number: number.clone(), pool });
            }
            _ => {}
        }
        devices.all.insert(number, (name, kind));
    }
    devices
}

/// Queries the thin devices. They answer through their pool, so those of a pool that timed out are skipped.
fn ask_thins(collector: &mut Collector<'_>, devices: &Devices) {
    let numbers = |silent: bool| -> HashSet<&str> {
        let pools = devices.pools.iter().filter(|p| collector.is_silent(Query::DmStatus, &p.name) == silent);
        pools.map(|p| p.number.as_str()).collect()
    };
    let (mut silent, answering) = (numbers(true), numbers(false));
    let mut groups: HashMap<Option<&str>, Vec<&str>> = HashMap::new();
    let mut order = Vec::new();
    for thin in &devices.thin_devices {
        let pool = thin.pool.as_deref().filter(|p| silent.contains(p) || answering.contains(p));
        let group = groups.entry(pool).or_default();
        if group.is_empty() {
            order.push(pool);
        }
        group.push(&thin.name);
    }
    for pool in order {
        let thin_devices = groups.remove(&pool).unwrap_or_default();
        // Thin devices of a failed pool do not name it; they are queried unless some pool timed out.
        let is_silent = pool.map_or(!silent.is_empty(), |p| silent.contains(p));
        let asked = if is_silent { 0 } else { collector.ask_until_silent(Query::DmStatus, &thin_devices) };
        if asked < thin_devices.len()
            && let Some(pool) = pool
        {
            silent.insert(pool);
        }
        for thin in thin_devices.iter().skip(asked) {
            collector.leave(Query::DmStatus, thin, "its pool did not answer");
        }
    }
    if devices.thin_devices.len() <= LIMIT_INFO {
        let names: Vec<&str> = devices.thin_devices.iter().map(|t| t.name.as_str()).collect();
        collector.ask_all(Query::DmInfo, &names);
    }
}

/// Queries the metadata of the pools. A pool that timed out may be waiting for its metadata device.
pub(super) fn ask_metadata(collector: &mut Collector<'_>, devices: &Devices) {
    for pool in &devices.pools {
        let Some(metadata) = pool.carried_by.first() else { continue };
        if collector.said(Query::DmStatus, &pool.name).is_some() {
            collector.ask(Query::PoolMetadata, metadata);
        } else {
            collector.leave(Query::PoolMetadata, metadata, "its pool did not answer");
        }
    }
}

/// Queries the mounted filesystems on thin devices, and XFS's behaviour on a full pool.
pub(super) fn ask_filesystems(collector: &mut Collector<'_>, devices: &Devices, mounts: &str) {
    let answering: HashSet<&str> = devices
        .thin_devices
        .iter()
        .filter(|t| collector.said(Query::DmStatus, &t.name).is_some())
        .map(|t| t.number.as_str())
        .collect();
    let mut seen = HashSet::new();
    for mount in mounts.lines().filter_map(mount) {
        let asked = seen.len() < LIMIT_FILESYSTEMS && answering.contains(mount.number);
        if !asked || !seen.insert(mount.number.to_owned()) {
            continue;
        }
        collector.ask(Query::Statfs, &mount.place);
        if let (true, Some((_, minor))) = (mount.is_xfs, mount.number.split_once(':')) {
            // A device-mapper device's kernel name contains its minor number.
            collector.ask(Query::File, &format!("/sys/fs/xfs/dm-{minor}/error/metadata/ENOSPC/max_retries"));
        }
    }
}

struct Mount<'a> {
    number: &'a str,
    place: String,
    is_xfs: bool,
}

/// Parses a line of mountinfo (proc(5)): `30 25 254:0 /root /place rw shared:1 - ext4 /dev/vda rw`.
fn mount(line: &str) -> Option<Mount<'_>> {
    let (fields, filesystem) = line.split_once(" - ")?;
    let mut fields = fields.split(' ').skip(2);
    let (number, _root, place) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Mount { number, place: unescaped(place), is_xfs: filesystem.starts_with("xfs ") })
}

/// Replaces the octal escapes of mountinfo: blank, tab, newline and backslash.
fn unescaped(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

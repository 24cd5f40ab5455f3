//! The block devices under the pools, down to the disks, from sysfs, and the files behind loop devices.
//!
//! No block device is opened for reading; a loop device is opened only to query its backing file.

use super::dm_devices::Devices;
use super::{Collector, is_number};
use crate::record::Query;
use std::collections::{HashSet, VecDeque};

/// Most devices below pools that are queried.
const LIMIT_DEVICES: usize = 256;

/// A device-mapper device below a pool, by name and UUID.
pub(super) struct Carrier {
    pub(super) name: String,
    pub(super) uuid: String,
}

/// Queries the devices with these numbers and everything below; returns the device-mapper devices among them.
pub(super) fn ask(collector: &mut Collector<'_>, numbers: &[&str], devices: &Devices) -> Vec<Carrier> {
    let mut waiting: VecDeque<String> = numbers.iter().map(|n| (*n).to_owned()).collect();
    let mut seen = HashSet::new();
    let mut carriers = Vec::new();
    while let Some(number) = waiting.pop_front() {
        if seen.len() >= LIMIT_DEVICES || !seen.insert(number.clone()) {
            continue;
        }
        let base = format!("/sys/dev/block/{number}");
        let link = collector.ask(Query::Link, &base).unwrap_or_default();
        let name = link.rsplit('/').next().unwrap_or_default().to_owned();
        collector.ask(Query::File, &format!("{base}/size"));
        collector.ask(Query::File, &format!("{base}/ro"));
        if name.starts_with("loop") || number.starts_with("7:") {
            ask_queue(collector, &base);
            ask_loop(collector, &base, &number);
        } else if name.starts_with("dm-") || devices.all.contains_key(&number) {
            ask_queue(collector, &base);
            carriers.push(ask_mapped(collector, &base, &number, devices));
            waiting.extend(below(collector, &base));
        } else if collector.ask(Query::File, &format!("{base}/partition")).is_some() {
            // A partition has its disk's queue.
            ask_queue(collector, &format!("{base}/.."));
            let disk = collector.ask(Query::File, &format!("{base}/../dev"));
            waiting.extend(disk.map(|d| d.trim().to_owned()).filter(|d| is_number(d)));
        } else {
            ask_queue(collector, &base);
            waiting.extend(below(collector, &base));
        }
    }
    carriers
}

fn ask_queue(collector: &mut Collector<'_>, base: &str) {
    collector.ask(Query::File, &format!("{base}/queue/discard_max_bytes"));
    collector.ask(Query::File, &format!("{base}/queue/logical_block_size"));
}

fn ask_mapped(collector: &mut Collector<'_>, base: &str, number: &str, devices: &Devices) -> Carrier {
    let mut text = |file: &str| {
        let text = collector.ask(Query::File, &format!("{base}/dm/{file}")).unwrap_or_default();
        text.trim_end_matches('\n').to_owned()
    };
    let (mut name, uuid) = (text("name"), text("uuid"));
    if let Some((listed, kind)) = devices.all.get(number) {
        // Simple mappings have no state; other targets may be degraded or invalid.
        if !matches!(kind.as_str(), "linear" | "striped" | "crypt" | "error" | "zero" | "") {
            collector.ask(Query::DmStatus, listed);
        }
        if name.is_empty() {
            name.clone_from(listed);
        }
    }
    Carrier { name, uuid }
}

/// Numbers of the devices one level down.
fn below(collector: &mut Collector<'_>, base: &str) -> Vec<String> {
    let names = collector.ask(Query::Dir, &format!("{base}/slaves")).unwrap_or_default();
    let numbers = names.lines().take(LIMIT_DEVICES).filter_map(|name| {
        let number = collector.ask(Query::File, &format!("{base}/slaves/{name}/dev"))?.trim().to_owned();
        is_number(&number).then_some(number)
    });
    numbers.collect()
}

fn ask_loop(collector: &mut Collector<'_>, base: &str, number: &str) {
    let file = collector.ask(Query::File, &format!("{base}/loop/backing_file"));
    for fact in ["offset", "sizelimit", "autoclear", "dio"] {
        collector.ask(Query::File, &format!("{base}/loop/{fact}"));
    }
    collector.ask(Query::LoopStatus, number);
    let Some(file) = file else { return };
    // sysfs appends the last newline; any other belongs to the name.
    let path = file.strip_suffix('\n').unwrap_or(&file);
    collector.ask(Query::Stat, path);
    // The kernel appends this for a deleted file, but it can also be part of the real name.
    let deleted = path.strip_suffix(" (deleted)");
    if let Some(path) = deleted {
        collector.ask(Query::Stat, path);
    }
    let path = deleted.unwrap_or(path);
    if collector.ask(Query::Statfs, path).is_none()
        && let Some((directory, _)) = path.rsplit_once('/').filter(|(d, _)| !d.is_empty())
    {
        collector.ask(Query::Statfs, directory);
    }
}

//! Disks and partitions, their contents and users, and the tools that a move to LVM needs.
//!
//! Only unused ones are probed. Loop, device-mapper and removable devices are skipped unless explicitly named.

use super::{Collector, is_number};
use crate::record::Query;

/// Most disks and partitions that are queried.
const LIMIT_DISKS: usize = 128;
/// Kernel names of devices that no pool is moved to.
const OTHERS: [&str; 7] = ["loop", "ram", "zram", "dm-", "sr", "fd", "nbd"];
/// Tools that create or move thin pools, from lvm2, thin-provisioning-tools, util-linux and procps.
const TOOLS: [&str; 12] = [
    "blkid",
    "dmeventd",
    "dmsetup",
    "losetup",
    "lvchange",
    "lvconvert",
    "lvcreate",
    "pgrep",
    "thin_check",
    "thin_dump",
    "thin_restore",
    "vgcreate",
];

/// Queries every disk, and the explicitly named one.
pub(super) fn ask(collector: &mut Collector<'_>, meant: Option<&str>) {
    collector.ask(Query::File, "/proc/swaps");
    for tool in TOOLS {
        collector.ask(Query::Tool, tool);
    }
    let names = collector.ask(Query::Dir, "/sys/class/block").unwrap_or_default();
    let disks = names.lines().filter(|name| !OTHERS.iter().any(|other| name.starts_with(other)));
    for name in disks.take(LIMIT_DISKS) {
        let number = collector.ask(Query::File, &format!("/sys/class/block/{name}/dev"));
        if let Some(number) = number.as_deref().map(str::trim).filter(|n| is_number(n)) {
            ask_disk(collector, number, &format!("/dev/{}", name.replace('!', "/")), false);
        }
    }
    let Some(meant) = meant else { return };
    let stat = collector.ask(Query::Stat, meant).unwrap_or_default();
    let number = stat.split(' ').find_map(|word| word.strip_prefix("rdev="));
    if let Some(number) = number.filter(|n| is_number(n)) {
        ask_disk(collector, number, meant, true);
    }
}

fn ask_disk(collector: &mut Collector<'_>, number: &str, node: &str, meant: bool) {
    let base = format!("/sys/dev/block/{number}");
    collector.ask(Query::Link, &base);
    let size = collector.ask(Query::File, &format!("{base}/size"));
    let read_only = collector.ask(Query::File, &format!("{base}/ro"));
    let partition = collector.ask(Query::File, &format!("{base}/partition")).is_some();
    let queue = if partition { "../queue" } else { "queue" };
    collector.ask(Query::File, &format!("{base}/{queue}/discard_max_bytes"));
    collector.ask(Query::File, &format!("{base}/{queue}/logical_block_size"));
    let holders = collector.ask(Query::Dir, &format!("{base}/holders")).unwrap_or_default();
    let mounts = collector.said(Query::File, "/proc/self/mountinfo").unwrap_or_default();
    let mounted = mounts.lines().any(|line| line.split(' ').nth(2) == Some(number));
    let zero = |text: &Option<String>| text.as_deref().is_some_and(|t| t.trim() == "0");
    let usable = !mounted && holders.is_empty() && !zero(&size) && zero(&read_only);
    if meant || usable {
        collector.ask(Query::Signatures, node);
        ask_identity(collector, &base, partition);
    }
}

/// Queries the disk's identity, best source first; the sysfs link is the fallback.
fn ask_identity(collector: &mut Collector<'_>, base: &str, partition: bool) {
    let above = if partition { "../" } else { "" };
    if partition {
        collector.ask(Query::File, &format!("{base}/start"));
    }
    for file in ["wwid", "device/wwid", "serial", "device/serial", "dm/uuid", "md/uuid"] {
        let said = collector.ask(Query::File, &format!("{base}/{above}{file}"));
        if said.is_some_and(|text| !text.trim().is_empty()) {
            return;
        }
    }
}

//! Rule: a thin volume or the filesystem on it is full, while the pool has room.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::{Kind, LogMessage};
use crate::host::lvm::LogicalVolume;
use crate::host::model::backing::Filesystem;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A thin volume has reached its own size, while the pool has room.
    ///
    /// ## What it means
    /// A thin volume is as large as it was made. When its filesystem is full, writes fail with "no space left on
    /// device" however much the pool has free. A volume that maps all of its blocks (`Data%` of 100) is not full by
    /// that alone: its filesystem may have freed them and not said so.
    ///
    /// ## Why it matters
    /// Freeing space in the pool, or growing the pool, does not help this volume.
    ///
    /// ## What to do
    /// Remove files in the volume, or grow the volume and its filesystem. See first that the pool has the room.
    ///
    /// ## References
    /// lvmthin(7); lvextend(8), `--resizefs`.
    ///
    /// ## Example
    /// ```host
    ///   LV     VG  Attr       LSize   Pool Origin Data%  Meta%
    ///   pool   vg  twi-aotz-- 100.00g             41.20  12.00
    ///   vm1    vg  Vwi-aotz--  10.00g pool        100.00
    /// write /srv/db.log: No space left on device
    /// ```
    /// ```host quiet
    ///   LV     VG  Attr       LSize   Pool Origin Data%  Meta%
    ///   pool   vg  twi-aotz-- 100.00g             41.20  12.00
    ///   vm1    vg  Vwi-aotz--  10.00g pool        80.00
    /// ```
    "volume-full", since "0.1.0", check
}

/// Percent in use from which a filesystem is taken for full.
const FULL_PERCENT: u64 = 98;

fn check(host: &Host) -> Vec<Finding> {
    let roomy = !host.pools.is_empty() && host.pools.iter().all(queries::has_room);
    let full = host.lvm.volumes.iter().filter(|v| is_full(v));
    let failed = host.log_messages.iter().find(|m| matches!(m.kind, Kind::NoSpaceLeft { .. }));
    full.filter(|_| roomy).filter_map(|volume| of_volume(host, volume, failed)).collect()
}

/// Whether a thin volume maps all of its blocks.
fn is_full(volume: &LogicalVolume) -> bool {
    volume.attr.starts_with('V') && volume.data_centipercent == Some(10_000)
}

fn of_volume(host: &Host, volume: &LogicalVolume, failed: Option<&LogMessage>) -> Option<Finding> {
    let name = format!("{}/{}", volume.name.vg, volume.name.lv);
    let filesystem = host.filesystems.iter().find(|f| is_on(f, volume));
    let full = filesystem.is_some_and(|f| f.used_percent.is_some_and(|used| used >= FULL_PERCENT));
    if failed.is_none() && !full {
        return None;
    }
    let certainty = if full { Certainty::Certain } else { Certainty::Likely };
    let summary = format!("The thin volume {name} has reached its own size, while the pool has room");
    let finding = Finding::new(&RULE, Severity::Critical, certainty, Subject::thin_device(&name), summary)
        .with_evidence("mapped of its size", "100 %", "lvs");
    let lines: Vec<&LogMessage> = failed.into_iter().collect();
    Some(finding.with_log_lines(&lines).advise(advice::look(
        "see how full its filesystem is, and what the pool has free",
        &["df -h", "lvs -a"],
    )))
}

/// Whether a filesystem lies on a volume, by the two names that its node has.
fn is_on(filesystem: &Filesystem, volume: &LogicalVolume) -> bool {
    let (vg, lv) = (&volume.name.vg, &volume.name.lv);
    let nodes = [format!("/dev/{vg}/{lv}"), format!("/dev/mapper/{}", volume.name.dm_name())];
    filesystem.source.as_ref().is_some_and(|source| nodes.contains(source))
}

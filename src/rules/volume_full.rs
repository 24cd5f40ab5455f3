//! Rule: a thin volume or the filesystem on it is full, while the pool has room.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Kind;
use crate::host::lvm::LogicalVolume;
use crate::host::model::backing::Filesystem;
use crate::host::model::pool::PoolOwner;
use crate::host::model::thin::Thin;
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
    /// ```host
    /// dd: error writing '/srv/big': No space left on device
    /// Filesystem          Size  Used Avail Use% Mounted on
    /// /dev/mapper/vg-vm1  182M  178M     0 100% /srv
    ///   LV     VG  Attr       LSize   Pool Origin Data%  Meta%
    ///   pool   vg  twi-aotz-- 600.00m             30.35  13.57
    ///   vm1    vg  Vwi-aotz-- 200.00m pool        91.06
    /// ```
    /// ```host quiet
    ///   LV     VG  Attr       LSize   Pool Origin Data%  Meta%
    ///   pool   vg  twi-aotz-- 100.00g             41.20  12.00
    ///   vm1    vg  Vwi-aotz--  10.00g pool        80.00
    /// ```
    "volume-full", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.thin_devices.iter().filter_map(|t| check_thin(host, t)).collect();
    let roomy = !host.pools.is_empty() && host.pools.iter().all(queries::has_room);
    if found.is_empty() && roomy {
        let thin = host.lvm.volumes.iter().filter(|v| v.attr.starts_with('V'));
        found.extend(thin.filter_map(|volume| check_row(host, volume)));
    }
    found
}

/// A thin device whose filesystem is full; containers' devices are checked by container-size-limit.
fn check_thin(host: &Host, thin: &Thin) -> Option<Finding> {
    let pool = queries::pool_of_thin(host, thin).filter(|p| queries::has_room(p))?;
    let containers = matches!(pool.owner, PoolOwner::Docker { .. } | PoolOwner::Containerd { .. });
    if containers || queries::is_containers_disk(&thin.name) {
        return None;
    }
    let filesystem = thin.filesystem.as_ref()?;
    let severity = queries::fullness(filesystem)?;
    let volume = host.lvm.volumes.iter().find(|v| v.name.dm_name() == thin.name);
    let level = (severity, Certainty::Certain);
    Some(check_filesystem(level, &thin.name, filesystem).advise_all(growth(volume)))
}

fn check_row(host: &Host, volume: &LogicalVolume) -> Option<Finding> {
    let filesystem = host.filesystems.iter().find(|f| queries::is_on(f, volume));
    if let Some((filesystem, severity)) = filesystem.and_then(|f| Some((f, queries::fullness(f)?))) {
        let level = (severity, Certainty::Certain);
        return Some(
            check_filesystem(level, &volume.name.dm_name(), filesystem).advise_all(growth(Some(volume))),
        );
    }
    if volume.data_centipercent != Some(10_000) {
        return None;
    }
    let failed = host.log_messages.iter().find(|m| matches!(m.kind, Kind::NoSpaceLeft { .. }))?;
    let name = format!("{}/{}", volume.name.vg, volume.name.lv);
    let summary = format!("The thin volume {name} has reached its own size, while the pool has room");
    let finding =
        Finding::new(&RULE, Severity::Critical, Certainty::Likely, Subject::thin_device(&name), summary)
            .with_evidence("mapped of its size", "100 %", "lvs")
            .with_log_lines(&[failed]);
    Some(finding.advise(advice::inspect(
        "see how full its filesystem is, and what the pool has free",
        &["df -h", "lvs -a"],
    )))
}

fn check_filesystem(
    (severity, certainty): (Severity, Certainty),
    name: &str,
    filesystem: &Filesystem,
) -> Finding {
    let what = if severity == Severity::Critical { "is full" } else { "is nearly full" };
    let summary = format!("The filesystem of the thin volume {name} {what}, while the pool has room");
    let mount = filesystem.mount.as_deref().unwrap_or("/");
    let finding = Finding::new(&RULE, severity, certainty, Subject::thin_device(name), summary)
        .with_evidence("mounted on", mount, "df");
    let du = format!("du -xam {} 2>/dev/null | sort -n | tail -n 20", quote(mount));
    finding.advise(advice::inspect(
        "see what in it is large, in MiB, and what the pool has free",
        &[&du, "lvs -a"],
    ))
}

/// Extends the volume and its filesystem.
fn growth(volume: Option<&LogicalVolume>) -> Option<Advice> {
    let volume = volume.filter(|v| !v.name.vg.is_empty())?;
    let command =
        format!("lvextend --resizefs -l +25%LV {}", quote(&format!("{}/{}", volume.name.vg, volume.name.lv)));
    let does = "or make it and its filesystem a quarter larger; what it writes more, the pool must have";
    Some(Advice::new(Risk::Changes, does, &[&command]))
}

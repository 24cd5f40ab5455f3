//! Rule: deleted thin devices wait for their deletion.

use super::Finding;
use super::shared::{advice, log_findings, queries, thin_devices};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::thin::Thin;
use crate::host::model::units::{DataBlocks, percent_of};
use crate::host::owners::DeviceRole;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Deleted containers or images still keep their blocks: their devices wait for deferred deletion.
    ///
    /// ## What it means
    /// With deferred deletion Docker marks a device that is still held, says that the removal succeeded, and
    /// tries again every 30 seconds and at its next start. Until then the blocks are taken. In the run of the
    /// daemon that first made the loop files, the retries do not happen at all.
    ///
    /// ## Why it matters
    /// Space does not come back although everything was removed.
    ///
    /// ## What to do
    /// Find what holds the devices and end it: a process with a file in them open, or with a copy of their mount in
    /// its own namespace. Docker then deletes them within 30 seconds, or when it is restarted. containerd's
    /// snapshotter does the same with `async_remove`, when it next collects garbage.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `cleanupDeletedDevices`.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Deferred Deletion Enabled: true
    ///  Deferred Deleted Device Count: 12
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Deferred Deletion Enabled: true
    ///  Deferred Deleted Device Count: 0
    /// ```
    "deferred-deletion-backlog", since "0.1.0", check
}

/// Up to this many pending deletions are normal.
const MANY: u64 = 10;
/// Percent of the pool: pending deletions that map more than this are reported too.
const MUCH_PERCENT: u64 = 1;

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if found.is_empty() {
        found.extend(check_count(host).or_else(|| check_log(host)));
    }
    found
}

/// The records list deleted devices that are still in the pool.
fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let deleted = |owners: &[DeviceRole]| owners.iter().any(|o| matches!(o, DeviceRole::Deleted { .. }));
    let known = pool.metadata_contents.as_ref().filter(|contents| contents.complete);
    let there = |id: &u32| known.is_none_or(|contents| contents.devices.contains_key(id));
    let recorded = pool.owners.by_device.iter().filter(|(_, owners)| deleted(owners)).map(|(id, _)| *id);
    let waiting: Vec<u32> = recorded.filter(there).collect();
    if waiting.is_empty() {
        return None;
    }
    let sum =
        waiting.iter().try_fold(DataBlocks(0), |sum, id| Some(sum.plus(thin_devices::mapped(pool, *id)?)));
    let amount = thin_devices::blocks(pool, [sum]);
    let what = amount.clone().unwrap_or_else(|| "their blocks".into());
    let maps = if waiting.len() == 1 { "maps" } else { "map" };
    let devices = thin_devices::count(waiting.len(), "deleted device");
    let summary = text!("{} still {} {}: waiting for deferred deletion", devices, maps, what);
    let much = sum.zip(pool.data.total).is_some_and(|(sum, total)| sum.0 > percent_of(total.0, MUCH_PERCENT));
    let many = u64::try_from(waiting.len()).is_ok_and(|n| n > MANY);
    let severity = if many || much { Severity::Warning } else { Severity::Notice };
    let held: Vec<&Thin> = waiting.iter().filter_map(|id| thin_devices::active(host, pool, *id)).collect();
    let each = waiting.iter().map(u32::to_string);
    let whose = if pool.is_dockers() { "Docker's records" } else { "containerd's records" };
    let mut finding =
        Finding::new(&RULE, severity, Certainty::Certain, queries::docker_subject(host), summary)
            .with_evidence("devices marked deleted", thin_devices::list(each), whose);
    if let Some(amount) = amount {
        finding = finding.with_evidence("mapped, shared blocks included", amount, "the pool's metadata");
    }
    if !held.is_empty() {
        let names = held.iter().map(|t| format!("{} (open {})", t.name, t.open_count.unwrap_or_default()));
        finding = finding.with_evidence("still held", thin_devices::list(names), "device-mapper");
    }
    let finding = finding.advise_all(thin_devices::holders(&held));
    Some(if pool.is_dockers() { with_advice(finding, host) } else { with_snapshots(finding) })
}

fn check_count(host: &Host) -> Option<Finding> {
    let reported = host.pools.iter().filter_map(|p| p.docker_info.as_ref()?.deferred_deleted).max();
    let count = reported.filter(|n| *n > 0)?;
    let severity = if count > MANY { Severity::Warning } else { Severity::Notice };
    let summary = format!("{count} deleted devices still keep their blocks: they wait for deferred deletion");
    let finding = Finding::new(&RULE, severity, Certainty::Certain, queries::docker_subject(host), summary)
        .with_evidence("devices marked deleted", count.to_string(), "docker info");
    Some(with_advice(finding, host))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::MarkedForDeletion]);
    let summary =
        "Docker says that a device is marked for deletion and cannot be used: it waits for its deletion";
    let subject = |_: &_| queries::docker_subject(host);
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Certain), &lines, subject, summary)?;
    Some(with_advice(finding, host))
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let see = "see which of Docker's devices are still open";
    let finding = finding.advise(advice::inspect(see, &["dmsetup info -c -o name,open --sort -open"]));
    if host.docker_roots.iter().any(|d| d.running == Some(false)) {
        return finding;
    }
    let does = "once nobody holds them, restart Docker if half a minute was not enough: it tries all of them again \
                (containers stop unless live-restore is on)";
    finding.advise(Advice::new(Risk::Stops, does, &["systemctl restart docker"]))
}

/// containerd deletes such devices at its next garbage collection.
fn with_snapshots(finding: Finding) -> Finding {
    let see = "see the snapshots; containerd deletes the rest when it next collects garbage";
    finding.advise(advice::inspect(see, &["ctr -n k8s.io snapshots --snapshotter devmapper list"]))
}

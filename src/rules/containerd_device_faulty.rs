//! Rule: containerd's snapshotter holds devices that it marked as faulty.

use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::owners::DeviceRole;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// containerd's snapshotter holds devices that it marked as faulty: their ids and blocks stay reserved.
    ///
    /// ## What it means
    /// The snapshotter writes down what it is about to do with each device. One that it finds in the middle
    /// of something at its start, or whose operation failed, becomes faulty and is never used again.
    ///
    /// ## Why it matters
    /// The snapshot cannot be used, and its blocks do not come back.
    ///
    /// ## What to do
    /// Remove the snapshots that belong to such devices. Where an id is reserved and no record of a device names
    /// it, a device of that id was in the way (`failed to create snapshot … file exists`): containerd went on with
    /// another id and never takes this one again, so the device can be deleted from the pool.
    ///
    /// ## References
    /// containerd, plugins/snapshots/devmapper/pool_device.go, `ensureDeviceStates`.
    ///
    /// ## Example
    /// ```host
    /// level=warning msg="device \"devpool-snap-7\" has invalid state \"Creating\", marking as faulty"
    /// ```
    /// ```host quiet
    /// devpool: 0 209715200 thin-pool 0 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "containerd-device-faulty", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().filter_map(check_pool).collect();
    if found.is_empty() {
        found.extend(check_log(host));
    }
    found
}

/// Checks the snapshotter's records. A reserved id without a device in the pool takes no space and is not reported.
fn check_pool(pool: &Pool) -> Option<Finding> {
    let known = pool.metadata_contents.as_ref().filter(|contents| contents.complete);
    let there = |id: u32| known.is_none_or(|contents| contents.devices.contains_key(&id));
    let record = |owner: &DeviceRole| match owner {
        DeviceRole::Faulty { record } => Some(record.clone()),
        _ => None,
    };
    let of_device = |(id, owners): (&u32, &Vec<DeviceRole>)| Some((*id, owners.iter().find_map(record)?));
    let mut faulty: Vec<(u32, String)> = pool.owners.by_device.iter().filter_map(of_device).collect();
    faulty.retain(|(id, record)| !record.is_empty() || there(*id));
    let held: Vec<u32> = faulty.iter().map(|(id, _)| *id).filter(|id| there(*id)).collect();
    let (all, are) =
        (thin_devices::count(faulty.len(), "device"), if faulty.len() == 1 { "is" } else { "are" });
    let what =
        match (held.len(), thin_devices::blocks(pool, held.iter().map(|id| thin_devices::mapped(pool, *id))))
        {
            (0, _) => ": none of them is in the pool".into(),
            (n, Some(blocks)) => text!(": {} in the pool, with {}", n, blocks),
            _ => ": their ids and blocks stay reserved".into(),
        };
    let summary = text!("{} of containerd's {} marked as faulty{}", all, are, what);
    let each = faulty.iter().map(|(id, record)| match record.as_str() {
        "" => id.to_string(),
        name => format!("{id} ({name})"),
    });
    let severity = if held.is_empty() { Severity::Notice } else { Severity::Warning };
    let listed = thin_devices::list(each);
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("faulty devices", listed, "the snapshotter's records");
    let sure = |id: &u32| known.is_some() && held.contains(id);
    let nameless = faulty.iter().filter(|(id, record)| record.is_empty() && sure(id));
    let nameless: Vec<String> = nameless.map(|(id, _)| id.to_string()).collect();
    let finding = with_advice(finding, pool).advise_all(delete(pool, &nameless));
    (!faulty.is_empty()).then_some(finding)
}

/// Deletes devices whose ids containerd keeps reserved and never reuses, "until manually handled by a user"
/// (plugins/snapshots/devmapper/metadata.go, `MarkFaulty`).
fn delete(pool: &Pool, ids: &[String]) -> Option<Advice> {
    let name = pool.name.as_deref().filter(|_| !ids.is_empty() && !queries::refuses_changes(pool))?;
    let command =
        format!("for id in {}; do dmsetup message {} 0 \"delete $id\"; done", ids.join(" "), quote(name));
    let does = "delete those that no record names any more: containerd never takes their ids again";
    Some(Advice::new(Risk::Destroys, does, &[&command]))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::ContainerdDeviceFaulty]);
    let summary = "containerd marked a device as faulty: its id and its blocks stay reserved";
    let subject = |_: &_| Subject::host("containerd");
    let found =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Certain), &lines, subject, summary)?;
    Some(with_advice(found, &Pool::default()))
}

fn with_advice(finding: Finding, pool: &Pool) -> Finding {
    let see = "see the snapshots";
    let commands = ["ctr -n k8s.io snapshots --snapshotter devmapper list"];
    finding.advise(advice::inspect(see, &commands)).advise(advice::usage(pool))
}

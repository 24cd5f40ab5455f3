//! Rule: containerd's snapshotter holds devices that it marked as faulty.

use super::{Finding, Subject, advise, inmates, said};
use crate::host::Host;
use crate::host::owners::Owner;
use crate::host::pool::Pool;
use crate::host::units::DataBlocks;
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
    /// Remove the snapshots that belong to such devices. What nothing owns any more can be deleted from the
    /// pool, with containerd stopped.
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
    let mut found: Vec<Finding> = host.pools.iter().filter_map(of_pool).collect();
    if found.is_empty() {
        found.extend(of_words(host));
    }
    found
}

/// What the snapshotter's records say.
fn of_pool(pool: &Pool) -> Option<Finding> {
    let faulty: Vec<(u32, &str)> = pool
        .owners
        .by_device
        .iter()
        .flat_map(|(id, owners)| owners.iter().map(move |owner| (*id, owner)))
        .filter_map(|(id, owner)| match owner {
            Owner::Faulty { record } => Some((id, record.as_str())),
            _ => None,
        })
        .collect();
    if faulty.is_empty() {
        return None;
    }
    let there: Vec<Option<DataBlocks>> =
        faulty.iter().map(|(id, _)| inmates::mapped(pool, *id)).filter(Option::is_some).collect();
    let known = pool.inside.as_ref().is_some_and(|inside| inside.whole);
    let (devices, are) =
        (inmates::count(faulty.len(), "device"), if faulty.len() == 1 { "is" } else { "are" });
    let held = match (there.len(), inmates::blocks(pool, there.iter().copied())) {
        (0, _) if known => ": none of them is in the pool, but their ids stay reserved".to_owned(),
        (n, Some(blocks)) if n > 0 => format!(": {n} of them in the pool, with {blocks}"),
        _ => ": their ids and blocks stay reserved".to_owned(),
    };
    let summary = format!("{devices} of containerd's {are} marked as faulty{held}");
    let severity = if there.is_empty() && known { Severity::Notice } else { Severity::Warning };
    let each = faulty.iter().map(|(id, record)| match *record {
        "" => id.to_string(),
        name => format!("{id} ({name})"),
    });
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary).because(
        "faulty devices",
        inmates::list(each),
        "the snapshotter's records",
    );
    Some(with_advice(finding, pool))
}

fn of_words(host: &Host) -> Option<Finding> {
    let lines = said::lines(host, &["containerd-device-faulty"]);
    let summary = "containerd marked a device as faulty: its id and its blocks stay reserved";
    let subject = |_: &_| Subject::new("host", "containerd");
    let found = said::finding(&RULE, (Severity::Warning, Certainty::Certain), &lines, subject, summary)?;
    Some(with_advice(found, &Pool::default()))
}

fn with_advice(finding: Finding, pool: &Pool) -> Finding {
    let see = "see the snapshots";
    let commands = ["ctr -n k8s.io snapshots --snapshotter devmapper list"];
    finding.advise(advise::look(see, &commands)).advise(advise::usage(pool))
}

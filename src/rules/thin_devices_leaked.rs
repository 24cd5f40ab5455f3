//! Rule: the pool holds devices that nothing owns.

use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::owners::reconcile::{self, Reconciliation};
use crate::verdict::{Certainty, Severity};
use std::collections::BTreeSet;

super::rule! {
    /// The pool holds thin devices that no image, container or snapshot owns: their blocks never come back.
    ///
    /// ## What it means
    /// A crash, a removal by force or a record deleted by hand leaves a device in the pool that nobody knows.
    /// Docker meets them as `Device ID N exists in pool but it is supposed to be unused` and goes on to the
    /// next number.
    ///
    /// ## Why it matters
    /// The pool fills although nothing is left to remove.
    ///
    /// ## What to do
    /// `thinspect usage` lists what each device takes and who owns it, and how much of it comes back. Where all
    /// records were read, and none names the device, deleting it from the pool gives its blocks back; what is on
    /// it is lost. Devices made since the pool's present transaction are left out: their records may be on the
    /// way, and after a crash Docker deletes them itself when it starts. On loop files the pool gets its blocks
    /// back, the host's filesystem does not.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `processPendingTransaction`; moby/moby issues 21330, 31628; aws/amazon-ecs-agent issue 746; kata-containers/runtime issue 2031.
    ///
    /// ## Example
    /// ```host
    /// devmapper: Device ID 40 exists in pool but it is supposed to be unused
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "thin-devices-leaked", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if found.is_empty() {
        found.extend(check_log(host));
    }
    found
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::DeviceIdInUse]);
    let summary =
        "Docker met devices in the pool that its records do not know: leaked, or the pool is not its own";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(with_advice(finding, &pool))
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    reconcile::reconcile(host, pool).map_or_else(
        || check_active(host, pool),
        |reconciliation| from_reconciliation(host, pool, &reconciliation),
    )
}

/// Devices in the pool's metadata without a record.
fn from_reconciliation(host: &Host, pool: &Pool, reconciliation: &Reconciliation) -> Option<Finding> {
    if reconciliation.leaked.is_empty() {
        return None;
    }
    let ids: Vec<u32> = reconciliation.leaked.iter().map(|(id, _)| *id).collect();
    let idle = ids.iter().all(|id| thin_devices::active(host, pool, *id).is_none());
    let sure = reconciliation.same_pool && reconciliation.in_step && idle;
    let amount = thin_devices::blocks(pool, reconciliation.leaked.iter().map(|(_, mapped)| *mapped));
    let (devices, belong, map) = match ids.len() {
        1 => ("1 thin device", "belongs", "it maps"),
        n => (&*format!("{n} thin devices"), "belong", "they map"),
    };
    let amount = amount.map(|a| text!(": {} {}, shared ones included", map, a)).unwrap_or_default();
    let summary = text!("{} in the pool {} to nobody{}", devices, belong, amount);
    let certainty = if sure { Certainty::Certain } else { Certainty::Likely };
    let each = reconciliation.leaked.iter().map(|(id, mapped)| {
        let amount = thin_devices::blocks(pool, [*mapped]).map(|a| text!(" with {}", a)).unwrap_or_default();
        text!("{}{}", id, amount)
    });
    let finding = Finding::new(&RULE, Severity::Warning, certainty, Subject::pool(pool), summary)
        .with_evidence("devices without a record", thin_devices::list(each), "the pool's metadata")
        .with_evidence("recorded devices", reconciliation.recorded.to_string(), "the owner's records");
    let delete = if sure { thin_devices::delete(host, pool, &ids) } else { None };
    Some(with_advice(finding, pool).advise_all(delete))
}

/// Without the metadata: active devices of a Docker pool without a record in Docker.
fn check_active(host: &Host, pool: &Pool) -> Option<Finding> {
    let docker = host.docker_of(pool).filter(|d| !d.devices.is_empty())?;
    let recorded: BTreeSet<u32> = docker.devices.iter().map(|r| r.device_id).collect();
    let unknown = host.thins_of(pool).filter(|t| t.device_id.is_some_and(|id| !recorded.contains(&id)));
    let names: Vec<&str> = unknown.map(|t| t.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let summary = format!(
        "{} active thin devices are in no record of Docker's: nothing will ever remove them",
        names.len()
    );
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("without a record", names.join(", "), "device-mapper and Docker's records");
    Some(with_advice(finding, pool))
}

fn with_advice(finding: Finding, pool: &Pool) -> Finding {
    finding.advise(advice::usage(pool))
}

//! Rule: the pool holds devices that nothing owns.

use super::{Finding, Subject, advise, judge, said};
use crate::host::Host;
use crate::host::pool::Pool;
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
    /// `thinspect usage` lists what each device takes and who owns it. Delete a device only when it is sure
    /// that no record, image or container names it, and with the daemon stopped.
    ///
    /// ## References
    /// moby/moby issues 21330, 31628; aws/amazon-ecs-agent issue 746; kata-containers/runtime issue 2031.
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
    let mut found: Vec<Finding> = host.pools.iter().filter_map(|p| of_active(host, p)).collect();
    found.extend(of_words(host));
    found
}

fn of_words(host: &Host) -> Option<Finding> {
    let lines = said::lines(host, &["device-id-in-use"]);
    let summary =
        "Docker met devices in the pool that its records do not know: leaked, or the pool is not its own";
    let subject = |s: &_| judge::pool_subject(host, s);
    let finding = said::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| judge::pool_of(host, s)).cloned().unwrap_or_default();
    Some(with_advice(finding, &pool))
}

/// Active devices of a Docker pool that no record of Docker's names.
fn of_active(host: &Host, pool: &Pool) -> Option<Finding> {
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
        .because("without a record", names.join(", "), "device-mapper and Docker's records");
    Some(with_advice(finding, pool))
}

fn with_advice(finding: Finding, pool: &Pool) -> Finding {
    finding.advise(advise::usage(pool)).advise(advise::plan("free", pool, "see what each of them would free"))
}

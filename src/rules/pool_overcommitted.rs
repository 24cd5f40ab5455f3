//! Rule: the thin devices together may grow past the pool.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The active thin devices together may still write more than the pool has free.
    ///
    /// ## What it means
    /// Each thin device promises its full virtual size. What they have not written yet adds up to more than
    /// the pool's free blocks. That is the very purpose of thin provisioning, and it is normal for Docker.
    ///
    /// ## Why it matters
    /// Nobody inside a container sees the true limit: `df` there shows room that may not exist.
    ///
    /// ## What to do
    /// Watch the pool, not the containers (`thinspect watch`, `thinspect check`), and let something extend
    /// it.
    ///
    /// ## References
    /// Linux Documentation/admin-guide/device-mapper/thin-provisioning.rst; lvmthin(7).
    ///
    /// ## Example
    /// ```host
    /// vg-pool-tpool: 0 20971520 thin-pool 4 2575/25600 30000/40960 - rw discard_passdown queue_if_no_space - 1024
    /// vg-vm1: 0 41943040 thin 8000000 20971519
    /// ```
    /// ```host quiet
    /// vg-pool-tpool: 0 20971520 thin-pool 4 2575/25600 10000/40960 - rw discard_passdown queue_if_no_space - 1024
    /// vg-vm1: 0 10485760 thin 5000000 20971519
    /// ```
    "pool-overcommitted", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::Overcommitted]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "LVM warns that the thin volumes together are larger than their pool";
    let finding =
        log_findings::finding(&RULE, (Severity::Notice, Certainty::Certain), &lines, subject, summary)?;
    Some(finding.advise(advice::inspect(
        "see the pool and its volumes",
        &["lvs -a -o+data_percent,metadata_percent"],
    )))
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let free = pool.data.free_in_bytes()?;
    let own = host
        .thin_devices
        .iter()
        .filter(|t| queries::pool_of_thin(host, t).is_some_and(|p| std::ptr::eq(p, pool)));
    let promised: Vec<Bytes> = own.filter_map(|t| Some(t.length?.bytes().minus(t.mapped()?))).collect();
    let more = promised.iter().fold(Bytes(0), |sum, b| sum.plus(*b));
    if more <= free || promised.is_empty() {
        return None;
    }
    let count = promised.len();
    let devices = if count == 1 { "device" } else { "devices" };
    let summary =
        text!("{} active thin {} may still write {}; the pool has {} free", count, devices, more, free);
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("may still be written", more, "thin status")
        .with_evidence("free in the pool", free, queries::source(pool));
    Some(finding.advise(advice::usage(pool)).advise_all(advice::grow_data(host, pool, None)))
}

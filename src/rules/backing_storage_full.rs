//! Rule: the storage under the pool is itself thinly provisioned, and full.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::thin::Thin;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// What lies under the pool is thin itself, and full.
    ///
    /// ## What it means
    /// A disk of a SAN, of a hypervisor or of a cloud said that it has no space left (`critical space allocation
    /// error`, SCSI sense 27/07). The pool here may have room; the storage that gives its disk has none.
    ///
    /// ## Why it matters
    /// Writes fail below the pool, which turns read-only or loses data.
    ///
    /// ## What to do
    /// Make room on the storage below: its pool, the hypervisor's datastore. Then check the pool and every
    /// filesystem that was being written to.
    ///
    /// ## References
    /// Linux block/blk-core.c, `blk_errors`; drivers/scsi/scsi_lib.c; SPC-4, sense 27/07 and 38/07.
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] critical space allocation error, dev sdc, sector 4194304 op 0x1:(WRITE) flags 0x4200 phys_seg 8 prio class 2
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "backing-storage-full", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Critical,
        certainty: Certainty::Likely,
        messages: &[Message::BackingStorageFull],
        summary: "The storage under the pool is thin itself and has no space left",
    },
    Claim {
        severity: Severity::Warning,
        certainty: Certainty::Certain,
        messages: &[Message::BackingNearlyFull],
        summary: "The storage under the pool is thin itself and warns that it gets full",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if !of_pools.is_empty() {
        return of_pools;
    }
    let found =
        log_findings::strongest(host, &RULE, CLAIMS, |line: &_| Subject::host(log_findings::device_of(line)));
    found.map(with_advice).into_iter().collect()
}

/// Checks whether the pool's data is on a thin device of another pool of this host, and that pool is full.
fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let backing = &pool.data_backing;
    let carries = |t: &&Thin| {
        let node = format!("/dev/mapper/{}", t.name);
        t.device.is_some() && t.device == backing.device || backing.below.contains(&node)
    };
    let thin = host.thin_devices.iter().find(carries)?;
    let below = host.pools.iter().find(|p| p.device.is_some() && p.device == thin.pool)?;
    if !(below.data.is_full() || matches!(below.mode, Some(Mode::OutOfDataSpace))) {
        return None;
    }
    let name = below.label();
    let summary = format!(
        "The pool's data lies on a thin volume of the pool {name}, which is full: make room there first"
    );
    let found = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("its data lies on", thin.name.clone(), "device-mapper table");
    let grow = advice::plan("grow", below, "see how to give the pool below room, in exact numbers");
    Some(with_advice(found).advise(grow))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see which disk it is, and what lies on it",
        &["lsblk -s", "lvs -a -o+devices"],
    ))
}

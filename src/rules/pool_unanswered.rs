//! Rule: the pool's status could not be read.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::{Pool, StatusAnswer};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's status could not be had: the kernel does not answer, refused, or Docker shows zeros.
    ///
    /// ## What it means
    /// The status of a pool needs a lock on its metadata. When a write to the metadata device does not come
    /// back, the lock is never given and every question waits, also those that write nothing. Docker prints
    /// zeros for all sizes when it could not read the status: that says nothing about how full the pool is.
    ///
    /// ## Why it matters
    /// A pool in this state usually hangs its writers as well, and `docker info`, `lvs` and monitoring with
    /// them.
    ///
    /// ## What to do
    /// Look at the device under the pool's metadata, and at the kernel's log. Do not ask again and again:
    /// each question leaves one more process behind that cannot be killed.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin-metadata.c, `pmd->root_lock`; moby,
    /// daemon/graphdriver/devmapper/deviceset.go, `poolStatus`.
    ///
    /// ## Example
    /// ```host
    /// {"version":1,"source":"machine","answers":[{"ask":"dm-list","said":"253:0 17 pool"},{"ask":"dm-table","of":"pool","said":"0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing"},{"ask":"dm-status","of":"pool","silent":1000}]}
    /// ```
    /// ```host quiet
    /// pool: 0 524288 thin-pool 1 120/2048 1000/1024 - rw discard_passdown queue_if_no_space - 512
    /// ```
    "pool-unanswered", since "0.1.0", check
}

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::PoolUnanswered],
    summary: "A tool got no usable status of a pool: it has failed, or its metadata cannot be read",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    more.map(|f| {
        f.advise(advice::status(&crate::host::model::pool::Pool::default())).advise(advice::kernel_log())
    })
    .into_iter()
    .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(check_pool).collect()
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    let subject = Subject::pool(pool);
    let finding = match &pool.answer {
        StatusAnswer::Silent(ms) => {
            let summary = format!(
                "The kernel did not answer for the pool's status within {ms} ms: its metadata is stuck"
            );
            Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary).with_evidence(
                "status",
                format!("no answer in {ms} ms"),
                "kernel",
            )
        }
        StatusAnswer::Refused(why) => {
            let summary = format!("The kernel refused to tell the pool's status: {why}");
            Finding::new(&RULE, Severity::Warning, Certainty::Certain, subject, summary).with_evidence(
                "status",
                format!("refused: {why}"),
                "kernel",
            )
        }
        StatusAnswer::Answered | StatusAnswer::NotAsked => {
            if pool.mode.is_some() || !pool.docker_info.as_ref().is_some_and(|i| i.all_zero) {
                return None;
            }
            let summary = "Docker could not read the pool's status: the zeros it shows are no sizes";
            Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary).with_evidence(
                "all space lines",
                "0",
                "docker info",
            )
        }
    };
    let below = "see what is under the pool: the metadata device comes first in its table";
    let name = pool.name.as_deref().map(crate::advice::quote).unwrap_or_default();
    let table = format!("dmsetup table {name}");
    Some(finding.advise(advice::inspect(below, &[table.trim()])).advise(advice::kernel_log()))
}

//! Rule: a snapshot of the pool's metadata is held.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::dm::status::HeldRoot;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A metadata snapshot of the pool is held: blocks that are freed meanwhile do not come back.
    ///
    /// ## What it means
    /// A program asked the kernel to keep a copy of the metadata's root (`reserve_metadata_snap`), to read it
    /// in peace. cAdvisor does so every 15 seconds, `thin_ls -m` and backup tools while they run. The status
    /// line shows the block that holds it. There can be only one.
    ///
    /// ## Why it matters
    /// While it is held, deleted devices keep their blocks and each change costs metadata. If the program
    /// died, it stays held until somebody releases it.
    ///
    /// ## What to do
    /// Look again in a minute: a tool at work lets go by itself. If it stays and no such tool runs, release
    /// it.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `process_reserve_metadata_snap_mesg`; google/cadvisor, devicemapper/.
    ///
    /// ## Example
    /// ```host
    /// pool: 0 524288 thin-pool 1 120/2048 500/1024 77 rw discard_passdown queue_if_no_space - 512
    /// ```
    /// ```host quiet
    /// pool: 0 524288 thin-pool 1 120/2048 500/1024 - rw discard_passdown queue_if_no_space - 512
    /// ```
    "metadata-snapshot-held", since "0.1.0", check
}

/// Percent of metadata in use from which a held snapshot is a warning; the same as in metadata-nearly-full.
const PRESSING_PERCENT: u64 = 75;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(check_pool).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(host, &[Message::MetadataSnapshotHeld]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "A tool wanted a metadata snapshot while another one was held";
    let finding =
        log_findings::finding(&RULE, (Severity::Notice, Certainty::Certain), &lines, subject, summary)?;
    Some(finding.advise(advice::status(&Pool::default())))
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    let Some(HeldRoot::Block(block)) = pool.held_root else { return None };
    let pressing = pool.metadata.above(PRESSING_PERCENT) == Some(true);
    let severity = if pressing { Severity::Warning } else { Severity::Notice };
    let summary =
        format!("A metadata snapshot is held (block {block}): freed blocks do not come back meanwhile");
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("held root", block.to_string(), queries::source(pool))
        .advise(advice::inspect(
            "see whether a tool that takes such snapshots runs",
            &["pgrep -af 'cadvisor|kubelet|thin_'"],
        ));
    let Some(name) = pool.name.as_deref() else { return Some(finding) };
    if queries::refuses_changes(pool) {
        return Some(finding);
    }
    let release = format!("dmsetup message {} 0 release_metadata_snap", quote(name));
    let does = "release it, once it is sure that no program uses it";
    Some(finding.advise(Advice::new(Risk::Changes, does, &[&release])))
}

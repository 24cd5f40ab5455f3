//! Rule: most of the pool's metadata blocks are in use.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's metadata is nearly full: above 75 percent is a warning, above 90 percent is critical.
    ///
    /// ## What it means
    /// The blocks that record what belongs to whom are running out. Kernels since 4.19 count a hidden reserve
    /// of min(4096 blocks, a tenth of the metadata) as used, so a fresh pool on small metadata reads 10
    /// percent; the limits here leave that aside.
    ///
    /// ## Why it matters
    /// Full metadata makes the pool read-only, and on older kernels it takes an offline repair to get it
    /// back. No event announces it: with the reserve the pool stops before the kernel's own metadata mark is
    /// reached.
    ///
    /// ## What to do
    /// Grow the metadata (`thinspect plan grow`): it takes a moment and interrupts nothing. Deleting
    /// snapshots, layers and containers frees metadata as well.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c and dm-thin-metadata.c (`reserve` of commit 3ab91828); lvmthin(7).
    ///
    /// ## Example
    /// ```host
    /// pool: 0 8388608 thin-pool 0 820/1024 4977/65536 - rw discard_passdown queue_if_no_space - 256
    /// ```
    /// The hidden reserve alone is no alarm:
    /// ```host quiet
    /// pool: 0 8388608 thin-pool 0 110/1024 0/65536 - rw discard_passdown queue_if_no_space - 256
    /// ```
    "metadata-nearly-full", since "0.1.0", check
}

/// Lower than for data, because a pool without free metadata may need an offline repair.
const WARNING_PERCENT: u64 = 75;
/// Docker's floor of 10 percent free also applies to metadata.
const CRITICAL_PERCENT: u64 = 90;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

/// LVM or the kernel warned about a pool of which nothing else is known.
fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(host, &[Message::LvmWarnsMetadata, Message::LowWaterMetadata]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "LVM or the kernel warns that a pool's metadata is nearly full";
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise_all(advice::grow_metadata(host, &pool, None)))
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    if queries::metadata_is_full(pool) || !queries::metadata_above(pool, WARNING_PERCENT)? {
        return None;
    }
    let severity =
        if queries::metadata_above(pool, CRITICAL_PERCENT)? { Severity::Critical } else { Severity::Warning };
    let certainty = if pool.metadata.exact { Certainty::Certain } else { Certainty::Likely };
    let used = queries::metadata_used_of(pool)?;
    let summary = text!("The pool's metadata is nearly full: {}", used);
    let limits = format!("{WARNING_PERCENT} % warning, {CRITICAL_PERCENT} % critical");
    let finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary)
        .with_evidence("metadata in use", used, queries::source(pool))
        .with_evidence("limit", limits, "this rule");
    Some(finding.advise(advice::usage(pool)).advise_all(advice::grow_metadata(host, pool, None)))
}

//! Rule: most of the pool's data blocks are in use.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, percent_of};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's data is nearly full: above 80 percent is a warning, above 90 percent is critical.
    ///
    /// ## What it means
    /// More than four fifths of the data blocks are taken. `df` inside containers does not show this: it
    /// shows each thin device's own filesystem, and their sizes together usually exceed the pool.
    ///
    /// ## Why it matters
    /// Docker stops making layers and containers at 90 percent (`dm.min_free_space`), and a pool that fills
    /// up altogether loses data. LVM's own warnings begin at 80 percent too.
    ///
    /// ## What to do
    /// See who uses the space (`thinspect usage`), remove what is not needed (`thinspect plan free`), or grow
    /// the pool while it is easy (`thinspect plan grow`).
    ///
    /// ## References
    /// lvm2, daemons/dmeventd/plugins/thin: warnings from 80 percent; moby 24.0,
    /// daemon/graphdriver/devmapper/deviceset.go, `defaultMinFreeSpacePercent`.
    ///
    /// ## Example
    /// ```host
    /// vg-pool: 0 209715200 thin-pool 28 16057/524288 1392640/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    /// Exactly 80 percent is not above it:
    /// ```host quiet
    /// vg-pool: 0 209715200 thin-pool 28 16057/524288 1310720/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "data-nearly-full", since "0.1.0", check
}

/// dmeventd's first warning.
const WARNING_PERCENT: u64 = 80;
/// Docker's default floor is 10 percent free; above this, growing is urgent.
const CRITICAL_PERCENT: u64 = 90;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    if pool.data.is_full() || !pool.data.above(WARNING_PERCENT)? {
        return None;
    }
    let critical = pool.data.above(CRITICAL_PERCENT)?;
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let certainty = if pool.data.exact { Certainty::Certain } else { Certainty::Likely };
    let used = queries::used_of(&pool.data)?;
    let free = pool.data.free_in_bytes().map(|b| text!("; {} free", b)).unwrap_or_default();
    let summary = text!("The pool's data is nearly full: {}{}", used, free);
    let finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary)
        .with_evidence("data in use", used, queries::source(pool))
        .with_evidence(
            "limit",
            format!("{WARNING_PERCENT} % warning, {CRITICAL_PERCENT} % critical"),
            "this rule",
        );
    let free = advice::free_space(host, pool);
    let excess = excess(pool).map(|e| text!("free {} to come under {} %", e, WARNING_PERCENT));
    Some(
        finding
            .advise(advice::usage(pool))
            .advise_all(advice::grow_data(host, pool, None))
            .advise_all(advice::with_amount(free, excess, "see what can be removed")),
    )
}

/// Bytes to free until the warning ends.
fn excess(pool: &Pool) -> Option<Bytes> {
    let (used, total) = (pool.data.used_in_bytes()?, pool.data.total_in_bytes()?);
    Some(Bytes(used.0.saturating_sub(percent_of(total.0, WARNING_PERCENT))))
}

/// A tool warned about a pool of which nothing else is known.
fn check_log(host: &Host) -> Option<Finding> {
    let mut lines = log_findings::not_superseded(
        host,
        &[Message::LvmWarnsData, Message::LvmRefusesAtThreshold, Message::UnmountedWhenFull],
    );
    if queries::involves_thin_pools(host) {
        lines.extend(log_findings::not_superseded(
            host,
            &[Message::ImageGcOverThreshold, Message::ImageGcFailed],
        ));
    }
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "A tool warns that the pool, or the image filesystem on it, is nearly full";
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise(advice::usage(&pool)))
}

//! Rule: the kernel or LVM refused a table or a change of the pool.

use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::log::{LogMessage, Message};
use crate::host::{Host, Source};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The kernel or LVM refused a table or a change of the pool.
    ///
    /// ## What it means
    /// A device-mapper table was not accepted: a value out of range, a device that is gone or in use, a change that
    /// the target does not take, such as making a pool smaller.
    ///
    /// ## Why it matters
    /// The pool or volume does not start, or stays as it was.
    ///
    /// ## What to do
    /// The kernel's log has the reason in the line before. Correct what it names; a pool cannot shrink.
    ///
    /// ## References
    /// Linux drivers/md/dm-table.c, dm-ioctl.c; lvreduce(8).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] device-mapper: ioctl: error adding target to table
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "table-refused", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::TableOptionInvalid, Message::TableRefused],
    summary: "A device-mapper table or a change of the pool was refused; the kernel's log says why",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.or_else(|| without_pool(host)).map(with_advice).into_iter().collect()
}

/// On a live host without a pool, the last kernel message about a thin pool's table: the refused table was the
/// pool's.
fn without_pool(host: &Host) -> Option<Finding> {
    if host.source != Source::Machine || !host.pools.is_empty() {
        return None;
    }
    let claim = CLAIMS.first()?;
    let mut refused = log_findings::lines(host, &[Message::TableOptionInvalid, Message::TargetMissing]);
    refused.retain(|line| line.text.contains("thin-pool"));
    // If the target is missing now, earlier table errors are history.
    let lines = refused.split_off(refused.len().saturating_sub(1));
    if lines.iter().any(|line| line.message() == Message::TargetMissing) {
        return None;
    }
    let subject = |_: &LogMessage| Subject::pool_named("(pool not named)");
    log_findings::finding(&RULE, (claim.severity, claim.certainty), &lines, subject, claim.summary)
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see what the kernel said when it refused",
        &["dmesg | grep -E 'device-mapper'"],
    ))
}

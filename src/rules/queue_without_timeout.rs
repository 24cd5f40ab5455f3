//! Rule: writes to a full pool would wait forever.

use super::shared::advice;
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::dm::status::WhenFull;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Writes to a full pool would wait for ever: the kernel's limit on waiting is switched off.
    ///
    /// ## What it means
    /// The pool queues writes when it is full, and `no_space_timeout` of the kernel module is 0, so the queue
    /// has no end.
    ///
    /// ## Why it matters
    /// Nothing fails and nothing is lost while somebody can still make room, but everything that writes hangs
    /// until then, and such tasks cannot be killed.
    ///
    /// ## What to do
    /// If hanging for ever is not wanted, set a limit in seconds (the default is 60). The kernel looks at it when a
    /// pool fills: writers that wait already go on waiting.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `no_space_timeout`.
    ///
    /// ## Example
    /// ```host
    /// {"version":1,"source":"machine","answers":[{"ask":"dm-list","said":"253:0 1 pool"},{"ask":"dm-table","of":"pool","said":"0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing"},{"ask":"dm-status","of":"pool","said":"0 209715200 thin-pool 4 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024"},{"ask":"file","of":"/sys/module/dm_thin_pool/parameters/no_space_timeout","said":"0\n"}]}
    /// ```
    /// ```host quiet
    /// {"version":1,"source":"machine","answers":[{"ask":"dm-list","said":"253:0 1 pool"},{"ask":"dm-table","of":"pool","said":"0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing"},{"ask":"dm-status","of":"pool","said":"0 209715200 thin-pool 4 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024"},{"ask":"file","of":"/sys/module/dm_thin_pool/parameters/no_space_timeout","said":"60\n"}]}
    /// ```
    "queue-without-timeout", since "0.1.0", check
}

/// Percent of use from which this is a warning; the same as in data-nearly-full.
const PRESSING_PERCENT: u64 = 80;

fn check(host: &Host) -> Vec<Finding> {
    if host.kernel.no_space_timeout != Some(0) {
        return Vec::new();
    }
    host.pools.iter().filter_map(check_pool).collect()
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    if pool.when_full != Some(WhenFull::Queue) {
        return None;
    }
    let pressing = pool.data.above(PRESSING_PERCENT) == Some(true);
    let severity = if pressing { Severity::Warning } else { Severity::Notice };
    let summary = "Writes to a full pool would wait for ever: no_space_timeout is 0";
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("no_space_timeout", "0", "kernel module dm_thin_pool")
        .with_evidence("when full", "queue_if_no_space", "thin-pool status");
    let knob = "/sys/module/dm_thin_pool/parameters/no_space_timeout";
    let (see, set) = (format!("cat {knob}"), format!("echo 60 > {knob}"));
    Some(finding.advise(advice::inspect("see the setting", &[&see])).advise(crate::advice::Advice::new(
        crate::advice::Risk::Changes,
        "set the kernel's default; it counts for a pool that fills from then on, not for one that is full",
        &[&set],
    )))
}

//! Rule: tasks hang on storage.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Tasks have been blocked for minutes: they wait for storage that does not answer.
    ///
    /// ## What it means
    /// The kernel reports tasks that were in uninterruptible sleep for 120 seconds. On thin pools the usual
    /// causes are: a full pool that makes writes wait, XFS that retries for ever on a full pool (`xfsaild`),
    /// a suspended device, or a disk that does not come back.
    ///
    /// ## Why it matters
    /// Such tasks cannot be killed; Docker's commands pile up behind them.
    ///
    /// ## What to do
    /// Look at the pool's state first: growing a full pool or resuming a suspended one lets them all go on.
    /// If the pool is sound, look at the disks, then at the kernel's version.
    ///
    /// ## References
    /// Linux Documentation/admin-guide/sysctl/kernel.rst, `hung_task_timeout_secs`; moby/moby issues 20707,
    /// 13885; aws/amazon-ecs-agent issue 301.
    ///
    /// ## Example
    /// ```host
    /// [88440.204121] INFO: task xfsaild/dm-14:12382 blocked for more than 120 seconds.
    /// ```
    /// ```host quiet
    /// device-mapper: thin: 253:4: reached low water mark for data device: sending event.
    /// ```
    "hung-tasks", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    if queries::no_pools_expected(host) {
        return Vec::new();
    }
    let lines = log_findings::lines(host, &[Message::HungTask]);
    let explained = queries::some_pool_is_stuck(host);
    let severity = if explained || host.pools.is_empty() { Severity::Critical } else { Severity::Warning };
    let summary = if explained {
        "Tasks hang, waiting for a pool that is full, suspended or does not answer"
    } else {
        "Tasks hang, waiting for storage"
    };
    let subject = |_: &_| Subject::host("kernel");
    let found = log_findings::finding(&RULE, (severity, Certainty::Likely), &lines, subject, summary);
    found.map(|f| with_advice(f, host)).into_iter().collect()
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let pool = host.pools.first().cloned().unwrap_or_else(Pool::default);
    finding
        .advise(advice::status(&pool))
        .advise(advice::inspect("see what they wait for", &["dmesg | grep -A20 'blocked for more than'"]))
}

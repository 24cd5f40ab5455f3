//! Rule: "no space" came from a kernel limit, not from a disk.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::limits::LimitUse;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A limit was hit that no disk can cure.
    ///
    /// ## What it means
    /// "No space left on device" is also said of tables of the kernel: inotify watches, semaphores, shared memory,
    /// control groups, and of a quota. The disks and the pool have nothing to do with it.
    ///
    /// ## Why it matters
    /// The program that met it fails; freeing or growing anything does not help.
    ///
    /// ## What to do
    /// Raise the limit that the line names, or stop what uses it up.
    ///
    /// ## References
    /// inotify(7), semget(2), shmget(2), cgroups(7), quota(1).
    ///
    /// ## Example
    /// ```host
    /// Error: ENOSPC: System limit for number of file watchers reached, watch '/app/src'
    /// ```
    /// ```host quiet
    /// write /var/lib/docker/tmp/GetImageBlob74: no space left on device
    /// ```
    "limit-not-storage", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::LimitReached],
    summary: "A limit that is not storage was hit: freeing space does not help",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| Subject::host("host"));
    let numbers = host.limits.iter().filter_map(check_limit);
    found.map(with_advice).into_iter().chain(numbers).collect()
}

/// Percent of use from which a table is reported.
const NEAR_PERCENT: u128 = 90;

fn check_limit(limit: &LimitUse) -> Option<Finding> {
    let near = u128::from(limit.used) * 100 >= u128::from(limit.limit) * NEAR_PERCENT;
    if !near || limit.limit == 0 {
        return None;
    }
    let (what, used, most) = (limit.kind.word(), limit.used, limit.limit);
    let of_user = limit.user.map_or_else(String::new, |user| format!(" of user {user}"));
    let verb = if used >= most { "are used up" } else { "are nearly used up" };
    let summary = format!("The {what}{of_user} {verb}: {used} of {most}; freeing disk space does not help");
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Certain, Subject::host(what), summary)
        .with_evidence(what, format!("{used} of {most}"), "/proc");
    let command = limit.kind.setting().map_or_else(
        || "find /sys/fs/cgroup -type d | wc -l".to_owned(),
        |setting| format!("sysctl {setting}"),
    );
    Some(finding.advise(Advice::new(Risk::Reads, "see the limit", &[&command])))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see the limits and what uses them",
        &[
            "sysctl fs.inotify.max_user_watches fs.inotify.max_user_instances kernel.sem kernel.shmmni",
            "ipcs -su",
            "df -h /dev/shm",
            "quota -v",
        ],
    ))
}

//! Rule: deleted thin devices wait for their deletion.

use super::{Finding, advise, judge, said};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Deleted containers or images still keep their blocks: their devices wait for deferred deletion.
    ///
    /// ## What it means
    /// With deferred deletion Docker marks a device that is still held, says that the removal succeeded, and
    /// tries again every 30 seconds and at its next start. Until then the blocks are taken. In the run of the
    /// daemon that first made the loop files, the retries do not happen at all.
    ///
    /// ## Why it matters
    /// Space does not come back although everything was removed.
    ///
    /// ## What to do
    /// Find what holds the devices. Restarting Docker tries all of them again.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `cleanupDeletedDevices`.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Deferred Deletion Enabled: true
    ///  Deferred Deleted Device Count: 12
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Deferred Deletion Enabled: true
    ///  Deferred Deleted Device Count: 0
    /// ```
    "deferred-deletion-backlog", since "0.1.0", check
}

/// A few devices are on their way at any time; more than this do not go by themselves.
const MANY: u64 = 10;

fn check(host: &Host) -> Vec<Finding> {
    of_count(host).or_else(|| of_words(host)).into_iter().collect()
}

fn of_count(host: &Host) -> Option<Finding> {
    let recorded: usize = host.dockers.iter().map(|d| d.devices.iter().filter(|r| r.deleted).count()).sum();
    let reported = host.pools.iter().filter_map(|p| p.docker_info.as_ref()?.deferred_deleted).max();
    let (count, from) = match u64::try_from(recorded) {
        Ok(n) if n > 0 => (n, "Docker's records"),
        _ => (reported.filter(|n| *n > 0)?, "docker info"),
    };
    let severity = if count > MANY { Severity::Warning } else { Severity::Notice };
    let summary = format!("{count} deleted devices still keep their blocks: they wait for deferred deletion");
    let finding = Finding::new(&RULE, severity, Certainty::Certain, judge::docker_subject(host), summary)
        .because("devices marked deleted", count.to_string(), from);
    Some(with_advice(finding, host))
}

fn of_words(host: &Host) -> Option<Finding> {
    let lines = said::lines(host, &["marked-for-deletion"]);
    let summary =
        "Docker says that a device is marked for deletion and cannot be used: it waits for its deletion";
    let subject = |_: &_| judge::docker_subject(host);
    let finding = said::finding(&RULE, (Severity::Warning, Certainty::Certain), &lines, subject, summary)?;
    Some(with_advice(finding, host))
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let see = "see which of Docker's devices are still open";
    let finding = finding.advise(advise::look(see, &["dmsetup info -c -o name,open --sort -open"]));
    if host.dockers.iter().any(|d| d.running == Some(false)) {
        return finding;
    }
    let does = "restart Docker: it tries all of them again (containers stop unless live-restore is on)";
    finding.advise(Advice::new(Risk::Stops, does, &["systemctl restart docker"]))
}

//! Rule: the pool is not the one that this Docker's records belong to.

use super::Finding;
use super::shared::{advice, log_findings, queries};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool is not the one that this Docker's records belong to, or its base device cannot be read.
    ///
    /// ## What it means
    /// Docker remembers the UUID of its base device's filesystem and compares at each start. A different UUID
    /// means another pool: a changed option, an exchanged disk, a data root restored from elsewhere. The same
    /// message comes when `blkid` cannot read the base device at all (`exit status 2`), as on a full or
    /// damaged pool.
    ///
    /// ## Why it matters
    /// The daemon does not start. If it is really another pool, forcing the start mixes two sets of records
    /// and destroys both.
    ///
    /// ## What to do
    /// Look at the pool's state first. If the pool is sound, compare what the daemon is told to use with what
    /// it used before, and point it back to the old pool.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `verifyBaseDeviceUUIDFS`; moby/moby issues
    /// 15721, 21606, 23089.
    ///
    /// ## Example
    /// ```host
    /// Error starting daemon: error initializing graphdriver: devmapper: Base Device UUID and Filesystem verification failed: devmapper: Current Base Device UUID:40f3 does not match with stored UUID:7d1f. Possibly using a different thin pool than last invocation
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-belongs-to-another-docker", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut lines = log_findings::lines(
        host,
        &[Message::UuidVerificationFailed, Message::UuidMismatch, Message::UuidUnreadable],
    );
    // The UUID check can also fail because of a udev cookie, which the same line mentions further on.
    let cookies = log_findings::lines(host, &[Message::UdevCookieFailed]);
    lines.retain(|line| !cookies.iter().any(|cookie| cookie.text == line.text));
    let differs = log_findings::any(host, &[Message::UuidMismatch]);
    let (certainty, summary) = if differs {
        (
            Certainty::Certain,
            "The pool's base device has another UUID than this Docker remembers: it is another pool",
        )
    } else {
        (
            Certainty::Likely,
            "Docker could not verify its base device: another pool, or one that cannot be read now",
        )
    };
    let subject = |s: &_| queries::pool_subject(host, s);
    let found = log_findings::finding(&RULE, (Severity::Critical, certainty), &lines, subject, summary);
    found.map(|f| with_advice(f, host)).into_iter().collect()
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let root = crate::advice::quote(&format!(
        "{}/devicemapper/metadata/deviceset-metadata",
        queries::docker_root(host)
    ));
    let see = format!("cat {root}");
    finding.advise(advice::status(&host.pools.first().cloned().unwrap_or_else(Pool::default))).advise(
        advice::inspect(
            "see which pools there are, and the UUID that Docker remembers",
            &["dmsetup table --target thin-pool", &see],
        ),
    )
}

//! Rule: two numbers appear to contradict each other.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::assemble::conflicts::Conflict;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Two numbers seem to contradict each other: here is which of them means what.
    ///
    /// ## What it means
    /// `docker info` counts in powers of ten (107.4 GB is 100 GiB), LVM's `g` in powers of two. On a pool in
    /// loop files `Data Space Available` is the lesser of what the pool has left and what the filesystem
    /// under the file has left, so it can be far below total minus used. Outputs taken at different times
    /// differ, too.
    ///
    /// ## Why it matters
    /// Space seems lost that is not, or seems free that is not. Nothing is counted conflict here: the kernel's
    /// blocks go first, then the report's bytes.
    ///
    /// ## What to do
    /// Nothing, if the smaller number is enough. Otherwise look at the limit that it names.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `Status`; moby/moby issues 26871, 27409.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-253:1-650320-pool
    ///  Data file: /dev/loop0
    ///  Data Space Used: 5.223 GB
    ///  Data Space Total: 107.4 GB
    ///  Data Space Available: 44.74 GB
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-253:1-650320-pool
    ///  Data file: /dev/loop0
    ///  Data Space Used: 5.223 GB
    ///  Data Space Total: 107.4 GB
    ///  Data Space Available: 102.2 GB
    /// ```
    "numbers-disagree", since "0.1.0", check
}

/// Percent of the total: reports that differ by more are from different times; less is rounding.
const APART_PERCENT: u64 = 1;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools = host.pools.iter().filter_map(|p| capped(p).or_else(|| apart(p)).or_else(|| impossible(p)));
    of_pools.chain(host.conflicts.iter().map(conflicting_outputs)).collect()
}

/// Two outputs in one text that cannot be from the same moment.
fn conflicting_outputs(conflict: &Conflict) -> Finding {
    let Conflict { about, fact, ignored, used, .. } = conflict;
    let why = conflict.reason.as_deref().unwrap_or("it came last");
    let summary = text!(
        "Two outputs speak of different moments: {}: {}, and {}; here the second counts, as {}",
        fact,
        ignored.0,
        used.0,
        why
    );
    let subject = if conflict.pool { Subject::pool_named(about) } else { Subject::filesystem(about) };
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Likely, subject, summary)
        .with_evidence(*fact, ignored.0.clone(), ignored.1)
        .with_evidence(*fact, used.0.clone(), used.1);
    let now: &[&str] =
        if conflict.pool { &["dmsetup status --noflush --target thin-pool"] } else { &["df -h"] };
    finding.advise(advice::inspect("take both again at one moment", now))
}

/// `Available` is limited by the filesystem under the loop file.
fn capped(pool: &Pool) -> Option<Finding> {
    let (pools, available) = queries::capped_by_filesystem(pool)?;
    let summary = text!(
        "Docker shows {} available, total less used is {}: \
         the filesystem under the loop file has no more",
        available,
        pools
    );
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("total less used", pools, "docker info")
        .with_evidence("available", available, "docker info");
    let file = pool.data_backing.file.as_ref().map(|f| crate::advice::quote(&f.path));
    let df = format!("df -h {}", file.as_deref().unwrap_or(queries::DEFAULT_ROOT));
    Some(finding.advise(advice::inspect("see what that filesystem has free", &[&df])))
}

/// Two reports about one pool that cannot be from the same moment.
fn apart(pool: &Pool) -> Option<Finding> {
    let reported = pool.docker_info.as_ref().filter(|i| !i.all_zero)?.data_used?;
    let (used, total) = (pool.data.used_in_bytes()?, pool.data.total_in_bytes()?);
    let difference = Bytes(used.0.abs_diff(reported.0));
    if u128::from(difference.0) * 100 <= u128::from(total.0) * u128::from(APART_PERCENT) {
        return None;
    }
    let summary = text!("Two outputs differ by {} of used data: they are of different times", difference);
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("data in use", used, queries::source(pool))
        .with_evidence("data in use", reported, "docker info");
    Some(finding.advise(advice::status(pool)))
}

/// A status line with more blocks in use than exist, which no kernel prints.
fn impossible(pool: &Pool) -> Option<Finding> {
    let ratio = pool.unrecognized.iter().find(|w| {
        let parts =
            w.split_once('/').and_then(|(u, t)| Some((u.parse::<u64>().ok()?, t.parse::<u64>().ok()?)));
        parts.is_some_and(|(used, total)| used > total)
    })?;
    let summary =
        format!("The status line says {ratio}, more in use than there is: it was not printed by a kernel");
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("used and total", ratio.clone(), "thin-pool status");
    Some(finding.advise(advice::status(pool)))
}

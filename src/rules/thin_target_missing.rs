//! Rule: the kernel has no thin-pool target, or LVM was built without it.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::log::{LogMessage, Message};
use crate::host::{Host, Source};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The kernel has no thin-pool target, or LVM was built without it.
    ///
    /// ## What it means
    /// Thin pools need the module `dm_thin_pool` (`CONFIG_DM_THIN_PROVISIONING`). It is not loaded and cannot be
    /// found for the running kernel (a small cloud kernel, a kernel whose modules are gone after an upgrade, a
    /// container that sees no `/lib/modules`), device-mapper itself cannot be reached, or the LVM at hand does not
    /// know the segment type `thin`.
    ///
    /// ## Why it matters
    /// No thin pool can be brought up. The data is not affected.
    ///
    /// ## What to do
    /// Load the module, install the package that has it (`linux-modules-extra-…`, `kernel-modules`), or boot the
    /// kernel whose modules are installed.
    ///
    /// ## References
    /// Linux drivers/md/Kconfig; lvm2, lib/thin/thin.c; modprobe(8).
    ///
    /// ## Example
    /// ```host
    /// modprobe: FATAL: Module dm-thin-pool not found in directory /lib/modules/5.4.0-1018-kvm
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "thin-target-missing", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::TargetMissing],
    summary: "The thin-pool target is missing: in the running kernel, or in the LVM at hand",
}];

fn check(host: &Host) -> Vec<Finding> {
    let subject = |_: &_| Subject::host("host");
    let found = log_findings::strongest(host, &RULE, CLAIMS, subject);
    found.or_else(|| not_loaded(host)).map(with_advice).into_iter().collect()
}

/// A host without a pool whose kernel has not loaded the module since it reported the target missing. The module's
/// parameter `no_space_timeout` is readable while it is loaded.
fn not_loaded(host: &Host) -> Option<Finding> {
    if host.source != Source::Machine || !host.pools.is_empty() || host.kernel.no_space_timeout.is_some() {
        return None;
    }
    let claim = CLAIMS.first()?;
    let lines = log_findings::lines(host, claim.messages);
    let subject = |_: &LogMessage| Subject::host("host");
    log_findings::finding(&RULE, (claim.severity, claim.certainty), &lines, subject, claim.summary)
}

fn with_advice(finding: Finding) -> Finding {
    finding
        .advise(Advice::new(
            Risk::Reads,
            "see whether the kernel has it",
            &["uname -r", "dmsetup targets", "modinfo dm_thin_pool", "lvm segtypes | grep thin"],
        ))
        .advise(Advice::new(Risk::Changes, "load it", &["modprobe dm_thin_pool"]))
}

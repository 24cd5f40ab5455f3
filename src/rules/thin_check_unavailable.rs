//! Rule: LVM cannot run thin_check, so it does not activate the pool.

use super::{Finding, Subject, advise, said};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// LVM cannot run `thin_check`, so it does not activate the pool; the metadata may be perfectly sound.
    ///
    /// ## What it means
    /// LVM checks a pool's metadata before activating it and treats a checker that it cannot start like one
    /// that found errors: `execvp failed`, then `Check of pool … failed (status:2). Manual repair required!`.
    ///
    /// ## Why it matters
    /// After a reboot or an upgrade the pool is missing, Docker says `Non existing device`, and the message
    /// calls for a repair that is not needed and can do harm.
    ///
    /// ## What to do
    /// Install the tools (`thin-provisioning-tools` on Debian and Ubuntu, `device-mapper-persistent-data` on
    /// Red Hat's and Amazon's), then activate the pool. Repair nothing.
    ///
    /// ## References
    /// docker/docs issue 6942; lvm.conf(5), `global/thin_check_executable`.
    ///
    /// ## Example
    /// ```host
    /// /usr/sbin/thin_check: execvp failed: No such file or directory
    /// Check of pool docker/thinpool failed (status:2). Manual repair required!
    /// ```
    /// ```host quiet
    /// Check of pool vg/thinpool failed (status:64). Manual repair required!
    /// ```
    "thin-check-unavailable", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let missing = said::lines(host, &["thin-check-missing"]);
    let (mut lines, certainty) = (missing, Certainty::Certain);
    let (lines, certainty) = if lines.is_empty() {
        lines = said::lines(host, &["pool-check-failed"]);
        lines.retain(|s| s.text.contains("(status:2)"));
        (lines, Certainty::Likely)
    } else {
        lines.extend(said::lines(host, &["pool-check-failed"]));
        (lines, certainty)
    };
    let summary =
        "LVM could not run thin_check and so does not activate the pool: install it, repair nothing";
    let subject = |_: &_| Subject::new("host", "thin_check");
    let found = said::finding(&RULE, (Severity::Critical, certainty), &lines, subject, summary);
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    let install = "install the package that your distribution has it in, then activate the pool";
    finding
        .advise(advise::look(
            "see whether it is there, and where LVM looks for it",
            &["command -v thin_check", "lvmconfig --type full global/thin_check_executable"],
        ))
        .advise(Advice::new(
            Risk::Changes,
            install,
            &[
                "apt-get install thin-provisioning-tools || yum install device-mapper-persistent-data",
                "vgchange -ay",
            ],
        ))
}

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
    /// that found errors: `execvp failed`, then `Check of pool … failed (status:2). Manual repair required!`. A pool
    /// that is active goes on, and stays away after the next reboot.
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
    of_words(host).or_else(|| of_machine(host)).into_iter().collect()
}

fn of_words(host: &Host) -> Option<Finding> {
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
    let found = said::finding(&RULE, (Severity::Critical, certainty), &lines, |_| subject(), summary);
    found.map(|f| with_advice(f, host))
}

/// The program is not where LVM looks for it: LVM activates no pool, or will not when it next has to.
fn of_machine(host: &Host) -> Option<Finding> {
    let path = host.lvm.missing_checker.as_deref()?;
    let down = host.lvm.volumes.iter().find(|v| v.is_inactive_pool());
    let up = host.pools.iter().find(|p| p.lv.is_some());
    let (severity, summary) = match (down, up) {
        (Some(volume), _) => (
            Severity::Critical,
            format!(
                "LVM does not activate the pool {}/{}, because {path} is not there: install it, repair nothing",
                volume.name.vg, volume.name.lv
            ),
        ),
        (None, Some(pool)) => (
            Severity::Warning,
            format!(
                "LVM will not activate the pool {} again after a reboot, because {path} is not there",
                pool.label()
            ),
        ),
        (None, None) => return None,
    };
    let mut finding = Finding::new(&RULE, severity, Certainty::Certain, subject(), summary).because(
        "thin_check_executable",
        format!("{path}: no such file"),
        "lvm.conf and stat",
    );
    if let Some(volume) = down {
        finding = finding.because("attributes of the pool", volume.attr.clone(), "lvs");
    }
    Some(with_advice(finding, host))
}

fn subject() -> Subject {
    Subject::new("host", "thin_check")
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let install = "install the package that your distribution has it in, then activate the pool";
    let mut commands = vec![
        "apt-get install thin-provisioning-tools || yum install device-mapper-persistent-data",
        "vgchange -ay",
    ];
    if host.dockers.iter().any(|d| d.running == Some(false) && d.configured_pool.is_some()) {
        commands.push("systemctl start docker");
    }
    finding
        .advise(advise::look(
            "see whether it is there, and where LVM looks for it",
            &["command -v thin_check", "lvmconfig --type full global/thin_check_executable"],
        ))
        .advise(Advice::new(Risk::Changes, install, &commands))
}

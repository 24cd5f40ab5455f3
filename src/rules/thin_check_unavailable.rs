//! Rule: LVM cannot run thin_check, so it activates the pool unchecked or, in older releases, not at all.

use super::shared::{advice, log_findings};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// LVM cannot run `thin_check`: it activates the pool unchecked or, in older releases, not at all.
    ///
    /// ## What it means
    /// LVM checks a pool's metadata before activating it. To releases as of 2017 (2.02.176) a checker that it cannot start
    /// is like one that found errors: `execvp failed`, then `Check of pool … failed (status:2). Manual repair required!`.
    /// A pool that is active goes on there, and stays away after the next reboot. Later ones (2.03.16) say that the `Check
    /// is skipped` and activate the pool. The metadata may be perfectly sound.
    ///
    /// ## Why it matters
    /// Where LVM refuses, the pool is missing after a reboot or an upgrade, Docker says `Non existing device`, and the
    /// message calls for a repair that is not needed and can do harm. Where it does not, damage stays unnoticed, and when
    /// the pool needs a repair, the tools for it are not there.
    ///
    /// ## What to do
    /// Install the tools (`thin-provisioning-tools` on Debian and Ubuntu, `device-mapper-persistent-data` on
    /// Red Hat's and Amazon's), then activate the pool. Repair nothing.
    ///
    /// ## References
    /// docker/docs issue 6942; LINBIT/linstor-server issue 80; lvm.conf(5), `global/thin_check_executable`.
    ///
    /// ## Example
    /// ```host
    /// /usr/sbin/thin_check: execvp failed: No such file or directory
    /// Check of pool docker/thinpool failed (status:2). Manual repair required!
    /// ```
    /// ```host
    ///   /usr/sbin/thin_check: execvp failed: No such file or directory
    ///   WARNING: Check is skipped, please install recommended missing binary /usr/sbin/thin_check!
    /// ```
    /// ```host quiet
    /// Check of pool vg/thinpool failed (status:64). Manual repair required!
    /// ```
    "thin-check-unavailable", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    check_log(host).or_else(|| check_machine(host)).into_iter().collect()
}

fn check_log(host: &Host) -> Option<Finding> {
    let missing = log_findings::lines(host, &[Message::ThinCheckMissing, Message::ThinCheckSkipped]);
    let failed = log_findings::lines(host, &[Message::PoolCheckFailed]);
    let skipped = failed.is_empty() && log_findings::any(host, &[Message::ThinCheckSkipped]);
    let refused =
        "LVM could not run thin_check and so does not activate the pool: install it, repair nothing";
    let unchecked = "LVM could not run thin_check and activates pools unchecked: install it";
    let (severity, certainty, summary, lines) = match (missing.is_empty(), skipped) {
        (true, _) => {
            let like_missing = failed.into_iter().filter(|s| s.text.contains("(status:2)")).collect();
            (Severity::Critical, Certainty::Likely, refused, like_missing)
        }
        (false, true) => (Severity::Warning, Certainty::Certain, unchecked, missing),
        (false, false) => {
            let all: Vec<_> = missing.into_iter().chain(failed).collect();
            (Severity::Critical, Certainty::Certain, refused, all)
        }
    };
    let found = log_findings::finding(&RULE, (severity, certainty), &lines, |_| subject(), summary);
    found.map(|f| with_advice(f, host))
}

/// thin_check is not where LVM looks for it. LVM's version is unknown here.
fn check_machine(host: &Host) -> Option<Finding> {
    let path = host.lvm.missing_checker.as_deref()?;
    let down = host.lvm.volumes.iter().find(|v| v.is_inactive_pool());
    let up = host.pools.iter().find(|p| p.lv.is_some());
    let (severity, certainty, summary) = match (down, up) {
        (Some(volume), _) => (
            Severity::Critical,
            Certainty::Likely,
            format!(
                "The pool {}/{} is not active and {path} is not there, without which older releases of LVM activate \
                 none: install it, repair nothing",
                volume.name.vg, volume.name.lv
            ),
        ),
        (None, Some(pool)) => (
            Severity::Warning,
            Certainty::Certain,
            format!(
                "LVM will activate the pool {} unchecked after a reboot, or in older releases not at all, because \
                 {path} is not there",
                pool.label()
            ),
        ),
        (None, None) => return None,
    };
    let mut finding = Finding::new(&RULE, severity, certainty, subject(), summary).with_evidence(
        "thin_check_executable",
        format!("{path}: no such file"),
        "lvm.conf and stat",
    );
    if let Some(volume) = down {
        finding = finding.with_evidence("attributes of the pool", volume.attr.clone(), "lvs");
    }
    Some(with_advice(finding, host))
}

fn subject() -> Subject {
    Subject::host("thin_check")
}

fn with_advice(finding: Finding, host: &Host) -> Finding {
    let install = "install the package that your distribution has it in, then activate the pool";
    let mut commands = vec![
        "apt-get install thin-provisioning-tools || yum install device-mapper-persistent-data",
        "vgchange -ay",
    ];
    if host.docker_roots.iter().any(|d| d.running == Some(false) && d.configured_pool.is_some()) {
        commands.push("systemctl start docker");
    }
    finding
        .advise(advice::inspect(
            "see whether it is there, and where LVM looks for it",
            &["command -v thin_check", "lvmconfig --type full global/thin_check_executable"],
        ))
        .advise(Advice::new(Risk::Changes, install, &commands))
}

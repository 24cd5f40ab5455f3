//! Rule: this Docker no longer has the devicemapper driver, or requires it to be named in the settings.

use super::Finding;
use super::shared::{advice, log_findings, queries};
use crate::advice::recipes::pool_option;
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::log::Message;
use crate::host::parse::version::version;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// This Docker no longer has the devicemapper driver, or will not use it unless it is named.
    ///
    /// ## What it means
    /// The driver was deprecated in 18.09. From 23.0 on the daemon does not start with it unless
    /// `storage-driver` says `devicemapper` in so many words, and 25.0 removed it. What is in the pool is
    /// still there; no other driver can read it.
    ///
    /// ## Why it matters
    /// After the upgrade the daemon does not start, or starts with another driver and shows no images and no
    /// containers.
    ///
    /// ## What to do
    /// `thinspect plan overlay2` says what there is to save, where it fits, and how to move it with nothing lost; from
    /// 25.0 on that takes the daemon of an older release beside the new one. Delete nothing of the old driver until
    /// the new one has it all.
    ///
    /// ## References
    /// docker/cli, docs/deprecated.md; moby/moby pull requests 43378, 43637.
    ///
    /// ## Example
    /// ```host
    /// failed to start daemon: error initializing graphdriver: prior storage driver devicemapper is deprecated and will be removed in a future release; update the the daemon configuration and explicitly choose this storage driver to continue using it
    /// ```
    /// ```host quiet
    /// Server Version: 1.12.6
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    /// ```
    "driver-removed", since "0.1.0", check
}

/// The first release without the driver.
const REMOVED: (u32, u32) = (25, 0);
/// The first release that announces the removal.
const DEPRECATED: (u32, u32) = (18, 9);

fn check(host: &Host) -> Vec<Finding> {
    check_log(host).or_else(|| check_version(host)).or_else(|| check_warning(host)).into_iter().collect()
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::DriverMustBeChosen, Message::DriverRemoved]);
    let subject = |_: &_| queries::docker_subject(host);
    let summary =
        "Docker does not start: this release has dropped the devicemapper driver, or wants it to be named";
    let level = (Severity::Critical, Certainty::Certain);
    log_findings::finding(&RULE, level, &lines, subject, summary).map(|f| with_advice(host, f))
}

/// The installed release lacks the driver, but the settings name it or records of a pool exist.
fn check_version(host: &Host) -> Option<Finding> {
    let wanted = |d: &&Docker| d.driver.as_deref() == Some("devicemapper");
    let left = |d: &&Docker| d.driver.is_none() && !d.devices.is_empty();
    let docker = host.docker_roots.iter().find(wanted).or_else(|| host.docker_roots.iter().find(left))?;
    let version = docker.version.as_deref().filter(|v| version(v) >= Some(REMOVED))?;
    let severity = if wanted(&docker) { Severity::Critical } else { Severity::Warning };
    let summary =
        format!("Docker {version} has no devicemapper driver: what is in the pool cannot be reached");
    let finding = Finding::new(&RULE, severity, Certainty::Certain, queries::docker_subject(host), summary)
        .with_evidence("version", version, "Docker's files")
        .with_evidence("first release without the driver", "25.0", "moby");
    Some(with_advice(host, finding))
}

fn check_warning(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::DriverDeprecated]);
    let summary = "The devicemapper driver is deprecated since Docker 18.09 and gone from 25.0 on";
    let subject = queries::docker_subject(host);
    let level = (Severity::Notice, Certainty::Certain);
    if let Some(finding) = log_findings::finding(&RULE, level, &lines, |_| subject.clone(), summary) {
        return Some(with_advice(host, finding));
    }
    let used = host.pools.iter().any(|p| queries::is_dockers(host, p));
    let version = queries::docker_version(host).filter(|v| used && *v >= DEPRECATED)?;
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, subject, summary).with_evidence(
        "version",
        format!("{}.{:02}", version.0, version.1),
        "Docker",
    );
    Some(with_advice(host, finding))
}

fn with_advice(host: &Host, finding: Finding) -> Finding {
    let pool = host.pools.iter().find(|p| host.pools.len() > 1 && queries::is_dockers(host, p));
    let plan = format!("thinspect plan overlay2{}", pool.map(pool_option).unwrap_or_default());
    finding
        .advise(advice::inspect(
            "see what release is installed and which driver it is told to use",
            &["dockerd --version", "grep -s storage-driver /etc/docker/daemon.json"],
        ))
        .advise(advice::inspect(
            "see what a move to overlay2 has to carry over, where it fits, and how it is done",
            &[&plan],
        ))
}

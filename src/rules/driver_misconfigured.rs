//! Rule: the storage driver has an invalid or conflicting option.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::docker::info::DockerInfo;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The storage driver was told something that it cannot do.
    ///
    /// ## What it means
    /// An option has a wrong form (`dm.min_free_space` must end in `%`, 0 to 99), two options exclude each
    /// other, a value cannot be changed after the fact, or data and metadata name the same device.
    ///
    /// ## Why it matters
    /// The daemon does not start, or works with something other than what was meant.
    ///
    /// ## What to do
    /// Correct the option where it stands: `/etc/docker/daemon.json`, the daemon's command line, or
    /// `/etc/sysconfig/docker-storage`.
    ///
    /// ## References
    /// dockerd(8), "STORAGE DRIVER OPTIONS"; moby 24.0, daemon/graphdriver/devmapper/deviceset.go,
    /// `NewDeviceSet`.
    ///
    /// ## Example
    /// ```host
    /// Error starting daemon: error initializing graphdriver: devmapper: Option dm.min_free_space requires % suffix
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Data file: /dev/loop0
    ///  Metadata file: /dev/loop1
    /// ```
    "driver-misconfigured", since "0.1.0", check
}

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::FilesystemIgnored, Message::ShrinkRefused],
    summary: "Docker leaves a storage setting unused: it cannot be changed after the fact",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| queries::docker_subject(host));
    more.map(|f| f.advise(advice::inspect("see what the daemon is told", &["cat /etc/docker/daemon.json"])))
        .into_iter()
        .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = check_log(host).into_iter().collect();
    found.extend(host.docker_roots.iter().filter_map(|d| check_options(host, d)));
    found
        .extend(host.pools.iter().filter_map(|p| p.docker_info.as_ref()).find_map(|i| check_report(host, i)));
    found
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(
        host,
        &[
            Message::OptionInvalid,
            Message::LoopFileNotFound,
            Message::DirectLvmUnchangeable,
            Message::DirectLvmAndPool,
            Message::DirectLvmWithoutDevice,
            Message::SeveralDrivers,
            Message::DeferredRefused,
            Message::SizeTooSmall,
            Message::XfsRetriesUnsupported,
            Message::ContainerdConfigInvalid,
        ],
    );
    let summary = "Docker refuses one of its storage settings, or does not find what they name";
    let subject = |_: &_| queries::docker_subject(host);
    let found =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary);
    found.or_else(|| check_unexplained(host)).map(with_advice)
}

/// The driver does not work on this machine for an unstated reason: kernel module, udev sync or backing filesystem.
fn check_unexplained(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(
        host,
        &[Message::DriverUnsupported, Message::DriverUnfit, Message::XfsMissing, Message::LoopGrowFailed],
    );
    let summary = "Docker's storage driver does not work here as it is set up";
    let subject = |_: &_| queries::docker_subject(host);
    log_findings::finding(&RULE, (Severity::Critical, Certainty::Possible), &lines, subject, summary)
}

/// Settings that the daemon would refuse at its next start.
fn check_options(host: &Host, docker: &Docker) -> Option<Finding> {
    let value = |name: &str| docker.option(name).map(|o| o.value.as_str());
    let floor_is_bad = |v: &str| {
        let number = v.strip_suffix('%').and_then(|n| n.parse::<u64>().ok());
        number.is_none_or(|n| n >= 100)
    };
    let is_true =
        |name: &str| value(name).is_some_and(|v| matches!(v, "1" | "t" | "T" | "true" | "TRUE" | "True"));
    let is_false =
        |name: &str| value(name).is_some_and(|v| matches!(v, "0" | "f" | "F" | "false" | "FALSE" | "False"));
    let (name, why) = if value("dm.min_free_space").is_some_and(floor_is_bad) {
        ("dm.min_free_space", "it must be a whole number from 0 to 99 with a % sign")
    } else if is_true("dm.use_deferred_deletion") && is_false("dm.use_deferred_removal") {
        ("dm.use_deferred_deletion", "it needs dm.use_deferred_removal")
    } else if value("dm.directlvm_device").is_some() && value("dm.thinpooldev").is_some() {
        ("dm.directlvm_device", "it excludes dm.thinpooldev")
    } else {
        return None;
    };
    let option = docker.option(name)?;
    let summary =
        format!("The storage option {name}={} will stop Docker at its next start: {why}", option.value);
    let subject = queries::docker_subject(host);
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary)
        .with_evidence(name, option.value.clone(), option.from.clone());
    Some(with_advice(finding))
}

/// The same device is used for data and metadata.
fn check_report(host: &Host, info: &DockerInfo) -> Option<Finding> {
    let data = info.data_file.as_deref().filter(|f| !f.is_empty())?;
    if info.metadata_file.as_deref() != Some(data) {
        return None;
    }
    let summary = format!("Docker was given the same device, {data}, for data and for metadata");
    let subject = queries::docker_subject(host);
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary).with_evidence(
        "Data file and Metadata file",
        data,
        "docker info",
    );
    Some(with_advice(finding))
}

fn with_advice(finding: Finding) -> Finding {
    let validate = "let the daemon check its settings (Docker 23.0 and later)";
    finding
        .advise(advice::inspect(
            "see what the daemon is told",
            &["cat /etc/docker/daemon.json", "cat /etc/sysconfig/docker-storage", "systemctl cat docker"],
        ))
        .advise(Advice::new(Risk::Reads, validate, &["dockerd --validate"]))
}

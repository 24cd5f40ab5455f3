//! Rule: Docker does not synchronize with udev.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Docker and udev do not wait for each other: device nodes may not be there when Docker mounts them.
    ///
    /// ## What it means
    /// libdevmapper can wait until udev has made a device's node. A statically linked Docker, or one built
    /// against an old libdevmapper, cannot (`Udev Sync Supported: false`). From 1.11 on Docker refuses to
    /// start like this unless it is told otherwise.
    ///
    /// ## Why it matters
    /// Starting containers fails now and then with `Error mounting '/dev/mapper/docker-…': no such file or
    /// directory`, and devices are left behind.
    ///
    /// ## What to do
    /// Use a dynamically linked Docker, as distributions ship it. `dm.override_udev_sync_check` only hides
    /// it.
    ///
    /// ## References
    /// moby/moby issues 4036, 9562; moby, daemon/graphdriver/devmapper/deviceset.go, `UdevSyncSupported`.
    ///
    /// ## Example
    /// ```host
    /// Error getting container 98c12b40 from driver devicemapper: Error mounting '/dev/mapper/docker-202:1-149822-98c12b40' on '/var/lib/docker/devicemapper/mnt/98c12b40': no such file or directory
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Udev Sync Supported: true
    /// ```
    "udev-sync-missing", since "0.1.0", check
}

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::UdevNotRunning],
    summary: "udev does not take part: device nodes and links are made without it, or come too late",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| Subject::host("host"));
    more.map(|f| {
        f.advise(advice::inspect(
            "see whether udev runs, and what it waits for",
            &["systemctl status systemd-udevd", "udevadm settle --timeout=1", "dmsetup udevcookies"],
        ))
    })
    .into_iter()
    .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    check_log(host).or_else(|| check_report(host)).into_iter().collect()
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::MountNotFound, Message::UdevSyncUnsupported]);
    let met = log_findings::any(host, &[Message::MountNotFound]);
    let summary = if met {
        "Docker did not find a device's node to mount: udev and Docker do not wait for each other"
    } else {
        "Docker cannot wait for udev: releases from 1.11 on do not start so, earlier ones miss device nodes"
    };
    let subject = |_: &_| queries::docker_subject(host);
    log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)
        .map(with_advice)
}

fn check_report(host: &Host) -> Option<Finding> {
    host.pools.iter().filter_map(|p| p.docker_info.as_ref()).find(|i| i.udev_sync == Some(false))?;
    let summary = "Docker cannot wait for udev (Udev Sync Supported: false): mounts may fail now and then";
    let finding =
        Finding::new(&RULE, Severity::Notice, Certainty::Certain, queries::docker_subject(host), summary)
            .with_evidence("Udev Sync Supported", "false", "docker info");
    Some(with_advice(finding))
}

fn with_advice(finding: Finding) -> Finding {
    let see = "see whether Docker is linked statically, and which libdevmapper it uses";
    finding.advise(advice::inspect(
        see,
        &["ldd \"$(command -v dockerd || command -v docker)\"", "dmsetup version"],
    ))
}

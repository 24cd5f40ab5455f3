//! Rule: Docker's or containerd's records and the pool disagree about what exists.

use super::{Finding, Subject, advise, judge, said};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::saying::Saying;
use crate::verdict::{Certainty, Severity};
use std::collections::BTreeMap;

super::rule! {
    /// Docker's or containerd's records and the pool disagree about which devices exist.
    ///
    /// ## What it means
    /// The records name a device that the pool has not, or the pool has one of that name or number already.
    /// It comes from a crash between the two writes, a data root restored or copied without its pool, a
    /// second daemon, or devices removed by hand.
    ///
    /// ## Why it matters
    /// Pulling, building or starting fails, always for the same image or container, and space leaks.
    ///
    /// ## What to do
    /// See what the pool holds and what the records say. Removing the image or container that the message
    /// names and pulling it again repairs single ones. Do not edit the records while the daemon runs.
    ///
    /// ## References
    /// moby/moby issues 9600, 31483; docker/for-linux issue 46; containerd/containerd issues 3436, 5646,
    /// 7048.
    ///
    /// ## Example
    /// ```host
    /// Driver devicemapper failed to create image rootfs 511136ea3c5a64f264b78b5433614aec563103b4d4702f3ba7d4d2698e22c158: device 511136ea3c5a64f264b78b5433614aec563103b4d4702f3ba7d4d2698e22c158 already exists
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "docker-metadata-mismatch", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.dockers.iter().filter_map(doubles).collect();
    found.extend(of_words(host).or_else(|| of_refused_message(host)));
    found
}

fn of_words(host: &Host) -> Option<Finding> {
    let lines = said::lines(
        host,
        &[
            "device-exists",
            "unknown-device",
            "containerd-device-exists",
            "no-free-device-id",
            "containerd-no-device-id",
        ],
    );
    let summary = "The records and the pool disagree: a device is there that should not be, or is missing";
    let found =
        said::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, |_| daemon(host), summary);
    found.map(|f| with_advice(f, &lines))
}

/// A refused device-mapper message says nothing of its reason; where no pool's state explains it, it may be
/// this.
fn of_refused_message(host: &Host) -> Option<Finding> {
    let explained = judge::some_pool_is_stuck(host)
        || host.pools.iter().any(|p| p.refused_data.is_some() || p.refused_metadata.is_some())
        || said::any(host, &["messages-refused", "uuid-verification-failed", "pool-to-read-only"]);
    let lines = said::fresh(
        host,
        &[
            "create-snap-failed",
            "create-device-failed",
            "activate-failed",
            "containerd-create-failed",
            "containerd-init-failed",
            "thin-create-failed",
            "thin-open-failed",
        ],
    );
    if explained {
        return None;
    }
    let summary = "The pool refused to make or activate a device: its records may disagree with the pool";
    let found =
        said::finding(&RULE, (Severity::Critical, Certainty::Possible), &lines, |_| daemon(host), summary);
    found.map(|f| with_advice(f, &lines).advise(advise::kernel_log()))
}

fn daemon(host: &Host) -> Subject {
    judge::docker_subject(host)
}

fn with_advice(finding: Finding, lines: &[&Saying]) -> Finding {
    let containerd =
        lines.first().is_some_and(|s| s.text.contains("thin device") || s.text.contains("snap-"));
    let see =
        if containerd { "ctr -n k8s.io snapshots --snapshotter devmapper list" } else { "docker ps -a" };
    finding
        .advise(advise::look("compare the pool's devices with their owners", &["thinspect usage", see]))
        .advise(advise::look("read the pool's own status", &["dmsetup status --noflush"]))
}

/// Two records that name one device of the pool.
fn doubles(docker: &Docker) -> Option<Finding> {
    let mut by_id: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for record in &docker.devices {
        by_id.entry(record.device_id).or_default().push(&record.hash);
    }
    let (id, hashes) = by_id.into_iter().find(|(_, hashes)| hashes.len() > 1)?;
    let summary = format!("{} of Docker's records name the same device {id} of the pool", hashes.len());
    let subject = Subject::new("docker", docker.root.as_deref().unwrap_or(judge::DEFAULT_ROOT));
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary).because(
        "records",
        hashes.join(", "),
        "Docker's records",
    );
    Some(with_advice(finding, &[]))
}

//! Rule: the engine's records of its devices cannot be read.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The engine's records of its devices cannot be read.
    ///
    /// ## What it means
    /// Docker keeps a small JSON file for each device, containerd a database. One is empty, cut off or full of
    /// zeros, as after a power cut or a full disk.
    ///
    /// ## Why it matters
    /// The daemon does not start, or does not know the container that the record is of.
    ///
    /// ## What to do
    /// Keep a copy of the records before anything is changed. See which one is damaged, and what the pool holds
    /// under its id.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `loadMetadata`; containerd,
    /// snapshots/devmapper/metadata.go.
    ///
    /// ## Example
    /// ```host
    /// failed to start daemon: error initializing graphdriver: devmapper: Failed to load device files:devmapper: Error looking up device 0a1b:unexpected end of JSON input
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "owner-records-damaged", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::RecordsUnreadable],
    summary: "A record of the engine's devices is damaged or cannot be read",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see which records are empty",
            &["find /var/lib/docker/devicemapper/metadata -size -10c -ls", "thinspect usage"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| queries::docker_subject(host), advice)
}

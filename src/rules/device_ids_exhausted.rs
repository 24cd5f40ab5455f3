//! Rule: no free thin device id is left for the owner.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// No free thin device id is left for the owner.
    ///
    /// ## What it means
    /// A thin device has a number of 24 bits. The owner finds none that is free: all are taken, or its records hold
    /// ids that it does not give again.
    ///
    /// ## Why it matters
    /// No volume, layer or snapshot can be made.
    ///
    /// ## What to do
    /// See which ids are taken by devices that nobody needs.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `read_dev_id`; lvm2, lib/metadata/thin_manip.c.
    ///
    /// ## Example
    /// ```host
    ///   Cannot find free device_id.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "device-ids-exhausted", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Critical,
        certainty: Certainty::Likely,
        messages: &[Message::DeviceIdsExhausted],
        summary: "No free thin device id was found: none is left, or the records hold on to them",
    },
    Claim {
        severity: Severity::Notice,
        certainty: Certainty::Likely,
        messages: &[Message::DeviceIdInvalid],
        summary: "A thin device id beyond the largest one, 2^24 - 1, was asked for",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see how many devices there are, and the highest id",
            &["thinspect usage", "lvs -a -o+thin_id --sort -thin_id"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line), advice)
}

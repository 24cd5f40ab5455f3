//! Rule: an owner's records name a thin device that the pool does not have.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// An owner's records name a thin device that the pool does not have.
    ///
    /// ## What it means
    /// The kernel was asked to open or change a thin device by its id, and the pool's metadata holds none of that
    /// id (`ENODATA`). The records are newer than the pool, as after a restored or repaired metadata, or the device
    /// was deleted behind its owner's back.
    ///
    /// ## Why it matters
    /// That volume cannot be activated, and its data is not reachable by this id.
    ///
    /// ## What to do
    /// Compare the owner's list with the pool's. Do not create a device of that id before you know whether the data
    /// is wanted: a new device is empty.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `thin_ctr`; lvmthin(7).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] device-mapper: table: 253:9: thin: Couldn't open thin internal device (-ENODATA)
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "volume-without-device", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::VolumeWithoutDevice],
    summary: "A volume's thin device is not in the pool: the records name an id that the pool does not have",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "compare the ids that LVM records with those in the pool",
            &["lvs -a -o+thin_id,transaction_id", "thinspect usage"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line), advice)
}

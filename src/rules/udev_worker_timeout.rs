//! Rule: a udev worker waits for a device that does not answer.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// udev waits for a device that does not answer.
    ///
    /// ## What it means
    /// A process of udev that looks at a device (blkid, dmsetup) hangs or was killed after its time. Most often the
    /// device waits: a full pool that queues writes, a suspended device, a disk that does not answer.
    ///
    /// ## Why it matters
    /// Links and nodes of devices come late or never; what waits for udev (LVM, Docker, containerd) hangs.
    ///
    /// ## What to do
    /// Find the device that does not answer; udev is the messenger.
    ///
    /// ## References
    /// systemd, src/udev/udevd.c; systemd-udevd.service(8), `event_timeout`.
    ///
    /// ## Example
    /// ```host
    /// Mar 12 04:17:55 host-a systemd-udevd[412]: dm-7: Worker [2291] processing SEQNUM=20344 is taking a long time
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "udev-worker-timeout", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::UdevWorkerTimeout],
    summary: "udev waits for a device that does not answer",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see which devices are suspended, and which pool queues writes",
            &[
                "dmsetup info -c -o name,suspended,open",
                "dmsetup status --noflush --target thin-pool",
                "ps -eo pid,stat,wchan:30,args | awk '$2 ~ /D/'",
            ],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

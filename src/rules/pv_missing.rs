//! Rule: a physical volume of the pool's volume group is missing.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::{LogMessage, Message};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A physical volume of the pool's volume group is missing.
    ///
    /// ## What it means
    /// LVM does not see a device that the group's metadata names: a disk was detached or failed, appears under a
    /// filter, or its label was overwritten. LVM does not activate what lies on it, nor change the group.
    ///
    /// ## Why it matters
    /// The pool, or a part of it, is gone until the device is back.
    ///
    /// ## What to do
    /// Find the device before anything else: cables, the hypervisor, multipath, filters. Do not run `vgreduce
    /// --removemissing`: with `--force` it deletes the pool.
    ///
    /// ## References
    /// vgreduce(8); lvmdevices(8); lvm2, lib/metadata/metadata.c.
    ///
    /// ## Example
    /// ```host
    ///   WARNING: Couldn't find device with uuid 5sh1Qs-aaaa-bbbb-cccc-dddd-eeee-ffffff.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pv-missing", since "0.1.0", check
}

/// What lines prove, the strongest claim first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::PvMissing],
    summary: "A physical volume is missing: LVM does not find a device of the volume group",
}];

fn check(host: &Host) -> Vec<Finding> {
    if is_made_again(host) {
        return Vec::new();
    }
    let found = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| Subject::host("LVM"));
    found.map(with_advice).into_iter().collect()
}

/// Whether the last thing said of physical volumes is that one was made: `pvcreate --uuid` first says that it is missing.
fn is_made_again(host: &Host) -> bool {
    let told = |m: Message| matches!(m, Message::PvMissing | Message::PvMade);
    let mut last = host.log_messages.iter().rev().map(LogMessage::message).filter(|m| told(*m));
    last.next() == Some(Message::PvMade)
}

fn with_advice(finding: Finding) -> Finding {
    finding
        .advise(Advice::new(
            Risk::Reads,
            "see which device is missing, and what lies on it",
            &["pvs -a -o+missing,uuid", "lvs -a -o+devices", "lsblk -o NAME,SIZE,SERIAL,FSTYPE,UUID"],
        ))
        .advise(Advice::new(
            Risk::Reads,
            "see whether a filter hides it",
            &["lvmconfig devices/filter devices/global_filter", "lvmdevices"],
        ))
}

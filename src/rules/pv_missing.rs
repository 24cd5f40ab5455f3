//! Rule: a physical volume of the pool's volume group is missing.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::{LogMessage, Message};
use crate::host::lvm::LogicalVolume;
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
    /// ```host
    ///   LV           VG Attr       LSize   Pool Origin Data%  Meta%
    ///   pool         vg twi---t-p- 600.00m
    ///   [pool_tdata] vg Twi-----p- 600.00m
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pv-missing", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::PvMissing],
    summary: "A physical volume is missing: LVM does not find a device of the volume group",
}];

fn check(host: &Host) -> Vec<Finding> {
    let told = || log_findings::strongest(host, &RULE, CLAIMS, |_: &_| Subject::host("LVM"));
    let found = if is_made_again(host) { None } else { told() };
    found.or_else(|| check_rows(host)).map(with_advice).into_iter().collect()
}

/// The health attribute `p` (partial) in a row of `lvs`, in a group that has a thin pool.
fn check_rows(host: &Host) -> Option<Finding> {
    let rows = || host.lvm.volumes.iter();
    let partial = |v: &&LogicalVolume| v.attr.chars().nth(8) == Some('p');
    let beside_pool = |v: &&LogicalVolume| rows().any(|p| p.is_pool() && p.name.vg == v.name.vg);
    let row =
        rows().filter(partial).find(|v| v.is_pool()).or_else(|| rows().filter(partial).find(beside_pool))?;
    let name = row.name.dm_name();
    let finding = if row.is_pool() {
        let summary = format!("A physical volume is missing, and a part of the pool {name} lies on it");
        Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::host("LVM"), summary)
    } else {
        let summary = "A physical volume of the pool's group is missing: LVM changes nothing in the group until it is \
                       back, nor extends the pool";
        Finding::new(&RULE, Severity::Warning, Certainty::Certain, Subject::host("LVM"), summary)
    };
    Some(finding.with_evidence("attributes", format!("{name}: {}", row.attr), "lvs"))
}

/// Whether the last message about physical volumes is that one was created: `pvcreate --uuid` first reports it
/// missing.
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
            &[
                "lvmconfig --type full devices/filter devices/global_filter",
                "[ ! -e /etc/lvm/devices/system.devices ] || lvmdevices",
            ],
        ))
}

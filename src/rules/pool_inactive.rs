//! Rule: the pool is not active, so nothing in it can be used.

use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::log::Message;
use crate::host::lvm::LogicalVolume;
use crate::host::{Host, Source};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool is not active, so nothing in it can be used.
    ///
    /// ## What it means
    /// LVM knows the pool and has not brought it up: it was deactivated, its activation is skipped or filtered
    /// (`auto_activation_volume_list`, `volume_list`, the skip flag), or the volume group was not scanned at boot.
    /// A pool whose check failed is not active either; then LVM has said so.
    ///
    /// ## Why it matters
    /// Every thin volume in it is missing for whoever uses it.
    ///
    /// ## What to do
    /// Activate it. If LVM refuses, its reason is the real trouble.
    ///
    /// ## References
    /// lvmthin(7); lvm.conf(5), `activation`; lvchange(8), `--setactivationskip`.
    ///
    /// ## Example
    /// ```host
    ///   Can't read state of locally inactive LV vg/pool.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-inactive", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::PoolInactive],
    summary: "The pool is not active on this host: LVM cannot read its state or use it",
}];

fn check(host: &Host) -> Vec<Finding> {
    let rows: Vec<Finding> = check_rows(host).collect();
    if rows.is_empty() { check_log(host) } else { rows }
}

/// Pools that `lvs` lists as inactive. On a live host without other symptoms this may be intended, and is if
/// activation is skipped (the tenth attribute, `k`).
fn check_rows(host: &Host) -> impl Iterator<Item = Finding> {
    let pasted = host.source == Source::Pasted;
    let severity = move |v: &LogicalVolume| match v.attr.chars().nth(9) {
        _ if pasted => Severity::Critical,
        Some('k') => Severity::Notice,
        _ => Severity::Warning,
    };
    let answers =
        |v: &&LogicalVolume| host.pools.iter().any(|p| p.mode.is_some() && p.lv.as_ref() == Some(&v.name));
    let rows = host.lvm.volumes.iter().filter(|v| v.is_inactive_pool()).filter(move |v| !answers(v));
    rows.map(move |volume| {
        let name = if volume.name.vg.is_empty() {
            volume.name.lv.clone()
        } else {
            format!("{}/{}", volume.name.vg, volume.name.lv)
        };
        let summary = "The pool is not active: LVM lists it, and the kernel does not have it";
        let subject = host.pools.iter().find(|p| p.lv.as_ref() == Some(&volume.name));
        let subject = subject.map_or_else(|| Subject::pool_named(&name), Subject::pool);
        let found = Finding::new(&RULE, severity(volume), Certainty::Likely, subject, summary);
        let found = with_advice(found.with_evidence("attributes", volume.attr.clone(), "lvs"));
        if volume.name.vg.is_empty() { found } else { found.advise(activation(&name)) }
    })
}

/// Activates the pool only; the thin volumes in it are activated by their users.
fn activation(pool: &str) -> Advice {
    let command = format!("lvchange -ay {}", quote(pool));
    Advice::new(
        Risk::Changes,
        "activate it, unless another host of a shared group uses it; LVM says why when it refuses",
        &[&command],
    )
}

fn check_log(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see which volumes are active, and which are skipped",
        &[
            "lvs -a -o vg_name,lv_name,lv_attr,lv_active,lv_skip_activation",
            "lvmconfig --type full activation/volume_list activation/auto_activation_volume_list",
        ],
    ))
}

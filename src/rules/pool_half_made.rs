//! Rule: the creation of a pool was interrupted, and parts of it are left.

use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The creation of a pool was interrupted, and parts of it are left.
    ///
    /// ## What it means
    /// lvcreate or lvconvert stopped in the middle. Volumes with the pool's names exist and are no pool yet.
    ///
    /// ## Why it matters
    /// Making the pool again fails, because the names are taken.
    ///
    /// ## What to do
    /// Look at what is left. If the pool never was in use, the parts can be removed; if it was, this is something
    /// else.
    ///
    /// ## References
    /// lvm2, lib/metadata/lv_manip.c.
    ///
    /// ## Example
    /// ```host
    ///   Manual intervention may be required to remove abandoned LV(s) before retrying.
    /// ```
    /// A plain volume where the pool should be:
    /// ```host
    ///   LV              VG  Attr       LSize
    ///   [lvol0_pmspare] vg1 ewi------- 128.00m
    ///   thinpool        vg1 -wi-a----- 128.00m
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-half-made", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::PoolHalfMade],
    summary: "The creation of a pool or volume was interrupted, and parts of it are left",
}];

fn check(host: &Host) -> Vec<Finding> {
    let of_lines = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    of_lines.map(with_advice).or_else(|| check_volumes(host)).into_iter().collect()
}

/// LVM first creates the pool's metadata as a plain volume under the pool's name. A plain volume exactly as large as
/// the group's spare metadata volume, in a group without a pool, is such a leftover.
fn check_volumes(host: &Host) -> Option<Finding> {
    let all = &host.lvm.volumes;
    let spare = all.iter().find(|v| v.attr.starts_with('e') && v.name.lv.ends_with("_pmspare"))?;
    let in_group = || all.iter().filter(|v| v.name.vg == spare.name.vg);
    if in_group().any(|v| v.attr.starts_with('t')) {
        return None;
    }
    let half = in_group().find(|v| v.attr.starts_with('-') && v.size.is_some() && v.size == spare.size)?;
    let name = format!("{}/{}", half.name.vg, half.name.lv);
    let summary = format!(
        "{name} may be the beginning of a thin pool: a plain volume as large as the group's spare for metadata, and no pool"
    );
    let remove = format!("lvremove {}", quote(&name));
    let subject = Subject::pool_named(name);
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary)
        .with_evidence("attributes", half.attr.clone(), "lvs")
        .with_evidence("spare", spare.name.lv.clone(), "lvs");
    Some(with_advice(finding).advise(Advice::new(
        Risk::Destroys,
        "only if no pool of that name was ever in use: remove what is left of it, then make the pool again",
        &[&remove],
    )))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(Risk::Reads, "see what is left of it", &["lvs -a -o +segtype,devices"]))
}

//! Rule: a hidden part of the pool (`_tdata`, `_tmeta` or the spare) is active on its own.

use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::lvm::{LogicalVolume, LvName};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A hidden part of the pool (`_tdata`, `_tmeta` or the spare) is active on its own.
    ///
    /// ## What it means
    /// LVM refuses to activate, repair or convert a pool while one of its hidden volumes is open by itself: left
    /// over from an interrupted repair, from a crash at boot, or activated by hand to look at it.
    ///
    /// ## Why it matters
    /// The pool does not start until the part is let go.
    ///
    /// ## What to do
    /// See what holds the part open. Deactivate the part alone, then activate the pool.
    ///
    /// ## References
    /// lvmthin(7), "Metadata check and repair"; lvm2, lib/activate/activate.c.
    ///
    /// ## Example
    /// ```host
    ///   Thin pool data or metadata volume vg/thinpool_tmeta is active.
    /// ```
    /// ```host
    ///   LV           VG Attr       LSize   Pool Origin Data%  Meta%
    ///   pool         vg twi---tz-- 600.00m
    ///   [pool_tmeta] vg eRi-a-----   4.00m
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-component-active", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::ComponentActive],
    summary: "A hidden part of the pool is active on its own, so LVM does not activate the pool",
}];

fn check(host: &Host) -> Vec<Finding> {
    if let Some(found) = host.lvm.volumes.iter().find_map(|part| check_row(host, part)) {
        return vec![found];
    }
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(with_advice).into_iter().collect()
}

/// A row of `lvs -a` for a component that is active while its pool is not.
fn check_row(host: &Host, part: &LogicalVolume) -> Option<Finding> {
    let pool = part.name.lv.strip_suffix("_tmeta").or_else(|| part.name.lv.strip_suffix("_tdata"))?;
    let of_pool = |v: &&LogicalVolume| v.name.vg == part.name.vg && v.name.lv == pool;
    let pool = host.lvm.volumes.iter().find(of_pool).filter(|v| v.is_inactive_pool())?;
    if part.attr.chars().nth(4) != Some('a') {
        return None;
    }
    let subject = host.pools.iter().find(|p| p.lv.as_ref() == Some(&pool.name));
    let subject = subject.map_or_else(|| Subject::pool_named(pool.name.dm_name()), Subject::pool);
    let summary = "A hidden part of the pool is active on its own, so LVM does not activate the pool";
    let found = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary);
    let found = with_advice(found.with_evidence("attributes of the part", part.attr.clone(), "lvs -a"));
    if part.name.vg.is_empty() {
        return Some(found);
    }
    let volume = |name: &LvName| quote(&format!("{}/{}", name.vg, name.lv));
    let deactivate = format!("lvchange -an {}", volume(&part.name));
    let activate = format!("lvchange -ay {}", volume(&pool.name));
    Some(found.advise(Advice::new(
        Risk::Changes,
        "let the part go, which LVM refuses while somebody has it open, then activate the pool",
        &[&deactivate, &activate],
    )))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see which parts are active, and who has them open",
        &["lvs -a -o vg_name,lv_name,lv_attr,lv_active", "dmsetup info -c -o name,open"],
    ))
}

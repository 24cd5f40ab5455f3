//! Rule: the volume group has no room for the pool to grow.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::quote;
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, percent_of};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The volume group has no room for the pool to grow, by hand or by itself.
    ///
    /// ## What it means
    /// A pool grows out of the free extents of its volume group. LVM's automatic growth takes a share of the
    /// pool's size (20 percent by default) each time; with less than that free it fails, and goes on failing
    /// silently.
    ///
    /// ## Why it matters
    /// Everybody relies on the pool growing, and it will not.
    ///
    /// ## What to do
    /// Add a disk to the volume group (`vgextend`), or free extents that other volumes do not need. dmeventd then
    /// grows the pool by itself at the next chance; `thinspect plan grow` does it at once.
    ///
    /// ## References
    /// lvmthin(7), "Automatically extend thin pool LV"; vgextend(8).
    ///
    /// ## Example
    /// ```host
    ///   Insufficient free space: 1024 extents needed, but only 0 available
    /// ```
    /// ```host quiet
    ///   VG     #PV #LV #SN Attr   VSize  VFree
    ///   docker   1   1   0 wz--n- 22.00g 12.00g
    /// ```
    "volume-group-full", since "0.1.0", check
}

/// `thin_pool_autoextend_percent`, the percent of the pool that LVM adds at each step: LVM's default.
const DEFAULT_STEP_PERCENT: u64 = 20;

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = check_log(host).into_iter().collect();
    if found.is_empty() {
        found.extend(host.pools.iter().filter_map(|p| check_pool(host, p)));
    }
    found
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::VgNoSpace]);
    let summary = "LVM could not extend the pool: its volume group has too few free extents";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary)?;
    Some(finding.advise(advice::inspect("see what each volume group has free", &["vgs", "pvs", "lsblk"])))
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let lv = pool.lv.as_ref()?;
    let free = host.lvm.group(&lv.vg)?.free?;
    let size = pool.data.total_in_bytes().or_else(|| queries::volume(host, pool)?.size)?;
    let settings = host.lvm.autoextend_of(lv);
    let automatic = settings.and_then(|a| a.threshold).is_some_and(|t| t < 100);
    let step_percent = settings.and_then(|a| a.percent).unwrap_or(DEFAULT_STEP_PERCENT);
    let step = Bytes(percent_of(size.0, step_percent));
    if free.0 > 0 && (free >= step || !automatic) {
        return None;
    }
    let above =
        |data, metadata| pool.data.above(data) == Some(true) || pool.metadata.above(metadata) == Some(true);
    let pressed = above(80, 75);
    let severity = match (automatic, pressed) {
        // The pool that should be extended is nearly full.
        (true, true) if above(90, 90) => Severity::Critical,
        (true, _) | (_, true) => Severity::Warning,
        (false, false) => Severity::Notice,
    };
    let what = if automatic { "LVM's next automatic step needs" } else { "a usual step would need" };
    let summary = text!("The volume group {} has {} free; {} {}", lv.vg, free, what, step);
    let certainty = if pool.data.exact { Certainty::Certain } else { Certainty::Likely };
    let finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary)
        .with_evidence("free in the volume group", free, "vgs")
        .with_evidence("one step of growth", step, "computed");
    let see = [format!("vgs {}", quote(&lv.vg)), format!("lvs -a {}", quote(&lv.vg)), "lsblk".to_owned()];
    let see: Vec<&str> = see.iter().map(String::as_str).collect();
    let does = "see what takes the space, and which disks are unused: vgextend adds one to the group";
    let finding = finding.advise(advice::inspect(does, &see));
    Some(if pressed { finding.advise_all(advice::free_space(host, pool)) } else { finding })
}

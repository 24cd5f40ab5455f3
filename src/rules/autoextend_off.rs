//! Rule: LVM does not extend the pool when it fills.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Nobody extends the pool when it fills: LVM's automatic growth is off, or the pool is not watched.
    ///
    /// ## What it means
    /// Two things are needed. The threshold (`thin_pool_autoextend_threshold`, in lvm.conf or in the volume's
    /// profile) must be below 100, which is its default and means never. And dmeventd must watch the volume
    /// (`lvs -o+seg_monitor`).
    ///
    /// ## Why it matters
    /// Free extents in the volume group are of no use when the pool fills at night.
    ///
    /// ## What to do
    /// Attach a profile with a threshold below what Docker's floor allows (80 by default, Docker refuses at
    /// 90), and let dmeventd watch the volume. The volume group must have the room.
    ///
    /// ## References
    /// lvmthin(7), "Automatically extend thin pool LV"; lvm.conf(5); docs.docker.com, direct-lvm mode.
    ///
    /// ## Example
    /// ```host
    ///   LV       VG     Attr       LSize  Data%  Meta%  Monitor
    ///   thinpool docker twi-aot--- 21.75g 65.73  16.55  not monitored
    /// ```
    /// ```host quiet
    ///   LV       VG     Attr       LSize  Data%  Meta%  Monitor
    ///   thinpool docker twi-aot--- 21.75g 65.73  16.55  monitored
    /// ```
    "autoextend-off", since "0.1.0", check
}

/// Percent of use above which this is a warning: the default threshold of docker-storage-setup.
const PRESSING_PERCENT: u64 = 60;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::AutoextendOff]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary = "LVM warns that nothing extends its thin pools when they fill";
    let warned =
        log_findings::finding(&RULE, (Severity::Notice, Certainty::Certain), &lines, subject, summary);
    // dmeventd logs the same when a pool is deactivated, for example at shutdown.
    let unwatched = || {
        let lines = log_findings::not_superseded(host, &[Message::NotMonitored]);
        let summary = "dmeventd does not watch a thin pool, so nothing extends it when it fills";
        log_findings::finding(&RULE, (Severity::Notice, Certainty::Possible), &lines, subject, summary)
    };
    let given_up = || {
        let lines = log_findings::not_superseded(host, &[Message::AutoextendGivenUp]);
        let summary = "dmeventd has given up watching a thin pool: extending it failed too often";
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary)
    };
    let finding = given_up().or(warned).or_else(unwatched)?;
    let see = "lvmconfig --type full activation/thin_pool_autoextend_threshold";
    Some(finding.advise(advice::inspect("see the setting", &[see])))
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let lv = pool.lv.as_ref()?;
    let threshold = host.lvm.autoextend_of(lv).and_then(|a| a.threshold);
    let no_daemon = host.lvm.dmeventd == Some(false);
    let unwatched = no_daemon || queries::volume(host, pool).and_then(|v| v.monitored) == Some(false);
    let never = threshold.is_some_and(|t| t >= 100);
    if !(never || unwatched) {
        return None;
    }
    let pressing = pool.data.above(PRESSING_PERCENT) == Some(true);
    let severity = if pressing { Severity::Warning } else { Severity::Notice };
    let watch = if no_daemon { "dmeventd does not run" } else { "dmeventd does not watch the volume" };
    let why = match (never, unwatched) {
        (true, true) => format!("the threshold is 100, which means never, and {watch}"),
        (true, false) => "the threshold is 100, which means never".to_owned(),
        _ => watch.to_owned(),
    };
    let summary = format!("Nobody extends the pool when it fills: {why}");
    let mut finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), summary);
    if let Some(threshold) = threshold {
        finding =
            finding.with_evidence("thin_pool_autoextend_threshold", threshold.to_string(), "LVM's settings");
    }
    if unwatched {
        let from = if no_daemon { "processes" } else { "lvs" };
        finding = finding.with_evidence("monitoring", watch, from);
    }
    let name = format!("{}/{}", lv.vg, lv.lv);
    let see = format!("lvs -o+seg_monitor,lv_profile {}", quote(&name));
    let finding = finding.advise(advice::inspect(
        "see both settings",
        &[&see, "lvmconfig --type full activation/thin_pool_autoextend_threshold"],
    ));
    let finding = if never { finding.advise(advice::extend_earlier(host, pool, lv)) } else { finding };
    let watch = format!("lvchange --monitor y {}", quote(&name));
    Some(
        finding.advise_all(unwatched.then(|| Advice::new(Risk::Changes, "let dmeventd watch it", &[&watch]))),
    )
}

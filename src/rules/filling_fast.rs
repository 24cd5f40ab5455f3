//! Rule: the pool will be full soon at the observed rate.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::advice::Advice;
use crate::advice::recipes::pool_option;
use crate::forecast::{self, Fit, SpaceForecast, SpaceKind, length};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// At the rate that was seen, the pool or the filesystem under its loop file is soon full.
    ///
    /// ## What it means
    /// A history of the pool (`thinspect watch --log FILE`, read by `status --log FILE`) shows how its use grew:
    /// of the data, of the metadata, and of the filesystem under the loop file. Full in less than 4 hours is
    /// critical, in less than 24 hours a warning, in less than 7 days a notice.
    ///
    /// The rate is the median of the slopes between all pairs of samples in a window of ten minutes, an hour, six
    /// hours or three days, so that single wild samples do not move it. A fall by a percent or more, such as a prune,
    /// starts it anew. A rate that was seen for five minutes or more is trusted for six times as long as it was
    /// seen: a pull of three minutes alarms nobody. A pool that fell back twice or more, is no fuller than it was
    /// then, and never came near its end is a notice at most; so is one that LVM extends by itself.
    ///
    /// ## Why it matters
    /// What a full pool costs cannot be had back. Hours before it there are mild ways out.
    ///
    /// ## What to do
    /// See who grows, remove what is not needed, or grow the pool; then watch whether the rate falls.
    ///
    /// ## References
    /// Theil (1950) and Sen (1968), the median of pairwise slopes; the node-exporter mixin, which warns of
    /// filesystems full within 24 hours and 4 hours.
    ///
    /// ## Example
    /// ```host
    /// vg-pool-tpool: 0 209715200 thin-pool 4 4244/524288 1140000/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:00:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":900000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:20:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":980000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:40:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":1060000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T03:00:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":1140000,"total_blocks":1638400}}
    /// ```
    /// The same growth, and a prune:
    /// ```host quiet
    /// vg-pool-tpool: 0 209715200 thin-pool 4 4244/524288 520000/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:00:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":900000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:20:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":980000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:40:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":1060000,"total_blocks":1638400}}
    /// {"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T03:00:00Z","pool":"vg-pool-tpool","block_bytes":65536,"data":{"used_blocks":520000,"total_blocks":1638400}}
    /// ```
    "filling-fast", since "0.1.0", check
}

const HOUR: i64 = 3_600_000;
/// Thresholds of the node-exporter mixin: time to act within a shift, or within a day.
const CRITICAL: i64 = 4 * HOUR;
const WARNING: i64 = 24 * HOUR;
/// Early enough for planning.
const NOTICE: i64 = 7 * 24 * HOUR;

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|pool| check_pool(host, pool)).collect()
}

/// A space that is not full yet, and its forecast.
struct End<'a> {
    space: SpaceKind,
    outlook: &'a SpaceForecast,
    fit: Fit,
    millis: i64,
}

impl End<'_> {
    /// The resource that fills.
    const fn words(&self) -> &'static str {
        match self.space {
            SpaceKind::Filesystem => "filesystem under the loop file",
            SpaceKind::Data | SpaceKind::Metadata => self.space.word(),
        }
    }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let forecast = forecast::of(host, pool);
    // A space that is already full is reported by other rules.
    let filling = forecast.spaces().filter(|(_, outlook)| outlook.left > Some(0));
    let end = |(space, outlook)| {
        let (fit, millis) = SpaceForecast::reliable_since(outlook)?;
        Some(End { space, outlook, fit, millis })
    };
    let ends: Vec<End<'_>> = filling.filter_map(end).collect();
    let first = ends.iter().min_by_key(|e| e.millis)?;
    let severity = severity(host, pool, first)?;
    let (end, seen) = (length(first.millis), length(first.fit.span));
    let summary = format!("The {} will be full in {end} at the rate of the last {seen}", first.words());
    let mut finding = Finding::new(&RULE, severity, Certainty::Likely, Subject::pool(pool), summary);
    for end in &ends {
        let value = text!("{}, full in {}", rate(end), length(end.millis));
        let from = format!("history, {} samples in {}", end.fit.samples, length(end.fit.span));
        finding = finding.with_evidence(format!("{} grows by", end.words()), value, from);
    }
    if let Some(refused) = refused_in(pool, &forecast.data) {
        finding =
            finding.with_evidence("Docker refuses new layers in", refused, "dm.min_free_space and history");
    }
    if first.outlook.is_sawtooth() {
        let times = format!("{} times, from as high as this", first.outlook.falls.times);
        finding = finding.with_evidence("it fell back before", times, "history");
    }
    Some(finding.advise_all(advice(host, pool, first)))
}

fn severity(host: &Host, pool: &Pool, end: &End<'_>) -> Option<Severity> {
    let extended = end.space != SpaceKind::Filesystem && is_extended(host, pool);
    let severity = [(CRITICAL, Severity::Critical), (WARNING, Severity::Warning), (NOTICE, Severity::Notice)];
    let (_, severity) = severity.into_iter().find(|(limit, _)| end.millis < *limit)?;
    Some(if extended || end.outlook.is_sawtooth() { Severity::Notice } else { severity })
}

/// Whether LVM will extend the pool before it is full: threshold below 100, dmeventd running, room in the group.
fn is_extended(host: &Host, pool: &Pool) -> bool {
    let Some(lv) = pool.lv.as_ref() else { return false };
    let threshold = host.lvm.autoextend_of(lv).and_then(|a| a.threshold);
    let watched = queries::volume(host, pool).and_then(|v| v.monitored) == Some(true);
    let room = host.lvm.group(&lv.vg).and_then(|g| g.free).is_some_and(|free| free.0 > 0);
    watched && room && threshold.is_some_and(|t| t < 100)
}

fn rate(end: &End<'_>) -> Text {
    let bytes = end.outlook.bytes_per_hour(&end.fit).and_then(|b| u64::try_from(b).ok());
    bytes.map_or_else(
        || text!("{} blocks an hour", end.fit.slope.per(HOUR, 1)),
        |bytes| text!("{} an hour", crate::host::model::units::Bytes(bytes)),
    )
}

/// Time until free data falls below Docker's floor; `None` if it already is.
fn refused_in(pool: &Pool, data: &SpaceForecast) -> Option<String> {
    let (fit, _) = data.reliable_since()?;
    let left = data.left?;
    let floor = pool.min_free.required(data.used.checked_add(left)?)?;
    let more = left.checked_sub(floor)?;
    fit.slope.time_for(more).map(length)
}

fn advice(host: &Host, pool: &Pool, end: &End<'_>) -> Vec<Advice> {
    let watch = format!("thinspect watch{}", pool_option(pool));
    let mut all = vec![advice::usage(pool), advice::inspect("see whether it goes on", &[&watch])];
    match end.space {
        SpaceKind::Metadata => all.extend(advice::grow_metadata(host, pool, None)),
        SpaceKind::Data => {
            all.extend(advice::free_space(host, pool));
            all.extend(advice::grow_data(host, pool, None));
        }
        SpaceKind::Filesystem => {
            let mount = pool.data_backing.filesystem.as_ref().and_then(|f| f.mount.as_deref()).unwrap_or("/");
            let big = format!("du -xh --max-depth=2 {} | sort -h | tail -n 20", crate::advice::quote(mount));
            all.push(advice::inspect("see what else takes space on that filesystem", &[&big]));
            all.extend(advice::free_space(host, pool));
        }
    }
    all
}

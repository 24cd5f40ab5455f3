//! Prometheus metrics of a report: base units, ratios from 0 to 1, unknown values left out.
//!
//! Names and labels are released and never change their meaning. One host has at most `6 + docker roots + 27 × pools`
//! series, one more for each pair of rule and pool with findings, and two more for each device if devices are shown.

mod exposition;

use super::Report;
use crate::host::Host;
use crate::host::model::pool::{Pool, PoolHalf, PoolOwner, PoolState};
use crate::host::model::space::Space;
use crate::host::model::thin::Thin;
use crate::host::model::units::{Blocks, Bytes, METADATA_BLOCK};
use crate::verdict::Verdict;
use exposition::{Exposition, Labels, Value};
use std::collections::BTreeMap;

/// Options of the metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Most thin devices shown, largest first; `None` shows no devices.
    pub devices: Option<usize>,
    /// When an earlier run last had a verdict, in seconds since 1970.
    pub last_success: Option<u64>,
}

/// Name of the metric with the time of the last run that had a verdict. The next run reads it from the old file.
pub const LAST_SUCCESS: &str = "thinspect_last_success_timestamp_seconds";

/// Time of the report in seconds since 1970; `None` if its verdict is `unknown`.
#[must_use]
pub fn success(report: &Report) -> Option<u64> {
    if report.verdict == Verdict::Unknown { None } else { recorded_at(&report.host) }
}

/// The report in Prometheus' text format.
#[must_use]
pub fn text(report: &Report, options: &Options) -> String {
    let mut all = Exposition::default();
    run_metrics(&mut all, report, options);
    docker_metrics(&mut all, report);
    finding_metrics(&mut all, report);
    state_metrics(&mut all, &report.host);
    space_metrics(&mut all, &report.host.pools);
    min_free_metrics(&mut all, &report.host.pools);
    backing_metrics(&mut all, &report.host.pools);
    if let Some(most) = options.devices {
        device_metrics(&mut all, &report.host, most);
    }
    all.text()
}

fn run_metrics(all: &mut Exposition, report: &Report, options: &Options) {
    let version = env!("CARGO_PKG_VERSION");
    all.gauge("thinspect_build_info", "The program that looked.")
        .sample(&[("version", version)], Value::Count(1));
    all.gauge("thinspect_last_run_timestamp_seconds", "When it last looked.")
        .sample(&[], recorded_at(&report.host).map(Value::Count));
    all.gauge(LAST_SUCCESS, "When a look was last answered well enough for a verdict.")
        .sample(&[], success(report).or(options.last_success).map(Value::Count));
    let mut verdict = all.gauge("thinspect_verdict", "What it all adds up to: 1 for the verdict that holds.");
    for one in [Verdict::Ok, Verdict::Warning, Verdict::Critical, Verdict::Unknown] {
        verdict.sample(&[("verdict", one.word())], Value::Flag(report.verdict == one));
    }
    all.gauge("thinspect_pools", "Thin pools of this host.")
        .sample(&[], Value::Count(count(report.host.pools.len())));
}

/// Time of the recording in seconds since 1970.
fn recorded_at(host: &Host) -> Option<u64> {
    let at: jiff::Timestamp = host.recorded_at.as_deref()?.parse().ok()?;
    u64::try_from(at.as_second()).ok()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// One series per Docker data root. Without a configured driver, a pool that this Docker owns implies devicemapper.
fn docker_metrics(all: &mut Exposition, report: &Report) {
    let mut info =
        all.gauge("thinspect_docker_info", "A Docker on this host, its version and storage driver.");
    for docker in &report.host.docker_roots {
        let root = docker.root.as_deref().unwrap_or_default();
        let owns = |p: &Pool| matches!(&p.owner, PoolOwner::Docker { root } if *root == docker.root);
        let used = || report.host.pools.iter().any(owns).then_some("devicemapper");
        let driver = docker.driver.as_deref().or_else(used).unwrap_or_default();
        let version = docker.version.as_deref().unwrap_or_default();
        info.sample(&[("root", root), ("version", version), ("driver", driver)], Value::Count(1));
    }
}

/// Number of findings by pool, rule and severity. The pool is empty if the subject is not a pool.
fn finding_metrics(all: &mut Exposition, report: &Report) {
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for finding in &report.findings {
        let subject = &finding.subject;
        let pool = if subject.is_pool() { subject.name.as_str() } else { "" };
        *counts.entry((finding.rule, finding.severity.word(), pool)).or_default() += 1;
    }
    let mut family = all.gauge(
        "thinspect_findings",
        "What is wrong: findings that stand, `thinspect explain RULE` says more.",
    );
    for ((rule, severity, pool), number) in counts {
        family.sample(&[("pool", pool), ("rule", rule), ("severity", severity)], Value::Count(number));
    }
}

fn state_metrics(all: &mut Exposition, host: &Host) {
    let mut info = all.gauge("thinspect_pool_info", "A thin pool: who owns it, and what carries its data.");
    for pool in &host.pools {
        let labels = [
            ("pool", pool.label()),
            ("uuid", pool.uuid.as_deref().unwrap_or_default()),
            ("owner", pool.owner.word()),
            ("backing", pool.data_backing.kind.word()),
        ];
        info.sample(&labels, Value::Count(1));
    }
    let mut modes =
        all.gauge("thinspect_pool_mode", "What the pool does for its users: 1 for the mode it is in.");
    for pool in &host.pools {
        for state in PoolState::ALL {
            modes.sample(
                &[("pool", pool.label()), ("mode", state.word())],
                Value::Flag(pool.state() == state),
            );
        }
    }
    per_pool(
        all,
        &host.pools,
        "thinspect_pool_needs_check",
        "Whether the metadata needs an offline check.",
        |p| p.needs_check.map(Value::Flag),
    );
    per_pool(
        all,
        &host.pools,
        "thinspect_pool_snapshot_time_ratio",
        "The counter of snapshots as a share of its range: from 1 on, new blocks read back as others.",
        |p| {
            let time = p.metadata_contents.as_ref()?.snapshot_time?;
            Some(Value::Share { part: time.count(), of: time.limit() })
        },
    );
    let mut devices = all.gauge("thinspect_pool_active_devices", "Active thin devices of the pool.");
    for pool in &host.pools {
        devices.sample(&[("pool", pool.label())], Value::Count(count(host.thins_of(pool).count())));
    }
}

fn per_pool(
    all: &mut Exposition,
    pools: &[Pool],
    name: &'static str,
    help: &'static str,
    value: impl Fn(&Pool) -> Option<Value>,
) {
    let mut family = all.gauge(name, help);
    for pool in pools {
        family.sample(&[("pool", pool.label())], value(pool));
    }
}

/// A family with two samples per pool: data and metadata.
fn per_space(
    all: &mut Exposition,
    pools: &[Pool],
    name: &'static str,
    help: &'static str,
    value: impl Fn(&Pool) -> [Option<Value>; 2],
) {
    let mut family = all.gauge(name, help);
    for pool in pools {
        let [data, metadata] = value(pool);
        for (space, value) in [("data", data), ("metadata", metadata)] {
            family.sample(&[("pool", pool.label()), ("space", space)], value);
        }
    }
}

fn bytes(amount: Option<Bytes>) -> Option<Value> {
    amount.map(|b| Value::Count(b.0))
}

fn space_metrics(all: &mut Exposition, pools: &[Pool]) {
    per_space(all, pools, "thinspect_pool_size_bytes", "Size of the pool's data or metadata.", |p| {
        [bytes(p.data.total_in_bytes()), bytes(p.metadata.total_in_bytes())]
    });
    per_space(all, pools, "thinspect_pool_used_bytes", "Bytes in use of the pool's data or metadata.", |p| {
        [bytes(p.data.used_in_bytes()), bytes(p.metadata.used_in_bytes())]
    });
    per_space(all, pools, "thinspect_pool_used_ratio", "Share in use of the pool's data or metadata.", |p| {
        let of_lvs = || Some(Value::Share { part: p.metadata_centipercent?, of: 10_000 });
        [share(&p.data), share(&p.metadata).or_else(of_lvs)]
    });
    let low_water = |p: &Pool| bytes(Some(p.data.low_water?.bytes(p.block?)));
    let help = "Free data at which the kernel raises an event.";
    per_pool(all, pools, "thinspect_pool_low_water_bytes", help, low_water);
}

fn share<B: Blocks>(space: &Space<B>) -> Option<Value> {
    let (part, of) = space.pair()?;
    Some(Value::Share { part, of })
}

/// Docker's minimum of free space; left out for pools without one.
fn min_free_metrics(all: &mut Exposition, pools: &[Pool]) {
    let help = "Share of the pool that Docker keeps free (dm.min_free_space).";
    per_pool(all, pools, "thinspect_pool_min_free_ratio", help, |p| {
        Some(Value::Share { part: p.min_free.percent?, of: 100 })
    });
    let amounts = |p: &Pool, blocks: fn(&Pool, PoolHalf) -> Option<u64>| {
        let size = |half: PoolHalf, block: Option<Bytes>| {
            bytes(Some(Bytes(blocks(p, half)?.saturating_mul(block?.0))))
        };
        [size(PoolHalf::Data, p.block), size(PoolHalf::Metadata, Some(METADATA_BLOCK))]
    };
    let help = "Bytes that must be free before Docker makes a layer or container.";
    per_space(all, pools, "thinspect_pool_min_free_required_bytes", help, |p| {
        amounts(p, Pool::min_free_required)
    });
    let help = "Bytes missing to that; 0 where the floor is met.";
    per_space(all, pools, "thinspect_pool_min_free_shortfall_bytes", help, |p| {
        amounts(p, Pool::min_free_short)
    });
}

fn backing_metrics(all: &mut Exposition, pools: &[Pool]) {
    let help =
        "Room for new data: what the pool has free, or less where its loop file's filesystem has less.";
    per_pool(all, pools, "thinspect_pool_headroom_bytes", help, |p| bytes(p.headroom().effective));
    let mut free = all.gauge(
        "thinspect_pool_filesystem_free_bytes",
        "Free space of the filesystem under the pool's loop file.",
    );
    for pool in pools {
        let filesystem = pool.data_backing.filesystem.as_ref();
        free.sample(&mount_labels(pool), bytes(filesystem.and_then(|f| f.free)));
    }
    let mut size = all
        .gauge("thinspect_pool_filesystem_size_bytes", "Size of the filesystem under the pool's loop file.");
    for pool in pools {
        let filesystem = pool.data_backing.filesystem.as_ref();
        size.sample(&mount_labels(pool), bytes(filesystem.and_then(|f| f.size)));
    }
    let help = "What the pool's loop file may still demand of its filesystem.";
    per_pool(all, pools, "thinspect_pool_loop_file_growth_bytes", help, |p| {
        bytes(p.data_backing.file.as_ref()?.may_grow())
    });
}

fn mount_labels(pool: &Pool) -> [(&'static str, &str); 2] {
    let mount = pool.data_backing.filesystem.as_ref().and_then(|f| f.mount.as_deref());
    [("pool", pool.label()), ("mountpoint", mount.unwrap_or_default())]
}

/// The active thin devices that map the most.
fn device_metrics(all: &mut Exposition, host: &Host, most: usize) {
    let mut devices: Vec<(&Pool, &Thin)> =
        host.pools.iter().flat_map(|p| host.thins_of(p).map(move |t| (p, t))).collect();
    devices.sort_by_key(|(_, thin)| (std::cmp::Reverse(thin.mapped()), thin.name.as_str()));
    devices.truncate(most);
    let mut per_device = |name, help, value: fn(&Thin) -> Option<Bytes>| {
        let mut family = all.gauge(name, help);
        for (pool, thin) in &devices {
            let labels: &Labels<'_> = &[("pool", pool.label()), ("device", &thin.name)];
            family.sample(labels, bytes(value(thin)));
        }
    };
    per_device("thinspect_device_size_bytes", "Virtual size of a thin device.", |t| {
        t.length.map(crate::host::model::units::Sectors::bytes)
    });
    per_device(
        "thinspect_device_mapped_bytes",
        "Bytes a thin device maps, shared ones included.",
        Thin::mapped,
    );
}

//! Adds facts from reports to the pools: `docker info`, `lvs`, `losetup`, and Docker's refusals.
//!
//! Never replaces the kernel's numbers. A report fills in missing fields, or adds a pool that only it mentions.

use super::dm_devices::{is_dockers_own, logical_volume};
use super::outputs;
use crate::host::block::losetup::{self, LoopDevice};
use crate::host::dm::status::Mode;
use crate::host::docker::info::{self, DockerInfo};
use crate::host::fs;
use crate::host::log::{Kind, LogMessage, PoolName};
use crate::host::lvm::{LogicalVolume, LvName, Lvm};
use crate::host::model::backing::{Backing, BackingKind, Filesystem, LoopFile};
use crate::host::model::pool::{Pool, PoolHalf, PoolOwner, Refusal};
use crate::host::model::space::Space;
use crate::host::model::units::{Blocks, Bytes, DataBlocks, METADATA_BLOCK, MetadataBlocks};
use crate::host::{Host, Source};
use crate::record::paste::Tool;
use crate::record::{Query, Recording};

/// Adds `docker info` and `lvs` reports to the pools, and pools that only they mention.
pub(in crate::host) fn add_reports(recording: &Recording, host: &mut Host) {
    for answer in recording.all(Query::DockerInfo) {
        let info = info::read(answer.outcome.said().unwrap_or_default());
        if info.driver.as_deref().is_some_and(|d| d != "devicemapper") || !describes_pool(&info) {
            continue;
        }
        let known = host.pools.iter().position(|p| same_pool(p, &info));
        match known.and_then(|at| host.pools.get_mut(at)) {
            Some(pool) => complete(pool, info),
            None => {
                let mut pool = Pool { name: info.pool_name.clone(), ..Pool::default() };
                complete(&mut pool, info);
                host.pools.push(pool);
            }
        }
    }
    let host_lvm = &host.lvm;
    let rows: Vec<LogicalVolume> = host_lvm.volumes.iter().filter(|v| v.is_pool()).cloned().collect();
    for row in rows {
        let by_name = |p: &Pool| p.lv.as_ref().is_some_and(|lv| same_lv(lv, &row.name));
        let known = host.pools.iter().position(by_name).or_else(|| nameless(&host.pools, &row));
        match known.and_then(|at| host.pools.get_mut(at)) {
            Some(pool) => {
                if pool.name.is_none() {
                    (pool.lv, pool.name) = (Some(row.name.clone()), Some(row.name.dm_name()));
                }
                complete_from_lvs(pool, &row, metadata_size(host_lvm, &row.name));
            }
            None => {
                let mut pool =
                    Pool { lv: Some(row.name.clone()), name: Some(row.name.dm_name()), ..Pool::default() };
                complete_from_lvs(&mut pool, &row, metadata_size(host_lvm, &row.name));
                host.pools.push(pool);
            }
        }
    }
}

/// Adds loop devices and files from pasted `losetup`, `ls -l` and `du` output to the pools' backings.
pub(in crate::host) fn add_loops(recording: &Recording, host: &mut Host) {
    let loops: Vec<LoopDevice> = outputs(recording, Tool::Losetup).flat_map(losetup::loops).collect();
    let listed = |tool| outputs(recording, tool).flat_map(move |text| losetup::files(tool, text));
    let files: Vec<LoopFile> = listed(Tool::Ls).chain(listed(Tool::Du)).collect();
    if host.pools.is_empty() && host.source == Source::Pasted {
        host.pools.extend(pool_on_docker_files(&loops, &files));
    }
    add_docker_files(&mut host.pools, &files);
    for pool in &mut host.pools {
        for backing in [&mut pool.data_backing, &mut pool.metadata_backing] {
            let node = backing.device.filter(|d| d.is_loop()).map(|d| format!("/dev/loop{}", d.minor));
            let node = node.or_else(|| backing.path.clone());
            if backing.file.is_none() {
                backing.file = loops.iter().find(|l| Some(&l.node) == node.as_ref()).map(|l| l.file.clone());
            }
            backing.path = backing.path.take().or(node);
            let Some(file) = &mut backing.file else { continue };
            if host.source == Source::Pasted && backing.filesystem.is_none() {
                backing.filesystem = fs::filesystem_of(&host.filesystems, &file.path).cloned();
            }
            for known in files.iter().filter(|f| f.path == file.path) {
                (file.size, file.allocated) = (known.size.or(file.size), known.allocated.or(file.allocated));
            }
        }
    }
}

/// Directory of Docker's loop files, below its data root (deviceset.go, `loopbackDir`).
const LOOP_FILES: &str = "/devicemapper/devicemapper";

/// The pool on Docker's loop files, if the text lists only those.
fn pool_on_docker_files(loops: &[LoopDevice], files: &[LoopFile]) -> Option<Pool> {
    let half = |name: &str| {
        let end = format!("{LOOP_FILES}/{name}");
        let attached = loops.iter().find(|l| l.file.path.ends_with(&end));
        let file = attached.map(|l| &l.file).or_else(|| files.iter().find(|f| f.path.ends_with(&end)))?;
        let path = attached.map(|l| l.node.clone());
        Some(Backing { kind: BackingKind::Loop, path, file: Some(file.clone()), ..Backing::default() })
    };
    let data_backing = half("data")?;
    let path = data_backing.file.as_ref().map(|f| f.path.as_str()).unwrap_or_default();
    let root = path.strip_suffix("/data").and_then(|p| p.strip_suffix(LOOP_FILES)).map(str::to_owned);
    let metadata_backing = half("metadata").unwrap_or_default();
    Some(Pool { owner: PoolOwner::Docker { root }, data_backing, metadata_backing, ..Pool::default() })
}

/// Adds Docker's loop files, recognised by their path, to the pool that Docker created on loop files, if there is only
/// one such pool.
fn add_docker_files(pools: &mut [Pool], files: &[LoopFile]) {
    let mut on_loop_files = pools.iter_mut().filter(|p| p.name.as_deref().is_some_and(is_dockers_own));
    let (Some(pool), None) = (on_loop_files.next(), on_loop_files.next()) else { return };
    let halves = [(&mut pool.data_backing, "data"), (&mut pool.metadata_backing, "metadata")];
    for (backing, last) in halves {
        let path = format!("{LOOP_FILES}/{last}");
        if backing.kind == BackingKind::Unknown
            && backing.file.is_none()
            && let Some(file) = files.iter().find(|f| f.path.ends_with(&path))
        {
            (backing.kind, backing.file) = (BackingKind::Loop, Some(file.clone()));
        }
    }
}

/// Index of the pool from a `docker info` without the pool's name that is as large as the volume, if there is exactly
/// one: the text has `docker info | grep Space` and `lvs`.
fn nameless(pools: &[Pool], row: &LogicalVolume) -> Option<usize> {
    let size = row.size?;
    let fits = |p: &Pool| {
        let is_nameless = p.name.is_none() && p.lv.is_none() && p.docker_info.is_some();
        let total = p.data.total_in_bytes();
        is_nameless && total.is_some_and(|t| t.0.abs_diff(size.0) <= size.0 / 100)
    };
    let mut all = (0..pools.len()).filter(|at| pools.get(*at).is_some_and(fits));
    match (all.next(), all.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn describes_pool(info: &DockerInfo) -> bool {
    info.driver.is_some() || info.pool_name.is_some() || info.data_total.is_some() || info.data_used.is_some()
}

fn same_pool(pool: &Pool, info: &DockerInfo) -> bool {
    match (&pool.name, &info.pool_name) {
        (Some(a), Some(b)) => a == b,
        _ => pool.docker_info.is_none(),
    }
}

fn same_lv(a: &LvName, b: &LvName) -> bool {
    a.lv == b.lv && (a.vg == b.vg || b.vg.is_empty() || a.vg.is_empty())
}

/// Fills in missing fields from `docker info`. Docker rounds, so such numbers are not exact.
fn complete(pool: &mut Pool, info: DockerInfo) {
    pool.block = pool.block.or(info.block);
    if !info.all_zero {
        fill(&mut pool.data, pool.block, info.data_used, info.data_total);
        fill(&mut pool.metadata, Some(METADATA_BLOCK), info.metadata_used, info.metadata_total);
    }
    complete_backing(pool, &info);
    if pool.lv.is_none()
        && let Some(name) = &info.pool_name
    {
        pool.lv = logical_volume(name, None);
    }
    pool.docker_info = Some(info);
}

/// Fills in the loop devices and files from `docker info`, unless they are known from the host.
fn complete_backing(pool: &mut Pool, info: &DockerInfo) {
    let is_known = pool.data_backing.file.is_some() || pool.data_backing.size.is_some();
    if is_known || !info.on_loop() {
        return;
    }
    let halves = [
        (&mut pool.data_backing, &info.data_file, &info.data_loop_file, info.data_total),
        (&mut pool.metadata_backing, &info.metadata_file, &info.metadata_loop_file, info.metadata_total),
    ];
    for (backing, device, file, size) in halves {
        backing.kind = BackingKind::Loop;
        backing.path = device.clone().filter(|d| d.starts_with("/dev/")).or(backing.path.take());
        let path = file.clone().or_else(|| device.clone().filter(|d| !d.starts_with("/dev/")));
        backing.file =
            path.filter(|p| !p.is_empty()).map(|path| LoopFile { path, size, ..LoopFile::default() });
    }
    // Docker reports at most the free space of the loop file's filesystem as available.
    if let (Some(available), Some(used), Some(total)) = (info.data_available, info.data_used, info.data_total)
        && available.plus(used) < total.minus(Bytes(total.0 / 1000))
    {
        pool.data_backing.filesystem = Some(Filesystem { free: Some(available), ..Filesystem::default() });
    }
}

/// Fills in a space from a report. Exact numbers stay; of several reports, the last one is used.
fn fill<B: Blocks>(space: &mut Space<B>, block: Option<Bytes>, used: Option<Bytes>, total: Option<Bytes>) {
    space.block = space.block.or(block);
    if space.exact && (space.used.is_some() || space.total.is_some()) {
        return;
    }
    let (used, total) = (used.or(space.used_bytes), total.or(space.total_bytes));
    (space.used_bytes, space.total_bytes, space.exact) = (used, total, false);
    let blocks = |bytes: Option<Bytes>| info::blocks(bytes?, block?).map(B::of);
    (space.used, space.total) = (blocks(used), blocks(total));
}

/// The size of a pool's metadata volume, if `lvs -a` lists it.
fn metadata_size(lvm: &Lvm, pool: &LvName) -> Option<Bytes> {
    lvm.volume(&LvName { vg: pool.vg.clone(), lv: format!("{}_tmeta", pool.lv) })?.size
}

/// Fills in missing fields from an `lvs` row.
fn complete_from_lvs(pool: &mut Pool, row: &LogicalVolume, metadata: Option<Bytes>) {
    if pool.data.pair().is_none() {
        fill_share(&mut pool.data, row.size, row.data_centipercent);
    }
    if pool.metadata.pair().is_none() {
        pool.metadata_centipercent = row.metadata_centipercent;
        fill_share(&mut pool.metadata, metadata, row.metadata_centipercent);
    }
    let letter = |at: usize| row.attr.chars().nth(at);
    if pool.mode.is_none() {
        pool.mode = match letter(8) {
            Some('D') => Some(Mode::OutOfDataSpace),
            Some('M') => Some(Mode::ReadOnly),
            Some('F') => Some(Mode::Failed),
            _ => None,
        };
    }
    if matches!(letter(4), Some('c' | 'C')) {
        pool.needs_check = pool.needs_check.or(Some(true));
    }
}

/// Computes used and total bytes from a size and the used share in hundredths of a percent.
fn fill_share<B: Blocks>(space: &mut Space<B>, size: Option<Bytes>, share: Option<u64>) {
    let Some((size, share)) = size.zip(share) else { return };
    let used = u128::from(size.0) * u128::from(share) / 10_000;
    space.total_bytes = Some(size);
    space.used_bytes = u64::try_from(used).ok().map(Bytes);
}

/// Adds Docker's refusals to the pool that they must concern, or else to a new pool.
pub(in crate::host) fn add_refusals(host: &mut Host) {
    let mut data = None;
    let mut metadata = None;
    for message in &host.log_messages {
        if let Kind::MinFreeRefused { half, free, required } = message.kind {
            let refusal = Some(Refusal { free, required });
            match half {
                PoolHalf::Data => data = refusal,
                PoolHalf::Metadata => metadata = refusal,
            }
        }
    }
    if data.is_none() && metadata.is_none() {
        return;
    }
    let docker_roots: Vec<usize> = (0..host.pools.len())
        .filter(|at| host.pools.get(*at).is_some_and(|p| p.docker_info.is_some() || is_dockers_name(p)))
        .collect();
    let at = match (docker_roots.as_slice(), host.pools.len()) {
        ([only], _) => *only,
        (_, 1) => 0,
        _ => {
            host.pools.push(Pool::default());
            host.pools.len() - 1
        }
    };
    if let Some(pool) = host.pools.get_mut(at) {
        (pool.refused_data, pool.refused_metadata) = (data, metadata);
        pool.data.reported_free = data.and_then(|r| r.free).map(DataBlocks);
        pool.metadata.reported_free = metadata.and_then(|r| r.free).map(MetadataBlocks);
    }
}

/// Adds pools that only pasted log lines name. A pool without a name gets the name from the line.
pub(super) fn add_named(host: &mut Host) {
    if host.source != Source::Pasted {
        return;
    }
    for name in host.log_messages.iter().filter_map(LogMessage::pool) {
        if host.pools.iter().any(|p| may_be_named(p, name)) {
            continue;
        }
        match host.pools.iter_mut().find(|p| p.name.is_none() && p.device.is_none()) {
            Some(pool) => set_name(pool, name),
            None => {
                let mut pool = Pool::default();
                set_name(&mut pool, name);
                host.pools.push(pool);
            }
        }
    }
}

/// Whether a name may be that of a pool: it matches, or the pool has nothing to compare it with.
fn may_be_named(pool: &Pool, name: PoolName<'_>) -> bool {
    match name {
        PoolName::Number(number) => pool.device.is_none_or(|d| d == number),
        PoolName::Volume(vg, lv) => {
            let volume = LvName { vg: vg.to_owned(), lv: lv.to_owned() };
            pool.lv.as_ref().is_some_and(|known| same_lv(known, &volume))
                || pool.name.as_ref().is_some_and(|n| *n == volume.dm_name())
                || pool.name.is_none() && pool.device.is_some()
        }
        PoolName::Mapper(dm) => match &pool.name {
            Some(known) => known == dm || known.strip_suffix("-tpool") == Some(dm),
            None => pool.device.is_some(),
        },
    }
}

/// Sets a pool's name from a log line.
fn set_name(pool: &mut Pool, name: PoolName<'_>) {
    match name {
        PoolName::Number(number) => pool.device = Some(number),
        PoolName::Volume(vg, lv) => {
            let volume = LvName { vg: vg.to_owned(), lv: lv.to_owned() };
            (pool.name, pool.lv) = (Some(volume.dm_name()), Some(volume));
        }
        PoolName::Mapper(dm) => pool.name = Some(dm.to_owned()),
    }
}

fn is_dockers_name(pool: &Pool) -> bool {
    pool.name.as_deref().is_none_or(|n| n.starts_with("docker"))
}

//! Questions that several rules ask of the same facts, answered in one place.
//!
//! Sums and comparisons of what the host already holds; no finding is made here.

use crate::forecast::length;
use crate::host::Host;
use crate::host::Source;
use crate::host::dm::status::Mode;
use crate::host::dm::table::DeviceNumber;
use crate::host::docker::Docker;
use crate::host::docker::info::DockerInfo;
use crate::host::fs;
use crate::host::fs::lsof::Deleted;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::lvm::LogicalVolume;
use crate::host::model::backing::{Filesystem, LoopFile};
use crate::host::model::pool::{Pool, PoolOwner, StatusAnswer};
use crate::host::model::space::Space;
use crate::host::model::text::{Text, text};
use crate::host::model::thin::Thin;
use crate::host::model::units::{Blocks, Bytes};
use crate::host::parse::version::version;
use crate::rules::Subject;
use crate::verdict::Severity;

/// Where Docker keeps its things unless told otherwise.
pub(in crate::rules) const DEFAULT_ROOT: &str = "/var/lib/docker";

/// Seconds as people read them: `45 s`, `3 min`, `2 h`.
pub(in crate::rules) fn span(secs: u64) -> String {
    length(i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// Tenths of a percent as people read them: 953 is `95.3 %`.
pub(in crate::rules) fn percent(permille: u64) -> String {
    crate::host::model::amounts::percent(permille)
}

/// `1474560 of 1638400 blocks (90.0 %)`, or the same in bytes where only bytes were said.
pub(in crate::rules) fn used_of<B: Blocks>(space: &Space<B>) -> Option<Text> {
    let share = percent(space.permille()?);
    if let Some((used, total)) = space.used.zip(space.total) {
        return Some(text!("{} of {} blocks ({})", used.count(), total.count(), share));
    }
    let (used, total) = (space.used_in_bytes()?, space.total_in_bytes()?);
    Some(text!("{} of {} ({})", used, total, share))
}

/// Metadata in use, in words; of it `lvs` says only the share.
pub(in crate::rules) fn metadata_used_of(pool: &Pool) -> Option<Text> {
    let share = || pool.metadata_centipercent.map(|c| percent(c / 10).into());
    used_of(&pool.metadata).or_else(share)
}

/// Whether more than `percent` percent of a pool's metadata is in use; `None` when unknown.
pub(in crate::rules) fn metadata_above(pool: &Pool, percent: u64) -> Option<bool> {
    let share = || pool.metadata_centipercent.map(|c| c > percent * 100);
    pool.metadata.above(percent).or_else(share)
}

/// Whether no metadata block is free.
pub(in crate::rules) fn metadata_is_full(pool: &Pool) -> bool {
    pool.metadata.is_full() || (pool.metadata.pair().is_none() && pool.metadata_centipercent == Some(10_000))
}

/// Who said the numbers of a pool.
pub(in crate::rules) fn source(pool: &Pool) -> &'static str {
    if pool.data.exact || pool.mode.is_some() {
        "thin-pool status"
    } else if pool.docker_info.is_some() {
        "docker info"
    } else if pool.lv.is_some() {
        "lvs"
    } else {
        "pasted text"
    }
}

/// Whether the pool's mode makes every change to its metadata fail: nothing can be made or deleted in it.
pub(in crate::rules) const fn refuses_changes(pool: &Pool) -> bool {
    matches!(pool.mode, Some(Mode::ReadOnly | Mode::Failed)) || matches!(pool.needs_check, Some(true))
}

/// Whether the kernel itself said in what state the pool is, so that older log lines are history.
pub(in crate::rules) const fn state_is_known(pool: &Pool) -> bool {
    pool.mode.is_some() || !matches!(pool.answer, StatusAnswer::NotAsked)
}

/// Whether any pool here has a state that explains refused device-mapper messages and failing writes.
pub(in crate::rules) fn some_pool_is_stuck(host: &Host) -> bool {
    let stuck = |p: &Pool| {
        refuses_changes(p)
            || matches!(p.mode, Some(Mode::OutOfDataSpace))
            || p.data.is_full()
            || metadata_is_full(p)
            || p.suspended == Some(true)
            || matches!(p.answer, StatusAnswer::Silent(_))
    };
    host.pools.iter().any(stuck)
}

/// Whether a pool's data is known to have room: not more than 90 percent used, and nobody was refused.
pub(in crate::rules) fn has_room(pool: &Pool) -> bool {
    pool.data.above(90) == Some(false)
        && pool.refused_data.is_none()
        && !refuses_changes(pool)
        && !matches!(pool.mode, Some(Mode::OutOfDataSpace))
}

/// The row of `lvs` for a pool.
pub(in crate::rules) fn volume<'a>(host: &'a Host, pool: &Pool) -> Option<&'a LogicalVolume> {
    host.lvm.volume(pool.lv.as_ref()?)
}

/// The ninth letter of LVM's attributes, the pool's health: `D` out of data, `M` metadata read-only, `F`
/// failed.
pub(in crate::rules) fn health(host: &Host, pool: &Pool) -> Option<char> {
    volume(host, pool)?.attr.chars().nth(8)
}

/// The pool that a line is about: by the device number the kernel puts in it, by its name, or the only one
/// there is.
pub(in crate::rules) fn pool_of<'a>(host: &'a Host, saying: &LogMessage) -> Option<&'a Pool> {
    let word_is_number = |w: &str| DeviceNumber::read(w.trim_end_matches(':'));
    let numbers: Vec<DeviceNumber> = saying.text.split_whitespace().filter_map(word_is_number).collect();
    let by_number = host.pools.iter().find(|p| p.device.is_some_and(|d| numbers.contains(&d)));
    let separates = |c: char| c.is_whitespace() || "'\"`(),;".contains(c);
    let says = |name: &str| saying.text.split(separates).any(|w| w.trim_end_matches([':', '.']) == name);
    // `pool` and `data` are words of the kernel's own sentences, not only names.
    let named = |p: &&Pool| {
        let by_lvm = p.lv.as_ref().is_some_and(|lv| says(&format!("{}/{}", lv.vg, lv.lv)));
        by_lvm || p.name.as_deref().is_some_and(|n| !matches!(n, "pool" | "data" | "thin") && says(n))
    };
    let only = || if let [pool] = host.pools.as_slice() { Some(pool) } else { None };
    by_number.or_else(|| host.pools.iter().find(named)).or_else(only)
}

/// What a line is about: its pool if it can be told, else a pool without a name.
pub(in crate::rules) fn pool_subject(host: &Host, saying: &LogMessage) -> Subject {
    pool_of(host, saying).map_or_else(|| Subject::pool_named("(pool not named)"), Subject::pool)
}

/// Docker as a subject, by its data root if known.
pub(in crate::rules) fn docker_subject(host: &Host) -> Subject {
    Subject::docker(docker_root(host))
}

/// Docker's data root, or where it usually is.
pub(in crate::rules) fn docker_root(host: &Host) -> &str {
    let said = host.pools.iter().filter_map(|p| p.docker_info.as_ref()).find_map(|i| i.root.as_deref());
    host.docker_roots.iter().find_map(|d| d.root.as_deref()).or(said).unwrap_or(DEFAULT_ROOT)
}

/// The filesystem a path is on: the one with the longest mount point above it.
pub(in crate::rules) fn filesystem_of<'a>(host: &'a Host, path: &str) -> Option<&'a Filesystem> {
    fs::filesystem_of(&host.filesystems, path)
}

/// What deleted files that are held open keep of a filesystem, and who holds the largest.
pub(in crate::rules) fn held_open(host: &Host, filesystem: &Filesystem) -> Option<(Bytes, String)> {
    let device = filesystem.device?.to_string();
    let mut files: Vec<&Deleted> = host.open_files.iter().filter(|f| f.identity.0 == device).collect();
    files.sort_by_key(|f| (std::cmp::Reverse(f.size), &f.identity));
    files.dedup_by_key(|f| &f.identity);
    let largest = files.first()?;
    let total = files.iter().filter_map(|f| f.size).fold(Bytes(0), Bytes::plus);
    Some((total, format!("{} ({})", largest.command, largest.pid)))
}

/// Whether thin pools are spoken of at all: there is one, or the settings name one.
pub(in crate::rules) fn speaks_of_thin_pools(host: &Host) -> bool {
    let driver =
        |d: &Docker| d.driver.as_deref() == Some("devicemapper") || d.option("dm.thinpooldev").is_some();
    let told = || {
        host.known(Message::PoolConfigured).chain(host.known(Message::ContainerdConfigured)).next().is_some()
    };
    !host.pools.is_empty() || host.docker_roots.iter().any(driver) || told()
}

/// A machine without a pool, and without anybody whose pool could be missing: what fails there is nothing of a pool's.
pub(in crate::rules) fn nobody_has_pools(host: &Host) -> bool {
    let inactive = host.lvm.volumes.iter().any(|v| v.attr.starts_with('t'));
    host.source == Source::Machine && host.docker_roots.is_empty() && !inactive && !speaks_of_thin_pools(host)
}

/// A pool's `docker info`, or that of any pool.
pub(in crate::rules) fn some_docker_info(host: &Host) -> Option<&DockerInfo> {
    host.pools.iter().find_map(|p| p.docker_info.as_ref())
}

/// Docker's version as major and minor, from its files or its report: `17.05.0-ce` is (17, 5).
pub(in crate::rules) fn docker_version(host: &Host) -> Option<(u32, u32)> {
    let of_files = host.docker_roots.iter().find_map(|d| d.version.as_deref());
    let said = some_docker_info(host).and_then(|i| i.server_version.as_deref());
    version(of_files.or(said)?)
}

/// The virtual size of Docker's base device: the most one container can write.
pub(in crate::rules) fn base_size(host: &Host, pool: &Pool) -> Option<Bytes> {
    let of_files = host.docker_of(pool).and_then(|d| d.base_size);
    of_files.or_else(|| pool.docker_info.as_ref()?.base_size)
}

/// Whether a pool is Docker's, or something Docker's was said about it.
pub(in crate::rules) fn is_dockers(host: &Host, pool: &Pool) -> bool {
    let docker_spoke = || {
        matches!(pool.owner, PoolOwner::Unknown)
            && (pool.docker_info.is_some() || pool.refused_data.is_some() || pool.refused_metadata.is_some())
    };
    pool.is_dockers()
        || docker_spoke()
        || (matches!(pool.owner, PoolOwner::Unknown) && !host.docker_roots.is_empty())
}

/// The paths that a `no space left on device` was said of, `None` for a line without one.
pub(in crate::rules) fn no_space_lines(host: &Host) -> impl Iterator<Item = (&LogMessage, Option<&str>)> {
    host.log_messages.iter().filter_map(|s| match &s.kind {
        Kind::NoSpaceLeft { path } => Some((s, path.as_deref())),
        _ => None,
    })
}

/// The pool a thin device lives in: by number, by the prefix Docker gives both names, or the only one there
/// is.
pub(in crate::rules) fn pool_of_thin<'a>(host: &'a Host, thin: &Thin) -> Option<&'a Pool> {
    let by_number = host.pools.iter().find(|p| p.device.is_some() && p.device == thin.pool);
    let prefixed = |p: &&Pool| {
        let prefix = p.name.as_deref().and_then(|n| n.strip_suffix("pool"));
        prefix.is_some_and(|x| !x.is_empty() && thin.name.starts_with(x))
    };
    let only = || if let [pool] = host.pools.as_slice() { Some(pool) } else { None };
    by_number.or_else(|| host.pools.iter().find(prefixed)).or_else(only)
}

/// Whether a device-mapper name is that of a container's or image's disk: Docker's prefix and 64 hexadecimal
/// digits, or containerd's `-snap-` and a number.
pub(in crate::rules) fn is_containers_disk(name: &str) -> bool {
    let hash = |tail: &str| tail.len() >= 12 && tail.chars().all(|c| c.is_ascii_hexdigit());
    let is_dockers = || {
        let plain = name.strip_suffix("-init").unwrap_or(name);
        plain.starts_with("docker-") && plain.rsplit('-').next().is_some_and(hash)
    };
    let number = |tail: &str| !tail.is_empty() && tail.chars().all(|c| c.is_ascii_digit());
    is_dockers() || name.rsplit_once("-snap-").is_some_and(|(_, tail)| number(tail))
}

/// What the filesystem under a pool's loop files still has, and how much more the files may demand of it.
pub(in crate::rules) struct LoopRoom {
    /// What the files may still grow by.
    pub(in crate::rules) growth: Bytes,
    /// What their filesystem has free.
    pub(in crate::rules) room: Bytes,
    /// Whether both were asked of the machine, not read off a rounded report.
    pub(in crate::rules) exact: bool,
}

/// The room under a pool's loop files, from their sizes, else from `docker info`, whose `Available` is the
/// lesser of what the pool and what the filesystem has free.
pub(in crate::rules) fn loop_room(host: &Host, pool: &Pool) -> Option<LoopRoom> {
    let exact = matches!(host.source, Source::Machine);
    loop_room_of_files(pool).map(|(growth, room)| LoopRoom { growth, room, exact }).or_else(|| {
        let (growth, room) = capped_by_filesystem(pool)?;
        Some(LoopRoom { growth, room, exact: false })
    })
}

fn loop_room_of_files(pool: &Pool) -> Option<(Bytes, Bytes)> {
    let (data, metadata) = (&pool.data_backing, &pool.metadata_backing);
    let filesystem = data.filesystem.as_ref()?;
    let growth = data.file.as_ref()?.may_grow()?;
    let shared = metadata.filesystem.as_ref().is_some_and(|f| f.mount == filesystem.mount);
    let more = metadata.file.as_ref().and_then(LoopFile::may_grow).filter(|_| shared).unwrap_or_default();
    Some((growth.plus(more), filesystem.free.or(filesystem.available)?))
}

/// `Available` of a `docker info` where it is clearly below total less used: then it is the filesystem's free
/// space.
pub(in crate::rules) fn capped_by_filesystem(pool: &Pool) -> Option<(Bytes, Bytes)> {
    let info = pool.docker_info.as_ref().filter(|i| !i.all_zero)?;
    let (used, total, available) = (info.data_used?, info.data_total?, info.data_available?);
    let free = Bytes(total.0.checked_sub(used.0)?);
    // Docker rounds each of the three to four digits: 0.05 percent of the total at most, twice.
    let clearly = available.plus(Bytes(total.0 / 500)) < free;
    clearly.then_some((free, available))
}

/// A filesystem on a thin device counts as full from here on, in percent used as tools print it.
const FULL_PERCENT: u64 = 98;

/// Severity of a full or nearly full filesystem on a thin device.
pub(in crate::rules) fn fullness(filesystem: &Filesystem) -> Option<Severity> {
    let none_left = filesystem.available.or(filesystem.free).is_some_and(|b| b.0 == 0);
    let percent = filesystem.used_percent.unwrap_or_else(|| used_percent(filesystem));
    if none_left || percent >= 100 {
        Some(Severity::Critical)
    } else {
        (percent >= FULL_PERCENT).then_some(Severity::Warning)
    }
}

/// Percent used, rounded down; 0 where it is not known.
fn used_percent(filesystem: &Filesystem) -> u64 {
    let (Some(size), Some(left)) = (filesystem.size, filesystem.available.or(filesystem.free)) else {
        return 0;
    };
    let used = u128::from(size.minus(left).0) * 100;
    used.checked_div(u128::from(size.0)).and_then(|p| u64::try_from(p).ok()).unwrap_or_default()
}

/// Whether a filesystem lies on a volume, by the two names that its node has.
pub(in crate::rules) fn is_on(filesystem: &Filesystem, volume: &LogicalVolume) -> bool {
    let (vg, lv) = (&volume.name.vg, &volume.name.lv);
    let nodes = [format!("/dev/{vg}/{lv}"), format!("/dev/mapper/{}", volume.name.dm_name())];
    filesystem.source.as_ref().is_some_and(|source| nodes.contains(source))
}

/// Whether a filesystem lies on a thin device: a container's disk, or a thin volume that `lvs` or the kernel lists.
pub(in crate::rules) fn is_on_a_thin_device(host: &Host, filesystem: &Filesystem) -> bool {
    let name = filesystem.source.as_deref().and_then(|s| s.strip_prefix("/dev/mapper/"));
    let active = |name: &str| host.thin_devices.iter().any(|t| t.name == name);
    let mut thin = host.lvm.volumes.iter().filter(|v| v.attr.starts_with('V'));
    name.is_some_and(|n| is_containers_disk(n) || active(n)) || thin.any(|v| is_on(filesystem, v))
}

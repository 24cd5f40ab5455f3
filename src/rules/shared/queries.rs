//! Queries on the facts of a host that several rules need.
//!
//! Sums and comparisons only; no findings.

use crate::forecast::length;
use crate::host::Host;
use crate::host::Source;
use crate::host::dm::status::Mode;
use crate::host::dm::table::DeviceNumber;
use crate::host::docker::Docker;
use crate::host::docker::info::DockerInfo;
use crate::host::fs::lsof::Deleted;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::lvm::LogicalVolume;
use crate::host::model::amounts::percent;
use crate::host::model::backing::{Filesystem, LoopFile};
use crate::host::model::pool::{Pool, PoolOwner, StatusAnswer};
use crate::host::model::space::Space;
use crate::host::model::text::{Text, text};
use crate::host::model::thin::Thin;
use crate::host::model::units::{Blocks, Bytes};
use crate::host::parse::version::version;
use crate::rules::Subject;
use crate::verdict::Severity;

/// Docker's default data root.
pub(in crate::rules) const DEFAULT_ROOT: &str = "/var/lib/docker";

/// Seconds for people: `45 s`, `3 min`, `2 h`.
pub(in crate::rules) fn span(secs: u64) -> String {
    length(i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// `1474560 of 1638400 blocks (90.0 %)`, or in bytes if only bytes are known.
pub(in crate::rules) fn used_of<B: Blocks>(space: &Space<B>) -> Option<Text> {
    let share = percent(space.permille()?);
    if let Some((used, total)) = space.used.zip(space.total) {
        return Some(text!("{} of {} blocks ({})", used.count(), total.count(), share));
    }
    let (used, total) = (space.used_in_bytes()?, space.total_in_bytes()?);
    Some(text!("{} of {} ({})", used, total, share))
}

/// Metadata in use, in words; `lvs` gives only the percentage.
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

/// The source of a pool's numbers.
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

/// Whether the pool's mode rejects every change to its metadata: nothing can be created or deleted.
pub(in crate::rules) const fn refuses_changes(pool: &Pool) -> bool {
    matches!(pool.mode, Some(Mode::ReadOnly | Mode::Failed)) || matches!(pool.needs_check, Some(true))
}

/// Whether the kernel reported the pool's state, so that older log lines are history.
pub(in crate::rules) const fn state_is_known(pool: &Pool) -> bool {
    pool.mode.is_some() || !matches!(pool.answer, StatusAnswer::NotAsked)
}

/// Whether any pool is in a state that explains refused device-mapper messages and failing writes.
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

/// Whether a pool's data is known to have room: at most 90 percent used, and no request refused.
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

/// The ninth of LVM's attributes, the pool's health: `D` out of data space, `M` metadata read-only, `F` failed.
pub(in crate::rules) fn health(host: &Host, pool: &Pool) -> Option<char> {
    volume(host, pool)?.attr.chars().nth(8)
}

/// The pool that a line is about: by the device number in a kernel line, by name, or the only pool.
pub(in crate::rules) fn pool_of<'a>(host: &'a Host, line: &LogMessage) -> Option<&'a Pool> {
    let word_is_number = |w: &str| DeviceNumber::read(w.trim_end_matches(':'));
    let numbers: Vec<DeviceNumber> = line.text.split_whitespace().filter_map(word_is_number).collect();
    let by_number = host.pools.iter().find(|p| p.device.is_some_and(|d| numbers.contains(&d)));
    let separates = |c: char| c.is_whitespace() || "'\"`(),;".contains(c);
    let says = |name: &str| line.text.split(separates).any(|w| w.trim_end_matches([':', '.']) == name);
    // `pool` and `data` also occur as ordinary words in the kernel's messages.
    let named = |p: &&Pool| {
        let by_lvm = p.lv.as_ref().is_some_and(|lv| says(&format!("{}/{}", lv.vg, lv.lv)));
        by_lvm || p.name.as_deref().is_some_and(|n| !matches!(n, "pool" | "data" | "thin") && says(n))
    };
    let only = || if let [pool] = host.pools.as_slice() { Some(pool) } else { None };
    by_number.or_else(|| host.pools.iter().find(named)).or_else(only)
}

/// The pool that a line is about as a subject; without a name if unknown.
pub(in crate::rules) fn pool_subject(host: &Host, line: &LogMessage) -> Subject {
    pool_of(host, line).map_or_else(|| Subject::pool_named("(pool not named)"), Subject::pool)
}

/// Docker as a subject, by its data root if known.
pub(in crate::rules) fn docker_subject(host: &Host) -> Subject {
    Subject::docker(docker_root(host))
}

/// Docker's data root, by default [`DEFAULT_ROOT`].
pub(in crate::rules) fn docker_root(host: &Host) -> &str {
    let said = host.pools.iter().filter_map(|p| p.docker_info.as_ref()).find_map(|i| i.root.as_deref());
    host.docker_roots.iter().find_map(|d| d.root.as_deref()).or(said).unwrap_or(DEFAULT_ROOT)
}

/// Bytes that deleted but open files keep on a filesystem, and the holder of the largest.
pub(in crate::rules) fn held_open(host: &Host, filesystem: &Filesystem) -> Option<(Bytes, String)> {
    let device = filesystem.device?.to_string();
    let mut files: Vec<&Deleted> = host.open_files.iter().filter(|f| f.identity.0 == device).collect();
    files.sort_by_key(|f| (std::cmp::Reverse(f.size), &f.identity));
    files.dedup_by_key(|f| &f.identity);
    let largest = files.first()?;
    let total = files.iter().filter_map(|f| f.size).fold(Bytes(0), Bytes::plus);
    Some((total, format!("{} ({})", largest.command, largest.pid)))
}

/// Whether the input is about thin pools at all: one exists, or the settings name one.
pub(in crate::rules) fn involves_thin_pools(host: &Host) -> bool {
    let driver =
        |d: &Docker| d.driver.as_deref() == Some("devicemapper") || d.option("dm.thinpooldev").is_some();
    let told = || {
        host.known(Message::PoolConfigured).chain(host.known(Message::ContainerdConfigured)).next().is_some()
    };
    !host.pools.is_empty() || host.docker_roots.iter().any(driver) || told()
}

/// A live host without a pool and without an engine that could miss one: failures there are not a pool's.
pub(in crate::rules) fn no_pools_expected(host: &Host) -> bool {
    let inactive = host.lvm.volumes.iter().any(|v| v.attr.starts_with('t'));
    host.source == Source::Machine && host.docker_roots.is_empty() && !inactive && !involves_thin_pools(host)
}

/// The `docker info` of any pool.
pub(in crate::rules) fn some_docker_info(host: &Host) -> Option<&DockerInfo> {
    host.pools.iter().find_map(|p| p.docker_info.as_ref())
}

/// Docker's version (major, minor) from its files or report: `17.05.0-ce` is (17, 5).
pub(in crate::rules) fn docker_version(host: &Host) -> Option<(u32, u32)> {
    let of_files = host.docker_roots.iter().find_map(|d| d.version.as_deref());
    let said = some_docker_info(host).and_then(|i| i.server_version.as_deref());
    version(of_files.or(said)?)
}

/// The virtual size of Docker's base device: the most that one container can write.
pub(in crate::rules) fn base_size(host: &Host, pool: &Pool) -> Option<Bytes> {
    let of_files = host.docker_of(pool).and_then(|d| d.base_size);
    of_files.or_else(|| pool.docker_info.as_ref()?.base_size)
}

/// Whether a pool belongs to Docker, or Docker reported about it.
pub(in crate::rules) fn is_dockers(host: &Host, pool: &Pool) -> bool {
    let docker_spoke = || {
        matches!(pool.owner, PoolOwner::Unknown)
            && (pool.docker_info.is_some() || pool.refused_data.is_some() || pool.refused_metadata.is_some())
    };
    pool.is_dockers()
        || docker_spoke()
        || (matches!(pool.owner, PoolOwner::Unknown) && !host.docker_roots.is_empty())
}

/// Lines with `no space left on device` and their paths; `None` for a line without one.
pub(in crate::rules) fn no_space_lines(host: &Host) -> impl Iterator<Item = (&LogMessage, Option<&str>)> {
    host.log_messages.iter().filter_map(|s| match &s.kind {
        Kind::NoSpaceLeft { path } => Some((s, path.as_deref())),
        _ => None,
    })
}

/// The pool of a thin device: by number, by Docker's common name prefix, or the only pool.
pub(in crate::rules) fn pool_of_thin<'a>(host: &'a Host, thin: &Thin) -> Option<&'a Pool> {
    let by_number = host.pools.iter().find(|p| p.device.is_some() && p.device == thin.pool);
    let prefixed = |p: &&Pool| {
        let prefix = p.name.as_deref().and_then(|n| n.strip_suffix("pool"));
        prefix.is_some_and(|x| !x.is_empty() && thin.name.starts_with(x))
    };
    let only = || if let [pool] = host.pools.as_slice() { Some(pool) } else { None };
    by_number.or_else(|| host.pools.iter().find(prefixed)).or_else(only)
}

/// Whether a device-mapper name is that of a container's or image's device: Docker's prefix and 64 hexadecimal
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

/// Free space under a pool's loop files, and how much the files can still grow.
pub(in crate::rules) struct LoopRoom {
    /// How much the files can still grow.
    pub(in crate::rules) growth: Bytes,
    /// Free space of their filesystem.
    pub(in crate::rules) room: Bytes,
    /// Whether both were measured on the machine, not taken from a rounded report.
    pub(in crate::rules) exact: bool,
}

/// Room under a pool's loop files, from their sizes, else from `docker info`, whose `Available` is the smaller of the
/// pool's and the filesystem's free space.
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

/// `Available` and the pool's free space from `docker info`, if `Available` is clearly smaller: then it is the
/// filesystem's free space.
pub(in crate::rules) fn capped_by_filesystem(pool: &Pool) -> Option<(Bytes, Bytes)> {
    let info = pool.docker_info.as_ref().filter(|i| !i.all_zero)?;
    let (used, total, available) = (info.data_used?, info.data_total?, info.data_available?);
    let free = Bytes(total.0.checked_sub(used.0)?);
    // Docker rounds each number to four significant digits: an error of at most 0.05 percent of the total, for two
    // numbers.
    let clearly = available.plus(Bytes(total.0 / 500)) < free;
    clearly.then_some((free, available))
}

/// Percent of use, as tools print it, from which a filesystem on a thin device counts as full.
const FULL_PERCENT: u64 = 98;

/// Severity of a full or nearly full filesystem on a thin device.
pub(in crate::rules) fn fullness(filesystem: &Filesystem) -> Option<Severity> {
    let none_left = filesystem.left().is_some_and(|b| b.0 == 0);
    let percent = filesystem.percent_used().unwrap_or_default();
    if none_left || percent >= 100 {
        Some(Severity::Critical)
    } else {
        (percent >= FULL_PERCENT).then_some(Severity::Warning)
    }
}

/// Whether a filesystem is on a volume, by either of the names of its node.
pub(in crate::rules) fn is_on(filesystem: &Filesystem, volume: &LogicalVolume) -> bool {
    let (vg, lv) = (&volume.name.vg, &volume.name.lv);
    let nodes = [format!("/dev/{vg}/{lv}"), format!("/dev/mapper/{}", volume.name.dm_name())];
    filesystem.source.as_ref().is_some_and(|source| nodes.contains(source))
}

/// Whether a filesystem is on a thin device: a container's device, or a thin volume that `lvs` or the kernel lists.
pub(in crate::rules) fn is_on_a_thin_device(host: &Host, filesystem: &Filesystem) -> bool {
    let name = filesystem.source.as_deref().and_then(|s| s.strip_prefix("/dev/mapper/"));
    let active = |name: &str| host.thin_devices.iter().any(|t| t.name == name);
    let mut thin = host.lvm.volumes.iter().filter(|v| v.attr.starts_with('V'));
    name.is_some_and(|n| is_containers_disk(n) || active(n)) || thin.any(|v| is_on(filesystem, v))
}

//! Rule: one container's own filesystem is full, while the pool has room.

use super::shared::enospc_path::{Place, place};
use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::model::backing::Filesystem;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::text;
use crate::host::model::thin::Thin;
use crate::host::model::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A container has reached the size of its own disk, while the pool has room.
    ///
    /// ## What it means
    /// Each container's root filesystem lies on a thin device of a fixed virtual size: the base device's (10
    /// GiB by default, 100 GiB in Docker 1.8 and 1.9). When that filesystem is full, writes in this container
    /// fail with `no space left on device`, however empty the pool is. A download or layer larger than the
    /// base size fails the same way, and `docker info` taken afterwards looks harmless.
    ///
    /// ## Why it matters
    /// The message does not say which limit was hit. Freeing space in the pool, or growing it, changes
    /// nothing.
    ///
    /// ## What to do
    /// Put the data in a volume, which does not lie in the pool. Or give containers larger disks: raise
    /// `dm.basesize` (1.10 and later, after a restart; images must be pulled again to get it) or
    /// `docker run --storage-opt size=` (1.12 and later).
    ///
    /// ## References
    /// moby/moby issues 10613, 10699, 22659; moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `growFS`.
    ///
    /// ## Example
    /// A nearly empty pool and a download of more than the base size:
    /// ```host
    /// write /data/repository.pack: no space left on device
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-8:1-131188-pool
    ///  Data file: /var/lib/docker/devicemapper/devicemapper/data
    ///  Metadata file: /var/lib/docker/devicemapper/devicemapper/metadata
    ///  Data Space Used: 291.5 Mb
    ///  Data Space Total: 102400.0 Mb
    ///  Metadata Space Used: 0.7 Mb
    ///  Metadata Space Total: 2048.0 Mb
    /// ```
    /// With the pool itself full it is not the container's limit:
    /// ```host quiet
    /// write /data/repository.pack: no space left on device
    /// docker-8:1-131188-pool: 0 209715200 thin-pool 6 484/524288 1638400/1638400 - out_of_data_space discard_passdown error_if_no_space - 1024
    /// ```
    "container-size-limit", since "0.1.0", check
}

/// Percent of mapped sectors from which a thin device counts as full: ext4 never writes all of its own tables, and a
/// full one was measured at 97.7 percent.
const MAPPED_PERCENT: u64 = 97;
/// Percent of the device that a container's own files take, not counting its image.
const LISTED_PERCENT: u64 = 90;
/// Docker's default base size, to 1.7 and from 1.10.
const DEFAULT_BASE: Bytes = Bytes(10 << 30);

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.thin_devices.iter().filter_map(|t| check_thin(host, t)).collect();
    found.extend(host.filesystems.iter().filter_map(|f| check_filesystem(host, f)));
    if found.is_empty() {
        found.extend(check_list(host));
    }
    if found.is_empty() {
        found.extend(check_log(host));
    }
    found
}

/// A thin device that is almost fully mapped, or whose filesystem is full.
fn check_thin(host: &Host, thin: &Thin) -> Option<Finding> {
    let pool = queries::pool_of_thin(host, thin);
    let containers =
        pool.is_some_and(|p| matches!(p.owner, PoolOwner::Docker { .. } | PoolOwner::Containerd { .. }));
    if !(queries::is_containers_disk(&thin.name) || containers && !thin.name.ends_with("-base")) {
        return None;
    }
    if pool.is_some_and(|p| p.data.is_full()) {
        return None;
    }
    let length = thin.length.map(|l| l.bytes());
    let subject = Subject::thin_device(thin.name.clone());
    let container = pool.and_then(|p| thin_devices::container(p, thin.device_id?));
    if let Some(full) = thin.filesystem.as_ref().and_then(queries::fullness) {
        let finding = full_filesystem(subject, full, length, thin.filesystem.as_ref()?, container.as_deref());
        let finding = Finding { certainty: Certainty::Certain, ..finding };
        let advice = advice(host, thin.filesystem.as_ref(), container.as_deref(), length);
        return Some(finding.advise_all(advice));
    }
    let asked = thin.filesystem.as_ref().is_some_and(|f| f.free.is_some() || f.used_percent.is_some());
    let (mapped, length) = (thin.mapped()?, length.filter(|l| l.0 > 0)?);
    if asked || u128::from(mapped.0) * 100 < u128::from(length.0) * u128::from(MAPPED_PERCENT) {
        return None;
    }
    let owner = thin_devices::possessive(container.as_deref());
    let summary =
        text!("{} disk is nearly all written: {} of {}; its filesystem may be full", owner, mapped, length);
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary)
        .with_evidence("mapped", mapped, "thin status")
        .with_evidence("size of its disk", length, "thin status");
    Some(finding.advise_all(advice(host, None, container.as_deref(), Some(length))))
}

/// A container whose own files (`docker ps -s`) take almost its whole device.
fn check_list(host: &Host) -> Option<Finding> {
    let pool = host.pools.iter().find(|p| queries::is_dockers(host, p))?;
    let base = queries::base_size(host, pool).filter(|b| b.0 > 0)?;
    let near = |size: Bytes| u128::from(size.0) * 100 >= u128::from(base.0) * u128::from(LISTED_PERCENT);
    let largest = host.containers.iter().filter(|c| c.size.is_some_and(near)).max_by_key(|c| c.size)?;
    let (size, name) = (largest.size?, largest.name.as_ref().unwrap_or(&largest.id));
    let summary = text!(
        "A container has written {}, nearly all of its disk of {}; the pool's room does not help it",
        size,
        base
    );
    let finding =
        Finding::new(&RULE, Severity::Warning, Certainty::Likely, Subject::container(name.clone()), summary)
            .with_evidence("its own files", size, "docker ps")
            .with_evidence("size of its disk", base, "docker info");
    Some(finding.advise_all(advice(host, None, Some(name), Some(base))))
}

/// A row of `df` that shows a container's filesystem full.
fn check_filesystem(host: &Host, filesystem: &Filesystem) -> Option<Finding> {
    let source = filesystem.source.as_deref().unwrap_or_default();
    let name = source.rsplit('/').next().unwrap_or_default();
    let mount = filesystem.mount.as_deref().unwrap_or_default();
    let mounted_layer = place(mount, queries::docker_root(host)) == Place::Container;
    let reported = host.thin_devices.iter().any(|t| t.name == name && t.filesystem.is_some());
    if reported || !(queries::is_containers_disk(name) || mounted_layer) {
        return None;
    }
    let full = queries::fullness(filesystem)?;
    let name = if queries::is_containers_disk(name) { name } else { mount };
    let subject = Subject::thin_device(name);
    let finding = full_filesystem(subject, full, filesystem.size, filesystem, None);
    Some(finding.advise_all(advice_general(None)))
}

fn full_filesystem(
    subject: Subject,
    severity: Severity,
    size: Option<Bytes>,
    fs: &Filesystem,
    container: Option<&str>,
) -> Finding {
    let left = fs.left().map(|b| text!("{} left", b)).unwrap_or_default();
    let of = size.map(|s| text!(" of its {}", s)).unwrap_or_default();
    let left = if left.is_empty() { "nearly nothing left".into() } else { left };
    let owner = thin_devices::possessive(container);
    let summary = text!("{} own filesystem is full: {}{}; the pool's room does not help it", owner, left, of);
    let used = fs.used_percent.map(|p| text!("{} % used", p)).unwrap_or_else(|| left.clone());
    Finding::new(&RULE, severity, Certainty::Likely, subject, summary).with_evidence(
        "its filesystem",
        used,
        "df or statfs",
    )
}

/// "No space left" with a path in a container, or without a path while the pool has room.
fn check_log(host: &Host) -> Option<Finding> {
    let root = queries::docker_root(host);
    let stuck = queries::some_pool_is_stuck(host) || host.pools.iter().any(|p| p.refused_data.is_some());
    let roomy = host.pools.iter().find(|p| queries::is_dockers(host, p) && queries::has_room(p));
    let explains = |path: Option<&str>| match path.map(|p| place(p, root)) {
        Some(Place::Container) => !stuck,
        Some(Place::Unknown) | None => roomy.is_some() && !stuck,
        Some(Place::DockersFiles | Place::Run) => false,
    };
    let no_space = queries::no_space_lines(host).find(|(_, path)| explains(*path)).map(|(line, _)| line);
    // A package manager reports the filesystem it runs on; in a container that is the container's own.
    let package = || {
        log_findings::lines(host, &[Message::PackageNeedsSpace]).into_iter().next().filter(|_| explains(None))
    };
    Some(limit_hit(host, no_space.or_else(package)?, roomy))
}

fn limit_hit(host: &Host, line: &LogMessage, roomy: Option<&Pool>) -> Finding {
    let known = roomy.and_then(|p| queries::base_size(host, p));
    let base = known.unwrap_or(DEFAULT_BASE);
    let whence = if known.is_some() {
        "Docker's records or report"
    } else {
        "the default; Docker 1.8 and 1.9: 100 GiB"
    };
    let wanted = host.log_messages.iter().find_map(|s| match s.kind {
        Kind::WantedToWrite { bytes } if bytes > base => Some((bytes, s)),
        _ => None,
    });
    let more = wanted.map(|(b, _)| text!("; {} were to be written", b)).unwrap_or_default();
    let room = if roomy.is_some() { ": the pool has room" } else { "" };
    let summary = text!("A container has most likely reached its own limit of {}{}{}", base, room, more);
    let subject = Subject::container("(not named)");
    let mut finding = Finding::new(&RULE, Severity::Critical, Certainty::Likely, subject, summary)
        .with_log_lines(&[line])
        .with_evidence("size of the base device", base, whence);
    if let Some(used) = roomy.and_then(|p| queries::used_of(&p.data)) {
        finding = finding.with_evidence("pool data in use", used, "report");
    }
    if let Some((_, said)) = wanted {
        finding = finding.with_log_lines(&[said]);
    }
    finding.advise_all(advice(host, None, None, None))
}

/// The release from which the base device can be enlarged, and the one from which each container can have its own
/// size.
const BASE_GROWS: (u32, u32) = (1, 10);
const SIZE_OPTION: (u32, u32) = (1, 12);

/// Advice for one container; filesystem, name and size are included if known.
fn advice(
    host: &Host,
    filesystem: Option<&Filesystem>,
    container: Option<&str>,
    size: Option<Bytes>,
) -> Vec<Advice> {
    let version = queries::docker_version(host);
    let reports_versions = queries::some_docker_info(host).is_none_or(|i| i.server_version.is_some());
    let at_least = |v| if reports_versions { version.is_none_or(|x| x >= v) } else { false };
    let mut all = advice_general(filesystem.and_then(|f| f.mount.as_deref()));
    if at_least(SIZE_OPTION) {
        all.push(larger(container, size));
    }
    if at_least(BASE_GROWS) {
        let does =
            "raise dm.basesize in daemon.json and restart Docker; images must be pulled again to get it";
        all.push(Advice::new(Risk::Stops, does, &[]));
    }
    all
}

/// Recreates a container with a device of twice the size.
fn larger(container: Option<&str>, size: Option<Bytes>) -> Advice {
    let (Some(name), Some(size)) = (container, size) else {
        let does = "start it anew with a larger disk (what is in the old one is not carried over)";
        return Advice::new(Risk::Stops, does, &["docker run --help | grep -A1 storage-opt"]);
    };
    let does = "stop it and start another of its image with twice the disk; add the options it was run with (what it \
                wrote is not carried over: `docker cp` takes it out, also of a stopped one)";
    let name = quote(name);
    let (stop, mebibytes) = (format!("docker stop {name}"), size.0.div_ceil(1 << 19));
    let image = format!("\"$(docker inspect -f '{{{{.Config.Image}}}}' {name})\"");
    let run = format!("docker run -d --storage-opt size={mebibytes}M {image}");
    Advice::new(Risk::Stops, does, &[&stop, &run])
}

fn advice_general(mount: Option<&str>) -> Vec<Advice> {
    let look = match mount {
        Some(mount) => {
            let du = format!("du -xam {} 2>/dev/null | sort -n | tail -n 20", quote(mount));
            advice::inspect("see what in it is large: its files as the host sees them, in MiB", &[&du])
        }
        None => {
            let see = "see how full each running container's own filesystem is, and its inodes";
            let df = "docker ps -q | xargs -r -I{} sh -c 'echo {}; docker exec {} df -h /; docker exec {} df -i /'";
            advice::inspect(see, &[df])
        }
    };
    let volume = "keep large data in a volume (docker run -v): volumes do not lie in the pool";
    vec![look, Advice::new(Risk::Changes, volume, &[])]
}

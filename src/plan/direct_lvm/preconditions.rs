//! Reasons why a pool cannot be moved, and warnings.
//!
//! Damage, lost files and an unknown owner block the plan, because a copy would preserve or worsen them.

use super::DirectLvmContext;
use super::engine::Engine;
use super::layout::{self, Demand, Layout, Room};
use super::target::{Target, free};
use crate::advice::recipes::pool_option;
use crate::host::docker::Docker;
use crate::host::model::backing::Backing;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::host::owners::{Container, Owners};
use crate::host::parse::version;
use crate::host::{DeviceMapper, Host};
use crate::plan::Plan;
use crate::plan::pool_facts::{State, state};

/// The engine that owns the pool, or the reason why it cannot be moved.
pub(super) fn pool<'a>(plan: &mut Plan, host: &'a Host, pool: &'a Pool) -> Result<Engine<'a>, String> {
    if host.kernel.device_mapper == DeviceMapper::NotAsked {
        return Err(
            "pasted text does not say which disks there are: make the plan on the host itself, as root"
                .into(),
        );
    }
    owner(pool)?;
    let uuid = pool.uuid.as_deref().unwrap_or_default();
    if pool.lv.is_some() || uuid.starts_with("LVM-") {
        return Err("the pool is on LVM already".into());
    }
    lost(pool)?;
    let whose = Engine::read(host, pool)?;
    whose.docker().map_or(Ok(()), movable)?;
    // An inactive pool has no mode; the script checks its metadata.
    let up = pool.device.is_some();
    match state(pool) {
        State::Blocked(why, steps) => {
            plan.steps = steps;
            return Err(why);
        }
        State::DataFull => plan.warn(
            "the pool is full: what containers tried to write meanwhile may be lost already, whatever is done now; the \
             new pool has room",
        ),
        State::MetadataFull => plan.warn("the pool has no free metadata: the new one has more, nothing else is needed"),
        State::Unknown if !up && whose.docker().is_none() => {
            return Err("the pool is not set up: set it up as at boot, then make the plan".into());
        }
        State::Unknown if up => return Err("the pool's mode is not known here: run it as root".into()),
        State::Works | State::Unknown => {}
    }
    if files(pool).is_none() {
        return Err(format!(
            "the pool is not on loop files that are known here: this plan moves only those{}",
            place(pool)
        ));
    }
    Ok(whose)
}

fn owner(pool: &Pool) -> Result<(), String> {
    match &pool.owner {
        PoolOwner::Docker { .. } | PoolOwner::Containerd { .. } => Ok(()),
        PoolOwner::ContainersStorage => Err(
            "the pool is of Podman's or CRI-O's old devicemapper driver (containers/storage), which its version 1.54 \
             removed: save the images (podman save, or push them) and move to the driver overlay instead"
                .into(),
        ),
        PoolOwner::Lvm => Err("the pool is LVM's own already".into()),
        PoolOwner::Stratis => Err("the pool is of Stratis, which manages its devices itself".into()),
        PoolOwner::Unknown => Err("whose pool it is was not recognised: this plan moves Docker's and containerd's".into()),
    }
}

/// A file without a name is lost when its loop device goes: the copy must not be the first thing to stop Docker.
fn lost(pool: &Pool) -> Result<(), String> {
    let lost = [&pool.data_backing, &pool.metadata_backing].into_iter().filter_map(|b| b.file.as_ref());
    match lost.into_iter().find(|f| f.deleted || f.replaced) {
        Some(file) => Err(format!(
            "the loop file {:?} was deleted or replaced while in use, and stopping its owner would lose it: see \
             `thinspect plan repair{}` first",
            file.path,
            pool_option(pool)
        )),
        None => Ok(()),
    }
}

/// Whether this Docker can be moved.
fn movable(docker: &Docker) -> Result<(), String> {
    if docker.swarm == Some(true) {
        return Err(
            "this host is part of a swarm, which makes its containers anew wherever they are stopped: drain it (`docker \
             node update --availability drain`), let it leave (`docker swarm leave`), and plan again"
                .into(),
        );
    }
    let Some(version) = &docker.version else { return Ok(()) };
    let Some(release) = version::version(version) else { return Ok(()) };
    if release >= (25, 0) {
        return Err(format!(
            "Docker {version} has no devicemapper driver any more: see `thinspect plan overlay2` for the way to overlay2"
        ));
    }
    if release < (1, 4) {
        return Err(format!("Docker {version} cannot use a pool of LVM's (dm.thinpooldev came with 1.4)"));
    }
    Ok(())
}

fn place(pool: &Pool) -> String {
    pool.data_backing.path.as_ref().map(|p| format!(" (its data is on {p})")).unwrap_or_default()
}

/// The loop files of data and metadata.
pub(super) fn files(pool: &Pool) -> Option<(&str, &str)> {
    fn path(backing: &Backing) -> Option<&str> {
        backing.file.as_ref().map(|f| f.path.as_str()).filter(|p| p.starts_with('/'))
    }
    Some((path(&pool.data_backing)?, path(&pool.metadata_backing)?))
}

/// Reason for refusing a damaged pool.
pub(super) fn damaged(pool: &Pool) -> String {
    format!(
        "the pool's metadata is damaged or marked needs_check: see `thinspect plan repair{}` first",
        pool_option(pool)
    )
}

/// Why no size can be computed.
pub(super) fn unknown_use(pool: &Pool) -> String {
    format!(
        "how much of the pool is in use is not known here: make the plan on the host itself, as root, or give a copy of \
         the pool's metadata ({}) with --metadata",
        files(pool)
            .map_or("devicemapper/devicemapper/metadata below Docker's data root", |(_, metadata)| metadata)
    )
}

/// Possible destinations, if none was given.
pub(super) fn no_place(host: &Host, demand: &Demand) -> Text {
    let fits = |room: &Room| layout::layout(demand, room, None).needed <= room.usable;
    let disks = host.disks.iter().filter(|d| free(host, d).is_ok());
    let disks = disks.filter(|d| d.size.is_some_and(|s| fits(&Room::device(s.0))));
    let disks = disks.map(|d| format!("--device {}", d.node));
    let groups = host.lvm.groups.iter().filter(|g| {
        g.free.is_some_and(|f| fits(&Room::group(f.0, g.extent.map_or(layout::EXTENT, |e| e.0))))
    });
    let known: Vec<String> = disks.chain(groups.map(|g| format!("--vg {}", g.name))).collect();
    let needed = layout::layout(demand, &Room::device(u64::MAX >> 1), None);
    let least = Bytes(needed.needed);
    if known.is_empty() {
        return text!(
            "no disk is free and no volume group has the {} that are needed: add a disk, and name it with --device",
            least
        );
    }
    text!("name where to: {} (at least {} are needed)", known.join(", or "), least)
}

/// Reason why a requested size is too small.
pub(super) fn asked_too_little(demand: &Demand, layout: &Layout, asked: Bytes) -> Text {
    let used = Bytes(demand.used.saturating_mul(demand.block));
    text!(
        "{} are too little: {} are in use, and are to be at most {} % of at least {}",
        asked,
        used,
        layout.threshold,
        Bytes(layout.least)
    )
}

/// Compares the space needed with the space available.
pub(super) fn too_small(demand: &Demand, target: &Target, layout: &Layout, asked: Option<Bytes>) -> Text {
    let what = match &target.device {
        Some((node, _)) => text!("{} is too small: it has {}", node, target.bytes),
        None => text!("volume group {} has only {} free", format!("{:?}", target.volume.vg), target.bytes),
    };
    let used = Bytes(demand.used.saturating_mul(demand.block));
    let data = match asked {
        Some(asked) => text!("{} of data as asked for", asked),
        None => text!(
            "{} of data, of which {} in use are at most {} %",
            Bytes(layout.least),
            used,
            layout.threshold
        ),
    };
    text!(
        "{}, and {} are needed: {}, {} % to grow by, and the metadata twice",
        what,
        Bytes(layout.needed),
        data,
        layout::GROWTH
    )
}

/// Default sector size of a disk, in bytes.
const SECTORS: u64 = 512;

/// Filesystems that were made on small sectors are not mounted on larger ones (XFS: fs/xfs/xfs_mount.c, "device supports
/// … byte sectors").
pub(super) fn larger_sectors(pool: &Pool, target: &Target) -> Option<String> {
    let (has, had) = (target.logical_block?, pool.data_backing.logical_block.unwrap_or(SECTORS));
    let (node, _) = target.device.as_ref()?;
    (has > had).then(|| {
        format!(
            "{node} has sectors of {has} bytes and the pool of {had}: the containers' filesystems were made for those, and \
             would not be mounted; name a disk with sectors of {had} bytes (lsblk -o NAME,LOG-SEC)"
        )
    })
}

/// Adds the warnings.
pub(super) fn warnings(plan: &mut Plan, context: &DirectLvmContext<'_>) {
    let bytes = context.demand.used.saturating_mul(context.demand.block);
    let minutes = bytes.saturating_mul(2) / (100_000_000 * 60);
    plan.warn(text!(
        "{} are stopped for as long as it takes to copy {} and compare it: about {} at 100 MB/s",
        if context.whose.docker().is_some() { "containers and Docker" } else { "containerd and its tasks" },
        Bytes(bytes),
        match minutes {
            0 => "a minute".to_owned(),
            1 => "two minutes".to_owned(),
            minutes => format!("{} minutes", minutes.saturating_add(1)),
        }
    ));
    match context.whose {
        Engine::Docker { docker, .. } => of_docker(plan, context, docker),
        Engine::Containerd { .. } => plan.warn(format!(
            "the new pool is called {}: as long as the old one's name, since containerd's list of devices, which bears it, is \
             changed in its place",
            context.new_pool()
        )),
    }
    if context.demand.base > context.layout.data {
        plan.warn(text!(
            "one container may write up to {}, more than the new pool's {}",
            Bytes(context.demand.base),
            Bytes(context.layout.data)
        ));
    }
    if context.layout.growth < context.layout.data / 100 * layout::GROWTH {
        plan.warn("there is no room for LVM to grow the pool once: add a disk to the group (vgextend) soon");
    }
}

/// Warns about containerd containers that may be running, whose devices cannot be removed.
pub(super) fn tasks(plan: &mut Plan, owners: &Owners) {
    let busy = owners.containers.iter().filter(|c| !c.state.is_idle());
    let name = |c: &Container| format!("{}/{}", c.namespace.as_deref().unwrap_or_default(), c.id);
    let busy: Vec<String> = busy.map(name).collect();
    if !busy.is_empty() {
        plan.warn(format!(
            "these containers have a task, which has to be ended before the script begins: {}; on Kubernetes stop kubelet \
             first, which starts them again",
            busy.join(", ")
        ));
    }
}

fn of_docker(plan: &mut Plan, context: &DirectLvmContext<'_>, docker: &Docker) {
    if docker.version.as_deref().and_then(version::version) >= Some((18, 9)) {
        plan.warn(
            "the devicemapper driver is deprecated since Docker 18.09 and gone from 25.0: where overlay2 can be used, \
             `thinspect plan overlay2` lasts longer",
        );
    }
    if let Some(note) = automatic(context, docker) {
        plan.warn(note);
    }
    if docker.running == Some(false) {
        plan.warn("the Docker daemon is not running: it is not needed before the last steps, and is started in them");
    }
    if layout::percent(context.demand.percent) != context.demand.percent {
        plan.warn(format!(
            "dm.min_free_space is {} %: Docker would refuse new layers before LVM grows the pool, so it becomes {} %",
            context.demand.percent,
            layout::percent(context.demand.percent)
        ));
    }
}

/// Docker's automatic setup of such a pool (17.06, daemon/graphdriver/devmapper/device_setup.go), and why it may not
/// apply.
fn automatic(context: &DirectLvmContext<'_>, docker: &Docker) -> Option<String> {
    let (node, _) = context.target.device.as_ref()?;
    (version::version(docker.version.as_deref()?)? >= (17, 6)).then(|| {
        format!(
            "not this way: dm.directlvm_device={node} lets Docker set up an empty pool by itself, for a data root with \
             nothing in it; with this one the daemon would not start, as its base device is not in that pool. It also \
             leaves less free than the 20 % by which LVM is to grow it, and does not look whether dmeventd watches"
        )
    })
}

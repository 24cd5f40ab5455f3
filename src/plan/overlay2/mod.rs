//! Plan for migrating Docker from devicemapper to overlay2: kernel and filesystem support, what has to be saved and
//! where it fits, and the steps.
//!
//! The old pool is only read until a separate last step removes it. Conditions that would make Docker fail later block
//! the plan before anything is changed.

mod archives;
mod old_engine;
mod steps;

use super::daemon_json::{Edited, Setting, difference, options_without, with_settings};
use super::inventory::{Inventory, inventory};
use super::numbers::Numbers;
use super::pool_facts::{State, state};
use super::settings::{self, Place as SettingsPlace};
use super::settings_change::Change;
use super::{Goal, Piece, Plan, ScriptStep, Step, items, script};
use crate::advice::recipes::pool_option;
use crate::advice::since::Versions;
use crate::advice::{Risk, quote};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::model::backing::Filesystem;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::units::Bytes;
use crate::host::owners::Owners;
use crate::host::parse::version::{el7_build, version};
use crate::plan::Number;
use archives::{Place, Sizes};
use serde_json::Value;
use std::collections::BTreeMap;
use steps::Migration;

/// Options of the plan, and facts that were read for it.
#[derive(Debug, Clone, Default)]
pub struct Overlay2 {
    /// Directory for the archives; by default chosen by free space.
    pub archives: Option<String>,
    /// Directory of an older engine that still has the driver, needed if the installed one has not.
    pub old_engine: Option<String>,
    /// Who the thin devices belong to.
    pub owners: Owners,
    /// Bytes mapped only by one thin device, by device id; `None` if the pool's metadata was not counted.
    pub written: Option<BTreeMap<u32, Bytes>>,
}

/// Saves images and containers in archives, loads them, and hands the containers over to the new store.
static ARCHIVE: Piece = Piece {
    name: "overlay2/archive.sh",
    text: include_str!("archive.sh"),
    requires: &[&script::SETTINGS, &script::SETTINGS_COPY, &OLD_ENGINE],
    expects: &[],
};
/// Runs an older engine in place of the installed one.
static OLD_ENGINE: Piece = Piece {
    name: "overlay2/old_engine.sh",
    text: include_str!("old_engine.sh"),
    requires: &[&script::DOCKER_STATE],
    expects: &[],
};
/// The steps.
pub(super) static SHELL: Piece = Piece {
    name: "overlay2/overlay2.sh",
    text: include_str!("overlay2.sh"),
    requires: &[&ARCHIVE],
    expects: &[],
};

/// The name of the directory for archives.
const NAME: &str = "thinspect-overlay2";
/// Where the script is kept.
const SCRIPT: &str = "/root/thinspect-overlay2.sh";

/// Plans the migration of Docker from its thin pool to overlay2.
pub(super) fn overlay2(host: &Host, pool: &Pool, options: &Overlay2) -> Plan {
    let mut plan = Plan::new(Goal::Overlay2, host, pool, Numbers::default());
    let Some(docker) = docker_of(&mut plan, host, pool) else { return plan };
    let inventory = inventory(pool, docker, &options.owners, options.written.as_ref());
    let sizes = Sizes::of(&inventory);
    numbers(&mut plan, docker, &inventory, &sizes);
    plan.items = items::items(&inventory);
    refuse(&mut plan, host, docker, options);
    refuse_state(&mut plan, pool, docker, options);
    warn(&mut plan, docker, &inventory, &sizes, options);
    if options.owners.images.is_empty() && options.owners.containers.is_empty() && !inventory.gaps.is_empty()
    {
        plan.block(format!(
            "Docker's records of images and containers were not read ({}): plan on the host itself as root, or from a new \
             recording",
            inventory.gaps.first().map(String::as_str).unwrap_or_default()
        ));
        return plan;
    }
    let place = match archives::place(host, docker, &sizes, options.archives.as_deref(), NAME) {
        Ok(place) => place,
        Err(why) => {
            plan.block(why);
            return plan;
        }
    };
    plan.numbers.set(Number::ArchiveFreeBytes, place.free);
    if !place.beside && !plan.items.is_empty() {
        plan.warn(format!(
            "the archives go to {}: the data root's filesystem has no room for them",
            place.directory
        ));
    }
    steps(&mut plan, host, pool, docker, &inventory, sizes, &place, options);
    plan
}

/// The Docker that owns the pool; otherwise blocks the plan and names the owner.
fn docker_of<'a>(plan: &mut Plan, host: &'a Host, pool: &Pool) -> Option<&'a Docker> {
    let why = match &pool.owner {
        PoolOwner::Docker { .. } => {
            let docker = host.docker_of(pool).filter(|d| d.root.is_some());
            if docker.is_none() {
                rule_out(plan, host, pool);
                plan.block(
                    "nothing is known of Docker's files here: make the plan on the host itself, as root, or from its \
                     recording",
                );
                plan.steps = vec![Step::look(
                    "see what there is to move",
                    "Images and containers of another driver are not seen after the change.",
                    vec!["docker images -a".into(), "docker ps -as".into(), "docker volume ls".into()],
                )];
            }
            return docker;
        }
        PoolOwner::Containerd { .. } => {
            "the pool belongs to containerd's devmapper snapshotter, which chooses its snapshotter by runtime: there is \
             no Docker to move"
        }
        PoolOwner::ContainersStorage => {
            "the pool belongs to Podman's or CRI-O's old devicemapper driver (containers/storage): `podman save` what is \
             needed, then set driver = \"overlay\" in /etc/containers/storage.conf after `podman system reset`"
        }
        PoolOwner::Lvm => "the pool holds logical volumes of LVM's own: no Docker uses it",
        PoolOwner::Stratis => "the pool belongs to Stratis: no Docker uses it",
        PoolOwner::Unknown => "whose pool it is is not known: only Docker's can move to overlay2",
    };
    plan.block(why);
    None
}

/// Checks kernel and Docker version if only a `docker info` report is available.
fn rule_out(plan: &mut Plan, host: &Host, pool: &Pool) {
    let info = pool.docker_info.as_ref();
    let release =
        host.kernel.release.as_deref().or_else(|| info?.kernel_version.as_deref()).unwrap_or_default();
    let docker = Versions::of(host).docker;
    let before = plan.blocked_by.len();
    if version(release).is_some_and(|kernel| kernel < (4, 0))
        && el7_build(release).is_none_or(|build| build < 514)
    {
        plan.block(format!(
            "overlay2 needs kernel 4.0 or newer, or 3.10.0-514 or newer of Red Hat's: this is {release}"
        ));
    }
    if let Some((major, minor)) = docker.filter(|docker| *docker < (1, 12)) {
        plan.block(format!("overlay2 came with Docker 1.12: this is {major}.{minor} or older"));
    }
    if plan.blocked_by.len() > before {
        plan.warn(
            "open to this host: update the system, with its kernel and Docker, and plan again (not beyond Docker 24: 25 has \
             no devicemapper driver and shows nothing of what is in the pool); or `docker save` the images and `docker \
             commit` the containers that are needed here, and `docker load` them on a newer host",
        );
    }
}

fn numbers(plan: &mut Plan, docker: &Docker, inventory: &Inventory, sizes: &Sizes) {
    let count = |n: usize| u64::try_from(n).ok();
    let content = inventory.layers.iter().map(|l| l.content.map(|b| b.0)).sum::<Option<u64>>();
    let free = docker.filesystem.as_ref().and_then(Filesystem::left);
    let numbers = &mut plan.numbers;
    numbers.set(Number::ImageCount, count(inventory.images.len()));
    numbers.set(Number::LayerCount, count(inventory.layers.len()));
    numbers.set(Number::ContainerCount, count(inventory.containers.len()));
    numbers.set(Number::VolumeCount, inventory.volumes.as_ref().and_then(|v| count(v.len())));
    numbers.set(Number::ContentBytes, content);
    numbers.set(Number::ChangesBytes, inventory.changes().map(|b| b.0));
    numbers.set(Number::ArchiveBytes, Some(sizes.archive));
    numbers.set(Number::UnpackedBytes, Some(sizes.unpacked));
    numbers.set(Number::TemporaryBytes, Some(sizes.temporary));
    numbers.set(Number::ArchiveFreeBytes, None::<u64>);
    numbers.set(Number::FilesystemFreeBytes, free);
}

/// Checks overlay2's requirements on kernel, filesystem and settings (moby daemon/graphdriver/overlay2/overlay.go,
/// Init).
fn refuse(plan: &mut Plan, host: &Host, docker: &Docker, options: &Overlay2) {
    let root = docker.root.as_deref().unwrap_or_default();
    let release = host.kernel.release.as_deref().unwrap_or_default();
    let kernel = version(release);
    let kind = docker.filesystem.as_ref().and_then(|f| f.kind.as_deref()).unwrap_or_default();
    match kernel {
        Some(kernel) if kernel < (4, 0) && el7_build(release).is_none_or(|build| build < 514) => plan.block(format!(
            "overlay2 needs kernel 4.0 or newer, or 3.10.0-514 or newer of Red Hat's: this is {release}"
        )),
        Some(kernel) if kernel < (4, 0) => plan.warn(format!(
            "kernel {release} has overlay2's features backported: the script tries them before it changes anything"
        )),
        Some(kernel) if kernel < (4, 7) && kind == "btrfs" => {
            plan.block(format!("overlay2 on btrfs needs kernel 4.7 or newer: this is {release}"));
        }
        Some(_) => {}
        None => plan.warn("the kernel's version is not known here: overlay2 needs 4.0, or 3.10.0-514 of Red Hat's"),
    }
    if matches!(kind, "aufs" | "ecryptfs" | "nfs" | "nfs4" | "overlay" | "zfs") {
        plan.block(format!("Docker does not use overlay2 on {kind}, which is what {root} is on"));
    }
    match docker.typed_entries {
        Some(false) => plan.block(format!(
            "the filesystem of {root}{} does not say in its directories what their entries are (d_type): overlay2 needs \
             that, and only making the filesystem anew gives it (`mkfs.xfs -n ftype=1`)",
            if kind == "xfs" { ", xfs with ftype=0," } else { "" }
        )),
        Some(true) => {}
        None => plan.warn(format!("whether {root}'s filesystem has d_type is not known here: `xfs_info` says ftype=1")),
    }
    if docker.swarm == Some(true) {
        plan.block(
            "this host is part of a swarm, which makes its containers itself: drain it (`docker node update \
             --availability drain`), let it leave (`docker swarm leave`), and plan again",
        );
    }
    if docker.overlay2_images.is_some_and(|images| images > 0) && options.archives.is_none() {
        plan.block(format!(
            "overlay2 was used here before and still holds {} images, whose names would be mixed with these: if nothing \
             of them is needed, move {root}/overlay2 and {root}/image/overlay2 away with the daemon stopped",
            docker.overlay2_images.unwrap_or_default()
        ));
    }
    refuse_settings(plan, host, docker);
}

fn refuse_settings(plan: &mut Plan, host: &Host, docker: &Docker) {
    let settings: Option<Value> =
        docker.daemon_json.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let snapshotter =
        settings.as_ref().and_then(|s| s.get("features")?.get("containerd-snapshotter")?.as_bool());
    if snapshotter == Some(true) {
        plan.block(
            "daemon.json turns on the containerd image store (features, containerd-snapshotter): with it Docker uses no \
             storage driver at all; set it to false, or `docker load` the archives into that store by hand",
        );
    }
    let file = docker.settings_file();
    match settings::place(host, Some(docker)) {
        SettingsPlace::Elsewhere(place) => plan.block(format!(
            "Docker's storage options are given on {place}, and it does not start when they stand in daemon.json as \
             well: move them to {file} (\"storage-driver\", \"storage-opts\"), restart Docker, and plan again"
        )),
        SettingsPlace::Unknown(why) => plan.block(why),
        SettingsPlace::File { text, original, .. } => {
            let change = new_settings(&text).and_then(|edited| Change::of_file(&original?, &edited));
            if let Err(why) = change {
                plan.block(format!("{why} (\"storage-driver\": \"overlay2\" has to be set in {file})"));
            }
        }
    }
    if docker.driver_from.as_deref().is_some_and(|from| from != file) {
        let from = docker.driver_from.as_deref().unwrap_or_default();
        plan.block(format!(
            "the storage driver is named on {from}, and Docker does not start when it stands in daemon.json as well: \
             move it to {file}, restart Docker, and plan again"
        ));
    }
}

/// Blocks the plan if the images cannot be saved in the present state.
fn refuse_state(plan: &mut Plan, pool: &Pool, docker: &Docker, options: &Overlay2) {
    if old_engine::is_needed(docker) {
        if options.old_engine.is_none() {
            old_engine::get(plan, docker, &command(pool, options));
        }
        return;
    }
    if docker.version.as_deref().and_then(version).is_some_and(|v| v < (1, 13)) {
        plan.block("overlay2 and what the script asks of Docker came with 1.12 and 1.13: update Docker, but not beyond 24");
    }
    if docker.running == Some(false) {
        plan.block(
            "Docker does not run, and images can only be saved by a daemon that does: start it (`systemctl start \
             docker`); if it does not start, `thinspect status` and `thinspect plan repair` say why",
        );
    }
    let cure = pool_option(pool);
    match state(pool) {
        State::Works | State::Unknown => {}
        State::DataFull => plan.block(format!(
            "the pool is full: even reading a layer writes a little into the pool when it is mounted; make some room \
             first (`thinspect plan free{cure}`, `thinspect plan grow{cure}`)"
        )),
        State::MetadataFull => plan.block(format!(
            "the pool's metadata is full and the pool read-only: grow the metadata first (`thinspect plan grow \
             --metadata{cure}`)"
        )),
        State::Blocked(why, steps) => {
            plan.block(why);
            plan.steps = steps;
        }
    }
}

/// Warns about downtime and about what is not migrated.
fn warn(plan: &mut Plan, docker: &Docker, inventory: &Inventory, sizes: &Sizes, options: &Overlay2) {
    let items = &plan.items;
    let rebuilt: Vec<String> =
        items.iter().filter(|i| i.fate == items::Outcome::Rebuilt).map(|i| i.name.clone()).collect();
    if !rebuilt.is_empty() {
        plan.warn(format!(
            "these go when they are stopped, as they were started with --rm: {}",
            rebuilt.join(", ")
        ));
    }
    for image in inventory.images.iter().filter(|i| !i.whole) {
        plan.warn(format!("image {} is not whole: Docker cannot save it; pull or build it again", image.id));
    }
    let minutes = downtime(sizes);
    plan.warn(format!(
        "containers are down from when they are stopped to the end: about {minutes} at 100 MiB a second for reading and writing"
    ));
    plan.warn(
        "not carried over: the build cache, and the limit that devicemapper's base size set to each container \
         (overlay2 has none, unless on xfs with project quotas)",
    );
    if sizes.incomplete {
        let what = if options.written.is_none() && !inventory.containers.is_empty() {
            "what containers have written was not counted, so the sizes leave it out: plan on the host itself, or give a \
             copy of the metadata with --metadata"
        } else {
            "not all of Docker's records were read, so the sizes may be too small"
        };
        plan.warn(what);
    }
    if docker.version.as_deref().and_then(version).is_some_and(|v| v < (25, 0)) {
        plan.warn(
            "do not upgrade Docker to 25 or later before this is done: those have no devicemapper driver, and show none \
             of what is in the pool; afterwards they keep using overlay2, until the containerd image store is turned on",
        );
    }
}

/// Estimated time for saving and loading, from the bytes read and written.
fn downtime(sizes: &Sizes) -> String {
    const RATE: u64 = 100 << 20;
    // Written to Docker's temporary copy, copied to the archive, verified, copied again for loading, unpacked.
    let bytes = sizes.archive.saturating_mul(5).saturating_add(sizes.unpacked);
    match bytes / RATE / 60 {
        0 | 1 => "two minutes".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

#[expect(clippy::too_many_arguments, reason = "the facts of one plan, gathered by its only caller")]
fn steps(
    plan: &mut Plan,
    host: &Host,
    pool: &Pool,
    docker: &Docker,
    inventory: &Inventory,
    sizes: Sizes,
    place: &Place,
    options: &Overlay2,
) {
    let SettingsPlace::File { path, text, original: Ok(original) } = settings::place(host, Some(docker))
    else {
        return;
    };
    let changed = new_settings(&text).and_then(|edited| Ok((Change::of_file(&original, &edited)?, edited)));
    let (Ok((change, edited)), true) = (changed, plan.possible) else { return };
    let migration = Migration {
        inventory,
        sizes,
        place,
        root: docker.root.as_deref().unwrap_or_default(),
        driver: "overlay2",
        settings: path,
        difference: difference(&edited.old, &edited.text()),
        script: SCRIPT.to_owned(),
        engine: options.old_engine.as_deref().filter(|_| old_engine::is_needed(docker)),
    };
    plan.basis.pieces = vec![&SHELL];
    plan.basis.variables.extend(script::docker_variables(Some(docker)));
    plan.basis.variables.push(("engine", migration.engine.unwrap_or_default().to_owned()));
    let settings = migration.engine.map(|_| old_engine::settings(docker)).unwrap_or_default();
    plan.basis.variables.push(("engine_settings", settings));
    change.describe(&mut plan.basis);
    steps::basis(plan, &migration);
    plan.steps.push(steps::script(&migration, &command(pool, options)));
    plan.steps.extend(migration.engine.map(|engine| old_engine::start(&migration, engine)));
    plan.steps.push(steps::note(&migration));
    plan.steps.push(steps::stop(&migration));
    plan.steps.push(steps::save_containers(&migration));
    plan.steps.push(steps::save_images(&migration));
    plan.steps.push(steps::switch(&migration));
    plan.steps.push(steps::load(&migration));
    plan.steps.extend(steps::adopt(&migration));
    plan.steps.push(steps::verify(&migration));
    plan.steps.push(remove(pool, &migration));
}

/// Command line that reproduces this plan.
fn command(pool: &Pool, options: &Overlay2) -> String {
    let mut command = format!("thinspect plan overlay2{}", pool_option(pool));
    for (option, value) in [("--archives", &options.archives), ("--old-engine", &options.old_engine)] {
        if let Some(value) = value {
            command.push_str(&format!(" {option} {}", quote(value)));
        }
    }
    command
}

/// The settings with overlay2 named, which a data root with more than one driver's directory needs, and without the
/// options of devicemapper, which overlay2 refuses.
fn new_settings(old: &str) -> Result<Edited, String> {
    let rest = options_without(old, "dm.");
    let options = Some(Value::from(rest.clone())).filter(|_| !rest.is_empty());
    let settings: [Setting<'_>; 2] =
        [("storage-driver", Some(Value::from("overlay2"))), ("storage-opts", options)];
    with_settings(old, &settings)
}

fn remove(pool: &Pool, migration: &Migration<'_>) -> Step {
    let root = migration.root;
    let why = "Nothing needs it any more, but it is the only way back: let some days pass first. It gives back what the \
               pool's files take, and the archives.";
    let files = format!("{root}/devicemapper");
    let commands = vec![
        format!(
            "rm -rf --one-file-system {} {}",
            quote(&files),
            quote(&format!("{root}/image/devicemapper"))
        ),
        format!("rm -f {}/*.tar", quote(&migration.place.directory)),
    ];
    let mut step =
        Step::new(Risk::Destroys, "remove the old pool and the archives, some days later", why, commands);
    step.check = Some(format!("test ! -e {}", quote(&files)));
    if let Some(lv) = &pool.lv {
        step.commands.push(format!("lvremove {}", quote(&format!("{}/{}", lv.vg, lv.lv))));
    }
    step.guarded = Some(ScriptStep { separate: true, ..ScriptStep::named("remove_old_store") });
    step
}

//! Plan to repair a pool without wiping it: the diagnosis, and the steps in the only safe order.
//!
//! A full pool grows. A damaged one is repaired on a copy, with everything stopped, and the old metadata is kept.

mod block_device;
mod consumers;
mod loop_file;
mod preconditions;

pub(super) use block_device::SHELL as LVM_SHELL;
pub(super) use loop_file::SHELL as FILE_SHELL;

use super::grow::{Grow, Which, grow};
use super::numbers::Numbers;
use super::pool_facts::{SpaceFacts, State, state};
use super::{Goal, Plan, Step, sizes};
use crate::advice::Risk;
use crate::advice::recipes::pool_option;
use crate::host::dm::status::Mode;
use crate::host::docker::Docker;
use crate::host::log::Message;
use crate::host::lvm::{LvName, split_name};
use crate::host::model::backing::{Backing, BackingKind, LoopFile};
use crate::host::model::pool::{Pool, PoolOwner, StatusAnswer};
use crate::host::model::units::{METADATA_BLOCK, SECTOR};
use crate::host::{DeviceMapper, Host};
use crate::plan::Number;
use preconditions::refuse;

/// Options of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repair {
    /// Directory for copies of metadata that is on a device; by default below `/root`.
    pub copies: Option<String>,
}

/// Backing of a pool's metadata, as far as a repair needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MetadataBacking {
    /// A file behind a loop device, and the data's file if there is one.
    File { metadata: String, data: Option<String> },
    /// A logical volume, and its node while the pool is active.
    Lvm { name: LvName, node: String },
    /// Another device.
    Device(String),
    /// Unknown.
    Unknown,
}

/// Facts for an offline repair.
pub(super) struct RepairContext<'a> {
    pub(super) host: &'a Host,
    pub(super) pool: &'a Pool,
    pub(super) backing: MetadataBacking,
    pub(super) metadata: SpaceFacts,
    /// Size in bytes that full metadata has to grow to; 0 if it is large enough.
    pub(super) size: u64,
    /// Directory for copies of metadata that is on a device.
    pub(super) copies: String,
}

impl RepairContext<'_> {
    /// Size of the metadata in bytes: an upper bound for a copy.
    pub(super) fn bytes(&self) -> Option<u64> {
        let file = self.pool.metadata_backing.file.as_ref();
        file.and_then(|f| f.allocated)
            .or_else(|| file.and_then(|f| f.size))
            .or(self.pool.metadata_backing.size)
            .map(|b| b.0)
            .or_else(|| self.metadata.bytes(self.metadata.total?))
    }

    /// Options that `thin_repair` needs if the superblock is lost.
    pub(super) fn superblock(&self) -> Option<String> {
        let docker = self.host.docker_of(self.pool);
        let transaction = self.pool.transaction_id.or(docker.and_then(|d| d.open_transaction))?;
        let block = self.pool.block?.0 / SECTOR;
        let blocks = self.pool.data.total?.0;
        Some(format!("--transaction-id {transaction} --data-block-size {block} --nr-data-blocks {blocks}"))
    }
}

/// What is wrong with a pool, and so how to repair it.
enum Diagnosis {
    /// Nothing is wrong with it.
    Works,
    /// It is full: growing this part repairs it.
    Full(Which),
    /// Something else comes first.
    First(String, Vec<Step>),
    /// It needs an offline repair, for this reason.
    Offline(String),
}

/// Plans how to repair a pool.
pub(super) fn repair(host: &Host, pool: &Pool, options: &Repair) -> Plan {
    let inactive = inactive(host, pool);
    let pool = inactive.as_ref().unwrap_or(pool);
    let context = context(host, pool, options);
    let mut plan = Plan::new(Goal::Repair, host, pool, numbers(&context));
    match diagnose(host, pool) {
        Diagnosis::Works => plan.warn("the pool works: there is nothing to repair"),
        Diagnosis::Full(which) => by_growing(&mut plan, &context, which),
        Diagnosis::First(why, steps) => {
            plan.block(why);
            plan.steps = steps;
        }
        Diagnosis::Offline(why) => {
            plan.warn(why);
            offline(&mut plan, &context);
        }
    }
    plan
}

fn context<'a>(host: &'a Host, pool: &'a Pool, options: &Repair) -> RepairContext<'a> {
    let metadata = SpaceFacts::metadata(pool);
    let grows = metadata.free == Some(0) && metadata.total.is_some_and(|t| t > 0);
    let target = sizes::metadata(&metadata, pool.data.total.map(|t| t.0)).recommended;
    let size = target.filter(|_| grows).map_or(0, |blocks| blocks.saturating_mul(METADATA_BLOCK.0));
    let copies = options.copies.clone().unwrap_or_else(|| {
        let tail: String =
            pool.label().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        format!("/root/thinspect-{tail}")
    });
    RepairContext { host, pool, backing: metadata_backing(pool), metadata, size, copies }
}

fn metadata_backing(pool: &Pool) -> MetadataBacking {
    let lvms = pool.uuid.as_deref().is_some_and(|u| u.starts_with("LVM-"));
    let named = || split_name(pool.name.as_deref().filter(|_| lvms)?).map(|(name, _)| name);
    let backing = &pool.metadata_backing;
    if let Some(name) = pool.lv.clone().or_else(named) {
        let node = backing.path.clone().filter(|p| p.starts_with("/dev/"));
        let node = node.unwrap_or_else(|| format!("/dev/mapper/{}_tmeta", name.dm_name()));
        return MetadataBacking::Lvm { name, node };
    }
    let path =
        |backing: &Backing| backing.file.as_ref().map(|f| f.path.clone()).filter(|p| p.starts_with('/'));
    match (backing.kind, path(backing), &backing.path) {
        (BackingKind::Loop, Some(metadata), _) => {
            MetadataBacking::File { metadata, data: path(&pool.data_backing) }
        }
        (BackingKind::Loop | BackingKind::Unknown, ..) | (_, _, None) => MetadataBacking::Unknown,
        (_, _, Some(node)) => MetadataBacking::Device(node.clone()),
    }
}

fn numbers(context: &RepairContext<'_>) -> Numbers {
    let mut numbers = Numbers::default();
    let (data, metadata) = (SpaceFacts::data(context.pool), &context.metadata);
    numbers.set(Number::BlockBytes, data.block.filter(|_| !data.unit_assumed));
    numbers.set(Number::TotalBlocks, data.total.filter(|_| !data.unit_assumed));
    numbers.set(Number::FreeBlocks, data.free.filter(|_| !data.unit_assumed));
    numbers.set(Number::MetadataTotalBlocks, metadata.total);
    numbers.set(Number::MetadataUsedBlocks, metadata.used());
    numbers.set(Number::MetadataFreeBlocks, metadata.free);
    numbers.set(Number::MetadataNewTotalBytes, Some(context.size).filter(|size| *size > 0));
    numbers.set(Number::MetadataCopyBytes, context.bytes());
    numbers.set(Number::RoomNeededBytes, None::<u64>);
    numbers.set(Number::FilesystemFreeBytes, None::<u64>);
    numbers
}

fn diagnose(host: &Host, pool: &Pool) -> Diagnosis {
    if pool.owner == PoolOwner::Stratis {
        return Diagnosis::First(
            "Stratis repairs its pools itself, when stratisd sets them up".into(),
            Vec::new(),
        );
    }
    if pool.suspended == Some(true) && !matches!(pool.answer, StatusAnswer::Silent(_)) {
        let (why, steps) = super::pool_facts::suspended(pool);
        return Diagnosis::First(why, steps);
    }
    if inactive(host, pool).is_some() {
        return Diagnosis::Offline(
            "the pool is not active: activate it first; follow these steps only if LVM refuses because its metadata \
             did not pass the check"
                .into(),
        );
    }
    if is_absent(host, pool) {
        return Diagnosis::Offline(absence(host));
    }
    match (state(pool), &pool.mode, pool.needs_check) {
        (State::Blocked(why, steps), ..) if matches!(pool.answer, StatusAnswer::Silent(_)) => {
            Diagnosis::First(why, steps)
        }
        (_, _, Some(true)) => Diagnosis::Offline(
            "an error met the pool's metadata, and the kernel keeps the pool read-only until it has been checked \
             with everything stopped (needs_check)"
                .into(),
        ),
        (State::Blocked(..), Some(Mode::Failed), _) => Diagnosis::Offline(
            "the pool has failed: the kernel could not even go back to its last good state; all I/O to it fails"
                .into(),
        ),
        (State::Blocked(..), Some(Mode::ReadOnly), _) => Diagnosis::Offline(
            "the pool is read-only although its metadata is not full: a metadata operation failed, or it was set \
             up read-only (`dmsetup table` then says read_only, and nothing is damaged)"
                .into(),
        ),
        (State::Blocked(why, steps), ..) => Diagnosis::First(why, steps),
        _ if pool.metadata_contents.as_ref().is_some_and(|contents| !contents.damage.is_empty()) => Diagnosis::Offline(
            "the pool works on what it has read, but its metadata is damaged on the device: copy out what must not \
             be lost before anything stops"
                .into(),
        ),
        (State::DataFull, ..) => Diagnosis::Full(Which::Data),
        (State::MetadataFull, ..) => Diagnosis::Full(Which::Metadata),
        (State::Works, ..) => Diagnosis::Works,
        (State::Unknown, ..) => {
            let attributes = pool.lv.as_ref().and_then(|lv| host.lvm.volume(lv)).map(|v| v.attr.as_str());
            let sound = attributes.is_some_and(|attr| {
                let letter = |at| attr.chars().nth(at);
                letter(4) == Some('a') && letter(8) == Some('-')
            });
            let why = if sound {
                "LVM's attributes show an active pool and no failure, so nothing to repair; the kernel's own status decides"
            } else {
                "the pool's mode is not known here, so whether it needs repair is not either"
            };
            Diagnosis::First(why.into(), vec![super::grow::ask_for(pool, "repair")])
        }
    }
}

/// Whether the pool is known only from Docker's settings or files and is not active in the kernel.
fn is_absent(host: &Host, pool: &Pool) -> bool {
    pool.name.is_some()
        && host.kernel.device_mapper == DeviceMapper::Answered
        && !host.pools.iter().any(|p| p.name == pool.name)
}

/// A pool that LVM lists but that is not active, under its future device-mapper name: LVM adds a layer device over a
/// pool that has thin volumes (lvm2, lib/activate/dev_manager.c, `lv_layer`).
fn inactive(host: &Host, pool: &Pool) -> Option<Pool> {
    let lv = pool.lv.as_ref().filter(|_| pool.device.is_none())?;
    let row = host.lvm.volume(lv).filter(|v| v.is_inactive_pool())?;
    if host.kernel.device_mapper != DeviceMapper::Answered {
        return None;
    }
    let layered = host.lvm.volumes.iter().any(|v| v.attr.starts_with('V') && v.name.vg == row.name.vg);
    let layer = if layered { "-tpool" } else { "" };
    Some(Pool { name: Some(format!("{}{layer}", row.name.dm_name())), ..pool.clone() })
}

fn absence(host: &Host) -> String {
    let damage = [
        Message::SuperblockDamaged,
        Message::BtreeDamaged,
        Message::SpaceMapDamaged,
        Message::MetadataUnusable,
    ];
    if damage.iter().any(|message| host.known(*message).next().is_some()) {
        return "the pool is not there: the kernel refuses its metadata".into();
    }
    "the pool is not there, and nothing says that it is damaged: start Docker first; follow these steps only if \
     that fails"
        .into()
}

/// Reconstructs an inactive Docker pool from settings and files; `None` if they do not describe one.
#[must_use]
pub fn absent_pool(host: &Host) -> Option<Pool> {
    if host.kernel.device_mapper != DeviceMapper::Answered {
        return None;
    }
    let docker = host.docker_roots.iter().find(|d| d.configured_pool.is_some() || !d.devices.is_empty())?;
    let pool = match &docker.configured_pool {
        Some(name) => {
            let lv = split_name(name).filter(|(_, layer)| layer.is_none()).map(|(lv, _)| lv);
            Pool { name: Some(name.clone()), lv, ..Pool::default() }
        }
        None => on_files(docker)?,
    };
    let known = host.pools.iter().any(|p| p.name == pool.name);
    (!known).then(|| Pool { owner: PoolOwner::Docker { root: docker.root.clone() }, ..pool })
}

/// A pool on Docker's loop files at their default paths.
fn on_files(docker: &Docker) -> Option<Pool> {
    let directory = format!("{}/devicemapper/devicemapper", docker.root.as_deref()?);
    let backing = |name: &str| Backing {
        kind: BackingKind::Loop,
        file: Some(LoopFile { path: format!("{directory}/{name}"), ..LoopFile::default() }),
        filesystem: docker.filesystem.clone(),
        ..Backing::default()
    };
    let name = Some(format!("{}-pool", docker.prefix.as_deref()?));
    Some(Pool {
        name,
        data_backing: backing("data"),
        metadata_backing: backing("metadata"),
        ..Pool::default()
    })
}

/// A full pool is not damaged: it grows, with everything running.
fn by_growing(plan: &mut Plan, context: &RepairContext<'_>, which: Which) {
    let grown = grow(context.host, context.pool, &Grow { which, ..Grow::default() });
    plan.warn(match which {
        Which::Metadata => {
            "the pool is not damaged: it is read-only for want of metadata, and growing that is \
                            the cure; nothing has to stop"
        }
        _ => {
            "the pool is not damaged: its data is full, and growing it, or removing something, is the cure; \
              nothing has to stop"
        }
    });
    plan.possible = grown.possible;
    plan.blocked_by.extend(grown.blocked_by);
    plan.warnings.extend(grown.warnings);
    plan.numbers = grown.numbers;
    plan.steps = grown.steps;
    plan.basis = grown.basis;
    if which == Which::Data {
        let why = "Removing works in a full pool, and needs no space.";
        let command = format!("thinspect plan free{}", pool_option(context.pool));
        plan.steps.push(Step::look("or see what could be removed instead", why, vec![command]));
    }
    if plan.possible {
        plan.steps.push(consumers::harm(context));
    }
}

fn offline(plan: &mut Plan, context: &RepairContext<'_>) {
    if let Some(name) = context.pool.name.as_deref().filter(|n| n.starts_with('-')) {
        plan.basis.unscriptable =
            Some(format!("the tools take the pool's name, {name:?}, which begins with -, for an option"));
    }
    if refuse(plan, context) {
        return;
    }
    plan.warn(if consumers::has_containers(context) {
        "what can be lost: the pool's last changes (what was made in its last second), and what containers have \
         written since the errors began; volumes are not in the pool"
    } else {
        "what can be lost: the pool's last changes (what was made in its last second), and what was written since \
         the errors began"
    });
    if consumers::is_dockers(context) {
        plan.warn_of_swarm(context.host, context.pool);
    }
    plan.steps.push(consumers::cause(context));
    plan.steps.push(consumers::stop(context));
    match &context.backing {
        MetadataBacking::File { metadata, data } => {
            loop_file::steps(plan, context, metadata, data.as_deref())
        }
        MetadataBacking::Lvm { name, node } => block_device::lvm(plan, context, name, node),
        MetadataBacking::Device(node) => block_device::device(plan, context, node),
        MetadataBacking::Unknown => {}
    }
    plan.steps.extend(consumers::grow_next(context));
    plan.steps.push(consumers::harm(context));
    plan.steps.extend(consumers::check_filesystems(context));
    if plan.steps.iter().any(|s| s.guarded.is_some() && s.risk == Risk::Destroys) {
        plan.basis.unscriptable = Some("a step of it would destroy".into());
    }
}

//! Plan to move Docker's or containerd's pool from loop files to LVM (direct-lvm), with all its contents.
//!
//! The blocks in use are copied unchanged and packed onto a logical volume, and the metadata is rewritten with their new
//! positions (`thin_dump`, edited, `thin_restore`). All images, containers and ids are therefore preserved in the same
//! data root, and the base device keeps the UUID that Docker checks. The copy creates nothing in a pool that may refuse
//! new devices, needs no answer from the daemon, and needs no more room than what is in use. The old files are only
//! read, so that a rollback is a change of settings. `docker save` and `load` have none of these advantages and need
//! room for archives; they are needed only to change the block size or the driver (`plan overlay2`).
//!
//! A damaged pool, a device that is not known to be empty, or unknown sizes block the plan.

mod engine;
mod layout;
mod naming;
mod preconditions;
mod settings;
mod steps;
mod target;

pub use target::Where;

use super::pool_facts::SpaceFacts;
use super::{Goal, Numbers, Piece, Plan, inventory, items, script};
use crate::advice::quote;
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::docker::min_free;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::Text;
use crate::host::model::units::Bytes;
use crate::host::owners::Owners;
use crate::plan::Number;
use engine::Engine;
use layout::{Demand, Layout};
use target::Target;

/// Copies a pool to a logical volume.
static SHELL: Piece = Piece {
    name: "direct_lvm/direct_lvm.sh",
    text: include_str!("direct_lvm.sh"),
    requires: &[
        &script::JOURNAL,
        &script::POOL_USERS,
        &script::SETTINGS_COPY,
        &script::LOOP,
        &script::KUBELET,
    ],
    expects: &[
        "changes_since",
        "engine_answers",
        "engine_is_down",
        "engine_preconditions",
        "engine_settings_are_new",
        "engine_settings_are_old",
        "note_answers",
        "note_without_answers",
        "on_new_pool",
        "pool_goes_with_engine",
        "prepare_engine",
        "remake_old_pool",
        "restore_records",
        "save_records",
        "start_again",
        "start_engine",
        "stop_engine",
        "switched",
        "takes_new_layers",
        "write_engine_settings",
        "zeroes",
    ],
};
/// Queries, stops and reconfigures Docker.
pub(super) static DOCKER_SHELL: Piece = Piece {
    name: "direct_lvm/docker.sh",
    text: include_str!("docker.sh"),
    requires: &[&script::DOCKER_STATE, &script::SETTINGS, &SHELL],
    expects: &[],
};
/// Queries, stops and reconfigures containerd.
pub(super) static CONTAINERD_SHELL: Piece = Piece {
    name: "direct_lvm/containerd.sh",
    text: include_str!("containerd.sh"),
    requires: &[&SHELL],
    expects: &[],
};

/// Options of the plan.
#[derive(Debug, Clone, Default)]
pub struct DirectLvm<'a> {
    /// Where the pool is to go.
    pub to: Option<Where>,
    /// Data size of the new pool. Default: the whole device minus room to grow; in a volume group, what is needed.
    pub size: Option<Bytes>,
    /// The directory for copies of Docker's records and of the pool's metadata, and for the script's notes.
    pub copies: Option<String>,
    /// Usage counted from the pool's metadata, if it was read.
    pub counted: Option<Counted>,
    /// Owners of the thin devices, if they were read.
    pub owners: Option<&'a Owners>,
}

/// Pool usage counted from its metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Data blocks in use.
    pub used_blocks: u64,
    /// Bytes in a data block.
    pub block_bytes: u64,
    /// Metadata blocks in use, without the kernel's reserve.
    pub metadata_used_blocks: u64,
    /// Whether needs_check is set or damage was found.
    pub needs_check: bool,
}

/// Facts for the steps of the migration.
struct DirectLvmContext<'a> {
    host: &'a Host,
    pool: &'a Pool,
    whose: Engine<'a>,
    /// The loop files.
    data_file: &'a str,
    metadata_file: &'a str,
    demand: Demand,
    target: Target,
    layout: Layout,
    copies: String,
    /// Requested options besides the destination, as command-line text.
    asked: String,
}

impl DirectLvmContext<'_> {
    /// The new pool's device-mapper name.
    fn new_pool(&self) -> String {
        self.target.volume.dm_name()
    }
}

/// Plans the migration of a pool to LVM.
#[must_use]
pub fn direct_lvm(host: &Host, pool: &Pool, options: &DirectLvm<'_>) -> Plan {
    let mut plan = Plan::new(Goal::DirectLvm, host, pool, Numbers::default());
    let demand = demand(host, pool, options);
    numbers(&mut plan, pool, demand.as_ref());
    if options.counted.is_some_and(|c| c.needs_check) && pool.device.is_none() {
        return blocked(plan, preconditions::damaged(pool));
    }
    let whose = match preconditions::pool(&mut plan, host, pool) {
        Ok(whose) => whose,
        Err(why) => return blocked(plan, why),
    };
    let Some(demand) = demand else {
        return blocked(plan, preconditions::unknown_use(pool));
    };
    let Some(wanted) = &options.to else {
        return blocked(plan, preconditions::no_place(host, &demand));
    };
    let target = match target::target(host, wanted, whose.naming()) {
        Ok(target) => target,
        Err(why) => return blocked(plan, why),
    };
    let layout = layout::layout(&demand, &target.room, options.size.map(|s| s.0));
    layout_numbers(&mut plan, pool, &demand, &target, &layout);
    if let Some(asked) = options.size.filter(|asked| asked.0 < layout.least) {
        return blocked(plan, preconditions::asked_too_little(&demand, &layout, asked));
    }
    if layout.needed > target.room.usable {
        return blocked(plan, preconditions::too_small(&demand, &target, &layout, options.size));
    }
    if let Some(why) = preconditions::larger_sectors(pool, &target) {
        return blocked(plan, why);
    }
    if let Some(why) = target::missing_tools(host) {
        return blocked(plan, why);
    }
    if let Some(owners) = options.owners {
        plan.items = match whose.docker() {
            Some(docker) => items::carried(&inventory::inventory(pool, docker, owners, None)),
            None => items::of_containerd(owners),
        };
        if whose.docker().is_none() {
            preconditions::tasks(&mut plan, owners);
        }
    }
    let (true, Some((data_file, metadata_file))) = (whose.has_place(), preconditions::files(pool)) else {
        return blocked(plan, format!("where {} keeps its data is not known here", whose.name()));
    };
    let copies = options.copies.clone().unwrap_or_else(|| "/root/thinspect-direct-lvm".to_owned());
    let asked = asked(options);
    let context = DirectLvmContext {
        host,
        pool,
        whose,
        data_file,
        metadata_file,
        demand,
        target,
        layout,
        copies,
        asked,
    };
    preconditions::warnings(&mut plan, &context);
    steps::steps(&mut plan, &context);
    plan
}

fn blocked(mut plan: Plan, why: impl Into<Text>) -> Plan {
    plan.block(why);
    plan
}

fn asked(options: &DirectLvm<'_>) -> String {
    let size = options.size.map(|size| format!(" --size {}", size.0));
    let copies = options.copies.as_ref().map(|copies| format!(" --copies {}", quote(copies)));
    [size, copies].into_iter().flatten().collect()
}

/// The space needed; `None` if neither the kernel nor the metadata reported the usage.
fn demand(host: &Host, pool: &Pool, options: &DirectLvm<'_>) -> Option<Demand> {
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    let counted = options.counted;
    let docker = host.docker_of(pool);
    let name = pool.name.as_deref().unwrap_or_default();
    let containerd = host.containerd_configs.iter().find(|c| c.pool == name).filter(|_| !pool.is_dockers());
    let base = containerd.map_or(docker.and_then(|d| d.base_size), |c| c.base_size);
    Some(Demand {
        used: counted.map(|c| c.used_blocks).or(data.used())?,
        block: counted.map(|c| c.block_bytes).or(data.block)?,
        metadata: counted.map(|c| c.metadata_used_blocks).or(metadata.used())?.saturating_mul(4096),
        percent: percent(pool, docker),
        base: base.map_or(0, |b| b.0),
    })
}

/// Docker's free-space floor; for an inactive pool, from the option. 0 for containerd.
fn percent(pool: &Pool, docker: Option<&Docker>) -> u64 {
    if matches!(pool.owner, PoolOwner::Containerd { .. }) {
        return 0;
    }
    let option = docker.and_then(|d| d.option("dm.min_free_space"));
    let said = option.and_then(|o| o.value.strip_suffix('%')?.trim().parse().ok());
    pool.min_free.percent.or(said).unwrap_or(min_free::DEFAULT_PERCENT)
}

fn numbers(plan: &mut Plan, pool: &Pool, demand: Option<&Demand>) {
    let numbers = &mut plan.numbers;
    numbers.set(Number::BlockBytes, demand.map(|d| d.block));
    numbers.set(Number::UsedBlocks, demand.map(|d| d.used));
    numbers.set(Number::UsedBytes, demand.map(|d| d.used.saturating_mul(d.block)));
    numbers.set(Number::MetadataUsedBlocks, demand.map(|d| d.metadata / 4096));
    if !matches!(pool.owner, PoolOwner::Containerd { .. }) {
        numbers.set(Number::CurrentPercent, demand.map(|d| d.percent));
    }
}

fn layout_numbers(plan: &mut Plan, pool: &Pool, demand: &Demand, target: &Target, layout: &Layout) {
    let numbers = &mut plan.numbers;
    let blocks = layout.data / demand.block.max(1);
    numbers.set(Number::DeviceBytes, Some(target.bytes));
    numbers.set(Number::DeviceUsableBytes, Some(target.room.usable));
    numbers.set(Number::DeviceNeededBytes, Some(layout.needed));
    numbers.set(Number::MinimumTotalBlocks, Some(layout.least / demand.block.max(1)));
    numbers.set(Number::MinimumTotalBytes, Some(layout.least));
    numbers.set(Number::NewTotalBlocks, Some(blocks));
    numbers.set(Number::NewTotalBytes, Some(layout.data));
    if pool.is_dockers() {
        numbers.set(
            Number::NewRequiredBlocks,
            Some(min_free::required(blocks, layout::percent(demand.percent))),
        );
        numbers.set(Number::NewPercent, Some(layout::percent(demand.percent)));
    }
    numbers.set(Number::MetadataNewTotalBytes, Some(layout.metadata));
    numbers.set(Number::MetadataSpareBytes, Some(layout.metadata));
    numbers.set(Number::AutoextendThresholdPercent, Some(layout.threshold));
    numbers.set(Number::AutoextendGrowthPercent, Some(layout::GROWTH));
    numbers.set(Number::AutoextendRoomBytes, Some(layout.growth));
    numbers.set(Number::ExtentBytes, Some(target.room.extent));
}

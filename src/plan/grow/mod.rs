//! Plan to grow a pool: the minimum and the recommended size, whether there is room, and the steps.
//!
//! Blocked if the pool's mode does not allow growing, or if the backing storage has no room.

mod room;
mod steps;
mod unknown_layout;

pub(super) use steps::{GrowMethod, grow_method};
pub(super) use unknown_layout::ask_for;

use super::pool_facts::{SpaceFacts, State, state};
use super::sizes::{self, Target};
use super::{Goal, Plan};
use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::{Bytes, METADATA_BLOCKS_MAX};
use crate::plan::Number;

/// Options of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grow {
    /// Data, metadata or both.
    pub which: Which,
    /// Grow by this much; applies to the data if both may grow.
    pub by: Option<Bytes>,
    /// Grow to this size; applies to the data if both may grow.
    pub to: Option<Bytes>,
}

/// Whether to grow a pool's data, metadata or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// The data, the metadata or both, as the numbers say.
    #[default]
    AsNeeded,
    /// The data only.
    Data,
    /// The metadata only.
    Metadata,
}

/// Facts and sizes for a plan to grow; sizes in blocks.
pub(super) struct GrowContext<'a> {
    pub(super) host: &'a Host,
    pub(super) pool: &'a Pool,
    pub(super) data: SpaceFacts,
    pub(super) metadata: SpaceFacts,
    pub(super) data_target: Target,
    pub(super) metadata_target: Target,
    /// Data blocks after the steps.
    pub(super) new_data: Option<u64>,
    /// Metadata blocks after the steps.
    pub(super) new_metadata: Option<u64>,
    /// Whether the user requested the data size.
    pub(super) asked: bool,
}

impl GrowContext<'_> {
    /// Data blocks to add.
    pub(super) fn more_data(&self) -> Option<u64> {
        self.new_data?.checked_sub(self.data.total?).filter(|more| *more > 0)
    }

    /// Metadata blocks to add.
    pub(super) fn more_metadata(&self) -> Option<u64> {
        self.new_metadata?.checked_sub(self.metadata.total?).filter(|more| *more > 0)
    }
}

/// Reason why a plan made only from LVM's reports has no script.
const UNIT_UNKNOWN: &str =
    "the pool's chunk size is not said here: make the plan on the host itself, as root";

/// Plans how to grow a pool.
pub(super) fn grow(host: &Host, pool: &Pool, options: &Grow) -> Plan {
    let mut plan = Plan::new(Goal::Grow, host, pool, super::Numbers::default());
    let mut context = context(&mut plan, host, pool, options);
    judge_state(&mut plan, &mut context, options.which);
    judge_sizes(&mut plan, &context, options.which);
    room::fit(&mut plan, &mut context);
    numbers(&mut plan, &context);
    if context.data.unit_assumed {
        plan.numbers.forget_data_blocks();
        plan.basis.unscriptable = Some(UNIT_UNKNOWN.into());
    }
    plan.warnings.extend(context.data.caveat("data"));
    plan.warnings.extend(context.metadata.caveat("metadata").filter(|_| context.more_metadata().is_some()));
    if !plan.possible {
        return plan;
    }
    if context.more_data().is_none() && context.more_metadata().is_none() {
        plan.warn(
            "nothing has to grow: the floor is met and no more than 75 % is in use; name a size to grow it",
        );
        return plan;
    }
    if pool.inactive_table == Some(true) {
        plan.warn(
            "a table is loaded for the pool but not live, as after an interrupted resize: it is replaced",
        );
    }
    match (grow_method(pool, &pool.data_backing), &pool.name) {
        (GrowMethod::Unknown, _) | (_, None) => unknown_layout::steps(&mut plan, &context),
        _ => steps::steps(&mut plan, &context),
    }
    plan
}

/// Computes the sizes; an impossible request blocks the plan.
fn context<'a>(plan: &mut Plan, host: &'a Host, pool: &'a Pool, options: &Grow) -> GrowContext<'a> {
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    let asked = |half: &SpaceFacts| asked(half, options);
    let hidden = pool.mode == Some(Mode::OutOfDataSpace) && data.free.is_some_and(|free| free > 0);
    let data_target = if hidden { sizes::beyond_bitmap(&data) } else { sizes::data(&data) };
    if hidden && options.which != Which::Metadata {
        plan.warn(
            "the pool is out of data space although it counts blocks as free: where that lasts for more than a \
             second, the kernel does not find them, as after a repair of a full pool; it finds those that are \
             added past the end of its last bitmap",
        );
    }
    let named = options.by.is_some() || options.to.is_some();
    let new_data = match options.which {
        Which::Metadata => data.total,
        _ if named => asked(&data).unwrap_or_else(|why| block(plan, why)),
        _ => data_target.recommended,
    };
    let metadata_target = sizes::metadata(&metadata, new_data);
    let new_metadata = match options.which {
        Which::Data => metadata.total,
        Which::Metadata if named => asked(&metadata).unwrap_or_else(|why| block(plan, why)),
        Which::Metadata | Which::AsNeeded => metadata_target.recommended,
    };
    let asked = named && options.which != Which::Metadata;
    GrowContext { host, pool, data, metadata, data_target, metadata_target, new_data, new_metadata, asked }
}

fn block(plan: &mut Plan, why: Text) -> Option<u64> {
    plan.block(why);
    None
}

/// The requested total, in whole blocks.
fn asked(half: &SpaceFacts, options: &Grow) -> Result<Option<u64>, Text> {
    let unknown =
        || "the pool's size or block size is not known, so a size in bytes cannot be turned into blocks";
    let (total, size) = half.total.zip(half.block).ok_or_else(unknown)?;
    let blocks = match (options.to, options.by) {
        (Some(to), _) => Some(to.0.div_ceil(size)),
        (None, Some(by)) => total.checked_add(by.0.div_ceil(size)),
        (None, None) => Some(total),
    };
    match blocks {
        Some(blocks) if blocks > total => Ok(Some(blocks)),
        Some(_) => Err(text!(
            "it has {} already: a pool can only become larger, never smaller",
            Bytes(total.saturating_mul(size))
        )),
        None => Err("that size is larger than any number this program knows".into()),
    }
}

fn judge_state(plan: &mut Plan, context: &mut GrowContext<'_>, which: Which) {
    match state(context.pool) {
        State::Blocked(why, steps) => {
            plan.block(why);
            plan.steps = steps;
        }
        State::MetadataFull if which == Which::Data => {
            plan.block("the pool is read-only for want of metadata: the metadata has to grow first")
        }
        State::MetadataFull => {
            if context.more_data().is_some() {
                plan.warn(
                    "only the metadata grows in this plan: once the pool is writable again, plan its data",
                );
                context.new_data = context.data.total;
            }
            if context.pool.needs_check.is_none() {
                plan.warn(
                    "this kernel does not say whether the metadata needs an offline check; old ones do after \
                     running out of metadata, and then stay read-only until it is repaired (`thinspect plan \
                     repair`)",
                );
            }
        }
        State::Unknown => {
            plan.warn("the pool's mode is not known here: a read-only or failed pool cannot grow")
        }
        State::Works | State::DataFull => {}
    }
    if context.pool.owner == PoolOwner::Stratis {
        plan.block(
            "Stratis keeps its own records of the pool's size: add a disk with `stratis pool add-data`",
        );
    }
}

fn judge_sizes(plan: &mut Plan, context: &GrowContext<'_>, which: Which) {
    let limit = METADATA_BLOCKS_MAX.0;
    if plan.blocked_by.is_empty() && context.new_data.is_none() && context.new_metadata.is_none() {
        plan.block("the pool's used and total blocks are not known, so no size can be computed");
        plan.steps = vec![unknown_layout::ask(context.pool)];
    }
    if context.metadata_target.minimum_growth.is_none() && context.metadata.total.is_some() {
        plan.block("the metadata is as large as the kernel can use (15.875 GiB): only removing things helps");
    }
    let at_limit = Bytes(limit * 4096);
    if let Some(new) = context.new_metadata.filter(|new| *new > limit) {
        let size = Bytes(new.saturating_mul(4096));
        plan.block(text!("the kernel uses at most {} of metadata, and {} were asked for", at_limit, size));
    }
    let Some(new) = context.new_data else { return };
    let (needed, has) = (sizes::needed_bytes(new), context.new_metadata.map(|m| m.saturating_mul(4096)));
    if context.more_data().is_some() && needed > at_limit.0 {
        plan.block(text!(
            "{} data blocks need {} of metadata, and the kernel uses at most {}: a pool this \
             large needs larger blocks, which only a new pool can have",
            new,
            Bytes(needed),
            at_limit
        ));
    } else if let Some(has) = has.filter(|has| *has < needed && context.more_data().is_some()) {
        plan.warn(text!(
            "{} data blocks need {} of metadata by the kernel's rule, and there will be {}: grow the \
             metadata too",
            new,
            Bytes(needed),
            Bytes(has)
        ));
    }
    if let Some(least) =
        context.data_target.minimum_total.filter(|least| new < *least && which != Which::Metadata)
    {
        plan.warn(text!(
            "Docker still refuses after that: {} are the least that unblock",
            context.data.amount(least.saturating_sub(context.data.total.unwrap_or(0)))
        ));
    }
}

fn numbers(plan: &mut Plan, context: &GrowContext<'_>) {
    let numbers = &mut plan.numbers;
    let data = &context.data;
    numbers.set_data(data, &context.metadata);
    let bytes = |blocks: Option<u64>| data.bytes(blocks?);
    let target = &context.data_target;
    let growth = context.new_data.zip(data.total).and_then(|(new, total)| new.checked_sub(total));
    for (in_blocks, in_bytes, blocks) in [
        (Number::MinimumGrowthBlocks, Number::MinimumGrowthBytes, target.minimum_growth),
        (Number::MinimumTotalBlocks, Number::MinimumTotalBytes, target.minimum_total),
        (Number::RecommendedTotalBlocks, Number::RecommendedTotalBytes, target.recommended),
        (Number::GrowthBlocks, Number::GrowthBytes, growth),
        (Number::NewTotalBlocks, Number::NewTotalBytes, context.new_data),
    ] {
        numbers.set(in_blocks, blocks);
        numbers.set(in_bytes, bytes(blocks));
    }
    let metadata = &context.metadata;
    let bytes = |blocks: Option<u64>| metadata.bytes(blocks?);
    numbers.set(Number::MetadataBlockBytes, metadata.block);
    numbers.set(Number::MetadataTotalBlocks, metadata.total);
    numbers.set(Number::MetadataUsedBlocks, metadata.used());
    numbers.set(Number::MetadataFreeBlocks, metadata.free);
    numbers.set(Number::MetadataRequiredBlocks, metadata.required);
    numbers.set(Number::MetadataShortBlocks, metadata.short());
    let target = &context.metadata_target;
    let growth = context.new_metadata.zip(metadata.total).and_then(|(new, total)| new.checked_sub(total));
    for (in_blocks, in_bytes, blocks) in [
        (Number::MetadataMinimumGrowthBlocks, Number::MetadataMinimumGrowthBytes, target.minimum_growth),
        (Number::MetadataMinimumTotalBlocks, Number::MetadataMinimumTotalBytes, target.minimum_total),
        (Number::MetadataRecommendedTotalBlocks, Number::MetadataRecommendedTotalBytes, target.recommended),
        (Number::MetadataGrowthBlocks, Number::MetadataGrowthBytes, growth),
        (Number::MetadataNewTotalBlocks, Number::MetadataNewTotalBytes, context.new_metadata),
    ] {
        numbers.set(in_blocks, blocks);
        numbers.set(in_bytes, bytes(blocks));
    }
    numbers.set(Number::MetadataNeededBytes, context.new_data.map(sizes::needed_bytes));
    numbers.set(Number::MetadataAdvisedBytes, context.new_data.map(sizes::advised_bytes));
    numbers.set(Number::MetadataLimitBytes, Some(METADATA_BLOCKS_MAX.0.saturating_mul(4096)));
}

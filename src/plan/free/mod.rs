//! Plan to free space in a pool: how much has to go, and the steps, least destructive first.
//!
//! Does not know how much each device would free; [`selection`] makes plans with counted gains.

mod docker;
mod non_docker;
pub(super) mod selection;

pub(super) use docker::SHELL;

use super::numbers::Numbers;
use super::pool_facts::{SpaceFacts, State, state};
use super::{Goal, Plan, Step};
use crate::advice::quote;
use crate::advice::recipes::pool_option;
use crate::host::Host;
use crate::host::dm::status::Discards;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::units::{Bytes, percent_of};
use crate::plan::Number;

/// Options of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Free {
    /// Amount to free; by default what the floor requires or what lowers usage to 80 %.
    pub need: Option<Bytes>,
}

/// Percentage that may be in use without a warning.
const COMFORT: u64 = 80;

/// Facts for a plan to free space.
pub(super) struct FreeContext<'a> {
    pub(super) host: &'a Host,
    pub(super) pool: &'a Pool,
    pub(super) data: SpaceFacts,
    /// Data blocks to free; `None` where that cannot be known.
    pub(super) wanted: Option<u64>,
}

impl FreeContext<'_> {
    /// Free data blocks at which the goal is reached.
    pub(super) fn target(&self) -> Option<u64> {
        self.data.free.filter(|_| !self.data.unit_assumed)?.checked_add(self.wanted?)
    }

    /// Command that prints the free blocks and succeeds once the goal is reached.
    pub(super) fn check(&self) -> Option<String> {
        self.check_of(self.target()?)
    }

    /// Command that prints the free blocks and succeeds if there are at least `least`.
    pub(super) fn check_of(&self, least: u64) -> Option<String> {
        let name = quote(self.pool.name.as_deref()?);
        let count = "{split($6, d, \"/\"); print f = d[2] - d[1];";
        Some(format!("dmsetup status --noflush {name} | awk '{count} exit f < {least}}}'"))
    }
}

/// Plans how to free space in a pool.
pub(super) fn free(host: &Host, pool: &Pool, options: &Free) -> Plan {
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    let numbers = numbers(host, pool, &data, &metadata, options);
    let wanted = numbers.get(Number::WantedBlocks);
    let mut plan = Plan::new(Goal::Free, host, pool, numbers);
    let context = FreeContext { host, pool, data, wanted };
    if blocked(&mut plan, pool) {
        return plan;
    }
    judge(&mut plan, &context, &metadata);
    if context.data.unit_assumed {
        plan.numbers.forget_data_blocks();
    }
    match pool.owner {
        PoolOwner::Docker { .. } => docker::steps(&mut plan, &context),
        _ => non_docker::steps(&mut plan, &context),
    }
    plan
}

/// Data blocks in use above [`COMFORT`].
fn over_comfort(data: &SpaceFacts) -> Option<u64> {
    Some(data.used()?.saturating_sub(percent_of(data.total?, COMFORT)))
}

pub(super) fn numbers(
    host: &Host,
    pool: &Pool,
    data: &SpaceFacts,
    metadata: &SpaceFacts,
    options: &Free,
) -> Numbers {
    let mut numbers = Numbers::default();
    let in_bytes = |blocks: Option<u64>| data.bytes(blocks?);
    let over = over_comfort(data);
    let wanted = match options.need {
        Some(need) => data.block.map(|block| need.0.div_ceil(block)),
        None => match (data.short(), over) {
            (Some(short), over) if short > 0 => Some(over.map_or(short, |over| short.max(over))),
            (_, over) => over,
        },
    };
    numbers.set_data(data, metadata);
    numbers.set(Number::ShortBytes, in_bytes(data.short()));
    numbers.set(Number::Over80PercentBlocks, over);
    numbers.set(Number::Over80PercentBytes, in_bytes(over));
    numbers.set(Number::WantedBlocks, wanted);
    numbers.set(Number::WantedBytes, in_bytes(wanted));
    numbers.set(Number::MetadataFreeBlocks, metadata.free);
    numbers.set(Number::MetadataShortBlocks, metadata.short());
    numbers.set(Number::TrimBytes, trim(host, pool));
    let allocated = pool.data_backing.file.as_ref().and_then(|f| f.allocated);
    let used = data.used().and_then(|u| data.bytes(u));
    numbers.set(Number::FileSurplusBytes, allocated.zip(used).map(|(a, u)| a.0.saturating_sub(u)));
    numbers
}

/// Upper bound for trimming, in bytes: what mounted thin devices map beyond what their files use.
fn trim(host: &Host, pool: &Pool) -> Option<u64> {
    let mut all = None;
    for thin in host.thins_of(pool) {
        let Some(filesystem) = &thin.filesystem else { continue };
        let Some((size, free)) = filesystem.size.zip(filesystem.free) else { continue };
        let Some(mapped) = thin.mapped() else { continue };
        all = Some(all.unwrap_or(0) + mapped.minus(size.minus(free)).0);
    }
    all
}

/// Blocks the plan if nothing can be removed.
pub(super) fn blocked(plan: &mut Plan, pool: &Pool) -> bool {
    match state(pool) {
        State::Blocked(why, steps) => {
            plan.block(why);
            plan.block("nothing can be removed from a pool in that state, neither by Docker nor by anybody");
            plan.steps = steps;
        }
        State::MetadataFull => {
            plan.block(
                "the pool is read-only for want of metadata: nothing can be removed from it; the metadata \
                 has to grow first",
            );
            let command = format!("thinspect plan grow --metadata{}", pool_option(pool));
            let why = "A pool out of metadata becomes writable by that.";
            plan.steps = vec![Step::look("see how to grow the metadata", why, vec![command])];
        }
        _ if pool.owner == PoolOwner::Stratis => {
            plan.block("Stratis manages this pool: remove snapshots and filesystems with its own tool");
            let why = "Only Stratis knows what may go.";
            plan.steps = vec![Step::look("see what there is", why, vec!["stratis filesystem list".into()])];
        }
        _ => {}
    }
    !plan.possible
}

pub(super) fn judge(plan: &mut Plan, context: &FreeContext<'_>, metadata: &SpaceFacts) {
    let pool = context.pool;
    match state(pool) {
        State::DataFull => plan.warn(
            "no data block is free: removing still works, but what writes into the pool waits or fails; begin \
             with what does not run",
        ),
        State::Unknown => {
            plan.warn("the pool's mode is not known here: from a read-only or failed pool nothing can go");
        }
        _ => {}
    }
    match context.wanted {
        Some(0) => plan.warn(format!(
            "nothing has to be freed: the floor is met and at most {COMFORT} % is in use; the steps say what \
             could go"
        )),
        None => {
            plan.warn("the pool's used and total blocks are not known, so how much has to go is not either")
        }
        Some(_) => {}
    }
    if let Some(short) = metadata.short().filter(|short| *short > 0) {
        plan.warn(format!(
            "{short} metadata blocks are missing as well: each thing removed gives some back, growing the \
             metadata is surer (`thinspect plan grow --metadata`)"
        ));
    }
    plan.warnings.extend(context.data.caveat("data"));
    stays_allocated(plan, pool);
}

/// Warns if space freed in the pool is not returned to the host's filesystem.
fn stays_allocated(plan: &mut Plan, pool: &Pool) {
    if !pool.data_backing.is_loop() {
        return;
    }
    let refused = pool.data_backing.takes_discards == Some(false);
    if refused || matches!(pool.discards, Some(Discards::NotPassedDown | Discards::Ignored)) {
        plan.warn(
            "discards do not reach the loop file: what becomes free in the pool does not become free on the \
             filesystem under it",
        );
    }
}

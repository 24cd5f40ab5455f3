//! Plan to lower Docker's free-space floor: the percentage that ends the refusal, the space it leaves, and the risks.
//!
//! Never recommends turning the floor off, and names better alternatives.

use super::numbers::Numbers;
use super::pool_facts::{SpaceFacts, State, state};
use super::{Goal, Plan, Step, settings};
use crate::advice::{Risk, quote};
use crate::host::Host;
use crate::host::docker::min_free;
use crate::host::model::pool::{MinFreeFrom, Pool, PoolOwner};
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::plan::Number;

/// Options of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MinFreeSpace {
    /// The percentage to set; by default the largest that ends the refusal.
    pub percent: Option<u64>,
}

/// A single image layer can use up less than this.
const LITTLE: Bytes = Bytes(256 << 20);

/// Plans a lower `dm.min_free_space`.
#[must_use]
pub fn min_free_space(host: &Host, pool: &Pool, options: &MinFreeSpace) -> Plan {
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    let largest = largest(&data, &metadata);
    let new = options.percent.or(largest);
    let mut plan = Plan::new(Goal::MinFreeSpace, host, pool, numbers(pool, &data, &metadata, largest, new));
    if let Some(why) = no_floor(pool, &data) {
        plan.block(why);
        return plan;
    }
    if let State::Blocked(why, steps) = state(pool) {
        plan.block(why);
        plan.steps = steps;
        return plan;
    }
    judge_mode(&mut plan, pool);
    match new {
        Some(new) => judge(&mut plan, pool, &data, &metadata, new, options),
        None => {
            plan.block("neither the free nor the required blocks are known, so no percent can be computed")
        }
    }
    plan.warnings.extend(data.caveat("data"));
    plan.warnings.extend(metadata.caveat("metadata").filter(|_| pool.refused_metadata.is_some()));
    match new {
        Some(new) if plan.possible => settings::steps(&mut plan, host, pool, &data, new),
        _ => plan.steps = instead(pool),
    }
    plan
}

/// The largest percentage at which data and metadata both pass; unknown counts are ignored.
fn largest(data: &SpaceFacts, metadata: &SpaceFacts) -> Option<u64> {
    let of = |half: &SpaceFacts| Some(min_free::largest_passing_percent(half.free?, half.total?));
    match (of(data), of(metadata)) {
        (Some(data), Some(metadata)) => Some(data.min(metadata)),
        (one, other) => one.or(other),
    }
}

fn numbers(
    pool: &Pool,
    data: &SpaceFacts,
    metadata: &SpaceFacts,
    largest: Option<u64>,
    new: Option<u64>,
) -> Numbers {
    let mut numbers = Numbers::default();
    let at_new = |half: &SpaceFacts| Some(min_free::required(half.total?, new?));
    let headroom = |half: &SpaceFacts| half.free?.checked_sub(at_new(half)?);
    let in_bytes = |half: &SpaceFacts, blocks: Option<u64>| half.bytes(blocks?);
    numbers.set_data(data, metadata);
    numbers.set(Number::LargestUnblockingPercent, largest);
    numbers.set(Number::NewPercent, new);
    numbers.set(Number::NewRequiredBlocks, at_new(data));
    numbers.set(Number::HeadroomBlocks, headroom(data));
    let bytes = in_bytes(data, headroom(data));
    numbers.set(Number::HeadroomBytes, bytes);
    let real = pool.headroom().filesystem.map(|b| b.0);
    numbers.set(Number::EffectiveHeadroomBytes, bytes.map(|b| real.map_or(b, |real| real.min(b))));
    numbers.set(Number::MetadataTotalBlocks, metadata.total);
    numbers.set(Number::MetadataFreeBlocks, metadata.free);
    numbers.set(Number::MetadataRequiredBlocks, metadata.required);
    numbers.set(Number::MetadataShortBlocks, metadata.short());
    numbers.set(Number::MetadataNewRequiredBlocks, at_new(metadata));
    numbers.set(Number::MetadataHeadroomBlocks, headroom(metadata));
    numbers.set(Number::MetadataHeadroomBytes, in_bytes(metadata, headroom(metadata)));
    let growth = super::sizes::data(data);
    numbers.set(Number::MinimumGrowthBlocks, growth.minimum_growth);
    numbers.set(Number::MinimumGrowthBytes, in_bytes(data, growth.minimum_growth));
    numbers.set(Number::MinimumTotalBlocks, growth.minimum_total);
    let growth = super::sizes::metadata(metadata, None);
    numbers.set(Number::MetadataMinimumGrowthBlocks, growth.minimum_growth);
    numbers.set(Number::MetadataMinimumGrowthBytes, in_bytes(metadata, growth.minimum_growth));
    numbers.set(Number::MetadataMinimumTotalBlocks, growth.minimum_total);
    let filesystem = pool.data_backing.filesystem.as_ref();
    numbers.set(Number::FilesystemFreeBytes, filesystem.and_then(|f| f.free).map(|f| f.0));
    numbers
}

/// The reason why there is no floor to lower, if there is none.
fn no_floor(pool: &Pool, data: &SpaceFacts) -> Option<String> {
    let refused = pool.refused_data.is_some() || pool.refused_metadata.is_some();
    match (pool.min_free.from, data.percent) {
        (MinFreeFrom::TooOld, _) => Some(
            "this Docker is older than 1.11: it has no floor and would stop at an option \
             dm.min_free_space"
                .into(),
        ),
        _ if refused => None,
        (_, Some(0)) => Some("the floor is turned off already (0 %)".into()),
        (_, None) => Some(match pool.owner {
            PoolOwner::Docker { .. } => "no free-space floor is known of this pool".into(),
            _ => "nobody applies a free-space floor to this pool: only Docker's devicemapper driver, and \
                  Podman's old one, do"
                .into(),
        }),
        (_, Some(_)) => None,
    }
}

fn judge_mode(plan: &mut Plan, pool: &Pool) {
    match state(pool) {
        State::DataFull => plan.block(
            "no data block is free: a lower floor lets Docker try, and every write still fails; free space \
             or grow the pool",
        ),
        State::MetadataFull => {
            plan.block("the pool is read-only for want of metadata: growing the metadata is the cure");
        }
        State::Unknown => plan.warn(
            "the pool's mode is not known here: on a read-only pool this helps \
            nothing",
        ),
        State::Works | State::Blocked(..) => {}
    }
}

/// Blocks or warns about an unsuitable percentage.
fn judge(
    plan: &mut Plan,
    pool: &Pool,
    data: &SpaceFacts,
    metadata: &SpaceFacts,
    new: u64,
    options: &MinFreeSpace,
) {
    let refused = |half: &SpaceFacts| half.short().is_some_and(|short| short > 0);
    let current = data.percent.or(metadata.percent).unwrap_or(min_free::DEFAULT_PERCENT);
    let largest = plan.numbers.get(Number::LargestUnblockingPercent);
    if !refused(data) && !refused(metadata) && options.percent.is_none() {
        plan.block(
            "Docker does not refuse anything for want of free blocks now: there is nothing to unblock",
        );
    } else if new > 99 {
        plan.block(format!("Docker takes 0 to 99 percent, not {new}"));
    } else if options.percent.is_none() && new == 0 {
        plan.block(
            "less than 1 % is free: only 0 % would pass, which turns the check off, and the next writes fill \
             the pool for good; free space or grow the pool",
        );
    } else if let Some(largest) = largest.filter(|largest| new > *largest) {
        plan.warn(format!(
            "Docker would refuse at {new} %; the largest percent that unblocks is {largest} %"
        ));
    }
    if new == 0 && plan.possible {
        plan.warn(
            "0 % turns the check off: nothing then stops a pull or build from filling the pool for good",
        );
    }
    if refused(metadata) {
        let growth = plan.numbers.get(Number::MetadataMinimumGrowthBlocks).unwrap_or(64);
        plan.warn(text!(
            "the refusal is about metadata, and full metadata turns the whole pool read-only: growing the \
             metadata by {} is the better way (`thinspect plan grow`)",
            metadata.amount(growth)
        ));
    }
    let headroom = plan.numbers.get(Number::HeadroomBytes).map(Bytes);
    if let Some(left) = headroom.filter(|left| *left < LITTLE && new < current) {
        plan.warn(text!("{} % leaves only {} above the floor: one image layer can use that up", new, left));
    }
    if new < current && plan.possible {
        plan.warn(
            "a lower floor only buys time: running containers may still fill the pool, and filesystems on a \
             full pool lose data; free space or grow the pool soon",
        );
    }
    judge_filesystem(plan, pool, headroom);
}

/// Free blocks of a sparse loop file are only usable if the filesystem below has room for them.
fn judge_filesystem(plan: &mut Plan, pool: &Pool, headroom: Option<Bytes>) {
    let real = plan.numbers.get(Number::EffectiveHeadroomBytes).map(Bytes);
    let (Some(headroom), Some(real)) = (headroom, real) else { return };
    if real < LITTLE && real < headroom {
        plan.block(text!(
            "the filesystem under the loop file has only {} left for the pool: when it is full the \
             kernel makes the pool read-only, and it needs repair; free space there first",
            real
        ));
    } else if real < headroom {
        plan.warn(text!(
            "the filesystem under the loop file carries only {} of the {} that the pool would \
             have left: when that is used up the pool turns read-only and needs repair",
            real,
            headroom
        ));
    }
    if pool.data_backing.is_loop() && pool.data_backing.filesystem.is_none() {
        plan.warn("what the filesystem under the loop file has free is not known here: it may be less");
    }
}

/// Alternatives if lowering the floor does not help.
fn instead(pool: &Pool) -> Vec<Step> {
    let name = pool.name.as_deref().map(|n| format!(" --pool {}", quote(n))).unwrap_or_default();
    let step = |does: &str, why: &str, goal: &str| {
        Step::new(Risk::Reads, does, why, vec![format!("thinspect plan {goal}{name}")])
    };
    if state(pool) == State::MetadataFull {
        return vec![step(
            "see how to grow the metadata",
            "A pool out of metadata becomes writable by that.",
            "grow",
        )];
    }
    vec![
        step(
            "see what can be removed, and how much that frees",
            "Less in the pool is the real cure.",
            "free",
        ),
        step("see how to grow the pool, in exact numbers", "The other real cure.", "grow"),
    ]
}

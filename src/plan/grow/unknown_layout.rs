//! Steps for a pool whose name or layout is unknown: what to look at, and commands for both loop files and LVM.
//!
//! The commands look up the unknown names themselves; no script is made.

use super::GrowContext;
use crate::advice::recipes::pool_option;
use crate::advice::{Risk, quote};
use crate::host::model::pool::{Pool, PoolHalf};
use crate::plan::{Plan, Step};

/// Adds generic steps.
pub(super) fn steps(plan: &mut Plan, context: &GrowContext<'_>) {
    plan.basis.unscriptable = Some(
        "the pool's name, or what carries it, is not known here: make the plan on the host itself, as root"
            .into(),
    );
    plan.steps.push(ask(context.pool));
    if let Some(new) = context.new_metadata.filter(|_| context.more_metadata().is_some()) {
        plan.steps.push(loop_metadata(context.pool, new));
        plan.steps.push(lvm(context, PoolHalf::Metadata));
    }
    if let Some(new) = context.new_data.filter(|_| context.more_data().is_some()) {
        plan.steps.push(loop_data(context.pool, new));
        plan.steps.push(lvm(context, PoolHalf::Data));
    }
}

/// Step that identifies the pool on the host and makes the plan there.
pub(super) fn ask(pool: &Pool) -> Step {
    ask_for(pool, "grow")
}

/// Step that identifies the pool on the host and makes the plan for `goal` there.
pub(in crate::plan) fn ask_for(pool: &Pool, goal: &str) -> Step {
    let commands = vec![
        "dmsetup table --target thin-pool".to_owned(),
        "losetup -a; lvs -a; vgs".to_owned(),
        format!("thinspect plan {goal}{}", pool_option(pool)),
    ];
    let why = "Loop files and logical volumes are handled differently. On the host itself, as root, this \
               program sees which it is and gives the exact commands.";
    Step::look("see which pool it is and what carries it", why, commands)
}

/// Command that sets `$pool` to the known name, or asks Docker.
fn set_pool(pool: &Pool) -> String {
    match &pool.name {
        Some(name) => format!("pool={}", quote(name)),
        None => "pool=$(docker info 2>/dev/null | sed -n 's/^ *Pool Name: //p')".to_owned(),
    }
}

fn loop_data(pool: &Pool, new: u64) -> Step {
    let commands = vec![
        set_pool(pool),
        "file=$(docker info 2>/dev/null | sed -n 's/^ *Data loop file: //p')".to_owned(),
        format!("old=$(dmsetup table \"$pool\"); size=$(( {new} * $(echo \"$old\" | cut -d' ' -f6) * 512 ))"),
        "truncate -c -s \">$size\" \"$file\" && losetup -c \"$(losetup -j \"$file\" | cut -d: -f1)\"".to_owned(),
        "new=$(echo \"$old\" | sed \"s/^0 [0-9]* thin-pool /0 $(( size / 512 )) thin-pool /\")".to_owned(),
        "dmsetup reload \"$pool\" --table \"$new\" && { dmsetup resume \"$pool\" || { dmsetup reload \"$pool\" \
         --table \"$old\" && dmsetup resume \"$pool\"; }; }"
            .to_owned(),
    ];
    let why = "The filesystem under the file must have the space, or it is not real: compare `df` first. \
               Writes wait for less than a second, containers go on; the last command makes sure that the \
               pool does not stay suspended.";
    let does =
        format!("if `docker info` names a data loop file: enlarge it, and the pool to {new} data blocks");
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("dmsetup status --noflush \"$pool\" | grep -q ' [0-9]*/[0-9]* [0-9]*/{new} '"));
    step
}

fn loop_metadata(pool: &Pool, new: u64) -> Step {
    let size = new.saturating_mul(4096);
    let commands = vec![
        set_pool(pool),
        "file=$(docker info 2>/dev/null | sed -n 's/^ *Metadata loop file: //p')".to_owned(),
        format!("truncate -c -s '>{size}' \"$file\" && losetup -c \"$(losetup -j \"$file\" | cut -d: -f1)\""),
        "dmsetup reload \"$pool\" --table \"$(dmsetup table \"$pool\")\" && dmsetup resume \"$pool\""
            .to_owned(),
    ];
    let why = "The kernel looks at the size of the metadata device when a pool is resumed. Writes wait for \
               less than a second, containers go on.";
    let does = format!("if `docker info` names a metadata loop file: enlarge it to {new} metadata blocks");
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("dmsetup status --noflush \"$pool\" | grep -q ' [0-9]*/{new} '"));
    step
}

/// Step for a pool on LVM; its volume is looked up from `$pool`.
fn lvm(context: &GrowContext<'_>, half: PoolHalf) -> Step {
    let (data, word) = (half == PoolHalf::Data, half.word());
    let more = if data { context.more_data() } else { context.more_metadata() }.unwrap_or(0);
    let option = if data { "-L" } else { "--poolmetadatasize" };
    let block = if data { "$(dmsetup table \"$pool\" | cut -d' ' -f6) * 512" } else { "4096" };
    let commands = vec![
        set_pool(context.pool),
        "volume=$(lvs --noheadings -o vg_name,lv_name --separator / \"/dev/mapper/$pool\" | tr -d ' ')"
            .to_owned(),
        format!("lvextend {option} +$(( {more} * {block} ))b \"$volume\""),
    ];
    let why = "The volume group must have the room (`vgs`); LVM rounds up to whole extents. Writes wait for \
               less than a second, containers go on. Typed twice it grows twice.";
    let does = format!("if LVM made the pool: add {more} {word} blocks to it");
    Step::new(Risk::Changes, does, why, commands)
}

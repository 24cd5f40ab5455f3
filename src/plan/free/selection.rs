//! Plan to free a given amount by named removals whose gains have been counted.
//!
//! Adds checks and guards to a given selection; counts nothing itself.

use super::{Free, FreeContext, docker};
use crate::advice::{Risk, quote};
use crate::host::Host;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::{Blocks as _, Bytes, DataBlocks};
use crate::plan::Number;
use crate::plan::pool_facts::SpaceFacts;
use crate::plan::{Goal, Plan, ScriptStep, Step};
use crate::usage::selection::{Loss, Selection, Step as Removal, Trim};

/// Plans the removal of the selection; `notes` become warnings.
#[must_use]
pub fn free_selected(host: &Host, pool: &Pool, selection: &Selection, notes: &[String]) -> Plan {
    let (data, metadata) = (SpaceFacts::data(pool), SpaceFacts::metadata(pool));
    let (block, wanted) = (selection.block, selection.need);
    let options = Free { need: Some(wanted.bytes(block)) };
    let mut numbers = super::numbers(host, pool, &data, &metadata, &options);
    numbers.set(Number::BlockBytes, Some(block));
    for (blocks, bytes, amount) in [
        (Number::WantedBlocks, Number::WantedBytes, Some(wanted)),
        (Number::GainedBlocks, Number::GainedBytes, Some(selection.gain)),
        (Number::ReachableBlocks, Number::ReachableBytes, selection.most),
    ] {
        numbers.set(blocks, amount);
        numbers.set(bytes, amount.map(|a| a.bytes(block)));
    }
    let mut plan = Plan::new(Goal::Free, host, pool, numbers);
    let context = FreeContext { host, pool, data, wanted: Some(wanted.0) };
    if super::blocked(&mut plan, pool) {
        return plan;
    }
    selection.blocked_by.iter().for_each(|why| plan.block(why.as_str()));
    if let Some(most) = selection.most.filter(|most| *most < wanted) {
        plan.block(text!(
            "removing everything that is not in use gives back {}; {} are wanted: the pool has to grow, or \
             something that is in use has to go",
            words(most, block),
            words(wanted, block)
        ));
    }
    super::judge(&mut plan, &context, &metadata);
    for what in &selection.left_alone {
        plan.warn(format!("left alone: {what}"));
    }
    notes.iter().for_each(|note| plan.warn(note.as_str()));
    if !selection.steps.is_empty() {
        plan.warn(
            "the checks count what is free in the whole pool: what is written meanwhile counts against them",
        );
    }
    steps(&mut plan, &context, selection);
    plan
}

fn words(amount: DataBlocks, block: Bytes) -> Text {
    text!("{} blocks ({})", amount.0, amount.bytes(block))
}

fn steps(plan: &mut Plan, context: &FreeContext<'_>, selection: &Selection) {
    let docker = matches!(context.pool.owner, PoolOwner::Docker { .. });
    if docker {
        docker::basis(plan, context);
        if context.host.docker_of(context.pool).and_then(|d| d.running) == Some(false) {
            plan.steps.push(docker::start());
        }
    } else {
        plan.basis.unscriptable =
            Some("the script knows Docker's commands only: type those of the plan".into());
    }
    plan.steps.extend(trim(context, selection));
    let mut sum = 0_u64;
    for removal in &selection.steps {
        sum = sum.saturating_add(removal.gain.0);
        let mut step = Step::new(removal.risk, &*removal.does, &*removal.why, removal.commands.clone());
        step.gain_blocks = Some(removal.gain.0);
        step.gain_bytes = Some(removal.gain.bytes(selection.block).0);
        step.check = context.data.free.and_then(|free| context.check_of(free.checked_add(sum)?));
        step.guarded = guarded(context, removal).filter(|_| docker);
        plan.steps.push(step);
    }
    docker::finish(plan, context);
}

/// Maximum number of filesystems to trim by name.
const TRIMS: usize = 8;

/// Trims deleted files before anything is removed; the gain is unknown in advance.
fn trim(context: &FreeContext<'_>, selection: &Selection) -> Option<Step> {
    let few: Vec<&Trim> = selection.trims.iter().take(TRIMS).collect();
    if few.is_empty() {
        return None;
    }
    let most =
        |t: &&Trim| text!("{} at most {} blocks ({})", t.name, t.most.0, t.most.bytes(selection.block));
    let why = text!(
        "Nothing is removed; it costs some seconds of disk work. What it gives back is not counted below: {}. Where the \
         check says that it was enough, stop here.",
        Text::join(few.iter().map(most), ", ")
    );
    let commands = few.iter().map(|t| format!("fstrim -v {}", quote(&t.mount))).collect();
    let mut step = Step::new(
        Risk::Changes,
        "give back the blocks of files that running containers have deleted",
        why,
        commands,
    );
    step.check = context.check();
    step.guarded = docker::trying(context, &[], &["trim_containers"]);
    Some(step)
}

/// Script step for a removal: by id, so that an object that has since taken the name is not removed.
fn guarded(context: &FreeContext<'_>, removal: &Removal) -> Option<ScriptStep> {
    if removal.loss == Loss::BuildCache {
        let show = ["docker system df || true"];
        return docker::trying(context, &show, &["run docker builder prune --all --force || true"]);
    }
    let id = quote(removal.id.as_deref()?);
    match removal.loss {
        Loss::EndedContainer => {
            let show = format!("docker ps -as --no-trunc --filter id={id} || true");
            docker::trying(context, &[&show], &[&format!("remove_container {id}")])
        }
        Loss::DanglingImage | Loss::UnusedImage if removal.names.is_empty() => {
            docker::trying(context, &[], &[&format!("run docker rmi {id} || true")])
        }
        Loss::DanglingImage | Loss::UnusedImage => {
            let line = |name: &String| format!("remove_image {id} {}", quote(name));
            let lines: Vec<String> = removal.names.iter().map(line).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            docker::trying(context, &["docker images || true"], &lines)
        }
        Loss::BuildCache | Loss::LeakedDevice => None,
    }
}

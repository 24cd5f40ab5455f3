//! The plan to free a given amount by removing things by name, once what each gives back has been counted.
//!
//! It takes the choice as it was made and adds checks and guards; it counts nothing itself.

use super::{Free, Job, docker};
use crate::advice::{Risk, quote};
use crate::host::Host;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::{Blocks as _, Bytes, DataBlocks};
use crate::plan::pool_facts::Half;
use crate::plan::{Goal, Plan, ScriptStep, Step};

/// What was chosen for removal, exact to the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What is to be freed, in blocks.
    pub wanted: DataBlocks,
    /// Size of a block.
    pub block: Bytes,
    /// What removing everything that may be removed gives back.
    pub most: DataBlocks,
    /// What to try first: filesystems that hold blocks of deleted files.
    pub trims: Vec<Trimming>,
    /// What to remove, in order.
    pub removals: Vec<Removal>,
    /// Why nothing can be removed now.
    pub blocked_by: Vec<String>,
    /// What was left alone, and other things to know.
    pub notes: Vec<String>,
}

/// A filesystem to trim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trimming {
    /// The container.
    pub name: String,
    /// Where it is mounted.
    pub mount: String,
    /// The most it can give back.
    pub most: DataBlocks,
}

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What it is.
    pub thing: Thing,
    /// What removing it does, in a few words.
    pub does: String,
    /// What is lost.
    pub why: String,
    /// What it can cost.
    pub risk: Risk,
    /// Commands to type in order, each complete and quoted.
    pub commands: Vec<String>,
    /// What it gives back after those before it.
    pub gain: DataBlocks,
}

/// What a script has to know of a thing, so that it removes that one and nothing that took its name since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// Docker's build cache.
    BuildCache,
    /// A container of Docker's, by its full id.
    Container(String),
    /// An image of Docker's.
    Image {
        /// Its full id.
        id: String,
        /// Its names, all of them; none for an image without one.
        names: Vec<String>,
    },
    /// Anything else: a person removes it.
    Other,
}

/// How to free what is wanted by removing what was chosen.
#[must_use]
pub fn free_chosen(host: &Host, pool: &Pool, chosen: &Chosen) -> Plan {
    let (data, metadata) = (Half::data(pool), Half::metadata(pool));
    let wanted = chosen.wanted.bytes(chosen.block);
    let mut numbers = super::numbers(host, pool, &data, &metadata, &Free { need: Some(wanted) });
    let gained = DataBlocks(chosen.removals.iter().map(|r| r.gain.0).sum());
    numbers.set("block_bytes", Some(chosen.block.0));
    for (blocks, bytes, amount) in [
        ("wanted_blocks", "wanted_bytes", chosen.wanted),
        ("gained_blocks", "gained_bytes", gained),
        ("reachable_blocks", "reachable_bytes", chosen.most),
    ] {
        numbers.set(blocks, Some(amount.0));
        numbers.set(bytes, Some(amount.bytes(chosen.block).0));
    }
    let mut plan = Plan::new(Goal::Free, host, pool, numbers);
    let job = Job { host, pool, data, wanted: Some(chosen.wanted.0) };
    if super::blocked(&mut plan, pool) {
        return plan;
    }
    chosen.blocked_by.iter().for_each(|why| plan.block(why.as_str()));
    if chosen.most < chosen.wanted {
        plan.block(text!(
            "removing everything that is not in use gives back {}; {} are wanted: the pool has to grow, or \
             something that is in use has to go",
            words(chosen.most, chosen.block),
            words(chosen.wanted, chosen.block)
        ));
    }
    super::judge(&mut plan, &job, &metadata);
    let left = chosen.notes.iter();
    left.for_each(|note| plan.warn(note.as_str()));
    if !chosen.removals.is_empty() {
        plan.warn(
            "the checks count what is free in the whole pool: what is written meanwhile counts against them",
        );
    }
    steps(&mut plan, &job, chosen);
    plan
}

fn words(amount: DataBlocks, block: Bytes) -> Text {
    text!("{} blocks ({})", amount.0, amount.bytes(block))
}

fn steps(plan: &mut Plan, job: &Job<'_>, chosen: &Chosen) {
    let docker = matches!(job.pool.owner, PoolOwner::Docker { .. });
    if docker {
        docker::basis(plan, job);
        if job.host.docker_of(job.pool).and_then(|d| d.running) == Some(false) {
            plan.steps.push(docker::start());
        }
    } else {
        plan.basis.unscriptable =
            Some("the script knows Docker's commands only: type those of the plan".into());
    }
    plan.steps.extend(trim(job, chosen));
    let mut sum = 0_u64;
    for removal in &chosen.removals {
        sum = sum.saturating_add(removal.gain.0);
        let mut step = Step::new(removal.risk, &*removal.does, &*removal.why, removal.commands.clone());
        step.gain_blocks = Some(removal.gain.0);
        step.gain_bytes = Some(removal.gain.bytes(chosen.block).0);
        step.check = job.data.free.and_then(|free| job.check_of(free.checked_add(sum)?));
        step.guarded = guarded(job, &removal.thing).filter(|_| docker);
        plan.steps.push(step);
    }
    docker::finish(plan, job);
}

/// So many filesystems are named: what gives little is not worth a line.
const TRIMS: usize = 8;

/// Gives back the blocks of deleted files, before anything is removed. How much that is only trimming tells.
fn trim(job: &Job<'_>, chosen: &Chosen) -> Option<Step> {
    let few: Vec<&Trimming> = chosen.trims.iter().take(TRIMS).collect();
    if few.is_empty() {
        return None;
    }
    let most =
        |t: &&Trimming| text!("{} at most {} blocks ({})", t.name, t.most.0, t.most.bytes(chosen.block));
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
    step.check = job.check();
    step.guarded = docker::trying(job, &[], &["trim_containers"]);
    Some(step)
}

/// What the script does: by id, so that nothing that took the name since is removed.
fn guarded(job: &Job<'_>, thing: &Thing) -> Option<ScriptStep> {
    match thing {
        Thing::Container(id) => {
            let id = quote(id);
            let show = format!("docker ps -as --no-trunc --filter id={id} || true");
            docker::trying(job, &[&show], &[&format!("run docker rm {id} || true")])
        }
        Thing::BuildCache => docker::trying(
            job,
            &["docker system df || true"],
            &["run docker builder prune --all --force || true"],
        ),
        Thing::Image { id, names } if names.is_empty() => {
            docker::trying(job, &[], &[&format!("run docker rmi {} || true", quote(id))])
        }
        Thing::Image { id, names } => {
            let lines: Vec<String> =
                names.iter().map(|name| format!("remove_image {} {}", quote(id), quote(name))).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            docker::trying(job, &["docker images || true"], &lines)
        }
        Thing::Other => None,
    }
}

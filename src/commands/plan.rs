//! `plan`: makes the plan for a goal. Some goals also read the pool's metadata. If a copy given with `--metadata`
//! cannot be read, that is an error; if the pool's own metadata cannot be read, the plan is made without counts.

use super::input::{asked_everything, chosen_pool, collector, recording, root};
use super::metadata_file;
use super::output::{json, print, text_style, units};
use super::plan_inputs::{self, PlanContext};
use anyhow::{Context, Result, anyhow};
use std::path::Path;
use thinspect::cli::{Format, Global, Plan as Goal};
use thinspect::host::model::pool::Pool;
use thinspect::host::model::units::Bytes;
use thinspect::host::owners;
use thinspect::plan::{self, Plan};
use thinspect::verdict::Exit;
use thinspect::{host, metadata, report};

pub(crate) fn plan(global: &Global, goal: &Goal) -> Result<Exit> {
    let needs_owners =
        matches!(goal, Goal::Free { need: Some(_), .. } | Goal::Overlay2 { .. } | Goal::DirectLvm { .. });
    let mut options = collector(needs_owners);
    if let Goal::DirectLvm { to, .. } = goal {
        options.disks = true;
        options.disk.clone_from(&to.device);
    }
    let (recording, source) = recording(global, &options)?;
    // These goals read the metadata later, which takes root's capabilities.
    if !needs_owners {
        asked_everything();
    }
    let host = host::read(&recording);
    let absent = match goal {
        // A pool that is to be repaired or moved may not be set up.
        Goal::Repair { .. } | Goal::Overlay2 { .. } | Goal::DirectLvm { .. } => plan::absent_pool(&host),
        _ => None,
    };
    let wanted = global.pool.as_deref();
    let is_wanted = |p: &&Pool| wanted.map_or(host.pools.is_empty(), |name| p.name.as_deref() == Some(name));
    let pool = match absent.as_ref().filter(is_wanted) {
        Some(pool) => pool,
        None => chosen_pool(&host, wanted)?,
    };
    let context = PlanContext { recording: &recording, source, host: &host, pool };
    let (plan, script) = plan_for(&context, &root(global), goal)?;
    if script {
        if let Some(why) = plan.unscriptable() {
            return Err(anyhow!("no script: {}", why.show(units(global))));
        }
        return print(&plan::script(&plan));
    }
    match global.output {
        Format::Text => print(&report::plan_text(&plan, &text_style(global)))?,
        Format::Json => print(&json(&report::plan_json(&plan))?)?,
    };
    Ok(if plan.possible { Exit::Answered } else { Exit::CouldNotAnswer })
}

/// The plan for a goal, and whether `--script` was given.
fn plan_for(context: &PlanContext<'_>, root: &Path, goal: &Goal) -> Result<(Plan, bool)> {
    let (host, pool) = (context.host, context.pool);
    Ok(match goal {
        Goal::Free { need: None, script, .. } => (plan::free(host, pool, &plan::Free::default()), *script),
        Goal::Free { need: Some(need), metadata, script } => {
            (plan_inputs::plan_free(context, root, metadata.as_deref(), Bytes(*need))?, *script)
        }
        Goal::Repair { copies, script } => {
            (plan::repair(host, pool, &plan::Repair { copies: copies.clone() }), *script)
        }
        Goal::DirectLvm { to, size, copies, metadata, script } => {
            let device = to.device.clone().map(plan::Where::Device);
            let options = plan::DirectLvm {
                to: device.or_else(|| to.vg.clone().map(plan::Where::Group)),
                size: size.map(Bytes),
                copies: copies.clone(),
                ..plan::DirectLvm::default()
            };
            (direct_lvm(context, root, metadata.as_deref(), options)?, *script)
        }
        Goal::Overlay2 { archives, old_engine, metadata, script } => {
            let mut options = plan_inputs::plan_overlay2(context, root, metadata.as_deref())?;
            options.archives.clone_from(archives);
            options.old_engine.clone_from(old_engine);
            (plan::overlay2(host, pool, &options), *script)
        }
        Goal::MinFreeSpace { percent, script } => {
            (plan::min_free_space(host, pool, &plan::MinFreeSpace { percent: *percent }), *script)
        }
        Goal::Grow { data, metadata, by, to, script } => {
            let which = match (data, metadata) {
                (true, _) => plan::Which::Data,
                (_, true) => plan::Which::Metadata,
                _ => plan::Which::AsNeeded,
            };
            let options = plan::Grow { which, by: by.map(Bytes), to: to.map(Bytes) };
            (plan::grow(host, pool, &options), *script)
        }
    })
}

/// The plan to move a pool to LVM. If the metadata cannot be read, the plan uses the counts in the pool's status.
fn direct_lvm(
    context: &PlanContext<'_>,
    root: &Path,
    copy: Option<&Path>,
    options: plan::DirectLvm<'_>,
) -> Result<Plan> {
    let counted = match count(context, root, copy) {
        Err(error) if copy.is_some() => return Err(error),
        counted => counted.ok(),
    };
    let owners = owners::read(context.recording, context.host, context.pool);
    let options = plan::DirectLvm { counted, owners: Some(&owners), ..options };
    Ok(plan::direct_lvm(context.host, context.pool, &options))
}

/// The counts in the superblock; the mapping trees are not walked.
fn count(context: &PlanContext<'_>, root: &Path, copy: Option<&Path>) -> Result<plan::Counted> {
    let path = context.metadata(root, copy)?;
    let progress = metadata_file::progress();
    let options =
        metadata::Options { progress: Some(&progress), details_only: true, ..metadata::Options::default() };
    let (_, counted) = metadata_file::read(&path, &options)?;
    let block = u64::from(counted.data_block_sectors).checked_mul(512).filter(|bytes| *bytes > 0);
    Ok(plan::Counted {
        used_blocks: counted.data.used_blocks,
        block_bytes: block.with_context(|| format!("{}: no size of a block", path.display()))?,
        metadata_used_blocks: counted.metadata.used_blocks,
        needs_check: counted.needs_check || counted.damaged > 0,
    })
}

//! Makes the plan that was asked for, with what a plan needs beside the recording: the pool's own metadata, read where
//! that can be done.
//! Refuses to count in a copy that cannot be read; where there is no copy, not to know is an answer.

use crate::{clear_progress, metadata_path, progress, read_metadata};
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::path::Path;
use thinspect::cli::Plan as Goal;
use thinspect::host::owners::{self, Owners};
use thinspect::host::units::Bytes;
use thinspect::host::{Host, pool::Pool};
use thinspect::plan::{self, Plan};
use thinspect::record::Recording;
use thinspect::report::Source;
use thinspect::{metadata, usage};

/// A pool, and what was recorded of its host.
pub(crate) struct About<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) source: Source,
    pub(crate) host: &'a Host,
    pub(crate) pool: &'a Pool,
}

/// The plan for a goal, and whether it is wanted as a script.
pub(crate) fn plan(about: &About<'_>, root: &Path, goal: &Goal) -> Result<(Plan, bool)> {
    let (host, pool) = (about.host, about.pool);
    Ok(match goal {
        Goal::Free { need: None, script, .. } => (plan::free(host, pool, &plan::Free::default()), *script),
        Goal::Free { need: Some(need), metadata, script } => {
            (free(about, root, metadata.as_deref(), Bytes(*need))?, *script)
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
            (direct_lvm(about, root, metadata.as_deref(), options)?, *script)
        }
        Goal::Overlay2 { archives, old_engine, metadata, script } => {
            let mut options = overlay2(about, root, metadata.as_deref())?;
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

/// Names what to remove where that can be counted; else says why not, and how it is chosen by a person. A copy of the
/// metadata was given to be counted in: that it cannot be is an error.
fn free(about: &About<'_>, root: &Path, copy: Option<&Path>, need: Bytes) -> Result<Plan> {
    let error = match choose(about, root, copy, need) {
        Ok(chosen) => return Ok(plan::free_chosen(about.host, about.pool, &chosen)),
        Err(error) if copy.is_some() => return Err(error),
        Err(error) => error,
    };
    let mut plan = plan::free(about.host, about.pool, &plan::Free { need: Some(need) });
    if plan.possible {
        plan.warnings.insert(0, format!("what to remove is not named, nor what it gives back: {error:#}"));
    }
    Ok(plan)
}

/// Reads who the pool's devices belong to, and what each of them alone maps where that can be counted. A copy of the
/// metadata was given to be counted in: that it cannot be is an error.
fn overlay2(about: &About<'_>, root: &Path, copy: Option<&Path>) -> Result<plan::Overlay2> {
    let owners = owners::read(about.recording, about.host, about.pool);
    let written = match count_written(about, root, copy, &owners) {
        Err(error) if copy.is_some() => return Err(error),
        counted => counted.ok(),
    };
    Ok(plan::Overlay2 { owners, written, ..plan::Overlay2::default() })
}

/// Bytes that each thin device alone maps.
fn count_written(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    owners: &Owners,
) -> Result<BTreeMap<u32, Bytes>> {
    let path = match copy {
        Some(copy) => copy.to_owned(),
        None if about.source != Source::Live => return Err(no_metadata()),
        None => metadata_path(about.pool, root)?,
    };
    let progress = progress();
    let options = metadata::Options { progress: Some(&progress), ..metadata::Options::default() };
    let (file, counted) = read_metadata(&path, &options)?;
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let rows = usage::join(&counted, owners, &reclaim, 0);
    let exclusive = |row: &usage::DeviceRow| {
        let bytes = row.amounts.exclusive?.0.saturating_mul(rows.block.0);
        Some((row.device_id, Bytes(bytes)))
    };
    Ok(rows.devices.iter().filter_map(exclusive).collect())
}

/// Counts in the pool's metadata what to remove.
fn choose(about: &About<'_>, root: &Path, copy: Option<&Path>, need: Bytes) -> Result<plan::Chosen> {
    let pool = about.pool;
    let path = match copy {
        Some(copy) => copy.to_owned(),
        None if about.source != Source::Live => return Err(no_metadata()),
        None => metadata_path(pool, root)?,
    };
    let owners = owners::read(about.recording, about.host, pool);
    if owners.keeper == owners::Keeper::Nobody {
        return Err(anyhow!("neither Docker's nor containerd's records of the pool's devices were read"));
    }
    let progress = progress();
    let options = metadata::Options { progress: Some(&progress), ..metadata::Options::default() };
    let (file, counted) = read_metadata(&path, &options)?;
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let free = usage::free::free(pool, &owners, &counted, &reclaim, need);
    clear_progress();
    let Some(most) = free.most else {
        return Err(anyhow!("{}: the blocks could not be counted exactly", path.display()));
    };
    let mut notes: Vec<String> = free.left_alone.iter().map(|what| format!("left alone: {what}")).collect();
    if let Some(recorded) = pool.transaction_id.filter(|id| *id != counted.transaction_id) {
        notes.push(format!(
            "the metadata is of transaction {}, what was recorded of the pool of {recorded}: where they are of \
             different times or pools, the steps may give back more or less",
            counted.transaction_id
        ));
    }
    Ok(plan::Chosen {
        wanted: free.need,
        block: free.block,
        most,
        removals: free.steps.into_iter().map(removal).collect(),
        blocked_by: free.blocked_by,
        notes,
    })
}

fn removal(step: usage::free::Step) -> plan::Removal {
    use usage::free::Loss;
    let thing = match (step.loss, step.id) {
        (Loss::EndedContainer, Some(id)) => plan::Thing::Container(id),
        (Loss::DanglingImage | Loss::UnusedImage, Some(id)) => plan::Thing::Image { id, names: step.names },
        _ => plan::Thing::Other,
    };
    plan::Removal {
        thing,
        does: step.does,
        why: step.why,
        risk: step.risk,
        commands: step.commands,
        gain: step.gain,
    }
}

pub(crate) fn no_metadata() -> anyhow::Error {
    anyhow!("a recording does not hold the metadata itself: give a copy of it with --metadata")
}

/// The plan to move a pool to LVM; without a copy of the metadata the kernel's own count serves where the pool is up.
fn direct_lvm(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    options: plan::DirectLvm<'_>,
) -> Result<Plan> {
    let counted = match count(about, root, copy) {
        Err(error) if copy.is_some() => return Err(error),
        counted => counted.ok(),
    };
    let owners = owners::read(about.recording, about.host, about.pool);
    let options = plan::DirectLvm { counted, owners: Some(&owners), ..options };
    Ok(plan::direct_lvm(about.host, about.pool, &options))
}

/// What the superblock says; the mappings are not walked.
fn count(about: &About<'_>, root: &Path, copy: Option<&Path>) -> Result<plan::Counted> {
    let path = match copy {
        Some(copy) => copy.to_owned(),
        None if about.source != Source::Live => return Err(no_metadata()),
        None => metadata_path(about.pool, root)?,
    };
    let progress = progress();
    let options =
        metadata::Options { progress: Some(&progress), details_only: true, ..metadata::Options::default() };
    let (_, counted) = read_metadata(&path, &options)?;
    let block = u64::from(counted.data_block_sectors).checked_mul(512).filter(|bytes| *bytes > 0);
    Ok(plan::Counted {
        used_blocks: counted.data.used_blocks,
        block_bytes: block.with_context(|| format!("{}: no size of a block", path.display()))?,
        metadata_used_blocks: counted.metadata.used_blocks,
        needs_check: counted.needs_check || counted.damaged > 0,
    })
}

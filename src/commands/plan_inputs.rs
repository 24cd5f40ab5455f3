//! Inputs of plans that need counts from the pool's metadata: what to remove, and what the move to overlay2 copies.
//! Never uses a count that is not exact.

use super::metadata_file;
use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};
use thinspect::host::Host;
use thinspect::host::model::pool::Pool;
use thinspect::host::model::units::Bytes;
use thinspect::host::owners::{self, Owners};
use thinspect::record::Recording;
use thinspect::report::Source;
use thinspect::usage::selection::Selection;
use thinspect::{metadata, plan, usage};

/// A pool, its host and the recording of it.
pub(crate) struct PlanContext<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) source: Source,
    pub(crate) host: &'a Host,
    pub(crate) pool: &'a Pool,
}

impl PlanContext<'_> {
    /// The path of the metadata: the given copy, or else the pool's own.
    pub(crate) fn metadata(&self, root: &Path, copy: Option<&Path>) -> Result<PathBuf> {
        match copy {
            Some(copy) => Ok(copy.to_owned()),
            None if self.source != Source::Live => Err(metadata_file::no_metadata()),
            None => metadata_file::metadata_path(self.pool, root),
        }
    }
}

/// The plan to free `need` bytes. If the metadata cannot be counted, the plan says why and leaves the selection to the
/// reader; with a `copy` of the metadata that is an error.
pub(crate) fn plan_free(
    context: &PlanContext<'_>,
    root: &Path,
    copy: Option<&Path>,
    need: Bytes,
) -> Result<plan::Plan> {
    let error = match select(context, root, copy, need) {
        Ok((selection, notes)) => {
            return Ok(plan::free_selected(context.host, context.pool, &selection, &notes));
        }
        Err(error) if copy.is_some() => return Err(error),
        Err(error) => error,
    };
    let mut plan = plan::free(context.host, context.pool, &plan::Free { need: Some(need) });
    if plan.possible {
        plan.warnings
            .insert(0, format!("what to remove is not named, nor what it gives back: {error:#}").into());
    }
    Ok(plan)
}

/// The owners of the pool's devices, and the bytes that containers wrote, if the metadata can be counted. If it cannot
/// and a `copy` was given, that is an error.
pub(crate) fn plan_overlay2(
    context: &PlanContext<'_>,
    root: &Path,
    copy: Option<&Path>,
) -> Result<plan::Overlay2> {
    let owners = owners::read(context.recording, context.host, context.pool);
    let written = match count_written(context, root, copy, &owners) {
        Err(error) if copy.is_some() => return Err(error),
        counted => counted.ok(),
    };
    Ok(plan::Overlay2 { owners, written, ..plan::Overlay2::default() })
}

/// By device id: the bytes that only this thin device maps.
fn count_written(
    context: &PlanContext<'_>,
    root: &Path,
    copy: Option<&Path>,
    owners: &Owners,
) -> Result<std::collections::BTreeMap<u32, Bytes>> {
    let path = context.metadata(root, copy)?;
    let progress = metadata_file::progress();
    let options = metadata::Options { progress: Some(&progress), ..metadata::Options::default() };
    let (file, counted) = metadata_file::read(&path, &options)?;
    if !counted.consistent {
        return Err(anyhow!("{}: it changed {} times while it was read", path.display(), counted.changes));
    }
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let rows = usage::join(&counted, owners, &reclaim, 0);
    let exclusive = |row: &usage::DeviceRow| {
        let bytes = row.amounts.exclusive?.0.saturating_mul(rows.block.0);
        Some((row.device_id, Bytes(bytes)))
    };
    Ok(rows.devices.iter().filter_map(exclusive).collect())
}

/// Selects what to remove, by counting in the pool's metadata. Also returns notes for the plan.
fn select(
    context: &PlanContext<'_>,
    root: &Path,
    copy: Option<&Path>,
    need: Bytes,
) -> Result<(Selection, Vec<String>)> {
    let pool = context.pool;
    let path = context.metadata(root, copy)?;
    let owners = owners::read(context.recording, context.host, pool);
    if owners.keeper == owners::RecordKeeper::Nobody {
        return Err(anyhow!("neither Docker's nor containerd's records of the pool's devices were read"));
    }
    let progress = metadata_file::progress();
    let options = metadata::Options { progress: Some(&progress), ..metadata::Options::default() };
    let (file, counted) = metadata_file::read(&path, &options)?;
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let selection = usage::selection::select(context.host, pool, &owners, &counted, &reclaim, need);
    metadata_file::clear_progress();
    if selection.most.is_none() {
        return Err(anyhow!("{}: the blocks could not be counted exactly", path.display()));
    }
    let other = pool.transaction_id.filter(|id| *id != counted.transaction_id).map(|recorded| {
        format!(
            "the metadata is of transaction {}, what was recorded of the pool of {recorded}: where they are of \
             different times or pools, the steps may give back more or less",
            counted.transaction_id
        )
    });
    Ok((selection, other.into_iter().collect()))
}

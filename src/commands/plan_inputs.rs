//! Makes the plans that rest on counts in the pool's metadata: what to free, and what the way to overlay2 has to copy.
//! Counts that are not exact are never planned with.

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

/// A pool, and what was recorded of its host.
pub(crate) struct About<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) source: Source,
    pub(crate) host: &'a Host,
    pub(crate) pool: &'a Pool,
}

impl About<'_> {
    /// The metadata to count in: the copy that was given, else the pool's own.
    pub(crate) fn metadata(&self, root: &Path, copy: Option<&Path>) -> Result<PathBuf> {
        match copy {
            Some(copy) => Ok(copy.to_owned()),
            None if self.source != Source::Live => Err(metadata_file::no_metadata()),
            None => metadata_file::metadata_path(self.pool, root),
        }
    }
}

/// Names what to remove where that can be counted; else says why not, and how it is chosen by a person. A copy of the
/// metadata was given to be counted in: that it cannot be is an error.
pub(crate) fn plan_free(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    need: Bytes,
) -> Result<plan::Plan> {
    let error = match select(about, root, copy, need) {
        Ok((selection, notes)) => {
            return Ok(plan::free_selected(about.host, about.pool, &selection, &notes));
        }
        Err(error) if copy.is_some() => return Err(error),
        Err(error) => error,
    };
    let mut plan = plan::free(about.host, about.pool, &plan::Free { need: Some(need) });
    if plan.possible {
        plan.warnings
            .insert(0, format!("what to remove is not named, nor what it gives back: {error:#}").into());
    }
    Ok(plan)
}

/// Reads who the pool's devices belong to, and what each of them alone maps where that can be counted. A copy of the
/// metadata was given to be counted in: that it cannot be is an error.
pub(crate) fn plan_overlay2(about: &About<'_>, root: &Path, copy: Option<&Path>) -> Result<plan::Overlay2> {
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
) -> Result<std::collections::BTreeMap<u32, Bytes>> {
    let path = about.metadata(root, copy)?;
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

/// Counts in the pool's metadata what to remove; with what has to be said about that.
fn select(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    need: Bytes,
) -> Result<(Selection, Vec<String>)> {
    let pool = about.pool;
    let path = about.metadata(root, copy)?;
    let owners = owners::read(about.recording, about.host, pool);
    if owners.keeper == owners::RecordKeeper::Nobody {
        return Err(anyhow!("neither Docker's nor containerd's records of the pool's devices were read"));
    }
    let progress = metadata_file::progress();
    let options = metadata::Options { progress: Some(&progress), ..metadata::Options::default() };
    let (file, counted) = metadata_file::read(&path, &options)?;
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let selection = usage::selection::select(about.host, pool, &owners, &counted, &reclaim, need);
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

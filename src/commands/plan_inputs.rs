//! Makes the plans that rest on counts in the pool's metadata: what to free, and what the way to overlay2 has to copy.
//! Counts that are not exact are never planned with.

use super::metadata_file;
use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};
use thinspect::host::model::pool::Pool;
use thinspect::host::owners::{self, Owners};
use thinspect::host::{self, Host};
use thinspect::record::Recording;
use thinspect::report::Source;
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
    need: host::model::units::Bytes,
) -> Result<plan::Plan> {
    let error = match choose(about, root, copy, need) {
        Ok(chosen) => return Ok(plan::free_chosen(about.host, about.pool, &chosen)),
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
) -> Result<std::collections::BTreeMap<u32, host::model::units::Bytes>> {
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
        Some((row.device_id, host::model::units::Bytes(bytes)))
    };
    Ok(rows.devices.iter().filter_map(exclusive).collect())
}

/// Counts in the pool's metadata what to remove.
fn choose(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    need: host::model::units::Bytes,
) -> Result<plan::Chosen> {
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
    let free = usage::selection::free(about.host, pool, &owners, &counted, &reclaim, need);
    metadata_file::clear_progress();
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
    let trim =
        |trim: usage::selection::Trim| plan::Trimming { name: trim.name, mount: trim.mount, most: trim.most };
    Ok(plan::Chosen {
        trims: free.trims.into_iter().map(trim).collect(),
        wanted: free.need,
        block: free.block,
        most,
        removals: free.steps.into_iter().map(removal).collect(),
        blocked_by: free.blocked_by,
        notes,
    })
}

fn removal(step: usage::selection::Step) -> plan::Removal {
    use thinspect::usage::selection::Loss;
    let thing = match (step.loss, step.id) {
        (Loss::BuildCache, _) => plan::Thing::BuildCache,
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

//! What a plan needs beside the recording: the pool's own metadata, read where that can be done.
//! Refuses to count in a copy that cannot be read; where there is no copy, not to know is an answer.

use crate::{About, metadata_path, no_metadata, progress, read_metadata};
use anyhow::{Context, Result};
use std::path::Path;
use thinspect::host::owners;
use thinspect::report::Source;
use thinspect::{metadata, plan};

/// The plan to move a pool to LVM; without a copy of the metadata the kernel's own count serves where the pool is up.
pub(crate) fn direct_lvm(
    about: &About<'_>,
    root: &Path,
    copy: Option<&Path>,
    options: plan::DirectLvm<'_>,
) -> Result<plan::Plan> {
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

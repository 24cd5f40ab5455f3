//! Filesystems and files: `stat`, `df`, and deleted files held open.

pub mod df;
pub mod lsof;
pub mod stat;

use super::model::backing::Filesystem;

/// The filesystem of a path: the longest mount point that is a prefix of it; of equal ones the later, which covers
/// the earlier.
#[must_use]
pub fn filesystem_of<'a>(filesystems: &'a [Filesystem], path: &str) -> Option<&'a Filesystem> {
    longest_mount(filesystems.iter(), path)
}

/// [`filesystem_of`] for any iterator of filesystems.
pub(super) fn longest_mount<'a>(
    filesystems: impl Iterator<Item = &'a Filesystem>,
    path: &str,
) -> Option<&'a Filesystem> {
    filesystems.filter(|f| f.holds(path)).max_by_key(|f| f.mount.as_deref().map_or(0, str::len))
}

//! Replaces the file that node_exporter's textfile collector reads: whole or not at all, readable for everybody.
//!
//! It never writes in place, and leaves nothing behind when it fails.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Longest earlier file that is looked into, in bytes.
const LIMIT: u64 = 4 << 20;

/// Puts `text` in place of what is at `path`, by way of a file beside it: a reader sees the old text or the new. The
/// collector reads names that end in `.prom` only, so that it never meets the file beside.
///
/// # Errors
/// What the file system says, e.g. that the folder does not exist.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".thinspect-").suffix(".tmp").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    // Asked for outright, whatever the umask: the collector is another user.
    beside.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // Not synced to the disk: after a crash the next look replaces it anyway, and a disk in trouble must not hold this up.
    beside.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// The value that the file at `path` has for a family without labels, if there is one.
#[must_use]
pub fn earlier(path: &Path, family: &str) -> Option<u64> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thinspect.prom");
        assert_eq!(earlier(&path, "a"), None);
        replace(&path, "a 1\n").unwrap();
        replace(&path, "ab 3\na 2\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ab 3\na 2\n");
        assert_eq!(earlier(&path, "a"), Some(2));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
    }

    #[test]
    fn nothing_is_left_of_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thinspect.prom");
        std::fs::create_dir(&path).unwrap();
        assert!(replace(&path, "a 1\n").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
    }
}

//! Replaces the file that node_exporter's textfile collector reads: whole or not at all, readable for everybody.
//!
//! The collector reads names that end in `.prom` only, so that it never meets a file that is being written.

use crate::whole_file::{How, write};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Longest earlier file that is looked into, in bytes.
const LIMIT: u64 = 4 << 20;

/// Puts `text` in place of what is at `path`.
///
/// # Errors
/// What the file system says, e.g. that the folder does not exist; or that there is something else than a file.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    // The collector is another user, and may own the folder. Not synced to the disk: after a crash the next look replaces
    // it anyway, and a disk in trouble must not hold this up.
    write(path, text.as_bytes(), How { mode: 0o644, durable: false, replaces_link: true })
}

/// The value that the file at `path` has for a family without labels, if there is one.
#[must_use]
pub fn earlier(path: &Path, family: &str) -> Option<u64> {
    // Whoever owns the folder may have put something else there, which must neither be waited for nor followed.
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
    fn a_fifo_is_neither_waited_for_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thinspect.prom");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(earlier(&path, "a"), None);
        assert!(replace(&path, "a 1\n").unwrap_err().to_string().contains("FIFO"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
    }
}

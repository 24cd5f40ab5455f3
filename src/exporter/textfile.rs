//! Writes the file for node_exporter's textfile collector: atomically, and readable for all users.
//!
//! The collector reads only names that end in `.prom`, so it ignores the temporary file.

use crate::whole_file::{How, write};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Most bytes read from an existing file.
const LIMIT: u64 = 4 << 20;

/// Replaces the file at `path` with `text`.
///
/// # Errors
/// The filesystem's error, for example if the folder does not exist; or `path` is not a regular file.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    // The collector runs as another user, hence the mode. Not synced to disk: after a crash the next run replaces the
    // file anyway, and a slow disk must not delay this.
    write(path, text.as_bytes(), How { mode: 0o644, durable: false, replaces_link: true })
}

/// The value of a metric without labels in the file at `path`, if it is there.
#[must_use]
pub fn earlier(path: &Path, family: &str) -> Option<u64> {
    // The folder's owner may have put a FIFO or a link there, which must neither block this program nor be followed.
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

//! Replaces files atomically.
//!
//! Never writes in place, never opens a file that it did not create, and leaves nothing behind if it fails.

use std::fs::{self, FileType, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Options for writing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// Permissions of the new file, regardless of the umask and of the old file's permissions.
    pub mode: u32,
    /// Sync the new file to disk before it replaces the old one, so that a crash leaves one of the two. Without it, a
    /// slow disk delays nothing.
    pub durable: bool,
    /// Replace a symbolic link as if it were a file; otherwise it is an error. A link is never followed.
    pub replaces_link: bool,
}

/// Writes `bytes` to a temporary file beside `path` and renames it to `path`.
///
/// # Errors
/// The filesystem's error, for example if the folder does not exist; or `path` is not a regular file. Other kinds of
/// files are never opened: a FIFO would wait for its reader, and `/dev/stdout` is a link that others need.
pub fn write(path: &Path, bytes: &[u8], how: How) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(old) => is_replaceable(old.file_type(), how)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut beside =
        tempfile::Builder::new().prefix(".thinspect-").suffix(".tmp").tempfile_in(folder(path))?;
    beside.write_all(bytes)?;
    beside.as_file().set_permissions(Permissions::from_mode(how.mode))?;
    if how.durable {
        beside.as_file().sync_all()?;
    }
    beside.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// The folder that a file is in.
fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")).to_owned()
}

fn is_replaceable(kind: FileType, how: How) -> io::Result<()> {
    let what = if kind.is_file() || (kind.is_symlink() && how.replaces_link) {
        return Ok(());
    } else if kind.is_symlink() {
        "a symbolic link; name the file that it leads to, or `-` for standard output"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else {
        "a device or a socket"
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const PRIVATE: How = How { mode: 0o600, durable: true, replaces_link: false };

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn the_mode_is_as_requested() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let reader = fs::File::open(&path).unwrap();
        write(&path, b"new", PRIVATE).unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o600, "new"));
        assert_eq!(io::read_to_string(reader).unwrap(), "old", "an open file keeps the old content");
        assert_eq!(count(folder.path()), 1, "something was left behind");
    }

    #[test]
    fn a_link_is_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "theirs").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(write(&link, b"ours", PRIVATE).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(fs::read_link(&link).unwrap(), target);
        write(&link, b"ours", How { replaces_link: true, ..PRIVATE }).unwrap();
        assert_eq!(
            (fs::read_to_string(&link).unwrap().as_str(), fs::read_link(&link).is_err()),
            ("ours", true)
        );
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        // A dangling link is not followed either: that would create a file where the link's owner wants it.
        let nowhere = folder.path().join("nowhere");
        std::os::unix::fs::symlink(folder.path().join("planted"), &nowhere).unwrap();
        assert!(write(&nowhere, b"ours", PRIVATE).is_err() && !folder.path().join("planted").exists());
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for replaces_link in [false, true] {
            let how = How { replaces_link, ..PRIVATE };
            assert!(write(&fifo, b"x", how).unwrap_err().to_string().contains("a FIFO"));
            assert!(write(folder.path(), b"x", how).is_err());
            assert!(write(Path::new("/dev/null"), b"x", how).is_err());
        }
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
        assert_eq!(count(folder.path()), 1, "something was left behind");
    }

    /// If the temporary file cannot be written (here because of a file size limit), the old file stays.
    #[test]
    fn the_old_file_stays_if_writing_fails() {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        use nix::sys::wait::waitpid;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let child = crate::record::probe::sys::fork(|| {
            let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
            setrlimit(Resource::RLIMIT_FSIZE, 4096, hard).unwrap();
            // Without this the limit would end the process.
            let ignore = nix::sys::signal::SigSet::from(nix::sys::signal::Signal::SIGXFSZ);
            ignore.thread_block().unwrap();
            assert!(write(&path, &[b'x'; 100_000], PRIVATE).is_err());
            assert!(write(&path, &[b'x'; 1000], PRIVATE).is_ok(), "the control: what fits is written");
            fs::write(folder.path().join("done"), "").unwrap();
        })
        .unwrap();
        waitpid(child, None).unwrap();
        assert!(folder.path().join("done").exists(), "the child failed");
        assert_eq!(fs::read(&path).unwrap().len(), 1000);
        assert_eq!(count(folder.path()), 2, "something was left behind");
    }
}

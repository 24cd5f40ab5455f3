//! Puts a file in the place of another, whole or not at all.
//!
//! It never writes in place, opens nothing but what it made itself, and leaves nothing behind when it fails.

use std::fs::{self, FileType, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// Its permissions, whatever the umask is and whatever those of the old file are.
    pub mode: u32,
    /// Whether it has to be on the disk before it takes the old one's place: then a disk that fills, or a crash, leaves
    /// the old file. Else a disk in trouble holds nothing up.
    pub durable: bool,
    /// Whether a symbolic link of that name gives way like a file. Else it is refused. It is never followed.
    pub replaces_link: bool,
}

/// Writes `bytes` to a file beside `path`, which then takes that name: a reader sees the old text or the new.
///
/// # Errors
/// What the file system says, e.g. that the folder does not exist; or that there is something else than a file, which is
/// not opened: a FIFO would wait for its reader, and `/dev/stdout` is a link that others need.
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
    fn the_mode_is_what_was_promised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let reader = fs::File::open(&path).unwrap();
        write(&path, b"new", PRIVATE).unwrap();
        assert_eq!((mode(&path), fs::read_to_string(&path).unwrap().as_str()), (0o600, "new"));
        assert_eq!(io::read_to_string(reader).unwrap(), "old", "who had it open does not see the new one");
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
        // Nor one that leads nowhere: it would make a file at a place that somebody else chose.
        let nowhere = folder.path().join("nowhere");
        std::os::unix::fs::symlink(folder.path().join("planted"), &nowhere).unwrap();
        assert!(write(&nowhere, b"ours", PRIVATE).is_err() && !folder.path().join("planted").exists());
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
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

    /// Where what is beside cannot be written, the old file is as it was: here the largest file is limited.
    #[test]
    fn nothing_is_lost_where_there_is_no_room() {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        use nix::sys::wait::waitpid;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let child = crate::record::probe::sys::fork(|| {
            let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
            setrlimit(Resource::RLIMIT_FSIZE, 4096, hard).unwrap();
            // Else the limit ends the process.
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

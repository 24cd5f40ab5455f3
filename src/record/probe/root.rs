//! The root directory of the host's files: `/`, or the directory where they are mounted in a container.
//!
//! Below another root, links cannot lead out of it, if the kernel supports that.

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::sys::stat::Mode;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A directory used as root.
pub(super) struct Root {
    path: PathBuf,
}

impl Root {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether it is `/`.
    pub(super) fn is_plain(&self) -> bool {
        self.path == Path::new("/")
    }

    /// The path of a file for this process.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        if self.is_plain() { PathBuf::from(path) } else { self.path.join(path.trim_start_matches('/')) }
    }

    /// Opens an absolute path. Below another root, links are resolved as if that root were `/` (`openat2(2)`, Linux
    /// 5.6; on older kernels an absolute link leads out of it).
    pub(super) fn open(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        if !path.starts_with('/') {
            return Err(Errno::EINVAL);
        }
        // openat2 rejects meaningless combinations of flags, such as O_PATH with O_NOCTTY.
        let path_only = flags.contains(OFlag::O_PATH);
        let flags = flags | OFlag::O_CLOEXEC | if path_only { OFlag::empty() } else { OFlag::O_NOCTTY };
        if self.is_plain() {
            return open(path, flags, Mode::empty());
        }
        let root = open(&self.path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        match openat2(&root, path, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => open(&self.place(path), flags, Mode::empty()),
            opened => opened,
        }
    }

    /// The target of a symbolic link.
    pub(super) fn link(&self, path: &str) -> Result<String, Errno> {
        let link = self.open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
        match readlinkat(&link, "") {
            // For a descriptor that is not a link the kernel returns ENOENT, which would mean "no such path".
            Err(Errno::ENOENT) => Err(Errno::EINVAL),
            target => Ok(target?.to_string_lossy().into_owned()),
        }
    }
}

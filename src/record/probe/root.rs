//! Where the machine's files stand: at `/`, or below a directory in which a container sees its host.
//!
//! It opens and reads links; below a directory it does not let a link lead out of it where the kernel can
//! help.

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::sys::stat::Mode;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The directory that stands for `/`.
pub(super) struct Root {
    path: PathBuf,
}

impl Root {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether it is the machine's own `/`.
    pub(super) fn is_plain(&self) -> bool {
        self.path == Path::new("/")
    }

    /// The path under which this process reaches a file.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        if self.is_plain() { PathBuf::from(path) } else { self.path.join(path.trim_start_matches('/')) }
    }

    /// Opens an absolute path. Below another root, links are followed as if that root were `/`
    /// (`openat2(2)`, Linux 5.6; older kernels follow an absolute link out of it).
    pub(super) fn open(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        if !path.starts_with('/') {
            return Err(Errno::EINVAL);
        }
        // openat2 refuses flags that mean nothing together, such as O_PATH with O_NOCTTY.
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

    /// Where a symbolic link points.
    pub(super) fn link(&self, path: &str) -> Result<String, Errno> {
        let link = self.open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
        match readlinkat(&link, "") {
            // Of a descriptor that is no link the kernel says ENOENT, which would read as "no such path".
            Err(Errno::ENOENT) => Err(Errno::EINVAL),
            target => Ok(target?.to_string_lossy().into_owned()),
        }
    }
}

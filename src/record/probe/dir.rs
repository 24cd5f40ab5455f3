//! Opens regular files and directories below a directory.
//! Never follows a symbolic link, never opens a FIFO or a device, and reads a limited length.

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Most names read from one directory.
const LIMIT_NAMES: usize = 50_000;
const HOW: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);

/// An open directory.
pub(in crate::record) struct Folder(OwnedFd);

impl Folder {
    /// Wraps an open directory.
    pub(in crate::record) const fn new(directory: OwnedFd) -> Self {
        Self(directory)
    }

    /// Opens a directory by a relative path, of which no component may be a link.
    pub(in crate::record) fn below(&self, path: &str) -> Result<Self, Errno> {
        let mut at = Self(self.step(path.split('/').next().unwrap_or_default())?);
        for name in path.split('/').skip(1) {
            at = Self(at.step(name)?);
        }
        Ok(at)
    }

    fn step(&self, name: &str) -> Result<OwnedFd, Errno> {
        check_name(name)?;
        openat(&self.0, name, HOW | OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())
    }

    /// The sorted names in the directory, and the number of names that were skipped: too many, or not UTF-8.
    pub(in crate::record) fn names(&self) -> Result<(Vec<String>, u64), Errno> {
        let mut listing =
            Dir::openat(&self.0, ".", HOW | OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())?;
        let (mut names, mut left_out) = (Vec::new(), 0);
        for entry in listing.iter() {
            match entry?.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) if names.len() < LIMIT_NAMES => names.push(name.to_owned()),
                _ => left_out += 1,
            }
        }
        names.sort_unstable();
        Ok((names, left_out))
    }

    /// Whether the directory has an entry with this name.
    pub(in crate::record) fn has(&self, name: &str) -> bool {
        check_name(name).is_ok() && fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok()
    }

    fn open(&self, name: &str) -> Result<std::fs::File, Errno> {
        check_name(name)?;
        regular(&fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)?;
        let file = openat(&self.0, name, HOW | OFlag::O_RDONLY | OFlag::O_NOFOLLOW, Mode::empty())?;
        regular(&fstat(&file)?)?;
        Ok(file.into())
    }

    /// The content of a regular file; `EFBIG` if it is longer than `limit`.
    pub(in crate::record) fn file(&self, name: &str, limit: u64) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        self.open(name)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| errno(&e))?;
        if bytes.len() as u64 > limit { Err(Errno::EFBIG) } else { Ok(bytes) }
    }

    /// The content of a regular file, or, if it is longer than `limit`, its last complete lines.
    pub(in crate::record) fn end(&self, name: &str, limit: u64) -> Result<Vec<u8>, Errno> {
        let mut file = self.open(name)?;
        let length = file.metadata().map_err(|e| errno(&e))?.len();
        let from = length.saturating_sub(limit);
        file.seek(SeekFrom::Start(from)).map_err(|e| errno(&e))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(|e| errno(&e))?;
        if from > 0 {
            let line = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
            bytes.drain(..line);
        }
        Ok(bytes)
    }

    /// The little-endian number in the last four bytes of a regular file. In a gzip file it is the uncompressed size
    /// modulo 2³² (RFC 1952, ISIZE).
    pub(in crate::record) fn last_word(&self, name: &str) -> Result<u32, Errno> {
        let mut file = self.open(name)?;
        let mut word = [0; 4];
        file.seek(SeekFrom::End(-4)).and_then(|_| file.read_exact(&mut word)).map_err(|e| errno(&e))?;
        Ok(u32::from_le_bytes(word))
    }

    /// The content of a regular file with a single short line.
    pub(in crate::record) fn word(&self, name: &str) -> Result<String, Errno> {
        let bytes = self.file(name, 4096)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }
}

/// Opens a regular file or a directory by its path, following links.
pub(in crate::record) fn open_place(path: &Path) -> Result<OwnedFd, Errno> {
    let kind = kind(&fstat(&open(path, HOW | OFlag::O_PATH, Mode::empty())?)?);
    if kind != SFlag::S_IFREG && kind != SFlag::S_IFDIR {
        return Err(Errno::EINVAL);
    }
    open(path, HOW | OFlag::O_RDONLY, Mode::empty())
}

/// Fails with `EINVAL` unless it is a regular file.
pub(in crate::record) fn regular(stat: &FileStat) -> Result<(), Errno> {
    if kind(stat) == SFlag::S_IFREG { Ok(()) } else { Err(Errno::EINVAL) }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Fails with `EINVAL` unless the name is a single path component, which cannot lead elsewhere.
fn check_name(name: &str) -> Result<(), Errno> {
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        Err(Errno::EINVAL)
    } else {
        Ok(())
    }
}

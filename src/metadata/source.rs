//! Sources of metadata blocks: a copy in a file, the live metadata device, or memory.
//! Never opens anything for writing. Block devices are read with `O_DIRECT`, around the page cache.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::block::BLOCK_BYTES;

/// A source of metadata blocks, read by several threads at once.
pub trait Blocks: Sync {
    /// Number of whole blocks of 4096 bytes; a partial block at the end is not counted.
    fn total(&self) -> u64;

    /// Fills `buf` from block `first` on. The length and address of `buf` must be multiples of 4096, as `O_DIRECT`
    /// requires.
    ///
    /// # Errors
    /// The device's read error, and [`io::ErrorKind::UnexpectedEof`] beyond the end.
    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// A metadata device, a copy of one in a file, or a loop device's backing file.
#[derive(Debug)]
pub struct MetadataFile {
    file: File,
    total: u64,
}

impl MetadataFile {
    /// Opens read-only. A block device is opened with `O_DIRECT`: dm-bufio bypasses the device's page cache when it
    /// writes, so buffered reads of a live pool's metadata would keep returning stale blocks. A regular file is read
    /// through the page cache, which a loop device writes to as well.
    ///
    /// # Errors
    /// The kernel's error; [`io::ErrorKind::InvalidInput`] if it is neither a regular file nor a block device.
    pub fn open(path: &Path) -> io::Result<Self> {
        let kind = std::fs::metadata(path)?.file_type();
        let mut options = OpenOptions::new();
        options.read(true);
        if kind.is_block_device() {
            options.custom_flags(libc::O_DIRECT);
        } else if !kind.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither a regular file nor a block device",
            ));
        }
        Self::of(options.open(path)?)
    }

    /// Wraps an open file. The caller must have opened a block device with `O_DIRECT`; see [`Self::open`].
    ///
    /// # Errors
    /// The kernel's error.
    pub fn of(mut file: File) -> io::Result<Self> {
        // Seeking gives the size of files and block devices alike, without an ioctl.
        let bytes = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, total: bytes / BLOCK_BYTES as u64 })
    }
}

impl Blocks for MetadataFile {
    fn total(&self) -> u64 {
        self.total
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        let at = first.checked_mul(BLOCK_BYTES as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.read_exact_at(buf, at)
    }
}

/// Metadata in memory.
#[derive(Debug, Clone)]
pub struct Memory(pub Vec<u8>);

impl Blocks for Memory {
    fn total(&self) -> u64 {
        (self.0.len() / BLOCK_BYTES) as u64
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(first).ok().and_then(|first| first.checked_mul(BLOCK_BYTES));
        let end = start.and_then(|start| start.checked_add(buf.len()));
        let bytes = start.zip(end).and_then(|(start, end)| self.0.get(start..end));
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

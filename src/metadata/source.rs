//! Where metadata blocks come from: a copy in a file, the live metadata device, or memory.
//! Never opens anything for writing; block devices are read past the page cache (`O_DIRECT`).

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::block::BLOCK_BYTES;

/// Something that holds metadata blocks. Several threads read it at once.
pub trait Blocks: Sync {
    /// Whole blocks of 4096 bytes; a rest at the end does not count.
    fn total(&self) -> u64;

    /// Fills `buf` from block `first` on. `buf` is a whole number of blocks and starts at a multiple of 4096
    /// in memory, as `O_DIRECT` demands.
    ///
    /// # Errors
    /// What the device says, and [`io::ErrorKind::UnexpectedEof`] beyond the end.
    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// A metadata device or a file that holds a copy or is a loop device's backing file.
#[derive(Debug)]
pub struct MetadataFile {
    file: File,
    total: u64,
}

impl MetadataFile {
    /// Opens for reading only. A block device is opened with `O_DIRECT`: dm-bufio writes beside the device's
    /// page cache, so a buffered read of a live pool's metadata would return old blocks for ever. A regular
    /// file is read buffered, which is what a loop device writes through.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::InvalidInput`] for what is neither file nor block device.
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

    /// What is open already: a block device with `O_DIRECT`, for the same reason.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn of(mut file: File) -> io::Result<Self> {
        // Seeking finds the end of files and block devices alike, with no ioctl.
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

/// Metadata that already lies in memory.
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

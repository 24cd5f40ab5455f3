//! What carries a pool's data or metadata: a loop file, a logical volume, a disk; and what lies under that.
//!
//! Only types and sums; it never asks the machine.

use super::units::Bytes;
use crate::host::dm::table::DeviceNumber;

/// The device under one half of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backing {
    /// What sort of device it is.
    pub kind: BackingKind,
    /// Its number.
    pub device: Option<DeviceNumber>,
    /// Its node, e.g. `/dev/loop0` or `/dev/mapper/docker-thinpool_tdata`.
    pub path: Option<String>,
    /// Its present size as the kernel sees it.
    pub size: Option<Bytes>,
    /// Whether it takes discards, as its queue says.
    pub takes_discards: Option<bool>,
    /// Bytes in its logical block, the least that it reads or writes.
    pub logical_block: Option<u64>,
    /// The file behind a loop device.
    pub file: Option<LoopFile>,
    /// The filesystem that holds that file.
    pub filesystem: Option<Filesystem>,
    /// Physical devices below, by node.
    pub below: Vec<String>,
}

/// Sorts of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackingKind {
    /// A loop device on a file.
    Loop,
    /// A logical volume.
    Lvm,
    /// A partition.
    Partition,
    /// A whole disk.
    Disk,
    /// Another device-mapper device.
    Dm,
    /// Not known.
    #[default]
    Unknown,
}

impl BackingKind {
    /// The word of the JSON and of metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Lvm => "lvm",
            Self::Partition => "partition",
            Self::Disk => "disk",
            Self::Dm => "dm",
            Self::Unknown => "unknown",
        }
    }
}

/// A file that carries a pool through a loop device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoopFile {
    /// Its path.
    pub path: String,
    /// Its apparent size: what it may grow to.
    pub size: Option<Bytes>,
    /// What it takes of its filesystem now.
    pub allocated: Option<Bytes>,
    /// Deleted while attached: its space and content live until the loop device goes.
    pub deleted: bool,
    /// Another file now stands at its path.
    pub replaced: bool,
    /// Where in the file the device begins; `None` where the device itself was not asked.
    pub offset: Option<Bytes>,
}

impl LoopFile {
    /// The most the file can still demand of its filesystem: apparent size less what it takes already.
    #[must_use]
    pub fn may_grow(&self) -> Option<Bytes> {
        Some(self.size?.minus(self.allocated?))
    }
}

/// A filesystem with its space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mount: Option<String>,
    /// Its type, e.g. `ext4`.
    pub kind: Option<String>,
    /// Its device, as `df` or mountinfo names it.
    pub source: Option<String>,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// Its size.
    pub size: Option<Bytes>,
    /// Free for root (`f_bfree`): loop writes are the kernel's, so they may use the reserve; Docker counts this too.
    pub free: Option<Bytes>,
    /// Free for everybody else (`f_bavail`).
    pub available: Option<Bytes>,
    /// Inodes there are; 0 or `None` where the filesystem makes them as needed.
    pub inodes: Option<u64>,
    /// Inodes free.
    pub inodes_free: Option<u64>,
    /// Whether the filesystem itself, not only this mount of it, is read-only (mountinfo).
    pub read_only: Option<bool>,
    /// Whether quotas of users or groups count on it (mountinfo).
    pub user_quotas: Option<bool>,
    /// Percent used as a tool printed it, where only that was said.
    pub used_percent: Option<u64>,
    /// Percent of inodes used as a tool printed it.
    pub inodes_used_percent: Option<u64>,
}

impl Backing {
    /// Whether it is a loop device.
    #[must_use]
    pub const fn is_loop(&self) -> bool {
        matches!(self.kind, BackingKind::Loop)
    }
}

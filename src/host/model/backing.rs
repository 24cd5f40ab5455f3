//! The devices under a pool's data and metadata: loop files, logical volumes, disks, and the filesystems below.

use super::units::Bytes;
use crate::host::dm::table::DeviceNumber;
use crate::record::paths::is_at_or_below;

/// The device under a pool's data or metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backing {
    /// Kind of device.
    pub kind: BackingKind,
    /// Device number.
    pub device: Option<DeviceNumber>,
    /// Device node, such as `/dev/loop0` or `/dev/mapper/docker-thinpool_tdata`.
    pub path: Option<String>,
    /// Current size by the kernel.
    pub size: Option<Bytes>,
    /// Whether it supports discards, by its queue limits.
    pub takes_discards: Option<bool>,
    /// Logical block size in bytes, the smallest unit of I/O.
    pub logical_block: Option<u64>,
    /// The file behind a loop device.
    pub file: Option<LoopFile>,
    /// The filesystem that holds that file.
    pub filesystem: Option<Filesystem>,
    /// Device nodes of the physical devices below.
    pub below: Vec<String>,
}

/// Kinds of devices.
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
    /// Unknown.
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

/// The backing file of a loop device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoopFile {
    /// Path.
    pub path: String,
    /// Apparent size: what it may grow to.
    pub size: Option<Bytes>,
    /// Space allocated in its filesystem.
    pub allocated: Option<Bytes>,
    /// Deleted while attached: its space and content exist until the loop device is detached.
    pub deleted: bool,
    /// Its path now belongs to another file.
    pub replaced: bool,
    /// Offset of the device in the file; `None` if unknown.
    pub offset: Option<Bytes>,
}

impl LoopFile {
    /// The most that the file can still allocate in its filesystem: apparent size minus allocated size.
    #[must_use]
    pub fn may_grow(&self) -> Option<Bytes> {
        Some(self.size?.minus(self.allocated?))
    }
}

/// A filesystem with its space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filesystem {
    /// Mount point.
    pub mount: Option<String>,
    /// Type, such as `ext4`.
    pub kind: Option<String>,
    /// Device, as shown by `df` or mountinfo.
    pub source: Option<String>,
    /// Device number.
    pub device: Option<DeviceNumber>,
    /// Size.
    pub size: Option<Bytes>,
    /// Free for root (`f_bfree`): the kernel writes to loop files, so they may use the reserve. Docker reports this,
    /// too.
    pub free: Option<Bytes>,
    /// Free for other users (`f_bavail`).
    pub available: Option<Bytes>,
    /// Total inodes; 0 or `None` if the filesystem allocates them dynamically.
    pub inodes: Option<u64>,
    /// Free inodes.
    pub inodes_free: Option<u64>,
    /// Whether the filesystem itself, not only this mount of it, is read-only (mountinfo).
    pub read_only: Option<bool>,
    /// Whether quotas of users or groups are enabled (mountinfo).
    pub user_quotas: Option<bool>,
    /// Used space in percent as a tool prints it.
    pub used_percent: Option<u64>,
    /// Used inodes in percent as a tool prints it.
    pub inodes_used_percent: Option<u64>,
}

impl Filesystem {
    /// Space left for other users, else for root, whichever is known.
    #[must_use]
    pub fn left(&self) -> Option<Bytes> {
        self.available.or(self.free)
    }

    /// Share of the space in use in percent: as a tool printed it, else computed and rounded down.
    #[must_use]
    pub fn percent_used(&self) -> Option<u64> {
        let computed = || {
            let used = u128::from(self.size?.minus(self.left()?).0) * 100;
            u64::try_from(used.checked_div(u128::from(self.size?.0))?).ok()
        };
        self.used_percent.or_else(computed)
    }

    /// Whether a path is at or below the mount point.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        self.mount.as_deref().is_some_and(|mount| is_at_or_below(path, mount))
    }
}

impl Backing {
    /// Whether it is a loop device.
    #[must_use]
    pub const fn is_loop(&self) -> bool {
        matches!(self.kind, BackingKind::Loop)
    }
}

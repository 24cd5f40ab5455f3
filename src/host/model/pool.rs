//! A thin pool with all facts about it.
//!
//! Types and simple sums of facts, without judgement; [`crate::host::read`] fills them.

use super::backing::Backing;
use super::owners::Owners;
use super::pool_metadata::PoolMetadata;
use super::space::Space;
use super::units::{Blocks, Bytes, DataBlocks, MetadataBlocks, Sectors};
use crate::host::dm::status::{Discards, HeldRoot, Mode, WhenFull};
use crate::host::dm::table::DeviceNumber;
use crate::host::docker::info::DockerInfo;
use crate::host::lvm::LvName;

/// A thin pool. Unknown facts are `None`; a single error line makes a pool without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// Its device-mapper name.
    pub name: Option<String>,
    /// Its device-mapper UUID; pools created by Docker or for containerd have none.
    pub uuid: Option<String>,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// Whether the kernel answered the status query.
    pub answer: StatusAnswer,
    /// Its mode by the status line.
    pub mode: Option<Mode>,
    /// Seconds since it switched to that mode, by the kernel log; only if it is not read-write.
    pub mode_secs: Option<u64>,
    /// Whether it is suspended: I/O waits until it is resumed.
    pub suspended: Option<bool>,
    /// Whether a table is loaded but not live, as after an interrupted resize.
    pub inactive_table: Option<bool>,
    /// The owner's transaction id.
    pub transaction_id: Option<u64>,
    /// Held metadata snapshot.
    pub held_root: Option<HeldRoot>,
    /// Whether the metadata needs an offline check; `None` if unknown, also on kernels that do not report it.
    pub needs_check: Option<bool>,
    /// Effective handling of discards (status), or else the requested one (table).
    pub discards: Option<Discards>,
    /// Effective policy for writes when the pool is full.
    pub when_full: Option<WhenFull>,
    /// Policy requested in the table; differs from `when_full` after `no_space_timeout` has expired.
    pub when_full_requested: Option<WhenFull>,
    /// Length of the pool's table.
    pub length: Option<Sectors>,
    /// Size of a data block.
    pub block: Option<Bytes>,
    /// Data space.
    pub data: Space<DataBlocks>,
    /// Metadata space, as the kernel reports it (newer kernels count a hidden reserve as used).
    pub metadata: Space<MetadataBlocks>,
    /// Used metadata in hundredths of a percent, if only `lvs` reports it.
    pub metadata_centipercent: Option<u64>,
    /// The device under its data.
    pub data_backing: Backing,
    /// The device under its metadata.
    pub metadata_backing: Backing,
    /// The program that manages it.
    pub owner: PoolOwner,
    /// The owners of its thin devices, as far as their records were read.
    pub owners: Owners,
    /// Counts from its metadata, if it was read.
    pub metadata_contents: Option<PoolMetadata>,
    /// The engine's minimum of free space.
    pub min_free: MinFree,
    /// Docker's refusal to create a thin device for lack of free data blocks.
    pub refused_data: Option<Refusal>,
    /// Docker's refusal to create a thin device for lack of free metadata blocks.
    pub refused_metadata: Option<Refusal>,
    /// A pasted `docker info` about it.
    pub docker_info: Option<DockerInfo>,
    /// The logical volume, if LVM created the pool.
    pub lv: Option<LvName>,
    /// Number of events that the kernel raised for it.
    pub event_number: Option<u32>,
    /// Words of its status line that were not understood.
    pub unrecognized: Vec<String>,
}

/// The kernel's answer to the status query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StatusAnswer {
    /// Not queried, or pasted text without a status line.
    #[default]
    NotAsked,
    /// Answered.
    Answered,
    /// No answer within this many milliseconds: the pool's metadata is stuck.
    Silent(u64),
    /// An error, with this errno or reason.
    Refused(String),
}

/// The program that manages a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PoolOwner {
    /// Docker's devicemapper driver; `root` is its data root if known.
    Docker {
        /// `/var/lib/docker` or the configured directory.
        root: Option<String>,
    },
    /// containerd's devmapper snapshotter.
    Containerd {
        /// The snapshotter's directory.
        root: Option<String>,
    },
    /// LVM itself: thin volumes are logical volumes.
    Lvm,
    /// Stratis.
    Stratis,
    /// Podman or CRI-O's old driver (containers/storage).
    ContainersStorage,
    /// Not recognised.
    #[default]
    Unknown,
}

/// Docker's minimum of free space: below it, Docker refuses to create layers and containers (Docker 1.11 to 24,
/// `poolHasFreeSpace` in daemon/graphdriver/devmapper/deviceset.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinFree {
    /// Percentage of the total that must stay free; 0 turns the check off; `None` if there is no such check.
    pub percent: Option<u64>,
    /// Source of the percentage.
    pub from: MinFreeFrom,
}

impl Default for MinFree {
    fn default() -> Self {
        Self { percent: None, from: MinFreeFrom::NotDocker }
    }
}

/// Docker's message: `Thin Pool has N free … blocks which is less than minimum required M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusal {
    /// Blocks that were free.
    pub free: Option<u64>,
    /// Blocks that must be free.
    pub required: Option<u64>,
}

impl Refusal {
    /// Blocks that were missing.
    #[must_use]
    pub fn short(&self) -> Option<u64> {
        self.required?.checked_sub(self.free?)
    }

    /// The smallest total for which Docker requires this many blocks at `percent`. The true total is at most
    /// `100 / percent` blocks larger.
    #[must_use]
    pub fn least_total(&self, percent: u64) -> Option<u64> {
        self.required?.checked_mul(100)?.div_ceil(percent.max(1)).into()
    }
}

/// Source of a minimum of free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinFreeFrom {
    /// Not a pool of Docker: there is no minimum.
    NotDocker,
    /// Docker's default of 10 %.
    Default,
    /// `dm.min_free_space` in daemon.json or on the daemon's command line.
    Option,
    /// The line `Thin Pool Minimum Free Space` of `docker info`.
    DockerInfo,
    /// The numbers of Docker's refusal.
    ErrorLine,
    /// A Docker before 1.11, which had no minimum.
    TooOld,
}

impl PoolOwner {
    /// The word in JSON and metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Docker { .. } => "docker",
            Self::Containerd { .. } => "containerd",
            Self::Lvm => "lvm",
            Self::Stratis => "stratis",
            Self::ContainersStorage => "containers-storage",
            Self::Unknown => "unknown",
        }
    }
}

impl MinFree {
    /// The minimum in blocks for a total; `None` if there is no check.
    #[must_use]
    pub fn required(&self, total: u64) -> Option<u64> {
        let percent = self.percent.filter(|p| *p > 0)?;
        Some(crate::host::docker::min_free::required(total, percent))
    }
}

/// One of a pool's two devices, and its space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolHalf {
    /// The blocks of the thin devices.
    Data,
    /// The mapping of blocks to thin devices.
    Metadata,
}

impl PoolHalf {
    /// `data` or `metadata`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Metadata => "metadata",
        }
    }
}

/// The state of a pool for its users: the kernel's mode, unless the pool is suspended or does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// Read-write.
    ReadWrite,
    /// Read-only.
    ReadOnly,
    /// No free data block.
    OutOfDataSpace,
    /// All I/O fails.
    Failed,
    /// All I/O waits.
    Suspended,
    /// The kernel did not answer in time.
    Unanswered,
    /// The mode is missing, or an unknown word.
    Unknown,
}

impl PoolState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::ReadWrite,
        Self::ReadOnly,
        Self::OutOfDataSpace,
        Self::Failed,
        Self::Suspended,
        Self::Unanswered,
        Self::Unknown,
    ];

    /// The word in JSON and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadWrite => "rw",
            Self::ReadOnly => "ro",
            Self::OutOfDataSpace => "out-of-data-space",
            Self::Failed => "failed",
            Self::Suspended => "suspended",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

impl Pool {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("(pool not named)")
    }

    /// Whether a user's `name` means this pool: its device-mapper name, or LVM's name as `pve/data` or `pve-data`, even
    /// if the device-mapper name is `pve-data-tpool`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let by_lvm = |lv: &LvName| lv.dm_name() == name || format!("{}/{}", lv.vg, lv.lv) == name;
        self.name.as_deref() == Some(name) || self.lv.as_ref().is_some_and(by_lvm)
    }

    /// Its state. A pool that does not answer or is suspended has that state whatever its mode is.
    #[must_use]
    pub const fn state(&self) -> PoolState {
        match (&self.answer, &self.mode) {
            (StatusAnswer::Silent(_), _) => PoolState::Unanswered,
            _ if matches!(self.suspended, Some(true)) => PoolState::Suspended,
            (_, Some(Mode::ReadWrite)) => PoolState::ReadWrite,
            (_, Some(Mode::ReadOnly)) => PoolState::ReadOnly,
            (_, Some(Mode::OutOfDataSpace)) => PoolState::OutOfDataSpace,
            (_, Some(Mode::Failed)) => PoolState::Failed,
            (_, Some(Mode::Other(_)) | None) => PoolState::Unknown,
        }
    }

    /// Blocks of a half that must be free before Docker or Podman makes a layer: by the total, else as it was refused.
    #[must_use]
    pub fn min_free_required(&self, half: PoolHalf) -> Option<u64> {
        let (total, refusal) = match half {
            PoolHalf::Data => (self.data.total.map(Blocks::count), self.refused_data),
            PoolHalf::Metadata => (self.metadata.total.map(Blocks::count), self.refused_metadata),
        };
        total.and_then(|total| self.min_free.required(total)).or_else(|| refusal?.required)
    }

    /// Blocks of a half missing to that; 0 where the floor is met.
    #[must_use]
    pub fn min_free_short(&self, half: PoolHalf) -> Option<u64> {
        let free = match half {
            PoolHalf::Data => self.data.free().map(Blocks::count),
            PoolHalf::Metadata => self.metadata.free().map(Blocks::count),
        };
        Some(self.min_free_required(half)?.saturating_sub(free?))
    }

    /// Whether Docker owns the pool.
    #[must_use]
    pub const fn is_dockers(&self) -> bool {
        matches!(self.owner, PoolOwner::Docker { .. })
    }

    /// The engine that enforces a minimum of free space, and its option: Docker, or users of the fork of its driver
    /// (containers/storage before 1.54).
    #[must_use]
    pub const fn engine(&self) -> (&'static str, &'static str) {
        match self.owner {
            PoolOwner::ContainersStorage => ("Podman", "min_free_space"),
            _ => ("Docker", "dm.min_free_space"),
        }
    }

    /// Whether the data or the metadata are on a loop device.
    #[must_use]
    pub const fn on_loop(&self) -> bool {
        self.data_backing.is_loop() || self.metadata_backing.is_loop()
    }
}

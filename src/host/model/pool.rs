//! A thin pool, as everything that was said about it adds up to.
//!
//! Only types: [`crate::host::read`] fills them. They hold facts and simple sums of facts, no judgement.

use super::backing::Backing;
use super::owners::Owners;
use super::pool_metadata::PoolMetadata;
use super::space::Space;
use super::units::{Blocks, Bytes, DataBlocks, MetadataBlocks, Sectors};
use crate::host::dm::status::{Discards, HeldRoot, Mode, WhenFull};
use crate::host::dm::table::DeviceNumber;
use crate::host::docker::info::DockerInfo;
use crate::host::lvm::LvName;

/// One thin pool. Whatever nobody said is `None`; a lone error line makes a pool without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// Its device-mapper name.
    pub name: Option<String>,
    /// Its device-mapper UUID; pools that Docker or containerd made have none.
    pub uuid: Option<String>,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// Whether the kernel answered for its status.
    pub answer: StatusAnswer,
    /// Its mode, if the status was read.
    pub mode: Option<Mode>,
    /// Seconds since the kernel's log says that it switched to that mode, where it is not read-write.
    pub mode_secs: Option<u64>,
    /// Whether it is suspended: I/O waits until it is resumed.
    pub suspended: Option<bool>,
    /// Whether a table is loaded but not live, as after an interrupted resize.
    pub inactive_table: Option<bool>,
    /// The owner's transaction counter.
    pub transaction_id: Option<u64>,
    /// Held metadata snapshot.
    pub held_root: Option<HeldRoot>,
    /// Whether an offline check is due; `None` when unknown or the kernel is too old to say.
    pub needs_check: Option<bool>,
    /// What happens to discards in effect (status), else as requested (table).
    pub discards: Option<Discards>,
    /// What writes meet when the pool is full, in effect now.
    pub when_full: Option<WhenFull>,
    /// What the table requests for a full pool; differs from `when_full` after the grace period has passed.
    pub when_full_requested: Option<WhenFull>,
    /// Length of the pool's table.
    pub length: Option<Sectors>,
    /// Size of a data block.
    pub block: Option<Bytes>,
    /// Data space.
    pub data: Space<DataBlocks>,
    /// Metadata space, as the kernel reports it (newer kernels count a hidden reserve as used).
    pub metadata: Space<MetadataBlocks>,
    /// Metadata in use in hundredths of a percent, where only `lvs` said it.
    pub metadata_centipercent: Option<u64>,
    /// What carries the data.
    pub data_backing: Backing,
    /// What carries the metadata.
    pub metadata_backing: Backing,
    /// Who keeps the records of what is in it.
    pub owner: PoolOwner,
    /// What those records say of the thin devices, as far as they were asked for.
    pub owners: Owners,
    /// What its metadata says of the thin devices, where it was read.
    pub metadata_contents: Option<PoolMetadata>,
    /// Docker's free-space floor, as far as known.
    pub min_free: MinFree,
    /// Docker's refusal of a new thin device for want of free data blocks.
    pub refused_data: Option<Refusal>,
    /// Its metadata blocks, in the same way.
    pub refused_metadata: Option<Refusal>,
    /// A pasted `docker info` about it.
    pub docker_info: Option<DockerInfo>,
    /// The logical volume it is, for LVM's pools.
    pub lv: Option<LvName>,
    /// Times the kernel raised an event for it.
    pub event_number: Option<u32>,
    /// Words of its status line that were not understood.
    pub unrecognized: Vec<String>,
}

/// Whether the kernel answered when asked for the pool's status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StatusAnswer {
    /// Nobody asked (pasted text without a status line).
    #[default]
    NotAsked,
    /// It answered.
    Answered,
    /// It did not, within so many milliseconds: the pool's metadata is stuck.
    Silent(u64),
    /// It refused, with this errno or reason.
    Refused(String),
}

/// Who keeps the records of what is in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PoolOwner {
    /// Docker's devicemapper driver; `root` is its data root if known.
    Docker {
        /// `/var/lib/docker` or what was configured.
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
    /// Nobody that was recognised.
    #[default]
    Unknown,
}

/// Docker's free-space floor: below it, `docker` refuses to make layers and containers (Docker 1.11 to 24,
/// `poolHasFreeSpace` in daemon/graphdriver/devmapper/deviceset.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinFree {
    /// Percent of the total that must stay free; 0 turns the check off; `None`: no such check here.
    pub percent: Option<u64>,
    /// Where the percent comes from.
    pub from: MinFreeFrom,
}

impl Default for MinFree {
    fn default() -> Self {
        Self { percent: None, from: MinFreeFrom::NotDocker }
    }
}

/// Docker's own words: `Thin Pool has N free … blocks which is less than minimum required M`.
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

    /// The smallest total that makes Docker require this many at `percent`: the true total is this or at most
    /// `100 / percent` blocks more.
    #[must_use]
    pub fn least_total(&self, percent: u64) -> Option<u64> {
        self.required?.checked_mul(100)?.div_ceil(percent.max(1)).into()
    }
}

/// Where a free-space floor is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinFreeFrom {
    /// Not a pool of Docker's: nobody applies a floor.
    NotDocker,
    /// Docker's default of 10 %.
    Default,
    /// `dm.min_free_space` in daemon.json or on the daemon's command line.
    Option,
    /// The line `Thin Pool Minimum Free Space` of `docker info`.
    DockerInfo,
    /// The numbers of Docker's refusal.
    ErrorLine,
    /// A Docker before 1.11, which had no floor.
    TooOld,
}

impl PoolOwner {
    /// The word of the JSON and of metrics.
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
    /// The floor in blocks for a total; `None` when there is no check.
    #[must_use]
    pub fn required(&self, total: u64) -> Option<u64> {
        let percent = self.percent.filter(|p| *p > 0)?;
        Some(crate::host::docker::min_free::required(total, percent))
    }
}

/// One of the two devices that a pool lies on, and the space on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolHalf {
    /// What the thin devices hold.
    Data,
    /// Which block belongs to which device.
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

/// What a pool does for its users: the kernel's mode, or what hides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// It reads and writes.
    ReadWrite,
    /// It only reads.
    ReadOnly,
    /// It has no free data block.
    OutOfDataSpace,
    /// All I/O fails.
    Failed,
    /// All I/O waits.
    Suspended,
    /// The kernel did not answer in time.
    Unanswered,
    /// Nothing said it, or in a word that is not known.
    Unknown,
}

impl PoolState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ReadWrite,
        Self::ReadOnly,
        Self::OutOfDataSpace,
        Self::Failed,
        Self::Suspended,
        Self::Unanswered,
        Self::Unknown,
    ];

    /// The word of the JSON and of metrics.
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
    /// How a person would call it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("(pool not named)")
    }

    /// Whether a person who gives this name means this pool: its dm name, or as LVM and its reports call it, `pve/data`
    /// or `pve-data`, whose dm name may be `pve-data-tpool`.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let by_lvm = |lv: &LvName| lv.dm_name() == name || format!("{}/{}", lv.vg, lv.lv) == name;
        self.name.as_deref() == Some(name) || self.lv.as_ref().is_some_and(by_lvm)
    }

    /// What it does for its users. Not answering and being suspended hide what the status line would say.
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

    /// Whether Docker makes its layers in this pool.
    #[must_use]
    pub const fn is_dockers(&self) -> bool {
        matches!(self.owner, PoolOwner::Docker { .. })
    }

    /// The engine that keeps a free-space floor in it, and the option that sets it: Docker, or those that use the fork
    /// of its driver (containers/storage before 1.54).
    #[must_use]
    pub const fn engine(&self) -> (&'static str, &'static str) {
        match self.owner {
            PoolOwner::ContainersStorage => ("Podman", "min_free_space"),
            _ => ("Docker", "dm.min_free_space"),
        }
    }

    /// Whether loop files carry the data or the metadata.
    #[must_use]
    pub const fn on_loop(&self) -> bool {
        self.data_backing.is_loop() || self.metadata_backing.is_loop()
    }
}

//! Parses a recording into a typed model: pools, thin devices, the devices under them, owners, log messages.
//!
//! [`read`] never fails and never queries the host. An unknown word is kept as a word, an answer that cannot be parsed
//! becomes a [`Note`], and an unknown number is `None`.

pub mod assemble;
pub mod block;
pub mod containerd;
pub mod dm;
pub mod docker;
pub mod engines;
pub mod fs;
pub mod history;
pub mod limits;
pub mod log;
pub mod lvm;
pub mod model;
pub mod owners;
pub mod parse;

pub use assemble::read;
pub use model::headroom::Headroom;

pub use crate::record::Source;
use block::disk::Disk;
use containerd::Containerd;
use docker::Docker;
use history::History;
use log::{Kind, LogMessage, Message};
use lvm::Lvm;
use model::backing::Filesystem;
use model::note::Note;
use model::pool::Pool;
use model::thin::Thin;

/// A host, as far as the recording or the pasted text describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether the recording is of a host or of pasted text.
    pub source: Source,
    /// Time of the recording, RFC 3339.
    pub recorded_at: Option<String>,
    /// Its kernel.
    pub kernel: Kernel,
    /// Its thin pools.
    pub pools: Vec<Pool>,
    /// Its active thin devices.
    pub thin_devices: Vec<Thin>,
    /// Docker's data roots, usually one or none.
    pub docker_roots: Vec<Docker>,
    /// containerd's settings files that name a pool.
    pub containerd_configs: Vec<Containerd>,
    /// LVM's volumes and settings.
    pub lvm: Lvm,
    /// Disks and partitions, if they were recorded.
    pub disks: Vec<Disk>,
    /// Tools that were looked up, with their paths; `None` if a tool is not installed.
    pub tools: Vec<(String, Option<String>)>,
    /// Filesystems with their space, from statfs or a pasted `df`.
    pub filesystems: Vec<Filesystem>,
    /// Recognised log and error lines.
    pub log_messages: Vec<LogMessage>,
    /// The history, if one was given, including samples of this recording.
    pub history: History,
    /// Containers, from a pasted `docker ps`.
    pub containers: Vec<crate::host::docker::ps::Container>,
    /// Removable space, from a pasted `docker system df`.
    pub removable: Option<crate::host::docker::ps::Removable>,
    /// Container engines' own directories with their filesystems.
    pub engines: Vec<crate::host::engines::EngineFiles>,
    /// Tables of the kernel, with what of them is in use.
    pub limits: Vec<crate::host::limits::LimitUse>,
    /// Deleted files that are held open, recorded or from a pasted `lsof`.
    pub open_files: Vec<crate::host::fs::lsof::Deleted>,
    /// Contradictions in a pasted text.
    pub conflicts: Vec<crate::host::assemble::conflicts::Conflict>,
    /// Queries that failed or timed out, and answers that were not understood.
    pub notes: Vec<Note>,
}

/// The running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kernel {
    /// `6.1.0-56-cloud-amd64`.
    pub release: Option<String>,
    /// Version of the device-mapper interface, `4.47.0`.
    pub dm_version: Option<String>,
    /// Whether device-mapper answered.
    pub device_mapper: DeviceMapper,
    /// Seconds that writes wait on a full pool before they fail; 0 means for ever
    /// (`/sys/module/dm_thin_pool/parameters/no_space_timeout`).
    pub no_space_timeout: Option<u64>,
    /// Whether the overlay filesystem is available now (`/proc/filesystems`); its module may still be loaded later.
    pub overlay: Option<bool>,
}

/// Whether device-mapper answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceMapper {
    /// Not queried, or pasted text.
    #[default]
    NotAsked,
    /// Answered.
    Answered,
    /// Not loaded in the kernel.
    Missing,
    /// An error; the errno's name.
    Refused(String),
    /// No answer in time.
    Silent,
}

impl Host {
    /// All log messages of one kind.
    pub fn known(&self, message: Message) -> impl Iterator<Item = &LogMessage> {
        self.log_messages.iter().filter(move |s| matches!(s.kind, Kind::Known { message: m } if m == message))
    }

    /// The thin devices of a pool.
    pub fn thins_of<'a>(&'a self, pool: &'a Pool) -> impl Iterator<Item = &'a Thin> {
        self.thin_devices.iter().filter(move |t| t.pool.is_some() && t.pool == pool.device)
    }

    /// The Docker that owns a pool.
    #[must_use]
    pub fn docker_of(&self, pool: &Pool) -> Option<&Docker> {
        let crate::host::model::pool::PoolOwner::Docker { root } = &pool.owner else { return None };
        self.docker_roots.iter().find(|d| d.root == *root).or_else(|| self.docker_roots.first())
    }
}

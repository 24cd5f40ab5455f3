//! What a recording means: typed pools, thin devices, what carries them, who owns them, what was said.
//!
//! [`read`] is total: it takes every recording, never fails and never asks the machine. A word it does not know is
//! kept as a word, an answer it cannot read becomes an [`Note`] that is shown, an unknown number is `None`.

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

/// A machine, or what a pasted text tells of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether a machine was asked.
    pub source: Source,
    /// When, RFC 3339.
    pub recorded_at: Option<String>,
    /// Its kernel.
    pub kernel: Kernel,
    /// Its thin pools.
    pub pools: Vec<Pool>,
    /// Its active thin devices.
    pub thin_devices: Vec<Thin>,
    /// Docker's data roots, usually one or none.
    pub docker_roots: Vec<Docker>,
    /// Settings of containerd's that name a pool.
    pub containerd_configs: Vec<Containerd>,
    /// LVM's facts.
    pub lvm: Lvm,
    /// Disks and partitions, where they were asked about.
    pub disks: Vec<Disk>,
    /// Tools that were looked for, with where they stand; `None`: there is none.
    pub tools: Vec<(String, Option<String>)>,
    /// Filesystems with their space, from statfs or a pasted `df`.
    pub filesystems: Vec<Filesystem>,
    /// Recognised log and error lines.
    pub log_messages: Vec<LogMessage>,
    /// What was seen of the pools over time, this look included, where a history was given.
    pub history: History,
    /// Containers, from a pasted `docker ps`.
    pub containers: Vec<crate::host::docker::ps::Container>,
    /// What could be removed, from a pasted `docker system df`.
    pub removable: Option<crate::host::docker::ps::Removable>,
    /// Container engines' own directories with their filesystems.
    pub engines: Vec<crate::host::engines::EngineFiles>,
    /// Tables of the kernel, with what of them is in use.
    pub limits: Vec<crate::host::limits::LimitUse>,
    /// Deleted files that are held open, asked of the machine or from a pasted `lsof`.
    pub open_files: Vec<crate::host::fs::lsof::Deleted>,
    /// What a text says twice, and differently.
    pub conflicts: Vec<crate::host::assemble::conflicts::Conflict>,
    /// What was refused, silent or not understood.
    pub notes: Vec<Note>,
}

/// The running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kernel {
    /// `6.1.0-56-cloud-amd64`.
    pub release: Option<String>,
    /// Version of the device-mapper interface, `4.47.0`.
    pub dm_version: Option<String>,
    /// Whether device-mapper could be asked.
    pub device_mapper: DeviceMapper,
    /// Seconds that writes wait on a full pool before they fail; 0 is for ever
    /// (`/sys/module/dm_thin_pool/parameters/no_space_timeout`).
    pub no_space_timeout: Option<u64>,
    /// Whether it knows the overlay filesystem now; it may still load the module (`/proc/filesystems`).
    pub overlay: Option<bool>,
}

/// Whether device-mapper could be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceMapper {
    /// Nobody asked: pasted text.
    #[default]
    NotAsked,
    /// It answered.
    Answered,
    /// The kernel has none loaded.
    Missing,
    /// It refused; the errno's name.
    Refused(String),
    /// It did not answer in time.
    Silent,
}

impl Host {
    /// The lines of one meaning.
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

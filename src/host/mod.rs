//! What a recording means: typed pools, thin devices, what carries them, who owns them, what was said.
//!
//! [`read`] is total: it takes every recording, never fails and never asks the machine. A word it does not know is
//! kept as a word, an answer it cannot read becomes an [`Oddity`] that is shown, an unknown number is `None`.

pub mod amount;
pub mod backing;
pub mod census;
pub mod containerd;
mod device;
pub mod df;
pub mod disk;
pub mod dm_info;
pub mod docker;
pub mod docker_info;
pub mod docker_lists;
pub mod floor;
mod gaps;
mod headroom;
pub mod history;
pub mod inside;
mod join;
pub mod listing;
pub mod log;
mod loose;
pub mod losetup;
pub mod lvm;
pub mod oddity;
pub mod open_files;
mod owner;
pub mod owners;
pub mod pool;
pub mod release;
mod reports;
mod settings;
pub mod space;
mod stack;
pub mod stat;
pub mod status;
pub mod table;
pub mod thin;
pub mod toml;
pub mod twice;
pub mod units;

pub use headroom::Headroom;
pub use join::read;

pub use crate::record::Source;
use backing::Filesystem;
use containerd::Containerd;
use disk::Disk;
use docker::Docker;
use history::History;
use log::{Kind, LogMessage, Message};
use lvm::Lvm;
use oddity::Oddity;
use pool::Pool;
use thin::Thin;

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
    pub thins: Vec<Thin>,
    /// Docker's data roots, usually one or none.
    pub dockers: Vec<Docker>,
    /// Settings of containerd's that name a pool.
    pub containerds: Vec<Containerd>,
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
    pub containers: Vec<docker_lists::Container>,
    /// What could be removed, from a pasted `docker system df`.
    pub removable: Option<docker_lists::Removable>,
    /// Deleted files that are held open, from a pasted `lsof`.
    pub open_files: Vec<open_files::Deleted>,
    /// What a text says twice, and differently.
    pub twice: Vec<twice::Twice>,
    /// What was refused, silent or not understood.
    pub oddities: Vec<Oddity>,
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
        self.thins.iter().filter(move |t| t.pool.is_some() && t.pool == pool.device)
    }

    /// The Docker that owns a pool.
    #[must_use]
    pub fn docker_of(&self, pool: &Pool) -> Option<&Docker> {
        let pool::Owner::Docker { root } = &pool.owner else { return None };
        self.dockers.iter().find(|d| d.root == *root).or_else(|| self.dockers.first())
    }
}

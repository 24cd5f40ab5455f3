//! Docker's own records and settings, read from its files: where it keeps things, what it was told, what it believes.
//!
//! Nothing here comes from a running daemon's answer, and secrets in its settings are not kept.

pub(super) mod config;
pub mod info;
pub mod min_free;
pub mod ps;
mod service;

use super::model::units::Bytes;
pub use crate::record::file_digest::{FileDigest, Hidden, sha256};

/// One Docker data root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Docker {
    /// The data root, e.g. `/var/lib/docker`.
    pub root: Option<String>,
    /// Version, where one was found (`20.10.24+dfsg1`).
    pub version: Option<String>,
    /// Whether a daemon runs; `None` when not asked.
    pub running: Option<bool>,
    /// The storage driver that the settings name.
    pub driver: Option<String>,
    /// Where that was named: a file, or the daemon's command line.
    pub driver_from: Option<String>,
    /// Storage options as given, `dm.min_free_space=5%`, in order; the last of a name counts.
    pub options: Vec<StorageOption>,
    /// The settings file that the daemon is told to read, where it is not [`DAEMON_JSON`].
    pub settings_path: Option<String>,
    /// The recorded text of that file; `None` where there is no such file, or it was not read.
    pub daemon_json: Option<String>,
    /// Why it is not known whether there is such a file, and what it says.
    pub daemon_json_unread: Option<String>,
    /// What that file is on the disk, where secrets were taken out of the recorded text.
    pub daemon_json_digest: Option<FileDigest>,
    /// Of a daemon that does not run: why it is not known which arguments its service gives it.
    pub service_unread: Option<String>,
    /// The prefix of its device names, `docker-254:0-7356`, where the directory's identity is known.
    pub prefix: Option<String>,
    /// The pool that `dm.thinpooldev` names, without `/dev/mapper/`.
    pub configured_pool: Option<String>,
    /// Virtual size of the base device: the limit of each container (`metadata/base`).
    pub base_size: Option<Bytes>,
    /// `BaseDeviceFilesystem` of `metadata/deviceset-metadata`.
    pub base_filesystem: Option<String>,
    /// `open_transaction_id` of `metadata/transaction-metadata`.
    pub open_transaction: Option<u64>,
    /// `device_id` of the same: the device it made or deleted.
    pub open_device: Option<u32>,
    /// Records of thin devices.
    pub devices: Vec<DeviceRecord>,
    /// The filesystem the data root is on.
    pub filesystem: Option<super::model::backing::Filesystem>,
    /// Whether that filesystem's directories say what their entries are (`d_type`), as overlay2 demands.
    pub typed_entries: Option<bool>,
    /// Names of its volumes, which no storage driver keeps.
    pub volumes: Option<Vec<String>>,
    /// How many images there are in its other store, overlay2's.
    pub overlay2_images: Option<u64>,
    /// Whether it is, or was, part of a swarm.
    pub swarm: Option<bool>,
}

/// A storage option and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageOption {
    /// `dm.min_free_space`, in lower case as Docker compares it.
    pub name: String,
    /// Its value, as given.
    pub value: String,
    /// The file it stands in, `the daemon's command line` or `pasted text`.
    pub from: String,
}

/// Docker's record of one thin device (`metadata/HASH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The record's name: 64 hexadecimal digits, the same with `-init`, or empty for the base device.
    pub hash: String,
    /// Id in the pool.
    pub device_id: u32,
    /// Virtual size.
    pub size: Bytes,
    /// Transaction in which it was made.
    pub transaction_id: u64,
    /// Marked for deferred deletion: its blocks are still allocated.
    pub deleted: bool,
}

/// The settings file that the daemon reads unless told otherwise.
pub const DAEMON_JSON: &str = "/etc/docker/daemon.json";

impl Docker {
    /// The settings file that the daemon reads.
    #[must_use]
    pub fn settings_file(&self) -> &str {
        self.settings_path.as_deref().unwrap_or(DAEMON_JSON)
    }

    /// The value of a storage option; the last one given counts.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&StorageOption> {
        self.options.iter().rev().find(|o| o.name == name)
    }
}

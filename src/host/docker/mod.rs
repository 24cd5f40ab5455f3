//! Docker's own records and settings, read from its files.
//!
//! Never from a running daemon; secrets in settings are not kept.

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
    /// The version if known (`20.10.24+dfsg1`).
    pub version: Option<String>,
    /// Whether a daemon runs; `None` if unknown.
    pub running: Option<bool>,
    /// The storage driver that the settings name.
    pub driver: Option<String>,
    /// The source of that setting: a file, or the daemon's command line.
    pub driver_from: Option<String>,
    /// Storage options as given, `dm.min_free_space=5%`, in order; the last with a name counts.
    pub options: Vec<StorageOption>,
    /// The path of the daemon's settings file, if it is not [`DAEMON_JSON`].
    pub settings_path: Option<String>,
    /// The recorded text of that file; `None` if it does not exist or was not read.
    pub daemon_json: Option<String>,
    /// Why the settings file's existence or content is unknown.
    pub daemon_json_unread: Option<String>,
    /// Digest of the file on disk, if secrets were removed from the recorded text.
    pub daemon_json_digest: Option<FileDigest>,
    /// For a stopped daemon: why the arguments from its service are unknown.
    pub service_unread: Option<String>,
    /// The prefix of its device names, `docker-254:0-7356`, if the directory's identity is known.
    pub prefix: Option<String>,
    /// The pool that `dm.thinpooldev` names, without `/dev/mapper/`.
    pub configured_pool: Option<String>,
    /// Virtual size of the base device, the limit of each container (`metadata/base`).
    pub base_size: Option<Bytes>,
    /// `BaseDeviceFilesystem` of `metadata/deviceset-metadata`.
    pub base_filesystem: Option<String>,
    /// `open_transaction_id` of `metadata/transaction-metadata`.
    pub open_transaction: Option<u64>,
    /// `device_id` in the same file: the device created or deleted in that transaction.
    pub open_device: Option<u32>,
    /// Records of thin devices.
    pub devices: Vec<DeviceRecord>,
    /// The filesystem of the data root.
    pub filesystem: Option<super::model::backing::Filesystem>,
    /// Whether that filesystem reports the type of directory entries (`d_type`), which overlay2 requires.
    pub typed_entries: Option<bool>,
    /// Names of its volumes; they do not depend on the storage driver.
    pub volumes: Option<Vec<String>>,
    /// The number of images in overlay2's store.
    pub overlay2_images: Option<u64>,
    /// Whether it is or was part of a swarm.
    pub swarm: Option<bool>,
}

/// A storage option and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageOption {
    /// `dm.min_free_space`, in lower case as Docker compares it.
    pub name: String,
    /// Its value, as given.
    pub value: String,
    /// The file with the option, `the daemon's command line` or `pasted text`.
    pub from: String,
}

/// Docker's record of one thin device (`metadata/HASH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The record's name: 64 hexadecimal digits, also with `-init`; empty for the base device.
    pub hash: String,
    /// Id in the pool.
    pub device_id: u32,
    /// Virtual size.
    pub size: Bytes,
    /// The transaction that created it.
    pub transaction_id: u64,
    /// Marked for deferred deletion; its blocks are still allocated.
    pub deleted: bool,
}

/// The default settings file.
pub const DAEMON_JSON: &str = "/etc/docker/daemon.json";

impl Docker {
    /// The settings file in use.
    #[must_use]
    pub fn settings_file(&self) -> &str {
        self.settings_path.as_deref().unwrap_or(DAEMON_JSON)
    }

    /// The value of a storage option; the last with that name counts.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&StorageOption> {
        self.options.iter().rev().find(|o| o.name == name)
    }
}

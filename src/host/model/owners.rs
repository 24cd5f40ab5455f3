//! Owners of a pool's thin devices, from the records of Docker, containerd, LVM or Stratis.
//!
//! Types only; [`crate::host::owners`] fills them.

use super::note::Note;
use super::units::Bytes;
use crate::host::lvm::LvName;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about the owners of a pool's thin devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// The engine whose records list the devices.
    pub keeper: RecordKeeper,
    /// The roles of a device by its id in the pool: one, unless records contradict each other.
    pub by_device: BTreeMap<u32, Vec<DeviceRole>>,
    /// Images of Docker or containerd.
    pub images: Vec<Image>,
    /// Docker's layers.
    pub layers: Vec<Layer>,
    /// Containers.
    pub containers: Vec<Container>,
    /// Other references to layer devices: while they exist, removing images does not return these devices.
    pub kept: Vec<Pin>,
    /// Devices that are active and open now, regardless of the records.
    pub in_use: BTreeSet<u32>,
    /// Whether all device records were read. If not, a device without a record may have one.
    pub all_recorded: bool,
    /// Records that were not read; names of layers, images and containers may be missing.
    pub gaps: Vec<Note>,
}

/// A reference to layer devices, other than an image or container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The kind of reference.
    pub by: PinnedBy,
    /// The devices that stay while it exists, top layer first.
    pub devices: Vec<u32>,
}

/// Kinds of references to layer devices, other than images and containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinnedBy {
    /// Docker's build cache.
    BuildCache,
    /// A layer of no image, or a snapshot of no container; it keeps everything below it.
    Rest,
    /// A lease or a root label in containerd: of BuildKit's cache, an image being pulled, or a user.
    Lease,
}

/// The engine whose records list the pool's devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordKeeper {
    /// Docker.
    Docker {
        /// Its data root.
        root: String,
    },
    /// containerd's devmapper snapshotter.
    Containerd {
        /// Path of its device database.
        database: String,
    },
    /// No engine's records were read. LVM's records do not count, because they say nothing about containers.
    #[default]
    Nobody,
}

/// What a thin device is used as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceRole {
    /// Docker's empty base filesystem, the origin of every layer.
    Base,
    /// A layer.
    Layer {
        /// Its chain id, or its snapshot's key.
        chain: String,
        /// The images it belongs to, as indices in [`Owners::images`]; empty for a layer of a build cache or a
        /// leftover.
        images: Vec<usize>,
    },
    /// A container's own device.
    Container {
        /// Index in [`Owners::containers`].
        container: usize,
        /// Which of the container's devices it is.
        part: Part,
    },
    /// A step in Docker's build cache that is not a layer.
    BuildStep {
        /// The name of its record.
        record: String,
    },
    /// A snapshot that no known container uses.
    Snapshot {
        /// Its name.
        key: String,
    },
    /// Deleted by its owner, but its blocks are not yet returned.
    Deleted {
        /// The name of its record.
        record: String,
    },
    /// Its creation failed; its id stays reserved.
    Faulty {
        /// The name of its record; empty if only the id is recorded.
        record: String,
    },
    /// It has a device record that no layer, image or container refers to.
    Orphan {
        /// Its name.
        record: String,
    },
    /// A logical volume.
    Volume(LvName),
    /// A filesystem of a Stratis pool.
    StratisFilesystem {
        /// UUID of the pool, without hyphens.
        pool: String,
        /// UUID of the filesystem, without hyphens.
        filesystem: String,
    },
    /// Active under this device-mapper name; nothing else is known.
    Active(String),
}

/// One of a container's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The writable device.
    Writable,
    /// Docker's init layer between the image and the writable device: `/etc/hosts` and similar files.
    Init,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Docker's image id, or the digest of containerd's target.
    pub id: String,
    /// containerd's namespace.
    pub namespace: Option<String>,
    /// Names with a tag, `bb:1`; for containerd all names.
    pub tags: Vec<String>,
    /// Names with a digest, `bb@sha256:…`.
    pub digests: Vec<String>,
    /// When it was built (Docker) or pulled (containerd).
    pub created: Option<Timestamp>,
    /// When it was last pulled or tagged on this host.
    pub updated: Option<Timestamp>,
    /// The image it was built on, as an index in [`Owners::images`].
    pub parent: Option<usize>,
    /// The ids of its layers' devices, top layer first.
    pub devices: Vec<u32>,
    /// Whether all its layers and their devices were found.
    pub whole: bool,
}

/// A layer of images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// Its chain id, without `sha256:`.
    pub chain: String,
    /// The id of its device.
    pub device: Option<u32>,
    /// Size of the content of its files; an archive of it or an unpacked copy is larger.
    pub content: Option<Bytes>,
    /// Size of Docker's list of its files' names and headers.
    pub listing: Option<Bytes>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, without Docker's leading slash; containerd's have none.
    pub name: Option<String>,
    /// containerd's namespace.
    pub namespace: Option<String>,
    /// Its image, as an index in [`Owners::images`].
    pub image: Option<usize>,
    /// Its state.
    pub state: State,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// The ids of its own devices, the writable one first.
    pub devices: Vec<u32>,
    /// The ids of the layer devices below, top layer first.
    pub below: Vec<u32>,
    /// The storage driver it was created with.
    pub driver: Option<String>,
    /// Names of the volumes mounted into it.
    pub volumes: Vec<String>,
    /// Names of its networks.
    pub networks: Vec<String>,
    /// Whether it is removed when it ends (`--rm`).
    pub auto_remove: bool,
    /// Restart policy: `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart: Option<String>,
}

/// State of a container, by the records of its engine (moby container/state.go, `StateString`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Waiting for its next start.
    Restarting,
    /// It has ended.
    Exited,
    /// It never started.
    Created,
    /// containerd has no task for it, and does not record whether there ever was one.
    Stopped,
    /// It could not be removed completely.
    Dead,
    /// It is being removed.
    Removing,
    /// Unknown: a mount without a container, or a containerd task without a known process.
    #[default]
    Unknown,
}

impl State {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Created => "created",
            Self::Stopped => "stopped",
            Self::Dead => "dead",
            Self::Removing => "removing",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it certainly has no process. Only then may it be removed.
    #[must_use]
    pub const fn is_idle(self) -> bool {
        matches!(self, Self::Exited | Self::Created | Self::Stopped | Self::Dead)
    }
}

/// Differences between an engine's records and the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unmatched {
    /// Devices in the pool without a record: leaked, if `certain`.
    pub without_record: Vec<u32>,
    /// Recorded devices that are not in the pool.
    pub without_device: Vec<u32>,
    /// Whether all device records were read. If not, devices in `without_record` may have one.
    pub certain: bool,
}

impl Image {
    /// When it was last pulled or tagged on this host, or else when it was built.
    #[must_use]
    pub fn here_since(&self) -> Option<Timestamp> {
        self.updated.or(self.created)
    }

    /// Whether it has neither tag nor digest.
    #[must_use]
    pub const fn is_nameless(&self) -> bool {
        self.tags.is_empty() && self.digests.is_empty()
    }
}

impl DeviceRole {
    /// Whether the role comes from a record of Docker or containerd, not from LVM or the device's name.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !matches!(self, Self::Volume(_) | Self::StratisFilesystem { .. } | Self::Active(_))
    }
}

impl Owners {
    /// The roles of a device; empty if no record names it.
    #[must_use]
    pub fn of(&self, device_id: u32) -> &[DeviceRole] {
        self.by_device.get(&device_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The containers that use an image, with their indices.
    pub fn containers_of(&self, image: usize) -> impl Iterator<Item = (usize, &Container)> {
        self.containers.iter().enumerate().filter(move |(_, c)| c.image == Some(image))
    }

    /// The ids of the devices of an image's layers, top layer first.
    #[must_use]
    pub fn devices_of_image(&self, image: usize) -> &[u32] {
        self.images.get(image).map(|i| i.devices.as_slice()).unwrap_or_default()
    }

    /// Compares the records with `in_pool`, the ids of all devices in the pool's metadata. `None` if no engine's
    /// records were read.
    #[must_use]
    pub fn unmatched(&self, in_pool: &BTreeSet<u32>) -> Option<Unmatched> {
        if self.keeper == RecordKeeper::Nobody {
            return None;
        }
        let recorded = |id: &u32| self.of(*id).iter().any(DeviceRole::is_recorded);
        // A reserved id has no device, and a deleted device may already be gone.
        let may_be_gone =
            |o: &DeviceRole| matches!(o, DeviceRole::Faulty { .. } | DeviceRole::Deleted { .. });
        let expected = |id: &u32| self.of(*id).iter().any(|o| o.is_recorded() && !may_be_gone(o));
        Some(Unmatched {
            without_record: in_pool.iter().copied().filter(|id| !recorded(id)).collect(),
            without_device: self
                .by_device
                .keys()
                .copied()
                .filter(|id| expected(id) && !in_pool.contains(id))
                .collect(),
            certain: self.all_recorded,
        })
    }

    pub(in crate::host) fn add(&mut self, device_id: u32, owner: DeviceRole) {
        self.by_device.entry(device_id).or_default().push(owner);
    }
}

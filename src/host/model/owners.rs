//! Who uses a pool's thin devices, as the records of Docker, containerd, LVM or Stratis say.
//!
//! Types only; [`crate::host::owners`] fills them.

use super::note::Note;
use super::units::Bytes;
use crate::host::lvm::LvName;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about who uses a pool's thin devices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// Whose records say which devices there should be.
    pub keeper: RecordKeeper,
    /// The owners of a device by its id in the pool: one, unless records contradict each other.
    pub by_device: BTreeMap<u32, Vec<DeviceRole>>,
    /// Images, those of Docker or of containerd.
    pub images: Vec<Image>,
    /// Docker's layers.
    pub layers: Vec<Layer>,
    /// Containers.
    pub containers: Vec<Container>,
    /// What else keeps devices of layers: while it is there, removing images gives them not back.
    pub kept: Vec<Pin>,
    /// Devices that are active and open now, whatever the records say.
    pub in_use: BTreeSet<u32>,
    /// Whether every record of a device was read. If not, a device without a record may have one.
    pub all_recorded: bool,
    /// What of the records was not read: names of layers, images and containers may be missing.
    pub gaps: Vec<Note>,
}

/// Something besides images and containers that keeps the devices of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What it is.
    pub by: PinnedBy,
    /// The devices that stay while it does, the uppermost first.
    pub devices: Vec<u32>,
}

/// What keeps the devices of layers besides images and containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinnedBy {
    /// Docker's build cache.
    BuildCache,
    /// A layer of no image, or a snapshot of no container: what stands below it stays.
    Rest,
    /// A lease or a mark in containerd: BuildKit's cache, an image on its way in, or a person's.
    Lease,
}

/// Whose records say which devices there should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordKeeper {
    /// Docker.
    Docker {
        /// Its data root.
        root: String,
    },
    /// containerd's devmapper snapshotter.
    Containerd {
        /// Its list of devices.
        database: String,
    },
    /// Nobody whose records were read: LVM keeps its own, which say nothing of containers.
    #[default]
    Nobody,
}

/// What a thin device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceRole {
    /// Docker's empty filesystem, which every layer starts from.
    Base,
    /// A layer of images.
    Layer {
        /// Its chain id, or its snapshot's key; what tells it from others.
        chain: String,
        /// The images it belongs to, places in [`Owners::images`]; none for a layer of a build cache, or a rest.
        images: Vec<usize>,
    },
    /// A container's own.
    Container {
        /// Its place in [`Owners::containers`].
        container: usize,
        /// Which device of it.
        part: Part,
    },
    /// A step in Docker's build cache that is no layer.
    BuildStep {
        /// The name of its record.
        record: String,
    },
    /// A snapshot that no known container uses.
    Snapshot {
        /// Its name.
        key: String,
    },
    /// Deleted for its owner, its blocks not yet given back.
    Deleted {
        /// The name of its record.
        record: String,
    },
    /// Its making failed, its id stays reserved.
    Faulty {
        /// The name of its record; empty where only the id is kept.
        record: String,
    },
    /// A record that no layer, image or container names any more.
    Orphan {
        /// Its name.
        record: String,
    },
    /// A logical volume.
    Volume(LvName),
    /// A filesystem of a Stratis pool, both by their UUIDs without hyphens.
    StratisFilesystem {
        /// The pool.
        pool: String,
        /// The filesystem.
        filesystem: String,
    },
    /// Active under this device-mapper name; nothing else is known.
    Active(String),
}

/// Which device of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The one it writes to.
    Writable,
    /// The one between its image and its own: `/etc/hosts` and the like.
    Init,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// Docker's image id, or the digest of containerd's target.
    pub id: String,
    /// containerd's namespace.
    pub namespace: Option<String>,
    /// Names with a tag, `bb:1`; of containerd all its names.
    pub tags: Vec<String>,
    /// Names with a digest, `bb@sha256:…`.
    pub digests: Vec<String>,
    /// When it was built (Docker) or came here (containerd).
    pub created: Option<Timestamp>,
    /// When it was last pulled or tagged here.
    pub updated: Option<Timestamp>,
    /// The image it was built on, a place in [`Owners::images`].
    pub parent: Option<usize>,
    /// The ids of its layers' devices, the uppermost first.
    pub devices: Vec<u32>,
    /// Whether all its layers and their devices were found.
    pub whole: bool,
}

/// A layer of images. Its size is that of its files' content; what it takes as an archive or unpacked is more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// Its chain id, without `sha256:`.
    pub chain: String,
    /// The id of its device.
    pub device: Option<u32>,
    /// Bytes of its files' content.
    pub content: Option<Bytes>,
    /// Bytes of Docker's listing of its files' names and headers.
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
    /// Its image, a place in [`Owners::images`].
    pub image: Option<usize>,
    /// What it does.
    pub state: State,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// The ids of its own devices, the writable one first.
    pub devices: Vec<u32>,
    /// The ids of the layers' devices it stands on, the uppermost first.
    pub below: Vec<u32>,
    /// The storage driver it was made with.
    pub driver: Option<String>,
    /// Names of the volumes mounted into it.
    pub volumes: Vec<String>,
    /// Names of the networks it is in.
    pub networks: Vec<String>,
    /// Whether it is removed when it ends (`--rm`).
    pub auto_remove: bool,
    /// When it is started again: `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart: Option<String>,
}

/// What a container does, by the records of its engine (moby container/state.go, `StateString`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// It runs.
    Running,
    /// It is frozen.
    Paused,
    /// It is between two runs.
    Restarting,
    /// It has ended.
    Exited,
    /// It never started.
    Created,
    /// It has no process: containerd has no task for it, and does not keep whether there ever was one.
    Stopped,
    /// It could not be removed in full.
    Dead,
    /// It is being removed.
    Removing,
    /// The records do not say: a mount without a container, or a container of containerd that has a task of which no
    /// process is known.
    #[default]
    Unknown,
}

impl State {
    /// The word for it.
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

    /// Whether it certainly does nothing: only then may anybody think of removing it.
    #[must_use]
    pub const fn is_idle(self) -> bool {
        matches!(self, Self::Exited | Self::Created | Self::Stopped | Self::Dead)
    }
}

/// Where the records and the pool disagree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unmatched {
    /// Devices in the pool that no record names: leaked space, if `certain`.
    pub without_record: Vec<u32>,
    /// Records of devices that the pool does not have.
    pub without_device: Vec<u32>,
    /// Whether all records of devices were read. If not, the first list may hold devices that have one.
    pub certain: bool,
}

impl Image {
    /// Since when it is here: when it was last pulled or tagged, else when it was built.
    #[must_use]
    pub fn here_since(&self) -> Option<Timestamp> {
        self.updated.or(self.created)
    }

    /// Whether no name stands for it.
    #[must_use]
    pub const fn is_nameless(&self) -> bool {
        self.tags.is_empty() && self.digests.is_empty()
    }
}

impl DeviceRole {
    /// Whether a record of Docker or containerd says so, rather than the device's name.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !matches!(self, Self::Volume(_) | Self::StratisFilesystem { .. } | Self::Active(_))
    }
}

impl Owners {
    /// The owners of a device; none for a stranger.
    #[must_use]
    pub fn of(&self, device_id: u32) -> &[DeviceRole] {
        self.by_device.get(&device_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The containers that stand on an image.
    pub fn containers_of(&self, image: usize) -> impl Iterator<Item = (usize, &Container)> {
        self.containers.iter().enumerate().filter(move |(_, c)| c.image == Some(image))
    }

    /// The ids of the devices of an image's layers, the uppermost first.
    #[must_use]
    pub fn devices_of_image(&self, image: usize) -> &[u32] {
        self.images.get(image).map(|i| i.devices.as_slice()).unwrap_or_default()
    }

    /// Where the records and the pool disagree, given the ids of all devices in the pool's metadata. `None` where
    /// nobody's records were read: then no device is a stranger.
    #[must_use]
    pub fn unmatched(&self, in_pool: &BTreeSet<u32>) -> Option<Unmatched> {
        if self.keeper == RecordKeeper::Nobody {
            return None;
        }
        let recorded = |id: &u32| self.of(*id).iter().any(DeviceRole::is_recorded);
        // An id that is merely reserved has no device, and one that was deleted may have lost it already.
        let gone = |o: &DeviceRole| matches!(o, DeviceRole::Faulty { .. } | DeviceRole::Deleted { .. });
        let expected = |id: &u32| self.of(*id).iter().any(|o| o.is_recorded() && !gone(o));
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

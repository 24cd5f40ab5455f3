//! Answers who thin devices belong to, from the files of Docker and containerd: layers, images, containers, snapshots.
//! Never asks a daemon, never follows links below the place it is given, and never keeps what may hold a secret
//! (environment, labels, commands).
//!
//! **The notation** of all these answers: one JSON object a line, each one of the types below, its values word for
//! word. A line in parentheses, `(layerdb/sha256/…/cache-id: EACCES)`, says what is missing and why. An object
//! without a field says that its file was not there.

pub mod bbolt;
mod containerd;
mod docker;
pub mod pool_metadata;

use super::probe::dir::Folder;
use super::{Outcome, Query};
use nix::errno::Errno;
use nix::sys::stat::fstat;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest answer, in bytes.
pub const LIMIT_ANSWER: usize = 8 << 20;
/// How long collecting one answer may take before the rest is left out.
const LIMIT_TIME: Duration = Duration::from_millis(900);

/// An image layer (`image/devicemapper/layerdb/sha256/CHAIN/`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Layer {
    /// The directory's name: 64 hexadecimal digits, or with a suffix `-…-removing` while it goes.
    pub chain: String,
    /// `cache-id`: the name of its device's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// `parent`: `sha256:` and the chain below; the lowest has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// `diff`: what images call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// `size`: bytes of its uncompressed content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Bytes of `tar-split.json.gz` once uncompressed, by its last four bytes: what is listed there are the names and
    /// headers of its files, so it tells how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<u32>,
}

/// The layers mounted for a container (`image/devicemapper/layerdb/mounts/CONTAINER/`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// The directory's name: the container's id.
    pub container: String,
    /// `mount-id`: the name of the record of its writable device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// `init-id`: the same of its init layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// `parent`: the chain it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// An image (`image/devicemapper/imagedb/`, `repositories.json`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// `sha256:` and 64 hexadecimal digits.
    pub id: String,
    /// `bb:1`, `bb@sha256:…`.
    pub names: Vec<String>,
    /// Its layers from the lowest up; absent where a name stands for an image that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diffs: Option<Vec<String>>,
    /// When it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When it was last pulled or tagged here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// The image it was built on, for images built here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A container (`containers/ID/config.v2.json` and `hostconfig.json`), its keys as Docker writes them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// The directory's name: 64 hexadecimal digits.
    #[serde(rename = "ID")]
    pub id: String,
    /// `/web`.
    #[serde(rename = "Name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of its image.
    #[serde(rename = "Image", skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When it was made.
    #[serde(rename = "Created", skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What it does.
    #[serde(rename = "State", skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// The storage driver it was made with; another driver's daemon does not load it.
    #[serde(rename = "Driver", skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// What is mounted into it, by the place in the container.
    #[serde(rename = "MountPoints", skip_serializing_if = "Option::is_none")]
    pub mounts: Option<BTreeMap<String, MountPoint>>,
    /// The networks it is in.
    #[serde(rename = "NetworkSettings", skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSettings>,
    /// What it may and how it ends: `hostconfig.json`.
    #[serde(rename = "HostConfig", skip_serializing_if = "Option::is_none")]
    pub host: Option<HostConfig>,
}

/// What is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MountPoint {
    /// `volume`, `bind`, `tmpfs`; empty in the records of old versions.
    pub r#type: String,
    /// The volume's name; empty for a directory of the host.
    pub name: String,
}

/// The networks of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkSettings {
    /// By name; nothing more of them is kept.
    pub networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

/// A container's place in a network, of which nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Endpoint {}

/// How a container lives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    /// When it is started again.
    pub restart_policy: RestartPolicy,
    /// It is removed when it ends (`--rm`).
    pub auto_remove: bool,
    /// `default`, `host`, `container:ID`, a network's name.
    pub network_mode: String,
}

/// When a container is started again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub name: String,
}

/// What a container does, as Docker last wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerState {
    /// It runs, paused or not.
    pub running: bool,
    /// It is frozen.
    pub paused: bool,
    /// It is between two runs.
    pub restarting: bool,
    /// It could not be removed in full.
    pub dead: bool,
    /// It is being removed.
    #[serde(rename = "RemovalInProgress")]
    pub removing: bool,
    /// When it last started; year 1 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it last ended; year 1 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// What Docker's BuildKit keeps of one build step (`buildkit/snapshots.db`, moby
/// builder/builder-next/adapters/snapshot/snapshot.go).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildStep {
    /// Its name: `sha256:` and a chain where it is a layer of images, else BuildKit's own.
    pub key: String,
    /// The name of the step below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The name under which its device is recorded, if it is not `key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed: Option<String>,
    /// The chain of the layer that it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

/// A thin device of containerd's snapshotter, its keys as the snapshotter writes them (`dm.DeviceInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolDevice {
    /// `POOL-snap-7`; empty for an id that is reserved without a device.
    pub name: String,
    /// Its id in the pool.
    pub device_id: u32,
    /// Virtual size in bytes.
    pub size: u64,
    /// 4 activated, 10 deactivated, 12 removed, 13 faulty (`DeviceState`).
    pub state: i64,
    /// The device it is a snapshot of.
    pub parent_name: String,
    /// What went wrong with it.
    pub error: String,
}

/// A snapshot of containerd's snapshotter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// `NAMESPACE/NUMBER/KEY`.
    pub key: String,
    /// Its number, the last part of its device's name.
    pub id: Option<u64>,
    /// 1 view, 2 active, 3 committed.
    pub kind: u8,
    /// The key of the snapshot below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When it was made: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Labels that containerd itself gave it (`containerd.io/…`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What containerd itself knows, by namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Known {
    /// An image's name and what it stands for.
    Image {
        /// Namespace.
        namespace: String,
        /// `docker.io/library/bb:1`.
        name: String,
        /// The digest of its manifest or index.
        target: Option<String>,
        /// When it was pulled or made here: RFC 3339.
        created: Option<String>,
    },
    /// A content's label that refers to something else (`containerd.io/gc.ref.…`, layers left out).
    Reference {
        /// Namespace.
        namespace: String,
        /// The content.
        digest: String,
        /// The label.
        label: String,
        /// What it refers to: a digest, or the key of a snapshot.
        value: String,
    },
    /// A snapshot's name for its clients, and for its snapshotter.
    Snapshot {
        /// Namespace.
        namespace: String,
        /// `devmapper`.
        snapshotter: String,
        /// Its name for clients.
        key: String,
        /// Its name for the snapshotter: [`Snapshot::key`].
        name: Option<String>,
        /// It stays until somebody removes it, whoever uses it (label `containerd.io/gc.root`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rooted: bool,
    },
    /// A lease on a snapshot: it stays while the lease does. BuildKit has one for each step in its cache.
    Lease {
        /// Namespace.
        namespace: String,
        /// The lease.
        id: String,
        /// `devmapper`.
        snapshotter: String,
        /// The snapshot's name for clients.
        key: String,
    },
    /// A container.
    Container {
        /// Namespace.
        namespace: String,
        /// Its id.
        id: String,
        /// The name of its image.
        image: Option<String>,
        /// The snapshotter of its snapshot.
        snapshotter: Option<String>,
        /// Its snapshot's name for clients.
        snapshot: Option<String>,
        /// When it was made: RFC 3339.
        created: Option<String>,
    },
}

/// Answers one of these questions from what was opened: the data root for Docker's, the database's file for
/// containerd's and BuildKit's. Refused for any other question.
#[must_use]
pub fn answer(query: Query, place: OwnedFd) -> Outcome {
    collect(query, place).map_or_else(|errno| Outcome::Refused(format!("{errno:?}")), Outcome::Answered)
}

/// [`answer`] for a path.
#[must_use]
pub fn answer_at(query: Query, path: &Path) -> Outcome {
    match super::probe::dir::open_place(path) {
        Ok(place) => answer(query, place),
        Err(errno) => Outcome::Refused(format!("{errno:?}")),
    }
}

/// Whether a question is about a database rather than a directory.
const fn is_database(query: Query) -> bool {
    matches!(
        query,
        Query::ContainerdDevices
            | Query::ContainerdSnapshots
            | Query::ContainerdImages
            | Query::DockerBuildCache
    )
}

fn collect(query: Query, place: OwnedFd) -> Result<String, Errno> {
    let mut lines = Lines::new();
    if is_database(query) {
        super::probe::dir::regular(&fstat(&place)?)?;
        containerd::lines(query, &place.into(), &mut lines)?;
        return Ok(lines.text());
    }
    let root = Folder::new(place);
    match query {
        Query::DockerLayers => docker::layers(&root, &mut lines)?,
        Query::DockerMounts => docker::mounts(&root, &mut lines)?,
        Query::DockerImages => docker::images(&root, &mut lines)?,
        Query::DockerContainers => docker::containers(&root, &mut lines)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(lines.text())
}

/// The lines of an answer, within its bounds.
pub(super) struct Lines {
    lines: Vec<String>,
    missing: Vec<String>,
    bytes: usize,
    left_out: u64,
    started: Instant,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { lines: Vec::new(), missing: Vec::new(), bytes: 0, left_out: 0, started: Instant::now() }
    }

    /// Whether nothing more is to be read: what there still is counts as left out.
    fn full(&mut self) -> bool {
        let full = self.bytes > LIMIT_ANSWER || self.started.elapsed() > LIMIT_TIME;
        self.left_out += u64::from(full);
        full
    }

    pub(super) fn push(&mut self, object: &impl Serialize) {
        let Ok(line) = serde_json::to_string(object) else { return };
        if self.bytes + line.len() > LIMIT_ANSWER {
            self.left_out += 1;
            return;
        }
        self.bytes += line.len() + 1;
        self.lines.push(line);
    }

    /// Says what is missing; a person reads it, so few are enough.
    fn miss(&mut self, what: &str, why: &str) {
        const MOST: usize = 100;
        if self.missing.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let line = format!("({what}: {why})");
        self.missing.push(
            line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect(),
        );
    }

    pub(super) fn text(mut self) -> String {
        self.lines.append(&mut self.missing);
        if self.left_out > 0 {
            self.lines.push(format!("({} left out: too many, or reading them took too long)", self.left_out));
        }
        self.lines.join("\n")
    }
}

//! The directories of container engines, for any storage driver, and their filesystems.
//!
//! From recorded hosts only; pasted text has only mount points.

use super::block::sysfs;
use super::model::backing::Filesystem;
use crate::record::{Outcome, Query, Recording};

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// containerd.
    Containerd,
    /// Podman, CRI-O and Buildah, which share one directory.
    ContainersStorage,
    /// The kubelet: volumes and logs of pods.
    Kubelet,
}

impl Engine {
    /// The owner's name in the possessive, for a sentence.
    #[must_use]
    pub const fn possessive(self) -> &'static str {
        match self {
            Self::Docker => "Docker's",
            Self::Containerd => "containerd's",
            Self::ContainersStorage => "Podman's or CRI-O's",
            Self::Kubelet => "the kubelet's",
        }
    }
}

/// An engine's directory that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFiles {
    /// The engine.
    pub engine: Engine,
    /// The directory.
    pub root: String,
    /// Its filesystem by `statfs` of the directory; a project quota makes it appear smaller.
    pub filesystem: Filesystem,
    /// The same filesystem by `statfs` of its mount point, if that was recorded.
    pub whole: Option<Filesystem>,
}

/// All recorded engine directories that exist.
#[must_use]
pub(super) fn read(recording: &Recording, mounts: &[Filesystem]) -> Vec<EngineFiles> {
    let mut all: Vec<EngineFiles> = Vec::new();
    for answer in recording.all(Query::Stat) {
        let Some((engine, root)) = engine_of(&answer.target) else { continue };
        let is_there = recording.said(Query::Statfs, root).is_some() && exists(recording, root);
        if !is_there || all.iter().any(|known| known.root == root) {
            continue;
        }
        let Some(filesystem) = sysfs::filesystem_of(recording, mounts, root) else { continue };
        let mount = filesystem.mount.as_deref().filter(|mount| *mount != root);
        let whole = mount
            .filter(|mount| recording.said(Query::Statfs, mount).is_some())
            .and_then(|mount| sysfs::filesystem_of(recording, mounts, mount))
            .filter(|whole| whole.mount == filesystem.mount);
        all.push(EngineFiles { engine, root: root.to_owned(), filesystem, whole });
    }
    all
}

/// The engine and its directory that a queried path belongs to.
fn engine_of(target: &str) -> Option<(Engine, &str)> {
    const SNAPSHOTTER: &str = "/io.containerd.snapshotter.v1.devmapper";
    if let Some(root) = target.strip_suffix("/devicemapper").filter(|root| !root.ends_with("/devicemapper")) {
        return Some((Engine::Docker, root));
    }
    if let Some(root) = target.strip_suffix(SNAPSHOTTER) {
        return Some((Engine::Containerd, root));
    }
    match target {
        "/var/lib/containers/storage" => Some((Engine::ContainersStorage, target)),
        "/var/lib/kubelet" => Some((Engine::Kubelet, target)),
        _ => None,
    }
}

fn exists(recording: &Recording, root: &str) -> bool {
    let asked = [recording.outcome(Query::Stat, root), recording.outcome(Query::Dir, root)];
    asked.into_iter().flatten().any(|outcome| matches!(outcome, Outcome::Answered(_)))
}

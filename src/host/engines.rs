//! Where container engines keep their own files, whatever their storage driver, and the filesystems there.
//!
//! Known from what was asked of a machine; a pasted text tells only mount points.

use super::block::sysfs;
use super::model::backing::Filesystem;
use crate::record::{Outcome, Query, Recording};

/// Who keeps files there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// containerd.
    Containerd,
    /// Podman, CRI-O and Buildah share one place.
    ContainersStorage,
    /// The kubelet: volumes and logs of pods.
    Kubelet,
}

impl Engine {
    /// Whose files they are, as a sentence has it.
    #[must_use]
    pub const fn whose(self) -> &'static str {
        match self {
            Self::Docker => "Docker's",
            Self::Containerd => "containerd's",
            Self::ContainersStorage => "Podman's or CRI-O's",
            Self::Kubelet => "the kubelet's",
        }
    }
}

/// An engine's own directory that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFiles {
    /// Whose it is.
    pub engine: Engine,
    /// The directory.
    pub root: String,
    /// Its filesystem, as it shows there: a project's quota makes it smaller.
    pub filesystem: Filesystem,
    /// The same filesystem as it shows where it is mounted, where that was asked.
    pub whole: Option<Filesystem>,
}

/// Every engine's directory that was asked about and answered.
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

/// Which engine's directory a question was about: those below it are asked for by name.
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

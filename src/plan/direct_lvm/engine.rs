//! Differences between moving Docker's and containerd's pool: names, texts, settings and script pieces.
//!
//! The rest of the migration is common to both.

use super::DirectLvmContext;
use super::naming::Naming;
use super::settings;
use crate::host::Host;
use crate::host::containerd::Containerd;
use crate::host::docker::Docker;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::owners::RecordKeeper;
use crate::plan::daemon_json::difference;
use crate::plan::script::{self, Piece};
use crate::plan::settings_change::{Change, original};

/// The container engine that owns the pool.
#[derive(Debug, Clone, Copy)]
pub(super) enum Engine<'a> {
    /// Docker, with this data root.
    Docker { docker: &'a Docker, root: &'a str },
    /// containerd's devmapper snapshotter, which keeps its records in a folder; the settings where they were read.
    Containerd { pool: &'a str, folder: &'a str, settings: Option<&'a Containerd> },
}

/// The change to the settings file, and the difference to show.
pub(super) struct NewSettings {
    pub(super) difference: Vec<String>,
    /// The change to the whole file; `None` if only one line changes, which script variables describe.
    pub(super) change: Option<Change>,
}

/// Engine-specific texts and commands of the steps.
pub(super) struct StepText {
    /// Completes "LVM grows the pool …" in the step's explanation.
    pub(super) limit: String,
    pub(super) stop: &'static str,
    pub(super) stop_why: &'static str,
    /// A command that succeeds once it is down.
    pub(super) stopped: String,
    pub(super) start: &'static str,
    /// A command that succeeds once it is up.
    pub(super) started: String,
    pub(super) verify: &'static str,
}

impl<'a> Engine<'a> {
    /// The engine that owns the pool, or why it cannot be determined.
    pub(super) fn read(host: &'a Host, pool: &'a Pool) -> Result<Self, String> {
        if !matches!(pool.owner, PoolOwner::Containerd { .. }) {
            let docker = host
                .docker_of(pool)
                .ok_or("Docker's own records of the pool were not read: run it as root")?;
            // The data root is checked later, so that other reasons are reported first.
            return Ok(Self::Docker { docker, root: docker.root.as_deref().unwrap_or_default() });
        }
        let (Some(name), RecordKeeper::Containerd { database }) = (pool.name.as_deref(), &pool.owners.keeper)
        else {
            return Err(
                "containerd's list of the pool's devices was not read: run it as root, on the host itself"
                    .into(),
            );
        };
        // The name is part of a file name and of a replacement pattern.
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_+.-".contains(c)) {
            return Err(format!("the pool's name {name:?} cannot be part of a file's name or of a volume's"));
        }
        let folder = database.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut named = host.containerd_configs.iter().filter(|settings| settings.pool == name);
        let settings = named.next().filter(|_| named.next().is_none());
        Ok(Self::Containerd { pool: name, folder, settings })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Docker { .. } => "Docker",
            Self::Containerd { .. } => "containerd",
        }
    }

    pub(super) const fn docker(&self) -> Option<&'a Docker> {
        match self {
            Self::Docker { docker, .. } => Some(docker),
            Self::Containerd { .. } => None,
        }
    }

    pub(super) const fn naming(&self) -> Naming<'a> {
        match self {
            Self::Docker { .. } => Naming::Docker,
            Self::Containerd { pool, .. } => Naming::SameLength(pool),
        }
    }

    /// Whether the location of the engine's records is known.
    pub(super) fn has_place(&self) -> bool {
        match self {
            Self::Docker { root, .. } => !root.is_empty(),
            Self::Containerd { folder, .. } => folder.starts_with('/'),
        }
    }

    /// The settings file that names the pool.
    pub(super) fn file(&self) -> &'a str {
        match self {
            Self::Docker { docker, .. } => docker.settings_file(),
            Self::Containerd { settings, .. } => {
                settings.map_or("containerd's config.toml", |s| s.file.as_str())
            }
        }
    }

    /// The change to the settings file. Fails with a sentence if it has to be made by hand.
    pub(super) fn settings(&self, context: &DirectLvmContext<'_>) -> Result<NewSettings, String> {
        match self {
            Self::Docker { docker, .. } => {
                let edited = settings::daemon_json(context, docker)?;
                let change = Change::of_file(&original(docker)?, &edited)?;
                Ok(NewSettings { difference: difference(&edited.old, &edited.text()), change: Some(change) })
            }
            // The file may hold passwords, which are not recorded, so only one line is changed.
            Self::Containerd { settings: Some(settings), .. } => Ok(NewSettings {
                difference: difference(&settings.text, &settings.with_pool(&context.new_pool())),
                change: None,
            }),
            Self::Containerd { pool, .. } => Err(format!(
                "no single file of containerd's settings was found that says pool_name = {pool:?} in a section of its own: \
                 the script could not change it; say so in /etc/containerd/config.toml itself, and plan again"
            )),
        }
    }

    /// Instruction for changing the settings by hand.
    pub(super) fn by_hand(&self, new_pool: &str) -> String {
        match self {
            Self::Docker { .. } => {
                format!("tell Docker of the new pool: --storage-opt dm.thinpooldev=/dev/mapper/{new_pool}")
            }
            Self::Containerd { .. } => format!("tell containerd of the new pool: pool_name = \"{new_pool}\""),
        }
    }

    /// Engine-specific script pieces.
    pub(super) fn pieces(&self) -> Vec<&'static Piece> {
        match self {
            Self::Docker { .. } => vec![&super::DOCKER_SHELL],
            Self::Containerd { .. } => vec![&super::CONTAINERD_SHELL],
        }
    }

    /// Variables of these pieces.
    pub(super) fn variables(&self, context: &DirectLvmContext<'_>) -> Vec<(&'static str, String)> {
        let mut variables = vec![("settings", self.file().to_owned())];
        match self {
            Self::Docker { docker, .. } => {
                variables.extend(script::docker_variables(Some(docker)));
                variables.push(("old_driver", "devicemapper".to_owned()));
            }
            Self::Containerd { folder, settings, .. } => {
                variables.push(("folder", (*folder).to_owned()));
                variables.push(("address", settings.map(|s| s.address.clone()).unwrap_or_default()));
                let lines = settings.and_then(|s| s.lines(&context.new_pool())).unwrap_or_default();
                variables.extend([("old_line", lines.0), ("new_line", lines.1)]);
            }
        }
        variables
    }

    pub(super) fn step_text(&self, context: &DirectLvmContext<'_>) -> StepText {
        let new = context.new_pool();
        match self {
            Self::Docker { .. } => StepText {
                limit: format!(
                    "before Docker refuses new layers at {} %",
                    100 - super::layout::percent(context.demand.percent)
                ),
                stop: "note what there is, stop the containers and Docker",
                stop_why: "Names, ids and volumes are noted in",
                stopped: "! pgrep -x dockerd".into(),
                start: "In the same data root, with the same records, and the same base device. Containers that ran before \
                        are started again: the downtime ends.",
                started: format!("docker info 2>/dev/null | grep 'Pool Name: {}'", new.replace('\'', "")),
                verify: "Ids, names, tags and digests of images, ids and names of containers, and volumes must be what was \
                         noted; and Docker must be able to make a new container.",
            },
            Self::Containerd { pool, .. } => StepText {
                limit: "long before it is full".into(),
                stop: "note what there is, stop containerd, and take the old pool away",
                stop_why: "It goes on only where no task uses the pool, and stops kubelet as well, if that runs. Whatever else \
                           uses this containerd, as Docker may, has to do without it meanwhile. Namespaces, images, snapshots and \
                           containers are noted in",
                stopped: format!("! dmsetup info {}", crate::advice::quote(pool)),
                start: "In the same folder, with the same snapshots; it sets up their devices itself. Tasks are started \
                        by whoever started them before: the downtime ends.",
                started: "ctr plugins ls | grep -E 'devmapper .*ok'".into(),
                verify: "Namespaces, images with their digests, snapshots with their parents, and containers must be what \
                         was noted; and containerd must be able to prepare a new snapshot.",
            },
        }
    }
}

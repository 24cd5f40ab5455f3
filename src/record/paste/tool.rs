//! The tools whose outputs are told apart in pasted text.

/// A tool that printed a part of a text; its name is the target of a [`crate::record::Query::PastedOutput`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `losetup`, in any form.
    Losetup,
    /// `lsblk`, in any form.
    Lsblk,
    /// `ls -l`, also with `-s`.
    Ls,
    /// `du`.
    Du,
    /// `stat`.
    Stat,
    /// `lsof`.
    Lsof,
    /// `ipcs`.
    Ipcs,
    /// `dmsetup info -c`: columns.
    DmsetupInfo,
    /// `dmsetup ls`, also with `--tree`.
    DmsetupLs,
    /// `dmsetup deps`.
    DmsetupDeps,
    /// `dmsetup udevcookies`.
    DmsetupUdevcookies,
    /// `docker ps`.
    DockerPs,
    /// `docker images`.
    DockerImages,
    /// `docker system df`.
    DockerSystemDf,
    /// `ctr snapshots ls`.
    CtrSnapshots,
}

impl Tool {
    const ALL: [Self; 15] = [
        Self::Losetup,
        Self::Lsblk,
        Self::Ls,
        Self::Du,
        Self::Stat,
        Self::Lsof,
        Self::Ipcs,
        Self::DmsetupInfo,
        Self::DmsetupLs,
        Self::DmsetupDeps,
        Self::DmsetupUdevcookies,
        Self::DockerPs,
        Self::DockerImages,
        Self::DockerSystemDf,
        Self::CtrSnapshots,
    ];

    /// Its name in recordings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Losetup => "losetup",
            Self::Lsblk => "lsblk",
            Self::Ls => "ls -l",
            Self::Du => "du",
            Self::Stat => "stat",
            Self::Lsof => "lsof",
            Self::Ipcs => "ipcs",
            Self::DmsetupInfo => "dmsetup info -c",
            Self::DmsetupLs => "dmsetup ls",
            Self::DmsetupDeps => "dmsetup deps",
            Self::DmsetupUdevcookies => "dmsetup udevcookies",
            Self::DockerPs => "docker ps",
            Self::DockerImages => "docker images",
            Self::DockerSystemDf => "docker system df",
            Self::CtrSnapshots => "ctr snapshots",
        }
    }

    /// The tool of a name; `None` for other targets of pasted outputs.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

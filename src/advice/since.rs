//! The first versions of the commands in advice, and their older equivalents, so that commands fit the installed
//! versions.
//!
//! Scripts of plans have their own table of required tools, for hosts from 2014 on. An unknown version excludes
//! nothing: the current command is used.

use super::Advice;
use crate::host::Host;
use crate::host::docker::info::DockerInfo;
use crate::host::parse::version::version;

/// Major and minor version.
type Release = (u32, u32);

/// A program whose version matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Docker, client and daemon.
    Docker,
    /// util-linux: `losetup`, `lsblk`, `findmnt`, `nsenter`.
    UtilLinux,
    /// lvm2 2.02, identified by its last number.
    Lvm2,
    /// systemd's commands, which a host has or does not have.
    Systemd,
}

/// A part of a command that not every version supports.
#[derive(Debug)]
pub struct Since {
    /// The program.
    pub program: Program,
    /// The part, as it appears in the command.
    pub piece: &'static str,
    /// The first version that supports it.
    pub since: Release,
    /// The equivalent command in older versions, if any.
    pub older: Option<&'static str>,
}

const fn since(program: Program, piece: &'static str, since: Release, older: Option<&'static str>) -> Since {
    Since { program, piece, since, older }
}

/// Supported by every release of the program.
const ALWAYS: Release = (0, 0);

/// All entries. Docker: docs/reference/commandline and the API's version history (1.3 is 1.15, 1.12 is 1.24, 1.13 is
/// 1.25); util-linux and lvm2: their release notes. An older command can be too new as well, so it is looked up
/// again.
#[rustfmt::skip]
pub static TABLE: &[Since] = &[
    // Docker.
    since(Program::Docker, "docker exec ", (1, 3), Some("grep devicemapper/mnt /proc/mounts | awk '{print $2}' | xargs -r df -h")),
    since(Program::Docker, "docker container prune", (1, 13), Some("docker ps -aq --filter status=exited | xargs -r docker rm")),
    since(Program::Docker, "docker image prune", (1, 13), Some("docker images -q --filter dangling=true | xargs -r docker rmi")),
    since(Program::Docker, "docker system ", (1, 13), None),
    since(Program::Docker, "docker ps -aq --filter status=exited |", (1, 4), Some("docker ps -a | awk '/ Exited? / {print $1}' | xargs -r docker rm")),
    since(Program::Docker, "docker ps -as --filter", (1, 4), Some("docker ps -as | grep ' Exit'")),
    since(Program::Docker, "docker ps -a --filter", (1, 4), Some("docker ps -a | grep ' Exit'")),
    since(Program::Docker, "docker images --filter reference=", (1, 13), Some("docker images | awk '$1 ~ \"^ci/\" {print $1 \":\" $2}' | xargs -r docker rmi")),
    since(Program::Docker, "docker images -q --filter dangling=true |", (1, 3), Some("docker images | awk '$1 == \"<none>\" {print $3}' | xargs -r docker rmi")),
    since(Program::Docker, "docker images --filter dangling", (1, 3), Some("docker images | grep '^<none>'")),
    since(Program::Docker, "storage-opt", (1, 12), None),
    since(Program::Docker, "docker create ", (1, 3), None),
    since(Program::Docker, "docker volume ", (1, 9), None),
    since(Program::Docker, "docker update ", (1, 10), None),
    since(Program::Docker, "dockerd --validate", (23, 0), None),
    since(Program::Docker, "dockerd --version", (1, 12), Some("docker --version")),
    since(Program::Docker, "/etc/docker/daemon.json", (1, 10), Some("cat /etc/default/docker /etc/sysconfig/docker")),
    // util-linux.
    since(Program::UtilLinux, "losetup -l", (2, 22), Some("losetup -a")),
    since(Program::UtilLinux, "lsblk -s", (2, 22), Some("dmsetup ls --tree")),
    since(Program::UtilLinux, "findmnt -T /var/lib/docker", (2, 20), Some("df -hT /var/lib/docker")),
    since(Program::UtilLinux, "findmnt -T", (2, 20), None),
    since(Program::UtilLinux, "nsenter -t", (2, 23), Some("awk '$5 ~ \"/devicemapper/mnt/\" {print $5}' /proc/self/mountinfo | xargs -r -n 1 fstrim -v")),
    // lvm2.
    since(Program::Lvm2, "lvmconfig --type full devices/filter", (2, 119), Some("lvm dumpconfig devices/filter devices/global_filter")),
    since(Program::Lvm2, "lvmconfig --type full global/", (2, 119), Some("lvm dumpconfig global/thin_check_executable")),
    since(Program::Lvm2, "lvmconfig --type full activation/volume_list", (2, 119), Some("lvm dumpconfig activation/volume_list activation/auto_activation_volume_list")),
    since(Program::Lvm2, "lvmconfig ", (2, 119), Some("lvm dumpconfig activation/thin_pool_autoextend_threshold")),
    since(Program::Lvm2, "lv_active", (2, 99), Some("lvs -a")),
    since(Program::Lvm2, "lv_profile", (2, 99), Some("lvs -a -o+seg_monitor")),
    since(Program::Lvm2, "--metadataprofile", (2, 99), None),
    // systemd.
    since(Program::Systemd, "systemctl restart docker", ALWAYS, Some("service docker restart")),
    since(Program::Systemd, "systemctl start docker", ALWAYS, Some("service docker start")),
    since(Program::Systemd, "systemctl stop docker", ALWAYS, Some("service docker stop")),
    since(Program::Systemd, "systemctl cat docker", ALWAYS, Some("cat /etc/default/docker /etc/sysconfig/docker")),
    since(Program::Systemd, "systemctl status systemd-udevd", ALWAYS, Some("pgrep -l udevd")),
    since(Program::Systemd, "journalctl -u docker", ALWAYS, Some("tail -n 50 /var/log/upstart/docker.log /var/log/docker")),
    since(Program::Systemd, "journalctl", ALWAYS, Some("tail -n 50 /var/log/syslog /var/log/messages")),
    since(Program::Systemd, "systemctl", ALWAYS, None),
];

/// The newest version of each program that a host can have; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Docker's.
    pub docker: Option<Release>,
    /// util-linux'.
    pub util_linux: Option<Release>,
    /// lvm2 2.02, as (2, last number).
    pub lvm2: Option<Release>,
    /// Whether the host runs systemd.
    pub systemd: Option<bool>,
}

/// A distribution, recognized by the names of its kernels, with the newest versions it ever shipped.
struct Distribution {
    /// Parts that the release string of each of its kernels contains.
    kernel: &'static [&'static str],
    util_linux: Release,
    lvm2: Release,
    systemd: bool,
}

/// Distributions older than some entries of the table; any other excludes nothing.
static OLD: [Distribution; 5] = [
    // Ubuntu 12.04 and 14.04, with upstart; Debian 7; RHEL and CentOS 6; the first Amazon Linux; Ubuntu before 15.04.
    Distribution { kernel: &["3.13.0-", "-generic"], util_linux: (2, 20), lvm2: (2, 98), systemd: false },
    Distribution { kernel: &["3.2.0-"], util_linux: (2, 20), lvm2: (2, 95), systemd: false },
    Distribution { kernel: &[".el6"], util_linux: (2, 17), lvm2: (2, 143), systemd: false },
    Distribution { kernel: &[".amzn1"], util_linux: (2, 23), lvm2: (2, 115), systemd: false },
    Distribution { kernel: &["3.16.0-", "-generic"], util_linux: (2, 25), lvm2: (2, 98), systemd: false },
];

impl Versions {
    /// The versions from a host's facts.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let info = || host.pools.iter().filter_map(|p| p.docker_info.as_ref());
        let kernel =
            host.kernel.release.as_deref().or_else(|| info().find_map(|i| i.kernel_version.as_deref()));
        let holds =
            |d: &&Distribution| kernel.is_some_and(|k| d.kernel.iter().all(|piece| k.contains(piece)));
        let old = OLD.iter().find(holds);
        let files = host.docker_roots.iter().find_map(|d| version(d.version.as_deref()?));
        Self {
            docker: files.or_else(|| info().find_map(docker_of)),
            util_linux: old.map(|d| d.util_linux),
            lvm2: old.map(|d| d.lvm2),
            systemd: old.map(|d| d.systemd),
        }
    }

    /// Whether the version is known to be too old.
    fn lacks(&self, entry: &Since) -> bool {
        let older = |known: Option<Release>| known.is_some_and(|known| known < entry.since);
        match entry.program {
            Program::Docker => older(self.docker),
            Program::UtilLinux => older(self.util_linux),
            Program::Lvm2 => older(self.lvm2),
            Program::Systemd => self.systemd == Some(false),
        }
    }

    /// The entry that excludes a command.
    fn lacking(&self, command: &str) -> Option<&'static Since> {
        TABLE.iter().find(|entry| command.contains(entry.piece) && self.lacks(entry))
    }

    /// The command in a form that works there; `None` if there is none.
    #[must_use]
    pub fn fit(&self, command: &str) -> Option<String> {
        let Some(entry) = self.lacking(command) else { return Some(command.to_owned()) };
        self.fit_older(entry).map(str::to_owned)
    }

    /// [`Self::fit`] for a static command.
    #[must_use]
    pub fn fit_static(&self, command: &'static str) -> Option<&'static str> {
        self.lacking(command).map_or(Some(command), |entry| self.fit_older(entry))
    }

    /// The older command of an entry, followed until one is supported.
    fn fit_older(&self, entry: &'static Since) -> Option<&'static str> {
        let mut command = entry.older?;
        for _ in 0..TABLE.len() {
            let Some(entry) = self.lacking(command) else { return Some(command) };
            command = entry.older?;
        }
        None
    }

    /// Replaces the commands in `advice` by supported ones, each once.
    pub fn fit_advice(&self, advice: &mut Advice) {
        let mut fitting: Vec<String> = Vec::new();
        for command in advice.commands.iter().filter_map(|command| self.fit(command)) {
            if !fitting.contains(&command) {
                fitting.push(command);
            }
        }
        advice.commands = fitting;
    }
}

/// The newest release that can have printed a report: its own version line came with 1.9, decimal units with 1.3.
fn docker_of(info: &DockerInfo) -> Option<Release> {
    if let Some(said) = &info.server_version {
        return version(said);
    }
    // Only in a complete report does a missing line tell the version.
    let whole = info.driver.is_some() && info.kernel_version.is_some();
    if info.binary_units {
        Some((1, 2))
    } else if whole {
        Some((1, 8))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_rules_nothing_out() {
        let today = Versions::default();
        for entry in TABLE {
            assert_eq!(today.fit(entry.piece).as_deref(), Some(entry.piece));
        }
    }

    #[test]
    fn older_commands_exist_in_the_oldest_versions() {
        let oldest = Versions {
            docker: Some((0, 9)),
            util_linux: Some((2, 17)),
            lvm2: Some((2, 88)),
            systemd: Some(false),
        };
        for entry in TABLE {
            let fitting = oldest.fit(entry.piece);
            let too_young = fitting.as_deref().and_then(|command| oldest.lacking(command));
            assert!(too_young.is_none(), "{}: {fitting:?}", entry.piece);
            assert_eq!(fitting.is_none(), entry.older.is_none(), "{}: its older form is lost", entry.piece);
        }
    }

    #[test]
    fn a_version_that_has_it_keeps_it() {
        let docker = |release| Versions { docker: Some(release), ..Versions::default() };
        let exec = "docker exec x df -h /";
        assert_eq!(docker((1, 3)).fit(exec).as_deref(), Some(exec));
        assert_ne!(docker((1, 2)).fit(exec).as_deref(), Some(exec));
        assert_eq!(docker((1, 11)).fit("docker run -d --storage-opt size=20M i"), None);
    }
}

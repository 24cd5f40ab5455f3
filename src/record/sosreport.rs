//! Reads an unpacked sos report: a directory with a machine's command output and copies of its files.
//!
//! The result is an ordinary recording: command output is parsed like pasted text, and files become answers under
//! their original path. The directory is not trusted: no symbolic link is followed, no FIFO or device opened, and
//! only a bounded part of each file is read.
//!
//! The layout is that of sos 3 and 4 (sosreport/sos, sos/report/plugins): output of a command of plug-in P is in
//! `sos_commands/P/`, in a file named after the command, with `_` for characters other than letters, digits, `-` and
//! `.`; the end of output that was too long is in `sos_strings/P/`.

use super::paste::{self, LOG};
use super::probe::dir::Folder;
use super::{LIMIT_FILE, Outcome, Query, Recording, Source, redact};
use nix::errno::Errno;
use std::fmt;
use std::path::Path;

/// Most bytes read of a command's output.
const LIMIT_OUTPUT: u64 = 8 << 20;
/// Most bytes read of one log, and of all together; the newest.
const LIMIT_LOG: u64 = 16 << 20;
/// Most files read of one directory.
const LIMIT_FILES: usize = 200;

/// Why a directory cannot be read as a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleError {
    /// It cannot be opened or listed.
    Refused(Errno),
    /// It is a directory, but not an unpacked sos report.
    Other,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => write!(f, "the directory cannot be read: {}", errno.desc()),
            Self::Other => write!(
                f,
                "a directory, but no unpacked sos report (there is no sos_commands in it): give a recording, a file \
                 with pasted text, or an unpacked sos report"
            ),
        }
    }
}

impl std::error::Error for BundleError {}

/// Reads an unpacked sos report, given its directory or that directory's parent.
///
/// # Errors
///
/// See [`BundleError`]. A missing or unreadable file is not an error; the answer is simply absent.
pub fn read(path: &Path) -> Result<Recording, BundleError> {
    let place = super::probe::dir::open_place(path).map_err(BundleError::Refused)?;
    let given = Folder::new(place);
    let top = if given.has(COMMANDS) { given } else { only_report(&given).ok_or(BundleError::Other)? };
    let mut bundle = Bundle { top, recording: Recording::new(Source::Machine, None) };
    bundle.files();
    bundle.outputs();
    bundle.logs();
    bundle.daemons();
    bundle.record_missing();
    Ok(bundle.recording)
}

const COMMANDS: &str = "sos_commands";

/// The only subdirectory that is an unpacked report, as `tar` leaves it.
fn only_report(given: &Folder) -> Option<Folder> {
    let (names, _) = given.names().ok()?;
    let mut reports = names.iter().filter_map(|n| given.below(n).ok()).filter(|f| f.has(COMMANDS));
    reports.next().filter(|_| reports.next().is_none())
}

/// Settings files of the machine; their secrets are removed.
const SETTINGS: [&str; 7] = [
    "/etc/docker/daemon.json",
    "/etc/default/docker",
    "/etc/sysconfig/docker",
    "/etc/sysconfig/docker-storage",
    "/etc/containerd/config.toml",
    "/etc/lvm/lvm.conf",
    "/etc/lvm/lvmlocal.conf",
];
/// Directories of settings files, and the suffix of the files' names.
const SETTINGS_IN: [(&str, &str); 3] = [
    ("/etc/systemd/system/docker.service.d", ".conf"),
    ("/etc/lvm/profile", ".profile"),
    ("/etc/lvm/backup", ""),
];
/// The kernel's files.
const KERNEL_FILES: [&str; 3] =
    ["/proc/uptime", "/proc/filesystems", "/sys/module/dm_thin_pool/parameters/no_space_timeout"];
/// Candidates for the mount table, best first.
const MOUNTS: [&str; 2] = ["/proc/1/mountinfo", "/proc/self/mountinfo"];

/// Plug-ins and the commands whose output is read: the prefix of the file's name, and the command. All files with a
/// prefix are read, except those that match an earlier prefix.
const OUTPUTS: [(&str, &[(&str, &str)]); 8] = [
    (
        "devicemapper",
        &[
            ("dmsetup_status", "dmsetup status"),
            ("dmsetup_table", "dmsetup table"),
            ("dmsetup_info", "dmsetup info"),
            ("dmsetup_ls", "dmsetup ls --tree"),
            ("dmsetup_deps", "dmsetup deps"),
            ("dmsetup_udevcookies", "dmsetup udevcookies"),
        ],
    ),
    ("lvm2", &[("lvs", "lvs"), ("vgs", "vgs"), ("pvs", "pvs")]),
    (
        "docker",
        &[
            ("docker_info", "docker info"),
            ("docker_ps_-as", "docker ps -as"),
            ("docker_ps_-a", "docker ps -a"),
            ("docker_system_df", "docker system df"),
        ],
    ),
    ("block", &[("losetup", "losetup -a")]),
    ("filesys", &[("df_-ali", "df -i"), ("df_-al", "df"), ("lsof", "lsof")]),
    ("process", &[("lsof", "lsof")]),
    ("sysvipc", &[("ipcs", "ipcs")]),
    ("kernel", &[("uname", "uname -a")]),
];

/// Logs, best first. Of each plug-in only the first existing one is read, because the others repeat it.
const LOGS: [(&str, &[&str]); 4] = [
    ("kernel", &["dmesg"]),
    (
        "logs",
        &["journalctl_--no-pager_--catalog_--boot", "journalctl_--no-pager_--boot", "journalctl_--no-pager"],
    ),
    ("docker", &["journalctl"]),
    ("containerd", &["journalctl"]),
];
/// Log files of the machine, read if the journal was not collected.
const LOG_FILES: [&str; 4] = ["messages", "syslog", "kern.log", "docker"];

struct Bundle {
    top: Folder,
    recording: Recording,
}

impl Bundle {
    /// The text of a copied file by its original path, at most [`LIMIT_FILE`] bytes.
    fn copied(&self, path: &str) -> Option<String> {
        let (folder, name) = path.trim_start_matches('/').rsplit_once('/')?;
        let bytes = self.top.below(folder).ok()?.file(name, LIMIT_FILE as u64).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn push_answer(&mut self, query: Query, target: &str, text: String) {
        self.recording.push(query, target, Outcome::Answered(text));
    }

    fn files(&mut self) {
        for path in KERNEL_FILES {
            if let Some(text) = self.copied(path) {
                self.push_answer(Query::File, path, text);
            }
        }
        if let Some(text) = MOUNTS.iter().find_map(|path| self.copied(path)) {
            self.push_answer(Query::File, "/proc/self/mountinfo", text);
        }
        let mut settings: Vec<String> = SETTINGS.map(str::to_owned).to_vec();
        for (folder, end) in SETTINGS_IN {
            let below = self.top.below(folder.trim_start_matches('/'));
            let names = below.and_then(|f| f.names()).map(|(names, _)| names).unwrap_or_default();
            let fitting = names.iter().filter(|n| n.ends_with(end)).take(LIMIT_FILES);
            settings.extend(fitting.map(|name| format!("{folder}/{name}")));
        }
        for path in settings {
            if let Some(text) = self.copied(&path) {
                let lvms = path.ends_with(".conf") && path.starts_with("/etc/lvm/");
                let kept =
                    if lvms { redact::uncommented(&text) } else { redact::settings(&path, &text).text };
                self.push_answer(Query::File, &path, kept);
                if !lvms {
                    let copy = "only a copy of the file was read, which sos may have changed";
                    self.recording.push(Query::FileDigest, &path, Outcome::NotAsked(copy.to_owned()));
                }
            }
        }
    }

    /// A command's output, or its end if it was too long; truncated output is stored elsewhere.
    fn printed(&self, plugin: &str, name: &str, limit: u64) -> Option<String> {
        let bytes = self.top.below(&format!("{COMMANDS}/{plugin}")).ok()?.end(name, limit).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.trim().is_empty())
    }

    /// The names of a plug-in's output files.
    fn names(&self, plugin: &str) -> Vec<String> {
        let folder = self.top.below(&format!("{COMMANDS}/{plugin}"));
        folder.and_then(|f| f.names()).map(|(names, _)| names).unwrap_or_default()
    }

    fn outputs(&mut self) {
        for (plugin, commands) in OUTPUTS {
            for name in self.names(plugin).iter().take(LIMIT_FILES) {
                let Some((_, command)) = commands.iter().find(|(begin, _)| name.starts_with(begin)) else {
                    continue;
                };
                if let Some(text) = self.printed(plugin, name, LIMIT_OUTPUT) {
                    self.output(command, &text);
                }
            }
        }
        if let Some(text) = self.printed("block", "lsblk", LIMIT_OUTPUT) {
            self.output("lsblk", &text);
        }
    }

    /// Parses output as if it had been pasted below its command; lines outside any report stay together.
    fn output(&mut self, command: &str, text: &str) {
        if command == "uname -a" {
            let words: Vec<&str> = text.split_whitespace().collect();
            if let (Some(system), Some(release)) = (words.first(), words.get(2)) {
                self.push_answer(Query::Uname, "", format!("{system} {release}"));
            }
            return;
        }
        let mut rest = Vec::new();
        for answer in paste::paste(&format!("# {command}\n{text}")).answers {
            match (answer.query, answer.outcome) {
                (Query::PastedLine, Outcome::Answered(line)) if line.starts_with("# ") => {}
                (Query::PastedLine, Outcome::Answered(line)) => rest.push(line),
                (query, outcome) => self.recording.push(query, &answer.target, outcome),
            }
        }
        if !rest.is_empty() {
            self.push_answer(Query::PastedOutput, LOG, rest.join("\n"));
        }
    }

    fn logs(&mut self) {
        let mut journal = false;
        for (plugin, begins) in LOGS {
            let names = self.names(plugin);
            let found = begins.iter().find_map(|begin| names.iter().find(|n| n.starts_with(begin)));
            let text =
                found.and_then(|name| self.printed(plugin, name, LIMIT_LOG)).or_else(|| self.cut(plugin));
            if let Some(text) = text {
                journal |= plugin == "logs";
                let (query, target) =
                    if plugin == "kernel" { (Query::KernelLog, "") } else { (Query::PastedOutput, LOG) };
                self.push_answer(query, target, text);
            }
        }
        for name in LOG_FILES.iter().filter(|_| !journal) {
            let bytes = self.top.below("var/log").and_then(|f| f.end(name, LIMIT_LOG));
            if let Ok(bytes) = bytes {
                self.push_answer(Query::PastedOutput, LOG, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }

    /// The end of a log that was too long: sos stores it elsewhere and leaves a link.
    fn cut(&self, plugin: &str) -> Option<String> {
        let folder = self.top.below(&format!("sos_strings/{plugin}")).ok()?;
        let (names, _) = folder.names().ok()?;
        let log = |n: &&String| n.contains("journalctl") || n.contains("dmesg");
        let bytes = folder.end(names.iter().find(log)?, LIMIT_LOG).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Adds the command lines of Docker's daemon from the process list.
    fn daemons(&mut self) {
        let names = self.names("process");
        let Some(list) = names.iter().find(|n| n.starts_with("ps_aux")) else { return };
        let Some(text) = self.printed("process", list, LIMIT_OUTPUT) else { return };
        let lines: Vec<String> = text.lines().filter_map(daemon).collect();
        self.push_answer(Query::Processes, "dockerd", lines.join("\n"));
    }

    /// Records what the verdict needs and the bundle lacks.
    fn record_missing(&mut self) {
        let has = |query| self.recording.all(query).next().is_some();
        let (status, table, records) = (has(Query::DmStatus), has(Query::DmTable), has(Query::DockerInfo));
        let missing = |what: &str| Outcome::Refused(format!("ENODATA: the bundle does not hold {what}"));
        let list = match status || table {
            true => Outcome::NotAsked("status and table name the devices".to_owned()),
            false => missing("what dmsetup printed"),
        };
        self.recording.push(Query::DmList, "", list);
        if records || self.recording.said(Query::File, "/etc/docker/daemon.json").is_some() {
            let root = self.data_root().unwrap_or_else(|| "/var/lib/docker".to_owned());
            let why = Outcome::NotAsked("a sos report does not hold them".to_owned());
            self.recording.push(Query::DeviceRecords, &format!("{root}/devicemapper/metadata"), why);
        }
    }

    /// Docker's data root, from its report.
    fn data_root(&self) -> Option<String> {
        let reports = self.recording.all(Query::DockerInfo).filter_map(|a| a.outcome.said());
        let mut lines = reports.flat_map(str::lines);
        let root = lines.find_map(|l| l.trim().strip_prefix("Docker Root Dir:"))?.trim();
        root.starts_with('/').then(|| root.to_owned())
    }
}

/// `PID<tab>ARGUMENT…` from a line of `ps aux`, if it is Docker's daemon.
fn daemon(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND…
    let command = words.get(10..)?;
    let name = command.first()?.rsplit('/').next()?;
    let is_daemon = matches!(name, "dockerd" | "dockerd-current" | "dockerd-latest")
        || name == "docker" && command.iter().any(|w| matches!(*w, "daemon" | "-d"));
    let pid = words.get(1).filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()))?;
    is_daemon.then(|| redact::arguments(&format!("{pid}\t{}", command.join("\t"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_among_processes() {
        let line = "root      1234  0.5  1.2 1234567 98765 ?  Ssl  Oct05  12:34 /usr/bin/dockerd -H fd:// --storage-opt dm.fs=xfs";
        assert_eq!(
            daemon(line).as_deref(),
            Some("1234\t/usr/bin/dockerd\t-H\tfd://\t--storage-opt\tdm.fs=xfs")
        );
        assert_eq!(daemon(&line.replace("/usr/bin/dockerd", "vim dockerd")), None);
        assert_eq!(daemon("USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"), None);
        assert_eq!(daemon(""), None);
    }
}

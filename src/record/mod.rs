//! Makes a fixed, read-only set of queries to a machine and keeps the answers verbatim.
//!
//! A [`Recording`] is the only input of everything else: inspecting a live host means recording it first, and pasted
//! text is turned into a recording. This module never interprets an answer, never opens anything for writing, and
//! keeps a refusal or a timeout as an answer of its own.
//!
//! If a well-known tool has a notation for an answer (`dmsetup status`, `dmsetup info`), the answer is kept in it, so
//! that one parser in [`crate::host`] reads both machine and paste.

pub mod collect;
pub mod file_digest;
pub mod format;
pub mod owners;
pub mod paste;
pub mod paths;
pub mod probe;
mod redact;
pub mod sanitize;
pub mod sosreport;

use serde::{Deserialize, Serialize};

/// The format that this program writes. Older ones stay readable; a newer one is rejected with a clear error.
pub const FORMAT: u32 = 1;

/// All answers of a machine, or of a pasted text, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The format of this recording: [`FORMAT`].
    pub version: u32,
    /// The program that made it, e.g. `thinspect 0.1.0`.
    #[serde(default)]
    pub tool: String,
    /// Whether it is from a machine or from pasted text.
    pub source: Source,
    /// Start of the recording, RFC 3339 in UTC; pasted text has none.
    #[serde(default)]
    pub recorded_at: Option<String>,
    /// Queries with their answers; one per line in the file.
    pub answers: Vec<Answer>,
}

/// The source of a recording's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A machine.
    Machine,
    /// Pasted output of tools or daemons.
    Pasted,
}

/// A query and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The kind of query.
    #[serde(rename = "ask")]
    pub query: Query,
    /// The target: a device's name, a path, a command; empty if there is only one.
    #[serde(rename = "of", default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The kinds of query. Each comment gives the notation of the answer, which is verbatim; the text of a file keeps its
/// last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// Version of the device-mapper interface: `4.47.0`.
    DmVersion,
    /// All device-mapper devices, one per line: `253:0 17 NAME`; the middle is the event number or `-`.
    DmList,
    /// A device's table, one target per line, as in `dmsetup table NAME`: `0 209715200 thin-pool 7:1 7:0 …`. For
    /// targets that may contain keys (`crypt` and every type not known to be free of them) the rest is `<redacted>`.
    DmTable,
    /// A device's status, one target per line, as in `dmsetup status --noflush NAME`.
    DmStatus,
    /// A device's state in the notation of `dmsetup info NAME`.
    DmInfo,
    /// The text of a regular file, at most [`LIMIT_FILE`] bytes. In settings the values of secrets are `<redacted>`
    /// (in JSON a string stays a string) and carriage returns at line ends are removed; from `lvm.conf` whole-line
    /// comments are removed. With another root, `/proc/self/mountinfo` is that of process 1.
    File,
    /// `stat(2)`, following links: `mode=100600 size=107374182400 blocks=146104 dev=254:0 ino=7359`; the mode is
    /// octal and includes the file type; a device node adds `rdev=7:0`.
    Stat,
    /// `statvfs(3)`: `block=4096 blocks=3046395 free=2853014 available=2693478 files=786432 files_free=779009`.
    Statfs,
    /// The target of a symbolic link.
    Link,
    /// The names in a directory, one per line, sorted.
    Dir,
    /// Docker's records of all thin devices in a directory, one per line: `HASH {"device_id":15,…}`, the base device
    /// as `base`; `HASH (EACCES)` if one is refused, and a last line `(…)` if some were omitted.
    DeviceRecords,
    /// The backing of the loop device with the target's number (`7:0`), from `LOOP_GET_STATUS64`: `dev=254:0 ino=7359
    /// offset=0 sizelimit=0 flags=4`.
    LoopStatus,
    /// Running processes with the target's name, one per line, pid and arguments separated by tabs:
    /// `PID<tab>ARGUMENT<tab>ARGUMENT…`; empty if there are none. Values of secrets are `<redacted>`.
    Processes,
    /// Standard output of a command. The target is a short name from [`probe::command::COMMANDS`], e.g. `lvs` or `lvs
    /// -o +seg_monitor` for a report in JSON with sizes in bytes.
    Run,
    /// Kernel name, release and machine: `Linux 6.1.0-56-cloud-amd64 x86_64`.
    Uname,
    /// Kernel log lines about device-mapper and storage, as printed by `dmesg`, with their seconds since boot: `[
    /// 12.345678] device-mapper: thin: …`.
    KernelLog,
    /// Pasted: a `docker info` report, its lines without indentation and quoting.
    DockerInfo,
    /// Pasted: a report of LVM's `lvs`, `vgs` or `pvs`. The target is the command; the first line has the headings,
    /// if there were any.
    LvmReport,
    /// Pasted: a report of `df` or `df -i`, which is the target; the first line has the headings, if there were any.
    Df,
    /// Pasted: output of another known tool; the target is the tool.
    #[serde(rename = "output")]
    PastedOutput,
    /// Pasted: any other line, e.g. from a log of a daemon or the kernel.
    #[serde(rename = "line")]
    PastedLine,
    /// Docker's image layers, one JSON object per line: [`owners::Layer`]; the target is the data root. In this
    /// answer and the next seven, a line in parentheses tells what was not read and why.
    DockerLayers,
    /// Layers that Docker mounts for containers, one per line: [`owners::Mount`]; the target is the data root.
    DockerMounts,
    /// Docker's images with their names, one per line: [`owners::Image`]; the target is the data root.
    DockerImages,
    /// Docker's containers, one per line: [`owners::Container`]; the target is the data root.
    DockerContainers,
    /// Docker's BuildKit cache, one entry per line: [`owners::BuildStep`]; the target is `<data
    /// root>/buildkit/snapshots.db`.
    DockerBuildCache,
    /// The thin devices of containerd's devmapper snapshotter, one per line: [`owners::PoolDevice`]; the target is
    /// `<root_path>/<pool_name>.db`.
    ContainerdDevices,
    /// The snapshotter's snapshots, one per line: [`owners::Snapshot`]; the target is `<root_path>/metadata.db`.
    ContainerdSnapshots,
    /// containerd's images, containers and snapshot names, one per line: [`owners::Known`]; the target is `meta.db`.
    ContainerdImages,
    /// The last [`LIMIT_FILE`] bytes of the pool history in the target file: one JSON object per line, as written by
    /// `thinspect watch`. These are earlier observations, not facts of the machine now.
    History,
    /// A pool's own metadata about itself and its thin devices, one per line:
    /// [`crate::record::owners::pool_metadata::Line`]; the target is the number of the metadata device, `7:1`.
    PoolMetadata,
    /// The contents of a block device (`/dev/vdd`) according to `blkid -p -o export`, one `NAME=value` per line;
    /// empty if nothing is recognized, `ambivalent` if several things are.
    Signatures,
    /// The path of a program, searched in the directories from which commands are run: `/usr/sbin/lvcreate`.
    Tool,
    /// The digest of a settings file before its secrets were removed: [`file_digest::FileDigest`]. It accompanies the
    /// file's text.
    FileDigest,
    /// Whether a directory's entries have a type (`d_type`): `entries=12 typed=12`, without `.` and `..`.
    EntryTypes,
    /// Open files that use space or kernel tables invisibly. For each deleted file of at least 1 MiB
    /// `PID<tab>DESCRIPTOR<tab>8:1<tab>INODE<tab>BYTES<tab>PROGRAM<tab>PATH`, the largest first; for each user of
    /// inotify `inotify<tab>USER ID<tab>INSTANCES<tab>WATCHES`; in parentheses what was not inspected.
    OpenFiles,
    /// The number of System V objects: `semaphore_sets=3 semaphores=12 memory_segments=1 queues=0`.
    IpcObjects,
    /// A query of a later version of this program.
    #[serde(other)]
    Unknown,
}

/// Answers queries: the machine, a worker process for it, or a script in a test.
pub trait Responder {
    /// Answers one query. Never fails: a refusal and a timeout are outcomes.
    fn ask(&mut self, query: Query, target: &str) -> Outcome;

    /// Makes a query for many targets in order, stopping after the first timeout: fewer outcomes than targets mean
    /// that the rest was not queried.
    fn ask_each(&mut self, query: Query, target: &[&str]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(target.len());
        for thing in target {
            outcomes.push(self.ask(query, thing));
            if matches!(outcomes.last(), Some(Outcome::TimedOut(_))) {
                break;
            }
        }
        outcomes
    }
}

/// Longest text kept from one file, in bytes: far more than any queried file has, and a limit for a hostile one.
pub const LIMIT_FILE: usize = 1 << 20;

/// The outcome of a query: the answer verbatim, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The answer, verbatim.
    #[serde(rename = "said")]
    Answered(String),
    /// Refused: the errno's name (`ENOENT`), possibly with a hint (`EACCES: run as root`), or `exit 5: …` with a
    /// command's error message.
    Refused(String),
    /// No answer within this many milliseconds.
    #[serde(rename = "silent")]
    TimedOut(u64),
    /// Not queried, with the reason.
    #[serde(rename = "unasked")]
    NotAsked(String),
}

impl Outcome {
    /// The answer's text, if there is one.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Answered(text) => Some(text),
            Self::Refused(_) | Self::TimedOut(_) | Self::NotAsked(_) => None,
        }
    }

    /// The errno's name (or `exit 5`) of a refusal, without the hint.
    #[must_use]
    pub fn errno(&self) -> Option<&str> {
        match self {
            Self::Refused(why) => Some(why.split_once(':').map_or(why.as_str(), |(name, _)| name)),
            Self::Answered(_) | Self::TimedOut(_) | Self::NotAsked(_) => None,
        }
    }

    /// Sanitizes its text.
    fn clean(self) -> Self {
        match self {
            Self::Answered(text) => Self::Answered(sanitize::clean(text)),
            Self::Refused(why) => Self::Refused(sanitize::clean(why)),
            Self::NotAsked(why) => Self::NotAsked(sanitize::clean(why)),
            silent @ Self::TimedOut(_) => silent,
        }
    }

    /// A refusal with an errno.
    pub(crate) fn refused(errno: nix::errno::Errno) -> Self {
        Self::Refused(format!("{errno:?}"))
    }
}

/// A text as kept in a recording.
fn sanitized(text: &str) -> String {
    sanitize::clean(text.to_owned())
}

impl Recording {
    /// An empty recording by this program.
    #[must_use]
    pub fn new(source: Source, recorded_at: Option<String>) -> Self {
        let tool = concat!("thinspect ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { version: FORMAT, tool, source, recorded_at, answers: Vec::new() }
    }

    /// The last outcome of a query, if it was made.
    #[must_use]
    pub fn outcome(&self, query: Query, target: &str) -> Option<&Outcome> {
        self.answers.iter().rev().find(|a| a.query == query && a.target == target).map(|a| &a.outcome)
    }

    /// The text of the last answer to a query, if there is one.
    #[must_use]
    pub fn said(&self, query: Query, target: &str) -> Option<&str> {
        self.outcome(query, target).and_then(Outcome::said)
    }

    /// Every answer to one kind of query, in order.
    pub fn all(&self, query: Query) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(move |a| a.query == query)
    }

    /// Replaces the last answer to the same query, or adds one.
    pub(crate) fn set(&mut self, query: Query, target: &str, outcome: Outcome) {
        match self.answers.iter_mut().rev().find(|a| a.query == query && a.target == target) {
            Some(answer) => answer.outcome = outcome.clean(),
            None => self.push(query, target, outcome),
        }
    }

    /// Adds an answer. Every external string passes [`sanitize::clean`] here.
    pub fn push(&mut self, query: Query, target: &str, outcome: Outcome) {
        let outcome = outcome.clean();
        self.answers.push(Answer { query, target: sanitize::clean(target.to_owned()), outcome });
    }
}

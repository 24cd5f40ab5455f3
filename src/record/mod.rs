//! Asks a machine a fixed, read-only set of questions and keeps the answers word for word.
//!
//! A [`Recording`] is the only input of everything else: inspecting a live host is making a recording and
//! inspecting it, and pasted text becomes the same thing. This module never interprets an answer, never opens
//! anything for writing, and keeps a refusal or a silence as an answer of its own.
//!
//! Where a well-known tool has a notation for an answer (`dmsetup status`, `dmsetup info`), the answer is kept in
//! that notation, so that one reader in [`crate::host`] serves the machine and the paste.

pub mod collect;
pub mod file_digest;
pub mod format;
pub mod owners;
pub mod paste;
pub mod probe;
mod redact;
pub mod sanitize;
pub mod sosreport;

use serde::{Deserialize, Serialize};

/// The format this program writes. Older ones stay readable; a newer one is refused with a sentence.
pub const FORMAT: u32 = 1;

/// Everything a machine (or a pasted text) said, in the order it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The format of this recording: [`FORMAT`].
    pub version: u32,
    /// The program that made it, e.g. `thinspect 0.1.0`.
    #[serde(default)]
    pub tool: String,
    /// Whether a machine was asked or a text was read.
    pub source: Source,
    /// When the questions were asked: RFC 3339, UTC. A pasted text has no time.
    #[serde(default)]
    pub recorded_at: Option<String>,
    /// Question and answer, one a line.
    pub answers: Vec<Answer>,
}

/// Where a recording's answers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A machine was asked.
    Machine,
    /// A person pasted what some tool or daemon printed.
    Pasted,
}

/// One question and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was asked.
    #[serde(rename = "ask")]
    pub query: Query,
    /// Of what it was asked: a device's name, a path, a command; empty where there is only one.
    #[serde(rename = "of", default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// What came back.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The questions there are. The comment of each gives the notation of its answer, word for word what the machine
/// said: the text of a file keeps its last newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// Version of the device-mapper interface: `4.47.0`.
    DmVersion,
    /// All device-mapper devices, one a line: `253:0 17 NAME`; the middle is the event number or `-`.
    DmList,
    /// One device's table, one target a line as `dmsetup table NAME` prints it: `0 209715200 thin-pool 7:1 7:0 …`.
    /// Of targets that may hold keys (`crypt` and every type not known to hold none) the rest is `<redacted>`.
    DmTable,
    /// One device's status, one target a line as `dmsetup status --noflush NAME` prints it.
    DmStatus,
    /// One device's state in the notation of `dmsetup info NAME`.
    DmInfo,
    /// The text of a regular file, at most [`LIMIT_FILE`] bytes of it. In settings the values of secrets are
    /// `<redacted>` (JSON stays JSON: a string for a string) and lines end without carriage return; of `lvm.conf` the
    /// whole-line comments are left out. `/proc/self/mountinfo` is that of process 1 when the files of another root are
    /// read.
    File,
    /// `stat(2)`, links followed: `mode=100600 size=107374182400 blocks=146104 dev=254:0 ino=7359`; the mode is
    /// octal with the type of file, and a device node adds `rdev=7:0`.
    Stat,
    /// `statvfs(3)`: `block=4096 blocks=3046395 free=2853014 available=2693478 files=786432 files_free=779009`.
    Statfs,
    /// Where a symbolic link points.
    Link,
    /// The names in a directory, one a line, sorted.
    Dir,
    /// Docker's record of every thin device in a directory, one a line: `HASH {"device_id":15,…}`, the base device
    /// as `base`; `HASH (EACCES)` where one is refused, and a last line `(…)` where some were left out.
    DeviceRecords,
    /// What the loop device with the number `of` (`7:0`) is bound to, `LOOP_GET_STATUS64`:
    /// `dev=254:0 ino=7359 offset=0 sizelimit=0 flags=4`.
    LoopStatus,
    /// Running programs of one name, one a line, process id and arguments separated by tabs:
    /// `PID<tab>ARGUMENT<tab>ARGUMENT…`; empty when there is none. Values of secrets are `<redacted>`.
    Processes,
    /// Standard output of a command; `of` is a short name from [`probe::command::COMMANDS`], e.g. `lvs` or
    /// `lvs -o +seg_monitor` for a report in JSON with sizes in bytes.
    Run,
    /// Kernel name, release and machine: `Linux 6.1.0-56-cloud-amd64 x86_64`.
    Uname,
    /// The device-mapper and storage lines of the kernel's log as `dmesg` prints them, each with its seconds since
    /// boot: `[   12.345678] device-mapper: thin: …`.
    KernelLog,
    /// Pasted: a `docker info` report, lines as they came, indentation and quoting taken off.
    DockerInfo,
    /// Pasted: a report of LVM's `lvs`, `vgs` or `pvs`; `of` is the command, the first line its headings if it had any.
    LvmReport,
    /// Pasted: a report of `df` or `df -i`; `of` is `df` or `df -i`, the first line its headings if it had any.
    Df,
    /// Pasted: output of another known tool; `of` is the tool.
    #[serde(rename = "output")]
    PastedOutput,
    /// Pasted: any other line, e.g. of a daemon's or the kernel's log.
    #[serde(rename = "line")]
    PastedLine,
    /// Docker's image layers below the data root `of`, one JSON object a line: [`owners::Layer`]. Here and in the
    /// next seven a line in parentheses says what was not read and why.
    DockerLayers,
    /// The layers Docker mounts for containers, one a line: [`owners::Mount`]; `of` is the data root.
    DockerMounts,
    /// Docker's images with their names, one a line: [`owners::Image`]; `of` is the data root.
    DockerImages,
    /// Docker's containers, one a line: [`owners::Container`]; `of` is the data root.
    DockerContainers,
    /// What Docker's BuildKit keeps in its cache, one a line: [`owners::BuildStep`]; `of` is its
    /// `<data root>/buildkit/snapshots.db`.
    DockerBuildCache,
    /// The thin devices of containerd's devmapper snapshotter, one a line: [`owners::PoolDevice`]; `of` is its
    /// `<root_path>/<pool_name>.db`.
    ContainerdDevices,
    /// The snapshots of the same, one a line: [`owners::Snapshot`]; `of` is its `<root_path>/metadata.db`.
    ContainerdSnapshots,
    /// containerd's images, containers and names of snapshots, one a line: [`owners::Known`]; `of` is its `meta.db`.
    ContainerdImages,
    /// The last [`LIMIT_FILE`] bytes of a history of pools, `of` its path: one JSON object a line as `thinspect watch`
    /// writes them. It is no fact of the machine's, but what was seen of it before.
    History,
    /// What a pool's metadata says of itself and of the thin devices, one a line:
    /// [`crate::record::owners::pool_metadata::Line`]; `of` is the number of the device it lies on, `7:1`.
    PoolMetadata,
    /// What the block device `of` (`/dev/vdd`) holds: `blkid -p -o export`, one `NAME=value` a line; empty where it
    /// recognises nothing, `ambivalent` where it recognises several things.
    Signatures,
    /// Where a program stands, looked for in the directories that commands are run from: `/usr/sbin/lvcreate`.
    Tool,
    /// What the settings file `of` was before its secrets were taken out: [`file_digest::FileDigest`]. It stands beside
    /// the file's text.
    FileDigest,
    /// Whether the entries of a directory say what they are (`d_type`): `entries=12 typed=12`, `.` and `..` left out.
    EntryTypes,
    /// What programs hold open that takes space or kernel tables unseen: of each deleted file that takes 1 MiB or more
    /// `PID<tab>DESCRIPTOR<tab>8:1<tab>INODE<tab>BYTES<tab>PROGRAM<tab>PATH`, the largest first; of each user with
    /// inotify instances `inotify<tab>USER ID<tab>INSTANCES<tab>WATCHES`; in parentheses what was not looked at.
    OpenFiles,
    /// System V objects there are: `semaphore_sets=3 semaphores=12 memory_segments=1 queues=0`.
    IpcObjects,
    /// A question of a later version of this program.
    #[serde(other)]
    Unknown,
}

/// Whoever answers questions: the machine, a worker process in front of it, or a script in a test.
pub trait Responder {
    /// Answers one question. It never fails: a refusal and a silence are readings.
    fn ask(&mut self, query: Query, target: &str) -> Outcome;

    /// Asks the same of many things in order, and stops after the first silence: fewer readings than things mean
    /// that the rest was not asked.
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

/// Longest text kept of one file, in bytes: far more than any file asked for has, and a bound on a hostile one.
pub const LIMIT_FILE: usize = 1 << 20;

/// What came back: an answer word for word, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The answer, as it was given.
    #[serde(rename = "said")]
    Answered(String),
    /// Refused: the errno's name (`ENOENT`), where it helps with a sentence (`EACCES: run as root`), or `exit 5: …`
    /// with a command's words.
    Refused(String),
    /// No answer within so many milliseconds.
    #[serde(rename = "silent")]
    TimedOut(u64),
    /// Not asked, and why.
    #[serde(rename = "unasked")]
    NotAsked(String),
}

impl Outcome {
    /// The answer, if there was one.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Answered(text) => Some(text),
            Self::Refused(_) | Self::TimedOut(_) | Self::NotAsked(_) => None,
        }
    }

    /// The errno's name (or `exit 5`) of a refusal, without the sentence.
    #[must_use]
    pub fn errno(&self) -> Option<&str> {
        match self {
            Self::Refused(why) => Some(why.split_once(':').map_or(why.as_str(), |(name, _)| name)),
            Self::Answered(_) | Self::TimedOut(_) | Self::NotAsked(_) => None,
        }
    }

    /// With its text sanitized.
    fn clean(self) -> Self {
        match self {
            Self::Answered(text) => Self::Answered(sanitize::clean(text)),
            Self::Refused(why) => Self::Refused(sanitize::clean(why)),
            Self::NotAsked(why) => Self::NotAsked(sanitize::clean(why)),
            silent @ Self::TimedOut(_) => silent,
        }
    }

    /// A refusal by the system.
    pub(crate) fn refused(errno: nix::errno::Errno) -> Self {
        Self::Refused(format!("{errno:?}"))
    }
}

/// A text as it is kept in a recording.
fn sanitized(text: &str) -> String {
    sanitize::clean(text.to_owned())
}

impl Recording {
    /// An empty recording made by this program.
    #[must_use]
    pub fn new(source: Source, recorded_at: Option<String>) -> Self {
        let tool = concat!("thinspect ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { version: FORMAT, tool, source, recorded_at, answers: Vec::new() }
    }

    /// The last answer to a question, if it was asked.
    #[must_use]
    pub fn outcome(&self, query: Query, target: &str) -> Option<&Outcome> {
        self.answers.iter().rev().find(|a| a.query == query && a.target == target).map(|a| &a.outcome)
    }

    /// The text of an answer, if the question was asked and answered.
    #[must_use]
    pub fn said(&self, query: Query, target: &str) -> Option<&str> {
        self.outcome(query, target).and_then(Outcome::said)
    }

    /// Every answer to one kind of question, in the order asked.
    pub fn all(&self, query: Query) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(move |a| a.query == query)
    }

    /// Puts an answer in the place of the last one to the same question, or adds it.
    pub(crate) fn set(&mut self, query: Query, target: &str, outcome: Outcome) {
        match self.answers.iter_mut().rev().find(|a| a.query == query && a.target == target) {
            Some(answer) => answer.outcome = outcome.clean(),
            None => self.push(query, target, outcome),
        }
    }

    /// Adds an answer; every word from outside passes [`sanitize::clean`] here.
    pub fn push(&mut self, query: Query, target: &str, outcome: Outcome) {
        let outcome = outcome.clean();
        self.answers.push(Answer { query, target: sanitize::clean(target.to_owned()), outcome });
    }
}

//! The fixed set of queries about a machine's thin pools, and their order.
//!
//! An answer only decides what to query next (which device is below, where Docker keeps its data); [`crate::host`]
//! interprets it. A refusal or a timeout is recorded and never stops the collection.
//!
//! Order: first device-mapper. All tables, which can be read even when a pool's metadata is stuck and which identify
//! the pools; then the status of the pools, then of their thin devices. Then the devices under the pools, Docker,
//! containerd, LVM. Slow queries (LVM's tools) come last.

mod block_stack;
mod device_owners;
mod disks;
mod dm_devices;
mod docker;
mod limits;
mod lvm;
pub mod refresh;

use super::owners::pool_metadata;
use super::probe::Machine;
use super::probe::worker::Worker;
use super::{Outcome, Query, Recording, Responder, Source, file_digest, redact};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options for making a recording.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Start of the recording, RFC 3339; see [`now`].
    pub recorded_at: Option<String>,
    /// Whether commands may be run (`lvs`, `vgs`, `pvs`, `dockerd --version`).
    pub commands: bool,
    /// Whether to query the owners of thin devices in full: layers, images, snapshots. This reads many files.
    pub owners: bool,
    /// Reads a pool's metadata; `None` leaves it out.
    pub read_metadata: Option<pool_metadata::Read>,
    /// Whether to query other disks, volume groups and tools, as possible targets for a pool.
    pub disks: bool,
    /// An explicitly named disk, by any of its paths; queried even if its kind is normally skipped.
    pub disk: Option<String>,
}

/// Records this machine, with its filesystem at `root`. Each query waits at most `limit`; commands have their own
/// limits. The calling process should be single-threaded.
#[must_use]
pub fn this_machine(root: PathBuf, limit: Duration) -> Recording {
    let options = Options { recorded_at: Some(now()), commands: true, ..Options::default() };
    this_machine_as(root, limit, &options)
}

/// [`this_machine`] with options.
#[must_use]
pub fn this_machine_as(root: PathBuf, limit: Duration, options: &Options) -> Recording {
    let read = options.read_metadata;
    let mut worker = Worker::new(limit, move || {
        Box::new(Machine::new(root.clone()).patient(limit).reading_metadata(read))
    });
    record(&mut worker, options)
}

/// The history in a file, as an answer; a refusal or timeout if it cannot be read in time.
#[must_use]
pub fn history(path: &Path, limit: Duration) -> Outcome {
    let Some(path) = path.to_str() else {
        return Outcome::Refused("EILSEQ: its path is no valid text".to_owned());
    };
    Worker::new(limit, || Box::new(Machine::new("/".into()))).ask(Query::History, path)
}

/// The current time, RFC 3339 in UTC with whole seconds: `2026-11-22T02:20:16Z`.
#[must_use]
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// The current time, RFC 3339 in UTC with milliseconds: `2026-11-22T02:20:16.250Z`.
#[must_use]
pub fn now_exactly() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now).to_string()
}

/// Makes every query and keeps every answer.
#[must_use]
pub fn record(respondent: &mut dyn Responder, options: &Options) -> Recording {
    let mut collector = Collector {
        respondent,
        recording: Recording::new(Source::Machine, options.recorded_at.clone()),
        asked: HashMap::new(),
        commands: options.commands,
    };
    collector.ask(Query::Uname, "");
    collector.ask(Query::File, "/proc/uptime");
    let devices = dm_devices::ask(&mut collector);
    let mounts = collector.ask(Query::File, "/proc/self/mountinfo").unwrap_or_default();
    dm_devices::ask_filesystems(&mut collector, &devices, &mounts);
    collector.ask(Query::File, "/sys/module/dm_thin_pool/parameters/no_space_timeout");
    let below: Vec<&str> = devices.pools.iter().flat_map(|p| &p.carried_by).map(String::as_str).collect();
    let carriers = block_stack::ask(&mut collector, &below, &devices);
    collector.ask(Query::Statfs, "/");
    collector.ask(Query::Statfs, "/run");
    docker::ask(&mut collector);
    docker::ask_containerd(&mut collector);
    limits::ask(&mut collector, &mounts);
    device_owners::ask_devices(&mut collector);
    if options.owners {
        device_owners::ask(&mut collector);
    }
    // After the records of the same devices, so that a device created in between is not taken for a lost one.
    dm_devices::ask_metadata(&mut collector, &devices);
    collector.ask(Query::KernelLog, "");
    lvm::ask(&mut collector, &devices, &carriers, options.disks);
    if options.disks {
        disks::ask(&mut collector, options.disk.as_deref());
    }
    collector.recording
}

/// A recording in progress.
struct Collector<'a> {
    respondent: &'a mut dyn Responder,
    recording: Recording,
    /// Index of the answer to each query, so that nothing is queried twice.
    asked: HashMap<(Query, String), usize>,
    commands: bool,
}

impl Collector<'_> {
    /// Makes a query, keeps the outcome, and returns the answer's text.
    fn ask(&mut self, query: Query, target: &str) -> Option<String> {
        if !self.asked.contains_key(&(query, target.to_owned())) {
            let outcome = self.respondent.ask(query, target);
            self.keep(query, target, outcome);
        }
        self.said(query, target)
    }

    /// Makes a query for many targets, continuing after a timeout.
    fn ask_all(&mut self, query: Query, target: &[&str]) {
        let mut rest = target;
        while !rest.is_empty() {
            let answered = self.ask_until_silent(query, rest);
            rest = rest.get(answered.max(1)..).unwrap_or_default();
        }
    }

    /// Makes a query for many targets, stopping after a timeout; returns how many were queried.
    fn ask_until_silent(&mut self, query: Query, target: &[&str]) -> usize {
        let outcomes = self.respondent.ask_each(query, target);
        let answered = outcomes.len();
        for (target, outcome) in target.iter().zip(outcomes) {
            self.keep(query, target, outcome);
        }
        answered
    }

    /// Queries a settings file and its digest. The recording keeps it without secrets, but the full text is returned,
    /// because it may name a path to query.
    fn settings(&mut self, path: &str) -> Option<String> {
        let outcome = self.respondent.ask(Query::File, path);
        let Outcome::Answered(text) = outcome else {
            self.keep(Query::File, path, outcome);
            return None;
        };
        let kept = redact::settings(path, &text);
        let digest = file_digest::answer(&text, &kept);
        self.keep(Query::File, path, Outcome::Answered(kept.text));
        self.keep(Query::FileDigest, path, digest);
        Some(text)
    }

    /// Records why a query was not made.
    fn leave(&mut self, query: Query, target: &str, why: &str) {
        self.keep(query, target, Outcome::NotAsked(why.to_owned()));
    }

    fn keep(&mut self, query: Query, target: &str, outcome: Outcome) {
        self.asked.insert((query, target.to_owned()), self.recording.answers.len());
        self.recording.push(query, target, outcome);
    }

    fn outcome(&self, query: Query, target: &str) -> Option<&Outcome> {
        let place = self.asked.get(&(query, target.to_owned()))?;
        self.recording.answers.get(*place).map(|a| &a.outcome)
    }

    fn said(&self, query: Query, target: &str) -> Option<String> {
        self.outcome(query, target).and_then(Outcome::said).map(str::to_owned)
    }

    fn is_silent(&self, query: Query, target: &str) -> bool {
        matches!(self.outcome(query, target), Some(Outcome::TimedOut(_)))
    }

    /// Whether the target may exist: false only if the machine reported that it does not.
    fn may_exist(&self, query: Query, target: &str) -> bool {
        self.outcome(query, target).is_some_and(|r| !matches!(r.errno(), Some("ENOENT" | "ENOTDIR")))
    }
}

/// Whether a word is a device number, `253:0`; only such words become part of a path.
fn is_number(word: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.len() <= 10 && s.bytes().all(|b| b.is_ascii_digit());
    word.split_once(':').is_some_and(|(major, minor)| digits(major) && digits(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers_in_time() {
        let recording = this_machine("/".into(), Duration::from_secs(1));
        assert!(recording.said(Query::Uname, "").is_some());
        assert!(recording.said(Query::File, "/proc/self/mountinfo").is_some());
        assert!(recording.outcome(Query::DmList, "").is_some());
        let mut bytes = Vec::new();
        recording.write(&mut bytes).unwrap();
        assert_eq!(crate::record::format::load(&bytes), Ok(recording));
    }

    #[test]
    fn the_time_is_written_short() {
        let now = now();
        assert!(now.len() == "2026-11-22T02:20:16Z".len() && now.ends_with('Z'), "{now}");
    }

    #[test]
    fn numbers_of_devices() {
        assert!(is_number("253:0"));
        for word in ["", ":", "1:", "1:x", "../1:1", "1:1/..", "+1:1", "12345678901:1"] {
            assert!(!is_number(word), "{word}");
        }
    }
}

//! The fixed set of questions about a machine's thin pools, and their order.
//!
//! An answer decides only what to ask next (which device lies below, where Docker keeps its data); what it
//! means is for [`crate::host`]. A refusal or a silence is kept and never ends the asking.
//!
//! First device-mapper: all tables, which are safe to ask for even when a pool's metadata is stuck and which
//! tell the pools; then the pools' states, then those of their thin devices. Then what carries the pools,
//! Docker, containerd, LVM. What may take long (LVM's tools) comes last.

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

/// How to make a recording.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// When the questions are asked, RFC 3339; [`now`] tells.
    pub recorded_at: Option<String>,
    /// Whether commands may be run at all (`lvs`, `vgs`, `pvs`, `dockerd --version`).
    pub commands: bool,
    /// Whether to ask in full who the thin devices belong to: layers, images, snapshots. It reads many files.
    pub owners: bool,
    /// Reads what a pool's metadata says of itself; without a reader that is not known.
    pub read_metadata: Option<pool_metadata::Read>,
    /// Whether to ask what other disks and volume groups there are, and which tools: where a pool could move to.
    pub disks: bool,
    /// A disk that is meant, by any of its paths: it is asked about even where the others would be left alone.
    pub disk: Option<String>,
}

/// Records the machine this process runs on, whose files stand below `root`; each question waits at most
/// `limit` (commands have limits of their own). The caller should have one thread.
#[must_use]
pub fn this_machine(root: PathBuf, limit: Duration) -> Recording {
    let options = Options { recorded_at: Some(now()), commands: true, ..Options::default() };
    this_machine_as(root, limit, &options)
}

/// Asks every question, with options.
#[must_use]
pub fn this_machine_as(root: PathBuf, limit: Duration, options: &Options) -> Recording {
    let read = options.read_metadata;
    let mut worker = Worker::new(limit, move || {
        Box::new(Machine::new(root.clone()).patient(limit).reading_metadata(read))
    });
    record(&mut worker, options)
}

/// The history that somebody keeps in a file, as an answer: what stands there, or why it cannot be read in time.
#[must_use]
pub fn history(path: &Path, limit: Duration) -> Outcome {
    let Some(path) = path.to_str() else {
        return Outcome::Refused("EILSEQ: its path is no valid text".to_owned());
    };
    Worker::new(limit, || Box::new(Machine::new("/".into()))).ask(Query::History, path)
}

/// The time now, RFC 3339 in UTC with whole seconds: `2026-11-22T02:20:16Z`.
#[must_use]
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

/// The time now, RFC 3339 in UTC with milliseconds: `2026-11-22T02:20:16.250Z`.
#[must_use]
pub fn now_exactly() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now).to_string()
}

/// Asks every question and keeps every answer.
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
    // After the records of the same devices: `host::census` says why.
    dm_devices::ask_metadata(&mut collector, &devices);
    collector.ask(Query::KernelLog, "");
    lvm::ask(&mut collector, &devices, &carriers, options.disks);
    if options.disks {
        disks::ask(&mut collector, options.disk.as_deref());
    }
    collector.recording
}

/// A recording under way.
struct Collector<'a> {
    respondent: &'a mut dyn Responder,
    recording: Recording,
    /// Where in the recording the answer to each question stands: nothing is asked twice.
    asked: HashMap<(Query, String), usize>,
    commands: bool,
}

impl Collector<'_> {
    /// Asks, keeps the reading, and returns what was said.
    fn ask(&mut self, query: Query, target: &str) -> Option<String> {
        if !self.asked.contains_key(&(query, target.to_owned())) {
            let outcome = self.respondent.ask(query, target);
            self.keep(query, target, outcome);
        }
        self.said(query, target)
    }

    /// Asks the same of many, and goes on after a silence.
    fn ask_all(&mut self, query: Query, target: &[&str]) {
        let mut rest = target;
        while !rest.is_empty() {
            let answered = self.ask_until_silent(query, rest);
            rest = rest.get(answered.max(1)..).unwrap_or_default();
        }
    }

    /// Asks the same of many, and stops after a silence; returns how many were asked.
    fn ask_until_silent(&mut self, query: Query, target: &[&str]) -> usize {
        let outcomes = self.respondent.ask_each(query, target);
        let answered = outcomes.len();
        for (target, outcome) in target.iter().zip(outcomes) {
            self.keep(query, target, outcome);
        }
        answered
    }

    /// Asks for the text of settings, and notes what file that was; secrets are not kept, but returned: they may name a
    /// place to look.
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

    /// Says of a question why it was not asked.
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

    /// Whether there may be something: it is not so only if the machine said that there is nothing.
    fn may_exist(&self, query: Query, target: &str) -> bool {
        self.outcome(query, target).is_some_and(|r| !matches!(r.errno(), Some("ENOENT" | "ENOTDIR")))
    }
}

/// Whether a word is a device number, `253:0`: only such a word may become part of a path.
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

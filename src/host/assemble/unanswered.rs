//! Notes about queries that failed or timed out, and about text that was not understood.
//!
//! Decides which gaps can hide a problem; with such a gap the verdict cannot be `ok`.

use super::dm_devices::Device;
use crate::host::dm::info;
use crate::host::dm::table::target;
use crate::host::docker::Docker;
use crate::host::log;
use crate::host::model::note::Note;
use crate::host::{DeviceMapper, Host};
use crate::record::paste::LEFT_OUT;
use crate::record::{Answer, Outcome, Query, Recording, Source};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Notes about queries without a usable answer.
pub(in crate::host) fn unanswered(
    recording: &Recording,
    host: &Host,
    devices: &BTreeMap<Cow<'_, str>, Device<'_>>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    for answer in &recording.answers {
        if is_without_pools(host, answer) {
            continue;
        }
        let of_pool = devices.get(answer.target.as_str()).is_some_and(|d| d.kind() == Some("thin-pool"));
        if let Some((text, forces_unknown)) = gap(answer.query, &answer.outcome, of_pool) {
            notes.push(Note { about: about(answer.query, &answer.target), text, forces_unknown });
        }
    }
    notes
}

/// Whether the answer only shows that the kernel has no device-mapper, on a host where no engine expects a pool. That
/// is a fact, not a gap.
fn is_without_pools(host: &Host, answer: &Answer) -> bool {
    let driver = |d: &Docker| d.driver.as_deref().is_none_or(|name| name == "devicemapper");
    let expected = host.docker_roots.iter().any(driver) || !host.containerd_configs.is_empty();
    matches!(answer.query, Query::DmVersion | Query::DmList)
        && host.kernel.device_mapper == DeviceMapper::Missing
        && answer.outcome.errno() == Some("ENOENT")
        && !expected
}

/// A note if the list of devices was not queried: then other pools may exist.
pub(in crate::host) fn never_asked(recording: &Recording, host: &Host) -> Option<Note> {
    if recording.source != Source::Machine {
        return None;
    }
    let why = match recording.outcome(Query::DmList, "") {
        None => "nobody asked which devices there are",
        Some(Outcome::NotAsked(_)) if host.pools.is_empty() => "it was not asked which devices there are",
        _ => return None,
    };
    Some(Note { about: about(Query::DmList, ""), text: why.to_owned(), forces_unknown: true })
}

/// Why an answer is missing, and whether that can hide a problem; `None` if there is nothing to report.
fn gap(query: Query, outcome: &Outcome, of_pool: bool) -> Option<(String, bool)> {
    let device = matches!(query, Query::DmStatus | Query::DmTable | Query::DmInfo);
    let root = matches!(query, Query::DmVersion | Query::DmList);
    match outcome {
        Outcome::Answered(text) if of_pool && device && !is_understood(query, text) => {
            Some((format!("an answer that was not understood: {:?}", text.trim()), true))
        }
        Outcome::Answered(_) => None,
        // Only plans need it, and they report it themselves.
        _ if query == Query::FileDigest => None,
        // Reported by `never_asked`.
        Outcome::NotAsked(_) if query == Query::DmList => None,
        Outcome::TimedOut(ms) => Some((format!("no answer within {ms} ms"), root || device)),
        // The user named this file: its absence is reported, but no pool's verdict depends on it.
        Outcome::Refused(why) if query == Query::History && why == "ENOENT" => {
            Some(("there is no such file; `thinspect watch --log FILE` keeps one".to_owned(), false))
        }
        Outcome::Refused(why) if query == Query::History => Some((format!("not read: {why}"), false)),
        // A device that was removed between two queries.
        Outcome::Refused(why) if why.starts_with("ENXIO") && device => {
            Some(("gone between two questions".to_owned(), of_pool))
        }
        Outcome::Refused(why) if !device && (why.starts_with("ENOENT") || why.starts_with("ENOTDIR")) => {
            root.then(|| (why.clone(), true))
        }
        Outcome::Refused(why) => {
            Some((format!("refused: {why}"), root || device || matches!(query, Query::Statfs)))
        }
        Outcome::NotAsked(why) => Some((format!("not asked: {why}"), of_pool)),
    }
}

/// Whether an answer about a pool can be parsed.
fn is_understood(query: Query, text: &str) -> bool {
    match query {
        Query::DmInfo => info::read(text).suspended.is_some(),
        _ => text.lines().any(|line| target(line).is_some_and(|t| t.kind == "thin-pool")),
    }
}

fn about(query: Query, target: &str) -> String {
    let what = match query {
        Query::DmVersion => "device-mapper",
        Query::DmList => "list of devices",
        Query::DmTable => "table of",
        Query::DmStatus => "status of",
        Query::DmInfo => "info of",
        Query::Statfs => "filesystem of",
        Query::LoopStatus => "loop device",
        Query::Processes => "processes named",
        Query::DeviceRecords => "records in",
        Query::Run => "command",
        Query::History => "history",
        Query::OpenFiles => "deleted files that are held open",
        Query::IpcObjects => "semaphores and shared memory",
        _ => "",
    };
    format!("{what} {target}").trim().to_owned()
}

/// Notes about text that no parser understood.
pub(in crate::host) fn not_understood(
    recording: &Recording,
    host: &Host,
    devices: &BTreeMap<Cow<'_, str>, Device<'_>>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    for pool in host.pools.iter().filter(|p| !p.unrecognized.is_empty()) {
        let text =
            format!("words of its status line that were not understood: {}", pool.unrecognized.join(" "));
        notes.push(Note { about: format!("status of {}", pool.label()), text, forces_unknown: true });
    }
    for device in devices.values().filter(|d| d.kind().is_none()) {
        if let Some(Outcome::Answered(text)) = device.status.or(device.table)
            && !text.trim().is_empty()
        {
            let text = format!("not understood: {}", text.trim());
            notes.push(Note { about: format!("device {}", device.name), text, forces_unknown: false });
        }
    }
    if host.history.foreign > 0 {
        let text = format!("{} lines that are no samples were left out", host.history.foreign);
        notes.push(Note { about: "history".to_owned(), text, forces_unknown: false });
    }
    let unseen = recording.said(Query::OpenFiles, "").unwrap_or_default();
    for line in unseen.lines().filter(|line| line.starts_with('(')) {
        let text = line.trim_matches(['(', ')']).to_owned();
        notes.push(Note { about: about(Query::OpenFiles, ""), text, forces_unknown: false });
    }
    let left_out =
        recording.all(Query::PastedOutput).filter(|a| a.target == LEFT_OUT).filter_map(|a| a.outcome.said());
    for text in left_out {
        notes.push(Note { about: "pasted text".to_owned(), text: text.to_owned(), forces_unknown: true });
    }
    let lines: Vec<&str> = recording.all(Query::PastedLine).filter_map(|a| a.outcome.said()).collect();
    let strange = lines.iter().filter(|l| !is_prompt(l) && log::read(l).is_empty());
    for line in strange {
        notes.push(Note {
            about: "pasted line".to_owned(),
            text: format!("not understood: {}", excerpt(line)),
            forces_unknown: false,
        });
    }
    notes
}

/// The beginning of a line, at most 1000 characters.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 1000;
    let line = line.trim();
    let mut chars = line.char_indices().skip(LONGEST);
    match chars.next() {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Whether a line is blank or a shell prompt with a command.
fn is_prompt(line: &str) -> bool {
    let line = line.trim();
    let marks = ["$ ", "# ", "> ", "+ "];
    let host =
        line.split_once(['#', '$']).is_some_and(|(before, _)| before.contains('@') && !before.contains(": "));
    line.is_empty() || matches!(line, "$" | "#") || host || marks.iter().any(|m| line.starts_with(m))
}

//! What was refused, silent or not understood, as a person should hear of it.
//!
//! It decides which gaps can hide trouble: with such a one the verdict cannot be `ok`.

use super::Host;
use super::device::Device;
use super::oddity::Oddity;
use super::table::target;
use super::{dm_info, log};
use crate::record::paste::LEFT_OUT;
use crate::record::{Ask, Reading, Recording};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Questions without an answer, as a person should hear of them.
pub(super) fn unanswered(recording: &Recording, devices: &BTreeMap<Cow<'_, str>, Device<'_>>) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    for answer in &recording.answers {
        let of_pool = devices.get(answer.of.as_str()).is_some_and(|d| d.kind() == Some("thin-pool"));
        if let Some((text, blocks_ok)) = gap(answer.ask, &answer.reading, of_pool) {
            oddities.push(Oddity { about: about(answer.ask, &answer.of), text, blocks_ok });
        }
    }
    oddities
}

/// Why an answer is missing and whether that hides trouble; `None` where nothing is amiss.
fn gap(ask: Ask, reading: &Reading, of_pool: bool) -> Option<(String, bool)> {
    let device = matches!(ask, Ask::DmStatus | Ask::DmTable | Ask::DmInfo);
    let root = matches!(ask, Ask::DmVersion | Ask::DmList);
    match reading {
        Reading::Said(text) if of_pool && device && !speaks(ask, text) => {
            Some((format!("an answer that was not understood: {:?}", text.trim()), true))
        }
        Reading::Said(_) => None,
        Reading::Silent(ms) => Some((format!("no answer within {ms} ms"), root || device)),
        // It was named by a person: that it is not there is news, but of no pool.
        Reading::Refused(why) if ask == Ask::History && why == "ENOENT" => {
            Some(("there is no such file; `thinspect watch --log FILE` keeps one".to_owned(), false))
        }
        Reading::Refused(why) if ask == Ask::History => Some((format!("not read: {why}"), false)),
        // A device that went away between two questions, a file that need not exist: no news.
        Reading::Refused(why) if why.starts_with("ENXIO") && device => {
            Some(("gone between two questions".to_owned(), of_pool))
        }
        Reading::Refused(why) if !device && (why.starts_with("ENOENT") || why.starts_with("ENOTDIR")) => {
            root.then(|| (why.clone(), true))
        }
        Reading::Refused(why) => {
            Some((format!("refused: {why}"), root || device || matches!(ask, Ask::Statfs)))
        }
        Reading::Unasked(why) => Some((format!("not asked: {why}"), of_pool)),
    }
}

/// Whether an answer about a pool can be read at all.
fn speaks(ask: Ask, text: &str) -> bool {
    match ask {
        Ask::DmInfo => dm_info::read(text).suspended.is_some(),
        _ => text.lines().any(|line| target(line).is_some_and(|t| t.kind == "thin-pool")),
    }
}

fn about(ask: Ask, of: &str) -> String {
    let what = match ask {
        Ask::DmVersion => "device-mapper",
        Ask::DmList => "list of devices",
        Ask::DmTable => "table of",
        Ask::DmStatus => "status of",
        Ask::DmInfo => "info of",
        Ask::Statfs => "filesystem of",
        Ask::LoopStatus => "loop device",
        Ask::Processes => "processes named",
        Ask::DeviceRecords => "records in",
        Ask::Run => "command",
        Ask::History => "history",
        _ => "",
    };
    format!("{what} {of}").trim().to_owned()
}

/// Pasted words that no reader took.
pub(super) fn not_understood(
    recording: &Recording,
    host: &Host,
    devices: &BTreeMap<Cow<'_, str>, Device<'_>>,
) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    for pool in host.pools.iter().filter(|p| !p.leftovers.is_empty()) {
        let text = format!("words of its status line that were not understood: {}", pool.leftovers.join(" "));
        oddities.push(Oddity { about: format!("status of {}", pool.label()), text, blocks_ok: true });
    }
    for device in devices.values().filter(|d| d.kind().is_none()) {
        if let Some(Reading::Said(text)) = device.status.or(device.table)
            && !text.trim().is_empty()
        {
            let text = format!("not understood: {}", text.trim());
            oddities.push(Oddity { about: format!("device {}", device.name), text, blocks_ok: false });
        }
    }
    if host.history.foreign > 0 {
        let text = format!("{} lines that are no samples were left out", host.history.foreign);
        oddities.push(Oddity { about: "history".to_owned(), text, blocks_ok: false });
    }
    let left_out = recording.all(Ask::Output).filter(|a| a.of == LEFT_OUT).filter_map(|a| a.reading.said());
    for text in left_out {
        oddities.push(Oddity { about: "pasted text".to_owned(), text: text.to_owned(), blocks_ok: true });
    }
    let lines: Vec<&str> = recording.all(Ask::Line).filter_map(|a| a.reading.said()).collect();
    let strange = lines.iter().filter(|l| !is_prompt(l) && log::read(l).is_empty());
    for line in strange {
        oddities.push(Oddity {
            about: "pasted line".to_owned(),
            text: format!("not understood: {}", excerpt(line)),
            blocks_ok: false,
        });
    }
    oddities
}

/// The beginning of a line: the rest of an endless one is not worth a page.
fn excerpt(line: &str) -> String {
    const LONGEST: usize = 1000;
    let line = line.trim();
    let mut chars = line.char_indices().skip(LONGEST);
    match chars.next() {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// A blank line, or a shell's prompt with what was typed there: nothing that anybody said.
fn is_prompt(line: &str) -> bool {
    let line = line.trim();
    let marks = ["$ ", "# ", "> ", "+ "];
    let host =
        line.split_once(['#', '$']).is_some_and(|(before, _)| before.contains('@') && !before.contains(": "));
    line.is_empty() || matches!(line, "$" | "#") || host || marks.iter().any(|m| line.starts_with(m))
}

//! Asks again what moves of a machine that was recorded before: the states of its pools, the space under them.
//!
//! Every other answer stays as it was. It refuses to patch: where a pool came, went or was loaded anew there is
//! nothing to go on from, and everything has to be asked.

use super::devices::listed;
use super::now_exactly;
use crate::record::{Ask, Reading, Recording, Respondent};
use std::collections::{HashMap, HashSet};

/// What came of asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Every answer is word for word what it was, except for the time.
    Same(String),
    /// The same pools, some of them moved.
    Moved(Box<Recording>),
    /// Pools came, went or were loaded anew: record everything.
    Other,
}

/// How to ask again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Something happened: the kernel may have said why in its log.
    pub woken: bool,
    /// A process is still waiting for a pool that was silent: do not send another after it.
    pub spare_silent: bool,
}

/// Asks again what moves.
pub fn again(respondent: &mut dyn Respondent, before: &Recording, options: Options) -> Again {
    let mut asking = Asking { respondent, before: index(before), moved: Vec::new() };
    let recorded_at = now_exactly();
    let Some(devices) = asking.devices() else { return Again::Other };
    let Some(pools) = asking.pools(&devices) else { return Again::Other };
    for pool in &pools {
        asking.ask(Ask::DmInfo, pool);
        let silent = matches!(asking.before(Ask::DmStatus, pool), Some(Reading::Silent(_)));
        if !(silent && options.spare_silent) {
            asking.ask(Ask::DmStatus, pool);
        }
    }
    for path in space(before) {
        asking.ask_again(Ask::Stat, path);
        asking.ask_again(Ask::Statfs, path);
    }
    if options.woken {
        asking.ask(Ask::KernelLog, "");
    }
    let moved = asking.moved;
    if moved.is_empty() {
        return Again::Same(recorded_at);
    }
    let mut recording = before.clone();
    recording.recorded_at = Some(recorded_at);
    let gone = |of: &str| !devices.contains(of);
    recording.answers.retain(|a| !is_of_device(a.ask) || !gone(&a.of));
    for (ask, of, reading) in moved {
        recording.set(ask, &of, reading);
    }
    Again::Moved(Box::new(recording))
}

const fn is_of_device(ask: Ask) -> bool {
    matches!(ask, Ask::DmTable | Ask::DmStatus | Ask::DmInfo)
}

/// The last answer to each question.
fn index(recording: &Recording) -> HashMap<(Ask, &str), &Reading> {
    recording.answers.iter().map(|a| ((a.ask, a.of.as_str()), &a.reading)).collect()
}

/// Where space is asked for: the loop files, the root, `/run`.
fn space(recording: &Recording) -> Vec<&str> {
    let files = recording.all(Ask::File).filter(|a| a.of.ends_with("/loop/backing_file"));
    let files = files.filter_map(|a| a.reading.said()).map(|text| text.strip_suffix('\n').unwrap_or(text));
    let asked = |path: &&str| recording.said(Ask::Statfs, path).is_some();
    let mut paths: Vec<&str> = files.chain(["/", "/run"]).filter(asked).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

struct Asking<'a> {
    respondent: &'a mut dyn Respondent,
    before: HashMap<(Ask, &'a str), &'a Reading>,
    moved: Vec<(Ask, String, Reading)>,
}

impl Asking<'_> {
    fn before(&self, ask: Ask, of: &str) -> Option<&Reading> {
        self.before.get(&(ask, of)).copied()
    }

    /// Asks, and keeps the answer if it is another than before.
    fn ask(&mut self, ask: Ask, of: &str) -> Reading {
        let reading = self.respondent.ask(ask, of).clean();
        if self.before(ask, of) != Some(&reading) {
            self.moved.push((ask, of.to_owned(), reading.clone()));
        }
        reading
    }

    /// Asks what was asked before.
    fn ask_again(&mut self, ask: Ask, of: &str) {
        if self.before(ask, of).is_some() {
            self.ask(ask, of);
        }
    }

    /// The names of all devices; `None` where that was not answered, or a number now stands for another device.
    fn devices(&mut self) -> Option<HashSet<String>> {
        let said = |reading: Option<&Reading>| reading.and_then(Reading::said).map(str::to_owned);
        let before = said(self.before(Ask::DmList, ""))?;
        let now = said(Some(&self.ask(Ask::DmList, "")))?;
        let numbers: HashMap<&str, &str> =
            before.lines().filter_map(listed).map(|(number, name)| (name, number)).collect();
        let same = |(number, name): (&str, &str)| numbers.get(name).is_none_or(|n| *n == number);
        now.lines().filter_map(listed).all(same).then_some(())?;
        Some(now.lines().filter_map(listed).map(|(_, name)| name.to_owned()).collect())
    }

    /// The pools, if they are those of before. Tables are asked of pools, and of devices not seen before.
    fn pools(&mut self, devices: &HashSet<String>) -> Option<Vec<String>> {
        let tables = self.before.iter().filter(|((ask, _), _)| *ask == Ask::DmTable);
        let mut pools: Vec<String> =
            tables.filter(|(_, r)| is_pool(r)).map(|((_, of), _)| (*of).to_owned()).collect();
        pools.sort_unstable();
        if pools.iter().any(|pool| !devices.contains(pool)) {
            return None;
        }
        for pool in &pools {
            let table = self.respondent.ask(Ask::DmTable, pool).clean();
            let same = self.before(Ask::DmTable, pool) == Some(&table);
            same.then_some(())?;
        }
        for device in devices {
            // One that was just being made has a table by now.
            let known = self.before(Ask::DmTable, device).and_then(Reading::said);
            if known.is_none_or(|table| table.trim().is_empty()) && is_pool(&self.ask(Ask::DmTable, device)) {
                return None;
            }
        }
        Some(pools)
    }
}

/// Whether a table is a pool's, or cannot tell that it is none. A device that is gone is none.
fn is_pool(table: &Reading) -> bool {
    table.said().map_or(table.errno() != Some("ENXIO"), |text| text.contains(" thin-pool "))
}

#[cfg(test)]
mod tests;

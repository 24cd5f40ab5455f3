//! Updates a recording of the same machine: the status of its pools and the space under them.
//!
//! Other answers are kept. If a pool was added, removed or reloaded, the recording cannot be updated and everything
//! must be collected again.

use super::dm_devices::listed;
use super::now_exactly;
use crate::record::{Outcome, Query, Recording, Responder};
use std::collections::{HashMap, HashSet};

/// The result of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// Every answer is unchanged; only the time is new.
    Unchanged(String),
    /// The pools are the same, but some answers changed.
    Updated(Box<Recording>),
    /// Pools were added, removed or reloaded: make a new recording.
    Stale,
}

/// Options of a refresh.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Woken by an event: also read the kernel log, which may tell the reason.
    pub woken: bool,
    /// A process is still waiting for a pool that timed out: do not query that pool again.
    pub spare_silent: bool,
}

/// Repeats the queries whose answers change over time: states of pools and free space.
pub fn refresh(respondent: &mut dyn Responder, before: &Recording, options: Options) -> Refresh {
    let mut collector = Collector { respondent, before: index(before), moved: Vec::new() };
    let recorded_at = now_exactly();
    let Some(devices) = collector.devices() else { return Refresh::Stale };
    let Some(pools) = collector.pools(&devices) else { return Refresh::Stale };
    for pool in &pools {
        collector.ask(Query::DmInfo, pool);
        let silent = matches!(collector.before(Query::DmStatus, pool), Some(Outcome::TimedOut(_)));
        if !(silent && options.spare_silent) {
            collector.ask(Query::DmStatus, pool);
        }
    }
    for path in space(before) {
        collector.ask_again(Query::Stat, path);
        collector.ask_again(Query::Statfs, path);
    }
    if options.woken {
        collector.ask(Query::KernelLog, "");
    }
    let moved = collector.moved;
    if moved.is_empty() {
        return Refresh::Unchanged(recorded_at);
    }
    let mut recording = before.clone();
    recording.recorded_at = Some(recorded_at);
    let gone = |target: &str| !devices.contains(target);
    recording.answers.retain(|a| !is_of_device(a.query) || !gone(&a.target));
    for (query, target, outcome) in moved {
        recording.set(query, &target, outcome);
    }
    Refresh::Updated(Box::new(recording))
}

const fn is_of_device(query: Query) -> bool {
    matches!(query, Query::DmTable | Query::DmStatus | Query::DmInfo)
}

/// The last answer to each query.
fn index(recording: &Recording) -> HashMap<(Query, &str), &Outcome> {
    recording.answers.iter().map(|a| ((a.query, a.target.as_str()), &a.outcome)).collect()
}

/// Targets for free space: the loop files, the root filesystem, `/run`.
fn space(recording: &Recording) -> Vec<&str> {
    let files = recording.all(Query::File).filter(|a| a.target.ends_with("/loop/backing_file"));
    let files = files.filter_map(|a| a.outcome.said()).map(|text| text.strip_suffix('\n').unwrap_or(text));
    let asked = |path: &&str| recording.said(Query::Statfs, path).is_some();
    let mut paths: Vec<&str> = files.chain(["/", "/run"]).filter(asked).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

struct Collector<'a> {
    respondent: &'a mut dyn Responder,
    before: HashMap<(Query, &'a str), &'a Outcome>,
    moved: Vec<(Query, String, Outcome)>,
}

impl Collector<'_> {
    fn before(&self, query: Query, target: &str) -> Option<&Outcome> {
        self.before.get(&(query, target)).copied()
    }

    /// Makes a query, and keeps the answer if it differs.
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        let outcome = self.respondent.ask(query, target).clean();
        if self.before(query, target) != Some(&outcome) {
            self.moved.push((query, target.to_owned(), outcome.clone()));
        }
        outcome
    }

    /// Makes a query if the recording has it.
    fn ask_again(&mut self, query: Query, target: &str) {
        if self.before(query, target).is_some() {
            self.ask(query, target);
        }
    }

    /// The names of all devices; `None` if there was no answer, or a number now belongs to another device.
    fn devices(&mut self) -> Option<HashSet<String>> {
        let said = |outcome: Option<&Outcome>| outcome.and_then(Outcome::said).map(str::to_owned);
        let before = said(self.before(Query::DmList, ""))?;
        let now = said(Some(&self.ask(Query::DmList, "")))?;
        let numbers: HashMap<&str, &str> =
            before.lines().filter_map(listed).map(|(number, name)| (name, number)).collect();
        let same = |(number, name): (&str, &str)| numbers.get(name).is_none_or(|n| *n == number);
        now.lines().filter_map(listed).all(same).then_some(())?;
        Some(now.lines().filter_map(listed).map(|(_, name)| name.to_owned()).collect())
    }

    /// The pools, if they are the same as before. Queries the tables of pools and of new devices.
    fn pools(&mut self, devices: &HashSet<String>) -> Option<Vec<String>> {
        let tables = self.before.iter().filter(|((query, _), _)| *query == Query::DmTable);
        let mut pools: Vec<String> =
            tables.filter(|(_, r)| is_pool(r)).map(|((_, target), _)| (*target).to_owned()).collect();
        pools.sort_unstable();
        if pools.iter().any(|pool| !devices.contains(pool)) {
            return None;
        }
        for pool in &pools {
            let table = self.respondent.ask(Query::DmTable, pool).clean();
            let same = self.before(Query::DmTable, pool) == Some(&table);
            same.then_some(())?;
        }
        for device in devices {
            // A device that was just being created now has a table.
            let known = self.before(Query::DmTable, device).and_then(Outcome::said);
            if known.is_none_or(|table| table.trim().is_empty()) && is_pool(&self.ask(Query::DmTable, device))
            {
                return None;
            }
        }
        Some(pools)
    }
}

/// Whether a table is, or may be, a pool's; false for a device that is gone.
fn is_pool(table: &Outcome) -> bool {
    table.said().map_or(table.errno() != Some("ENXIO"), |text| text.contains(" thin-pool "))
}

#[cfg(test)]
mod tests;

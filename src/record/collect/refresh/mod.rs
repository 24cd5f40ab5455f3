//! Asks again what moves of a machine that was recorded before: the states of its pools, the space under them.
//!
//! Every other answer stays as it was. It does not patch: where a pool came, went or was loaded anew there is
//! nothing to go on from, and everything has to be asked.

use super::dm_devices::listed;
use super::now_exactly;
use crate::record::{Outcome, Query, Recording, Responder};
use std::collections::{HashMap, HashSet};

/// What came of asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// Every answer is word for word what it was, except for the time.
    Unchanged(String),
    /// No pool came or went, but some changed.
    Updated(Box<Recording>),
    /// Pools came, went or were loaded anew: record everything.
    Stale,
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

/// The last answer to each question.
fn index(recording: &Recording) -> HashMap<(Query, &str), &Outcome> {
    recording.answers.iter().map(|a| ((a.query, a.target.as_str()), &a.outcome)).collect()
}

/// Where space is asked for: the loop files, the root, `/run`.
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

    /// Asks, and keeps the answer if it is another than before.
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        let outcome = self.respondent.ask(query, target).clean();
        if self.before(query, target) != Some(&outcome) {
            self.moved.push((query, target.to_owned(), outcome.clone()));
        }
        outcome
    }

    /// Asks what was asked before.
    fn ask_again(&mut self, query: Query, target: &str) {
        if self.before(query, target).is_some() {
            self.ask(query, target);
        }
    }

    /// The names of all devices; `None` where that was not answered, or a number now stands for another device.
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

    /// The pools, if they are those of before. Tables are asked of pools, and of devices not seen before.
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
            // One that was just being made has a table by now.
            let known = self.before(Query::DmTable, device).and_then(Outcome::said);
            if known.is_none_or(|table| table.trim().is_empty()) && is_pool(&self.ask(Query::DmTable, device))
            {
                return None;
            }
        }
        Some(pools)
    }
}

/// Whether a table is a pool's, or cannot tell that it is none. A device that is gone is none.
fn is_pool(table: &Outcome) -> bool {
    table.said().map_or(table.errno() != Some("ENXIO"), |text| text.contains(" thin-pool "))
}

#[cfg(test)]
mod tests;

//! Watches this host's pools: polls them, keeps a history, and reports events.
//!
//! Each poll is a recording like any other. Most queries are not repeated at each poll
//! ([`crate::record::collect::refresh`]). A single pool cannot block it: queries have time limits, and a pool that
//! does not answer is not queried again until the stuck worker process has ended.

pub mod event_loop;
pub mod events;
pub mod history_file;
pub mod inplace_view;
pub mod line_view;
pub mod poll;
pub mod retention;
pub mod run;
pub mod tui;

use crate::host::history::{Event, History, Moment, Sample};
use crate::host::{self, Host};
use crate::record::collect::{self, refresh};
use crate::record::probe::worker::Worker;
use crate::record::{Outcome, Query, Recording};
use crate::report::{Report, Source};
use crate::rules::Finding;
use crate::verdict::Severity;
use anyhow::Result;
use event_loop::Flow;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// All queries are repeated after this time even if nothing seems to change.
const RELOAD_INTERVAL: Duration = Duration::from_secs(3600);
/// The rules run again after this many milliseconds even if nothing changes, because forecasts do.
const RULES_INTERVAL: i64 = 60_000;
/// A finding is reported as gone once it was absent for this many milliseconds, so a flapping one is reported once.
const GONE_AFTER: i64 = 300_000;

/// The history is not thinned below this many samples, about a megabyte.
const UNTHINNED: usize = 4096;

/// Polls the host and keeps its history.
pub struct Watcher {
    worker: Worker,
    options: collect::Options,
    pool: Option<String>,
    recording: Recording,
    /// The report of the last poll; its host holds the history.
    pub report: Report,
    /// Number of samples at which the history is thinned next.
    thin_at: usize,
    /// When the rules last ran.
    rules_run: Moment,
    /// When all queries were last made.
    loaded: Instant,
    /// Why the history file cannot be written, if it cannot.
    trouble: Option<String>,
    /// Findings that were reported, and when each was last present.
    reported: Vec<(FindingKey, Moment)>,
}

/// Identifies a finding across polls.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FindingKey {
    rule: &'static str,
    subject: String,
    /// The subject, if it is a pool.
    pool: Option<String>,
    severity: Severity,
}

/// The result of one poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Time of the poll.
    pub at: Moment,
    /// One sample per pool.
    pub samples: Vec<Sample>,
    /// Events since the previous poll.
    pub events: Vec<Event>,
    /// The poll was triggered by a kernel event, not by the interval.
    pub woken: bool,
}

/// A sink for poll results.
pub trait View {
    /// Shows a new poll.
    ///
    /// # Errors
    /// Those of writing.
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()>;

    /// Shows the last poll again, after the terminal was resized or the program continued.
    ///
    /// # Errors
    /// Those of writing.
    fn redraw(&mut self, report: &Report, poll: &Poll) -> Result<()>;

    /// Shows a message about watching itself, such as a history file that cannot be written.
    ///
    /// # Errors
    /// Those of writing.
    fn note(&mut self, text: &str) -> Result<()>;

    /// Descriptors to wait for: the keyboard, the output of a child process.
    fn inputs(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    /// Handles input from these descriptors.
    ///
    /// # Errors
    /// Those of reading and writing.
    fn input(&mut self, _: &Report, _: &Poll) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    /// Restores the terminal and stops the process (Ctrl-Z); takes the terminal again when it continues.
    ///
    /// # Errors
    /// Those of the terminal.
    fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    /// Restores the terminal.
    ///
    /// # Errors
    /// Those of the terminal.
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Watcher {
    /// Makes all queries once. `pool` limits watching to one pool; `past` is the content of the history file.
    #[must_use]
    pub fn new(mut worker: Worker, pool: Option<String>, past: Option<Outcome>) -> Self {
        let options = collect::Options { commands: true, ..collect::Options::default() };
        let recording = record(&mut worker, &options);
        let history = past.map(|outcome| {
            let mut past = Recording::new(recording.source, None);
            past.push(Query::History, "", outcome);
            host::read(&past).history
        });
        let report = report(&recording, history.unwrap_or_default(), pool.as_deref());
        let rules_run = moment(recording.recorded_at.as_deref());
        let (loaded, thin_at) = (Instant::now(), UNTHINNED);
        let (trouble, reported) = (None, Vec::new());
        Self { worker, options, pool, recording, report, thin_at, rules_run, loaded, trouble, reported }
    }

    /// The version of device-mapper; empty if unknown.
    #[must_use]
    pub fn device_mapper(&self) -> &str {
        self.recording.said(Query::DmVersion, "").unwrap_or_default()
    }

    /// The first poll, from the queries that [`Self::new`] made.
    pub fn first(&mut self) -> Poll {
        let at = moment(self.recording.recorded_at.as_deref());
        let samples = self.samples(at);
        let events = self.finding_events(at);
        Poll { at, samples, events, woken: false }
    }

    /// Polls the pools. `woken` is true if a kernel event triggered the poll, false if the interval did.
    pub fn poll(&mut self, woken: bool) -> Poll {
        self.worker.reset_budget();
        let options = refresh::Options { woken, spare_silent: self.worker.is_stuck() };
        let refreshed = if self.loaded.elapsed() > RELOAD_INTERVAL {
            refresh::Refresh::Stale
        } else {
            refresh::refresh(&mut self.worker, &self.recording, options)
        };
        let (at, has_changed) = match refreshed {
            refresh::Refresh::Unchanged(at) => {
                self.recording.recorded_at = Some(at);
                (moment(self.recording.recorded_at.as_deref()), false)
            }
            refresh::Refresh::Updated(recording) => {
                self.recording = *recording;
                (moment(self.recording.recorded_at.as_deref()), true)
            }
            refresh::Refresh::Stale => {
                let reloaded = self.poll_everything();
                return Poll { woken, ..reloaded };
            }
        };
        Poll { woken, ..self.evaluate(at, has_changed) }
    }

    /// Repeats all queries.
    pub fn poll_everything(&mut self) -> Poll {
        self.worker.reset_budget();
        self.recording = record(&mut self.worker, &self.options);
        self.loaded = Instant::now();
        self.evaluate(moment(self.recording.recorded_at.as_deref()), true)
    }

    /// Updates report and history from the current recording.
    fn evaluate(&mut self, at: Moment, has_changed: bool) -> Poll {
        let mut events = Vec::new();
        if has_changed || at.since(self.rules_run) >= RULES_INTERVAL {
            let history = std::mem::take(&mut self.report.host.history);
            let report = report(&self.recording, history, self.pool.as_deref());
            events = events::events(&self.report.host, &report.host, at);
            (self.report, self.rules_run) = (report, at);
        }
        let samples = self.samples(at);
        events.extend(self.finding_events(at));
        let history = &mut self.report.host.history;
        history.events.extend(events.iter().cloned());
        if history.samples.len() > self.thin_at {
            retention::thin(history);
            self.thin_at = UNTHINNED.max(2 * history.samples.len());
        }
        Poll { at, samples, events, woken: false }
    }

    /// Takes a sample of each pool and adds it to the history.
    fn samples(&mut self, at: Moment) -> Vec<Sample> {
        let host: &mut Host = &mut self.report.host;
        let samples: Vec<Sample> = host.pools.iter().filter_map(|p| Sample::of(p, at)).collect();
        host.history.samples.extend(samples.iter().cloned());
        samples
    }

    /// Events for new findings above a notice, and for findings that were absent for [`GONE_AFTER`].
    fn finding_events(&mut self, at: Moment) -> Vec<Event> {
        let mut events = Vec::new();
        for finding in self.report.findings.iter().filter(|f| f.severity > Severity::Notice) {
            let key = FindingKey::new(finding);
            match self.reported.iter_mut().find(|(known, _)| *known == key) {
                Some((_, last_seen)) => *last_seen = at,
                None => {
                    events.push(key.event("finding", at, &finding.summary.plain()));
                    self.reported.push((key, at));
                }
            }
        }
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.reported.drain(..).partition(|(_, last_seen)| at.since(*last_seen) < GONE_AFTER);
        self.reported = kept;
        events.extend(gone.iter().map(|(key, _)| key.event("finding-gone", at, "is no longer found")));
        events
    }
}

impl FindingKey {
    fn new(finding: &Finding) -> Self {
        let subject = finding.subject.name.clone();
        let pool = finding.subject.is_pool().then(|| subject.clone());
        Self { rule: finding.rule, subject, pool, severity: finding.severity }
    }

    fn event(&self, word: &str, at: Moment, sentence: &str) -> Event {
        let text = format!("{} {}: {sentence}", self.severity.word(), self.rule);
        Event { at, pool: self.pool.clone(), event: word.to_owned(), text }
    }
}

/// Makes all queries now.
fn record(worker: &mut Worker, options: &collect::Options) -> Recording {
    collect::record(
        worker,
        &collect::Options { recorded_at: Some(collect::now_exactly()), ..options.clone() },
    )
}

/// The report for a recording and the history before it.
fn report(recording: &Recording, history: History, pool: Option<&str>) -> Report {
    let mut host = host::read(recording);
    host.history = history;
    Report::new(host, Source::Live, pool)
}

/// The time of a recording; the epoch if it is unknown.
fn moment(recorded_at: Option<&str>) -> Moment {
    recorded_at.and_then(Moment::read).unwrap_or(Moment(0))
}

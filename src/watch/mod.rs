//! Follows the pools of this machine: looks again and again, remembers, and notices what happened.
//!
//! Everything it says is read from recordings like everything else; only what moves is asked again
//! ([`crate::record::collect::refresh`]). One pool cannot hold it up: questions have their time limits, and a pool
//! that is silent is left alone until the process that waits for it has ended.

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

/// Even where nothing seems to move, everything is asked anew after so long.
const ANEW: Duration = Duration::from_secs(3600);
/// And what the samples mean is judged anew after so long.
const JUDGED: i64 = 60_000;
/// A finding is gone when it was not seen for so many milliseconds: what comes and goes is told once.
const GONE: i64 = 300_000;

/// So many samples are kept whatever their age: a megabyte.
const UNTHINNED: usize = 4096;

/// Polls the host and keeps its history.
pub struct Watcher {
    worker: Worker,
    options: collect::Options,
    pool: Option<String>,
    recording: Recording,
    /// What the last look showed; its host holds the history.
    pub report: Report,
    /// How many samples there may be before those are left out that are too close together.
    thin_at: usize,
    judged: Moment,
    asked: Instant,
    /// Why the history cannot be kept, if it cannot.
    trouble: Option<String>,
    /// Findings that were told, and when each was last there.
    told: Vec<(Told, Moment)>,
}

/// What makes a finding the same finding.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    rule: &'static str,
    subject: String,
    /// The subject, where that is a pool.
    pool: Option<String>,
    severity: Severity,
}

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// When.
    pub at: Moment,
    /// One of each pool.
    pub samples: Vec<Sample>,
    /// What happened since the look before.
    pub events: Vec<Event>,
    /// An event of the kernel's was the reason, not the time.
    pub woken: bool,
}

/// A sink for poll results.
pub trait View {
    /// Shows a look.
    ///
    /// # Errors
    /// Those of writing.
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()>;

    /// Shows the last look again: the screen has another size, or is somebody's again.
    ///
    /// # Errors
    /// Those of writing.
    fn redraw(&mut self, report: &Report, poll: &Poll) -> Result<()>;

    /// Tells what the watching itself meets.
    ///
    /// # Errors
    /// Those of writing.
    fn note(&mut self, text: &str) -> Result<()>;

    /// What else may have something to read: keys, a program's output.
    fn inputs(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    /// Reads what is there to read.
    ///
    /// # Errors
    /// Those of reading and writing.
    fn input(&mut self, _: &Report, _: &Poll) -> Result<Flow> {
        Ok(Flow::On)
    }

    /// Gives the terminal back for a while, and comes back when it is continued.
    ///
    /// # Errors
    /// Those of the terminal.
    fn stop(&mut self) -> Result<()> {
        Ok(())
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// Those of the terminal.
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Watcher {
    /// Asks everything once; `pool` alone is watched if it is named, and `past` is what is known of before.
    #[must_use]
    pub fn new(mut worker: Worker, pool: Option<String>, past: Option<Outcome>) -> Self {
        let options = collect::Options { commands: true, ..collect::Options::default() };
        let recording = record(&mut worker, &options);
        let history = past.map(|outcome| {
            let mut past = Recording::new(recording.source, None);
            past.push(Query::History, "", outcome);
            host::read(&past).history
        });
        let report = reported(&recording, history.unwrap_or_default(), pool.as_deref());
        let judged = moment(recording.recorded_at.as_deref());
        let (asked, thin_at) = (Instant::now(), UNTHINNED);
        let (trouble, told) = (None, Vec::new());
        Self { worker, options, pool, recording, report, thin_at, judged, asked, trouble, told }
    }

    /// Version of device-mapper, as [`crate::record::probe::dm_events::Events`] wants it.
    #[must_use]
    pub fn device_mapper(&self) -> &str {
        self.recording.said(Query::DmVersion, "").unwrap_or_default()
    }

    /// The findings and pools as they are when the watching begins.
    pub fn first(&mut self) -> Poll {
        let at = moment(self.recording.recorded_at.as_deref());
        let samples = self.samples(at);
        let events = self.news(at);
        Poll { at, samples, events, woken: false }
    }

    /// Looks again; `woken` by an event, or because it was time.
    pub fn poll(&mut self, woken: bool) -> Poll {
        self.worker.reset_budget();
        let how = refresh::Options { woken, spare_silent: self.worker.is_stuck() };
        let again = if self.asked.elapsed() > ANEW {
            refresh::Refresh::Stale
        } else {
            refresh::refresh(&mut self.worker, &self.recording, how)
        };
        let (at, moved) = match again {
            refresh::Refresh::Unchanged(at) => {
                self.recording.recorded_at = Some(at);
                (moment(self.recording.recorded_at.as_deref()), false)
            }
            refresh::Refresh::Updated(recording) => {
                self.recording = *recording;
                (moment(self.recording.recorded_at.as_deref()), true)
            }
            refresh::Refresh::Stale => {
                let anew = self.poll_everything();
                return Poll { woken, ..anew };
            }
        };
        Poll { woken, ..self.seen(at, moved) }
    }

    /// Asks everything anew.
    pub fn poll_everything(&mut self) -> Poll {
        self.worker.reset_budget();
        self.recording = record(&mut self.worker, &self.options);
        self.asked = Instant::now();
        self.seen(moment(self.recording.recorded_at.as_deref()), true)
    }

    fn seen(&mut self, at: Moment, moved: bool) -> Poll {
        let mut events = Vec::new();
        if moved || at.since(self.judged) >= JUDGED {
            let history = std::mem::take(&mut self.report.host.history);
            let report = reported(&self.recording, history, self.pool.as_deref());
            events = events::events(&self.report.host, &report.host, at);
            (self.report, self.judged) = (report, at);
        }
        let samples = self.samples(at);
        events.extend(self.news(at));
        let history = &mut self.report.host.history;
        history.events.extend(events.iter().cloned());
        if history.samples.len() > self.thin_at {
            retention::thin(history);
            self.thin_at = UNTHINNED.max(2 * history.samples.len());
        }
        Poll { at, samples, events, woken: false }
    }

    /// A sample of each pool, remembered.
    fn samples(&mut self, at: Moment) -> Vec<Sample> {
        let host: &mut Host = &mut self.report.host;
        let samples: Vec<Sample> = host.pools.iter().filter_map(|p| Sample::of(p, at)).collect();
        host.history.samples.extend(samples.iter().cloned());
        samples
    }

    /// Findings above a notice that came, and those that went for good.
    fn news(&mut self, at: Moment) -> Vec<Event> {
        let mut events = Vec::new();
        for finding in self.report.findings.iter().filter(|f| f.severity > Severity::Notice) {
            let told = Told::of(finding);
            match self.told.iter_mut().find(|(known, _)| *known == told) {
                Some((_, seen)) => *seen = at,
                None => {
                    events.push(told.event("finding", at, &finding.summary.plain()));
                    self.told.push((told, at));
                }
            }
        }
        let (kept, gone): (Vec<_>, Vec<_>) =
            self.told.drain(..).partition(|(_, seen)| at.since(*seen) < GONE);
        self.told = kept;
        events.extend(gone.iter().map(|(told, _)| told.event("finding-gone", at, "is no longer found")));
        events
    }
}

impl Told {
    fn of(finding: &Finding) -> Self {
        let subject = finding.subject.name.clone();
        let pool = finding.subject.is_pool().then(|| subject.clone());
        Self { rule: finding.rule, subject, pool, severity: finding.severity }
    }

    fn event(&self, word: &str, at: Moment, says: &str) -> Event {
        let text = format!("{} {}: {says}", self.severity.word(), self.rule);
        Event { at, pool: self.pool.clone(), event: word.to_owned(), text }
    }
}

/// A recording of everything, now.
fn record(worker: &mut Worker, options: &collect::Options) -> Recording {
    collect::record(
        worker,
        &collect::Options { recorded_at: Some(collect::now_exactly()), ..options.clone() },
    )
}

/// What a recording means together with what was seen before.
fn reported(recording: &Recording, history: History, pool: Option<&str>) -> Report {
    let mut host = host::read(recording);
    host.history = history;
    Report::new(host, Source::Live, pool)
}

/// The moment of a look; the beginning of time where it is not told.
fn moment(recorded_at: Option<&str>) -> Moment {
    recorded_at.and_then(Moment::read).unwrap_or(Moment(0))
}

//! Watching a scripted machine: polls, events, the recorded history, the output.

use anyhow::{Result, anyhow};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use thinspect::host::history;
use thinspect::record::probe::worker::Worker;
use thinspect::record::{Outcome, Query, Responder};
use thinspect::report::{Report, TextStyle as Words};
use thinspect::watch::event_loop::{Flow, follow};
use thinspect::watch::history_file::Log;
use thinspect::watch::inplace_view::Block;
use thinspect::watch::line_view::Lines;
use thinspect::watch::poll::Waiter;
use thinspect::watch::{Poll, View, Watcher};

/// A pool that fills by 1500 blocks every fifth of a second, and a second one that is stuck. It uses the clock,
/// because the responder is replaced after each timeout.
struct Filling {
    since: Instant,
}

impl Filling {
    fn fifths(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis() / 200).unwrap()
    }
}

impl Responder for Filling {
    fn ask(&mut self, query: Query, of: &str) -> Outcome {
        let said = match (query, of) {
            (Query::DmVersion, _) => "4.47.0".to_owned(),
            (Query::DmList, _) => format!("253:0 {} filling\n253:1 0 stuck", u64::from(self.fifths() > 10)),
            (Query::DmTable, "filling") => "0 8388608 thin-pool 7:1 7:0 128 20000 0 ".to_owned(),
            (Query::DmTable, "stuck") => "0 8388608 thin-pool 7:3 7:2 128 20000 0 ".to_owned(),
            (Query::DmInfo, _) => {
                format!("Name: {of}\nState: ACTIVE\nEvent number: {}\n", u64::from(self.fifths() > 10))
            }
            (Query::DmStatus, "filling") => {
                let used = (30_000 + 1_500 * self.fifths()).min(65_536);
                format!(
                    "0 8388608 thin-pool 1 100/1024 {used}/65536 - rw discard_passdown queue_if_no_space - 256 "
                )
            }
            (Query::DmStatus, "stuck") => {
                std::thread::sleep(Duration::from_secs(600));
                String::new()
            }
            _ => return Outcome::Refused("ENOENT".to_owned()),
        };
        Outcome::Answered(said)
    }
}

fn watcher() -> Watcher {
    let since = Instant::now();
    let worker = Worker::new(Duration::from_millis(300), move || Box::new(Filling { since }));
    Watcher::new(worker, None, None)
}

/// Shows polls to another view and stops after a number of them, as if a key was pressed.
struct Counted<V> {
    view: V,
    left: usize,
    keys: OwnedFd,
    pressed: OwnedFd,
}

impl<V: View> Counted<V> {
    fn new(view: V, left: usize) -> Self {
        let (keys, pressed) = nix::unistd::pipe().unwrap();
        Self { view, left, keys, pressed }
    }
}

impl<V: View> View for Counted<V> {
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        self.left -= 1;
        if self.left == 0 {
            nix::unistd::write(&self.pressed, b"q")?;
        }
        self.view.show(report, poll)
    }

    fn redraw(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        self.view.redraw(report, poll)
    }

    fn note(&mut self, text: &str) -> Result<()> {
        Err(anyhow!("a note: {text}"))
    }

    fn inputs(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.keys.as_fd()]
    }

    fn input(&mut self, _: &Report, _: &Poll) -> Result<Flow> {
        Ok(Flow::Quit)
    }
}

fn run(watcher: &mut Watcher, log: &mut Option<Log>, view: &mut dyn View) {
    let mut waiter = Waiter::new(None, false).unwrap();
    follow(watcher, &mut waiter, log, Duration::from_millis(200), view).unwrap();
}

#[test]
fn a_fill_is_told_kept_and_forecast_though_another_pool_is_stuck() {
    let path = std::env::temp_dir().join(format!("thinspect-watch-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut watcher = watcher();
    let mut log = Some(Log::open(&path, &watcher.report.host).unwrap());
    let mut out = Vec::new();
    let started = Instant::now();
    run(&mut watcher, &mut log, &mut Counted::new(Lines::new(&mut out, true, Words::default()), 9));
    // The stuck pool costs its timeout once, not at every poll.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

    let text = String::from_utf8(out).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let schema = jsonschema::validator_for(thinspect::report::watch::schema().as_value()).unwrap();
    for line in &lines {
        let errors: Vec<String> = schema.iter_errors(line).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    }
    let of = |kind: &str, pool: &str| {
        lines.iter().filter(|l| l["kind"] == kind && l["pool"] == pool).cloned().collect::<Vec<_>>()
    };
    assert_eq!((of("sample", "filling").len(), of("sample", "stuck").len()), (9, 9));
    assert!(of("sample", "stuck").iter().all(|l| l["mode"] == "unanswered" && l["data"].is_null()));
    let last = of("sample", "filling").pop().unwrap();
    let rate = last["forecast"]["data"]["bytes_per_hour"].as_i64().unwrap();
    // 7500 blocks of 64 KiB per second.
    assert!(
        rate > 1_000_000_000_000 && last["forecast"]["data"]["full_in_seconds"].as_i64() < Some(60),
        "{last}"
    );
    let events: Vec<String> = of("event", "filling").iter().map(|e| e["event"].to_string()).collect();
    assert!(events.contains(&"\"data-low-water\"".to_owned()), "{events:?}");
    assert!(events.contains(&"\"finding\"".to_owned()), "{events:?}");

    let kept = history::read(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(kept.foreign, 0);
    assert!(kept.of("filling").count() >= 8, "each look was news");
    assert!(kept.events.iter().any(|e| e.event == "data-low-water"));
    // The output is itself a history.
    assert_eq!(history::read(&text).of("filling").count(), 9);
    std::fs::remove_file(&path).unwrap();
}

/// The block is redrawn in place, events stay above it, and only cursor movements are used.
#[test]
fn a_block_is_drawn_in_place() {
    let mut watcher = watcher();
    let mut out = Vec::new();
    run(
        &mut watcher,
        &mut None,
        &mut Counted::new(Block::new(&mut out, Words::default(), true, || Some(60)), 8),
    );
    let text = String::from_utf8(out).unwrap();
    let screen = shown(&text);
    assert!(screen.len() < 25, "{screen:#?}");
    let count = |piece: &str| screen.iter().filter(|l| l.contains(piece)).count();
    assert_eq!((count("filling  rw"), count("stuck  unanswered")), (1, 1), "{screen:#?}");
    assert_eq!(count("data-low-water"), 1, "{screen:#?}");
    assert!(screen.iter().filter(|l| !l.starts_with("20")).all(|l| l.chars().count() <= 60), "{screen:#?}");
    assert!(text.is_ascii());
}

/// The text visible on a terminal after upward cursor movements and clearing.
fn shown(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, part) in text.split('\u{1b}').enumerate() {
        let mut rest = part;
        if at > 0 {
            let (up, after) = part.split_once(['A', 'J']).unwrap();
            if let Ok(up) = up.trim_start_matches('[').parse::<usize>() {
                lines.truncate(lines.len() - up);
            }
            rest = after.trim_start_matches('\r');
        }
        lines.extend(rest.lines().map(str::to_owned));
    }
    lines
}

//! Benchmark of watching an idle host and a busy one: CPU time per hour, and memory.
//!
//! `cargo bench --bench watching`. The answers come from recordings, through a worker process, so only the kernel's
//! work for a few requests is missing. It never passes or fails.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and may fail loudly"
)]

use nix::sys::resource::{UsageWho, getrusage};
use std::collections::HashMap;
use std::time::Duration;
use thinspect::record::probe::worker::Worker;
use thinspect::record::{Outcome, Query, Recording, Responder, format};
use thinspect::report::TextStyle as Words;
use thinspect::watch::line_view::Lines;
use thinspect::watch::{View, Watcher};

const POLLS: u32 = 2000;
const LIMIT: Duration = Duration::from_secs(5);

/// Answers from a recording. On a busy host, each poll finds one more block used.
struct Recorded {
    answers: HashMap<(Query, String), Outcome>,
    busy: bool,
    asked: u64,
}

impl Responder for Recorded {
    fn ask(&mut self, query: Query, of: &str) -> Outcome {
        let outcome = self.answers.get(&(query, of.to_owned())).cloned();
        let outcome = outcome.unwrap_or_else(|| Outcome::Refused("ENOENT".to_owned()));
        match (query, outcome) {
            (Query::DmStatus, Outcome::Answered(text)) if self.busy && text.contains(" thin-pool ") => {
                self.asked += 1;
                Outcome::Answered(text.replacen("1476414/", &format!("{}/", 1_400_000 + self.asked), 1))
            }
            (_, outcome) => outcome,
        }
    }
}

/// The published case, with additional active thin devices.
fn machine(thin_devices: usize) -> Recording {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/lab-published-case/recording.json");
    let mut recording = format::load(&std::fs::read(path).unwrap()).unwrap();
    let mut list = recording.said(Query::DmList, "").unwrap().to_owned();
    for n in 0..thin_devices {
        let name = format!("docker-254:0-8484-{n:064x}");
        list.push_str(&format!("\n253:{} 0 {name}", n + 10));
        recording.push(Query::DmTable, &name, Outcome::Answered(format!("0 20971520 thin 253:0 {}", n + 20)));
        recording.push(
            Query::DmStatus,
            &name,
            Outcome::Answered("0 20971520 thin 153600 20971519".to_owned()),
        );
        recording.push(Query::DmInfo, &name, Outcome::Answered(format!("Name: {name}\nState: ACTIVE\n")));
    }
    recording.push(Query::DmList, "", Outcome::Answered(list));
    recording
}

fn processor() -> Duration {
    let of = |who| {
        let usage = getrusage(who).unwrap();
        let micros = |t: nix::sys::time::TimeVal| t.tv_sec() * 1_000_000 + t.tv_usec();
        Duration::from_micros(u64::try_from(micros(usage.user_time()) + micros(usage.system_time())).unwrap())
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

/// Resident memory of this process now, in KiB.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default().trim().to_owned()
}

fn measure(what: &str, thin_devices: usize, busy: bool) {
    let recording = machine(thin_devices);
    let make = move || -> Box<dyn Responder> {
        let answers =
            recording.answers.iter().map(|a| ((a.query, a.target.clone()), a.outcome.clone())).collect();
        Box::new(Recorded { answers, busy, asked: 0 })
    };
    let before = processor();
    let mut watcher = Watcher::new(Worker::new(LIMIT, make), None, None);
    let mut view = Lines::new(std::io::sink(), true, Words::default());
    let first = watcher.first();
    view.show(&watcher.report, &first).unwrap();
    for _ in 0..POLLS {
        let poll = watcher.poll(false);
        view.show(&watcher.report, &poll).unwrap();
    }
    let resident = resident();
    // The worker's CPU time counts once it has ended.
    drop(watcher);
    let per_poll = (processor() - before) / POLLS;
    let hour = |interval: u32| per_poll * (3600 / interval);
    println!(
        "{what:<44} {per_poll:>9.1?} a poll {:>9.1?} an hour at 2 s {:>9.1?} at 60 s  {resident}",
        hour(2),
        hour(60)
    );
}

fn main() {
    measure("idle, 1 pool", 0, false);
    measure("idle, 1 pool, 1000 active thin devices", 1000, false);
    measure("every poll finds it fuller", 0, true);
    measure("every poll finds it fuller, 1000 devices", 1000, true);
}

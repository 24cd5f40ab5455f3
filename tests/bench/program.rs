//! Benchmark of the whole program: size, start-up time, memory; compared with `true`.
//!
//! `scripts/build && cargo bench --bench program` prints the table of the README. It never passes or fails.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints and may fail loudly"
)]

use nix::sys::resource::{UsageWho, getrusage};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 200;

/// Median wall time and mean CPU time of a command over [`RUNS`] runs.
fn time(program: &str, args: &[&str]) -> (Duration, Duration) {
    let mut walls = Vec::with_capacity(RUNS);
    let before = processor();
    for _ in 0..RUNS {
        let start = Instant::now();
        Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        walls.push(start.elapsed());
    }
    walls.sort();
    let used = processor().saturating_sub(before);
    (walls[RUNS / 2], used / u32::try_from(RUNS).unwrap())
}

fn processor() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() * 1_000_000 + t.tv_usec();
    Duration::from_micros(u64::try_from(micros(usage.user_time()) + micros(usage.system_time())).unwrap())
}

/// Peak resident memory of the largest child so far, in KiB.
fn peak() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss()
}

fn main() {
    let root = env!("CARGO_MANIFEST_DIR");
    let binary = format!("{root}/target/x86_64-unknown-linux-gnu/release/thinspect");
    let Ok(metadata) = std::fs::metadata(&binary) else {
        println!("no static binary; run scripts/build first");
        return;
    };
    let host = format!("{root}/tests/hosts/lab-published-case/recording.json");
    println!("size of the static binary: {} bytes", metadata.len());
    let (wall, cpu) = time("true", &[]);
    println!("{:<34} {wall:>10.1?} wall {cpu:>10.1?} cpu", "true");
    for args in [&["--version"][..], &["--from", &host], &["--from", &host, "-o", "json"]] {
        let (wall, cpu) = time(&binary, args);
        let shown = args.join(" ").replace(root, "");
        println!("{shown:<34} {wall:>10.1?} wall {cpu:>10.1?} cpu, peak so far {} KiB", peak());
    }
}

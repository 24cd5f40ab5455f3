//! Benchmark for large metadata. Compares in one run: `usage`, only reading and checking the same blocks, and
//! `thin_ls`. `cargo bench --bench metadata` counts 4.2 million mappings, also with the installed `thin_ls`. `--
//! --large` counts 100 million, without it, because 0.9.0 would need hours. `-- --thin-ls PROGRAM` adds another
//! `thin_ls` to either. `-- --keep DIR [--large]` only writes the metadata, for other programs. Times and memory are
//! those of child processes: the best wall time, the mean CPU time, the peak memory.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may panic"
)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use thinspect::metadata::{Blocks, MetadataFile, Options, read};

#[path = "../integration/metadata/block_writer.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod block_writer;
#[path = "../integration/metadata/builder.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod builder;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["usage", path] => usage(Path::new(path)),
        ["read", path] => only_read(Path::new(path)),
        ["live", path] => live(Path::new(path)),
        ["--keep", directory] => keep(&Path::new(directory).join("docker.bin"), 4000),
        ["--keep", directory, "--large"] => keep(&Path::new(directory).join("large.bin"), 100_000),
        ["--large", rest @ ..] => bench("large", 100_000, others(rest)),
        rest => bench("docker", 4000, [vec![PathBuf::from("thin_ls")], others(rest)].concat()),
    }
}

fn keep(file: &Path, own: u64) {
    std::fs::write(file, generate(200_000, 0..1000, own)).unwrap();
}

/// The other `thin_ls` programs from the command line.
fn others(words: &[&str]) -> Vec<PathBuf> {
    let (pairs, rest) = words.as_chunks::<2>();
    assert!(rest.is_empty() && pairs.iter().all(|[option, _]| *option == "--thin-ls"), "what is {words:?}?");
    pairs.iter().map(|[_, program]| program.into()).collect()
}

/// Metadata of a base device with `base` blocks, and snapshots of it with `own` blocks each, written in turns as by
/// containers that run at the same time.
fn generate(base: u64, snapshots: Range<u32>, own: u64) -> Vec<u8> {
    const TURN: u64 = 32;
    let total = base + own * snapshots.len() as u64;
    let mut pool = builder::Pool::new(total / 4 * 5, 128);
    pool.create(0);
    pool.write(0, 0, base);
    snapshots.clone().for_each(|id| pool.snapshot(0, id + 1));
    for first in (0..own).step_by(TURN as usize) {
        for id in snapshots.clone() {
            pool.write(id + 1, base + first, TURN.min(own - first));
        }
    }
    pool.image(100_000)
}

fn bench(name: &str, own: u64, others: Vec<PathBuf>) {
    let path = std::env::temp_dir().join(format!("thinspect-bench-{name}-{}", std::process::id()));
    std::fs::write(&path, generate(200_000, 0..1000, own)).unwrap();
    let myself = std::env::current_exe().unwrap();
    println!("{name:<10} {:>10} {:>10} {:>12}", "wall ms", "cpu ms", "resident KiB");
    let row = |name: &str, program: &Path, words: &[&str], times: u32| {
        let runs: Vec<Run> = (0..times).map(|_| run(program, words, &path)).collect();
        let wall = runs.iter().map(|run| run.wall).min().unwrap().as_secs_f64() * 1e3;
        let cpu = (runs.iter().map(|run| run.cpu).sum::<Duration>() / times).as_secs_f64() * 1e3;
        let resident = runs.iter().map(|run| run.resident_kib).max().unwrap();
        println!("{name:<10} {wall:>10.1} {cpu:>10.1} {resident:>12}");
        (wall, cpu)
    };
    let usage = row("usage", &myself, &["usage"], 15);
    let only = row("read only", &myself, &["read"], 15);
    println!("usage takes {:.2} times as long as reading and checking alone", usage.0 / only.0);
    for program in &others {
        let Ok(said) = Command::new(program).arg("-V").output() else { continue };
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let words = ["--no-headers", "-o", "DEV,MAPPED_BLOCKS,EXCLUSIVE_BLOCKS,SHARED_BLOCKS"];
        // Version 0.x takes a minute.
        let times = if version.starts_with("0.") { 1 } else { 5 };
        let other = row("thin_ls", program, &words, times);
        let (wall, cpu) = (other.0 / usage.0, other.1 / usage.1);
        println!(
            "thin_ls {version} takes {wall:.0} times as long as usage, and {cpu:.0} times the processor's time"
        );
    }
    std::fs::remove_file(&path).unwrap();
}

struct Run {
    wall: Duration,
    cpu: Duration,
    resident_kib: u64,
}

/// Runs a program to its end.
fn run(program: &Path, words: &[&str], file: &Path) -> Run {
    let before = processor();
    let started = Instant::now();
    let mut child = Command::new(program).args(words).arg(file).stdout(Stdio::null()).spawn().unwrap();
    let resident_kib = peak(&child);
    let wall = started.elapsed();
    child.wait().unwrap();
    Run { wall, cpu: processor() - before, resident_kib }
}

/// CPU time of all children that were reaped.
fn processor() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros((micros(usage.user_time()) + micros(usage.system_time())) as u64)
}

/// Waits until a child has ended, and returns its peak memory, from its /proc file, which exists until it is reaped.
fn peak(child: &std::process::Child) -> u64 {
    let mut most = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let peak = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse().ok());
        most = most.max(peak.unwrap_or(0));
        if status.contains("State:\tZ") {
            return most;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn usage(path: &Path) {
    let usage = read(&MetadataFile::open(path).unwrap(), &Options::default()).unwrap();
    assert_eq!((usage.damaged, usage.consistent), (0, true));
    let exclusive: u64 = usage.devices.iter().filter_map(|device| device.exclusive_blocks).sum();
    println!("{} blocks read, {} exclusive", usage.read.blocks, exclusive);
}

/// Reads a live pool; fails if a consistent reading has damage.
fn live(path: &Path) {
    let usage = read(&MetadataFile::open(path).unwrap(), &Options::default()).unwrap();
    assert!(!usage.consistent || usage.damaged == 0, "{:?}", usage.damage);
    println!(
        "{} {}",
        if usage.consistent { "consistent after" } else { "never consistent in" },
        usage.attempts
    );
}

/// The lower bound: reads all used blocks, which are at the start of the file, in pieces of 64 KiB, and computes their
/// checksums in one thread.
fn only_read(path: &Path) {
    let used = {
        let mut page = vec![0; 4096];
        let source = MetadataFile::open(path).unwrap();
        source.read(0, &mut page).unwrap();
        u64::from_le_bytes(page[200..208].try_into().unwrap())
    };
    let source = MetadataFile::open(path).unwrap();
    let (mut sum, mut buffer) = (0_u32, vec![0; 64 << 10]);
    for first in (0..used).step_by(16) {
        let blocks = 16.min(used - first) as usize;
        source.read(first, &mut buffer[..blocks * 4096]).unwrap();
        buffer[..blocks * 4096].chunks(4096).for_each(|page| sum ^= crc32c::crc32c(&page[4..]));
    }
    println!("{used} blocks, {sum:#x}");
}

//! Reading big metadata, side by side in one run: `usage`, only reading and checking the same blocks, and
//! `thin_ls` if it is installed. `cargo bench --bench metadata`; with `-- --large` also 100 million mappings,
//! without `thin_ls` (which would need hours); with `-- --keep DIR` the metadata stays for other programs.
//! Times and memory are those of child processes, from their `/proc` files: the best wall time, the mean CPU
//! time (which comes in hundredths of a second), the most memory.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it stumbles"
)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use thinspect::metadata::{Blocks, MetadataFile, Options, read};

#[path = "../metadata/builder.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod builder;
#[path = "../metadata/pages.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod pages;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match (words.next().as_deref(), words.next()) {
        (Some("usage"), Some(path)) => usage(Path::new(&path)),
        (Some("read"), Some(path)) => only_read(Path::new(&path)),
        (Some("live"), Some(path)) => live(Path::new(&path)),
        (Some("--large"), _) => bench("large", 100_000, 0..1000, true),
        (Some("--keep"), Some(directory)) => {
            std::fs::write(Path::new(&directory).join("docker.bin"), generate(200_000, 0..1000, 4000))
                .unwrap();
        }
        _ => bench("docker", 4000, 0..1000, false),
    }
}

/// One base of so many blocks, snapshots of it, and so many blocks of its own in each, written in turn as
/// containers that run together do.
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

fn bench(name: &str, own: u64, snapshots: Range<u32>, large: bool) {
    let path = std::env::temp_dir().join(format!("thinspect-bench-{name}-{}", std::process::id()));
    std::fs::write(&path, generate(200_000, snapshots, own)).unwrap();
    let myself = std::env::current_exe().unwrap();
    println!("{:<10} {:>10} {:>10} {:>12}", name, "wall ms", "cpu ms", "resident KiB");
    let row = |name: &str, program: &PathBuf, words: &[&str], times: usize| {
        let runs: Vec<Run> = (0..times).map(|_| run(program, words, &path)).collect();
        let wall = runs.iter().map(|run| run.wall).min().unwrap();
        let cpu = runs.iter().map(|run| run.cpu).sum::<Duration>() / times as u32;
        let resident = runs.iter().map(|run| run.resident_kib).max().unwrap();
        println!(
            "{name:<10} {:>10.1} {:>10.1} {resident:>12}",
            wall.as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e3
        );
        wall.as_secs_f64()
    };
    let usage = row("usage", &myself, &["usage"], 9);
    let only = row("read only", &myself, &["read"], 9);
    println!("usage takes {:.2} times as long as reading and checking alone", usage / only);
    let thin_ls = PathBuf::from("thin_ls");
    if !large && Command::new(&thin_ls).arg("-V").stdout(Stdio::null()).status().is_ok() {
        let words = ["--no-headers", "-o", "DEV,MAPPED_BLOCKS,EXCLUSIVE_BLOCKS,SHARED_BLOCKS"];
        let other = row("thin_ls", &thin_ls, &words, 1);
        println!("thin_ls takes {:.0} times as long as usage", other / usage);
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
    let started = Instant::now();
    let mut child = Command::new(program).args(words).arg(file).stdout(Stdio::null()).spawn().unwrap();
    let status = wait(&mut child);
    Run { wall: started.elapsed(), ..status }
}

/// What a child used, from its own /proc files, which stay until it is waited for.
fn wait(child: &mut std::process::Child) -> Run {
    let mut run = Run { wall: Duration::ZERO, cpu: Duration::ZERO, resident_kib: 0 };
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let peak = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse().ok());
        run.resident_kib = run.resident_kib.max(peak.unwrap_or(0));
        if status.contains("State:\tZ") {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // Hundredths of a second, user and system.
    let ticks: u64 = fields[11..13].iter().map(|word| word.parse::<u64>().unwrap()).sum();
    run.cpu = Duration::from_millis(ticks * 10);
    child.wait().unwrap();
    run
}

fn usage(path: &Path) {
    let usage = read(&MetadataFile::open(path).unwrap(), &Options::default()).unwrap();
    assert_eq!((usage.damaged, usage.consistent), (0, true));
    let exclusive: u64 = usage.devices.iter().filter_map(|device| device.exclusive_blocks).sum();
    println!("{} blocks read, {} exclusive", usage.read.blocks, exclusive);
}

/// A pool in use: fails if what was read as consistent contradicts itself.
fn live(path: &Path) {
    let usage = read(&MetadataFile::open(path).unwrap(), &Options::default()).unwrap();
    assert!(!usage.consistent || usage.damaged == 0, "{:?}", usage.damage);
    println!(
        "{} {}",
        if usage.consistent { "consistent after" } else { "never consistent in" },
        usage.attempts
    );
}

/// The floor: all blocks in use, which stand first in the file, read in 64 KiB and checksummed by one thread.
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

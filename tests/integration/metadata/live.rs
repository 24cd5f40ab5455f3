//! Metadata that changes while being read, and the limits that the caller can set.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thinspect::metadata::{Blocks, Error, Memory, MetadataFile, Options, Progress, read};
use thinspect::metadata_probe;

use thinspect::record::owners::pool_metadata::Line;
use thinspect::record::probe::Machine;
use thinspect::record::{Query, Responder as _};

use super::builder::Pool;
use super::thin_tools::{Scratch, attach};
use super::{found, small_pool};

/// Switches from the first image to the second after this many reads.
struct Changing {
    images: [Memory; 2],
    reads: AtomicU64,
    after: u64,
}

impl Changing {
    fn new(after: u64) -> (Self, Pool) {
        let mut pool = small_pool();
        let first = Memory(pool.image(900));
        pool.snapshot(1, 8);
        pool.write(8, 40, 300);
        let grown = pool.image(0).len() as u64 / 4096;
        let second = Memory(pool.image(first.total() - grown));
        (Self { images: [first, second], reads: AtomicU64::new(0), after }, pool)
    }
}

impl Blocks for Changing {
    fn total(&self) -> u64 {
        self.images[0].total()
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        let later = self.reads.fetch_add(1, Ordering::Relaxed) >= self.after;
        self.images[usize::from(later)].read(first, buf)
    }
}

#[test]
fn a_change_on_the_way_is_noticed_and_read_again() {
    for after in 1..40 {
        let (changing, pool) = Changing::new(after);
        let usage = read(&changing, &Options::default()).unwrap();
        assert!(usage.consistent);
        if usage.attempts == 2 {
            assert_eq!((found(&usage), &usage.damage), (pool.truth(), &vec![]));
        } else {
            assert_eq!(found(&usage), small_pool().truth());
        }
    }
}

/// A superblock that is different at every read.
struct Restless(Memory, AtomicU64);

impl Blocks for Restless {
    fn total(&self) -> u64 {
        self.0.total()
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read(first, buf)?;
        if first == 0 {
            let time = self.1.fetch_add(1, Ordering::Relaxed) as u32;
            buf[44..48].copy_from_slice(&time.to_le_bytes());
            super::block_writer::seal(&mut buf[..4096], super::block_writer::SUPERBLOCK);
        }
        Ok(())
    }
}

#[test]
fn what_never_rests_is_given_up_and_said() {
    let pool = small_pool();
    let source = Restless(Memory(pool.image(9)), AtomicU64::new(0));
    let usage = read(&source, &Options { attempts: 3, ..Options::default() }).unwrap();
    assert_eq!((usage.consistent, usage.attempts, usage.changes), (false, 3, 3));
    // Not even the details are consistent.
    assert_eq!((usage.unaccounted_blocks, found(&usage)), (None, pool.truth()));
}

/// Changes at every read of the superblock from number `from` to `until`, and is corrupt in between.
struct Busy {
    now: Memory,
    looks: AtomicU64,
    from: u64,
    until: u64,
    /// The block that is overwritten during the change.
    bad: u64,
}

impl Blocks for Busy {
    fn total(&self) -> u64 {
        self.now.total()
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        self.now.read(first, buf)?;
        let look = self.looks.fetch_add(u64::from(first == 0), Ordering::Relaxed);
        if (self.from..self.until).contains(&look) {
            if first == 0 {
                buf[48..56].copy_from_slice(&look.to_le_bytes());
                super::block_writer::seal(&mut buf[..4096], super::block_writer::SUPERBLOCK);
            }
            let blocks = first..first + (buf.len() / 4096) as u64;
            if blocks.contains(&self.bad) {
                buf[(self.bad - first) as usize * 4096 + 100] ^= 1;
            }
        }
        Ok(())
    }
}

/// A leaf of mappings that belongs to one device only.
fn own_leaf(image: &[u8]) -> u64 {
    let key = (1_u64 << 30).to_le_bytes();
    (1_u64..).find(|block| image[*block as usize * 4096 + 32..][..8] == key).unwrap()
}

#[test]
fn of_a_busy_pool_the_details_are_exact_and_nothing_is_called_damage() {
    let pool = small_pool();
    let image = pool.image(9);
    let bad = own_leaf(&image);
    let source = Busy { now: Memory(image), looks: AtomicU64::new(0), from: 0, until: 6, bad };
    let usage = read(&source, &Options { attempts: 3, ..Options::default() }).unwrap();
    assert_eq!((usage.consistent, usage.attempts, usage.changes, usage.damaged), (false, 3, 3, 0));
    assert_eq!((&usage.damage, usage.skipped, usage.unaccounted_blocks), (&vec![], 1, None));
    for (device, (id, (mapped, exclusive, _))) in usage.devices.iter().zip(pool.truth()) {
        assert_eq!((device.device_id, device.mapped_blocks), (id, Some(mapped)));
        assert_eq!(device.exclusive_blocks, Some(exclusive).filter(|_| id != 70_000));
    }
}

#[test]
fn a_busy_pool_is_read_through_the_snapshot_that_somebody_holds() {
    let mut pool = small_pool();
    pool.hold();
    pool.write(1, 300, 40);
    let image = pool.image(9);
    let source =
        Busy { now: Memory(image), looks: AtomicU64::new(0), from: 0, until: u64::MAX, bad: u64::MAX };
    let usage = read(&source, &Options { attempts: 3, ..Options::default() }).unwrap();
    assert!(usage.through_held_root && usage.consistent);
    assert_eq!((found(&usage), usage.changes), (pool.held_truth(), 3));
}

/// Counts reads and delays them.
struct Slow(Busy, AtomicU64);

impl Blocks for Slow {
    fn total(&self) -> u64 {
        self.0.total()
    }

    fn read(&self, first: u64, buf: &mut [u8]) -> io::Result<()> {
        if first != 0 {
            self.1.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(60));
        }
        self.0.read(first, buf)
    }
}

#[test]
fn a_walk_that_is_overtaken_stops_early() {
    let pool = small_pool();
    let reads = |until| {
        let busy =
            Busy { now: Memory(pool.image(9)), looks: AtomicU64::new(0), from: 1, until, bad: u64::MAX };
        let slow = Slow(busy, AtomicU64::new(0));
        let usage = read(&slow, &Options { threads: 1, ..Options::default() }).unwrap();
        assert!(usage.consistent && found(&usage) == pool.truth());
        (usage.attempts, slow.1.into_inner())
    };
    let (once, whole) = reads(1);
    // The second read, after 50 ms, finds a change.
    let (conflicts, restarted) = reads(2);
    assert_eq!((once, conflicts), (1, 2));
    assert!(whole > 4 && restarted <= whole + 2, "{restarted} reads instead of {whole} and a few");
}

#[test]
fn a_held_snapshot_is_read_while_the_pool_goes_on() {
    let mut pool = small_pool();
    pool.hold();
    let source = Restless(Memory(pool.image(9)), AtomicU64::new(0));
    let options = Options { through_held_root: true, ..Options::default() };
    let usage = read(&source, &options).unwrap();
    assert_eq!((usage.consistent, usage.attempts, found(&usage)), (true, 1, pool.held_truth()));
    let none = read(&Memory(small_pool().image(9)), &options);
    assert!(matches!(none, Err(Error::NoHeldRoot)));
}

#[test]
fn cancelling_stops_and_progress_rises() {
    let cancel = AtomicBool::new(false);
    let seen = AtomicU64::new(0);
    let progress = |now: Progress| {
        assert!(now.blocks <= now.expected && now.blocks >= seen.swap(now.blocks, Ordering::Relaxed));
        cancel.store(now.blocks > 3, Ordering::Relaxed);
    };
    let options =
        Options { threads: 1, progress: Some(&progress), cancel: Some(&cancel), ..Options::default() };
    let result = read(&Memory(small_pool().image(9)), &options);
    assert!(matches!(result, Err(Error::Cancelled)));
    assert!(seen.into_inner() > 3);
}

#[test]
fn the_rate_is_kept() {
    let image = small_pool().image(9);
    let started = Instant::now();
    let options = Options { bytes_per_second: Some(1 << 20), ..Options::default() };
    let usage = read(&Memory(image), &options).unwrap();
    let due = Duration::from_micros(usage.read.bytes * 1_000_000 / (1 << 20));
    assert!(started.elapsed() >= due && due > Duration::ZERO);
}

#[test]
fn a_file_is_only_read() {
    let pool = small_pool();
    let image = pool.image(9);
    let file = Scratch::new(&image);
    let mut permissions = std::fs::metadata(&file.0).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&file.0, permissions).unwrap();
    let source = MetadataFile::open(&file.0).unwrap();
    assert_eq!(found(&read(&source, &Options::default()).unwrap()), pool.truth());
    assert!(std::fs::read(&file.0).unwrap() == image);
    assert!(MetadataFile::open(std::path::Path::new("/dev/null")).is_err());
    assert!(MetadataFile::open(std::path::Path::new("/")).is_err());
}

/// The kernel's count of sectors written to a block device.
fn sectors_written(device: &str) -> u64 {
    let name = device.rsplit('/').next().unwrap();
    let stat = std::fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
    stat.split_whitespace().nth(6).unwrap().parse().unwrap()
}

#[test]
fn loop_a_block_device_is_read_directly_and_never_written() {
    let pool = small_pool();
    let file = Scratch::new(&pool.image(9));
    let Some(device) = attach(&file) else { return };
    let before = sectors_written(&device.0);
    let source = MetadataFile::open(std::path::Path::new(&device.0)).unwrap();
    let usage = read(&source, &Options::default()).unwrap();
    assert_eq!((found(&usage), &usage.damage), (pool.truth(), &vec![]));
    assert_eq!(sectors_written(&device.0), before);
}

/// The recorded answer about a pool's metadata, queried by device number like the recorder does.
#[test]
fn loop_the_recorder_reads_the_devices_of_a_pool() {
    let pool = small_pool();
    let file = Scratch::new(&pool.image(9));
    let Some(device) = attach(&file) else { return };
    let before = sectors_written(&device.0);
    let name = device.0.rsplit('/').next().unwrap();
    let number = std::fs::read_to_string(format!("/sys/block/{name}/dev")).unwrap();
    let mut machine = Machine::new("/".into()).reading_metadata(Some(metadata_probe::pool_metadata));
    let outcome = machine.ask(Query::PoolMetadata, number.trim());
    let text = outcome.said().unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mapped: Vec<(u32, u64)> = pool.truth().iter().map(|(id, (mapped, ..))| (*id, *mapped)).collect();
    let mut told = Vec::new();
    for line in lines {
        match line {
            Line::Pool { devices, damaged, steady, .. } => {
                assert_eq!((devices, damaged, steady), (mapped.len(), 0, true));
            }
            Line::Device { id, mapped_blocks, .. } => told.push((id, mapped_blocks.unwrap())),
            Line::Damage { .. } => panic!("{line:?}"),
        }
    }
    assert_eq!(told, mapped);
    assert_eq!(sectors_written(&device.0), before);
}

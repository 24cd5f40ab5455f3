//! Reads a list of blocks in ascending order on a few threads, merging neighbours into one read, and passes
//! each block to a job.
//! Never follows pointers: each listed block is read once, and read errors go to the job.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::block::{BLOCK_BYTES, Page};
use super::damage::Error;
use super::source::Blocks;
use super::usage::Read;
use super::{Options, Progress};

/// Most blocks in one read, and in one thread's unit of work: 256 KiB, which fits a core's L2 cache.
const BATCH: usize = 64;
/// Largest distance between wanted blocks in one read: reading 32 KiB too much costs less than a seek.
const GAP: u32 = 8;
/// With more threads, memory bandwidth limits, not the device.
const THREADS_MAX: usize = 4;

/// How often a walk checks whether the metadata has changed: rare enough to cost nothing.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Processes blocks. `block` runs without a lock; `flush` then merges a batch into the shared state.
pub(super) trait Job: Sync {
    /// One thread's results since its last flush.
    type Batch: Default + Send;

    /// Processes one block, or the error that reading it gave.
    fn block(&self, batch: &mut Self::Batch, block: u32, page: Result<&Page, &io::Error>);

    /// Merges the batch into the job's own state and leaves it empty.
    fn flush(&self, batch: &mut Self::Batch);
}

/// Reads a source within the caller's limits, for one walk.
pub(super) struct Reader<'a> {
    source: &'a dyn Blocks,
    options: &'a Options<'a>,
    /// Estimate of the blocks that the walk will read, for the progress display.
    expected: AtomicU64,
    blocks: AtomicU64,
    bytes: AtomicU64,
    started: Instant,
    /// Whether the metadata is still unchanged; called every [`CHECK_INTERVAL`].
    unchanged: Option<&'a (dyn Fn() -> bool + Sync)>,
    /// When `unchanged` is called next, in milliseconds since `started`.
    next_check: AtomicU64,
    changed: AtomicBool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a dyn Blocks, options: &'a Options<'a>) -> Self {
        Self {
            source,
            options,
            expected: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            started: Instant::now(),
            unchanged: None,
            next_check: AtomicU64::new(millis(CHECK_INTERVAL)),
            changed: AtomicBool::new(false),
        }
    }

    /// Makes the reader abort with [`Error::Changed`] soon after `unchanged` returns false.
    pub(super) fn abort_unless(self, unchanged: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { unchanged: Some(unchanged), ..self }
    }

    /// Reads one block that is not part of a tree.
    pub(super) fn page(&self, block: u32) -> Option<Vec<u8>> {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        page(self.source, u64::from(block)).ok()
    }

    /// [`Options::details_only`].
    pub(super) fn details_only(&self) -> bool {
        self.options.details_only
    }

    /// The source itself.
    pub(super) fn source(&self) -> &'a dyn Blocks {
        self.source
    }

    /// Sets the estimate that progress is shown against.
    pub(super) fn expect(&self, blocks: u64) {
        self.expected.store(blocks, Ordering::Relaxed);
    }

    /// Blocks and bytes read so far.
    pub(super) fn read(&self) -> Read {
        Read { blocks: self.blocks.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Reads every block of `wanted`, which must be in ascending order, and passes each to the job.
    pub(super) fn sweep<J: Job>(&self, wanted: &[u32], job: &J) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let work = || self.work(wanted, &next, job);
        let threads = self.threads().min(wanted.len().div_ceil(BATCH));
        thread::scope(|scope| {
            for _ in 1..threads {
                // If a thread cannot be started, the others do its work.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        match (self.cancelled(), self.changed.load(Ordering::Relaxed)) {
            (true, _) => Err(Error::Cancelled),
            (_, true) => Err(Error::Changed),
            (false, false) => Ok(()),
        }
    }

    fn threads(&self) -> usize {
        match self.options.threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX),
            asked => asked,
        }
    }

    fn cancelled(&self) -> bool {
        self.options.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Whether to stop: the caller cancelled, or the metadata changed.
    fn stopped(&self) -> bool {
        let now = millis(self.started.elapsed());
        let due = self.next_check.load(Ordering::Relaxed);
        let next = now + millis(CHECK_INTERVAL);
        // Only the thread that wins the exchange checks.
        if let Some(unchanged) = self.unchanged
            && now >= due
            && self.next_check.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            && !unchanged()
        {
            self.changed.store(true, Ordering::Relaxed);
        }
        self.cancelled() || self.changed.load(Ordering::Relaxed)
    }

    fn work<J: Job>(&self, wanted: &[u32], next: &AtomicUsize, job: &J) {
        let mut batch = J::Batch::default();
        let span = wanted.first().zip(wanted.last()).map_or(0, |(first, last)| (last - first) as usize + 1);
        let room = BATCH.min(span) * BLOCK_BYTES;
        let mut memory = vec![0; room + BLOCK_BYTES];
        // O_DIRECT needs a buffer aligned to the block size.
        let skip = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        let Some(buffer) = memory.get_mut(skip..skip + room) else { return };
        while !self.stopped() {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            let end = wanted.len().min(start.saturating_add(BATCH));
            let Some(chunk) = wanted.get(start..end).filter(|chunk| !chunk.is_empty()) else { return };
            for run in chunk.chunk_by(|a, b| b - a <= GAP) {
                self.read_run(run, buffer, &mut |block, page| job.block(&mut batch, block, page));
            }
            job.flush(&mut batch);
            self.blocks.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            self.report();
        }
    }

    /// Reads blocks that lie close together, in as few reads as the buffer allows.
    fn read_run(&self, run: &[u32], buffer: &mut [u8], each: &mut dyn FnMut(u32, Result<&Page, &io::Error>)) {
        let mut rest = run;
        while let Some(&first) = rest.first() {
            let count = rest.partition_point(|&block| ((block - first) as usize) < BATCH);
            let (now, later) = rest.split_at(count);
            rest = later;
            let blocks = now.last().map_or(1, |last| last - first + 1) as usize;
            let Some(room) = buffer.get_mut(..blocks * BLOCK_BYTES) else { return };
            match self.read_blocks(first, room) {
                Ok(()) => {
                    let (pages, _) = room.as_chunks::<BLOCK_BYTES>();
                    for &block in now {
                        if let Some(page) = pages.get((block - first) as usize) {
                            each(block, Ok(page));
                        }
                    }
                }
                Err(error) if now.len() == 1 => each(first, Err(&error)),
                // Read one by one: a bad sector must not hide its neighbours.
                Err(_) => {
                    now.iter().for_each(|block| self.read_run(std::slice::from_ref(block), buffer, each))
                }
            }
        }
    }

    fn read_blocks(&self, first: u32, room: &mut [u8]) -> io::Result<()> {
        self.source.read(u64::from(first), room)?;
        let all = self.bytes.fetch_add(room.len() as u64, Ordering::Relaxed) + room.len() as u64;
        let Some(rate) = self.options.bytes_per_second.filter(|&rate| rate > 0) else { return Ok(()) };
        let due = u128::from(all) * 1_000_000 / u128::from(rate);
        let due = Duration::from_micros(u64::try_from(due).unwrap_or(u64::MAX));
        while let Some(wait) = due.checked_sub(self.started.elapsed()).filter(|wait| !wait.is_zero()) {
            if self.stopped() {
                break;
            }
            thread::sleep(wait.min(Duration::from_millis(50)));
        }
        Ok(())
    }

    fn report(&self) {
        if let Some(progress) = self.options.progress {
            let blocks = self.blocks.load(Ordering::Relaxed);
            progress(Progress { blocks, expected: self.expected.load(Ordering::Relaxed).max(blocks) });
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads one block outside a walk.
pub(super) fn page(source: &dyn Blocks, block: u64) -> Result<Vec<u8>, Error> {
    one(source, block).map_err(|error| match error.kind() {
        // Shorter than one block, so it cannot be metadata.
        io::ErrorKind::UnexpectedEof => Error::NotThinMetadata,
        _ => Error::Io(error),
    })
}

/// Reads one block without checking it.
///
/// # Errors
/// The source's read error.
pub fn one(source: &dyn Blocks, block: u64) -> io::Result<Vec<u8>> {
    let mut memory = vec![0; 2 * BLOCK_BYTES];
    let skip = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
    let room = memory.get_mut(skip..skip + BLOCK_BYTES).unwrap_or_default();
    source.read(block, room)?;
    Ok(room.to_vec())
}

//! Wires the reading of a pool's metadata: where it is, how far it has come, a metadata snapshot around it.
//! Refuses to leave a snapshot held: it is released at the end, and when this process is told to end before.

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use nix::sys::signal::{SigSet, Signal, raise};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use thinspect::cli;
use thinspect::host::{Host, backing::LoopFile, pool::Pool};
use thinspect::metadata::{self, MetadataFile, Options, Progress};
use thinspect::report::usage::{By, Column, Table};
use thinspect::snapshot::{self, Snapshot};

/// A pool's metadata, and what it says of each device.
pub(crate) fn read(path: &Path, options: &Options<'_>) -> Result<(MetadataFile, metadata::Usage)> {
    let file = MetadataFile::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let counted = metadata::read(&file, options).with_context(|| path.display().to_string());
    clear_progress();
    Ok((file, counted?))
}

/// Where a pool's metadata can be read: the file behind its loop device, which is always current, else the device. The
/// file only where it is certainly the one that is attached (its size is known then), and from its first byte on. To a
/// pool that is not set up nothing is attached: there it is the file that Docker would attach.
pub(crate) fn metadata_path(pool: &Pool, root: &Path) -> Result<PathBuf> {
    let backing = &pool.metadata_backing;
    let attached = |f: &LoopFile| f.size.is_some() || pool.device.is_none();
    let whole = |f: &&LoopFile| !f.deleted && attached(f) && f.offset.is_none_or(|offset| offset.0 == 0);
    let file = backing.file.as_ref().filter(whole).map(|f| f.path.as_str());
    let path = file.or(backing.path.as_deref());
    let path = path.with_context(|| format!("the metadata device of {} is not known", pool.label()))?;
    Ok(root.join(path.trim_start_matches('/')))
}

pub(crate) fn no_metadata() -> anyhow::Error {
    anyhow!("a recording does not hold the metadata itself: give a copy of it with --metadata")
}

/// The table that was asked for.
pub(crate) fn table(asked: &cli::Usage, now: Option<Timestamp>) -> Table {
    let by = match asked.by {
        cli::By::Device => By::Device,
        cli::By::Image => By::Image,
        cli::By::Container => By::Container,
    };
    let columns = asked.columns.iter().copied().map(column).collect();
    Table { by, columns, sort: asked.sort.map(column), now }
}

const fn column(column: cli::Column) -> Column {
    match column {
        cli::Column::Exclusive => Column::Exclusive,
        cli::Column::Shared => Column::Shared,
        cli::Column::Mapped => Column::Mapped,
        cli::Column::Frees => Column::Frees,
        cli::Column::Bar => Column::Bar,
        cli::Column::Age => Column::Age,
        cli::Column::State => Column::State,
        cli::Column::Id => Column::Id,
        cli::Column::Name => Column::Name,
    }
}

/// How often the bar moves.
const MOVES: Duration = Duration::from_millis(100);
/// Characters of the bar.
const BAR: u64 = 30;

/// Shows a bar of how far reading the metadata is, on a terminal, once it has taken a second.
pub(crate) fn progress() -> impl Fn(Progress) + Sync {
    let started = Instant::now();
    let terminal = io::stderr().is_terminal();
    // Milliseconds from the start at which it moves next.
    let next = AtomicU64::new(1000);
    move |now: Progress| {
        let elapsed = millis(started.elapsed());
        let due = next.load(Ordering::Relaxed);
        let mine = || {
            next.compare_exchange(due, elapsed + millis(MOVES), Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if terminal && elapsed >= due && mine() {
            let _ = write!(io::stderr(), "{}", bar(now));
        }
    }
}

fn bar(now: Progress) -> String {
    let of = |most: u64| now.blocks.saturating_mul(most) / now.expected.max(1);
    let full = usize::try_from(of(BAR).min(BAR)).unwrap_or_default();
    let empty = usize::try_from(BAR).unwrap_or_default().saturating_sub(full);
    let (full, empty) = ("#".repeat(full), "-".repeat(empty));
    format!("\rreading metadata [{full}{empty}] {:3} % of {} blocks ", of(100).min(100), now.expected)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn clear_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
}

/// The signals that ask a process to end.
const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
/// The least time a pool is given to take or release a snapshot: both commit, which slow disks take seconds for.
const LEAST: Duration = Duration::from_secs(10);

/// A metadata snapshot around the reading.
///
/// A signal that asks this process to end is answered by releasing the snapshot and then ending by that signal, so that
/// it is gone when the shell is back. Whatever ends the process otherwise, the snapshot's guardian sees.
pub(crate) struct Holding {
    held: Arc<Mutex<Option<Snapshot>>>,
    name: String,
}

impl Holding {
    /// Takes one. This process must have one thread.
    pub(crate) fn take(host: &Host, pool: &Pool, metadata: &Path, limit: Duration) -> Result<Self> {
        if let Some(why) = snapshot::refusal(host, pool) {
            return Err(anyhow!("no metadata snapshot is taken: {why}"));
        }
        let name = pool.name.clone().unwrap_or_default();
        let signals: SigSet = ENDING.into_iter().filter(|signal| !is_ignored(*signal)).collect();
        // Before the snapshot is there, so that none ends the process in between; threads inherit it.
        signals.thread_block().context("cannot hold signals back")?;
        let taken = Snapshot::take(&name, metadata, limit.max(LEAST));
        let held = Arc::new(Mutex::new(Some(taken?)));
        let holding = Self { held: Arc::clone(&held), name };
        let _ = thread::Builder::new().spawn(move || {
            let signal = signals.wait();
            let _ = release(&held, limit);
            clear_progress();
            let _ = signals.thread_unblock();
            signal.and_then(raise)
        });
        Ok(holding)
    }

    /// Releases it, unless somebody else already has; says which.
    pub(crate) fn release(self, limit: Duration) -> Result<&'static str> {
        match release(&self.held, limit) {
            Ok(()) => Ok("released again"),
            Err(snapshot::Error::NotOurs(_)) => Ok("somebody else released meanwhile"),
            Err(error) => {
                let command = snapshot::release_command(&self.name);
                Err(anyhow!("{error}; look at `thinspect status`, and if no program uses it: {command}"))
            }
        }
    }
}

/// Whether somebody who started this process wants it to live through a signal, as `nohup` does.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal as i32 - 1) & 1 != 0
}

fn release(held: &Mutex<Option<Snapshot>>, limit: Duration) -> Result<(), snapshot::Error> {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    held.take().map_or(Ok(()), |snapshot| snapshot.release(limit.max(LEAST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinspect::host::backing::Backing;
    use thinspect::host::table::DeviceNumber;

    #[test]
    fn a_file_of_unknown_size_is_taken_only_where_nothing_is_attached() {
        let file = LoopFile { path: "/metadata".into(), ..LoopFile::default() };
        let absent =
            Pool { metadata_backing: Backing { file: Some(file), ..Backing::default() }, ..Pool::default() };
        assert_eq!(metadata_path(&absent, Path::new("/host")).ok(), Some("/host/metadata".into()));
        let up = Pool { device: Some(DeviceNumber { major: 253, minor: 0 }), ..absent };
        assert!(metadata_path(&up, Path::new("/")).is_err());
    }
}

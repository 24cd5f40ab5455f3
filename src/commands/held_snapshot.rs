//! Holds a metadata snapshot while a pool is read.
//! Never leaves it held: it is released at the end, and before this process ends by a signal.

use super::metadata_file::clear_progress;
use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{SigSet, Signal, raise};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use thinspect::host::Host;
use thinspect::host::model::pool::Pool;
use thinspect::snapshot::{self, Snapshot};

/// The signals that ask a process to end.
const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
/// Shortest time limit for taking or releasing a snapshot: both commit, which can take seconds on slow disks.
const LEAST: Duration = Duration::from_secs(10);

/// A metadata snapshot that is held until [`Self::release`].
///
/// On a signal that asks this process to end, the snapshot is released first, so that it is gone when the shell prompt
/// returns. If the process ends in any other way, the snapshot's guardian releases it.
pub(crate) struct HeldSnapshot {
    held: Arc<Mutex<Option<Snapshot>>>,
    name: String,
}

impl HeldSnapshot {
    /// Takes a snapshot. Forks, so this process must have only one thread.
    pub(crate) fn take(host: &Host, pool: &Pool, metadata: &Path, limit: Duration) -> Result<Self> {
        if let Some(why) = snapshot::refusal(host, pool) {
            return Err(anyhow!("no metadata snapshot is taken: {why}"));
        }
        let name = pool.name.clone().unwrap_or_default();
        let signals: SigSet = ENDING.into_iter().filter(|signal| !is_ignored(*signal)).collect();
        // Blocked before the snapshot is taken, so that no signal ends the process in between. Threads inherit this.
        signals.thread_block().context("cannot hold signals back")?;
        let taken = Snapshot::take(&name, metadata, limit.max(LEAST));
        let held = Arc::new(Mutex::new(Some(taken?)));
        let snapshot = Self { held: Arc::clone(&held), name };
        let _ = thread::Builder::new().spawn(move || {
            let signal = signals.wait();
            let _ = release(&held, limit);
            clear_progress();
            let _ = signals.thread_unblock();
            signal.and_then(raise)
        });
        Ok(snapshot)
    }

    /// Releases the snapshot. Returns words for the notes: whether this or another program released it.
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

/// Whether this process was started with the signal ignored, as `nohup` does.
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

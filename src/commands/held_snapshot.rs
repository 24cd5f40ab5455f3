//! Holds a metadata snapshot while a pool is read.
//! It is never left held: it is released at the end, and when this process is told to end before.

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
/// The least time a pool is given to take or release a snapshot: both commit, which slow disks take seconds for.
const LEAST: Duration = Duration::from_secs(10);

/// A metadata snapshot around the reading.
///
/// A signal that asks this process to end is answered by releasing the snapshot and then ending by that signal, so that
/// it is gone when the shell is back. Whatever ends the process otherwise, the snapshot's guardian sees.
pub(crate) struct HeldSnapshot {
    held: Arc<Mutex<Option<Snapshot>>>,
    name: String,
}

impl HeldSnapshot {
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

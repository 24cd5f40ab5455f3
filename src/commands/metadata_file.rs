//! Finds and opens a pool's metadata, and shows the progress of reading it.
//! Never guesses: a file or device that is not certainly the pool's metadata is not read.

use anyhow::{Context, Result, anyhow};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thinspect::host::model::backing::LoopFile;
use thinspect::host::model::pool::Pool;
use thinspect::metadata::{self, MetadataFile, Options, Progress};

/// Opens the metadata and counts its blocks.
pub(crate) fn read(path: &Path, options: &Options<'_>) -> Result<(MetadataFile, metadata::Usage)> {
    let file = MetadataFile::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let usage = metadata::read(&file, options).with_context(|| path.display().to_string());
    clear_progress();
    Ok((file, usage?))
}

/// The path of a pool's metadata: the file behind its loop device, or else the device. The file is used only if it is
/// certainly the attached one (then its size is known) and attached from its first byte. If the pool is not set up,
/// nothing is attached, and it is the file that Docker would attach.
pub(crate) fn metadata_path(pool: &Pool, root: &Path) -> Result<PathBuf> {
    let backing = &pool.metadata_backing;
    let is_attached = |f: &LoopFile| f.size.is_some() || pool.device.is_none();
    let is_readable =
        |f: &&LoopFile| !f.deleted && is_attached(f) && f.offset.is_none_or(|offset| offset.0 == 0);
    let file = backing.file.as_ref().filter(is_readable).map(|f| f.path.as_str());
    let path = file.or(backing.path.as_deref());
    let path = path.with_context(|| format!("the metadata device of {} is not known", pool.label()))?;
    Ok(root.join(path.trim_start_matches('/')))
}

pub(crate) fn no_metadata() -> anyhow::Error {
    anyhow!("a recording does not hold the metadata itself: give a copy of it with --metadata")
}

/// Interval between redraws of the bar.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// Width of the bar in characters.
const BAR: u64 = 30;

/// Shows a progress bar on a terminal, once reading has taken a second.
pub(crate) fn progress() -> impl Fn(Progress) + Sync {
    let started = Instant::now();
    let terminal = io::stderr().is_terminal();
    // Time of the next redraw, in milliseconds since the start.
    let next = AtomicU64::new(1000);
    move |now: Progress| {
        let elapsed = millis(started.elapsed());
        let due = next.load(Ordering::Relaxed);
        if !terminal || elapsed < due {
            return;
        }
        // Only the thread that wins the exchange draws.
        let following = elapsed + millis(REDRAW_INTERVAL);
        if next.compare_exchange(due, following, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = write!(io::stderr(), "{}", bar(now));
        }
    }
}

fn bar(now: Progress) -> String {
    let scaled = |most: u64| now.blocks.saturating_mul(most) / now.expected.max(1);
    let full = usize::try_from(scaled(BAR).min(BAR)).unwrap_or_default();
    let empty = usize::try_from(BAR).unwrap_or_default().saturating_sub(full);
    let (full, empty) = ("#".repeat(full), "-".repeat(empty));
    format!("\rreading metadata [{full}{empty}] {:3} % of {} blocks ", scaled(100).min(100), now.expected)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn clear_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinspect::host::dm::table::DeviceNumber;
    use thinspect::host::model::backing::Backing;

    #[test]
    fn a_file_of_unknown_size_is_used_only_if_nothing_is_attached() {
        let file = LoopFile { path: "/metadata".into(), ..LoopFile::default() };
        let absent =
            Pool { metadata_backing: Backing { file: Some(file), ..Backing::default() }, ..Pool::default() };
        assert_eq!(metadata_path(&absent, Path::new("/host")).ok(), Some("/host/metadata".into()));
        let up = Pool { device: Some(DeviceNumber { major: 253, minor: 0 }), ..absent };
        assert!(metadata_path(&up, Path::new("/")).is_err());
    }
}

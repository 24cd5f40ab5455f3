//! The history file: appended to, limited in size, and replaced atomically when it gets too long.
//!
//! Never writes to a file that holds anything else, nor to a file on a watched pool, where writing would fail or hang
//! just when it matters. Two writers take turns. A line is written whole; only a crash can leave the last one torn.

use super::retention;
use crate::host::Host;
use crate::host::dm::table::DeviceNumber;
use crate::host::history::{self, Event, History, Moment, Sample};
use crate::record::LIMIT_FILE;
use anyhow::{Context, Result, anyhow};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{major, minor};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest file, in bytes; reading stops at the same limit.
const LONGEST: u64 = LIMIT_FILE as u64;
/// Size after trimming; the slack avoids rewriting the file on every append.
const SHORTENED: usize = LIMIT_FILE / 4 * 3;
/// Milliseconds after which a new sample is written in any case.
const INTERVAL: i64 = 60_000;
/// A sample is written earlier if use changed by more than this, in percent of the total.
const CHANGED_PERCENT: u64 = 1;
/// The beginning of every line.
const LINE_START: &str = "{\"schema\":\"thinspect-watch/";
/// Attempts to lock a file that another writer holds.
const TRIES: u32 = 20;
/// Wait between these attempts.
const RETRY_DELAY: Duration = Duration::from_millis(10);

/// An open history file.
pub struct Log {
    path: PathBuf,
    /// By pool: the last sample written.
    last: HashMap<String, Sample>,
}

impl Log {
    /// Opens or creates the history file.
    ///
    /// # Errors
    /// The file cannot be opened, holds something else, or is stored on one of the host's pools.
    pub fn open(path: &Path, host: &Host) -> Result<Self> {
        let name = path.display();
        // A link that the user named is followed; one that appears later is not.
        let resolved = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path),
            _ => Ok(path.to_owned()),
        };
        let path = resolved.with_context(|| format!("cannot keep a history in {name}"))?;
        let mut file = open(&path).with_context(|| format!("cannot keep a history in {name}"))?;
        let device = file.metadata()?.dev();
        let device = DeviceNumber::read(&format!("{}:{}", major(device), minor(device)));
        if let Some(thin) = host.thin_devices.iter().find(|t| device.is_some() && t.device == device) {
            return Err(anyhow!(
                "{name} lies on {}, in a pool that is to be watched: when that is full, so is the history; \
                 choose another place",
                thin.name
            ));
        }
        let mut start = vec![0; 64 * 1024];
        let length = file.read(&mut start)?;
        start.truncate(length);
        let text = String::from_utf8_lossy(&start);
        if !text.trim().is_empty() && !begins_as_history(&text) {
            return Err(anyhow!("{name} holds something else than a history; it was not touched"));
        }
        Ok(Self { path, last: HashMap::new() })
    }

    /// Appends all events, and the samples that differ enough from the last one written.
    ///
    /// # Errors
    /// Those of writing; the existing content stays.
    pub fn keep(&mut self, samples: &[Sample], events: &[Event]) -> Result<()> {
        let new: Vec<&Sample> = samples.iter().filter(|s| self.is_news(s)).collect();
        let lines: String = new.iter().map(|s| s.line()).chain(events.iter().map(Event::line)).collect();
        if lines.is_empty() {
            return Ok(());
        }
        append(&self.path, &lines).with_context(|| format!("cannot write {}", self.path.display()))?;
        for sample in new {
            self.last.insert(sample.pool.clone(), sample.clone());
        }
        Ok(())
    }

    fn is_news(&self, sample: &Sample) -> bool {
        let Some(last) = self.last.get(&sample.pool) else { return true };
        let since = sample.at.since(last.at);
        let is_due = sample.mode != last.mode || !(0..INTERVAL).contains(&since);
        let has_changed = sample.data.zip(last.data).is_some_and(|(is, was)| {
            is.total_blocks != was.total_blocks
                || is.used_blocks.abs_diff(was.used_blocks) > is.total_blocks / 100 * CHANGED_PERCENT
        });
        is_due || has_changed
    }
}

/// Whether a file begins like a history. One line may be torn or written by another version of this program.
fn begins_as_history(text: &str) -> bool {
    let read = history::read(text);
    let known = read.samples.len() + read.events.len();
    // After a crash there may be only a torn line, and a newer version may write unknown kinds of lines.
    let has_line_start = text.starts_with(LINE_START) || LINE_START.starts_with(text.trim_end());
    known > 0 && read.foreign <= known || read.foreign == 0 && has_line_start
}

fn open(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        // Do not wait for the other end of a FIFO, nor make a terminal the controlling one.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
}

/// Appends lines in one write. If the file would get too long, it is shortened first.
fn append(path: &Path, lines: &str) -> Result<()> {
    let mut file = locked(path)?;
    let length = file.metadata()?.len();
    if length.saturating_add(u64::try_from(lines.len())?) > LONGEST {
        let all = shortened(&mut file)? + lines;
        return replace(path, &all);
    }
    // If the last line is torn, start a new one, so that this line stays readable.
    let torn = length > 0 && last_byte(&mut file)? != b'\n';
    let lines = if torn { format!("\n{lines}") } else { lines.to_owned() };
    Ok(file.write_all(lines.as_bytes())?)
}

/// Opens and locks the file. Retries if the file was replaced between opening and locking it.
fn locked(path: &Path) -> Result<Flock<File>> {
    for _ in 0..TRIES {
        let Ok(file) = Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) else {
            std::thread::sleep(RETRY_DELAY);
            continue;
        };
        let (held, there) = (file.metadata()?, fs::metadata(path));
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
            return Ok(file);
        }
    }
    Err(anyhow!("another process holds it locked"))
}

fn last_byte(file: &mut File) -> Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// The shortened content of a file: the thinned history, cut to the newest lines that fit [`SHORTENED`].
fn shortened(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let mut history: History = history::read(&String::from_utf8_lossy(&bytes));
    retention::thin(&mut history);
    let mut lines: Vec<(Moment, String)> = history.samples.iter().map(|s| (s.at, s.line())).collect();
    lines.extend(history.events.iter().map(|e| (e.at, e.line())));
    lines.sort_by_key(|(at, _)| *at);
    let mut room = SHORTENED;
    let fits = |(_, line): &&(Moment, String)| {
        let left = room.checked_sub(line.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let kept = lines.iter().rev().take_while(fits).count();
    Ok(lines.into_iter().rev().take(kept).rev().map(|(_, line)| line).collect())
}

/// Replaces the content of the file atomically.
fn replace(path: &Path, text: &str) -> Result<()> {
    let old = fs::symlink_metadata(path)?;
    if !old.is_file() {
        return Err(anyhow!("it is no file any more"));
    }
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("history");
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    // `create_new` never follows a link.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    let written = made.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(old.permissions())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    Ok(replaced?)
}

#[cfg(test)]
mod tests;

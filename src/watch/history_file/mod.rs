//! The file that a history is kept in: appended to, bounded, and replaced as a whole when it is too long.
//!
//! It refuses files that are not its own, and files on a pool that is watched: writing there would fail or hang just
//! when it matters. Two writers take turns; a line is written in one piece or, if the machine dies, torn at the end.

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

/// Longest file, in bytes: as much as is read of it.
const LONGEST: u64 = LIMIT_FILE as u64;
/// Size after trimming; the slack avoids rewriting the file on every append.
const SHORTENED: usize = LIMIT_FILE / 4 * 3;
/// A sample is kept a minute after the one before, or when so much of the whole changed, in percent.
const APART: i64 = 60_000;
const CHANGED_PERCENT: u64 = 1;
/// How each line begins.
const TORN: &str = "{\"schema\":\"thinspect-watch/";
/// How often, and after how long, a file that another writer holds is tried again.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// A history's file.
pub struct Log {
    path: PathBuf,
    /// The last sample written of each pool.
    last: HashMap<String, Sample>,
}

impl Log {
    /// Takes a file for the history of a host's pools, which need not exist yet.
    ///
    /// # Errors
    /// It cannot be opened, holds something else, or lies on one of the pools.
    pub fn open(path: &Path, host: &Host) -> Result<Self> {
        let name = path.display();
        // A link that is there now is meant; one that comes later is not followed.
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

    /// Keeps events, and those samples that say something new.
    ///
    /// # Errors
    /// Those of writing; what was there stays.
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
        let other = sample.mode != last.mode || !(0..APART).contains(&since);
        let moved = sample.data.zip(last.data).is_some_and(|(is, was)| {
            is.total_blocks != was.total_blocks
                || is.used_blocks.abs_diff(was.used_blocks) > is.total_blocks / 100 * CHANGED_PERCENT
        });
        other || moved
    }
}

/// Whether the first lines are those of a history: one of them may be torn, or another program's.
fn begins_as_history(text: &str) -> bool {
    let read = history::read(text);
    let known = read.samples.len() + read.events.len();
    // A torn line is all that a machine that died may have left, and a newer program writes lines of kinds of its own.
    let begins = text.starts_with(TORN) || TORN.starts_with(text.trim_end());
    known > 0 && read.foreign <= known || read.foreign == 0 && begins
}

fn open(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        // Neither wait for the other end of a FIFO, nor make a terminal one's own.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
}

/// Appends lines in one write, and makes the file shorter first where it would be too long.
fn append(path: &Path, lines: &str) -> Result<()> {
    let mut file = locked(path)?;
    let length = file.metadata()?.len();
    if length.saturating_add(u64::try_from(lines.len())?) > LONGEST {
        let all = shortened(&mut file)? + lines;
        return replace(path, &all);
    }
    // A line that a writer before left torn must not take this one with it.
    let torn = length > 0 && last_byte(&mut file)? != b'\n';
    let lines = if torn { format!("\n{lines}") } else { lines.to_owned() };
    Ok(file.write_all(lines.as_bytes())?)
}

/// The file, and nobody else's while it is held. Whoever waited may hold one that was replaced meanwhile.
fn locked(path: &Path) -> Result<Flock<File>> {
    for _ in 0..TRIES {
        let Ok(file) = Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) else {
            std::thread::sleep(BETWEEN);
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

/// What is kept of a file: the thinned history, and of that the newest lines that fit.
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

/// Puts a whole new text in the place of the file: a reader sees the old one or the new one.
fn replace(path: &Path, text: &str) -> Result<()> {
    let old = fs::symlink_metadata(path)?;
    if !old.is_file() {
        return Err(anyhow!("it is no file any more"));
    }
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("history");
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    // Never through a link that somebody put there.
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

//! Finds deleted files that processes hold open, and counts inotify watches.
//!
//! Reads links and metadata below `/proc/PID/fd`; never opens a file of a process. Time, number of descriptors and
//! output are limited. Processes without permission are counted.

use super::files;
use super::root::Root;
use crate::record::Outcome;
use nix::errno::Errno;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Time limit for scanning all processes; the rest is left out.
const LIMIT: Duration = Duration::from_millis(400);
/// Most descriptors scanned.
const LIMIT_DESCRIPTORS: usize = 200_000;
/// Most deleted files kept, largest first.
const LIMIT_FILES: usize = 50;
/// Smaller deleted files are ignored.
const LEAST_BYTES: u64 = 1 << 20;
/// Most bytes read of all lists of watches together; one watch takes about a hundred.
const LIMIT_WATCHES: u64 = 4 << 20;
/// Suffix that the kernel adds to the path of a deleted file (fs/d_path.c).
const DELETED: &str = " (deleted)";
/// Link target of an inotify descriptor (fs/notify/inotify/inotify_user.c).
const INOTIFY: &str = "anon_inode:inotify";
/// Files in memory that take no space in a mounted filesystem.
const IN_MEMORY: [&str; 5] = ["/memfd:", "/SYSV", "/dev/zero", "/[aio]", "/anon_hugepage"];

/// A deleted file, with its line of output.
struct Deleted {
    bytes: u64,
    line: String,
}

/// inotify instances and watches of one user.
#[derive(Default)]
struct Watches {
    instances: u64,
    watches: u64,
}

struct Scan<'a> {
    root: &'a Root,
    started: Instant,
    descriptors: usize,
    files: Vec<Deleted>,
    watches: BTreeMap<u32, Watches>,
    watch_bytes: u64,
    refused: u64,
    left_out: u64,
}

/// One line per deleted file, largest first, then one per user with inotify instances, then what was left out.
pub(super) fn answer(root: &Root) -> Result<String, Outcome> {
    let mut scan = Scan {
        root,
        started: Instant::now(),
        descriptors: 0,
        files: Vec::new(),
        watches: BTreeMap::new(),
        watch_bytes: 0,
        refused: 0,
        left_out: 0,
    };
    let mut seen = 0_u64;
    for entry in fs::read_dir(root.place("/proc")).map_err(|e| super::refused_io(&e))?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        if scan.is_over() {
            scan.left_out += 1;
        } else {
            seen += u64::from(scan.process(pid));
        }
    }
    // Without permission only this process itself can be scanned.
    if seen <= 1 && scan.refused > 0 {
        return Err(Outcome::refused(Errno::EACCES));
    }
    Ok(scan.lines())
}

impl Scan<'_> {
    fn is_over(&self) -> bool {
        self.descriptors >= LIMIT_DESCRIPTORS || self.started.elapsed() > LIMIT
    }

    /// Scans one process; returns whether that was permitted.
    fn process(&mut self, pid: u32) -> bool {
        let directory = self.root.place(&format!("/proc/{pid}/fd"));
        let Ok(entries) = fs::read_dir(&directory) else {
            // A process that has ended holds no files.
            self.refused += u64::from(directory.exists());
            return false;
        };
        for entry in entries.flatten() {
            self.descriptors += 1;
            if self.descriptors >= LIMIT_DESCRIPTORS {
                break;
            }
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let target = target.to_string_lossy();
            let name = entry.file_name();
            if target == INOTIFY {
                self.watch(pid, &name.to_string_lossy());
            } else if let Some(path) = target.strip_suffix(DELETED) {
                self.deleted(pid, &name.to_string_lossy(), path);
            }
        }
        true
    }

    fn deleted(&mut self, pid: u32, descriptor: &str, path: &str) {
        if IN_MEMORY.iter().any(|start| path.starts_with(start)) {
            return;
        }
        let place = self.root.place(&format!("/proc/{pid}/fd/{descriptor}"));
        let Ok(file) = fs::metadata(place) else { return };
        let bytes = file.blocks().saturating_mul(512);
        if !file.is_file() || file.nlink() > 0 || bytes < LEAST_BYTES {
            return;
        }
        let command = fs::read_to_string(self.root.place(&format!("/proc/{pid}/comm"))).unwrap_or_default();
        let line = format!(
            "{pid}\t{descriptor}\t{}\t{}\t{bytes}\t{}\t{}",
            files::number(file.dev()),
            file.ino(),
            one_line(command.trim_end()),
            one_line(path)
        );
        self.files.push(Deleted { bytes, line });
        if self.files.len() > 4 * LIMIT_FILES {
            self.keep_largest();
        }
    }

    fn keep_largest(&mut self) {
        self.files.sort_by_key(|f| Reverse(f.bytes));
        self.files.truncate(LIMIT_FILES);
    }

    /// Counts an instance and its watches for the user of the process, as the kernel does.
    fn watch(&mut self, pid: u32, descriptor: &str) {
        let Ok(owner) = fs::metadata(self.root.place(&format!("/proc/{pid}"))) else { return };
        let place = self.root.place(&format!("/proc/{pid}/fdinfo/{descriptor}"));
        let watches = self.count_watches(&place);
        let counts = self.watches.entry(owner.uid()).or_default();
        counts.instances += 1;
        counts.watches += watches;
    }

    fn count_watches(&mut self, place: &Path) -> u64 {
        let Ok(file) = fs::File::open(place) else { return 0 };
        let mut text = Vec::new();
        let rest = LIMIT_WATCHES.saturating_sub(self.watch_bytes);
        let _ = file.take(rest).read_to_end(&mut text);
        self.watch_bytes += u64::try_from(text.len()).unwrap_or(rest);
        let lines = text.split(|b| *b == b'\n').filter(|line| line.starts_with(b"inotify wd:"));
        u64::try_from(lines.count()).unwrap_or(u64::MAX)
    }

    fn lines(mut self) -> String {
        self.keep_largest();
        let mut lines: Vec<String> = self.files.into_iter().map(|f| f.line).collect();
        for (user, counts) in &self.watches {
            lines.push(format!("inotify\t{user}\t{}\t{}", counts.instances, counts.watches));
        }
        if self.refused > 0 {
            lines.push(format!("({} processes may not be looked into)", self.refused));
        }
        if self.left_out > 0 {
            lines.push(format!("({} processes were left out for want of time)", self.left_out));
        }
        lines.join("\n")
    }
}

/// The text without tabs and line breaks, which separate fields and lines.
fn one_line(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_open_deleted_file_is_found_and_an_existing_one_is_not() {
        let path = |name: &str| std::env::temp_dir().join(format!("thinspect-{name}-{}", std::process::id()));
        let make = |name: &str| {
            let mut file = fs::File::create(path(name)).unwrap();
            file.write_all(&vec![1; 3 << 20]).unwrap();
            file
        };
        let (_gone, _there) = (make("open-gone"), make("open-there"));
        fs::remove_file(path("open-gone")).unwrap();
        let said = answer(&Root::new("/".into()));
        fs::remove_file(path("open-there")).unwrap();
        let said = said.unwrap_or_else(|_| String::from("refused"));
        let own = format!("{}\t", std::process::id());
        assert!(said.lines().any(|l| l.starts_with(&own) && l.contains("open-gone")), "{said}");
        assert!(!said.contains("open-there"), "{said}");
    }
}

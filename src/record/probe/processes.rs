//! Finds running programs by name in `/proc`, with their process ids and arguments.
//!
//! Reads the arguments only of the queried program. Reading those of a process in uninterruptible sleep may block; the
//! worker process protects against that.

use super::root::Root;
use crate::record::Outcome;
use crate::record::redact;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Length of a program's name in the kernel (`TASK_COMM_LEN` without the terminator, include/linux/sched.h).
const NAME_BYTES: usize = 15;
/// Shortest time that a scan of `/proc` is reused for other queries.
const FRESH: Duration = Duration::from_millis(500);
/// A scan is also reused for this many times its own duration, so that hosts with thousands of processes are not
/// scanned for each query.
const FRESH_TIMES: u32 = 10;

/// The running programs, from a scan that serves several queries.
#[derive(Default)]
pub(super) struct Programs {
    scan: Option<Scan>,
}

struct Scan {
    stale_at: Instant,
    /// Process ids and names, in the order of ids.
    programs: Vec<(u32, String)>,
}

impl Programs {
    /// One line per process, `PID<tab>ARGUMENT…`, in the order of ids. Processes in other process namespaces, such as a
    /// dockerd in a container, are left out.
    pub(super) fn of_name(&mut self, root: &Root, name: &str) -> Result<String, Outcome> {
        let short: String = name.chars().take(NAME_BYTES).collect();
        let namespace = |pid: u32| fs::read_link(place(root, pid, "ns/pid")).ok();
        let first = namespace(1);
        let mut lines = Vec::new();
        for pid in self.fresh(root)?.iter().filter(|(_, n)| *n == short).map(|(pid, _)| *pid) {
            let inner = first.is_some() && namespace(pid).is_some_and(|n| Some(n) != first);
            // A process that has ended has no arguments.
            let Ok(bytes) = fs::read(place(root, pid, "cmdline")) else { continue };
            if !inner && !bytes.is_empty() {
                lines.push(redact::arguments(&format!("{pid}\t{}", arguments(&bytes))));
            }
        }
        Ok(lines.join("\n"))
    }

    fn fresh(&mut self, root: &Root) -> Result<&[(u32, String)], Outcome> {
        let started = Instant::now();
        if self.scan.as_ref().is_none_or(|scan| started >= scan.stale_at) {
            let programs = scan(root)?;
            let stale_at = Instant::now() + FRESH.max(started.elapsed() * FRESH_TIMES);
            self.scan = Some(Scan { stale_at, programs });
        }
        Ok(self.scan.as_ref().map(|scan| scan.programs.as_slice()).unwrap_or_default())
    }
}

fn place(root: &Root, pid: u32, file: &str) -> PathBuf {
    root.place(&format!("/proc/{pid}/{file}"))
}

fn scan(root: &Root) -> Result<Vec<(u32, String)>, Outcome> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(root.place("/proc")).map_err(|e| super::refused_io(&e))?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        if is_kernel_thread(root, pid) {
            continue;
        }
        if let Some(name) = name(&place(root, pid, "comm")) {
            programs.push((pid, name));
        }
    }
    programs.sort_unstable();
    Ok(programs)
}

/// Whether it is certainly a kernel thread, which has no executable (fs/proc/base.c, `proc_exe_link`). Device-mapper
/// has several for each device.
fn is_kernel_thread(root: &Root, pid: u32) -> bool {
    fs::read_link(place(root, pid, "exe")).is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

/// The name in a `comm` file, in a single read.
fn name(comm: &Path) -> Option<String> {
    let mut name = [0_u8; NAME_BYTES + 1];
    let length = fs::File::open(comm).ok()?.read(&mut name).ok()?;
    let name = String::from_utf8_lossy(name.get(..length)?);
    Some(name.trim_end_matches('\n').to_owned())
}

/// Separates the NUL-terminated arguments by tabs. A tab or line feed in an argument becomes a blank.
fn arguments(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\0').replace(['\t', '\n'], " ").replace('\0', "\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_finds_itself() {
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        let said = Programs::default().of_name(&Root::new("/".into()), name.trim_end()).unwrap();
        let own = format!("{}\t", std::process::id());
        assert!(said.lines().any(|l| l.starts_with(&own)), "{said}");
        assert_eq!(Programs::default().of_name(&Root::new("/".into()), "no-such-program").unwrap(), "");
    }

    #[test]
    fn arguments_stay_apart() {
        assert_eq!(arguments(b"dockerd\0-g\0/a b\0"), "dockerd\t-g\t/a b");
        assert_eq!(arguments(b"x\0a\tb\nc\0"), "x\ta b c");
    }
}

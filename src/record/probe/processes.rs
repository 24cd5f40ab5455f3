//! Which programs run, from `/proc`: process ids and arguments of one name.
//!
//! It reads the arguments only of programs that were asked for; those of a process in uninterruptible sleep
//! may block the reader, which is why a worker asks.

use super::root::Root;
use crate::record::Outcome;
use crate::record::redact;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The kernel keeps so many bytes of a program's name (`TASK_COMM_LEN` less the end, include/linux/sched.h).
const NAME_BYTES: usize = 15;
/// How long one look through `/proc` serves several questions, at least.
const FRESH: Duration = Duration::from_millis(500);
/// And so many times as long as it took: a host with thousands of processes is not looked through for each question.
const FRESH_TIMES: u32 = 10;

/// All programs that run, looked up once for several questions.
#[derive(Default)]
pub(super) struct Programs {
    seen: Option<Seen>,
}

struct Seen {
    stale_at: Instant,
    /// Process ids and names, in the order of ids.
    programs: Vec<(u32, String)>,
}

impl Programs {
    /// One line a process: `PID<tab>ARGUMENT…`, in the order of ids. Processes of inner process namespaces,
    /// such as a dockerd in a container, are left out.
    pub(super) fn of_name(&mut self, root: &Root, name: &str) -> Result<String, Outcome> {
        let short: String = name.chars().take(NAME_BYTES).collect();
        let namespace = |pid: u32| fs::read_link(place(root, pid, "ns/pid")).ok();
        let first = namespace(1);
        let mut lines = Vec::new();
        for pid in self.fresh(root)?.iter().filter(|(_, n)| *n == short).map(|(pid, _)| *pid) {
            let inner = first.is_some() && namespace(pid).is_some_and(|n| Some(n) != first);
            // A process that ended meanwhile has no arguments any more.
            let Ok(bytes) = fs::read(place(root, pid, "cmdline")) else { continue };
            if !inner && !bytes.is_empty() {
                lines.push(redact::arguments(&format!("{pid}\t{}", arguments(&bytes))));
            }
        }
        Ok(lines.join("\n"))
    }

    fn fresh(&mut self, root: &Root) -> Result<&[(u32, String)], Outcome> {
        let started = Instant::now();
        if self.seen.as_ref().is_none_or(|seen| started >= seen.stale_at) {
            let programs = look(root)?;
            let stale_at = Instant::now() + FRESH.max(started.elapsed() * FRESH_TIMES);
            self.seen = Some(Seen { stale_at, programs });
        }
        Ok(self.seen.as_ref().map(|seen| seen.programs.as_slice()).unwrap_or_default())
    }
}

fn place(root: &Root, pid: u32, file: &str) -> PathBuf {
    root.place(&format!("/proc/{pid}/{file}"))
}

fn look(root: &Root) -> Result<Vec<(u32, String)>, Outcome> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(root.place("/proc")).map_err(|e| super::refused_io(&e))?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        if let Some(name) = (!is_kernels(root, pid)).then(|| name(&place(root, pid, "comm"))).flatten() {
            programs.push((pid, name));
        }
    }
    programs.sort_unstable();
    Ok(programs)
}

/// Whether it is certainly a thread of the kernel's, which runs no file (fs/proc/base.c, `proc_exe_link`). Device-mapper
/// has one for each device.
fn is_kernels(root: &Root, pid: u32) -> bool {
    fs::read_link(place(root, pid, "exe")).is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

/// The name in a `comm` file; the kernel gives it at once.
fn name(comm: &Path) -> Option<String> {
    let mut name = [0_u8; NAME_BYTES + 1];
    let length = fs::File::open(comm).ok()?.read(&mut name).ok()?;
    let name = String::from_utf8_lossy(name.get(..length)?);
    Some(name.trim_end_matches('\n').to_owned())
}

/// The arguments, ended by NUL bytes in `/proc`, separated by tabs; a tab or newline inside one becomes a
/// blank.
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

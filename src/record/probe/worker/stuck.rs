//! Remembers the queries that abandoned processes still wait for, so that a program that repeats its queries, such as
//! an exporter, or is run again and again, such as a check, does not abandon another process each time.
//!
//! Stored per thread; only one thread makes queries. Processes that other runs abandoned have the query in their name.

use super::{Query, has_ended};
use nix::unistd::Pid;
use std::cell::RefCell;
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// An abandoned process and its query.
struct Stuck {
    pid: Pid,
    query: Query,
    target: String,
    /// Its worker is gone, so that it is reaped here.
    is_orphan: bool,
}

/// A process of another run, as `/proc` shows it.
struct Orphan {
    place: PathBuf,
    name: String,
}

thread_local! {
    static ORPHANS: RefCell<Option<Vec<Orphan>>> = const { RefCell::new(None) };
    static STUCK: RefCell<Vec<Stuck>> = const { RefCell::new(Vec::new()) };
}

/// Remembers that a process did not answer a query in time.
pub(super) fn note(pid: Pid, (query, target): (Query, &str)) {
    let stuck = Stuck { pid, query, target: target.to_owned(), is_orphan: false };
    STUCK.with_borrow_mut(|all| all.push(stuck));
}

/// Forgets processes that have ended. Orphans are reaped here; `abandoned` are those that a worker still has.
pub(super) fn reap(abandoned: &[Pid]) {
    STUCK.with_borrow_mut(|all| {
        all.retain(|stuck| match stuck.is_orphan {
            true => !has_ended(stuck.pid),
            false => abandoned.contains(&stuck.pid) || !has_ended(stuck.pid),
        });
    });
}

/// Takes over processes whose worker is gone.
pub(super) fn leave(abandoned: &[Pid]) {
    STUCK.with_borrow_mut(|all| {
        for pid in abandoned {
            match all.iter_mut().find(|stuck| stuck.pid == *pid) {
                Some(stuck) => stuck.is_orphan = true,
                // It has no open query, and is about to end.
                None => all.push(Stuck {
                    pid: *pid,
                    query: Query::Unknown,
                    target: String::new(),
                    is_orphan: true,
                }),
            }
        }
    });
}

/// Whether an abandoned process still waits for this query.
pub(super) fn is_stuck(query: Query, target: &str) -> bool {
    STUCK.with_borrow(|all| all.iter().any(|stuck| stuck.query == query && stuck.target == target))
}

/// The name of a process while it asks this: what the kernel keeps of it are 15 bytes.
pub(super) fn name(question: &[u8]) -> CString {
    // FNV-1a, as the name has to be the same in each version.
    let hash = question
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    CString::new(format!("{PREFIX}{hash:08x}")).unwrap_or_default()
}

const PREFIX: &str = "thins-";

/// Whether a process of another run still waits for the answer to this question, although it was killed.
pub(super) fn is_asked_by_an_orphan(question: &[u8]) -> bool {
    let name = name(question);
    let same = |orphan: &Orphan| orphan.name.as_bytes() == name.as_bytes();
    ORPHANS.with_borrow_mut(|all| {
        let all = all.get_or_insert_with(|| orphans(Path::new("/proc")));
        all.iter()
            .any(|orphan| same(orphan) && orphan_at(&orphan.place).is_some_and(|now| now.name == orphan.name))
    })
}

/// What other runs left behind.
fn orphans(proc: &Path) -> Vec<Orphan> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| orphan_at(&entry.path())).collect()
}

/// A process that bears such a name, is in uninterruptible sleep, and has to end once it wakes: one that nobody has killed may
/// be another run's at work.
fn orphan_at(place: &Path) -> Option<Orphan> {
    let stat = std::fs::read_to_string(place.join("stat")).ok()?;
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    if !name.starts_with(PREFIX) || !after.starts_with('D') {
        return None;
    }
    let status = std::fs::read_to_string(place.join("status")).ok()?;
    let pending = |field: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    let killed = [pending("SigPnd:"), pending("ShdPnd:")].into_iter().flatten().any(|mask| mask & KILL != 0);
    killed.then(|| Orphan { place: place.to_owned(), name: name.to_owned() })
}

/// SIGKILL in a mask of signals.
const KILL: u64 = 1 << 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_run_left_behind_is_known_by_its_name() {
        let proc = std::env::temp_dir().join(format!("thinspect-orphans-{}", std::process::id()));
        let question = name(b"status of pool").into_string().unwrap();
        let process = |pid: u32, name: &str, state: char, pending: &str| {
            let place = proc.join(pid.to_string());
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("stat"), format!("{pid} ({name}) {state} 1 1 1")).unwrap();
            std::fs::write(place.join("status"), format!("Name:\t{name}\nShdPnd:\t{pending}\n")).unwrap();
        };
        process(11, &question, 'D', "0000000000000100");
        // At work, asleep or another program.
        process(12, &question, 'D', "0000000000000000");
        process(13, &question, 'S', "0000000000000100");
        process(14, "thinspect", 'D', "0000000000000100");
        process(15, "a) D (b", 'D', "0000000000000100");
        let found = orphans(&proc);
        assert_eq!(found.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), [question.as_str()]);
        process(11, "another", 'D', "0000000000000100");
        assert!(orphan_at(&found[0].place).is_none(), "its number is another's by now");
        std::fs::remove_dir_all(&proc).unwrap();
    }

    #[test]
    fn names_fit_and_tell_questions_apart() {
        assert!(name(b"one").as_bytes().len() <= 15);
        assert_ne!(name(b"one"), name(b"two"));
    }
}

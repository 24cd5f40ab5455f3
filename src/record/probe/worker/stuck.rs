//! Which questions processes still wait for that were left behind: a program that asks again and again, such as an exporter,
//! must not leave one more behind each time.
//!
//! Kept for each thread: the program that asks has one.

use super::{Query, has_ended};
use nix::unistd::Pid;
use std::cell::RefCell;

/// A process that was left behind.
struct Stuck {
    pid: Pid,
    /// What it was asked, of what.
    query: Query,
    target: String,
    /// Whether nobody else waits for its end any more.
    is_orphan: bool,
}

thread_local! {
    static STUCK: RefCell<Vec<Stuck>> = const { RefCell::new(Vec::new()) };
}

/// Notes that a process did not answer a question in time.
pub(super) fn note(pid: Pid, (query, target): (Query, &str)) {
    let stuck = Stuck { pid, query, target: target.to_owned(), is_orphan: false };
    STUCK.with_borrow_mut(|all| all.push(stuck));
}

/// Forgets those that ended: orphans are waited for here, the others are those that a worker still has.
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
                // It was not asked anything, and is about to end.
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

/// Whether a process still waits for the answer to this question.
pub(super) fn is_stuck(query: Query, target: &str) -> bool {
    STUCK.with_borrow(|all| all.iter().any(|stuck| stuck.query == query && stuck.target == target))
}

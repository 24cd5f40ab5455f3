//! Remembers the queries that abandoned processes still wait for, so that a program that repeats its queries, such as
//! an exporter, does not abandon another process each time.
//!
//! Stored per thread; only one thread makes queries.

use super::{Query, has_ended};
use nix::unistd::Pid;
use std::cell::RefCell;

/// An abandoned process and its query.
struct Stuck {
    pid: Pid,
    query: Query,
    target: String,
    /// Its worker is gone, so that it is reaped here.
    is_orphan: bool,
}

thread_local! {
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

//! Rule: no free data block is left in the pool.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::dm::status::{Mode, WhenFull};
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool has no free data block: whatever is written to new space waits or fails.
    ///
    /// ## What it means
    /// Every data block belongs to some thin device. Reads, writes to blocks that a device already owns
    /// alone, and deletions still work. A write that needs a new block waits at first (`queue_if_no_space`,
    /// unless the pool was set up with `error_if_no_space`): for `no_space_timeout` seconds, 60 by default, 0
    /// for ever. After that grace the kernel makes all such writes fail. A status line that says
    /// `error_if_no_space` where the table asks for no such thing means that the grace has passed.
    ///
    /// A pool that says `out_of_data_space` while blocks are free has either not looked again yet, which takes a
    /// second, or cannot find them. That is so in a full pool whose metadata `thin_repair` or `thin_restore` wrote,
    /// after a growth that ends within the same bitmap of 16320 blocks; a growth past it is found.
    ///
    /// ## Why it matters
    /// While writes wait, everything that writes hangs, `docker` commands included. Once they fail, data that
    /// programs believed written is lost and filesystems in the pool turn read-only or damaged.
    ///
    /// ## What to do
    /// Make room before the grace ends, or grow the pool: deleting and growing both work on a full pool
    /// (`thinspect plan free`, `thinspect plan grow`). After the grace, check every filesystem that was being
    /// written to.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `set_pool_mode` and `do_no_space_timeout`;
    /// Documentation/admin-guide/device-mapper/thin-provisioning.rst.
    ///
    /// ## Example
    /// ```host
    /// docker-254:0-524311-pool: 0 1228800 thin-pool 6 484/4096 9600/9600 - out_of_data_space discard_passdown queue_if_no_space - 1024
    /// ```
    /// The kernel's own line is enough:
    /// ```host
    /// device-mapper: thin: 253:4: switching pool to out-of-data-space (error IO) mode
    /// ```
    /// Nearly full is not full:
    /// ```host quiet
    /// docker-254:0-524311-pool: 0 1228800 thin-pool 6 484/4096 9500/9600 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "data-full", since "0.1.0", check
}

/// `no_space_timeout`, the seconds that writes wait: the kernel module's default.
const GRACE_SECS: u64 = 60;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

/// The evidence that a pool is full: name of the fact, its value, and the certainty.
fn fullness(host: &Host, pool: &Pool) -> Option<(&'static str, &'static str, Certainty)> {
    if pool.mode == Some(Mode::OutOfDataSpace) {
        return Some(("mode", "out_of_data_space", Certainty::Certain));
    }
    if queries::health(host, pool) == Some('D') {
        return Some(("health in the attributes", "D, out of data space", Certainty::Certain));
    }
    if pool.data.is_full() {
        let sure = pool.data.exact || nothing_available(pool);
        return Some(("data", "all in use", if sure { Certainty::Certain } else { Certainty::Likely }));
    }
    let refused = pool.refused_data.is_some_and(|r| r.free == Some(0));
    let seen_since = pool.data.pair().is_some();
    (refused && !seen_since).then_some(("free data blocks in Docker's refusal", "0", Certainty::Certain))
}

fn nothing_available(pool: &Pool) -> bool {
    let available = pool.docker_info.as_ref().and_then(|i| i.data_available);
    available.is_some_and(|b| b.0 == 0)
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let (fact, value, certainty) = fullness(host, pool)?;
    let (state, _) = writes(host, pool);
    let hidden = pool.data.free().filter(|free| pool.data.exact && free.0 > 0);
    let summary = match hidden {
        Some(free) => format!(
            "The pool is out of data space: the kernel finds none of {} blocks that it counts as free; {state}",
            free.0
        ),
        None => format!("The pool is full: no data block is free; {state}"),
    };
    let mut finding = Finding::new(&RULE, Severity::Critical, certainty, Subject::pool(pool), summary)
        .with_evidence(fact, value, queries::source(pool));
    if let Some(used) = queries::used_of(&pool.data) {
        finding = finding.with_evidence("data in use", used, queries::source(pool));
    }
    let lines = log_findings::lines(host, &[Message::PoolQueuesWrites, Message::PoolFailsWrites]);
    Some(advise_on(
        finding.with_evidence("writes", state, "status and table").with_log_lines(&lines),
        host,
        pool,
    ))
}

/// What happens to writes now, and whether the timeout has passed.
fn writes(host: &Host, pool: &Pool) -> (String, bool) {
    let grace = host.kernel.no_space_timeout.unwrap_or(GRACE_SECS);
    let error_was_said =
        log_findings::any(host, &[Message::PoolFailsWrites]) && !queries::state_is_known(pool);
    if pool.needs_check == Some(true) {
        return ("it is read-only, and can grow only after its repair".to_owned(), true);
    }
    match (pool.when_full, pool.when_full_requested) {
        (Some(WhenFull::Error), Some(WhenFull::Queue)) => (
            format!(
                "the grace of {grace} s has passed, so writes to new space fail and what they held is lost"
            ),
            true,
        ),
        (Some(WhenFull::Error), Some(WhenFull::Error)) => {
            ("writes to new space fail at once, as the pool was set up (error_if_no_space)".to_owned(), false)
        }
        (Some(WhenFull::Error), None) => {
            let text = "writes to new space fail (the grace is over, unless the table asks for errors)";
            (text.to_owned(), true)
        }
        _ if error_was_said => ("the kernel has begun to fail writes to new space".to_owned(), true),
        (Some(WhenFull::Queue), _) if grace == 0 => ("writes to new space wait for ever".to_owned(), false),
        (Some(WhenFull::Queue), _) => match pool.mode_secs.filter(|secs| *secs < grace) {
            Some(secs) => {
                let left = grace - secs;
                (format!("writes to new space have waited for {secs} s, and fail in {left} s"), false)
            }
            None => (format!("writes to new space wait, and fail {grace} s after it filled"), false),
        },
        (None, _) => ("writes to new space wait or fail".to_owned(), false),
    }
}

fn advise_on(finding: Finding, host: &Host, pool: &Pool) -> Finding {
    if pool.needs_check == Some(true) {
        return finding.advise(advice::repair(pool));
    }
    let passed = writes(host, pool).1;
    let errors = "see which filesystems met errors: each needs a check before it is trusted again";
    let errors = advice::inspect(errors, &["dmesg | grep -E 'dm-[0-9]+|XFS|EXT4'"]);
    finding
        .advise_all(advice::free_space(host, pool))
        .advise_all(advice::grow_data(host, pool, None))
        .advise_all(passed.then_some(errors))
}

/// No pool was seen, but the log says that one is full.
fn check_log(host: &Host) -> Option<Finding> {
    let names = [
        Message::NoSpaceBelow,
        Message::PoolOutOfDataSpace,
        Message::PoolQueuesWrites,
        Message::PoolFailsWrites,
        Message::NoFreeData,
    ];
    let lines = log_findings::not_superseded(host, &names);
    let first = lines.first()?;
    // The last line counts: a pool that queues writes fails them later.
    let now = match lines.last()?.message() {
        Message::PoolFailsWrites => "its grace has passed and writes to new space fail",
        Message::NoSpaceBelow => "writes to new space fail",
        Message::PoolQueuesWrites => "writes to new space wait",
        _ => "writes to new space wait or fail",
    };
    let contradicted = queries::pool_of(host, first).is_some_and(queries::has_room);
    let certainty = if contradicted { Certainty::Possible } else { Certainty::Certain };
    let summary = format!("A pool is full: the kernel or a tool says so; {now}");
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding = log_findings::finding(&RULE, (Severity::Critical, certainty), &lines, subject, summary)?;
    let pool = queries::pool_of(host, first).cloned().unwrap_or_default();
    Some(finding.advise(advice::status(&pool)).advise_all(advice::free_space(host, &pool)))
}

//! Rule: the pool is suspended.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::units::{Blocks, SECTOR, Sectors};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool is suspended: every read and write of its thin devices waits until it is resumed.
    ///
    /// ## What it means
    /// Suspending is a step of every resize and lasts a moment. A pool that stays suspended was left so by a
    /// resize that stopped halfway: a refused table (one that would shrink the pool, for instance) leaves it
    /// suspended.
    ///
    /// ## Why it matters
    /// Containers and `docker` hang, without any error, for as long as it lasts. The pool's status still
    /// answers.
    ///
    /// ## What to do
    /// If no resize is running, resume it. If a table was loaded that the kernel refuses, load the old one
    /// again first.
    ///
    /// ## References
    /// dmsetup(8), `suspend` and `resume`; Linux drivers/md/dm-thin.c, `pool_preresume`.
    ///
    /// ## Example
    /// ```host
    /// Name:              docker-pool
    /// State:             SUSPENDED
    /// Tables present:    LIVE
    /// docker-pool: 0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// ```
    /// ```host quiet
    /// Name:              docker-pool
    /// State:             ACTIVE
    /// Tables present:    LIVE
    /// docker-pool: 0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// ```
    "pool-suspended", since "0.1.0", check
}

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::PoolIsSuspended],
    summary: "The kernel says that a pool is suspended: nothing in it can be activated",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    more.map(|f| f.advise(advice::kernel_log())).into_iter().collect()
}

fn found(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(check_pool).collect()
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    if pool.suspended != Some(true) {
        return None;
    }
    let whole = refused(pool);
    let summary = match (whole, pool.inactive_table) {
        (Some(_), _) => {
            "The pool is suspended, and cannot be resumed: its table would make it smaller, which the kernel refuses"
        }
        (None, Some(true)) => {
            "The pool is suspended: all I/O of its thin devices waits until it is resumed; a new table is loaded and \
             waits for the resume"
        }
        _ => "The pool is suspended: all I/O of its thin devices waits until it is resumed",
    };
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("state", "SUSPENDED", "device-mapper");
    let Some(name) = pool.name.as_deref().map(quote) else {
        return Some(finding.advise(advice::status(pool)));
    };
    let see = [
        format!("dmsetup info {name}"),
        format!("dmsetup table {name}"),
        format!("dmsetup table --inactive {name}"),
    ];
    let see: Vec<&str> = see.iter().map(String::as_str).collect();
    let finding = finding.advise(advice::inspect("see its tables, and that no resize is running", &see));
    let resume = format!("dmsetup resume {name}");
    let Some(whole) = whole else {
        return Some(finding.advise(Advice::new(Risk::Changes, "resume it", &[&resume])));
    };
    let length = pool.length.unwrap_or_default().0.to_string();
    let edit = format!("s/^0 [0-9]* thin-pool /0 {} thin-pool /", whole.0);
    let reload = format!("dmsetup reload {name} --table \"$(dmsetup table {name} | sed '{edit}')\"");
    Some(
        finding
            .with_evidence("length of its table", format!("{length} sectors"), "thin-pool table")
            .with_evidence("the pool's own length", format!("{} sectors", whole.0), "thin-pool status")
            .advise(Advice::new(
                Risk::Changes,
                "give it a table of its own length again, and resume it",
                &[&reload, &resume],
            )),
    )
}

/// The pool's own length in sectors, if its table is too short: the kernel refuses to resume a pool that would lose
/// blocks (`maybe_resize_data_dev`), and it stays suspended.
fn refused(pool: &Pool) -> Option<Sectors> {
    let whole = Sectors(pool.data.total?.bytes(pool.block?).0 / SECTOR);
    (pool.data.exact && pool.length? < whole).then_some(whole)
}

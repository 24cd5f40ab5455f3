//! Rule: the pool is suspended.

use super::{Finding, Subject, advise};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::pool::Pool;
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

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(of_pool).collect()
}

fn of_pool(pool: &Pool) -> Option<Finding> {
    if pool.suspended != Some(true) {
        return None;
    }
    let loaded = pool.inactive_table == Some(true);
    let more = if loaded { "; a new table is loaded and waits for the resume" } else { "" };
    let summary =
        format!("The pool is suspended: all I/O of its thin devices waits until it is resumed{more}");
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .because("state", "SUSPENDED", "device-mapper");
    let Some(name) = pool.name.as_deref().map(quote) else {
        return Some(finding.advise(advise::status(pool)));
    };
    let see = [
        format!("dmsetup info {name}"),
        format!("dmsetup table {name}"),
        format!("dmsetup table --inactive {name}"),
    ];
    let see: Vec<&str> = see.iter().map(String::as_str).collect();
    let resume = format!("dmsetup resume {name}");
    Some(
        finding
            .advise(advise::look("see its tables, and that no resize is running", &see))
            .advise(Advice::new(Risk::Changes, "resume it", &[&resume])),
    )
}

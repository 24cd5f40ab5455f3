//! Rule: Docker refuses new layers and containers because the pool's free data is under its floor.

use super::shared::{advice, min_free};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Docker refuses new layers and containers: fewer data blocks are free than `dm.min_free_space` demands.
    ///
    /// ## What it means
    /// Before Docker (1.11 to 24) makes a thin device, for an image layer or a container, it demands that
    /// `max(1, floor(total × percent / 100))` data blocks are free; the percent is 10 unless
    /// `dm.min_free_space` says otherwise. The pool is not full: what runs goes on running, and can still
    /// write into the rest.
    ///
    /// ## Why it matters
    /// Every `docker pull`, `build`, `create`, `run` and `commit` fails with `Thin Pool has N free data
    /// blocks which is less than minimum required M`. A write that fills the pool for good is worse, so the
    /// floor is there for a reason: on a full pool filesystems lose data.
    ///
    /// ## What to do
    /// Free space first (`thinspect plan free`), or grow the pool (`thinspect plan grow`). Lowering the
    /// percent (`thinspect plan min-free-space`) only buys time, and needs a restart of the daemon.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `poolHasFreeSpace`; moby/moby pull request
    /// 20786.
    ///
    /// ## Example
    /// ```host
    /// devmapper: Thin Pool has 161986 free data blocks which is less than minimum required 163840 free data blocks.
    /// ```
    /// With exactly the floor free it keeps quiet:
    /// ```host quiet
    /// docker-8:1-2-pool: 0 209715200 thin-pool 28 16057/524288 1474560/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "data-below-min-free", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p).or_else(|| check_report(host, p))).collect()
}

/// Uses Docker's own numbers if its report gives the floor in bytes but no block size.
fn check_report(host: &Host, pool: &Pool) -> Option<Finding> {
    let info = pool.docker_info.as_ref().filter(|i| !i.all_zero && i.block.is_none() && !pool.data.exact)?;
    let (used, total, required) = (info.data_used?, info.data_total?, info.minimum_free?);
    let free = Bytes(total.0.checked_sub(used.0)?);
    let short = Bytes(required.0.checked_sub(free.0)?);
    // Docker rounds each of the three numbers to four significant digits.
    if short.0 <= total.0 / 1000 {
        return None;
    }
    let summary = text!(
        "{} refuses new layers and containers: {} free, {} required; about {} short",
        pool.engine().0,
        free,
        required,
        short
    );
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("free", free, "docker info")
        .with_evidence("required", required, "docker info");
    let free = advice::with_amount(
        advice::free_space(host, pool),
        Some(text!("free at least {}", short)),
        "see what can be removed",
    );
    Some(finding.advise_all(free).advise_all(advice::grow_data(host, pool, None)))
}

/// The kernel's counts, else those of Docker's refusal. The advice is the three ways out, each with its exact amount.
fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let shortfall = min_free::shortfall(pool, &pool.data, pool.refused_data)?;
    let size = |blocks: u64| in_bytes(pool, blocks);
    let summary = shortfall.summary("data", shortfall.short().map(size).unwrap_or_default());
    let certainty = shortfall.certainty(host, pool, pool.refused_data);
    let finding = Finding::new(&RULE, Severity::Critical, certainty, Subject::pool(pool), summary);
    let finding = shortfall.as_facts(finding, "data", size);
    let ways = shortfall.ways("data", size);

    // Freeing comes first: it is the only way that needs neither space elsewhere nor a restart.
    let free = advice::with_amount(advice::free_space(host, pool), ways.free, "see what can be removed");

    // A pool can only grow by bytes where the block size is known.
    let growth = shortfall.smallest_growth().zip(pool.block);
    let growth = growth.map(|(blocks, block)| Bytes(blocks.saturating_mul(block.0)));
    let grow = advice::with_amount(advice::grow_data(host, pool, growth), ways.grow, "see how");

    let lower = vec![advice::plan("min-free-space", pool, "see what lowering the percent would do")];
    let cost = match pool.owner {
        // containers/storage has no daemon to restart.
        PoolOwner::ContainersStorage => "it only buys time",
        _ => "it only buys time, and restarts the daemon",
    };
    let lower = advice::with_amount(lower, ways.lower, cost);
    Some(finding.advise_all(free).advise_all(grow).advise_all(lower))
}

/// The amount in bytes: exact if the block size is known, else for the two usual block sizes.
fn in_bytes(pool: &Pool, blocks: u64) -> Text {
    let of = |block: u64| Bytes(blocks.saturating_mul(block));
    match pool.block {
        Some(block) => text!(" ({})", of(block.0)),
        None => text!(" ({} if a block is 64 KiB, {} if 512 KiB)", of(64 << 10), of(512 << 10)),
    }
}

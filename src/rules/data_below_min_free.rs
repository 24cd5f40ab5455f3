//! Rule: Docker refuses new layers and containers because the pool's free data is under its floor.

use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::units::{Bytes, DataBlocks};
use crate::host::{Host, floor, pool::Pool};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Docker refuses new layers and containers: fewer data blocks are free than `dm.min_free_space` demands.
    ///
    /// ## What it means
    /// Before Docker (1.11 to 24) makes a thin device, for an image layer or a container, it demands that
    /// `max(1, floor(total × percent / 100))` data blocks are free; the percent is 10 unless `dm.min_free_space` says
    /// otherwise. The pool is not full: what runs goes on running, and can still write into the rest.
    ///
    /// ## Why it matters
    /// Every `docker pull`, `build`, `create`, `run` and `commit` fails with `Thin Pool has N free data blocks which is
    /// less than minimum required M`. A write that fills the pool for good is worse, so the floor is there for a
    /// reason: on a full pool filesystems lose data.
    ///
    /// ## What to do
    /// Free space first (`thinspect plan free`), or grow the pool (`thinspect plan grow`). Lowering the percent
    /// (`thinspect plan min-free-space`) only buys time, and needs a restart of the daemon.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `poolHasFreeSpace`; moby/moby pull request 20786.
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
    host.pools.iter().filter_map(finding).collect()
}

/// What the floor asks for and what there is, from the status line or from Docker's own refusal.
struct Shortfall {
    free: u64,
    required: u64,
    /// The total, and whether it was said or only follows from the percent.
    total: Option<(u64, bool)>,
    from: &'static str,
}

fn shortfall(pool: &Pool) -> Option<Shortfall> {
    let total = pool.data.total.map(|t| t.0);
    if let (Some(total), Some(free)) = (total, pool.data.free()) {
        let required = pool.min_free.required(total)?;
        if free.0 < required {
            return Some(Shortfall { free: free.0, required, total: Some((total, true)), from: "thin-pool status" });
        }
    }
    let refusal = pool.refused_data?;
    let (free, required) = (refusal.free?, refusal.required?);
    let derived = refusal.least_total(pool.min_free.percent.unwrap_or(floor::DEFAULT_PERCENT)).map(|t| (t, false));
    Some(Shortfall { free, required, total: total.map(|t| (t, true)).or(derived), from: "Docker's refusal" })
}

fn finding(pool: &Pool) -> Option<Finding> {
    let Some(s) = shortfall(pool) else { return refusal_without_numbers(pool) };
    let short = DataBlocks(s.required.saturating_sub(s.free));
    let size = in_bytes(pool, short);
    let summary = format!(
        "Docker refuses new layers and containers: {} free data blocks, {} required; {} short{size}",
        s.free, s.required, short.0
    );
    let mut finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .because("free data blocks", s.free.to_string(), s.from)
        .because("required", s.required.to_string(), s.from)
        .because("short", format!("{} blocks{size}", short.0), "computed");
    if let Some((total, said)) = s.total {
        finding = with_total(finding, pool, &s, total, said);
    }
    Some(advise(finding, pool, short))
}

fn with_total(finding: Finding, pool: &Pool, s: &Shortfall, total: u64, said: bool) -> Finding {
    let percent = pool.min_free.percent.unwrap_or(floor::DEFAULT_PERCENT);
    let lower = floor::largest_passing_percent(s.free, total);
    let spare = s.free.saturating_sub(floor::required(total, lower));
    let about = if said { "thin-pool status" } else { "follows from the floor being 10 %" };
    let finding = finding
        .because("total data blocks", total.to_string(), about)
        .because("largest percent that unblocks", format!("{lower} %, leaving {spare} blocks"), "computed");
    match floor::smallest_growth(s.free, total, percent) {
        Some(more) => {
            let size = in_bytes(pool, DataBlocks(more));
            let to = total.saturating_add(more);
            finding.because("smallest growth that unblocks", format!("{more} blocks{size}, to {to}"), "computed")
        }
        None => finding,
    }
}

/// The refusal was cut off before its numbers, or the numbers are only in a report: still the same refusal.
fn refusal_without_numbers(pool: &Pool) -> Option<Finding> {
    pool.refused_data?;
    let summary = "Docker refuses new layers and containers: too few data blocks are free (the numbers were cut off)";
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary);
    Some(advise(finding, pool, DataBlocks(0)))
}

/// The amount in bytes: exact where the block size is known, else for the two sizes there usually are.
fn in_bytes(pool: &Pool, blocks: DataBlocks) -> String {
    let of = |block: u64| Bytes(blocks.0.saturating_mul(block));
    match pool.block {
        Some(block) => format!(" ({})", of(block.0)),
        None => format!(" ({} if a block is 64 KiB, {} if 512 KiB)", of(64 << 10), of(512 << 10)),
    }
}

fn advise(finding: Finding, pool: &Pool, short: DataBlocks) -> Finding {
    let free = Advice::new(Risk::Reads, "see what can be removed, and how much each step frees", &["docker ps -as", "thinspect plan free"]);
    let free = match pool.block {
        Some(block) => free.gaining(Bytes(short.0.saturating_mul(block.0))),
        None => free,
    };
    finding
        .advise(free)
        .advise(Advice::new(Risk::Reads, "see how to grow the pool, in exact numbers", &["thinspect plan grow"]))
        .advise(Advice::new(
            Risk::Reads,
            "see what lowering the percent would do; it only buys time",
            &["thinspect plan min-free-space"],
        ))
}

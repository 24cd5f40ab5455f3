//! Rule: Docker refuses new layers and containers because the pool's free metadata is under its floor.

use super::shared::{advice, min_free};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::host::model::units::METADATA_BLOCK;
use crate::verdict::Severity;

super::rule! {
    /// Docker refuses new layers and containers: too few metadata blocks are free for `dm.min_free_space`.
    ///
    /// ## What it means
    /// Docker (1.11 to 24) applies its floor, `max(1, floor(total × percent / 100))`, to the metadata blocks
    /// as well, after the data blocks. `docker info` shows the floor for data only. On kernels since 4.19 a
    /// hidden reserve counts as used, so on small metadata about a fifth must be free in truth.
    ///
    /// ## Why it matters
    /// Every `docker pull`, `build`, `create`, `run` and `commit` fails with `Thin Pool has N free metadata
    /// blocks which is less than minimum required M`.
    ///
    /// ## What to do
    /// Grow the metadata (`thinspect plan grow`): a few MiB are usually enough. Removing images and
    /// containers frees metadata too.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `poolHasFreeSpace`.
    ///
    /// ## Example
    /// ```host
    /// devmapper: Thin Pool has 1325 free metadata blocks which is less than minimum required 1331 free metadata blocks. Create more free metadata space in thin pool or use dm.min_free_space option to change behavior
    /// ```
    /// With exactly the floor free it keeps quiet:
    /// ```host quiet
    /// docker-254:0-393239-pool: 0 4194304 thin-pool 4 461/512 321/32768 - rw discard_passdown queue_if_no_space - 128
    /// ```
    "metadata-below-min-free", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let s = min_free::shortfall(pool, &pool.metadata, pool.refused_metadata)?;
    let size = |blocks: u64| Bytes(blocks.saturating_mul(METADATA_BLOCK.0));
    let summary = s.summary("metadata", s.short().map(|b| text!(" ({})", size(b))).unwrap_or_default());
    let certainty = s.certainty(host, pool, pool.refused_metadata);
    let finding = Finding::new(&RULE, Severity::Critical, certainty, Subject::pool(pool), summary);
    let finding = s.as_facts(finding, "metadata", |blocks| text!(" ({})", size(blocks)));
    let ways = s.ways("metadata", |blocks| text!(" ({})", size(blocks)));
    let grow = advice::grow_metadata(host, pool, s.smallest_growth().map(size));
    Some(
        finding
            .advise(advice::usage(pool))
            .advise_all(advice::with_amount(grow, ways.grow, "see how"))
            .advise_all(advice::free_space(host, pool)),
    )
}

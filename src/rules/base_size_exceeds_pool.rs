//! Rule: one container may grow larger than the whole pool.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::thin::Thin;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// One container can fill the whole pool: the base device is larger than the pool.
    ///
    /// ## What it means
    /// The base device's size is the limit of each container's filesystem (10 GiB by default, 100 GiB in
    /// Docker 1.8 and 1.9). Here it is more than all the data blocks there are, so the limit protects nobody.
    ///
    /// ## Why it matters
    /// A single container that writes logs or downloads takes the pool's last block, and with it every other
    /// container. On XFS its writers then hang.
    ///
    /// ## What to do
    /// Grow the pool, or limit containers one by one (`docker run --storage-opt size=10G`, which cannot be
    /// less than the base size). A base device cannot shrink: a smaller one needs a new pool.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `dm.basesize`; moby/moby pull requests 14709,
    /// 19123.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-docker--pool
    ///  Pool Blocksize: 524.3 kB
    ///  Base Device Size: 107.4 GB
    ///  Data Space Used: 5.166 GB
    ///  Data Space Total: 12.73 GB
    ///  Data Space Available: 7.568 GB
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-docker--pool
    ///  Pool Blocksize: 524.3 kB
    ///  Base Device Size: 10.74 GB
    ///  Data Space Used: 5.166 GB
    ///  Data Space Total: 12.73 GB
    ///  Data Space Available: 7.568 GB
    /// ```
    "base-size-exceeds-pool", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let total = pool.data.total_in_bytes().or_else(|| pool.length.map(|l| l.bytes()))?;
    let largest_disk =
        host.thin_devices.iter().filter(|t| is_disk_in(host, pool, t)).filter_map(|t| t.length).max();
    let base = queries::base_size(host, pool).or(largest_disk.map(|l| l.bytes()))?;
    if base <= total || total.0 == 0 {
        return None;
    }
    let certainty = if pool.data.exact { Certainty::Certain } else { Certainty::Likely };
    let summary =
        text!("One container can fill the pool: it may grow to {}, the pool has {} in all", base, total);
    let finding = Finding::new(&RULE, Severity::Warning, certainty, Subject::pool(pool), summary)
        .with_evidence("size of the base device", base, "Docker's records or report")
        .with_evidence("size of the pool", total, queries::source(pool));
    Some(finding.advise(advice::usage(pool)).advise_all(advice::grow_data(
        host,
        pool,
        Some(base.minus(total)),
    )))
}

fn is_disk_in(host: &Host, pool: &Pool, thin: &Thin) -> bool {
    queries::pool_of_thin(host, thin).is_some_and(|p| std::ptr::eq(p, pool))
        && queries::is_containers_disk(&thin.name)
}

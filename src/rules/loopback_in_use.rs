//! Rule: the pool is on loop files.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool lies in loop files: good for trying things out, not for work.
    ///
    /// ## What it means
    /// Docker made the pool itself, out of sparse files (`data`, `metadata`) on the host's filesystem,
    /// because it was given no block device; containerd's was made so by a script. Every write passes through two filesystems and a loop device.
    ///
    /// ## Why it matters
    /// The pool's free space is a promise that the filesystem under it may not keep (see
    /// loop-file-outgrows-filesystem), it is slow, and a crash can leave both levels damaged. Docker calls it
    /// "strongly discouraged for production use".
    ///
    /// ## What to do
    /// Watch the filesystem under the files as well as the pool, and plan the way to a pool on block devices with
    /// everything that is in it (`thinspect plan direct-lvm`), or off the driver (`thinspect plan overlay2`).
    ///
    /// ## References
    /// docs.docker.com, "Use the Device Mapper storage driver", loop-lvm mode.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-253:0-3356471041-pool
    ///  Data file: /dev/loop4
    ///  Metadata file: /dev/loop5
    ///  Data Space Used: 32.88 GB
    ///  Data Space Total: 268.4 GB
    /// ```
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-thinpool
    ///  Data file: /dev/vg-docker/data
    ///  Data Space Used: 16.66 GB
    ///  Data Space Total: 160 GB
    /// ```
    "loopback-in-use", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> =
        host.pools.iter().filter(|p| p.on_loop()).map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_pool(host: &Host, pool: &Pool) -> Finding {
    let summary = "The pool lies in loop files, which is strongly discouraged for production use";
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, Subject::pool(pool), summary);
    let file =
        pool.data_backing.file.as_ref().map(|f| f.path.clone()).or_else(|| pool.data_backing.path.clone());
    let file = file.unwrap_or_else(|| "a loop device".to_owned());
    with_advice(finding.with_evidence("data lies in", file, queries::source(pool)), host, pool)
}

fn with_advice(finding: Finding, host: &Host, pool: &Pool) -> Finding {
    let moves = "see how the pool moves to LVM, with everything that is in it";
    if matches!(pool.owner, PoolOwner::Containerd { .. }) {
        return finding.advise(advice::plan("direct-lvm", pool, moves));
    }
    if !queries::is_dockers(host, pool) {
        return finding.advise(advice::inspect("see what lies in the pool", &["dmsetup ls --tree"]));
    }
    finding.advise(advice::plan("direct-lvm", pool, moves)).advise(advice::plan(
        "overlay2",
        pool,
        "or how everything moves to the driver overlay2",
    ))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::LoopbackDiscouraged]);
    let summary = "Docker warns that its pool lies in loop files";
    let level = (Severity::Notice, Certainty::Certain);
    let finding = log_findings::finding(&RULE, level, &lines, |_| queries::docker_subject(host), summary)?;
    Some(with_advice(finding, host, &Pool::default()))
}

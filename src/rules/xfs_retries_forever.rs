//! Rule: XFS in containers retries forever when the pool is full.

use super::shared::advice;
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// When the pool is full, XFS in the containers retries its metadata writes for ever instead of failing.
    ///
    /// ## What it means
    /// The base device carries XFS, and `dm.xfs_nospace_max_retries` is not set. XFS then repeats a metadata
    /// write that fails with "no space" without end.
    ///
    /// ## Why it matters
    /// On a full pool such containers, and Docker itself, hang in a way that nothing but room or a reboot
    /// ends.
    ///
    /// ## What to do
    /// Set `dm.xfs_nospace_max_retries=0` (Docker 1.13 and later, kernels that have the knob); XFS then shuts
    /// the filesystem down instead, which loses less than a reboot. And keep the pool from filling.
    ///
    /// ## References
    /// moby/moby issue 20707, pull requests 26212 and 26918; Linux Documentation/admin-guide/xfs.rst,
    /// `max_retries`.
    ///
    /// ## Example
    /// ```host
    /// {"version":1,"source":"machine","answers":[{"ask":"dm-list","said":"253:0 1 docker-254:0-7356-pool"},{"ask":"dm-table","of":"docker-254:0-7356-pool","said":"0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing"},{"ask":"dm-status","of":"docker-254:0-7356-pool","said":"0 209715200 thin-pool 4 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024"},{"ask":"device-records","of":"/var/lib/docker/devicemapper/metadata","said":"base {\"device_id\":1,\"size\":10737418240,\"transaction_id\":1,\"initialized\":true,\"deleted\":false}"},{"ask":"stat","of":"/var/lib/docker/devicemapper","said":"mode=40700 size=4096 blocks=8 dev=254:0 ino=7356"},{"ask":"file","of":"/var/lib/docker/devicemapper/metadata/deviceset-metadata","said":"{\"next_device_id\":2,\"BaseDeviceUUID\":\"u\",\"BaseDeviceFilesystem\":\"xfs\"}"}]}
    /// ```
    /// ```host quiet
    /// docker-254:0-7356-pool: 0 209715200 thin-pool 4 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "xfs-retries-forever", since "0.1.0", check
}

/// Percent of use from which this is a warning; the same as in data-nearly-full.
const PRESSING_PERCENT: u64 = 80;

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let docker = host.docker_of(pool)?;
    let xfs = docker.base_filesystem.as_deref() == Some("xfs");
    if !xfs || docker.option("dm.xfs_nospace_max_retries").is_some() {
        return None;
    }
    let pressing = pool.data.above(PRESSING_PERCENT) == Some(true);
    let severity = if pressing { Severity::Warning } else { Severity::Notice };
    let summary = "On a full pool XFS in the containers would retry for ever: they and Docker would hang";
    let finding = Finding::new(&RULE, severity, Certainty::Likely, Subject::pool(pool), summary)
        .with_evidence("filesystem of the base device", "xfs", "Docker's records")
        .with_evidence("dm.xfs_nospace_max_retries", "not set", "Docker's settings");
    let knob = "ls -d /sys/fs/xfs/dm-*/error/metadata/ENOSPC/max_retries";
    Some(finding.advise(advice::inspect("see whether this kernel has the knob", &[knob])))
}

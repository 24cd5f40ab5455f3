//! Rule: a pool or device that was given as new is already in use.

use super::Finding;
use super::shared::{advice, log_findings, queries};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Docker was offered a pool or a device as new that is already in use.
    ///
    /// ## What it means
    /// A Docker without records takes over a pool only if it has no data and transaction id 0, and makes a
    /// pool only on a device without a filesystem and in no volume group. Here it found something: usually
    /// the old pool, after the data root was wiped or moved.
    ///
    /// ## Why it matters
    /// The daemon does not start. What is in the pool or on the device would be lost if it were forced.
    ///
    /// ## What to do
    /// Find out whose it is. If the old data root still exists somewhere, bring it back. Only if nothing in
    /// it is wanted, remove the pool and make a new one; there is no way to reset a pool in place.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `thinPoolExists`; device_setup.go;
    /// moby/moby issues 16092, 35936, 36365.
    ///
    /// ## Example
    /// ```host
    /// Error starting daemon: error initializing graphdriver: devmapper: Unable to take ownership of thin-pool (docker-thinpool) that already has used data blocks
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-already-used", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let lines = log_findings::lines(
        host,
        &[
            Message::PoolHasData,
            Message::PoolHasTransactions,
            Message::DeviceHasFilesystem,
            Message::DeviceInVolumeGroup,
            Message::DeviceUnavailable,
            Message::PoolDevicesInUse,
            Message::PoolSetUpBefore,
            Message::TableReplaced,
        ],
    );
    let kernels = lines.first().is_some_and(|s| s.text.contains("thin-pool:"));
    let summary = if kernels {
        "The kernel refuses to make a pool of devices that already carry another pool"
    } else {
        "Docker was offered a pool or device as new that is already used, and refuses to take it"
    };
    let subject = |s: &_| queries::pool_subject(host, s);
    let level = (Severity::Critical, Certainty::Certain);
    log_findings::finding(&RULE, level, &lines, subject, summary).map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    let see = "see what is on the devices, and whose it is, before anything is removed";
    finding
        .advise(advice::inspect(
            see,
            &["lsblk -o NAME,SIZE,FSTYPE,MOUNTPOINT", "lvs -a", "dmsetup table --target thin-pool"],
        ))
        .advise(advice::inspect("see who uses the pool's space", &["thinspect usage"]))
}

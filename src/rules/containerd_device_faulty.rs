//! Rule: containerd's snapshotter holds devices that it marked as faulty.

use super::{Finding, Subject, advise, said};
use crate::host::Host;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// containerd's snapshotter holds devices that it marked as faulty: their ids and blocks stay reserved.
    ///
    /// ## What it means
    /// The snapshotter writes down what it is about to do with each device. One that it finds in the middle
    /// of something at its start, or whose operation failed, becomes faulty and is never used again.
    ///
    /// ## Why it matters
    /// The snapshot cannot be used, and its blocks do not come back.
    ///
    /// ## What to do
    /// Remove the snapshots that belong to such devices. What nothing owns any more can be deleted from the
    /// pool, with containerd stopped.
    ///
    /// ## References
    /// containerd, plugins/snapshots/devmapper/pool_device.go, `ensureDeviceStates`.
    ///
    /// ## Example
    /// ```host
    /// level=warning msg="device \"devpool-snap-7\" has invalid state \"Creating\", marking as faulty"
    /// ```
    /// ```host quiet
    /// devpool: 0 209715200 thin-pool 0 4244/524288 1043/1638400 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "containerd-device-faulty", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let lines = said::lines(host, &["containerd-device-faulty"]);
    let summary = "containerd marked a device as faulty: its id and its blocks stay reserved";
    let subject = |_: &_| Subject::new("host", "containerd");
    let found = said::finding(&RULE, (Severity::Warning, Certainty::Certain), &lines, subject, summary);
    let see = "see the snapshots, and who uses the pool";
    let commands = ["ctr -n k8s.io snapshots --snapshotter devmapper list", "thinspect usage"];
    found.map(|f| f.advise(advise::look(see, &commands))).into_iter().collect()
}

//! Rule: the kubelet reclaims space: it sees a filesystem above its threshold.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The kubelet reclaims space: it sees a filesystem above its threshold.
    ///
    /// ## What it means
    /// The kubelet watches the filesystem of its own directory and that of images. With devicemapper the image
    /// filesystem is the pool. Above the threshold it deletes images and evicts pods.
    ///
    /// ## Why it matters
    /// Pods are evicted, and images are pulled again, which fills the pool anew.
    ///
    /// ## What to do
    /// See which of the two is full: the host's filesystem or the pool.
    ///
    /// ## References
    /// Kubernetes documentation, "Node-pressure Eviction".
    ///
    /// ## Example
    /// ```host
    /// The node was low on resource: imagefs.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "kubelet-disk-pressure", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Certain,
    messages: &[Message::DiskPressure],
    summary: "The kubelet reclaims space: a filesystem of the node or the pool is above its threshold",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see which one it is",
            &[
                "kubectl describe node",
                "df -h /var/lib/kubelet /var/lib/docker /var/lib/containerd",
                "dmsetup status --noflush --target thin-pool",
            ],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

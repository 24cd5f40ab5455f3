//! The kubelet and cAdvisor.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Kubernetes.
    says(M::ImageGcOverThreshold, &["Disk usage on image filesystem is", "high threshold"]), // image_gc_manager.go
    says(M::ImageGcFailed, &["Image garbage collection failed"]).without(&["Stats initialization may not", "invalid capacity 0", "DeleteDevice"]), // kubelet.go
    says(M::ImageGcFailed, &["failed to garbage collect required amount of images"]), // image_gc_manager.go
    says(M::DiskPressure, &["DiskPressure"]).near(&["true", "NodeHasDiskPressure", "KubeletHasDiskPressure"]).without(&["KubeletHasNoDiskPressure"]), // the node's condition
    says(M::ImageGcOverThreshold, &["Disk usage on", "over the high threshold"]), // image_gc_manager.go
    says(M::ImageFsUnknown, &["invalid capacity 0 on"]), // the same: cAdvisor has no numbers
    says(M::DiskPressure, &["attempting to reclaim"]).near(&["eviction", "Attempting to reclaim imagefs"]), // eviction_manager.go
    says(M::DiskPressure, &["must evict pod(s) to reclaim"]), // the same
    says(M::DiskPressure, &["eviction thresholds have been met"]), // the same
    says(M::DiskPressure, &["node was low on resource"]).near(&["ephemeral-storage", "imagefs", "nodefs"]), // the same
    says(M::DiskPressure, &["node had condition", "DiskPressure"]), // the same
    says(M::DiskPressure, &["FreeDiskSpaceFailed"]), // events
    says(M::DiskPressure, &["EvictionThresholdMet"]).near(&["imagefs", "nodefs", "ephemeral-storage"]), // events
    says(M::MonitorBlind, &["thin_pool_watcher", "thin_ls"]), // cadvisor
    says(M::MetadataSnapshotHeld, &["thin_pool_watcher", "reserving metadata"]), // the same
    says(M::MetadataSnapshotHeld, &["thin_pool_watcher", "metadata snapshot for"]), // the same
    says(M::PoolToFail, &["unexpected output of dmsetup status command"]), // the same: the word Fail
    says(M::PoolToFail, &["invalid dmsetup status output", "thin-pool Fail"]), // fs.go
    says(M::MonitorBlind, &["filesystem stats will not be reported", "thin_ls binary"]), // factory.go
    says(M::MonitorBlind, &["unable to get fs usage from thin pool for device"]), // handler.go
    says(M::Normal, &["filesystem stats will not be reported", "usage of thin_ls is disabled"]), // as configured
    says(M::Normal, &["filesystem stats will not be reported", "is required to use thin_ls"]), // an old kernel
    says(M::Normal, &["Stats initialization may not have completed yet"]), // start
    says(M::Normal, &["kubelet has no disk pressure"]), // as it should be
    says(M::VgNoSpace, &["you need to expand the vg"]), // CSI drivers
    says(M::CapacityRefused, &["did not have enough free storage"]), // scheduler: what a CSI driver reports is too little
    says(M::CapacityRefused, &["not enough space"]).near(&["topolvm", "csi", "resizer", "provision"]), // CSI drivers
    says(M::CapacityRefused, &["not enough free storage"]), // CSI drivers
];

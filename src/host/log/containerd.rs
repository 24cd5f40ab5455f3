//! containerd and its devmapper snapshotter.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // containerd, snapshots/devmapper.
    says(M::ContainerdDeviceExists, &["is already there", "object already exists"]), // metadata.go (containerd#5646, #5647)
    says(M::ContainerdDeviceExists, &["failed to create snapshot", "file exists"]), // containerd#3436
    says(M::ContainerdCreateFailed, &["failed to create new thin device"]), // pool_device.go
    says(M::ContainerdCreateInvalid, &["failed to create new thin device", "invalid argument"]), // id of another pool (containerd#7048)
    says(M::ContainerdDeviceAbsent, &["thin device", "no data available"]), // the pool has no such id: ENODATA
    says(M::ContainerdDeviceAbsent, &["failed to activate device", "no data available"]), // the same
    says(M::ContainerdDeviceAbsent, &["reload ioctl on", "failed: No data available"]), // dmsetup's words for it
    says(M::ContainerdDeviceAbsent, &["failed to suspend device", "no such device or address"]), // containerd#5110
    says(M::ContainerdDeviceAbsent, &["failed to resume device", "no such device or address"]), // the same
    says(M::ContainerdNotActive, &["failed to mount rootfs component", "/dev/mapper/", "no such file or directory"]), // after a reboot (containerd#3567)
    says(M::ContainerdNoDeviceId, &["couldn't find free device key"]), // metadata.go
    says(M::ContainerdPoolUnreadable, &["failed to query pool"]), // pool_device.go
    says(M::ContainerdUnconfigured, &["devmapper not configured"]), // plugin.go; every start without it says so
    says(M::ContainerdConfigured, &["[plugins.\"io.containerd.snapshotter.v1.devmapper\"]"]), // config.toml
    says(M::ContainerdDeviceFaulty, &["marking as faulty"]), // pool_device.go, ensureDeviceStates
    says(M::ContainerdInitFailed, &["failed to initialize thin device"]), // the pool's status follows
    says(M::ContainerdRemoveFailed, &["failed to remove device"]), // pool_device.go
    says(M::ContainerdRemoveFailed, &["failed to delete device", "dev id"]), // the same
    says(M::DeviceBusy, &["failed to deactivate device", "device or resource busy"]), // the same
    says(M::ContainerdRetries, &["retrying... ("]), // pool_device.go, retry: N of 100
];

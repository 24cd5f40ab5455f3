//! containerd and its devmapper snapshotter.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // containerd, snapshots/devmapper.
    says(M::ContainerdDeviceExists, &["is already there", "object already exists"]), // metadata.go (containerd#5646, #5647)
    says(M::ContainerdDeviceExists, &["failed to create snapshot", "file exists"]).near(&["dev:", "devmapper", "thin"]), // containerd#3436
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
    // Its settings: plugin.go, config.go.
    says(M::ContainerdConfigInvalid, &["snapshotter.v1.devmapper", "is required"]), // Validate
    says(M::ContainerdConfigInvalid, &["snapshotter.v1.devmapper", "unsupported filesystem type"]), // the same
    says(M::ContainerdConfigInvalid, &["snapshotter.v1.devmapper", "filesystem type cannot be empty"]), // the same
    says(M::ContainerdConfigInvalid, &["failed to parse base image size"]), // parse
    says(M::ContainerdConfigInvalid, &["failed to unmarshal devmapper toml"]), // LoadConfig
    says(M::ContainerdConfigInvalid, &["invalid devmapper configuration"]), // plugin.go
    says(M::ContainerdConfigInvalid, &["snapshotter not loaded: devmapper"]), // ctr
    says(M::ContainerdConfigInvalid, &["snapshotter", "devmapper", "was not found"]), // CRI
    says(M::ToolMissing, &["dmsetup not available"]), // plugin.go
    says(M::ToolMissing, &["blkdiscard is not available"]), // the same
    says(M::ToolMissing, &["couldn't initialize", "executable file not found"]), // mkfs
    says(M::MkfsFailed, &["mkfs.", "couldn't initialize"]).without(&["executable file not found"]), // snapshotter.go, mkfs
    // Devices.
    says(M::RecordOdd, &["failed to set device", "state to", "not found"]), // pool_device.go, transition
    says(M::RecordOdd, &["can't query metadata for device", "not found"]), // RemoveDevice
    says(M::RecordOdd, &["cannot retrieve snapshot info for key"]), // snapshotter.go
    says(M::RecordOdd, &["failed to mark device as removed", "not found"]), // 1.2
    says(M::RecordOdd, &["failed to query devices from metastore"]), // ensureDeviceStates
    says(M::ContainerdDeviceAbsent, &["failed to query device metadata for", "not found"]), // metadata.go
    says(M::ContainerdDeviceAbsent, &["failed to create snapshot", "no data available"]), // parent absent
    says(M::ContainerdDeviceAbsent, &["can't get status for device", "no such device or address"]), // GetUsage
    says(M::ContainerdDeviceAbsent, &["failed to delete device", "no data available"]), // gone already
    says(M::ContainerdDeviceExists, &["failed to create new thin device", "file exists"]), // id in use
    says(M::ContainerdDeviceExists, &["object with key", "already exists"]), // metadata.go
    says(M::ContainerdDeviceExists, &["failed to save metadata for device", "already exists"]), // pool_device.go
    says(M::ContainerdDeviceExists, &["failed to save initial metadata for snapshot", "already exists"]), // snapshotter.go
    says(M::ContainerdDeviceExists, &["failed to update device info, name didn't match"]), // the same
    says(M::ContainerdDeviceExists, &["failed to update device info, device id didn't match"]), // the same
    says(M::RecordsUnreadable, &["failed to unmarshal object with key"]), // the same
    says(M::RecordsUnreadable, &["failed to create metastore", "permission denied"]), // bolt.Open
    says(M::RecordsNoSpace, &["/devmapper", "no space left on device"]), // metadata.db
    says(M::RecordsNoSpace, &["containerd", "ingest", "no space left on device"]), // content store
    says(M::PoolRefuses, &["failed to create new thin device", "operation not supported"]), // EOPNOTSUPP: read-only or failed
    says(M::PoolRefuses, &["failed to create snapshot", "operation not supported"]).near(&["dev:", "snap-"]), // the same
    says(M::PoolRefuses, &["failed to delete device", "operation not supported"]), // the same
    says(M::PoolRefuses, &["message ioctl on", "failed: Operation not supported"]), // libdm's words for it
    says(M::ContainerdCreateInvalid, &["failed to create snapshot", "invalid argument"]).near(&["dev:", "snap-"]), // parent or id
    says(M::ContainerdActivateBusy, &["failed to activate", "device or resource busy"]).near(&["snap-", "thin device"]), // a stale device of the name
    says(M::ResumeFailed, &["failed to resume", "device"]).near(&["snap-"]).without(&["no such device"]), // after a snapshot
    says(M::DeviceBusy, &["failed to deactivate device", "device or resource busy"]), // 1.2 too
    says(M::DeviceBusyNote, &["retrying... ("]), // pool_device.go, N of 100
    says(M::DeviceBusyNote, &["is in use, skipping blkdiscard"]), // discard later
    says(M::DeviceBusyNote, &["failed to remove", "device or resource busy"]).near(&["failed to remove pool", "snap-"]), // Close
    says(M::CleanupFailed, &["failed to cleanup device"]), // async remove
    says(M::PoolStatusUnreadable, &["failed to get the number of used blocks, unexpected output"]), // dmsetup.go
    says(M::PoolToFail, &["failed to parse status params", "fail"]), // the status is the word Fail
    says(M::MountIoError, &["failed to mount rootfs component", "input/output error"]), // shim
    says(M::FilesystemDamaged, &["failed to mount rootfs component", "structure needs cleaning"]), // EUCLEAN
    says(M::MountRefused, &["failed to mount rootfs component", "invalid argument"]), // an option, a duplicate UUID
    // Known and of no consequence.
    says(M::Normal, &["initializing pool device"]), // start
    says(M::Normal, &["marked as", "Activated", "but not active, activating it"]), // after a reboot
];

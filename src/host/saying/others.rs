//! Wordings of containerd's devmapper snapshotter, of Kubernetes, of dmsetup's and ipcs' tables of udev cookies, and of
//! virtual machine monitors.
//!
//! A table.

use super::wordings::{Wording, wording};

#[rustfmt::skip]
pub(super) static WORDINGS: &[Wording] = &[
    // containerd, snapshots/devmapper.
    wording("containerd-device-exists", &["is already there", "object already exists"]), // metadata.go (containerd#5646, #5647)
    wording("containerd-device-exists", &["failed to create snapshot", "file exists"]), // containerd#3436
    wording("containerd-create-failed", &["failed to create new thin device"]), // pool_device.go
    wording("containerd-create-invalid", &["failed to create new thin device", "invalid argument"]), // id of another pool (containerd#7048)
    wording("containerd-device-absent", &["thin device", "no data available"]), // the pool has no such id: ENODATA
    wording("containerd-device-absent", &["failed to activate device", "no data available"]), // the same
    wording("containerd-device-absent", &["reload ioctl on", "failed: No data available"]), // dmsetup's words for it
    wording("containerd-device-absent", &["failed to suspend device", "no such device or address"]), // containerd#5110
    wording("containerd-device-absent", &["failed to resume device", "no such device or address"]), // the same
    wording("containerd-not-active", &["failed to mount rootfs component", "/dev/mapper/", "no such file or directory"]), // after a reboot (containerd#3567)
    wording("containerd-no-device-id", &["couldn't find free device key"]), // metadata.go
    wording("containerd-pool-unreadable", &["failed to query pool"]), // pool_device.go
    wording("containerd-unconfigured", &["devmapper not configured"]), // plugin.go; every start without it says so
    wording("containerd-configured", &["[plugins.\"io.containerd.snapshotter.v1.devmapper\"]"]), // config.toml
    wording("containerd-device-faulty", &["marking as faulty"]), // pool_device.go, ensureDeviceStates
    wording("containerd-init-failed", &["failed to initialize thin device"]), // the pool's status follows
    wording("containerd-remove-failed", &["failed to remove device"]), // pool_device.go
    wording("containerd-remove-failed", &["failed to delete device", "dev id"]), // the same
    wording("device-busy", &["failed to deactivate device", "device or resource busy"]), // the same
    wording("containerd-retries", &["retrying... ("]), // pool_device.go, retry: N of 100
    // Kubernetes.
    wording("image-gc-over-threshold", &["Disk usage on image filesystem is", "high threshold"]), // image_gc_manager.go
    wording("image-gc-failed", &["Image garbage collection failed"]), // kubelet.go
    wording("image-gc-failed", &["failed to garbage collect required amount of images"]), // image_gc_manager.go
    wording("disk-pressure", &["DiskPressure"]), // the node's condition
    // udev cookies: semaphores with keys 0x0d4d…  (libdm, DM_COOKIE_MAGIC).
    wording("udev-cookie-listed", &["0xd4d"]), // dmsetup udevcookies
    wording("udev-cookie-listed", &["0x0d4d"]), // ipcs -s
    // Virtual machines.
    wording("vm-io-error", &["status: io-error"]), // qm status, QMP
    // Package managers, as a build inside a container runs them.
    wording("package-needs-space", &["more space needed on the", "filesystem"]), // rpm, yum and dnf
    wording("package-needs-space", &["You don't have enough free space in"]), // apt
    // Files.
    wording("deleted-file-open", &[" (deleted)"]), // lsof, losetup, /proc
];

//! Wordings of Docker and its devicemapper driver (moby 0.7 to 25, daemon/graphdriver/devmapper and pkg/devicemapper).
//!
//! A table; the issue numbers are moby's.

use super::wordings::{Wording, wording};

#[rustfmt::skip]
pub(super) static WORDINGS: &[Wording] = &[
    // Creating thin devices and pools: dm_task_run hides the errno, the kernel's log has it.
    wording("create-snap-failed", &["Error running deviceCreate (createSnapDevice"]), // pool full, read-only, needs_check or another pool
    wording("create-pool-failed", &["Error running deviceCreate (CreatePool"]), // no dm_thin_pool module, loop trouble, damaged metadata (#6325)
    wording("create-device-failed", &["Error running deviceCreate (CreateDevice"]), // devmapper.go, CreateDevice
    wording("activate-failed", &["Error running deviceCreate (ActivateDevice"]), // id absent, pool failed or suspended (#6325)
    wording("no-free-device-id", &["Unable to find a free device ID"]), // 2^24 ids taken, or a corrupt map
    wording("device-exists", &["already exists. Deleted="]), // stale record, deviceset.go, AddDevice
    wording("device-exists", &["Driver devicemapper failed to create", "already exists"]), // #9600
    wording("device-exists", &["devmapper: device ", "already exists"]), // the same without the driver's name
    // Whose pool it is.
    wording("uuid-verification-failed", &["Base Device UUID", "verification failed"]), // #15721, #21606, #23089
    wording("uuid-mismatch", &["Current Base Device UUID", "does not match with stored UUID"]), // really another pool
    wording("uuid-unreadable", &["Failed to find uuid for device"]), // blkid cannot read the base (#21330, #19055)
    wording("pool-has-data", &["Unable to take ownership of thin-pool", "already has used data blocks"]), // #16092, #36365
    wording("pool-has-transactions", &["Unable to take ownership of thin-pool", "non-zero transaction"]), // the same
    wording("device-missing", &["Non existing device"]), // pool inactive after boot, thin_check missing (docker/docs#6942)
    wording("not-a-thin-pool", &["is not a thin pool"]), // the option names a plain volume (#21304)
    // Records and pool disagree.
    wording("device-id-in-use", &["exists in pool but it is supposed to be unused"]), // leaked ids (#21330, #8982)
    wording("open-transaction-behind", &["Open Transaction id", "is less than pool transaction id"]), // pool ahead of the records
    wording("rollback-failed", &["Rolling back open transaction failed"]), // message refused
    wording("transaction-not-set", &["Error setting devmapper transaction ID"]), // message refused or mismatch
    wording("unknown-device", &["devmapper: Unknown device"]), // record missing (#31483, #22031)
    wording("unknown-device", &["devicemapper", "Unknown device"]), // the same through the driver
    wording("docker-metadata-unsaved", &["Error saving transaction metadata"]), // host filesystem full or failing
    wording("docker-metadata-unsaved", &["Error writing metadata to"]), // docker/for-linux#146
    wording("docker-metadata-io-error", &["Error syncing metadata file", "input/output error"]), // the disk under Docker's files
    // Busy devices and deferred deletion.
    wording("device-busy", &["Device is Busy"]), // leaked mount or open file (#8712, #27381)
    wording("device-busy", &["failed to remove", "device or resource busy"]), // the errno's own words
    wording("device-busy", &["unable to remove", "device or resource busy"]), // 1.13 and later
    wording("remove-root-failed", &["failed to remove root filesystem"]), // #27381, #29942
    wording("delete-device-failed", &["Error running DeleteDevice"]), // pool read-only or failed (#26015, #31931)
    wording("remove-device-failed", &["Error running RemoveDevice"]), // devmapper.go, RemoveDevice
    wording("resume-failed", &["Error running deviceResume"]), // race of deferred removal (#27002)
    wording("suspend-failed", &["Error running deviceSuspend"]), // the same (#23497)
    wording("marked-for-deletion", &["marked for deferred deletion"]), // deviceset.go
    wording("marked-for-deletion", &["marked for deletion"]), // deviceset.go
    wording("deferred-refused", &["Deferred deletion can not be enabled"]), // deviceset.go, initDevmapper
    wording("deferred-refused", &["Deferred removal can not be enabled"]), // the same
    // udev.
    wording("udev-cookie-failed", &["Can't set cookie"]), // semaphores used up (#33603, docker/for-linux#85)
    wording("udev-cookie-failed", &["dm_task_set_cookie failed"]), // the same
    wording("udev-sync-unsupported", &["Udev sync is not supported"]), // static binary or old libdm (#4036)
    // Mounting.
    wording("mount-not-found", &["Error mounting", "/dev/mapper/", "no such file or directory"]), // race with udev (#9562)
    wording("mount-invalid", &["Error mounting", "/dev/mapper/", "invalid argument"]), // option or damaged filesystem (#8794)
    wording("mount-io-error", &["Error mounting", "/dev/mapper/", "input/output error"]), // disk below or pool full or damaged (#9786)
    wording("mount-failed", &["Failed to mount; dmesg"]), // the kernel's words follow
    // Loop devices.
    wording("loop-devices-exhausted", &["no more loopback device"]), // attach_loopback.go (#15243); seen with and without plural
    wording("loop-devices-exhausted", &["no available loopback device"]), // #21882
    wording("loop-attach-failed", &["loopback mounting failed"]), // to 1.6
    wording("loop-attach-failed", &["loopback attach failed"]), // since
    wording("loop-file-not-found", &["Loopback data file not found"]), // tool on a host without loop files
    wording("loop-file-not-found", &["Loopback metadata file not found"]), // the same
    wording("loop-mount-not-found", &["Unable to find loopback mount for"]), // deviceset.go
    wording("shrink-refused", &["Can't shrink file"]), // a smaller size was asked for
    wording("shrink-refused", &["Can't shrink loopback file"]), // the same
    wording("loop-grow-failed", &["Unable to grow loopback file"]), // link to a device (#18122)
    wording("loopback-discouraged", &["usage of loopback devices is strongly discouraged"]), // every release that has it
    // Settings.
    wording("pool-configured", &["dm.thinpooldev="]), // settings name a pool made beforehand
    wording("size-too-small", &["Container size cannot be smaller than"]), // size= under the base
    wording("size-too-small", &["Base device size cannot be smaller than"]), // dm.basesize under the base
    wording("filesystem-ignored", &["User specified filesystem", "will be ignored"]), // dm.fs differs from the base
    wording("option-invalid", &["Option dm.min_free_space requires"]), // a % is missing
    wording("option-invalid", &["Invalid value", "for option dm."]), // parseStorageOpt
    wording("option-invalid", &["Unknown option dm."]), // the same
    wording("xfs-retries-unsupported", &["dm.xfs_nospace_max_retries", "does not seem to be supported"]), // no kernel knob
    wording("direct-lvm-unchangeable", &["changing direct-lvm config is not supported"]), // device_setup.go
    wording("direct-lvm-and-pool", &["cannot setup direct-lvm when dm.thinpooldev"]), // the same
    wording("direct-lvm-without-device", &["must provide device path in dm.directlvm_device"]), // the same
    wording("device-in-volume-group", &["is already part of a volume group"]), // device_setup.go, checkDevInVG
    wording("device-has-filesystem", &["has a filesystem already"]), // device_setup.go, checkDevHasFS (#35936)
    wording("device-unavailable", &["is not available for use with devicemapper"]), // device_setup.go
    wording("several-drivers", &["contains several valid graphdrivers"]), // daemon/graphdriver/driver.go
    // The driver's end.
    wording("driver-unsupported", &["driver not supported"]), // graphdriver.ErrNotSupported (#4036)
    wording("driver-must-be-chosen", &["prior storage driver devicemapper is deprecated"]), // 23 and 24 do not start
    wording("driver-removed", &["devicemapper storage-driver has been deprecated and removed"]), // 25
    wording("driver-deprecated", &["devicemapper storage-driver is deprecated"]), // 18.09 to 24, a warning
    // Around it.
    wording("graphdriver-failed", &["error initializing graphdriver"]), // the daemon does not start
    wording("daemon-unreachable", &["Cannot connect to the Docker daemon"]), // docker's command line
    wording("layer-failed", &["failed to register layer"]), // a pull could not unpack a layer
    wording("layer-failed", &["ApplyLayer exit status"]), // the same inside
    wording("layer-failed", &["Untar exit status"]), // to 1.9
    wording("image-blob-no-space", &["GetImageBlob", "no space left on device"]), // tmp of the data root: host filesystem
    wording("metadata-tmp-no-space", &["metadata/.tmp", "no space left on device"]), // docker's records: host filesystem
    wording("run-no-space", &["/run/docker", "no space left on device"]), // tmpfs, often its inodes (docker/for-linux#214)
    wording("run-no-space", &["/run/containerd", "no space left on device"]), // the same
    wording("sqlite-full", &["database or disk is full"]), // linkgraph.db, host filesystem
];

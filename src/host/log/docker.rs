//! Docker and its devicemapper driver (moby 0.7 to 25, daemon/graphdriver/devmapper and pkg/devicemapper); numbers
//! in comments are moby's issues.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Creating thin devices and pools: dm_task_run hides the errno, the kernel's log has it.
    says(M::CreateSnapFailed, &["Error running deviceCreate (createSnapDevice"]), // pool full, read-only, needs_check or another pool
    says(M::CreatePoolFailed, &["Error running deviceCreate (CreatePool"]), // no dm_thin_pool module, loop trouble, damaged metadata (#6325)
    says(M::CreateDeviceFailed, &["Error running deviceCreate (CreateDevice"]), // devmapper.go, CreateDevice
    says(M::ActivateFailed, &["Error running deviceCreate (ActivateDevice"]), // id absent, pool failed or suspended (#6325)
    says(M::NoFreeDeviceId, &["Unable to find a free device ID"]), // 2^24 ids taken, or a corrupt map
    says(M::DeviceExists, &["already exists. Deleted="]), // stale record, deviceset.go, AddDevice
    says(M::DeviceExists, &["Driver devicemapper failed to create", "already exists"]), // #9600
    says(M::DeviceExists, &["devmapper: device ", "already exists"]), // the same without the driver's name
    // Whose pool it is.
    says(M::UuidVerificationFailed, &["Base Device UUID", "verification failed"]), // #15721, #21606, #23089
    says(M::UuidMismatch, &["Current Base Device UUID", "does not match with stored UUID"]), // really another pool
    says(M::UuidUnreadable, &["Failed to find uuid for device"]), // blkid cannot read the base (#21330, #19055)
    says(M::PoolHasData, &["Unable to take ownership of thin-pool", "already has used data blocks"]), // #16092, #36365
    says(M::PoolHasTransactions, &["Unable to take ownership of thin-pool", "non-zero transaction"]), // the same
    says(M::DeviceMissing, &["Non existing device"]), // pool inactive after boot, thin_check missing (docker/docs#6942)
    says(M::NotAThinPool, &["is not a thin pool"]), // the option names a plain volume (#21304)
    // Records and pool disagree.
    says(M::DeviceIdInUse, &["exists in pool but it is supposed to be unused"]), // leaked ids (#21330, #8982)
    says(M::OpenTransactionBehind, &["Open Transaction id", "is less than pool transaction id"]), // pool ahead of the records
    says(M::RollbackFailed, &["Rolling back open transaction failed"]), // message refused
    says(M::TransactionNotSet, &["Error setting devmapper transaction ID"]), // message refused or mismatch
    says(M::UnknownDevice, &["devmapper: Unknown device"]), // record missing (#31483, #22031)
    says(M::UnknownDevice, &["devicemapper", "Unknown device"]), // the same through the driver
    says(M::DockerMetadataUnsaved, &["Error saving transaction metadata"]), // host filesystem full or failing
    says(M::DockerMetadataUnsaved, &["Error writing metadata to"]), // docker/for-linux#146
    says(M::DockerMetadataIoError, &["Error syncing metadata file", "input/output error"]), // the disk under Docker's files
    // Busy devices and deferred deletion.
    says(M::DeviceBusy, &["Device is Busy"]), // leaked mount or open file (#8712, #27381)
    says(M::DeviceBusy, &["failed to remove", "device or resource busy"]), // the errno's own words
    says(M::DeviceBusy, &["unable to remove", "device or resource busy"]), // 1.13 and later
    says(M::RemoveRootFailed, &["failed to remove root filesystem"]), // #27381, #29942
    says(M::DeleteDeviceFailed, &["Error running DeleteDevice"]), // pool read-only or failed (#26015, #31931)
    says(M::RemoveDeviceFailed, &["Error running RemoveDevice"]), // devmapper.go, RemoveDevice
    says(M::ResumeFailed, &["Error running deviceResume"]), // race of deferred removal (#27002)
    says(M::SuspendFailed, &["Error running deviceSuspend"]), // the same (#23497)
    says(M::MarkedForDeletion, &["marked for deferred deletion"]), // deviceset.go
    says(M::MarkedForDeletion, &["marked for deletion"]), // deviceset.go
    says(M::DeferredRefused, &["Deferred deletion can not be enabled"]), // deviceset.go, initDevmapper
    says(M::DeferredRefused, &["Deferred removal can not be enabled"]), // the same
    // udev.
    says(M::UdevCookieFailed, &["Can't set cookie"]), // semaphores used up (#33603, docker/for-linux#85)
    says(M::UdevCookieFailed, &["dm_task_set_cookie failed"]), // the same
    says(M::UdevSyncUnsupported, &["Udev sync is not supported"]), // static binary or old libdm (#4036)
    // Mounting.
    says(M::MountNotFound, &["Error mounting", "/dev/mapper/", "no such file or directory"]), // race with udev (#9562)
    says(M::MountInvalid, &["Error mounting", "/dev/mapper/", "invalid argument"]), // option or damaged filesystem (#8794)
    says(M::MountIoError, &["Error mounting", "/dev/mapper/", "input/output error"]), // disk below or pool full or damaged (#9786)
    says(M::MountFailed, &["Failed to mount; dmesg"]), // the kernel's words follow
    // Loop devices.
    says(M::LoopDevicesExhausted, &["no more loopback device"]), // attach_loopback.go (#15243); seen with and without plural
    says(M::LoopDevicesExhausted, &["no available loopback device"]), // #21882
    says(M::LoopAttachFailed, &["loopback mounting failed"]), // to 1.6
    says(M::LoopAttachFailed, &["loopback attach failed"]), // since
    says(M::LoopFileNotFound, &["Loopback data file not found"]), // tool on a host without loop files
    says(M::LoopFileNotFound, &["Loopback metadata file not found"]), // the same
    says(M::LoopMountNotFound, &["Unable to find loopback mount for"]), // deviceset.go
    says(M::ShrinkRefused, &["Can't shrink file"]), // a smaller size was asked for
    says(M::ShrinkRefused, &["Can't shrink loopback file"]), // the same
    says(M::LoopGrowFailed, &["Unable to grow loopback file"]), // link to a device (#18122)
    says(M::LoopbackDiscouraged, &["usage of loopback devices is strongly discouraged"]), // every release that has it
    // Settings.
    says(M::PoolConfigured, &["dm.thinpooldev="]), // settings name a pool made beforehand
    says(M::SizeTooSmall, &["Container size cannot be smaller than"]), // size= under the base
    says(M::SizeTooSmall, &["Base device size cannot be smaller than"]), // dm.basesize under the base
    says(M::FilesystemIgnored, &["User specified filesystem", "will be ignored"]), // dm.fs differs from the base
    says(M::OptionInvalid, &["Option dm.min_free_space requires"]), // a % is missing
    says(M::OptionInvalid, &["Invalid value", "for option dm."]), // parseStorageOpt
    says(M::OptionInvalid, &["Unknown option dm."]), // the same
    says(M::XfsRetriesUnsupported, &["dm.xfs_nospace_max_retries", "does not seem to be supported"]), // no kernel knob
    says(M::DirectLvmUnchangeable, &["changing direct-lvm config is not supported"]), // device_setup.go
    says(M::DirectLvmAndPool, &["cannot setup direct-lvm when dm.thinpooldev"]), // the same
    says(M::DirectLvmWithoutDevice, &["must provide device path in dm.directlvm_device"]), // the same
    says(M::DeviceInVolumeGroup, &["is already part of a volume group"]), // device_setup.go, checkDevInVG
    says(M::DeviceHasFilesystem, &["has a filesystem already"]), // device_setup.go, checkDevHasFS (#35936)
    says(M::DeviceUnavailable, &["is not available for use with devicemapper"]), // device_setup.go
    says(M::SeveralDrivers, &["contains several valid graphdrivers"]), // daemon/graphdriver/driver.go
    // The driver's end.
    says(M::DriverUnsupported, &["driver not supported"]), // graphdriver.ErrNotSupported (#4036)
    says(M::DriverMustBeChosen, &["prior storage driver devicemapper is deprecated"]), // 23 and 24 do not start
    says(M::DriverRemoved, &["devicemapper storage-driver has been deprecated and removed"]), // 25
    says(M::DriverDeprecated, &["devicemapper storage-driver is deprecated"]), // 18.09 to 24, a warning
    // Around it.
    says(M::GraphdriverFailed, &["error initializing graphdriver"]), // the daemon does not start
    says(M::DaemonUnreachable, &["Cannot connect to the Docker daemon"]), // docker's command line
    says(M::LayerFailed, &["failed to register layer"]), // a pull could not unpack a layer
    says(M::LayerFailed, &["ApplyLayer exit status"]), // the same inside
    says(M::LayerFailed, &["Untar exit status"]), // to 1.9
    says(M::ImageBlobNoSpace, &["GetImageBlob", "no space left on device"]), // tmp of the data root: host filesystem
    says(M::MetadataTmpNoSpace, &["metadata/.tmp", "no space left on device"]), // docker's records: host filesystem
    says(M::RunNoSpace, &["/run/docker", "no space left on device"]), // tmpfs, often its inodes (docker/for-linux#214)
    says(M::RunNoSpace, &["/run/containerd", "no space left on device"]), // the same
    says(M::SqliteFull, &["database or disk is full"]), // linkgraph.db, host filesystem
];

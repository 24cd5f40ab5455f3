//! Docker and its devicemapper driver (moby 0.7 to 25, daemon/graphdriver/devmapper and pkg/devicemapper); numbers
//! in comments are moby's issues.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

/// Words that relate a busy device to a container or layer, and so to the pool.
const CONTAINER_DEVICE_WORDS: &[&str] = &[
    "devmapper",
    "devicemapper",
    "/dev/mapper",
    "snap-",
    "root filesystem",
    "init filesystem",
    "filesystem for",
    "layer",
];
/// Words that relate the error to something else: a control group, a network namespace, a plug-in's volume.
const OTHER_BUSY_WORDS: &[&str] = &["cgroup", "netns", "network namespace", "volume is in use"];

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
    says(M::DeviceBusy, &["failed to remove", "device or resource busy"]).near(CONTAINER_DEVICE_WORDS).without(OTHER_BUSY_WORDS), // the errno's own words
    says(M::DeviceBusy, &["unable to remove", "device or resource busy"]).near(CONTAINER_DEVICE_WORDS).without(OTHER_BUSY_WORDS), // 1.13 and later
    says(M::RemoveRootFailed, &["failed to remove root filesystem"]), // #27381, #29942
    says(M::DeleteDeviceFailed, &["Error running DeleteDevice"]), // pool read-only or failed (#26015, #31931)
    says(M::RemoveDeviceFailed, &["Error running RemoveDevice"]), // devmapper.go, RemoveDevice
    says(M::ResumeFailed, &["Error running deviceResume"]), // race of deferred removal (#27002)
    says(M::SuspendFailed, &["Error running deviceSuspend"]), // the same (#23497)
    says(M::MarkedForDeletion, &["marked for deferred deletion"]), // deviceset.go
    says(M::MarkedForDeletion, &["marked for deletion"]).near(&["devmapper", "devicemapper", "activate device"]), // deviceset.go
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
    // Removal of the driver.
    says(M::DriverUnsupported, &["driver not supported"]).near(&["graphdriver", "graph driver", "prior storage driver", "getdriver", "configure storage", "devicemapper"]), // graphdriver.ErrNotSupported (#4036)
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
    // Its records on the host's filesystem.
    says(M::RecordsReadOnly, &["/devicemapper/metadata", "read-only file system"]), // removing, renaming a record
    says(M::DockerMetadataIoError, &["Error closing metadata file", "input/output error"]), // devmapper 17.x, saveMetadata
    says(M::DockerMetadataIoError, &["Unable to remove transaction meta file", "input/output error"]), // closeTransaction
    says(M::RecordsUnreadable, &["Error looking up device", "invalid character"]), // loadMetadata
    says(M::RecordsUnreadable, &["Error looking up device", "unexpected end of JSON input"]), // the same, cut off
    says(M::RecordsUnreadable, &["Error loading device metadata file"]), // to 1.10
    says(M::RecordsUnreadable, &["unmarshaling previous device setup config"]), // device_setup.go
    says(M::RecordOdd, &["Ignoring Invalid DeviceId"]), // constructDeviceIDMap
    says(M::RecordOdd, &["Unable to remove metadata", "no such file or directory"]), // the record is gone already
    says(M::UnknownDevice, &["Cannot start container", "Unknown device"]), // to 1.9
    says(M::UuidUnreadable, &["Could not query and save base device UUID"]), // blkid cannot read the base
    says(M::DeviceMissing, &["GetInfo() on device", "failed"]), // dm_task_run hides the errno
    says(M::DeviceMissing, &["GetStatus() on device", "failed"]), // the same
    says(M::DeviceExists, &["Device Id Exists"]), // ErrDeviceIDExists
    says(M::DeviceAbsent, &["failed to remove device", "No such device or address"]), // gone already
    // Settings.
    says(M::OptionInvalid, &["Unknown option"]).near(&["devmapper", "response from daemon", "graphdriver"]), // of a container
    says(M::OptionInvalid, &["Unsupported filesystem"]).near(&["devmapper", "graphdriver", "response from daemon"]), // dm.fs
    says(M::OptionInvalid, &["dm.thinp_", "must be"]), // device_setup.go
    says(M::OptionInvalid, &["dm.thinp_", "must not be"]), // the same
    says(M::OptionInvalid, &["must set both `dm.thinp_percent`"]), // the same
    says(M::OptionInvalid, &["could not parse `dm."]), // the same
    says(M::OptionInvalid, &["dm.libdm_log_level must be in range"]), // the same
    says(M::OptionInvalid, &["is not a valid block device"]), // container-storage-setup: DEVS
    says(M::OptionInvalid, &["unable to configure the Docker daemon with file"]), // flag and file disagree
    says(M::TaskNameNotSet, &["Can't set task name"]), // a blank or a slash in a name
    says(M::DriverUnsupported, &["inconsistent paths for container"]), // daemon.go: the driver gave another path than before
    says(M::XfsRetriesUnsupported, &["Failed to open file", "max_retries"]), // an older kernel
    says(M::XfsRetriesUnsupported, &["Failed to write string", "max_retries"]), // not a number
    says(M::ToolMissing, &["XFS is not supported in your system", "executable file not found"]), // mkfs.xfs: notice, ext4 is taken
    says(M::ToolMissing, &["error looking up command"]), // device_setup.go
    says(M::ToolMissing, &["looking up command", "while setting up direct lvm"]), // containers/storage
    says(M::XfsMissing, &["error checking for xfs support"]), // no module
    // Filesystems.
    says(M::MkfsFailed, &["Error while creating filesystem"]), // exit status of mkfs
    says(M::FilesystemUnknown, &["Unknown filesystem type on /dev/mapper"]), // no magic number where one belongs
    says(M::ProbeFailed, &["unable to detect filesystem type of"]), // a read came short
    says(M::BaseGrowthFailed, &["Failed to grow rootfs"]), // growFS: resize2fs, xfs_growfs
    says(M::DeviceBusy, &["Error mounting", "/dev/mapper/", "device or resource busy"]), // mounted elsewhere
    says(M::DeviceBusyNote, &["Trying to mount devmapper device in multiple places"]), // to 1.6
    says(M::DeviceBusyNote, &["Error unmounting device"]), // cleans up after itself
    says(M::DeviceBusyNote, &["unmounting layer", "device or resource busy"]), // containers/storage
    says(M::DeviceBusyNote, &["Shutdown unmounting", "device or resource busy"]), // while the daemon ends
    says(M::DeviceBusyNote, &["devmapper.Shutdown error", "device or resource busy"]), // containers/storage
    says(M::DeviceBusyNote, &["still has", "active dependents"]), // deactivatePool
    says(M::DeviceBusyNote, &["Failed to deactivatePool"]), // the same
    says(M::DeviceBusyNote, &["unmountAndDeactivate"]), // the same
    says(M::DeviceBusyNote, &["Timeout while waiting for device"]), // waitRemove, waitClose
    says(M::MountNotFound, &["open /dev/mapper/docker-", "no such file or directory"]), // the node is not there yet
    // Loop devices and files.
    says(M::LoopFileGone, &["rm -", "/devicemapper/devicemapper"]), // a person's own command
    says(M::LoopFileGone, &["Couldn't stat loopfile"]), // fillStatus
    says(M::LoopFileGone, &["Loopback device and filesystem disagree on device/inode"]), // the file was replaced
    says(M::LoopFileGone, &["Opening sparse file", "no such file or directory"]), // containers/storage
    says(M::LoopFileGone, &["Error opening sparse file", "no such file or directory"]), // attach_loopback.go
    says(M::LoopFileGone, &["get loopback backing file"]), // the device is not attached
    says(M::LoopDevicesExhausted, &["Loopback device", "is not a block device"]), // a plain file in its place
    says(M::LoopDevicesExhausted, &["opening loopback device:"]), // not permitted in a container
    says(M::LoopDevicesExhausted, &["Cannot set up loopback device"]), // LOOP_SET_FD, LOOP_SET_STATUS64
    says(M::LoopDevicesExhausted, &["opening sparse file", "permission denied"]), // the file may not be opened
    says(M::LoopCapacityStale, &["Unable to update loopback capacity"]), // LOOP_SET_CAPACITY
    says(M::LoopCapacityStale, &["unable set loopback capacity"]), // the same
    says(M::LoopCapacityStale, &["loopbackSetCapacity"]), // the same
    says(M::LoopGrowFailed, &["Loopback devices can not be created on"]), // containers/storage: AUFS
    // Operations of device-mapper whose errno libdm hides.
    says(M::CreateDeviceFailed, &["Error running CreateDevice"]), // pkg/devicemapper, CreateDevice
    says(M::CreateSnapFailed, &["CreateSnapDeviceRaw"]), // since 17.06
    says(M::CreateSnapFailed, &["Error running DeviceCreate (createSnapDevice)"]), // to 1.6
    says(M::CreatePoolFailed, &["Error running DeviceCreate dm_task_run"]), // to 1.6
    says(M::ReloadFailed, &["Error running ReloadPool"]), // resizePool
    says(M::SuspendFailed, &["Unable to suspend pool"]), // the same
    says(M::RemoveDeviceFailed, &["RemoveDeviceDeferred"]), // deferred removal
    says(M::RemoveDeviceFailed, &["Deferred Removal Cancellation Failed"]), // the same
    says(M::RemoveDeviceFailed, &["Error running CancelDeferredRemove"]), // the same
    says(M::TransactionNotSet, &["Error running SetTransactionID"]), // the message was refused
    says(M::DeleteDeviceFailed, &["Unable to delete device"]).near(&["devmapper", "devicemapper"]), // deleteDevice
    says(M::SizeUnreadable, &["getblockdevicesize"]), // no block device
    says(M::SizeUnreadable, &["Can't get data size"]), // the same
    says(M::SizeUnreadable, &["Can't get metadata size"]), // the same
    says(M::TargetMissing, &["Can't create task of type"]), // no device-mapper in the kernel
    says(M::UdevCookieFailed, &["wait on udev cookie failed"]), // UdevWait
    // The driver.
    says(M::DriverRemoved, &["GetDriver graph", "driver=devicemapper"]), // not built in, not a plug-in
    says(M::DriverAbsent, &["GetDriver graph"]).without(&["driver=devicemapper"]), // another driver
    says(M::DriverAbsent, &["prior storage driver devicemapper failed: driver not supported"]), // after an upgrade or another kernel
    says(M::SeveralDrivers, &["already contains data managed by other graphdrivers"]), // to 1.9, a warning
    says(M::DriverUnfit, &["No supported storage driver found"]), // none of them starts
    says(M::DriverUnfit, &["No supported storage backend found"]), // the same, containers/storage
    says(M::DriverUnfit, &["prerequisites for driver not satisfied"]), // graphdriver.ErrPrerequisites
    says(M::DriverUnfit, &["backing file system is unsupported for this graph driver"]), // ErrIncompatibleFS
    says(M::DriverUnfit, &["User-selected graph driver", "overwritten by graph driver"]), // podman's database
    // Known and of no consequence.
    says(M::Normal, &["Creating filesystem", "on device", "mkfs args"]), // createFilesystem
    says(M::Normal, &["Successfully created filesystem"]), // the same
    says(M::Normal, &["[graphdriver] using prior storage driver"]), // start
    says(M::Normal, &["[graphdriver] trying"]), // start
    says(M::Normal, &["Loading containers:"]), // start
    says(M::Normal, &["Your kernel does not support"]), // swap limit, cgroup options
    says(M::LoopFileGone, &["/devicemapper/devicemapper/", "no such file or directory"]).near(&["open /", "stat /"]), // at start
    says(M::DeviceUnavailable, &["are in the output of lvmdiskscan"]), // containers/storage
];

//! LVM's tools (lvm2: lib, tools) and libdm.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Activation checks.
    says(M::PoolCheckFailed, &["Check of pool", "failed (status:"]), // lib/activate/dev_manager.c
    says(M::PoolCheckFailed, &["Check for pool", "failed (status:"]), // the same in other versions
    says(M::ManualRepairRequired, &["Manual repair required"]).without(&["cache"]), // the same
    says(M::ThinCheckMissing, &["thin_check", "execvp failed"]), // lib/misc/lvm-exec.c
    says(M::ThinCheckMissing, &["thin_check", "command not found"]), // a shell
    says(M::ThinCheckMissing, &["thin_check missing"]), // lvconvert
    says(M::ThinCheckSkipped, &["Check is skipped, please install", "thin_check"]), // dev_manager.c, since about 2018
    says(M::TransactionIdMismatch, &["transaction_id is", "while expected"]), // lib/activate, lvm2 before 2.02.112 on Docker's pools (#15629)
    says(M::TransactionIdMismatch, &["transaction_id (", "while expected"]), // newer
    says(M::NoneActive, &["0 logical volume(s) in volume group", "now active"]), // vgchange -ay
    says(M::VolumeGroupMissing, &["Volume group", "not found"]), // toollib.c
    says(M::PoolStatusUnreadable, &["Failed to parse thin params"]), // libdm-targets.c
    says(M::TransactionIdMismatch, &["has unexpected transaction id", "expecting"]), // thin_manip.c
    // What LVM's tools say of a pool's state before they change it (thin_manip.c, thin_pool_below_threshold).
    says(M::PoolToFail, &["WARNING: Thin pool", "is failed"]), // the status says Fail
    says(M::PoolOutOfDataSpace, &["WARNING: Thin pool", "is out of data space"]), // its mode
    says(M::NeedsCheck, &["WARNING: Thin pool", "needs check"]), // its flag
    says(M::PoolToReadOnly, &["WARNING: Thin pool", "has read-only metadata"]), // its mode
    // Repair.
    says(M::RepairFailed, &["Repair of thin metadata volume", "failed"]), // lvconvert --repair
    says(M::RepairSpaceTooSmall, &["couldn't allocate new block"]), // thin_repair, thin_restore 0.x: the target is too small
    says(M::MappingsDamaged, &["Check of mappings failed"]), // thin_check
    says(M::MappingsDamaged, &["data mapping tree contain errors"]), // thin_check 1.x
    says(M::MappingsDamaged, &["mappings, while expected"]), // thin_check 1.x
    says(M::MappingsDamaged, &["bad checksum in"]).without(&["header", "archive"]), // thin_check 0.x
    says(M::MappingsDamaged, &["superblock is corrupt"]).without(&["primary"]), // thin_check 0.x
    // Growing.
    says(M::VgNoSpace, &["Insufficient free space", "extents needed"]), // lib/metadata/lv_manip.c
    says(M::VgNoSpace, &["Volume group", "insufficient free space"]), // the same, of a volume group
    says(M::VgNoSpace, &["Insufficient suitable allocatable extents"]), // the same
    says(M::LvmWarnsData, &["Thin pool", "data is now", "% full"]), // dmeventd_thin.c
    says(M::LvmWarnsMetadata, &["Thin pool", "metadata is now", "% full"]), // dmeventd_thin.c
    says(M::LvmWarnsMetadata, &["Remaining free space in metadata of thin pool", "is too low"]), // thin_manip.c
    says(M::LvmRefusesAtThreshold, &["free space in", "reached threshold"]), // lib/metadata/thin_manip.c
    says(M::Overcommitted, &["Sum of all thin volume sizes", "exceeds the size"]), // thin_manip.c
    says(M::AutoextendOff, &["not turned on protection against thin pools running out of space"]), // thin_manip.c
    says(M::AutoextendOff, &["thin_pool_autoextend_threshold below 100"]), // the same
    says(M::NotMonitored, &["No longer monitoring thin pool"]), // dmeventd_thin.c, also when a pool is deactivated
    says(M::NotMonitored, &["Failed to monitor thin pool"]), // the same
    says(M::PoolCheckFailed, &["Check of thin pool", "failed (status:"]), // the same
    says(M::PoolCheckFailed, &["Integrity check of metadata for pool", "failed"]), // lib/activate
    says(M::ThinCheckMissing, &["thin_repair", "execvp failed"]), // lib/misc/lvm-exec.c
    says(M::ThinCheckMissing, &["thin_dump", "execvp failed"]), // the same
    says(M::ThinCheckMissing, &["Thin repair command is not configured"]), // lvconvert
    says(M::ThinCheckSkipped, &["Check is skipped, please upgrade", "thin_check"]), // dev_manager.c
    says(M::OtherTarget, &["cache_check"]), // dm-cache's tools
    says(M::OtherTarget, &["Repair of cache metadata volume"]), // the same
    says(M::OtherTarget, &["VDO pool", "full"]), // dmeventd's VDO plugin
    says(M::OtherTarget, &["WARNING: Snapshot", "full"]), // dmeventd's snapshot plugin: classic snapshots
    says(M::CheckCrashed, &["Child", "exited abnormally"]), // lib/misc/lvm-exec.c
    says(M::NeedsCheck, &["Cannot repair active pool"]), // lvconvert: deactivate it first
    // What LVM says of a pool's state.
    says(M::PoolUnanswered, &["WARNING: Thin pool", "is erroring"]), // the status says Error
    says(M::PoolToReadOnly, &["WARNING: Thin pool", "has read-only metadata"]), // with others
    says(M::TransactionIdMismatch, &["transaction_id=", "while expected"]), // libdm
    says(M::TransactionIdMismatch, &["transaction_id is", "does not match expected"]), // libdm
    says(M::TransactionIdMismatch, &["Cannot use thin pool", "with transaction id", "for thin volumes"]), // thin_manip.c
    says(M::TransactionIdMismatch, &["have transaction_id", "but active pool has"]), // the same
    says(M::TransactionIdMismatch, &["Transaction id", "does not match repaired transaction id"]), // lvconvert --repair
    says(M::TransactionUnreadable, &["Failed to read transaction_id from thin pool"]), // the same
    says(M::MessageQueued, &["Message referring LV", "already queued in pool"]), // thin_manip.c
    says(M::LvmRefusesAtThreshold, &["free space in pool", "above threshold"]), // older
    says(M::AutoextendOff, &["thin_pool_autoextend_percent above 0"]), // thin_manip.c
    says(M::AutoextendOff, &["autoextend threshold", "below minimum supported"]), // the same
    says(M::AutoextendOff, &["autoextend percent set to 0"]), // lvextend --use-policies
    says(M::NotMonitored, &["WARNING: Failed to monitor"]), // lib/activate
    says(M::NotMonitored, &["WARNING: Monitoring", "failed"]), // the same
    says(M::AutoextendNotRun, &["Unable to talk to event daemon"]), // libdevmapper-event
    says(M::AutoextendNotRun, &["Unable to exec dmeventd"]), // the same
    says(M::AutoextendNotRun, &["event registration failed"]), // the same
    says(M::PoolLayoutRefused, &["Pool metadata LV", "is too small"]), // thin_manip.c
    // Layout.
    says(M::PoolLayout, &["WARNING: Chunk size is"]), // thin_manip.c
    says(M::PoolLayoutRefused, &["cannot address more than"]).near(&["chunk size"]), // the same
    says(M::PoolLayoutRefused, &["Size of thin", "cannot be smaller than chunk size"]), // the same
    says(M::PoolLayout, &["WARNING: Pool zeroing and", "chunk size"]), // the same
    says(M::PoolLayoutRefused, &["hin pool chunk size", "is not in the range"]), // the same
    says(M::PoolLayoutRefused, &["hin pool chunk size", "must be a multiple of"]), // the same
    says(M::PoolLayoutRefused, &["target does not support", "chunk size"]), // an older kernel
    says(M::PoolLayoutRefused, &["as pool metadata. Minimal required size"]), // lvconvert
    says(M::PoolLayoutRefused, &["Support for online metadata resize of", "not detected"]), // an older kernel
    says(M::PoolLayout, &["WARNING: Converting", "with metadata wiping"]), // lvconvert
    says(M::MetadataOversized, &["pool metadata volume", "maximum usable size"]), // the same
    says(M::MetadataAtMaximum, &["Reached maximum pool metadata size"]), // lvextend
    says(M::DeviceIdsExhausted, &["Cannot find free device_id"]), // thin_manip.c
    says(M::PoolHalfMade, &["remove abandoned LV"]), // a creation was interrupted
    // Activation.
    says(M::PoolInactive, &["Can't read state of locally inactive LV"]), // lv_manip.c
    says(M::PoolInactive, &["Cannot read thin pool", "transaction id locally"]), // thin_manip.c
    says(M::PoolInactive, &["Failed to locally activate thin pool"]), // the same
    says(M::PoolInactive, &["Cannot activate thin pool", "skipped in lvm.conf"]), // the same
    says(M::SuspendRefused, &["Failed to suspend", "with queued messages"]), // the pool refused a message
    says(M::SuspendRefused, &["Failed to suspend thin snapshot origin"]), // the same
    says(M::SuspendRefused, &["Failed to suspend logical volume"]), // the same
    says(M::ResumeFailed, &["Failed to resume thin snapshot origin"]), // lv_manip.c
    says(M::ComponentActive, &["Thin pool data or metadata volume", "is active"]), // lib/activate
    says(M::ComponentActive, &["prohibited while", "is active"]).near(&["tmeta", "tdata", "pmspare"]), // the same
    says(M::ComponentActive, &["Activation of logical volume", "is prohibited while logical volume"]), // the same
    says(M::ComponentBusy, &["Unable to deactivate open", "_tmeta"]), // libdm
    says(M::ComponentBusy, &["Unable to deactivate open", "_tdata"]), // the same
    says(M::SpareNotActivated, &["Cannot activate pool metadata spare volume"]), // lvconvert --repair
    says(M::RepairWithoutSpare, &["recovery of pools without pool metadata spare LV is not automated"]), // pool creation
    says(M::WipeFailed, &["Failed to wipe pool metadata"]), // a write to the new device failed
    says(M::TargetMissing, &["Required device-mapper target(s) not detected"]), // activation
    says(M::TargetMissing, &["modprobe failed"]).near(&["/sbin/", "thin"]), // the same
    says(M::TargetMissing, &["Module dm-thin-pool not found"]), // modprobe
    says(M::TargetMissing, &["Module dm_thin_pool not found"]), // the same
    says(M::TargetMissing, &["dm_thin_pool", "not found"]).near(&["module", "modprobe"]), // the same
    says(M::TargetMissing, &["dm-thin-pool", "not found"]).near(&["module", "modprobe"]), // the same
    says(M::TargetMissing, &["target support missing from kernel"]), // lib/activate: thin's or a snapshot's
    says(M::TargetMissing, &["unrecognised segment type thin"]), // an LVM built without thin
    says(M::TargetMissing, &["Unrecognized segment type", "thin"]), // the same, flags of a newer release
    says(M::TargetMissing, &["unknown segment type", "thin"]), // the same
    says(M::TargetMissing, &["Failure to communicate with kernel device-mapper driver"]), // libdm
    says(M::TargetMissing, &["Check that device-mapper is available in the kernel"]), // libdm
    says(M::TargetMissing, &["/dev/mapper/control: open failed"]), // libdm
    says(M::TargetMissing, &["Incompatible libdevmapper", "kernel driver"]), // libdm
    // Physical volumes.
    says(M::PvMissing, &["Couldn't find device with uuid"]), // lib/metadata
    says(M::PvMade, &["Physical volume", "successfully created"]), // pvcreate, also with the uuid of one that is gone
    says(M::PvMissing, &["is missing PV"]), // the same
    says(M::PvMissing, &["Refusing activation of partial LV"]), // lib/activate
    says(M::PvMissing, &["Device for PV", "not found or rejected by a filter"]), // lib/cache
    says(M::PvMissing, &["Cannot change VG", "while PVs are missing"]), // toollib.c
    // Room.
    says(M::VgNoSpace, &["Insufficient suitable", "allocatable extents"]), // lv_manip.c
    says(M::VgNoSpace, &["No free extents in Volume group"]), // the same
    says(M::VgNoSpace, &["Not enough PVs with free space available"]), // the same
    says(M::VgNoSpace, &["Not enough space for thin pool creation"]), // the same
    says(M::AutoextendFailed, &["Failed to extend", "_tdata"]), // lv_manip.c
    says(M::TableRefused, &["cannot be reduced in size yet"]), // lvreduce
    says(M::TableRefused, &["Thin pool metadata volumes cannot be reduced"]), // the same
    says(M::FilesystemCutOff, &["WARNING: Reducing active", "logical volume to"]), // the same; before it happens
    says(M::VolumeMapsTooMuch, &["maps", "while the size is only"]).near(&["LV "]), // thin_manip.c
    // Names.
    says(M::PoolAbsent, &["Failed to find logical volume"]), // toollib.c
    says(M::PoolAbsent, &["Thin pool volume", "not found in Volume group"]), // lvcreate
    says(M::NotAThinPool, &["is not a thin pool volume"]), // the same
    says(M::VolumeGroupMissing, &["Cannot process volume group"]), // toollib.c
    says(M::PoolAbsent, &["Expected thin-pool target for", "got no target"]), // libdm
    says(M::PoolAbsent, &["Expected thin-pool target for", "got"]), // libdm
    // Busy.
    says(M::DeviceBusyNote, &["Cannot convert pool", "with active volumes"]), // lvconvert
    says(M::DeviceBusyNote, &["Logical volume", "in use."]), // lvremove
    says(M::DeviceBusyNote, &["contains a filesystem in use"]), // the same
    says(M::DeviceBusyNote, &["Can't remove logical volume", "used by a pool"]), // the same
    // libdm: messages and ioctls.
    says(M::PoolToFail, &["Cannot send messages to thin pool", "in failed state"]), // libdm-deptree.c
    says(M::PoolToReadOnly, &["Cannot send messages to thin pool", "with read only metadata"]), // the same
    says(M::NeedsCheck, &["Cannot send messages to thin pool", "needs check first"]), // the same
    says(M::DeviceIdInUse, &["already contain thin device with device_id"]), // the same
    says(M::DeviceIdInUse, &["Manual intervention may be required to remove device"]), // the same
    says(M::DeviceIdInUse, &["message ioctl on", "failed: File exists"]), // EEXIST
    says(M::MessageRefused, &["Failed to process message"]), // libdm-deptree.c
    says(M::PoolToFail, &["Failed to parse thin", "params: Fail"]), // libdm-targets.c
    says(M::SuspendFailed, &["Unable to suspend"]), // libdm
    says(M::ResumeFailed, &["Failed to resume"]).near(&["-tpool", "thin", "(253:", "(252:", "(254:"]).without(&["snap-"]), // libdm
    says(M::ResumeFailed, &["device(s) still suspended"]), // libdm
    says(M::ResumeFailed, &["Performing unsafe table load while", "suspended"]), // LVM
    says(M::VolumeWithoutDevice, &["message ioctl on", "failed: No data available"]), // ENODATA
    says(M::VolumeWithoutDevice, &["reload ioctl on", "failed: No data available"]), // the same
    says(M::MessageRefused, &["message ioctl on", "failed: Invalid argument"]), // EINVAL says little
    says(M::DmIoError, &["ioctl on", "failed: Input/output error"]), // EIO
    says(M::NoFreeMetadata, &["message ioctl on", "failed: No space left on device"]), // ENOSPC of the metadata
    says(M::NoFreeMetadata, &["resume ioctl on", "failed: No space left on device"]), // the same
    says(M::DmBusy, &["message ioctl on", "failed: Device or resource busy"]), // EBUSY
    says(M::DeviceBusy, &["remove ioctl on", "failed: Device or resource busy"]), // open
    says(M::DmBusy, &["create ioctl on", "failed: Device or resource busy"]), // the name is taken
    says(M::PoolDevicesInUse, &["reload ioctl on", "failed: Device or resource busy"]), // its devices are another's
    says(M::TableInvalid, &["reload ioctl on", "failed: Invalid argument"]), // the kernel's log has the reason
    says(M::BtreeDamaged, &["reload ioctl on", "incomplete multibyte"]), // EILSEQ: a checksum
    says(M::ResumeRefused, &["resume ioctl on", "failed: Invalid argument"]), // preresume
    says(M::PoolAbsent, &["status ioctl on", "failed: No such device or address"]), // ENXIO
    says(M::PoolAbsent, &["reload ioctl on", "failed: No such device or address"]), // the same
    says(M::PoolAbsent, &["remove ioctl on", "failed: No such device or address"]), // the same
    says(M::PoolAbsent, &["device ", "pool not found"]).without(&["volume group", "storage pool"]), // dmsetup
    // Known and of no consequence.
    says(M::Normal, &["can address at most"]), // lvcreate
    says(M::Normal, &["holds a backup of the unrepaired metadata"]), // lvconvert --repair
    says(M::Normal, &["If everything works, remove"]), // the same
    says(M::Normal, &["might use different PVs"]), // the same
    says(M::Normal, &["matches existing size"]), // lvextend
    says(M::Normal, &["Size of logical volume", "changed from"]), // lvextend
    says(M::Normal, &["logical volume(s) in volume group", "monitored"]), // vgchange
    says(M::Normal, &["logical volume(s) in volume group", "now active"]).without(&[" 0 logical"]), // vgchange
    says(M::Normal, &["Not using lvmetad because"]), // 2.02
    says(M::Normal, &["Locking disabled. Be careful"]), // --config
    says(M::Normal, &["File descriptor", "leaked on"]), // every tool
    says(M::Normal, &["Merging of", "will occur on next activation"]), // lvconvert --merge
    says(M::Normal, &["Logical volume", "successfully resized"]), // lvextend
    says(M::Normal, &["Logical volume", "created."]), // lvcreate
    says(M::Normal, &["Converted", "to thin pool"]), // lvconvert
    says(M::Normal, &["Volume group", "successfully extended"]), // vgextend
    says(M::Normal, &["Physical volume", "successfully created"]), // pvcreate
    says(M::Normal, &["Rounding up size to full physical extent"]), // lvcreate
    says(M::PoolInactive, &["skip autoactivation"]), // pvscan: auto_activation_volume_list, or the group's flag
    says(M::PoolAbsent, &["not found in volume group"]), // lvcreate, lvchange
    says(M::DeviceBusyNote, &["Logical volume", "is used by another device"]), // lvremove
    says(M::DeviceBusyNote, &["Unable to deactivate pool metadata spare"]), // lvcreate
    says(M::NameTaken, &["already exists in volume group"]), // lvcreate
];

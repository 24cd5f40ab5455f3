//! The kernel's thin-pool target and what lies below it: drivers/md (dm-thin.c, dm-thin-metadata.c, dm-table.c,
//! dm-ioctl.c, persistent-data).
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // dm-thin.c: space.
    says(M::LowWaterData, &["reached low water mark for data device"]), // check_low_water_mark
    says(M::LowWaterMetadata, &["reached low water mark for metadata device"]), // metadata_low_callback
    says(M::PoolOutOfDataSpace, &["switching pool to out-of-data-space"]), // set_pool_mode
    says(M::PoolQueuesWrites, &["switching pool to out-of-data-space (queue IO) mode"]), // the same, since 4.3
    says(M::PoolFailsWrites, &["switching pool to out-of-data-space (error IO) mode"]), // after no_space_timeout
    says(M::NoFreeData, &["no free data space available"]), // alloc_data_block
    says(M::NoFreeMetadata, &["No free metadata blocks"]), // metadata space map
    says(M::NoFreeMetadata, &["no free metadata space available"]), // alloc_data_block
    // dm-thin.c: modes.
    says(M::PoolToReadOnly, &["switching pool to read-only mode"]), // notify_of_pool_mode_change
    says(M::PoolToOutOfMetadata, &["switching pool to out-of-metadata-space mode"]), // the same
    says(M::PoolToFail, &["switching pool to fail"]), // `fail mode`, earlier `failure mode`
    says(M::PoolToWrite, &["switching pool to write mode"]), // back to normal
    says(M::PoolToWrite, &["switching pool to read-write mode"]), // the same in other versions
    says(M::NeedsCheck, &["until repaired"]).without(&["cache"]), // set_pool_mode, maybe_resize_data_dev
    says(M::NeedsCheck, &["needs_check flag is set"]), // the same
    says(M::NeedsCheckNotSet, &["failed to set 'needs_check' flag"]), // abort_transaction
    says(M::MetadataOperationFailed, &["metadata operation", "failed: error ="]).near(&["thin: "]).without(&["= -28", "= -5", "= -84"]), // metadata_operation_failed
    says(M::MetadataOutOfSpace, &["metadata operation", "failed: error = -28"]), // the same with ENOSPC
    says(M::MetadataIoError, &["metadata operation", "failed: error = -5"]).near(&["thin: "]), // the same with EIO
    says(M::DataFlushFailed, &["pre-commit callback failed"]), // dm-thin-metadata.c, dm_pool_commit_metadata
    says(M::TransactionAborted, &["aborting current metadata transaction"]).near(&["thin: "]), // abort_transaction
    says(M::TransactionAbortFailed, &["failed to abort metadata transaction"]), // the same
    says(M::MessagesRefused, &["unable to service pool target messages"]), // pool_message
    says(M::ThinDeleteFailed, &["Deletion of thin device", "failed"]), // process_delete_mesg
    says(M::ThinCreateFailed, &["Creation of new thin volume", "failed"]), // process_create_thin_mesg
    says(M::ThinCreateFailed, &["thin: Creation of", "of device"]), // process_create_snap_mesg
    says(M::ThinOpenFailed, &["Couldn't open thin internal device"]), // thin_ctr
    says(M::TransactionChangeRefused, &["Failed to change transaction id from"]), // process_set_transaction_id_mesg
    says(M::TransactionChangeRefused, &["mismatched transaction id"]), // dm-thin-metadata.c
    says(M::BackingShrunk, &["too small: expected"]), // maybe_resize_data_dev, maybe_resize_metadata_dev
    says(M::DataGrown, &["growing the data device from"]), // maybe_resize_data_dev
    says(M::MetadataGrown, &["growing the metadata device from"]), // maybe_resize_metadata_dev
    says(M::MetadataSnapshotHeld, &["Pool metadata snapshot already exists"]), // __reserve_metadata_snap
    says(M::PoolDevicesInUse, &["device already in use by a pool"]), // __pool_find: metadata's, since 5.18 data's too
    says(M::PoolDevicesInUse, &["different pool cannot replace a pool"]), // the same
    // persistent-data: damage.
    says(M::SuperblockDamaged, &["sb_check failed"]).near(&["thin"]), // dm-thin-metadata.c
    says(M::SuperblockDamaged, &["superblock validator check failed"]), // dm-block-manager.c
    says(M::SuperblockDamaged, &["couldn't read superblock"]), // dm-thin-metadata.c
    says(M::BtreeDamaged, &["node_check failed"]), // dm-btree-spine.c
    says(M::BtreeDamaged, &["btree_node validator check failed"]), // dm-block-manager.c
    says(M::BtreeDamaged, &["block manager: validator mismatch"]), // dm-block-manager.c: two trees claim a block
    says(M::BtreeDamaged, &["message ioctl on", "failed: Structure needs cleaning"]), // EUCLEAN, as libdm shows it
    says(M::SpaceMapDamaged, &["index_check failed"]), // dm-space-map-common.c
    says(M::SpaceMapDamaged, &["bitmap check failed"]), // dm-space-map-common.c
    says(M::SpaceMapDamaged, &["unable to decrement a reference count below 0"]), // the same
    says(M::MetadataUnusable, &["Error creating metadata object"]), // pool_ctr
    // Other wordings in 3.10 to 4.x.
    says(M::LowWaterData, &["reached low water mark, sending event"]), // before metadata had one
    says(M::NoFreeData, &["thin: ", "no free space available"]), // the same
    says(M::PoolToFail, &["switching pool to failure mode"]), // 3.10
    says(M::TransactionAbortFailed, &["thin: aborting transaction failed"]), // 3.10
    says(M::MetadataOperationFailed, &["Could not get free metadata blocks"]), // 3.10
    says(M::MetadataOperationFailed, &["alloc_data_block() failed: error ="]).without(&["= -5"]), // provision_block, break_sharing
    says(M::MetadataIoError, &["alloc_data_block() failed: error = -5"]), // the same with EIO
    says(M::MetadataIoError, &["dm_thin_find_block() failed: error = -5"]), // process_cell
    says(M::BtreeDamaged, &["dm_thin_find_block() failed: error = -84"]), // EILSEQ: a checksum
    says(M::BtreeDamaged, &["thin: ", "metadata operation", "failed: error = -84"]), // the same
    says(M::MetadataOperationFailed, &["dm_thin_insert_block() failed"]), // schedule of old kernels
    says(M::MetadataIoError, &["dm_pool_commit_metadata() failed, error = -5"]), // commit
    says(M::MetadataOperationFailed, &["bio unserviceable, yet pool is in"]), // a mode that changed beneath it
    says(M::StatusIoError, &["dm_pool_get_", "returned -"]), // pool_status: the metadata cannot be read
    says(M::StatusIoError, &["dm_thin_get_mapped_count returned -"]), // thin_status
    says(M::DataSizeUnknown, &["thin: ", "failed to retrieve data device size"]), // maybe_resize_data_dev
    says(M::BackingShrunk, &["pool target too small, is"]), // 3.x
    says(M::BackingShrunk, &["cannot reduce size of space map"]), // dm_pool_resize_data_dev
    says(M::DiscardsUnsupported, &["Disabling discard passdown"]), // disable_passdown_if_not_supported
    says(M::MetadataOversized, &["Metadata device", "excess space will not be used"]), // warn_if_metadata_device_too_big
    // Messages of the pool's owner.
    says(M::ThinCreateFailed, &["Creation of new thinly-provisioned device"]), // process_create_thin_mesg
    says(M::MetadataSnapshotHeld, &["reserve_metadata_snap message failed"]), // process_reserve_metadata_snap_mesg
    says(M::MetadataSnapshotHeld, &["release_metadata_snap message failed"]), // the same
    says(M::DeviceIdInvalid, &["Message received with invalid device id"]), // read_dev_id
    // Tables that the kernel refuses: dm-thin.c, pool_ctr and thin_ctr, dm-table.c, dm-ioctl.c.
    says(M::PoolDevicesInUse, &["device already in use by a pool"]), // __pool_find
    says(M::PoolDeviceNotOpened, &["thin-pool: Error opening metadata block device"]), // pool_ctr
    says(M::PoolDeviceNotOpened, &["thin-pool: Error getting data device"]), // the same
    says(M::TableOptionInvalid, &["thin-pool: Error setting metadata or data device"]), // both are one
    says(M::TableOptionInvalid, &["thin-pool: Invalid block size"]), // the same
    says(M::TableOptionInvalid, &["thin-pool: Invalid low water mark"]), // the same
    says(M::TableOptionInvalid, &["thin-pool: Unrecognised pool feature requested"]), // an older kernel
    says(M::TableOptionInvalid, &["thin-pool: Discard support cannot be disabled once enabled"]), // the same
    says(M::TableOptionInvalid, &["changing the data block size"]), // __open_metadata
    says(M::MetadataUnusable, &["thin-pool: Error registering metadata threshold"]), // pool_ctr
    says(M::MetadataUnusable, &["metadata due to unsupported optional features"]), // __check_incompat_features
    says(M::MetadataUnusable, &["thin metadata: ", "tm_open_with_sm failed"]), // __open_metadata
    says(M::MetadataUnusable, &["thin metadata: ", "sm_disk_open failed"]), // the same
    says(M::MetadataUnusable, &["thin metadata: ", "could not create"]), // the same
    says(M::MetadataUnusable, &["thin metadata: ", "couldn't lock superblock"]), // the same
    says(M::VolumeWithoutDevice, &["Couldn't open thin internal device"]), // thin_ctr: ENODATA
    says(M::PoolToFail, &["Couldn't open thin device, Pool is in fail mode"]), // thin_ctr
    says(M::PoolIsSuspended, &["Unable to activate thin device while pool is suspended"]), // thin_ctr
    says(M::PoolAbsent, &["thin: Error opening pool device"]), // thin_ctr
    says(M::PoolAbsent, &["thin: Couldn't find pool object"]), // the same
    says(M::PoolAbsent, &["thin: Couldn't get pool mapped device"]), // the same
    says(M::OriginAbsent, &["thin: Error opening origin device"]), // the same
    says(M::TableRefused, &["thin: Invalid device id"]), // the same
    says(M::TableRefused, &["ioctl: error adding target to table"]), // dm-ioctl.c, populate_table; the reason stands before
    says(M::TableRefused, &["ioctl: unable to set up device queue for new table"]), // the same, a size or a limit of a device
    says(M::TableReplaced, &["can't replace immutable target type"]), // dm-ioctl.c, table_load
    says(M::DeviceSizeStale, &["too small for target: start="]), // dm-table.c, device_area_is_invalid
    says(M::TargetMissing, &["thin-pool: unknown target type"]), // dm-table.c
    says(M::TargetMissing, &["thin: unknown target type"]), // the same
    says(M::TableRefused, &["ioctl: The device has no table"]), // nothing was loaded
    says(M::NotAThinPool, &["Target type does not support messages"]), // not a pool
    says(M::DeviceBusyNote, &["ioctl: remove_all left"]), // dm_hash_remove_all
    says(M::DeviceBusyNote, &["ioctl: unable to remove open device"]), // dev_remove
    says(M::DeviceBusyNote, &["Forcibly removing mapped_device still in use"]), // dm.c
    says(M::DeviceBusyNote, &["attempt to close pmd when"]), // dm-thin-metadata.c
    says(M::TableRefused, &["mapping table unavailable, erroring io"]), // dm.c
    says(M::ResumeRefused, &["preresume failed, error ="]), // dm-table.c
    says(M::ResumeRefused, &["Preresume method failed"]), // dm-ioctl.c
    says(M::CloseFailed, &["dm_pool_metadata_close:", "failed, error ="]), // dm-thin-metadata.c
    says(M::KernelBug, &["bufio: leaked buffer"]), // dm-bufio.c
    says(M::KernelBug, &["too many recursive allocations"]).near(&["space map"]), // dm-space-map-metadata.c
    // persistent-data: damage.
    says(M::SpaceMapDamaged, &["index validator check failed"]), // dm-block-manager.c
    says(M::SpaceMapDamaged, &["sm_bitmap validator check failed"]), // the same
    says(M::BtreeDamaged, &["array_block_check failed"]), // dm-array.c
    says(M::BtreeDamaged, &["block manager: recursive"]), // a block that holds itself
    says(M::BtreeDamaged, &["device-mapper: btree:"]), // dm-btree.c
    says(M::SpaceMapDamaged, &["space map common: metadata block out of bounds"]), // dm-space-map-common.c
    says(M::SpaceMapDamaged, &["space map common: overflow btree"]), // the same
    says(M::SpaceMapDamaged, &["space map common: unable to decrement"]), // the same
    says(M::SpaceMapDamaged, &["space map common: sm_metadata root too small"]), // the same
    says(M::SpaceMapDamaged, &["transaction manager: couldn't open metadata space map"]), // dm-transaction-manager.c
    says(M::SpaceMapDamaged, &["space map metadata: ", "couldn't get free block count"]), // dm-space-map-metadata.c
    says(M::SpaceMapDamaged, &["sm_metadata_commit: apply_bops failed"]), // the same
    says(M::NoFreeMetadata, &["unable to allocate new metadata block"]), // the same
    says(M::ShadowFailed, &["dm_tm_shadow_block() failed"]), // no block, or a read that failed
    says(M::ShadowFailed, &["ref count insert failed"]), // the same
    // Other targets with similar messages.
    says(M::OtherTarget, &["device-mapper: cache"]), // dm-cache
    says(M::OtherTarget, &["device-mapper: era"]), // dm-era
    says(M::OtherTarget, &["device-mapper: clone"]), // dm-clone
    says(M::OtherTarget, &["device-mapper: vdo"]), // dm-vdo
    says(M::SnapshotInvalid, &["Snapshot overflowed"]), // dm-snap.c
    says(M::SnapshotInvalid, &["snapshots: Snapshot is marked invalid"]), // dm-snap.c
    says(M::Normal, &["Unrecognised thin pool target message"]), // somebody mistyped
    says(M::Normal, &["No pool metadata snapshot found: nothing to release"]), // dm-thin-metadata.c
    says(M::Normal, &["device-mapper: ioctl:", "initialised:"]), // the module is loaded
    says(M::Normal, &["device-mapper: uevent: version"]), // the same
    says(M::Normal, &["Unable to change name on mapped device"]), // a rename onto a name that exists
];

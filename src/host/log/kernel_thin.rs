//! The kernel's thin-pool target and what lies below it: drivers/md (dm-thin.c, dm-thin-metadata.c, dm-table.c,
//! dm-ioctl.c, persistent-data).
//!
//! A table.

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
    says(M::NeedsCheck, &["until repaired"]), // set_pool_mode, maybe_resize_data_dev
    says(M::NeedsCheck, &["needs_check flag is set"]), // the same
    says(M::NeedsCheckNotSet, &["failed to set 'needs_check' flag"]), // abort_transaction
    says(M::MetadataOperationFailed, &["metadata operation", "failed: error ="]), // metadata_operation_failed
    says(M::MetadataOutOfSpace, &["metadata operation", "failed: error = -28"]), // the same with ENOSPC
    says(M::MetadataIoError, &["metadata operation", "failed: error = -5"]), // the same with EIO
    says(M::DataFlushFailed, &["pre-commit callback failed"]), // dm-thin-metadata.c, dm_pool_commit_metadata
    says(M::TransactionAborted, &["aborting current metadata transaction"]), // abort_transaction
    says(M::TransactionAbortFailed, &["failed to abort metadata transaction"]), // the same
    says(M::MessagesRefused, &["unable to service pool target messages"]), // pool_message
    says(M::ThinDeleteFailed, &["Deletion of thin device", "failed"]), // process_delete_mesg
    says(M::ThinCreateFailed, &["Creation of new thin volume", "failed"]), // process_create_thin_mesg
    says(M::ThinCreateFailed, &["Creation of new snapshot", "failed"]), // process_create_snap_mesg
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
    says(M::SuperblockDamaged, &["sb_check failed"]), // dm-thin-metadata.c
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
];

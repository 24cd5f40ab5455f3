//! Wordings of the kernel: drivers/md (dm-thin.c and below), block layer, loop, ext4, xfs, hung tasks; and of programs
//! that show its errors.
//!
//! A table.

use super::wordings::{Wording, wording};

#[rustfmt::skip]
pub(super) static WORDINGS: &[Wording] = &[
    // dm-thin.c: space.
    wording("low-water-data", &["reached low water mark for data device"]), // check_low_water_mark
    wording("low-water-metadata", &["reached low water mark for metadata device"]), // metadata_low_callback
    wording("pool-out-of-data-space", &["switching pool to out-of-data-space"]), // set_pool_mode
    wording("pool-queues-writes", &["switching pool to out-of-data-space (queue IO) mode"]), // the same, since 4.3
    wording("pool-fails-writes", &["switching pool to out-of-data-space (error IO) mode"]), // after no_space_timeout
    wording("no-free-data", &["no free data space available"]), // alloc_data_block
    wording("no-free-metadata", &["No free metadata blocks"]), // metadata space map
    wording("no-free-metadata", &["no free metadata space available"]), // alloc_data_block
    // dm-thin.c: modes.
    wording("pool-to-read-only", &["switching pool to read-only mode"]), // notify_of_pool_mode_change
    wording("pool-to-out-of-metadata", &["switching pool to out-of-metadata-space mode"]), // the same
    wording("pool-to-fail", &["switching pool to fail"]), // `fail mode`, earlier `failure mode`
    wording("pool-to-write", &["switching pool to write mode"]), // back to normal
    wording("pool-to-write", &["switching pool to read-write mode"]), // the same in other versions
    wording("needs-check", &["until repaired"]), // set_pool_mode, maybe_resize_data_dev
    wording("needs-check", &["needs_check flag is set"]), // the same
    wording("needs-check-not-set", &["failed to set 'needs_check' flag"]), // abort_transaction
    wording("metadata-operation-failed", &["metadata operation", "failed: error ="]), // metadata_operation_failed
    wording("metadata-out-of-space", &["metadata operation", "failed: error = -28"]), // the same with ENOSPC
    wording("metadata-io-error", &["metadata operation", "failed: error = -5"]), // the same with EIO
    wording("data-flush-failed", &["pre-commit callback failed"]), // dm-thin-metadata.c, dm_pool_commit_metadata
    wording("transaction-aborted", &["aborting current metadata transaction"]), // abort_transaction
    wording("transaction-abort-failed", &["failed to abort metadata transaction"]), // the same
    wording("messages-refused", &["unable to service pool target messages"]), // pool_message
    wording("thin-delete-failed", &["Deletion of thin device", "failed"]), // process_delete_mesg
    wording("thin-create-failed", &["Creation of new thin volume", "failed"]), // process_create_thin_mesg
    wording("thin-create-failed", &["Creation of new snapshot", "failed"]), // process_create_snap_mesg
    wording("thin-open-failed", &["Couldn't open thin internal device"]), // thin_ctr
    wording("transaction-change-refused", &["Failed to change transaction id from"]), // process_set_transaction_id_mesg
    wording("transaction-change-refused", &["mismatched transaction id"]), // dm-thin-metadata.c
    wording("backing-shrunk", &["too small: expected"]), // maybe_resize_data_dev, maybe_resize_metadata_dev
    wording("data-grown", &["growing the data device from"]), // maybe_resize_data_dev
    wording("metadata-grown", &["growing the metadata device from"]), // maybe_resize_metadata_dev
    wording("metadata-snapshot-held", &["Pool metadata snapshot already exists"]), // __reserve_metadata_snap
    wording("pool-devices-in-use", &["device already in use by a pool"]), // __pool_find: metadata's, since 5.18 data's too
    wording("pool-devices-in-use", &["different pool cannot replace a pool"]), // the same
    // persistent-data: damage.
    wording("superblock-damaged", &["sb_check failed"]), // dm-thin-metadata.c
    wording("superblock-damaged", &["superblock validator check failed"]), // dm-block-manager.c
    wording("superblock-damaged", &["couldn't read superblock"]), // dm-thin-metadata.c
    wording("btree-damaged", &["node_check failed"]), // dm-btree-spine.c
    wording("btree-damaged", &["btree_node validator check failed"]), // dm-block-manager.c
    wording("btree-damaged", &["block manager: validator mismatch"]), // dm-block-manager.c: two trees claim a block
    wording("btree-damaged", &["message ioctl on", "failed: Structure needs cleaning"]), // EUCLEAN, as libdm shows it
    wording("space-map-damaged", &["index_check failed"]), // dm-space-map-common.c
    wording("space-map-damaged", &["bitmap check failed"]), // dm-space-map-common.c
    wording("space-map-damaged", &["unable to decrement a reference count below 0"]), // the same
    wording("metadata-unusable", &["Error creating metadata object"]), // pool_ctr
    // Block layer and loop.
    wording("buffer-io-error", &["Buffer I/O error"]), // fs/buffer.c
    wording("block-io-error", &["I/O error, dev "]), // block/blk-core.c
    wording("block-io-error", &["end_request: I/O error"]), // before 4.x
    wording("medium-error", &["critical medium error"]), // block/blk-core.c
    wording("medium-error", &["rejecting I/O to offline device"]), // scsi
    wording("loop-write-error", &["loop: Write error at byte offset"]), // drivers/block/loop.c: the file's filesystem is full or fails
    wording("lost-write", &["lost async page write"]), // fs/buffer.c
    wording("lost-write", &["lost page write due to I/O error"]), // before 4.x
    wording("snapshot-invalid", &["Invalidating snapshot"]), // dm-snap.c
    wording("snapshot-invalid", &["snapshot Invalid"]), // its status
    // Filesystems.
    wording("ext4-error", &["EXT4-fs error"]), // fs/ext4/super.c
    wording("ext4-io-error", &["EXT4-fs warning", "I/O error"]), // ext4_end_bio
    wording("ext4-data-lost", &["Delayed block allocation failed"]), // fs/ext4/inode.c
    wording("ext4-data-lost", &["EXT4-fs", "potential data loss"]), // ext4_end_io
    wording("journal-aborted", &["Detected aborted journal"]), // ext4_journal_check_start
    wording("journal-aborted", &["Journal has aborted"]), // the same
    wording("journal-io-error", &["JBD2: Detected IO errors"]), // fs/jbd2
    wording("journal-io-error", &["I/O error when updating journal superblock"]), // the same
    wording("remounted-read-only", &["Remounting filesystem read-only"]), // ext4_handle_error
    wording("xfs-metadata-error", &["XFS (", "metadata I/O error"]), // xfs_buf.c
    wording("xfs-log-error", &["XFS (", "log I/O error"]), // xfs_log.c
    wording("xfs-shutdown", &["XFS (", "hutting down filesystem"]), // xfs_do_force_shutdown
    wording("xfs-shutdown", &["xfs_do_force_shutdown"]), // the same
    wording("xfs-corruption", &["XFS (", "orruption"]), // xfs_error.c
    wording("xfs-writeback-error", &["writeback error on"]), // xfs_aops.c, iomap
    // Waiting.
    wording("hung-task", &["blocked for more than", "seconds"]), // kernel/hung_task.c
    // Errors as programs show them, glibc's translations included.
    wording("device-read-failed", &["read failed after 0 of"]), // LVM's scan
    wording("device-gone", &["No such device or address"]), // ENXIO
    wording("io-error", &["input/output error"]), // EIO
    wording("io-error", &["entrée/sortie"]), // French
    wording("io-error", &["Eingabe-/Ausgabefehler"]), // German
    wording("io-error", &["Error de entrada/salida"]), // Spanish
    wording("io-error", &["Errore di input/output"]), // Italian
    wording("io-error", &["Erro de entrada/saída"]), // Portuguese
    wording("io-error", &["Ошибка ввода/вывода"]), // Russian
    wording("io-error", &["输入/输出错误"]), // Chinese
    wording("io-error", &["入力/出力エラー"]), // Japanese
    wording("inodes-used-up", &["inodes 100%"]), // people's own words
    wording("inodes-used-up", &["out of inodes"]), // the same, ext4 in some versions
    wording("inodes-used-up", &["no free inodes"]), // the same
];

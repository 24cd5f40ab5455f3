//! The kernel's filesystems: ext4, jbd2, xfs, btrfs.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Filesystems.
    says(M::Ext4Error, &["EXT4-fs error"]).without(&["checksum", "bad entry", "corrupted", "invalid block"]), // fs/ext4/super.c
    says(M::Ext4IoError, &["EXT4-fs warning", "I/O error"]).without(&["I/O error 3 ", "I/O error -28 "]), // ext4_end_bio
    says(M::Ext4DataLost, &["Delayed block allocation failed"]), // fs/ext4/inode.c
    says(M::Ext4DataLost, &["EXT4-fs", "potential data loss"]), // ext4_end_io
    says(M::JournalAborted, &["Detected aborted journal"]), // ext4_journal_check_start
    says(M::JournalAborted, &["Journal has aborted"]), // the same
    says(M::JournalIoError, &["JBD2: Detected IO errors"]), // fs/jbd2
    says(M::JournalIoError, &["I/O error when updating journal superblock"]), // the same
    says(M::RemountedReadOnly, &["Remounting filesystem read-only"]), // ext4_handle_error
    says(M::XfsMetadataError, &["XFS (", "metadata I/O error"]).without(&["error 28", "Shutting down"]), // xfs_buf.c
    says(M::XfsLogError, &["XFS (", "log I/O error"]).without(&["error -28"]), // xfs_log.c
    says(M::XfsShutdown, &["XFS (", "hutting down filesystem"]), // xfs_do_force_shutdown
    says(M::XfsShutdown, &["xfs_do_force_shutdown"]), // the same
    says(M::XfsCorruption, &["XFS (", "Internal error XFS_WANT_CORRUPTED"]), // xfs_error.c
    says(M::XfsCorruption, &["XFS (", "orruption"]).without(&["Corruption Alert"]), // xfs_error.c
    says(M::XfsWritebackError, &["writeback error on"]), // xfs_aops.c, iomap
    says(M::NoSpaceBelow, &["EXT4-fs warning", "I/O error 3 writing"]), // BLK_STS_NOSPC: the device has no space
    says(M::NoSpaceBelow, &["EXT4-fs warning", "I/O error -28 writing"]), // the same before 4.13
    says(M::NoSpaceBelow, &["mkfs", "no space left on device"]).near(&["/dev/dm-", "/dev/mapper/", "libxfs_device_zero"]), // a device, not a file
    says(M::NoSpaceBelow, &["write error: critical space allocation"]), // BLK_STS_NOSPC in words: bcachefs
    says(M::NoSpaceBelow, &["JBD2: Error -28 detected"]), // fs/jbd2
    says(M::NoSpaceBelow, &["XFS (", "metadata I/O error", "error 28"]), // xfs_buf.c
    says(M::NoSpaceBelow, &["XFS (", "log I/O error -28"]), // xfs_log.c
    says(M::JournalIoError, &["JBD2: Error -5 detected"]), // fs/jbd2
    says(M::JournalIoError, &["previous I/O error to superblock detected"]), // ext4 super.c
    says(M::JournalIoError, &["I/O error while writing superblock"]), // the same
    says(M::JournalIoError, &["log mount/recovery failed: error -5"]), // xfs_log.c
    says(M::JournalAborted, &["Aborting journal on device"]), // fs/jbd2
    says(M::Ext4DataLost, &["EXT4-fs", "Data will be lost"]), // fs/ext4/inode.c
    says(M::XfsShutdown, &["Filesystem has been shut down due to"]), // xfs_fsops.c
    says(M::XfsShutdown, &["xfs_log_force: error"]), // xfs_log.c
    says(M::XfsShutdown, &["XFS (", "page discard on page"]), // xfs_aops.c
    says(M::XfsShutdown, &["had permanent write failures"]), // xfs_buf.c
    says(M::XfsRetries, &["Failing async write on buffer block", "Retrying"]), // xfs_buf_item.c
    says(M::FilesystemDamaged, &["EXT4-fs error", "checksum"]), // metadata_csum
    says(M::FilesystemDamaged, &["EXT4-fs error", "bad entry"]), // directories
    says(M::FilesystemDamaged, &["EXT4-fs error", "corrupted"]), // block groups, inodes
    says(M::FilesystemDamaged, &["EXT4-fs error", "invalid block"]), // extents
    says(M::FilesystemDamaged, &["VFS: Can't find ext"]), // ext4 super.c: no magic number
    says(M::FilesystemDamaged, &["XFS: Internal error XFS_WANT_CORRUPTED"]), // xfs_error.c, to 2.6.38
    says(M::FilesystemDamaged, &["run xfs_repair"]), // xfs_error.c
    says(M::FilesystemDamaged, &["Metadata CRC error detected"]), // xfs
    says(M::FilesystemDamaged, &["metadata changes in a log which needs to be replayed"]), // xfs_repair
    says(M::FilesystemDamaged, &["UNEXPECTED INCONSISTENCY", "RUN fsck MANUALLY"]), // e2fsck
    says(M::FilesystemCutOff, &["bad geometry: block count", "exceeds size of device"]), // ext4 super.c
    says(M::FilesystemCutOff, &["XFS (", "last sector read failed"]), // xfs_mount.c
    says(M::MountRefused, &["has duplicate UUID", "can't mount"]), // xfs_mount.c
    says(M::BtrfsError, &["BTRFS", "error (device"]), // fs/btrfs
    says(M::BtrfsError, &["BTRFS", "errs: wr"]), // the same
    says(M::BtrfsError, &["BTRFS", "forced readonly"]), // the same
    says(M::LoopFileFragmented, &["possible memory allocation deadlock"]), // xfs: extents of a torn file
    says(M::Normal, &["XFS (", "Mounting V"]), // mount
    says(M::Normal, &["XFS (", "Ending clean mount"]), // mount
    says(M::Normal, &["XFS (", "Unmounting Filesystem"]), // umount
    says(M::Normal, &["XFS (", "Starting recovery"]), // after a crash
    says(M::Normal, &["XFS (", "Ending recovery"]), // after a crash
    says(M::Normal, &["EXT4-fs", "recovery complete"]), // after a crash
    says(M::Normal, &["EXT4-fs", "mounted filesystem"]), // mount
];

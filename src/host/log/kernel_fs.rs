//! The kernel's filesystems: ext4, jbd2, xfs, btrfs.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Filesystems.
    says(M::Ext4Error, &["EXT4-fs error"]), // fs/ext4/super.c
    says(M::Ext4IoError, &["EXT4-fs warning", "I/O error"]), // ext4_end_bio
    says(M::Ext4DataLost, &["Delayed block allocation failed"]), // fs/ext4/inode.c
    says(M::Ext4DataLost, &["EXT4-fs", "potential data loss"]), // ext4_end_io
    says(M::JournalAborted, &["Detected aborted journal"]), // ext4_journal_check_start
    says(M::JournalAborted, &["Journal has aborted"]), // the same
    says(M::JournalIoError, &["JBD2: Detected IO errors"]), // fs/jbd2
    says(M::JournalIoError, &["I/O error when updating journal superblock"]), // the same
    says(M::RemountedReadOnly, &["Remounting filesystem read-only"]), // ext4_handle_error
    says(M::XfsMetadataError, &["XFS (", "metadata I/O error"]), // xfs_buf.c
    says(M::XfsLogError, &["XFS (", "log I/O error"]), // xfs_log.c
    says(M::XfsShutdown, &["XFS (", "hutting down filesystem"]), // xfs_do_force_shutdown
    says(M::XfsShutdown, &["xfs_do_force_shutdown"]), // the same
    says(M::XfsCorruption, &["XFS (", "orruption"]), // xfs_error.c
    says(M::XfsWritebackError, &["writeback error on"]), // xfs_aops.c, iomap
];

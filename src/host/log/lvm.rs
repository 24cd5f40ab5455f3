//! LVM's tools (lvm2: lib, tools) and libdm.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Activation checks.
    says(M::PoolCheckFailed, &["Check of pool", "failed (status:"]), // lib/activate/dev_manager.c
    says(M::PoolCheckFailed, &["Check for pool", "failed (status:"]), // the same in other versions
    says(M::ManualRepairRequired, &["Manual repair required"]), // the same
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
    says(M::MetadataFullInTool, &["couldn't allocate new block"]), // thin-provisioning-tools, transaction manager
    says(M::MappingsDamaged, &["Check of mappings failed"]), // thin_check
    says(M::MappingsDamaged, &["data mapping tree contain errors"]), // thin_check 1.x
    says(M::MappingsDamaged, &["mappings, while expected"]), // thin_check 1.x
    says(M::MappingsDamaged, &["bad checksum in"]), // thin_check 0.x
    says(M::MappingsDamaged, &["superblock is corrupt"]), // thin_check 0.x
    // Growing.
    says(M::VgNoSpace, &["Insufficient free space", "extents needed"]), // lib/metadata/lv_manip.c
    says(M::VgNoSpace, &["insufficient free space"]), // the same, of a volume group
    says(M::VgNoSpace, &["Insufficient suitable allocatable extents"]), // the same
    says(M::ExtendFailed, &["Failed to extend thin"]), // dmeventd_thin.c
    says(M::ExtendFailed, &["Failed command for"]), // dmeventd_thin.c
    says(M::LvmWarnsData, &["Thin pool", "data is now", "% full"]), // dmeventd_thin.c
    says(M::LvmWarnsMetadata, &["Thin pool", "metadata is now", "% full"]), // dmeventd_thin.c
    says(M::LvmWarnsMetadata, &["Remaining free space in metadata of thin pool", "is too low"]), // thin_manip.c
    says(M::LvmRefusesAtThreshold, &["free space in thin pool", "reached threshold"]), // lib/metadata/thin_manip.c
    says(M::Overcommitted, &["Sum of all thin volume sizes", "exceeds the size"]), // thin_manip.c
    says(M::AutoextendOff, &["not turned on protection against thin pools running out of space"]), // thin_manip.c
    says(M::AutoextendOff, &["thin_pool_autoextend_threshold below 100"]), // the same
    says(M::NotMonitored, &["No longer monitoring thin pool"]), // dmeventd_thin.c, also when a pool is deactivated
    says(M::NotMonitored, &["Failed to monitor thin pool"]), // the same
];

//! Wordings of LVM (lvm2: lib, tools, dmeventd's thin plugin) and of thin-provisioning-tools.
//!
//! A table.

use super::wordings::{Wording, wording};

#[rustfmt::skip]
pub(super) static WORDINGS: &[Wording] = &[
    // Activation checks.
    wording("pool-check-failed", &["Check of pool", "failed (status:"]), // lib/activate/dev_manager.c
    wording("pool-check-failed", &["Check for pool", "failed (status:"]), // the same in other versions
    wording("manual-repair-required", &["Manual repair required"]), // the same
    wording("thin-check-missing", &["thin_check", "execvp failed"]), // lib/misc/lvm-exec.c
    wording("thin-check-missing", &["thin_check", "command not found"]), // a shell
    wording("thin-check-missing", &["thin_check missing"]), // lvconvert
    wording("thin-check-skipped", &["Check is skipped, please install", "thin_check"]), // dev_manager.c, since about 2018
    wording("transaction-id-mismatch", &["transaction_id is", "while expected"]), // lib/activate, lvm2 before 2.02.112 on Docker's pools (#15629)
    wording("transaction-id-mismatch", &["transaction_id (", "while expected"]), // newer
    wording("none-active", &["0 logical volume(s) in volume group", "now active"]), // vgchange -ay
    wording("volume-group-missing", &["Volume group", "not found"]), // toollib.c
    wording("pool-status-unreadable", &["Failed to parse thin params"]), // libdm-targets.c
    wording("transaction-id-mismatch", &["has unexpected transaction id", "expecting"]), // thin_manip.c
    // What LVM's tools say of a pool's state before they change it (thin_manip.c, thin_pool_below_threshold).
    wording("pool-to-fail", &["WARNING: Thin pool", "is failed"]), // the status says Fail
    wording("pool-out-of-data-space", &["WARNING: Thin pool", "is out of data space"]), // its mode
    wording("needs-check", &["WARNING: Thin pool", "needs check"]), // its flag
    wording("pool-to-read-only", &["WARNING: Thin pool", "has read-only metadata"]), // its mode
    // Repair.
    wording("repair-failed", &["Repair of thin metadata volume", "failed"]), // lvconvert --repair
    wording("metadata-full-in-tool", &["couldn't allocate new block"]), // thin-provisioning-tools, transaction manager
    wording("mappings-damaged", &["Check of mappings failed"]), // thin_check
    wording("mappings-damaged", &["data mapping tree contain errors"]), // thin_check 1.x
    wording("mappings-damaged", &["mappings, while expected"]), // thin_check 1.x
    wording("mappings-damaged", &["bad checksum in"]), // thin_check 0.x
    wording("mappings-damaged", &["superblock is corrupt"]), // thin_check 0.x
    // Growing.
    wording("vg-no-space", &["Insufficient free space", "extents needed"]), // lib/metadata/lv_manip.c
    wording("vg-no-space", &["insufficient free space"]), // the same, of a volume group
    wording("vg-no-space", &["Insufficient suitable allocatable extents"]), // the same
    wording("extend-failed", &["Failed to extend thin"]), // dmeventd_thin.c
    wording("extend-failed", &["Failed command for"]), // dmeventd_thin.c
    wording("lvm-warns-data", &["Thin pool", "data is now", "% full"]), // dmeventd_thin.c
    wording("lvm-warns-metadata", &["Thin pool", "metadata is now", "% full"]), // dmeventd_thin.c
    wording("lvm-warns-metadata", &["Remaining free space in metadata of thin pool", "is too low"]), // thin_manip.c
    wording("lvm-refuses-at-threshold", &["free space in thin pool", "reached threshold"]), // lib/metadata/thin_manip.c
    wording("overcommitted", &["Sum of all thin volume sizes", "exceeds the size"]), // thin_manip.c
    wording("autoextend-off", &["not turned on protection against thin pools running out of space"]), // thin_manip.c
    wording("autoextend-off", &["thin_pool_autoextend_threshold below 100"]), // the same
    wording("not-monitored", &["No longer monitoring thin pool"]), // dmeventd_thin.c, also when a pool is deactivated
    wording("not-monitored", &["Failed to monitor thin pool"]), // the same
];

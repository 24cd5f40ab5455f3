//! thin-provisioning-tools: `thin_check`, `thin_repair`, `thin_dump`, `thin_restore`, `thin_ls`.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[

    says(M::MappingsDamaged, &["missing devices: ["]), // thin_check 0.x
    says(M::MappingsDamaged, &["missing all mappings for devices"]), // the same
    says(M::MappingsDamaged, &["thin device", "is missing mappings"]), // the same
    says(M::MappingsDamaged, &["metadata reference counts differ for block"]), // the same
    says(M::MappingsDamaged, &["data reference counts differ for block"]), // the same
    says(M::MappingsDamaged, &["metadata contains errors"]).without(&["xml"]), // thin_dump
    says(M::MappingsDamaged, &["due to corruption in the superblock"]), // thin_repair
    says(M::MappingsDamaged, &["mappings present for device", "isn't present in device tree"]), // thin_dump
    says(M::MappingsDamaged, &["damage in mapping tree, please run thin_check"]), // thin_delta
    says(M::MappingsDamaged, &["block number mismatch: actually"]), // btree validator
    says(M::MappingsDamaged, &["value size mismatch: expected"]), // the same
    says(M::MappingsDamaged, &["keys are out of order", "(block"]), // the same
    says(M::MappingsDamaged, &["too few entries in btree"]), // the same
    says(M::MappingsDamaged, &["bad block nr in btree"]), // the same
    says(M::MappingsDamaged, &["space map disk: block out of bounds"]), // space map
    says(M::MappingsDamaged, &["couldn't unpack superblock"]), // 1.x
    says(M::MappingsDamaged, &["inconsistent superblock"]), // 1.x
    says(M::MappingsDamaged, &["io errors,", "checksum errors"]).without(&["0 io errors, 0 checksum"]), // 1.x
    says(M::MappingsDamaged, &["Thin device", "has unexpected number of mappings"]), // 1.x
    says(M::MappingsDamaged, &["Thin device", "is missing root with"]), // 1.x
    says(M::MappingsDamaged, &["Bad reference count for"]).near(&["data block", "metadata block"]), // 1.x
    says(M::MappingsDamaged, &["Index entry points to block", "bitmap"]), // 1.x
    says(M::MappingsDamaged, &["Fatal errors in", "space map"]), // 1.x
    says(M::MappingsDamaged, &["Unable to read bitmap block"]), // 1.x
    says(M::MappingsDamaged, &["node error:"]).near(&["effecting keys", "affecting keys"]), // 1.x
    says(M::MappingsDamaged, &["no compatible roots found"]), // thin_repair 1.x
    says(M::BlocksLeaked, &["blocks have leaked"]).near(&["data block", "metadata block"]), // 1.x
    says(M::BlocksLeaked, &["space map contains leaks"]), // 1.x
    says(M::BlocksLeaked, &["metadata has not been fully examined"]), // 0.x
    says(M::RepairSpaceTooSmall, &["Output file too small"]), // thin_restore
    says(M::ToolMisused, &["This looks like XML"]), // thin_check on a dump
    says(M::ToolMisused, &["No metadata snapshot found."]), // -m without one
    says(M::ToolMisused, &["no current metadata snap"]), // 1.x
    says(M::ToolMisused, &["Metadata device/file too small", "binary metadata"]), // 0.x
    says(M::ToolMisused, &["output file should either be a block device"]), // thin_restore
    says(M::ToolMisused, &["Parse error at line"]), // thin_restore's XML
    says(M::ToolMisused, &["couldn't open read-only"]), // 0.x
    says(M::ToolMisused, &["Output file not overwritten"]), // thin_restore
    says(M::ToolMisused, &["destination appears to already contain metadata"]), // the same
    says(M::MetadataOpenedTwice, &["couldn't open file: Device or resource busy"]), // 0.x: the pool has it
    says(M::MetadataOpenedTwice, &["syscall open failed: Device or resource busy"]), // the same
    says(M::MetadataOpenedTwice, &["cannot run this tool with these options on live metadata"]), // the same
    says(M::MetadataOpenedTwice, &["Device or resource busy (os error 16)"]), // 1.x
    says(M::Normal, &["Cleared needs_check flag"]), // thin_check --clear-needs-check-flag
    says(M::Normal, &["Repairing", "leaks"]), // thin_check --auto-repair
    says(M::Normal, &["TRANSACTION_ID="]).without(&["expected"]), // thin_check 1.x
    says(M::Normal, &["METADATA_FREE_BLOCKS="]), // the same
    says(M::Normal, &["examining superblock"]), // thin_check 0.x
    says(M::Normal, &["examining mapping tree"]), // the same
    says(M::Normal, &["examining devices tree"]), // the same
    says(M::Normal, &["checking space map counts"]), // the same
];

//! dmeventd and its thin plugin.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[

    says(M::LvmWarnsData, &["Thin ", "-tpool is now", "% full"]), // to 2.02.166
    says(M::LvmWarnsMetadata, &["Thin metadata", "is now", "% full"]), // the same
    says(M::AutoextendFailed, &["Failed command for"]).near(&["dmeventd", "-tpool", "lvm["]), // dmeventd_thin.c
    says(M::AutoextendFailed, &["Failed to extend thin"]), // to 2.02.166
    says(M::AutoextendNotRun, &["Can't fork command lvextend"]), // dmeventd_thin.c
    says(M::AutoextendNotRun, &["dmeventd", "dlopen failed"]), // the plugin is absent
    says(M::AutoextendSlow, &["Skipping event, child", "is still running"]), // the same
    says(M::AutoextendGivenUp, &["Dropping monitoring of", "fails too often"]), // the same
    says(M::PoolUnanswered, &["dmeventd", "Failed to parse status"]), // the status says Fail or Error
    says(M::PoolAbsent, &["dmeventd", "Invalid target type"]), // another table
    says(M::UnmountedWhenFull, &["mounting thin", "from"]).near(&["dmeventd", "-tpool", "thin-pool"]), // to save what is left
    says(M::UnmountedWhenFull, &["Failed to umount thin"]), // the same
    says(M::NotMonitored, &["No longer monitoring thin"]), // older
    says(M::NotMonitored, &["Failed to monitor thin"]), // older
    says(M::Normal, &["dmeventd", "]: Monitoring thin"]), // start
];

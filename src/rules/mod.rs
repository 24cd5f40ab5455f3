//! What is wrong: one file a rule, each a pure function from a [`Host`] to findings, with its explanation.
//!
//! A rule never prints, never asks, and knows neither options nor other rules. A rule's explanation is its
//! doc comment; the examples in it run as tests, one that fires and one that keeps quiet.

mod finding;
mod shared;

pub use finding::{Evidence, Finding, Subject};

use crate::host::Host;
use std::cmp::Reverse;

/// A rule: what it is called, what it says of itself, and the check.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, kebab-case, for ever; its file has the same name.
    pub name: &'static str,
    /// The release it came with.
    pub since: &'static str,
    /// The explanation in Markdown: the doc comment of the rule.
    pub explanation: &'static str,
    /// The check.
    pub check: fn(&Host) -> Vec<Finding>,
}

impl Rule {
    /// The first sentence of the explanation.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.explanation.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default()
    }
}

/// Declares a rule: its doc comment becomes both rustdoc and [`Rule::explanation`].
macro_rules! rule {
    ($(#[doc = $line:literal])+ $name:literal, since $since:literal, $check:path) => {
        $(#[doc = $line])+
        pub(super) static RULE: crate::rules::Rule = crate::rules::Rule {
            name: $name,
            since: $since,
            explanation: concat!($($line, "\n"),+),
            check: $check,
        };
    };
}
pub(crate) use rule;

macro_rules! rules {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+
        /// Every rule, root causes before what follows from them: among findings of one severity and
        /// certainty, the earlier one leads.
        pub static RULES: &[&Rule] = &[$(&$module::RULE),+];
    };
}

rules! {
    numbers_disagree,
    block_device_failing,
    pv_missing,
    backing_storage_full,
    loop_file_deleted,
    loop_file_outgrows_filesystem,
    thin_target_missing,
    thin_check_unavailable,
    metadata_full,
    metadata_corrupt,
    pool_component_active,
    repair_space_too_small,
    pool_failed,
    pool_needs_check,
    data_full,
    pool_read_only,
    filesystem_damaged,
    device_smaller_than_filesystem,
    host_filesystem_read_only,
    mount_refused,
    pool_suspended,
    pool_unanswered,
    pool_inactive,
    pool_half_made,
    stratis_pool_failed,
    stratis_pool_full,
    autoextend_failing,
    hung_tasks,
    driver_removed,
    driver_misconfigured,
    tool_missing,
    pool_already_used,
    pool_belongs_to_another_docker,
    pool_not_found,
    loop_devices_exhausted,
    transaction_id_mismatch,
    volume_without_device,
    owner_records_damaged,
    device_ids_exhausted,
    volume_group_full,
    metadata_below_min_free,
    data_below_min_free,
    host_filesystem_full,
    inodes_exhausted,
    container_size_limit,
    limit_not_storage,
    mkfs_failed,
    base_growth_failed,
    udev_cookie_stuck,
    udev_sync_missing,
    docker_metadata_mismatch,
    device_busy,
    udev_worker_timeout,
    table_refused,
    kubelet_disk_pressure,
    tool_misused,
    kernel_bug,
    loop_file_fragmented,
    metadata_nearly_full,
    data_nearly_full,
    filling_fast,
    data_below_low_water,
    pool_size_stale,
    metadata_undersized,
    metadata_oversized,
    pool_layout,
    monitor_blind,
    overlay_impossible,
    other_target,
    base_size_exceeds_pool,
    thresholds_collide,
    autoextend_off,
    deferred_deletion_backlog,
    thin_devices_leaked,
    containerd_device_faulty,
    open_deleted_files,
    discards_not_passed,
    metadata_snapshot_held,
    xfs_retries_forever,
    queue_without_timeout,
    pool_overcommitted,
    block_size_wasteful,
    loopback_in_use,
}

/// All findings, most likely root cause first: by severity, then by certainty (a possible one after the
/// others), then in the order of [`RULES`]. The advice of each stands mildest first.
#[must_use]
pub fn findings(host: &Host) -> Vec<Finding> {
    let mut all: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(host)).collect();
    let doubtful = |f: &Finding| f.certainty == crate::verdict::Certainty::Possible;
    all.sort_by_key(|f| (Reverse(f.severity), doubtful(f)));
    all.iter_mut().for_each(|f| f.advice.sort_by_key(|a| a.risk));
    all
}

/// The rule of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|r| r.name == name).copied()
}

//! The rules: one file per rule, each a pure function from a [`Host`] to findings, with its explanation.
//!
//! A rule never prints or queries anything, and knows neither options nor other rules. Its doc comment is its
//! explanation; the examples in it run as tests, at least one that fires and one that does not.

mod autoextend_failing;
mod autoextend_off;
mod backing_storage_full;
mod base_growth_failed;
mod base_size_exceeds_pool;
mod block_device_failing;
mod block_size_wasteful;
mod container_size_limit;
mod containerd_device_faulty;
mod data_below_low_water;
mod data_below_min_free;
mod data_full;
mod data_nearly_full;
mod deferred_deletion_backlog;
mod device_busy;
mod device_ids_exhausted;
mod device_smaller_than_filesystem;
mod discards_not_passed;
mod docker_metadata_mismatch;
mod driver_misconfigured;
mod driver_removed;
mod filesystem_damaged;
mod filling_fast;
mod finding;
mod host_filesystem_full;
mod host_filesystem_read_only;
mod hung_tasks;
mod inodes_exhausted;
mod kernel_bug;
mod kubelet_disk_pressure;
mod limit_not_storage;
mod loop_devices_exhausted;
mod loop_file_deleted;
mod loop_file_fragmented;
mod loop_file_outgrows_filesystem;
mod loopback_in_use;
mod metadata_below_min_free;
mod metadata_corrupt;
mod metadata_full;
mod metadata_nearly_full;
mod metadata_oversized;
mod metadata_snapshot_held;
mod metadata_undersized;
mod mkfs_failed;
mod monitor_blind;
mod mount_refused;
mod numbers_disagree;
mod open_deleted_files;
mod other_target;
mod overlay_impossible;
mod owner_records_damaged;
mod pool_already_used;
mod pool_belongs_to_another_docker;
mod pool_component_active;
mod pool_failed;
mod pool_half_made;
mod pool_inactive;
mod pool_layout;
mod pool_needs_check;
mod pool_not_found;
mod pool_overcommitted;
mod pool_read_only;
mod pool_size_stale;
mod pool_suspended;
mod pool_unanswered;
mod pv_missing;
mod queue_without_timeout;
mod repair_space_too_small;
mod shared;
mod snapshot_time_overflow;
mod stratis_pool_failed;
mod stratis_pool_full;
mod table_refused;
mod thin_check_unavailable;
mod thin_devices_leaked;
mod thin_target_missing;
mod thresholds_collide;
mod tool_missing;
mod tool_misused;
mod transaction_id_mismatch;
mod udev_cookie_stuck;
mod udev_sync_missing;
mod udev_worker_timeout;
mod volume_full;
mod volume_group_full;
mod volume_without_device;
mod xfs_retries_forever;

pub use finding::{Evidence, Finding, Subject, SubjectKind};

use crate::advice::since::Versions;
use crate::host::Host;
use std::cmp::Reverse;

/// A rule: its name, explanation and check.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name in kebab-case, never changed; the file has the same name.
    pub name: &'static str,
    /// The release that introduced it.
    pub since: &'static str,
    /// The explanation in Markdown: the rule's doc comment.
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

/// All rules, root causes before consequences: of findings with equal severity and certainty, the earlier rule's
/// leads.
pub static RULES: &[&Rule] = &[
    &numbers_disagree::RULE,
    &block_device_failing::RULE,
    &pv_missing::RULE,
    &backing_storage_full::RULE,
    &loop_file_deleted::RULE,
    &loop_file_outgrows_filesystem::RULE,
    &thin_target_missing::RULE,
    &thin_check_unavailable::RULE,
    &snapshot_time_overflow::RULE,
    &metadata_full::RULE,
    &metadata_corrupt::RULE,
    &pool_component_active::RULE,
    &repair_space_too_small::RULE,
    &pool_failed::RULE,
    &pool_needs_check::RULE,
    &data_full::RULE,
    &pool_read_only::RULE,
    &volume_full::RULE,
    &filesystem_damaged::RULE,
    &device_smaller_than_filesystem::RULE,
    &host_filesystem_read_only::RULE,
    &mount_refused::RULE,
    &pool_suspended::RULE,
    &pool_unanswered::RULE,
    &pool_inactive::RULE,
    &pool_half_made::RULE,
    &stratis_pool_failed::RULE,
    &stratis_pool_full::RULE,
    &autoextend_failing::RULE,
    &hung_tasks::RULE,
    &driver_removed::RULE,
    &driver_misconfigured::RULE,
    &tool_missing::RULE,
    &pool_already_used::RULE,
    &pool_belongs_to_another_docker::RULE,
    &pool_not_found::RULE,
    &loop_devices_exhausted::RULE,
    &transaction_id_mismatch::RULE,
    &volume_without_device::RULE,
    &owner_records_damaged::RULE,
    &device_ids_exhausted::RULE,
    &volume_group_full::RULE,
    &metadata_below_min_free::RULE,
    &data_below_min_free::RULE,
    &host_filesystem_full::RULE,
    &inodes_exhausted::RULE,
    &container_size_limit::RULE,
    &limit_not_storage::RULE,
    &mkfs_failed::RULE,
    &base_growth_failed::RULE,
    &udev_cookie_stuck::RULE,
    &udev_sync_missing::RULE,
    &docker_metadata_mismatch::RULE,
    &device_busy::RULE,
    &udev_worker_timeout::RULE,
    &table_refused::RULE,
    &kubelet_disk_pressure::RULE,
    &tool_misused::RULE,
    &kernel_bug::RULE,
    &loop_file_fragmented::RULE,
    &metadata_nearly_full::RULE,
    &data_nearly_full::RULE,
    &filling_fast::RULE,
    &data_below_low_water::RULE,
    &pool_size_stale::RULE,
    &metadata_undersized::RULE,
    &metadata_oversized::RULE,
    &pool_layout::RULE,
    &monitor_blind::RULE,
    &overlay_impossible::RULE,
    &other_target::RULE,
    &base_size_exceeds_pool::RULE,
    &thresholds_collide::RULE,
    &autoextend_off::RULE,
    &deferred_deletion_backlog::RULE,
    &thin_devices_leaked::RULE,
    &containerd_device_faulty::RULE,
    &open_deleted_files::RULE,
    &discards_not_passed::RULE,
    &metadata_snapshot_held::RULE,
    &xfs_retries_forever::RULE,
    &queue_without_timeout::RULE,
    &pool_overcommitted::RULE,
    &block_size_wasteful::RULE,
    &loopback_in_use::RULE,
];

/// All findings, the most likely root cause first: by severity, then by certainty (possible ones last), then in the
/// order of [`RULES`]. The advice of each finding is sorted mildest first.
#[must_use]
pub fn findings(host: &Host) -> Vec<Finding> {
    let mut all: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(host)).collect();
    let doubtful = |f: &Finding| f.certainty == crate::verdict::Certainty::Possible;
    all.sort_by_key(|f| (Reverse(f.severity), doubtful(f)));
    let versions = Versions::of(host);
    for finding in &mut all {
        // A command that no installed version can run is not advice; advice without commands stays.
        finding.advice.retain_mut(|advice| {
            let had = !advice.commands.is_empty();
            versions.fit_advice(advice);
            !had || !advice.commands.is_empty()
        });
        finding.advice.sort_by_key(|a| a.risk);
    }
    all
}

/// Finds a rule by name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|r| r.name == name).copied()
}

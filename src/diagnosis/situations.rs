//! Possible problems behind a text without a failure and with healthy numbers: what such numbers do not show.

use super::SymptomKind::{Missing, NoSpace, Refused};
use super::causes::{Case, quiet};
use crate::host::Host;

/// An engine's pool: its numbers show neither a container's own limit nor the disk under the records.
static ENGINE_POOL: Case =
    quiet(NoSpace, &["container-size-limit", "host-filesystem-full", "hung-tasks", "inodes-exhausted"]);
/// A bare status line: it does not show who reacts to a full pool, and when.
static BARE_STATUS: Case = quiet(
    NoSpace,
    &["thresholds-collide", "autoextend-off", "volume-full", "host-filesystem-full", "container-size-limit"],
);
/// Loop files: their size is seldom what the pool uses.
static LOOP_FILES: Case = quiet(
    NoSpace,
    &["discards-not-passed", "loop-file-outgrows-filesystem", "thin-devices-leaked", "open-deleted-files"],
);
/// Inactive volumes without a stated reason.
static INACTIVE_VOLUMES: Case =
    quiet(Missing, &["pool-inactive", "metadata-corrupt", "volume-without-device", "thin-check-unavailable"]);
/// LVM reports: the sizes of group, pool and volumes are easily confused.
static LVM_REPORT: Case =
    quiet(Refused, &["numbers-disagree", "autoextend-off", "volume-full", "pool-overcommitted"]);
/// An empty pool: no engine uses it.
static UNUSED_POOL: Case =
    quiet(Missing, &["pool-not-found", "driver-misconfigured", "pool-already-used", "numbers-disagree"]);
/// Filesystems inside containers: they do not show how full the pool is.
static CONTAINERS: Case = quiet(
    NoSpace,
    &[
        "data-nearly-full",
        "thresholds-collide",
        "container-size-limit",
        "open-deleted-files",
        "host-filesystem-full",
    ],
);
/// Filesystems of the host.
static FILESYSTEMS: Case = quiet(
    NoSpace,
    &["discards-not-passed", "host-filesystem-full", "loop-file-outgrows-filesystem", "open-deleted-files"],
);
/// A volume group without a pool.
static VOLUME_GROUP: Case = quiet(
    NoSpace,
    &["host-filesystem-full", "autoextend-off", "loop-file-outgrows-filesystem", "volume-full"],
);
/// A kubelet with a pool.
static KUBERNETES_NODE: Case =
    quiet(NoSpace, &["thresholds-collide", "data-nearly-full", "kubelet-disk-pressure", "monitor-blind"]);

/// The possible problems of a text without a failure.
pub(super) fn for_text(host: &Host) -> Option<&'static Case> {
    let container = |mount: &str| mount.contains("/devicemapper/mnt/") || mount.contains("-snap-");
    let unused = |p: &crate::host::model::pool::Pool| p.data.permille() == Some(0) && p.lv.is_some();
    Some(
        if host.log_messages.iter().any(|m| m.message() == crate::host::log::Message::ContainerdConfigured) {
            &KUBERNETES_NODE
        } else if host.lvm.volumes.iter().any(|v| v.active == Some(false)) {
            &INACTIVE_VOLUMES
        } else if host.filesystems.iter().any(|f| f.mount.as_deref().is_some_and(container)) {
            &CONTAINERS
        } else if host.pools.iter().any(|p| p.docker_info.is_some()) {
            &ENGINE_POOL
        } else if host.pools.iter().any(|p| p.mode.is_some()) && host.lvm.volumes.is_empty() {
            &BARE_STATUS
        } else if host.pools.iter().any(|p| p.data_backing.is_loop()) {
            &LOOP_FILES
        } else if host.pools.iter().any(unused) {
            &UNUSED_POOL
        } else if !host.pools.is_empty() {
            &LVM_REPORT
        } else if !host.filesystems.is_empty() {
            &FILESYSTEMS
        } else if !host.lvm.groups.is_empty() {
            &VOLUME_GROUP
        } else {
            return None;
        },
    )
}

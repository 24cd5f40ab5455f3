//! Other sources of "no space left on device": other engines' filesystems, in-memory filesystems, kernel tables,
//! deleted files held open.

use super::Collector;
use crate::record::Query;
use crate::record::paths::is_at_or_below;

/// Directories of other engines and the kubelet, and in-memory filesystems that programs fill.
const PLACES: [&str; 4] = ["/var/lib/containers/storage", "/var/lib/kubelet", "/tmp", "/dev/shm"];
/// Limits of kernel tables, and the number of control groups.
const LIMITS: [&str; 7] = [
    "/proc/sys/fs/inotify/max_user_instances",
    "/proc/sys/fs/inotify/max_user_watches",
    "/proc/sys/kernel/sem",
    "/proc/sys/kernel/shmmni",
    "/proc/sys/kernel/msgmni",
    "/proc/sys/fs/file-nr",
    "/proc/cgroups",
];

/// Queries all of it; `mounts` is the mount table.
pub(super) fn ask(collector: &mut Collector<'_>, mounts: &str) {
    for place in PLACES {
        collector.ask(Query::Stat, place);
        if collector.may_exist(Query::Stat, place) {
            collector.ask(Query::Statfs, place);
        }
    }
    // A project quota is visible in the directory it applies to, not at the mount point.
    let asked: Vec<String> = collector
        .recording
        .all(Query::Statfs)
        .filter(|a| a.outcome.said().is_some())
        .map(|a| a.target.clone())
        .collect();
    for path in asked.iter().filter(|path| path.starts_with("/var/lib/")) {
        if let Some(mount) = mount_above(mounts, path) {
            collector.ask(Query::Statfs, &mount);
        }
    }
    for limit in LIMITS {
        collector.ask(Query::File, limit);
    }
    collector.ask(Query::IpcObjects, "");
    collector.ask(Query::OpenFiles, "");
}

/// The mount point of a path by the mount table alone; mount points with escaped names are ignored.
fn mount_above(mounts: &str, path: &str) -> Option<String> {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| is_at_or_below(path, point)).max_by_key(|point| point.len()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_above() {
        let mounts = "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 8:2 / /var rw - xfs /dev/sda2 rw,prjquota\n";
        assert_eq!(mount_above(mounts, "/var/lib/docker").as_deref(), Some("/var"));
        assert_eq!(mount_above(mounts, "/variant").as_deref(), Some("/"));
        assert_eq!(mount_above("", "/x"), None);
    }
}

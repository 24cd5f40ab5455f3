//! The owners of thin devices. Only queried in full if usage by owner is wanted, because it reads many files.
//!
//! Does not search: it reads the places that earlier answers named.

use super::Collector;
use super::docker::{CONTAINERD_ROOT, SNAPSHOTTER, options, toml_strings};
use crate::record::owners::Known;
use crate::record::{Query, Recording};
use std::collections::BTreeSet;

/// Below Docker's data root: the directory whose query shows that the driver was used.
const RECORDS: &str = "/devicemapper/metadata";
/// Most filesystems queried for free space.
const LIMIT_DISKS: usize = 32;
/// containerd's own metadata, below its root.
const METADATA: &str = "io.containerd.metadata.v1.bolt/meta.db";

/// BuildKit's cache database, below Docker's data root.
const BUILD_CACHE: &str = "buildkit/snapshots.db";
/// containerd's default directory for running tasks.
const CONTAINERD_STATE: &str = "/run/containerd";
/// Below it: a directory for each namespace, with one for each container that has a task (containerd
/// runtime/v2/bundle.go, `NewBundle`).
const TASKS: &str = "io.containerd.runtime.v2.task";
/// Most tasks of a namespace that are checked for a live process.
const LIMIT_TASKS: usize = 1000;

/// Up to this many device records, container names are always collected.
const FEW_RECORDS: usize = 200;

/// Queries what is always small: containerd's list of devices and, if there are few, the names of Docker's
/// containers.
pub(super) fn ask_devices(collector: &mut Collector<'_>) {
    for root in docker_roots(&collector.recording) {
        let records = collector.said(Query::DeviceRecords, &format!("{root}{RECORDS}")).unwrap_or_default();
        if records.lines().count() <= FEW_RECORDS {
            collector.ask(Query::DockerMounts, &root);
            collector.ask(Query::DockerContainers, &root);
        }
    }
    for (folder, databases) in snapshotters(&collector.recording) {
        for database in databases {
            collector.ask(Query::ContainerdDevices, &format!("{folder}/{database}"));
        }
    }
}

/// Queries the files of Docker and containerd, after their directories are known.
pub(super) fn ask(collector: &mut Collector<'_>) {
    for root in docker_roots(&collector.recording) {
        for query in [Query::DockerLayers, Query::DockerMounts, Query::DockerImages, Query::DockerContainers]
        {
            collector.ask(query, &root);
        }
        ask_migration_facts(collector, &root);
        let cache = format!("{root}/{BUILD_CACHE}");
        collector.ask(Query::Stat, &cache);
        if collector.may_exist(Query::Stat, &cache) {
            collector.ask(Query::DockerBuildCache, &cache);
        }
    }
    let folders = snapshotters(&collector.recording);
    if folders.is_empty() {
        return;
    }
    for (folder, _) in &folders {
        collector.ask(Query::ContainerdSnapshots, &format!("{folder}/metadata.db"));
    }
    for root in containerd_roots(&collector.recording, &folders) {
        let file = format!("{root}/{METADATA}");
        collector.ask(Query::Stat, &file);
        if collector.may_exist(Query::Stat, &file) {
            collector.ask(Query::ContainerdImages, &file);
        }
    }
    ask_tasks(collector);
}

/// Queries which containers of containerd have a task: its databases do not tell whether one runs.
fn ask_tasks(collector: &mut Collector<'_>) {
    let namespaces = namespaces(&collector.recording);
    if namespaces.is_empty() {
        return;
    }
    for state in containerd_places(&collector.recording, "state", CONTAINERD_STATE) {
        let tasks = format!("{state}/{TASKS}");
        collector.ask(Query::Stat, &state);
        if !collector.may_exist(Query::Stat, &state) {
            continue;
        }
        for namespace in &namespaces {
            let folder = format!("{tasks}/{namespace}");
            let names = collector.ask(Query::Dir, &folder).unwrap_or_default();
            for id in names.lines().filter(|id| is_plain(id)).take(LIMIT_TASKS) {
                ask_process(collector, &format!("{folder}/{id}"));
            }
        }
    }
}

/// Queries whether a task's first process is alive, for runtimes that store its pid.
fn ask_process(collector: &mut Collector<'_>, task: &str) {
    let number = collector.ask(Query::File, &format!("{task}/init.pid")).unwrap_or_default();
    if !number.is_empty() && number.len() < 12 && number.bytes().all(|b| b.is_ascii_digit()) {
        collector.ask(Query::Stat, &format!("/proc/{number}"));
    }
}

/// Whether a name is safe as part of a path; containerd allows no others (pkg/identifiers/validate.go).
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// Namespaces that have containers.
fn namespaces(recording: &Recording) -> BTreeSet<String> {
    let lines =
        recording.all(Query::ContainerdImages).flat_map(|a| a.outcome.said().unwrap_or_default().lines());
    let namespace = |line: &str| match serde_json::from_str(line) {
        Ok(Known::Container { namespace, .. }) => Some(namespace),
        _ => None,
    };
    lines.filter_map(namespace).filter(|name| is_plain(name)).collect()
}

/// Queries what moving Docker's data needs to know: volumes, other drivers, swarm, free space.
fn ask_migration_facts(collector: &mut Collector<'_>, root: &str) {
    for place in ["volumes", "image", "image/overlay2/imagedb/content/sha256"] {
        collector.ask(Query::Dir, &format!("{root}/{place}"));
    }
    collector.ask(Query::Stat, &format!("{root}/swarm/docker-state.json"));
    collector.ask(Query::EntryTypes, root);
    collector.ask(Query::File, "/proc/filesystems");
    let mounts = collector.ask(Query::File, "/proc/self/mountinfo").unwrap_or_default();
    for place in disks(&mounts) {
        collector.ask(Query::Statfs, &place);
    }
}

/// Mount points of writable filesystems on local disks, including the data root's; a network filesystem may hang.
fn disks(mounts: &str) -> Vec<String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let kind = right.split(' ').next().unwrap_or_default();
        let (Some(device), Some(root), Some(place), Some(options)) =
            (left.get(2), left.get(3), left.get(4), left.get(5))
        else {
            continue;
        };
        let disk = matches!(kind, "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "jfs" | "f2fs");
        // Excludes bind mounts of subdirectories, and Docker's own subvolumes. Escaped names are rare enough to
        // ignore.
        let whole = *root == "/" || (kind == "btrfs" && !root.contains("docker"));
        let fine = !place.contains("/devicemapper/mnt/") && !place.contains('\\');
        let known = found.iter().any(|(d, _)| d == device);
        if disk
            && whole
            && fine
            && !known
            && options.split(',').any(|o| o == "rw")
            && found.len() < LIMIT_DISKS
        {
            found.push((device, place));
        }
    }
    found.into_iter().map(|(_, place)| place.to_owned()).collect()
}

fn docker_roots(recording: &Recording) -> Vec<String> {
    recording
        .all(Query::DeviceRecords)
        .filter_map(|a| a.target.strip_suffix(RECORDS))
        .map(str::to_owned)
        .collect()
}

/// Listed directories with the snapshotter's databases, and the databases with its device lists.
fn snapshotters(recording: &Recording) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for answer in recording.all(Query::Dir) {
        let names: Vec<&str> = answer.outcome.said().unwrap_or_default().lines().collect();
        let lists = names.iter().filter(|n| n.ends_with(".db") && **n != "metadata.db");
        let lists: Vec<String> = lists.map(|n| (*n).to_owned()).collect();
        if names.contains(&"metadata.db") && !lists.is_empty() {
            found.push((answer.target.clone(), lists));
        }
    }
    found
}

/// Directories in which containerd may keep its data: next to the snapshotter, as configured, and the default.
fn containerd_roots(recording: &Recording, folders: &[(String, Vec<String>)]) -> Vec<String> {
    let beside = folders.iter().filter_map(|(folder, _)| folder.strip_suffix(SNAPSHOTTER)).map(str::to_owned);
    distinct(beside.chain(containerd_places(recording, "root", CONTAINERD_ROOT)))
}

/// containerd's directories: from its settings and arguments, and the default.
fn containerd_places(recording: &Recording, key: &str, usual: &str) -> Vec<String> {
    let mut places = Vec::new();
    for answer in recording.all(Query::File).filter(|a| a.target.ends_with(".toml")) {
        places.extend(toml_strings(answer.outcome.said().unwrap_or_default(), key));
    }
    let option = format!("--{key}");
    for answer in recording.all(Query::Processes).filter(|a| a.target.ends_with("containerd")) {
        let words: Vec<&str> = answer.outcome.said().unwrap_or_default().split(['\n', '\t']).collect();
        places.extend(options(&words, &[&option]));
    }
    places.push(usual.to_owned());
    distinct(places.into_iter())
}

/// The distinct absolute paths.
fn distinct(paths: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for path in paths {
        let path = path.trim_end_matches('/');
        if path.starts_with('/') && !distinct.iter().any(|o| o == path) {
            distinct.push(path.to_owned());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::collect::Options;
    use crate::record::collect::record;
    use crate::record::{Outcome, Responder};

    /// A machine with Docker below `/d`, containerd below `/c`, and the snapshotter elsewhere.
    struct Script;

    impl Responder for Script {
        fn ask(&mut self, query: Query, target: &str) -> Outcome {
            let said = match (query, target) {
                (Query::File, "/etc/docker/daemon.json") => r#"{"data-root": "/d"}"#,
                (Query::File, "/etc/containerd/config.toml") => "root = \"/c\"\n  root_path = \"/s\"\n",
                (Query::Dir, "/s") => "metadata.db\npool.db\nlock",
                (
                    Query::Stat,
                    "/d/devicemapper"
                    | "/d/buildkit/snapshots.db"
                    | "/s"
                    | "/c/io.containerd.metadata.v1.bolt/meta.db"
                    | "/run/containerd",
                ) => "mode=1",
                (Query::ContainerdImages, _) => {
                    "{\"is\":\"container\",\"namespace\":\"ns\",\"id\":\"a\"}\n\
                     {\"is\":\"container\",\"namespace\":\"../..\",\"id\":\"b\"}\n(page 3: damaged)"
                }
                (Query::DeviceRecords, "/d/devicemapper/metadata") => "",
                _ => return Outcome::Refused("ENOENT".to_owned()),
            };
            Outcome::Answered(said.to_owned())
        }
    }

    #[test]
    fn places_come_from_other_answers() {
        let wanted = [
            (Query::DockerLayers, "/d"),
            (Query::DockerMounts, "/d"),
            (Query::DockerImages, "/d"),
            (Query::DockerContainers, "/d"),
            (Query::DockerBuildCache, "/d/buildkit/snapshots.db"),
            (Query::Dir, "/run/containerd/io.containerd.runtime.v2.task/ns"),
            (Query::ContainerdDevices, "/s/pool.db"),
            (Query::ContainerdSnapshots, "/s/metadata.db"),
            (Query::ContainerdImages, "/c/io.containerd.metadata.v1.bolt/meta.db"),
        ];
        let with = record(&mut Script, &Options { owners: true, ..Options::default() });
        let without = record(&mut Script, &Options::default());
        let always = [Query::DockerMounts, Query::DockerContainers, Query::ContainerdDevices];
        for (query, target) in wanted {
            assert!(with.outcome(query, target).is_some(), "{query:?} {target}");
            assert_eq!(
                without.outcome(query, target).is_some(),
                always.contains(&query),
                "{query:?} {target}"
            );
        }
        assert!(with.all(Query::Dir).all(|answer| !answer.target.contains("..")));
    }
}

//! Joins containerd's records: devices by the snapshot's number, snapshots by key, images by what their content
//! refers to.
//! Never says that a container runs: containerd keeps that in no file, only whether it has a task.

use super::json_lines::{parse, sanitize, timestamp};
use super::{
    Container, DeviceRole, Image, Owners, Part, Pin, PinnedBy, RecordKeeper, State, images_by_device,
};
use crate::host::model::pool::Pool;
use crate::record::owners::{Known, PoolDevice, Snapshot};
use crate::record::{Answer, Query, Recording};
use std::collections::{BTreeMap, HashMap, HashSet};

const COMMITTED: u8 = 3;
/// States of devices (`plugins/snapshots/devmapper/device_info.go`).
const REMOVED: i64 = 12;
const FAULTY: i64 = 13;
/// References from an image to its configuration are three or four steps long.
const LONGEST_WAY: usize = 16;

/// The snapshotter's list of the devices of a pool: the database that bears its name.
pub(super) fn database<'a>(recording: &'a Recording, pool: &Pool) -> Option<&'a str> {
    let file = format!("{}.db", pool.name.as_deref()?);
    recording
        .all(Query::ContainerdDevices)
        .map(|a| a.target.as_str())
        .find(|target| target.rsplit('/').next() == Some(&file))
}

/// Who the devices of a pool belong to.
pub(super) fn read(recording: &Recording, pool: &Pool, database: &str) -> Owners {
    let mut owners =
        Owners { keeper: RecordKeeper::Containerd { database: database.to_owned() }, ..Owners::default() };
    let devices: Vec<PoolDevice> = parse(recording, Query::ContainerdDevices, database, &mut owners.gaps);
    owners.all_recorded = owners.gaps.is_empty();
    let folder = database.rsplit_once('/').map_or("", |(folder, _)| folder);
    let file = format!("{folder}/metadata.db");
    let snapshots: Vec<Snapshot> = parse(recording, Query::ContainerdSnapshots, &file, &mut owners.gaps);
    let places: Vec<&str> = recording.all(Query::ContainerdImages).map(|a| a.target.as_str()).collect();
    // Images are names, not records of devices: without them nothing is a stranger, so their absence is no gap.
    let mut beside = Vec::new();
    let known: Vec<Known> = places
        .into_iter()
        .flat_map(|target| parse(recording, Query::ContainerdImages, target, &mut beside))
        .collect();
    let join = Join::new(pool, &devices, &snapshots, &known);
    owners.images = join.images();
    owners.containers = join.containers(&owners.images, &Tasks::read(recording));
    owners.kept = join.kept(&owners);
    join.name_devices(&mut owners);
    owners
}

/// Which containers have a task, by namespace; a namespace whose tasks were not read is not in it.
struct Tasks<'a> {
    recording: &'a Recording,
    /// By namespace: each container with the directory of its task.
    all: HashMap<&'a str, HashMap<&'a str, &'a str>>,
}

impl<'a> Tasks<'a> {
    fn read(recording: &'a Recording) -> Self {
        let mut all: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
        let mut unread = HashSet::new();
        let of_tasks = |answer: &'a Answer| {
            let (folder, namespace) = answer.target.rsplit_once('/')?;
            folder.ends_with("/io.containerd.runtime.v2.task").then_some((namespace, answer))
        };
        for (namespace, answer) in recording.all(Query::Dir).filter_map(of_tasks) {
            let tasks = all.entry(namespace).or_default();
            match (answer.outcome.said(), answer.outcome.errno()) {
                (Some(names), _) => tasks.extend(names.lines().map(|id| (id, answer.target.as_str()))),
                // No directory, no task.
                (None, Some("ENOENT" | "ENOTDIR")) => {}
                (None, _) => _ = unread.insert(namespace),
            }
        }
        all.retain(|namespace, _| !unread.contains(namespace));
        Self { recording, all }
    }

    /// What a container does, as far as that tells. A task whose first process lives runs; one without a process that
    /// is written down may belong to a virtual machine.
    fn state(&self, namespace: &str, id: &str) -> State {
        let Some(tasks) = self.all.get(namespace) else { return State::Unknown };
        let Some(folder) = tasks.get(id) else { return State::Stopped };
        let process = self.recording.said(Query::File, &format!("{folder}/{id}/init.pid"));
        let lives = |number: &str| self.recording.said(Query::Stat, &format!("/proc/{number}")).is_some();
        if process.is_some_and(lives) { State::Running } else { State::Unknown }
    }
}

struct Join<'a> {
    prefix: String,
    devices: &'a [PoolDevice],
    by_name: HashMap<&'a str, u32>,
    /// By the snapshotter's key.
    snapshots: BTreeMap<&'a str, &'a Snapshot>,
    known: &'a [Known],
    /// The snapshotter's key by namespace and the clients' key.
    keys: HashMap<(&'a str, &'a str), &'a str>,
    /// What content refers to, by namespace and digest.
    references: HashMap<(&'a str, &'a str), Vec<(&'a str, &'a str)>>,
}

impl<'a> Join<'a> {
    fn new(pool: &Pool, devices: &'a [PoolDevice], snapshots: &'a [Snapshot], known: &'a [Known]) -> Self {
        let mut keys = HashMap::new();
        let mut references: HashMap<_, Vec<_>> = HashMap::new();
        let snapshots: BTreeMap<&str, &Snapshot> = snapshots.iter().map(|s| (s.key.as_str(), s)).collect();
        for known in known {
            match known {
                // Other snapshotters have snapshots too; ours are those whose name our list holds.
                Known::Snapshot { namespace, key, name: Some(name), .. }
                    if snapshots.contains_key(name.as_str()) =>
                {
                    keys.insert((namespace.as_str(), key.as_str()), name.as_str());
                }
                Known::Reference { namespace, digest, label, value } => {
                    let from = references.entry((namespace.as_str(), digest.as_str())).or_default();
                    from.push((label.as_str(), value.as_str()));
                }
                _ => {}
            }
        }
        Self {
            prefix: format!("{}-snap-", pool.name.as_deref().unwrap_or_default()),
            devices,
            by_name: devices.iter().map(|d| (d.name.as_str(), d.device_id)).collect(),
            snapshots,
            known,
            keys,
            references,
        }
    }

    fn device(&self, snapshot: &Snapshot) -> Option<u32> {
        self.by_name.get(format!("{}{}", self.prefix, snapshot.id?).as_str()).copied()
    }

    /// The devices of a snapshot and all below it, the uppermost first, and whether none is missing.
    fn devices_down(&self, key: &str) -> (Vec<u32>, bool) {
        let (mut devices, mut whole) = (Vec::new(), true);
        let mut seen = HashSet::new();
        let mut next = Some(key);
        while let Some(key) = next {
            let snapshot = self.snapshots.get(key).copied().filter(|_| seen.insert(key.to_owned()));
            let device = snapshot.and_then(|s| self.device(s));
            whole &= device.is_some();
            devices.extend(device);
            next = snapshot.and_then(|s| s.parent.as_deref());
        }
        (devices, whole)
    }

    /// The snapshots that an image's content refers to, as the garbage collector walks.
    fn tops(&self, namespace: &'a str, target: &'a str) -> Vec<&'a str> {
        let (mut tops, mut seen) = (Vec::new(), HashSet::new());
        let mut level = vec![target];
        for _ in 0..LONGEST_WAY {
            let mut below = Vec::new();
            for digest in level {
                for (label, value) in self.references.get(&(namespace, digest)).into_iter().flatten() {
                    if label.starts_with("containerd.io/gc.ref.snapshot.") {
                        tops.extend(self.keys.get(&(namespace, *value)).copied());
                    } else if seen.insert(*value) {
                        below.push(*value);
                    }
                }
            }
            level = below;
        }
        tops.sort_unstable();
        tops.dedup();
        tops
    }

    /// Images by namespace and target; names that stand for the same are one image.
    fn images(&self) -> Vec<Image> {
        let mut images: BTreeMap<(&str, &str), Image> = BTreeMap::new();
        for known in self.known {
            let Known::Image { namespace, name, target, created } = known else { continue };
            let target = target.as_deref().unwrap_or(name);
            let image = images.entry((namespace, target)).or_insert_with(|| self.image(namespace, target));
            image.tags.push(sanitize(name));
            image.created = image.created.max(timestamp(created.as_deref()));
        }
        // Of images unpacked by another snapshotter there is nothing in this pool.
        images.into_values().filter(|image| !image.devices.is_empty()).collect()
    }

    fn image(&self, namespace: &'a str, target: &'a str) -> Image {
        let (mut devices, mut whole) = (Vec::new(), true);
        for top in self.tops(namespace, target) {
            let (more, all) = self.devices_down(top);
            whole &= all;
            devices.extend(more.into_iter().filter(|d| !devices.contains(d)).collect::<Vec<_>>());
        }
        Image {
            id: sanitize(target),
            namespace: Some(sanitize(namespace)),
            devices,
            whole,
            ..Image::default()
        }
    }

    /// What besides images and containers keeps snapshots: leases, marks, and snapshots that nothing of these holds.
    fn kept(&self, owners: &Owners) -> Vec<Pin> {
        let of_images = owners.images.iter().flat_map(|image| &image.devices);
        let of_containers = owners.containers.iter().flat_map(|c| c.devices.iter().chain(&c.below));
        let held: HashSet<u32> = of_images.chain(of_containers).copied().collect();
        let marked = self.known.iter().filter_map(|known| match known {
            Known::Snapshot { namespace, key, rooted: true, .. } | Known::Lease { namespace, key, .. } => {
                self.keys.get(&(namespace.as_str(), key.as_str())).map(|key| (PinnedBy::Lease, *key))
            }
            _ => None,
        });
        let rest =
            self.snapshots.iter().filter(|(_, s)| self.device(s).is_some_and(|id| !held.contains(&id)));
        marked
            .chain(rest.map(|(key, _)| (PinnedBy::Rest, *key)))
            .map(|(by, key)| Pin { by, devices: self.devices_down(key).0 })
            .collect()
    }

    fn containers(&self, images: &[Image], tasks: &Tasks<'_>) -> Vec<Container> {
        let containers = self.known.iter().filter_map(|known| {
            let Known::Container { namespace, id, image, snapshot, created, .. } = known else { return None };
            let key = self.keys.get(&(namespace.as_str(), snapshot.as_deref()?))?;
            let snapshot = self.snapshots.get(key)?;
            let own = self.device(snapshot).filter(|_| snapshot.kind != COMMITTED);
            let same = |i: &Image| {
                i.namespace.as_deref() == Some(namespace)
                    && image.as_ref().is_some_and(|name| i.tags.contains(name))
            };
            Some(Container {
                id: sanitize(id),
                namespace: Some(sanitize(namespace)),
                image: images.iter().position(same),
                state: tasks.state(namespace, id),
                created: timestamp(created.as_deref()),
                devices: own.into_iter().collect(),
                below: snapshot.parent.as_deref().map(|p| self.devices_down(p).0).unwrap_or_default(),
                ..Container::default()
            })
        });
        containers.collect()
    }

    fn name_devices(&self, owners: &mut Owners) {
        let by_device: HashMap<u32, &Snapshot> =
            self.snapshots.values().filter_map(|s| Some((self.device(s)?, *s))).collect();
        let images = images_by_device(&owners.images);
        let containers = owners.containers.iter().enumerate();
        let containers: HashMap<u32, usize> =
            containers.flat_map(|(at, c)| c.devices.iter().map(move |id| (*id, at))).collect();
        for device in self.devices {
            let id = device.device_id;
            let snapshot = by_device.get(&id);
            let container = containers.get(&id).copied();
            let owner = match (device.state, snapshot, container) {
                (REMOVED, ..) => DeviceRole::Deleted { record: sanitize(&device.name) },
                (FAULTY, ..) => DeviceRole::Faulty { record: sanitize(&device.name) },
                (_, _, Some(container)) => DeviceRole::Container { container, part: Part::Writable },
                (_, Some(snapshot), _) if snapshot.kind == COMMITTED => {
                    let images = images.get(&id).cloned().unwrap_or_default();
                    DeviceRole::Layer { chain: sanitize(&snapshot.key), images }
                }
                (_, Some(snapshot), _) => DeviceRole::Snapshot { key: sanitize(&snapshot.key) },
                (_, None, _) => DeviceRole::Orphan { record: sanitize(&device.name) },
            };
            owners.add(id, owner);
        }
    }
}

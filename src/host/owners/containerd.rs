//! Joins containerd's records: devices with snapshots by number, snapshots with containers by key, and images with
//! snapshots by the references in their content.
//! containerd records no state of a container, only whether it has a task; a live process shows that it runs.

use super::json_lines::{parse, sanitize, timestamp};
use super::{
    Container, DeviceRole, Image, Owners, Part, Pin, PinnedBy, RecordKeeper, State, images_by_device,
};
use crate::host::model::pool::Pool;
use crate::record::owners::{Known, PoolDevice, Snapshot};
use crate::record::{Answer, Query, Recording};
use std::collections::{BTreeMap, HashMap, HashSet};

const COMMITTED: u8 = 3;
/// Device states (`plugins/snapshots/devmapper/device_info.go`).
const REMOVED: i64 = 12;
const FAULTY: i64 = 13;
/// Most steps followed from an image to its snapshots; real images need three or four.
const MAX_DEPTH: usize = 16;

/// The snapshotter's device database for a pool, which is named after the pool.
pub(super) fn database<'a>(recording: &'a Recording, pool: &Pool) -> Option<&'a str> {
    let file = format!("{}.db", pool.name.as_deref()?);
    recording
        .all(Query::ContainerdDevices)
        .map(|a| a.target.as_str())
        .find(|target| target.rsplit('/').next() == Some(&file))
}

/// The owners of a pool's devices, by containerd's records.
pub(super) fn read(recording: &Recording, pool: &Pool, database: &str) -> Owners {
    let mut owners =
        Owners { keeper: RecordKeeper::Containerd { database: database.to_owned() }, ..Owners::default() };
    let devices: Vec<PoolDevice> = parse(recording, Query::ContainerdDevices, database, &mut owners.gaps);
    owners.all_recorded = owners.gaps.is_empty();
    let folder = database.rsplit_once('/').map_or("", |(folder, _)| folder);
    let file = format!("{folder}/metadata.db");
    let snapshots: Vec<Snapshot> = parse(recording, Query::ContainerdSnapshots, &file, &mut owners.gaps);
    let places: Vec<&str> = recording.all(Query::ContainerdImages).map(|a| a.target.as_str()).collect();
    // These records only add names, so gaps in them do not make a device look unrecorded and are ignored.
    let mut ignored_gaps = Vec::new();
    let known: Vec<Known> = places
        .into_iter()
        .flat_map(|target| parse(recording, Query::ContainerdImages, target, &mut ignored_gaps))
        .collect();
    let join = Join::new(pool, &devices, &snapshots, &known);
    owners.images = join.images();
    owners.containers = join.containers(&owners.images, &Tasks::read(recording));
    owners.kept = join.pins(&owners);
    join.add_roles(&mut owners);
    owners
}

/// The containers that have a task, by namespace. A namespace whose tasks were not read is missing.
struct Tasks<'a> {
    recording: &'a Recording,
    /// By namespace: each container with the directory of its task.
    all: HashMap<&'a str, HashMap<&'a str, &'a str>>,
}

impl<'a> Tasks<'a> {
    fn read(recording: &'a Recording) -> Self {
        let mut all: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
        let mut unread = HashSet::new();
        let task_folder = |answer: &'a Answer| {
            let (folder, namespace) = answer.target.rsplit_once('/')?;
            folder.ends_with("/io.containerd.runtime.v2.task").then_some((namespace, answer))
        };
        for (namespace, answer) in recording.all(Query::Dir).filter_map(task_folder) {
            let tasks = all.entry(namespace).or_default();
            match (answer.outcome.said(), answer.outcome.errno()) {
                (Some(names), _) => tasks.extend(names.lines().map(|id| (id, answer.target.as_str()))),
                // Without the directory there are no tasks.
                (None, Some("ENOENT" | "ENOTDIR")) => {}
                (None, _) => _ = unread.insert(namespace),
            }
        }
        all.retain(|namespace, _| !unread.contains(namespace));
        Self { recording, all }
    }

    /// The state of a container: stopped without a task, running if the task's first process exists. A task without a
    /// recorded process may be a virtual machine, so its state is unknown.
    fn state(&self, namespace: &str, id: &str) -> State {
        let Some(tasks) = self.all.get(namespace) else { return State::Unknown };
        let Some(folder) = tasks.get(id) else { return State::Stopped };
        let process = self.recording.said(Query::File, &format!("{folder}/{id}/init.pid"));
        let exists = |number: &str| self.recording.said(Query::Stat, &format!("/proc/{number}")).is_some();
        if process.is_some_and(exists) { State::Running } else { State::Unknown }
    }
}

struct Join<'a> {
    prefix: String,
    devices: &'a [PoolDevice],
    by_name: HashMap<&'a str, u32>,
    /// By the snapshotter's key.
    snapshots: BTreeMap<&'a str, &'a Snapshot>,
    known: &'a [Known],
    /// The snapshotter's key, by namespace and client's key.
    keys: HashMap<(&'a str, &'a str), &'a str>,
    /// By namespace and digest: the labels of a content blob and what they refer to.
    references: HashMap<(&'a str, &'a str), Vec<(&'a str, &'a str)>>,
}

impl<'a> Join<'a> {
    fn new(pool: &Pool, devices: &'a [PoolDevice], snapshots: &'a [Snapshot], known: &'a [Known]) -> Self {
        let mut keys = HashMap::new();
        let mut references: HashMap<_, Vec<_>> = HashMap::new();
        let snapshots: BTreeMap<&str, &Snapshot> = snapshots.iter().map(|s| (s.key.as_str(), s)).collect();
        for known in known {
            match known {
                // Skip the snapshots of other snapshotters.
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

    /// The devices of a snapshot and of all its parents, top layer first, and whether all were found. Stops at a cycle.
    fn device_chain(&self, key: &str) -> (Vec<u32>, bool) {
        let (mut devices, mut complete) = (Vec::new(), true);
        let mut seen = HashSet::new();
        let mut next = Some(key);
        while let Some(key) = next {
            let Some(snapshot) = self.snapshots.get(key) else { return (devices, false) };
            if !seen.insert(key) {
                return (devices, false);
            }
            match self.device(snapshot) {
                Some(device) => devices.push(device),
                None => complete = false,
            }
            next = snapshot.parent.as_deref();
        }
        (devices, complete)
    }

    /// The snapshots that an image's content refers to, found in the same way as by containerd's garbage collector.
    fn top_snapshots(&self, namespace: &'a str, target: &'a str) -> Vec<&'a str> {
        let (mut tops, mut seen) = (Vec::new(), HashSet::new());
        let mut level = vec![target];
        for _ in 0..MAX_DEPTH {
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

    /// The images; names with the same namespace and target are one image.
    fn images(&self) -> Vec<Image> {
        let mut images: BTreeMap<(&str, &str), Image> = BTreeMap::new();
        for known in self.known {
            let Known::Image { namespace, name, target, created } = known else { continue };
            let target = target.as_deref().unwrap_or(name);
            let image = images.entry((namespace, target)).or_insert_with(|| self.image(namespace, target));
            image.tags.push(sanitize(name));
            image.created = image.created.max(timestamp(created.as_deref()));
        }
        // Images unpacked by other snapshotters have no devices in this pool.
        images.into_values().filter(|image| !image.devices.is_empty()).collect()
    }

    fn image(&self, namespace: &'a str, target: &'a str) -> Image {
        let (mut devices, mut whole) = (Vec::new(), true);
        for top in self.top_snapshots(namespace, target) {
            let (chain, complete) = self.device_chain(top);
            whole &= complete;
            for device in chain {
                if !devices.contains(&device) {
                    devices.push(device);
                }
            }
        }
        Image {
            id: sanitize(target),
            namespace: Some(sanitize(namespace)),
            devices,
            whole,
            ..Image::default()
        }
    }

    /// References to snapshots other than images and containers: leases, root labels, and snapshots that neither an
    /// image nor a container uses.
    fn pins(&self, owners: &Owners) -> Vec<Pin> {
        let mut pins = Vec::new();
        for known in self.known {
            if let Known::Snapshot { namespace, key, rooted: true, .. } | Known::Lease { namespace, key, .. } =
                known
                && let Some(key) = self.keys.get(&(namespace.as_str(), key.as_str()))
            {
                pins.push(Pin { by: PinnedBy::Lease, devices: self.device_chain(key).0 });
            }
        }
        let by_images = owners.images.iter().flat_map(|image| &image.devices);
        let by_containers = owners.containers.iter().flat_map(|c| c.devices.iter().chain(&c.below));
        let used: HashSet<u32> = by_images.chain(by_containers).copied().collect();
        for (key, snapshot) in &self.snapshots {
            if self.device(snapshot).is_some_and(|id| !used.contains(&id)) {
                pins.push(Pin { by: PinnedBy::Rest, devices: self.device_chain(key).0 });
            }
        }
        pins
    }

    fn containers(&self, images: &[Image], tasks: &Tasks<'_>) -> Vec<Container> {
        let containers = self.known.iter().filter_map(|known| {
            let Known::Container { namespace, id, image, snapshot, created, .. } = known else { return None };
            let key = self.keys.get(&(namespace.as_str(), snapshot.as_deref()?))?;
            let snapshot = self.snapshots.get(key)?;
            let own = if snapshot.kind == COMMITTED { None } else { self.device(snapshot) };
            let is_its_image = |i: &Image| {
                i.namespace.as_deref() == Some(namespace)
                    && image.as_ref().is_some_and(|name| i.tags.contains(name))
            };
            Some(Container {
                id: sanitize(id),
                namespace: Some(sanitize(namespace)),
                image: images.iter().position(is_its_image),
                state: tasks.state(namespace, id),
                created: timestamp(created.as_deref()),
                devices: own.into_iter().collect(),
                below: snapshot.parent.as_deref().map(|p| self.device_chain(p).0).unwrap_or_default(),
                ..Container::default()
            })
        });
        containers.collect()
    }

    /// Adds the role of each recorded device.
    fn add_roles(&self, owners: &mut Owners) {
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

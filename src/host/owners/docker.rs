//! Joins Docker's records: devices by hash, layers by chain id, images by their layers, containers by their mounts.
//! Chain ids come from the layer store; they are not computed.

use super::json_lines::{parse, sanitize, timestamp};
use super::{
    Container, DeviceRole, Image, Layer, Owners, Part, Pin, PinnedBy, RecordKeeper, State, images_by_device,
};
use crate::host::docker::{DeviceRecord, Docker};
use crate::host::model::note::Note;
use crate::host::model::units::Bytes;
use crate::record::owners as recorded;
use crate::record::{Outcome, Query, Recording};
use std::collections::{BTreeMap, HashMap, HashSet};

const INIT: &str = "-init";

/// The owners of the devices of a Docker, by its records.
pub(super) fn read(recording: &Recording, docker: &Docker) -> Owners {
    let Some(root) = docker.root.as_deref() else { return Owners::default() };
    let mut owners = Owners { keeper: RecordKeeper::Docker { root: root.to_owned() }, ..Owners::default() };
    add_record_gaps(recording, root, &mut owners.gaps);
    owners.all_recorded = owners.gaps.is_empty();
    let layers = parse(recording, Query::DockerLayers, root, &mut owners.gaps);
    // Docker creates the directory of mounts with its first container.
    let has_no_mounts = recording.outcome(Query::DockerMounts, root).and_then(Outcome::errno)
        == Some("ENOENT")
        && recording.said(Query::DockerLayers, root).is_some();
    let mounts = if has_no_mounts {
        Vec::new()
    } else {
        parse(recording, Query::DockerMounts, root, &mut owners.gaps)
    };
    let images = parse(recording, Query::DockerImages, root, &mut owners.gaps);
    let containers = parse(recording, Query::DockerContainers, root, &mut owners.gaps);
    let cache = build_cache(recording, root, &mut owners.gaps);
    let join = Join {
        devices: docker.devices.iter().map(|d| (d.hash.as_str(), d)).collect(),
        layers: layers.iter().map(|l: &recorded::Layer| (l.chain.as_str(), l)).collect(),
    };
    owners.images = join.images(&images);
    owners.layers = join.all_layers();
    owners.containers = join.containers(&mounts, &containers, &owners.images);
    owners.kept = join.pins(&owners, &cache);
    add_roles(docker, &join, &mounts, &cache, &mut owners);
    owners
}

/// The steps in BuildKit's cache; a Docker that never used BuildKit has no list.
fn build_cache(recording: &Recording, root: &str, gaps: &mut Vec<Note>) -> Vec<recorded::BuildStep> {
    let list = format!("{root}/buildkit/snapshots.db");
    let is_there = recording.outcome(Query::DockerBuildCache, &list).is_some();
    if is_there { parse(recording, Query::DockerBuildCache, &list, gaps) } else { Vec::new() }
}

/// Adds a gap for each device record that was not read.
fn add_record_gaps(recording: &Recording, root: &str, gaps: &mut Vec<Note>) {
    let path = format!("{root}/devicemapper/metadata");
    let mut gap = |text: String| gaps.push(Note { about: path.clone(), text, forces_unknown: false });
    match recording.outcome(Query::DeviceRecords, &path) {
        Some(Outcome::Answered(text)) => {
            for line in text.lines().map(str::trim_end) {
                // `HASH (EACCES)`, `(7 left out: …)`, or anything else that is not a record.
                if !line.is_empty() && !line.ends_with('}') {
                    gap(format!("a device's record was not read: {}", sanitize(line)));
                }
            }
        }
        Some(Outcome::Refused(why)) => gap(format!("records of devices refused: {why}")),
        Some(Outcome::TimedOut(ms)) => gap(format!("records of devices not answered within {ms} ms")),
        Some(Outcome::NotAsked(_)) | None => gap("records of devices not asked for".to_owned()),
    }
}

/// The id without `sha256:`.
fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

struct Join<'a> {
    devices: HashMap<&'a str, &'a DeviceRecord>,
    layers: BTreeMap<&'a str, &'a recorded::Layer>,
}

impl<'a> Join<'a> {
    fn device(&self, hash: Option<&str>) -> Option<u32> {
        self.devices.get(hash.filter(|h| !h.is_empty())?).map(|d| d.device_id)
    }

    /// The devices of a layer and of all its parents, top layer first, and whether all were found. Stops at a cycle.
    fn device_chain(&self, chain: &str) -> (Vec<u32>, bool) {
        let (mut devices, mut complete) = (Vec::new(), true);
        let mut seen = HashSet::new();
        let mut next = Some(bare(chain));
        while let Some(chain) = next {
            let Some(layer) = self.layers.get(chain) else { return (devices, false) };
            if !seen.insert(chain) {
                return (devices, false);
            }
            match self.device(layer.cache.as_deref()) {
                Some(device) => devices.push(device),
                None => complete = false,
            }
            next = layer.parent.as_deref().map(bare);
        }
        (devices, complete)
    }

    /// References to layers other than images and containers: steps of the build cache, and layers that none of these
    /// uses. The layer store keeps every layer that another layer is based on.
    fn pins(&self, owners: &Owners, cache: &[recorded::BuildStep]) -> Vec<Pin> {
        let mut pins = Vec::new();
        for step in cache {
            let devices = self.step_devices(step);
            if !devices.is_empty() {
                pins.push(Pin { by: PinnedBy::BuildCache, devices });
            }
        }
        let mut used: HashSet<u32> = owners.images.iter().flat_map(|image| image.devices.clone()).collect();
        used.extend(owners.containers.iter().flat_map(|container| &container.below));
        used.extend(pins.iter().flat_map(|pin| &pin.devices));
        for (chain, layer) in &self.layers {
            if self.device(layer.cache.as_deref()).is_some_and(|id| !used.contains(&id)) {
                pins.push(Pin { by: PinnedBy::Rest, devices: self.device_chain(chain).0 });
            }
        }
        pins
    }

    /// The devices that a step of the build cache keeps: the chain of its layer, or its own device.
    fn step_devices(&self, step: &recorded::BuildStep) -> Vec<u32> {
        match step.chain.as_deref().or_else(|| step.key.starts_with("sha256:").then_some(step.key.as_str())) {
            Some(chain) => self.device_chain(chain).0,
            None => self.device(Some(step.committed.as_deref().unwrap_or(&step.key))).into_iter().collect(),
        }
    }

    fn images(&self, images: &[recorded::Image]) -> Vec<Image> {
        let places: HashMap<&str, usize> =
            images.iter().enumerate().map(|(at, i)| (i.id.as_str(), at)).collect();
        let children = self.by_parent_and_diff();
        let image = |image: &recorded::Image| {
            let (digests, tags) = image.names.iter().map(|n| sanitize(n)).partition(|n| n.contains('@'));
            let top = image.diffs.as_ref().map(|diffs| top_chain(&children, diffs));
            let (devices, whole) = match top {
                // An image without layers, as built by `FROM scratch` without content.
                Some(Some("")) => (Vec::new(), true),
                Some(Some(chain)) => self.device_chain(chain),
                Some(None) | None => (Vec::new(), false),
            };
            Image {
                id: sanitize(&image.id),
                namespace: None,
                tags,
                digests,
                created: timestamp(image.created.as_deref()),
                updated: timestamp(image.updated.as_deref()),
                parent: image.parent.as_deref().and_then(|p| places.get(p.trim())).copied(),
                devices,
                whole,
            }
        };
        images.iter().map(image).collect()
    }

    fn all_layers(&self) -> Vec<Layer> {
        let present = self.layers.iter().filter(|(chain, _)| !chain.ends_with("-removing"));
        let layer = |(chain, layer): (&&str, &&recorded::Layer)| Layer {
            chain: sanitize(chain),
            device: self.device(layer.cache.as_deref()),
            content: layer.size.as_deref().and_then(|size| size.trim().parse().ok()).map(Bytes),
            listing: layer.split.map(|bytes| Bytes(bytes.into())),
        };
        present.map(layer).collect()
    }

    /// Chain ids by the parent's chain id (`""` without parent) and diff id.
    fn by_parent_and_diff(&self) -> HashMap<(&'a str, &'a str), &'a str> {
        let present = self.layers.iter().filter(|(chain, _)| !chain.ends_with("-removing"));
        let key = |l: &'a recorded::Layer| Some((l.parent.as_deref().map_or("", bare), l.diff.as_deref()?));
        present.filter_map(|(chain, layer)| Some((key(layer)?, *chain))).collect()
    }

    fn containers(
        &self,
        mounts: &[recorded::Mount],
        containers: &[recorded::Container],
        images: &[Image],
    ) -> Vec<Container> {
        let places: HashMap<&str, usize> =
            images.iter().enumerate().map(|(at, i)| (i.id.as_str(), at)).collect();
        let mut by_id: BTreeMap<&str, Container> = BTreeMap::new();
        for container in containers {
            by_id.insert(&container.id, from_record(container, &places));
        }
        for mount in mounts {
            let id = mount.container.as_str();
            let container =
                by_id.entry(id).or_insert_with(|| Container { id: sanitize(id), ..Container::default() });
            let own = [mount.mount.as_deref(), mount.init.as_deref()];
            container.devices = own.into_iter().filter_map(|hash| self.device(hash)).collect();
            container.below =
                mount.parent.as_deref().map(|chain| self.device_chain(chain).0).unwrap_or_default();
        }
        by_id.into_values().collect()
    }
}

/// The chain id of an image's top layer, `""` without layers; `None` if a layer is missing.
fn top_chain<'a>(children: &HashMap<(&str, &str), &'a str>, diffs: &[String]) -> Option<&'a str> {
    diffs.iter().try_fold("", |chain, diff| children.get(&(chain, diff.as_str())).copied())
}

/// A container by its record, without its devices.
fn from_record(container: &recorded::Container, images: &HashMap<&str, usize>) -> Container {
    let state = container.state.as_ref();
    let time = |text: Option<&String>| timestamp(text.map(String::as_str));
    let started = time(state.and_then(|s| s.started_at.as_ref()));
    Container {
        id: sanitize(&container.id),
        name: container.name.as_deref().map(|n| sanitize(n.trim_start_matches('/'))),
        image: container.image.as_deref().and_then(|i| images.get(i)).copied(),
        state: state.map_or(State::Unknown, |s| container_state(s, started.is_some())),
        created: time(container.created.as_ref()),
        started,
        finished: time(state.and_then(|s| s.finished_at.as_ref())),
        driver: container.driver.as_deref().map(sanitize),
        volumes: volumes(container),
        networks: container
            .network
            .iter()
            .flat_map(|n| n.networks.iter().flatten())
            .map(|(n, _)| sanitize(n))
            .collect(),
        auto_remove: container.host.as_ref().is_some_and(|h| h.auto_remove),
        restart: container
            .host
            .as_ref()
            .map(|h| sanitize(&h.restart_policy.name))
            .filter(|name| !name.is_empty()),
        ..Container::default()
    }
}

/// The names of a container's volumes, without duplicates.
fn volumes(container: &recorded::Container) -> Vec<String> {
    let mounts = container.mounts.iter().flat_map(BTreeMap::values);
    let mut names: Vec<String> = mounts.filter(|m| !m.name.is_empty()).map(|m| sanitize(&m.name)).collect();
    names.sort();
    names.dedup();
    names
}

const fn container_state(state: &recorded::ContainerState, started: bool) -> State {
    match state {
        s if s.running && s.paused => State::Paused,
        s if s.restarting => State::Restarting,
        s if s.running => State::Running,
        s if s.removing => State::Removing,
        s if s.dead => State::Dead,
        _ if started => State::Exited,
        _ => State::Created,
    }
}

/// Adds the role of each recorded device.
fn add_roles(
    docker: &Docker,
    join: &Join<'_>,
    mounts: &[recorded::Mount],
    cache: &[recorded::BuildStep],
    owners: &mut Owners,
) {
    let mut by_hash: HashMap<&str, Vec<DeviceRole>> = HashMap::new();
    let images_by_device = images_by_device(&owners.images);
    for (chain, layer) in &join.layers {
        let Some(hash) = layer.cache.as_deref() else { continue };
        let images =
            join.device(Some(hash)).and_then(|id| images_by_device.get(&id)).cloned().unwrap_or_default();
        let role = DeviceRole::Layer { chain: sanitize(chain), images };
        by_hash.entry(hash).or_default().push(role);
    }
    let places: HashMap<&str, usize> =
        owners.containers.iter().enumerate().map(|(at, c)| (c.id.as_str(), at)).collect();
    for mount in mounts {
        let Some(&container) = places.get(mount.container.as_str()) else { continue };
        for (hash, part) in [(&mount.mount, Part::Writable), (&mount.init, Part::Init)] {
            if let Some(hash) = hash.as_deref().filter(|h| !h.is_empty()) {
                by_hash.entry(hash).or_default().push(DeviceRole::Container { container, part });
            }
        }
    }
    for hash in cache.iter().map(|step| step.committed.as_deref().unwrap_or(&step.key)) {
        by_hash.entry(hash).or_insert_with(|| vec![DeviceRole::BuildStep { record: sanitize(hash) }]);
    }
    for record in &docker.devices {
        for role in roles(record, &by_hash) {
            owners.add(record.device_id, role);
        }
    }
}

/// The roles of a recorded device.
fn roles(record: &DeviceRecord, by_hash: &HashMap<&str, Vec<DeviceRole>>) -> Vec<DeviceRole> {
    if record.hash.is_empty() {
        return vec![DeviceRole::Base];
    }
    if record.deleted {
        return vec![DeviceRole::Deleted { record: sanitize(&record.hash) }];
    }
    if let Some(roles) = by_hash.get(record.hash.as_str()) {
        return roles.clone();
    }
    // If `init-id` is missing, the record's name still shows that it is a container's init layer.
    let writable = record.hash.strip_suffix(INIT).and_then(|hash| by_hash.get(hash));
    let mut roles = Vec::new();
    for role in writable.into_iter().flatten() {
        if let DeviceRole::Container { container, .. } = role {
            roles.push(DeviceRole::Container { container: *container, part: Part::Init });
        }
    }
    if roles.is_empty() {
        roles.push(DeviceRole::Orphan { record: sanitize(&record.hash) });
    }
    roles
}

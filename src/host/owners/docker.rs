//! Joins Docker's records: devices by hash, layers by chain, images by their layers, containers by their mounts.
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

/// Who the devices of a Docker belong to.
pub(super) fn read(recording: &Recording, docker: &Docker) -> Owners {
    let Some(root) = docker.root.as_deref() else { return Owners::default() };
    let mut owners = Owners { keeper: RecordKeeper::Docker { root: root.to_owned() }, ..Owners::default() };
    records_read(recording, root, &mut owners.gaps);
    owners.all_recorded = owners.gaps.is_empty();
    let layers = parse(recording, Query::DockerLayers, root, &mut owners.gaps);
    // Docker makes the directory of mounts with its first container.
    let never = recording.outcome(Query::DockerMounts, root).and_then(Outcome::errno) == Some("ENOENT")
        && recording.said(Query::DockerLayers, root).is_some();
    let mounts =
        if never { Vec::new() } else { parse(recording, Query::DockerMounts, root, &mut owners.gaps) };
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
    owners.kept = join.kept(&owners, &cache);
    name_devices(docker, &join, &mounts, &cache, &mut owners);
    owners
}

/// The steps that BuildKit keeps; a Docker that never built with it has no list.
fn build_cache(recording: &Recording, root: &str, gaps: &mut Vec<Note>) -> Vec<recorded::BuildStep> {
    let list = format!("{root}/buildkit/snapshots.db");
    let is_there = recording.outcome(Query::DockerBuildCache, &list).is_some();
    if is_there { parse(recording, Query::DockerBuildCache, &list, gaps) } else { Vec::new() }
}

/// Whether the records of devices themselves were read in full.
fn records_read(recording: &Recording, root: &str, gaps: &mut Vec<Note>) {
    let path = format!("{root}/devicemapper/metadata");
    let mut gap = |text: String| gaps.push(Note { about: path.clone(), text, forces_unknown: false });
    match recording.outcome(Query::DeviceRecords, &path) {
        Some(Outcome::Answered(text)) => {
            // `HASH (EACCES)`, `(7 left out: …)`, or anything else that is no record.
            let odd = |line: &&str| !line.trim().is_empty() && !line.trim_end().ends_with('}');
            text.lines()
                .filter(odd)
                .for_each(|line| gap(format!("a device's record was not read: {}", sanitize(line))));
        }
        Some(Outcome::Refused(why)) => gap(format!("records of devices refused: {why}")),
        Some(Outcome::TimedOut(ms)) => gap(format!("records of devices not answered within {ms} ms")),
        Some(Outcome::NotAsked(_)) | None => gap("records of devices not asked for".to_owned()),
    }
}

/// `sha256:` off.
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

    /// A layer and all below it; `None` at the end where one is missing. Stops at a cycle.
    fn down(&self, chain: &str) -> Vec<Option<&'a recorded::Layer>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(bare(chain));
        while let Some(chain) = next {
            let layer = self.layers.get(chain).copied().filter(|_| seen.insert(chain.to_owned()));
            found.push(layer);
            next = layer.and_then(|l| l.parent.as_deref()).map(bare);
        }
        found
    }

    /// The devices of a layer and all below it, the uppermost first, and whether none is missing.
    fn devices_down(&self, chain: &str) -> (Vec<u32>, bool) {
        let all = self.down(chain);
        let devices: Vec<u32> = all.iter().filter_map(|l| self.device((*l)?.cache.as_deref())).collect();
        let whole = devices.len() == all.len();
        (devices, whole)
    }

    /// What besides images and containers keeps layers: steps of the build cache, and layers that nothing of these
    /// holds, as the layer store lets go of no layer that another stands on.
    fn kept(&self, owners: &Owners, cache: &[recorded::BuildStep]) -> Vec<Pin> {
        let of_images = owners.images.iter().flat_map(|image| &image.devices);
        let held: HashSet<u32> =
            of_images.chain(owners.containers.iter().flat_map(|c| &c.below)).copied().collect();
        let cached = cache.iter().map(|step| Pin { by: PinnedBy::BuildCache, devices: self.of_step(step) });
        let mut kept: Vec<Pin> = cached.filter(|kept| !kept.devices.is_empty()).collect();
        let known: HashSet<u32> = kept.iter().flat_map(|kept| kept.devices.clone()).chain(held).collect();
        let loose = |(_, layer): &(&&str, &&recorded::Layer)| {
            self.device(layer.cache.as_deref()).is_some_and(|id| !known.contains(&id))
        };
        let rest = self.layers.iter().filter(loose);
        kept.extend(rest.map(|(chain, _)| Pin { by: PinnedBy::Rest, devices: self.devices_down(chain).0 }));
        kept
    }

    /// The devices that a step of the build cache keeps: its layer with all below, or its own.
    fn of_step(&self, step: &recorded::BuildStep) -> Vec<u32> {
        match step.chain.as_deref().or_else(|| step.key.starts_with("sha256:").then_some(step.key.as_str())) {
            Some(chain) => self.devices_down(chain).0,
            None => self.device(Some(step.committed.as_deref().unwrap_or(&step.key))).into_iter().collect(),
        }
    }

    fn images(&self, images: &[recorded::Image]) -> Vec<Image> {
        let places: HashMap<&str, usize> =
            images.iter().enumerate().map(|(at, i)| (i.id.as_str(), at)).collect();
        let above = self.by_parent_and_diff();
        let image = |image: &recorded::Image| {
            let (digests, tags) = image.names.iter().map(|n| sanitize(n)).partition(|n| n.contains('@'));
            let top = image.diffs.as_ref().map(|diffs| top_chain(&above, diffs));
            let (devices, whole) = match top {
                // An image without layers, as `FROM scratch` without content makes.
                Some(Some("")) => (Vec::new(), true),
                Some(Some(chain)) => self.devices_down(chain),
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

    /// Layers by what they stand on (nothing is `""`) and what images call them.
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
            by_id.insert(&container.id, described(container, &places));
        }
        for mount in mounts {
            let id = mount.container.as_str();
            let container =
                by_id.entry(id).or_insert_with(|| Container { id: sanitize(id), ..Container::default() });
            let own = [mount.mount.as_deref(), mount.init.as_deref()];
            container.devices = own.into_iter().filter_map(|hash| self.device(hash)).collect();
            container.below =
                mount.parent.as_deref().map(|chain| self.devices_down(chain).0).unwrap_or_default();
        }
        by_id.into_values().collect()
    }
}

/// The chain that an image's layers make, `""` for no layers; `None` where a layer is missing.
fn top_chain<'a>(above: &HashMap<(&str, &str), &'a str>, diffs: &[String]) -> Option<&'a str> {
    diffs.iter().try_fold("", |chain, diff| above.get(&(chain, diff.as_str())).copied())
}

fn described(container: &recorded::Container, images: &HashMap<&str, usize>) -> Container {
    let state = container.state.as_ref();
    let time = |text: Option<&String>| timestamp(text.map(String::as_str));
    let started = time(state.and_then(|s| s.started_at.as_ref()));
    Container {
        id: sanitize(&container.id),
        name: container.name.as_deref().map(|n| sanitize(n.trim_start_matches('/'))),
        image: container.image.as_deref().and_then(|i| images.get(i)).copied(),
        state: state.map_or(State::Unknown, |s| doing(s, started.is_some())),
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

/// The names of the volumes in a container, each once.
fn volumes(container: &recorded::Container) -> Vec<String> {
    let mounts = container.mounts.iter().flat_map(BTreeMap::values);
    let mut names: Vec<String> = mounts.filter(|m| !m.name.is_empty()).map(|m| sanitize(&m.name)).collect();
    names.sort();
    names.dedup();
    names
}

const fn doing(state: &recorded::ContainerState, started: bool) -> State {
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

/// Says of each record of a device what it is for.
fn name_devices(
    docker: &Docker,
    join: &Join<'_>,
    mounts: &[recorded::Mount],
    cache: &[recorded::BuildStep],
    owners: &mut Owners,
) {
    let mut of_hash: HashMap<&str, Vec<DeviceRole>> = HashMap::new();
    let of_device = images_by_device(&owners.images);
    for (chain, layer) in &join.layers {
        let Some(hash) = layer.cache.as_deref() else { continue };
        let images = join.device(Some(hash)).and_then(|id| of_device.get(&id)).cloned().unwrap_or_default();
        let owner = DeviceRole::Layer { chain: sanitize(chain), images };
        of_hash.entry(hash).or_default().push(owner);
    }
    let places: HashMap<&str, usize> =
        owners.containers.iter().enumerate().map(|(at, c)| (c.id.as_str(), at)).collect();
    for mount in mounts {
        let Some(&container) = places.get(mount.container.as_str()) else { continue };
        for (hash, part) in [(&mount.mount, Part::Writable), (&mount.init, Part::Init)] {
            if let Some(hash) = hash.as_deref().filter(|h| !h.is_empty()) {
                of_hash.entry(hash).or_default().push(DeviceRole::Container { container, part });
            }
        }
    }
    for hash in cache.iter().map(|step| step.committed.as_deref().unwrap_or(&step.key)) {
        of_hash.entry(hash).or_insert_with(|| vec![DeviceRole::BuildStep { record: sanitize(hash) }]);
    }
    for record in &docker.devices {
        for owner in owners_of(record, &of_hash) {
            owners.add(record.device_id, owner);
        }
    }
}

fn owners_of(record: &DeviceRecord, of_hash: &HashMap<&str, Vec<DeviceRole>>) -> Vec<DeviceRole> {
    let name = || sanitize(&record.hash);
    if record.hash.is_empty() {
        return vec![DeviceRole::Base];
    }
    if record.deleted {
        return vec![DeviceRole::Deleted { record: name() }];
    }
    // Where `init-id` is missing, the record's name says it too.
    let init = || {
        let writable = of_hash.get(record.hash.strip_suffix(INIT)?)?.iter();
        let owners = writable.filter_map(|owner| match owner {
            DeviceRole::Container { container, .. } => {
                Some(DeviceRole::Container { container: *container, part: Part::Init })
            }
            _ => None,
        });
        Some(owners.collect::<Vec<_>>()).filter(|o| !o.is_empty())
    };
    let owners = of_hash.get(record.hash.as_str()).cloned().or_else(init);
    owners.unwrap_or_else(|| vec![DeviceRole::Orphan { record: name() }])
}

//! What Docker's files below its data root say about layers, images and containers (moby layer/filestore.go,
//! image/fs.go, reference/store.go, container/container.go).
//! Keeps of a container or an image only names, ids, layers, state and times.

use super::{Container, HostConfig, Image, Layer, Lines, Mount};
use crate::record::probe::dir::Folder;
use nix::errno::Errno;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

const LAYERS: &str = "image/devicemapper/layerdb/sha256";
const MOUNTS: &str = "image/devicemapper/layerdb/mounts";
const IMAGES: &str = "image/devicemapper/imagedb/content/sha256";
const IMAGE_FACTS: &str = "image/devicemapper/imagedb/metadata/sha256";
const CONTAINERS: &str = "containers";
/// Longest configuration of an image or a container, and longest list of names, in bytes.
const LIMIT_JSON: u64 = 4 << 20;

pub(super) fn layers(root: &Folder, lines: &mut Lines) -> Result<(), Errno> {
    each(root, LAYERS, lines, |layer, chain, lines| {
        let path = format!("{LAYERS}/{chain}");
        let mut word = |name: &str| word(layer, &path, name, lines);
        let (cache, parent, diff, size) = (word("cache-id"), word("parent"), word("diff"), word("size"));
        // Layers of very old images have none.
        let split = layer.last_word("tar-split.json.gz").ok();
        lines.push(&Layer { chain: chain.to_owned(), cache, parent, diff, size, split });
    })
}

pub(super) fn mounts(root: &Folder, lines: &mut Lines) -> Result<(), Errno> {
    each(root, MOUNTS, lines, |mount, container, lines| {
        let path = format!("{MOUNTS}/{container}");
        let mut word = |name: &str| word(mount, &path, name, lines);
        let (writable, init, parent) = (word("mount-id"), word("init-id"), word("parent"));
        lines.push(&Mount { container: container.to_owned(), mount: writable, init, parent });
    })
}

pub(super) fn containers(root: &Folder, lines: &mut Lines) -> Result<(), Errno> {
    each(root, CONTAINERS, lines, |folder, id, lines| {
        let path = format!("{CONTAINERS}/{id}/config.v2.json");
        if let Some(container) = json::<Container>(folder, "config.v2.json", &path, lines) {
            let path = format!("{CONTAINERS}/{id}/hostconfig.json");
            let there = folder.has("hostconfig.json");
            let host = there.then(|| json::<HostConfig>(folder, "hostconfig.json", &path, lines)).flatten();
            lines.push(&Container { id: id.to_owned(), host, ..container });
        }
    })
}

/// The part of an image's configuration that is kept.
#[derive(Deserialize)]
struct Configuration {
    created: Option<String>,
    rootfs: Option<Rootfs>,
}

#[derive(Deserialize)]
struct Rootfs {
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Repositories {
    #[serde(rename = "Repositories")]
    all: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

pub(super) fn images(root: &Folder, lines: &mut Lines) -> Result<(), Errno> {
    let mut names = names(root, lines);
    let contents = root.below(IMAGES)?;
    let (ids, left_out) = contents.names()?;
    lines.left_out += left_out;
    for hex in ids {
        if lines.full() {
            continue;
        }
        let id = format!("sha256:{hex}");
        let path = format!("{IMAGES}/{hex}");
        let configuration = json::<Configuration>(&contents, &hex, &path, lines);
        let facts = root.below(&format!("{IMAGE_FACTS}/{hex}")).ok();
        let mut fact = |name| word(facts.as_ref()?, &format!("{IMAGE_FACTS}/{hex}"), name, lines);
        let (updated, parent) = (fact("lastUpdated"), fact("parent"));
        let (created, rootfs) = configuration.map_or((None, None), |c| (c.created, c.rootfs));
        let names = names.remove(&id).unwrap_or_default();
        lines.push(&Image { id, names, diffs: rootfs.and_then(|r| r.diff_ids), created, updated, parent });
    }
    for (id, names) in names {
        lines.push(&Image { id, names, ..Image::default() });
    }
    Ok(())
}

/// The names of images, by image.
fn names(root: &Folder, lines: &mut Lines) -> BTreeMap<String, Vec<String>> {
    const FILE: &str = "repositories.json";
    let mut by_image: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let path = format!("image/devicemapper/{FILE}");
    let folder = match root.below("image/devicemapper") {
        Ok(folder) => folder,
        Err(errno) => {
            lines.miss(&path, &format!("{errno:?}"));
            return by_image;
        }
    };
    let repositories = json::<Repositories>(&folder, FILE, &path, lines).and_then(|r| r.all);
    for (name, id) in repositories.into_iter().flat_map(BTreeMap::into_values).flatten() {
        by_image.entry(id).or_default().push(name);
    }
    by_image
}

/// Runs over the directories in a directory.
fn each(
    root: &Folder,
    path: &str,
    lines: &mut Lines,
    mut read: impl FnMut(&Folder, &str, &mut Lines),
) -> Result<(), Errno> {
    let all = root.below(path)?;
    let (names, left_out) = all.names()?;
    lines.left_out += left_out;
    for name in names {
        if lines.full() {
            continue;
        }
        match all.below(&name) {
            Ok(folder) => read(&folder, &name, lines),
            // Gone between the listing and now, or a stray file.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => lines.miss(&format!("{path}/{name}"), &format!("{errno:?}")),
        }
    }
    Ok(())
}

/// A file's one line; not being there is an answer.
fn word(folder: &Folder, path: &str, name: &str, lines: &mut Lines) -> Option<String> {
    match folder.word(name) {
        Ok(word) => Some(word),
        Err(Errno::ENOENT) => None,
        Err(errno) => {
            lines.miss(&format!("{path}/{name}"), &format!("{errno:?}"));
            None
        }
    }
}

/// The wanted part of a JSON file. Of what cannot be read only the place is told: the words may be anybody's.
fn json<T: DeserializeOwned>(folder: &Folder, name: &str, path: &str, lines: &mut Lines) -> Option<T> {
    let bytes = match folder.file(name, LIMIT_JSON) {
        Ok(bytes) => bytes,
        Err(errno) => {
            lines.miss(path, &format!("{errno:?}"));
            return None;
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(object) => Some(object),
        Err(error) => {
            lines.miss(path, &format!("not as expected at line {} column {}", error.line(), error.column()));
            None
        }
    }
}

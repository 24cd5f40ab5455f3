//! Sizes of the archives of a migration, and a filesystem with room for them and for the unpacked data.
//!
//! Layers that images share are counted once.

use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::fs::filesystem_of;
use crate::host::model::backing::Filesystem;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::host::owners::Layer;
use crate::plan::inventory::{Changes, ContainerItem, Inventory, SaveMethod};

/// Ratio of a layer's tar headers and padding to its tar-split listing, which stores each header in base64 beside the
/// name: 16/25, measured on images with few large and with many small files.
const HEADERS: (u64, u64) = (16, 25);
/// Bytes per entry in the listing.
const ENTRY: u64 = 1100;
/// Filesystem overhead per entry: half an unfilled block and its share of the directory.
const UNFILLED: u64 = 2560;
/// What `docker save` adds to each layer and image: a directory, three small files, their headers.
const WRAPPED: u64 = 8 << 10;
/// Docker's own directories and links for a layer or container.
const PLACE: u64 = 24 << 10;
/// Reserve kept free on every filesystem that is written to.
pub(super) const RESERVE: u64 = 256 << 20;

/// Space that an inventory takes, in bytes. Container changes are included if they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sizes {
    /// All archives.
    pub(super) archive: u64,
    /// The largest archive: Docker makes a temporary copy of each below its data root while saving and loading.
    pub(super) temporary: u64,
    /// Final size in the overlay2 store.
    pub(super) unpacked: u64,
    /// Additional temporary space for container layers while they are handed over.
    pub(super) passing: u64,
    /// Some sizes were unknown and are not included.
    pub(super) incomplete: bool,
}

/// Directory for the archives, and the free space there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The directory, which the script creates.
    pub(super) directory: String,
    /// It is on the data root's filesystem, which also receives the unpacked data.
    pub(super) beside: bool,
    /// Free there.
    pub(super) free: Option<Bytes>,
}

impl Sizes {
    /// What an inventory takes.
    #[must_use]
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut sizes = Self::default();
        for layer in &inventory.layers {
            let (archive, unpacked, known) = layer_sizes(layer);
            sizes.archive = sizes.archive.saturating_add(archive);
            sizes.unpacked = sizes.unpacked.saturating_add(unpacked);
            sizes.incomplete |= !known;
        }
        let images = u64::try_from(inventory.images.len()).unwrap_or(u64::MAX);
        sizes.archive = sizes.archive.saturating_add(images.saturating_mul(WRAPPED));
        sizes.temporary = sizes.archive;
        for container in &inventory.containers {
            sizes.add_container(inventory, container);
        }
        sizes.incomplete |= !inventory.gaps.is_empty();
        sizes
    }

    fn add_container(&mut self, inventory: &Inventory, container: &ContainerItem) {
        if container.fate == SaveMethod::Rebuilt {
            return;
        }
        let changes = match container.changes {
            Changes::None => 0,
            Changes::AtMost(bytes) => bytes.0,
            Changes::Unknown => {
                self.incomplete = true;
                0
            }
        };
        let image = container.image.and_then(|place| inventory.images.get(place));
        let whole: u64 = image
            .map(|image| inventory.layers_of(&image.layers).map(|l| layer_sizes(l).0).sum())
            .unwrap_or_default();
        self.unpacked = self.unpacked.saturating_add(changes).saturating_add(PLACE);
        match container.fate {
            // Part of the common archive, on layers that are in it anyway.
            SaveMethod::Commit => {
                self.archive = self.archive.saturating_add(changes);
                self.temporary = self.temporary.saturating_add(changes);
                self.passing = self.passing.saturating_add(changes).saturating_add(PLACE);
            }
            // An archive of its own, which shares nothing.
            SaveMethod::Export => {
                let own = whole.saturating_add(changes);
                self.archive = self.archive.saturating_add(own);
                self.passing = self.passing.saturating_add(own).saturating_add(PLACE);
                self.temporary = self.temporary.max(own);
            }
            SaveMethod::Kept | SaveMethod::Rebuilt => {}
        }
    }

    /// Free space needed on the data root's filesystem: unpacked data, Docker's temporary copy and, with
    /// `archives_too`, the archives.
    #[must_use]
    pub(super) const fn beside_root(&self, archives_too: bool) -> u64 {
        let unpacked = self.unpacked.saturating_add(self.passing);
        let own = unpacked.saturating_add(self.temporary).saturating_add(RESERVE);
        if archives_too { own.saturating_add(self.archive) } else { own }
    }
}

/// Archive size, unpacked size, and whether both are based on recorded sizes.
fn layer_sizes(layer: &Layer) -> (u64, u64, bool) {
    let content = layer.content.map_or(0, |b| b.0);
    // Very old layers have no listing; an eighth of the content is a safe estimate.
    let listing = layer.listing.map_or(content / 8, |b| b.0);
    let headers = listing.saturating_mul(HEADERS.0) / HEADERS.1;
    let entries = listing / ENTRY;
    let archive = content.saturating_add(headers).saturating_add(WRAPPED);
    let unpacked = content.saturating_add(entries.saturating_mul(UNFILLED)).saturating_add(PLACE);
    (archive, unpacked, layer.content.is_some())
}

/// Chooses the archive directory: the requested one, else the data root's filesystem, else the other filesystem with
/// the most free space. Fails with a sentence if none has room.
pub(super) fn place(
    host: &Host,
    docker: &Docker,
    sizes: &Sizes,
    asked: Option<&str>,
    name: &str,
) -> Result<Place, Text> {
    let root = docker.root.as_deref().unwrap_or("/var/lib/docker");
    let own = docker.filesystem.as_ref();
    let free = own.and_then(Filesystem::left);
    let same = |f: &Filesystem| own.is_some_and(|o| o.device == f.device && o.device.is_some());
    let needs = |archives_too| sizes.beside_root(archives_too);
    let short = |what: &str, free: Bytes, needed: u64| {
        Err(text!("{} has {} free and {} are needed", what, free, Bytes(needed)))
    };
    if let Some(free) = free.filter(|free| free.0 < needs(false)) {
        let what = format!("the filesystem of {root}, which takes what is unpacked and Docker's own copies,");
        return short(&what, free, needs(false));
    }
    if let Some(directory) = asked {
        let there = filesystem_of(&host.filesystems, directory);
        let beside = there.is_some_and(same);
        let free = there.and_then(Filesystem::left);
        let needed = if beside { needs(true) } else { sizes.archive.saturating_add(RESERVE) };
        return match free.filter(|free| free.0 < needed) {
            Some(free) => short(&format!("the filesystem of {directory}"), free, needed),
            None => Ok(Place { directory: directory.to_owned(), beside, free }),
        };
    }
    if free.is_none_or(|free| free.0 >= needs(true)) {
        return Ok(Place { directory: format!("{root}/{name}"), beside: true, free });
    }
    let needed = sizes.archive.saturating_add(RESERVE);
    let others = host.filesystems.iter().filter(|f| !same(f) && is_disk(f));
    let roomiest = others.filter_map(|f| Some((f.left()?, f.mount.as_deref()?))).max();
    match roomiest {
        Some((free, mount)) if free.0 >= needed => {
            let directory = format!("{}/{name}", mount.trim_end_matches('/'));
            Ok(Place { directory, beside: false, free: Some(free) })
        }
        _ => Err(text!(
            "no filesystem has room for the archives: they take {}; that of {} has {} free, of which {} are needed \
             for what is unpacked{}; name another place with --archives, or remove what is not needed first",
            Bytes(sizes.archive),
            root,
            free.map_or_else(|| Text::from("an unknown amount"), Text::from),
            Bytes(needs(false)),
            roomiest.map_or_else(Text::new, |(free, mount)| text!("; {} has {} free", mount, free)),
        )),
    }
}

/// Whether this is a disk filesystem, neither in memory nor a container's.
fn is_disk(filesystem: &Filesystem) -> bool {
    let kind = filesystem.kind.as_deref().unwrap_or_default();
    matches!(kind, "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "jfs" | "f2fs")
        && filesystem
            .mount
            .as_deref()
            .is_some_and(|m| !m.contains("/devicemapper/mnt/") && !m.starts_with("/boot"))
}

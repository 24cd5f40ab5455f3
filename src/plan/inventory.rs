//! What is in a Docker's old pool, and what becomes of each thing when its data moves: kept, saved or rebuilt.
//!
//! Counted from the recording alone. It refuses to guess whether a container has written something: only one that never
//! started has not; how much is known where the pool's metadata was counted.

use super::pool_facts::{Half, State, state};
use crate::host::docker::Docker;
use crate::host::model::pool::Pool;
use crate::host::model::units::Bytes;
use crate::host::owners::{self, Container, Image, Layer, Owners};
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is to move.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Inventory {
    /// Images, those without a name too.
    pub(super) images: Vec<ImageItem>,
    /// Layers that images or containers stand on, each once.
    pub(super) layers: Vec<Layer>,
    /// Containers.
    pub(super) containers: Vec<ContainerItem>,
    /// Volumes: they lie beside the pool and are kept untouched. `None` where nobody looked.
    pub(super) volumes: Option<Vec<String>>,
    /// Networks that containers are in: they are kept by Docker outside the pool.
    pub(super) networks: BTreeSet<String>,
    /// Why it may not be all: what of Docker's records was not read.
    pub(super) gaps: Vec<String>,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ImageItem {
    /// `sha256:` and 64 hexadecimal digits.
    pub(super) id: String,
    /// Names with a tag.
    pub(super) tags: Vec<String>,
    /// Names with a digest.
    pub(super) digests: Vec<String>,
    /// Its layers, places in [`Inventory::layers`], the uppermost first.
    pub(super) layers: Vec<usize>,
    /// Whether all its layers are there: one that is not whole cannot be saved.
    pub(super) whole: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ContainerItem {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: Option<String>,
    /// What it does.
    pub(super) state: owners::State,
    /// Its image, a place in [`Inventory::images`].
    pub(super) image: Option<usize>,
    /// What it has written.
    pub(super) changes: Changes,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// Volumes in it.
    pub(super) volumes: Vec<String>,
    /// Networks it is in.
    pub(super) networks: Vec<String>,
}

/// What a container has written into its own layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Changes {
    /// Nothing: it never started.
    None,
    /// At most so much: what its device alone maps, the filesystem's own blocks included.
    AtMost(Bytes),
    /// Not counted.
    #[default]
    Unknown,
}

/// What becomes of a container. Its record stays where it is, and what it wrote is saved with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fate {
    /// Nothing of it is in the pool but what its image brings.
    Kept,
    /// Saved as a layer on its image (`docker commit`).
    #[default]
    Commit,
    /// Saved as a whole filesystem (`docker export`), as the pool refuses new layers, or its image is gone.
    Export,
    /// It goes when it stops, as it was told to (`--rm`): whoever made it makes it again.
    Rebuilt,
}

impl Inventory {
    /// The images that can be saved.
    pub(super) fn whole_images(&self) -> impl Iterator<Item = &ImageItem> {
        self.images.iter().filter(|image| image.whole)
    }

    /// A container's or image's layers.
    pub(super) fn layers_of<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Layer> {
        places.iter().filter_map(|place| self.layers.get(*place))
    }

    /// What all containers together have written at most; `None` where one of them was not counted.
    #[must_use]
    pub(super) fn changes(&self) -> Option<Bytes> {
        let moved = self.containers.iter().filter(|c| c.fate != Fate::Rebuilt);
        let bytes = moved.map(|c| match c.changes {
            Changes::None => Some(0),
            Changes::AtMost(bytes) => Some(bytes.0),
            Changes::Unknown => None,
        });
        bytes.sum::<Option<u64>>().map(Bytes)
    }
}

/// What is in the pool of a Docker. `written` are the bytes that each thin device alone maps, by its id, where they
/// were counted in the pool's metadata.
#[must_use]
pub(super) fn inventory(
    pool: &Pool,
    docker: &Docker,
    owners: &Owners,
    written: Option<&BTreeMap<u32, Bytes>>,
) -> Inventory {
    let used: BTreeSet<u32> = owners
        .images
        .iter()
        .flat_map(|i| &i.devices)
        .chain(owners.containers.iter().flat_map(|c| &c.below))
        .copied()
        .collect();
    let is_used = |layer: &&Layer| layer.device.is_some_and(|device| used.contains(&device));
    let layers: Vec<Layer> = owners.layers.iter().filter(is_used).cloned().collect();
    let places: BTreeMap<u32, usize> =
        layers.iter().enumerate().filter_map(|(at, layer)| Some((layer.device?, at))).collect();
    let images: Vec<ImageItem> =
        owners.images.iter().filter(|i| !is_ours(i)).map(|image| item(image, &places)).collect();
    let refuses = refuses(pool);
    let place = |id: &str| images.iter().position(|i| i.id == id);
    let image_of = |c: &Container| place(&owners.images.get(c.image?)?.id);
    let containers: Vec<ContainerItem> =
        owners.containers.iter().map(|c| container(c, image_of(c), owners, written, refuses)).collect();
    Inventory {
        networks: containers.iter().flat_map(|c| c.networks.iter().cloned()).collect(),
        images,
        layers,
        containers,
        volumes: docker.volumes.clone(),
        gaps: owners.gaps.iter().map(|gap| format!("{}: {}", gap.about, gap.text)).collect(),
    }
}

/// Whether an earlier attempt of the script made it of a container.
fn is_ours(image: &Image) -> bool {
    !image.is_nameless() && image.tags.iter().all(|tag| tag.starts_with("thinspect-saved:"))
}

fn item(image: &Image, places: &BTreeMap<u32, usize>) -> ImageItem {
    ImageItem {
        id: image.id.clone(),
        tags: image.tags.clone(),
        digests: image.digests.clone(),
        layers: image.devices.iter().filter_map(|device| places.get(device)).copied().collect(),
        whole: image.whole,
    }
}

fn container(
    container: &Container,
    image: Option<usize>,
    owners: &Owners,
    written: Option<&BTreeMap<u32, Bytes>>,
    refuses: bool,
) -> ContainerItem {
    let own = container.devices.first().and_then(|device| written?.get(device)).copied();
    let changes = match (container.state, own) {
        (owners::State::Created, _) => Changes::None,
        (_, Some(bytes)) => Changes::AtMost(bytes),
        (_, None) => Changes::Unknown,
    };
    let has_image = container.image.and_then(|place| owners.images.get(place)).is_some_and(|i| i.whole);
    let fate = match changes {
        _ if container.auto_remove && !container.state.is_idle() => Fate::Rebuilt,
        Changes::None if has_image => Fate::Kept,
        _ if refuses || !has_image => Fate::Export,
        _ => Fate::Commit,
    };
    ContainerItem {
        id: container.id.clone(),
        name: container.name.clone(),
        state: container.state,
        image,
        changes,
        fate,
        volumes: container.volumes.clone(),
        networks: container.networks.clone(),
    }
}

/// Whether the pool refuses new layers, so that nothing can be committed. What is not known may work.
fn refuses(pool: &Pool) -> bool {
    let short = |half: Half| half.short().is_some_and(|short| short > 0);
    !matches!(state(pool), State::Works | State::Unknown)
        || short(Half::data(pool))
        || short(Half::metadata(pool))
}

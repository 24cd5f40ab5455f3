//! Inventory of the images and containers in a Docker pool, and how each one is preserved in a migration.
//!
//! Based on the recording alone. Only a container that never started is assumed to have written nothing; the size of
//! its changes is known only if the pool's metadata was counted.

use super::pool_facts::{SpaceFacts, State, state};
use crate::host::docker::Docker;
use crate::host::model::pool::Pool;
use crate::host::model::units::Bytes;
use crate::host::owners::{self, Container, Image, Layer, Owners};
use std::collections::{BTreeMap, BTreeSet};

/// Everything to migrate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Inventory {
    /// Images, including untagged ones.
    pub(super) images: Vec<ImageItem>,
    /// Layers used by images or containers, without duplicates.
    pub(super) layers: Vec<Layer>,
    /// Containers.
    pub(super) containers: Vec<ContainerItem>,
    /// Volumes: stored outside the pool and left untouched. `None` if they were not listed.
    pub(super) volumes: Option<Vec<String>>,
    /// Networks that containers are attached to; Docker stores them outside the pool.
    pub(super) networks: BTreeSet<String>,
    /// Docker records that could not be read, so the inventory may be incomplete.
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
    /// Its layers, as indexes into [`Inventory::layers`], top layer first.
    pub(super) layers: Vec<usize>,
    /// All its layers are present; Docker cannot save an incomplete image.
    pub(super) whole: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ContainerItem {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: Option<String>,
    /// Its state.
    pub(super) state: owners::State,
    /// Its image, as an index into [`Inventory::images`].
    pub(super) image: Option<usize>,
    /// Changes in its own layer.
    pub(super) changes: Changes,
    /// What happens to it.
    pub(super) fate: SaveMethod,
    /// Volumes mounted in it.
    pub(super) volumes: Vec<String>,
    /// Networks it is attached to.
    pub(super) networks: Vec<String>,
}

/// What a container has written into its own layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Changes {
    /// Nothing: it never started.
    None,
    /// An upper bound: bytes mapped by its device alone, including filesystem metadata.
    AtMost(Bytes),
    /// Not counted.
    #[default]
    Unknown,
}

/// How a container's changes are preserved. Its record stays in the data root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SaveMethod {
    /// Nothing to save: its layer holds no changes to the image.
    Kept,
    /// Saved as a layer on its image (`docker commit`).
    #[default]
    Commit,
    /// Saved as a whole filesystem (`docker export`), because the pool refuses new layers or the image is missing.
    Export,
    /// Deleted when it stops (`--rm`), so it has to be created again.
    Rebuilt,
}

impl Inventory {
    /// Images that are complete and can be saved.
    pub(super) fn whole_images(&self) -> impl Iterator<Item = &ImageItem> {
        self.images.iter().filter(|image| image.whole)
    }

    /// The layers at these indexes.
    pub(super) fn layers_of<'a>(&'a self, places: &'a [usize]) -> impl Iterator<Item = &'a Layer> {
        places.iter().filter_map(|place| self.layers.get(*place))
    }

    /// Upper bound for the changes of all containers; `None` if one of them was not counted.
    #[must_use]
    pub(super) fn changes(&self) -> Option<Bytes> {
        let moved = self.containers.iter().filter(|c| c.fate != SaveMethod::Rebuilt);
        let bytes = moved.map(|c| match c.changes {
            Changes::None => Some(0),
            Changes::AtMost(bytes) => Some(bytes.0),
            Changes::Unknown => None,
        });
        bytes.sum::<Option<u64>>().map(Bytes)
    }
}

/// Lists what is in a Docker pool. `written` maps thin device ids to the bytes that only this device maps; `None` if
/// the pool's metadata was not counted.
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

/// Whether an earlier run of the script committed this image from a container.
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
        _ if container.auto_remove && !container.state.is_idle() => SaveMethod::Rebuilt,
        Changes::None if has_image => SaveMethod::Kept,
        _ if refuses || !has_image => SaveMethod::Export,
        _ => SaveMethod::Commit,
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

/// Whether the pool refuses new layers, so that nothing can be committed. An unknown state counts as usable.
fn refuses(pool: &Pool) -> bool {
    let short = |half: SpaceFacts| half.short().is_some_and(|short| short > 0);
    !matches!(state(pool), State::Works | State::Unknown)
        || short(SpaceFacts::data(pool))
        || short(SpaceFacts::metadata(pool))
}

//! How a plan handles each image, container, volume and network.
//!
//! Presents the inventory; the decisions are made there.

use super::inventory::{Changes, ContainerItem, ImageItem, Inventory, SaveMethod};
use crate::host::owners::Owners;
use schemars::JsonSchema;
use serde::Serialize;

/// An object in or beside the pool, and how the plan handles it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Its name; for an untagged image, its id.
    pub name: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What happens to it.
    pub fate: Outcome,
    /// How, or why.
    pub how: String,
    /// Upper bound of its own share of the archives; `null` if unknown or none.
    pub bytes: Option<u64>,
}

/// Kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An image.
    Image,
    /// A container.
    Container,
    /// A volume.
    Volume,
    /// A network.
    Network,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Fate")]
pub enum Outcome {
    /// It stays where it is.
    Kept,
    /// It is saved and restored.
    Saved,
    /// It has to be created again.
    Rebuilt,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Container => "container",
            Self::Volume => "volume",
            Self::Network => "network",
        }
    }
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Saved => "saved",
            Self::Rebuilt => "rebuilt",
        }
    }
}

/// Items for everything in an inventory.
pub(super) fn items(inventory: &Inventory) -> Vec<Item> {
    let mut items: Vec<Item> = inventory.images.iter().map(image).collect();
    items.extend(inventory.containers.iter().map(container));
    let beside = |kind, name: &String, how: &str| Item {
        kind,
        name: name.clone(),
        id: None,
        fate: Outcome::Kept,
        how: how.to_owned(),
        bytes: None,
    };
    let volumes = inventory.volumes.iter().flatten();
    items.extend(volumes.map(|name| beside(Kind::Volume, name, "it lies beside the pool")));
    let networks = inventory.networks.iter();
    items.extend(networks.map(|name| beside(Kind::Network, name, "Docker keeps it outside the pool")));
    items
}

/// Explanation for objects in a pool that is copied as a whole.
const COMES_ALONG: &str = "it comes along with the pool, as it is";

/// Items of a block-by-block copy: everything is kept except `--rm` containers, which vanish when they stop.
pub(super) fn carried(inventory: &Inventory) -> Vec<Item> {
    let comes = |mut item: Item| {
        let inside = matches!(item.kind, Kind::Image | Kind::Container);
        if inside && (item.fate != Outcome::Rebuilt || item.kind == Kind::Image) {
            (item.fate, item.bytes) = (Outcome::Kept, None);
            item.how = COMES_ALONG.to_owned();
        }
        item
    };
    items(inventory).into_iter().map(comes).collect()
}

/// Items for containerd images and containers in a block-by-block copy; names are prefixed with the namespace.
pub(super) fn of_containerd(owners: &Owners) -> Vec<Item> {
    let comes = |kind, namespace: Option<&String>, name: &str, id: &str| Item {
        kind,
        name: namespace.map_or_else(|| name.to_owned(), |space| format!("{space}/{name}")),
        id: Some(id.to_owned()),
        fate: Outcome::Kept,
        how: COMES_ALONG.to_owned(),
        bytes: None,
    };
    let images = owners.images.iter().map(|image| {
        let name = if image.tags.is_empty() { image.id.clone() } else { image.tags.join(" ") };
        comes(Kind::Image, image.namespace.as_ref(), &name, &image.id)
    });
    let containers =
        owners.containers.iter().map(|c| comes(Kind::Container, c.namespace.as_ref(), &c.id, &c.id));
    images.chain(containers).collect()
}

fn image(image: &ImageItem) -> Item {
    let names: Vec<&str> = image.tags.iter().chain(&image.digests).map(String::as_str).collect();
    let name = if names.is_empty() { image.id.clone() } else { names.join(" ") };
    let (fate, how) = match image.whole {
        true => (Outcome::Saved, "docker save, with what shares its layers"),
        false => (Outcome::Rebuilt, "a layer of it is missing: pull or build it again"),
    };
    Item { kind: Kind::Image, name, id: Some(image.id.clone()), fate, how: how.to_owned(), bytes: None }
}

fn container(container: &ContainerItem) -> Item {
    let state = container.state.word();
    let (fate, how) = match container.fate {
        SaveMethod::Kept => {
            (Outcome::Kept, format!("{state}: it never started, so its image holds all of it"))
        }
        SaveMethod::Commit => (Outcome::Saved, format!("{state}: what it wrote, by docker commit")),
        SaveMethod::Export => (Outcome::Saved, format!("{state}: all its files, by docker export")),
        SaveMethod::Rebuilt => (Outcome::Rebuilt, format!("{state}: --rm takes it away when it stops")),
    };
    let bytes = match container.changes {
        Changes::AtMost(bytes) => Some(bytes.0),
        Changes::None | Changes::Unknown => None,
    };
    let name = container.name.clone().unwrap_or_else(|| container.id.clone());
    Item { kind: Kind::Container, name, id: Some(container.id.clone()), fate, how, bytes }
}

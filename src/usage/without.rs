//! Counts the blocks that return if a chosen set of containers and images is removed together.
//! A name that matches nothing, or more than one container or image, is an error.

use super::{Reclaim, Removal};
use crate::host::model::units::DataBlocks;
use crate::host::owners::{Container, Image, Owners};
use std::collections::BTreeSet;

/// The result of removing a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// The names as given.
    pub names: Vec<String>,
    /// Blocks that return once the whole set is removed, including those shared only within it; `None` if not counted.
    pub reclaimable: Option<DataBlocks>,
    /// Names that the engine would refuse to remove, with the reason; their blocks are not counted.
    pub refused: Vec<String>,
}

enum Thing {
    Container(usize),
    Image(usize),
}

/// Counts the blocks that return if the named containers and images are removed. `names` are names or ids, or at least
/// the first [`DIGITS`] digits of an id.
///
/// # Errors
/// A sentence with the first name that matches nothing or several things.
pub fn without(
    names: &[String],
    owners: &Owners,
    in_pool: &BTreeSet<u32>,
    reclaim: &dyn Reclaim,
) -> Result<Without, String> {
    let things = names.iter().map(|name| find(owners, name)).collect::<Result<Vec<Thing>, String>>()?;
    let mut removal = Removal::new(owners);
    let mut gone = Vec::new();
    let mut images = Vec::new();
    for (thing, name) in things.iter().zip(names) {
        match *thing {
            Thing::Container(place) => gone.extend(removal.container(place)),
            Thing::Image(place) => images.push((place, name)),
        }
    }
    // An image can be removed only after the images built on it.
    while let Some(at) = images.iter().position(|(place, _)| removal.removable(*place)) {
        let (place, _) = images.remove(at);
        gone.extend(removal.image(place).unwrap_or_default());
    }
    let refused = images.into_iter().filter(|(place, _)| !removal.is_gone(*place));
    let refused = refused.map(|(place, name)| why_not(owners, &removal, place, name)).collect();
    gone.retain(|id| in_pool.contains(id));
    gone.sort_unstable();
    gone.dedup();
    Ok(Without { names: names.to_vec(), reclaimable: reclaim.alone(&gone).map(DataBlocks), refused })
}

fn why_not(owners: &Owners, removal: &Removal<'_>, place: usize, name: &str) -> String {
    let remains = |(at, _): &(usize, &Container)| !removal.has_lost(*at);
    match owners.containers_of(place).find(remains) {
        Some((_, container)) => {
            format!("{name}: the container {} stands on it", container.name.as_ref().unwrap_or(&container.id))
        }
        None => format!("{name}: another image was built on it"),
    }
}

/// The one container or image that a name or id matches.
fn find(owners: &Owners, name: &str) -> Result<Thing, String> {
    let containers = owners.containers.iter().enumerate().filter(|(_, c)| is_container(c, name));
    let images = owners.images.iter().enumerate().filter(|(_, i)| is_image(i, name));
    let mut found = containers
        .map(|(place, _)| Thing::Container(place))
        .chain(images.map(|(place, _)| Thing::Image(place)));
    match (found.next(), found.next()) {
        (Some(thing), None) => Ok(thing),
        (None, _) => Err(format!("no container or image is called {name}")),
        (Some(_), Some(_)) => Err(format!("{name} stands for several things: give more of an id")),
    }
}

/// Fewest digits of a shortened id.
const DIGITS: usize = 4;

fn is_id(id: &str, name: &str) -> bool {
    let (id, name) = (id.strip_prefix("sha256:").unwrap_or(id), name.strip_prefix("sha256:").unwrap_or(name));
    id == name || name.len() >= DIGITS && id.starts_with(name) && name.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_container(container: &Container, name: &str) -> bool {
    container.name.as_deref() == Some(name) || is_id(&container.id, name)
}

/// Whether a name or id matches an image. As in Docker, a name without a tag means `latest`.
fn is_image(image: &Image, name: &str) -> bool {
    let tagged = format!("{name}:latest");
    image.tags.iter().chain(&image.digests).any(|tag| tag == name || *tag == tagged) || is_id(&image.id, name)
}

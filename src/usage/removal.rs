//! Simulates what an engine deletes when a container, an image or the build cache is removed: its own devices, and the
//! layers that nothing else needs any more.
//! An image that containers or other images use is not removed, because the engine would refuse.

use crate::host::owners::{Image, Owners, PinnedBy};
use std::collections::{HashMap, HashSet};

/// The images and containers that remain after some were removed.
#[derive(Clone)]
pub struct Removal<'a> {
    owners: &'a Owners,
    /// By layer device: the number of images, containers and other records that use it.
    holders: HashMap<u32, u32>,
    /// The build cache was not removed yet.
    cached: bool,
    images: HashSet<usize>,
    containers: HashSet<usize>,
}

impl<'a> Removal<'a> {
    /// Starts with nothing removed.
    #[must_use]
    pub fn new(owners: &'a Owners) -> Self {
        let mut holders: HashMap<u32, u32> = HashMap::new();
        let by_images = owners.images.iter().flat_map(|image| &image.devices);
        let by_containers = owners.containers.iter().flat_map(|container| &container.below);
        let by_others = owners.kept.iter().flat_map(|kept| &kept.devices);
        for id in by_images.chain(by_containers).chain(by_others) {
            *holders.entry(*id).or_default() += 1;
        }
        Self { owners, holders, cached: true, images: HashSet::new(), containers: HashSet::new() }
    }

    /// Removes Docker's build cache. Returns the devices that are deleted with it.
    pub fn build_cache(&mut self) -> Vec<u32> {
        let mut gone = Vec::new();
        if std::mem::take(&mut self.cached) {
            let owners = self.owners;
            for kept in owners.kept.iter().filter(|kept| kept.by == PinnedBy::BuildCache) {
                gone.extend(self.release(&kept.devices));
            }
        }
        gone
    }

    /// Removes a container. Returns the devices that are deleted with it, including layers that only it still used.
    pub fn container(&mut self, place: usize) -> Vec<u32> {
        let Some(container) = self.owners.containers.get(place) else { return Vec::new() };
        if !self.containers.insert(place) {
            return Vec::new();
        }
        let mut gone = container.devices.clone();
        gone.extend(self.release(&container.below));
        gone
    }

    /// Removes an image with all its names. Returns the devices that are deleted with it, including those of nameless
    /// parent images that nothing else needs (moby daemon/images/image_delete.go, `imageDeleteHelper`). `None` if the
    /// engine would refuse.
    pub fn image(&mut self, place: usize) -> Option<Vec<u32>> {
        if !self.removable(place) {
            return None;
        }
        let mut gone = Vec::new();
        let mut next = Some(place);
        while let Some((place, image)) = next.and_then(|at| Some((at, self.owners.images.get(at)?))) {
            self.images.insert(place);
            gone.extend(self.release(&image.devices));
            next = image.parent.filter(|parent| self.nameless(*parent) && self.removable(*parent));
        }
        Some(gone)
    }

    /// Whether an image was removed.
    #[must_use]
    pub fn is_gone(&self, image: usize) -> bool {
        self.images.contains(&image)
    }

    /// Whether a container was removed.
    #[must_use]
    pub fn has_lost(&self, container: usize) -> bool {
        self.containers.contains(&container)
    }

    /// Whether an image still exists and no container or other image uses it.
    #[must_use]
    pub fn removable(&self, place: usize) -> bool {
        let child = |(at, image): (usize, &Image)| image.parent == Some(place) && !self.images.contains(&at);
        place < self.owners.images.len()
            && !self.images.contains(&place)
            && self.owners.containers_of(place).all(|(at, _)| self.containers.contains(&at))
            && !self.owners.images.iter().enumerate().any(child)
    }

    fn nameless(&self, place: usize) -> bool {
        self.owners.images.get(place).is_some_and(Image::is_nameless)
    }

    fn release(&mut self, devices: &[u32]) -> Vec<u32> {
        let mut free = Vec::new();
        for id in devices {
            let Some(holders) = self.holders.get_mut(id) else { continue };
            *holders = holders.saturating_sub(1);
            if *holders == 0 {
                self.holders.remove(id);
                free.push(*id);
            }
        }
        free
    }
}

//! Owners of thin devices: Docker's layers, images and containers, containerd's snapshots, LVM's volumes.
//! A device without a record has no owner; missing records are reported as gaps.
//!
//! [`read`] fills the types of [`super::model::owners`] for one pool, from the records of [`crate::record::owners`].

mod containerd;
mod docker;
pub(super) mod json_lines;
pub mod pool_metadata;
pub mod reconcile;

use super::Host;
use super::lvm::split_name;
use super::model::pool::{self, Pool};
use crate::record::Recording;
use std::collections::HashMap;

pub use super::model::owners::{
    Container, DeviceRole, Image, Layer, Owners, Part, Pin, PinnedBy, RecordKeeper, State, Unmatched,
};

/// By device id: the images that the device is a layer of.
fn images_by_device(images: &[Image]) -> HashMap<u32, Vec<usize>> {
    let mut by_device: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, image) in images.iter().enumerate() {
        for id in &image.devices {
            by_device.entry(*id).or_default().push(at);
        }
    }
    by_device
}

/// The owners of a pool's thin devices.
#[must_use]
pub fn read(recording: &Recording, host: &Host, pool: &Pool) -> Owners {
    let database = containerd::database(recording, pool);
    // Only the Docker that certainly uses this pool, because device ids of another would name the wrong devices.
    let docker = match &pool.owner {
        pool::PoolOwner::Docker { root: Some(root) } => {
            host.docker_roots.iter().find(|d| d.root.as_ref() == Some(root))
        }
        _ => None,
    };
    let mut owners = match (docker, database) {
        (Some(docker), _) => docker::read(recording, docker),
        (None, Some(database)) => containerd::read(recording, pool, database),
        (None, None) => Owners::default(),
    };
    for thin in host.thins_of(pool) {
        let Some(id) = thin.device_id else { continue };
        if thin.open_count.is_none_or(|count| count > 0) {
            owners.in_use.insert(id);
        }
        if owners.of(id).is_empty() {
            owners.add(id, role_by_name(&thin.name, pool));
        }
    }
    for volume in host.lvm.thin_devices.iter().filter(|volume| pool.lv.as_ref() == Some(&volume.pool)) {
        if owners.of(volume.device_id).is_empty() {
            owners.add(volume.device_id, DeviceRole::Volume(volume.name.clone()));
        }
    }
    owners
}

/// The role of an active device by its name alone.
fn role_by_name(name: &str, pool: &Pool) -> DeviceRole {
    let volume = if pool.lv.is_some() { split_name(name) } else { None };
    // Names of Stratis filesystems (stratisd src/engine/strat_engine/names.rs, `format_thin_ids`).
    let stratis = name.strip_prefix("stratis-1-").and_then(|rest| rest.split_once("-thin-fs-"));
    match (volume, stratis) {
        (Some((volume, None)), _) => DeviceRole::Volume(volume),
        (_, Some((pool, filesystem))) => {
            DeviceRole::StratisFilesystem { pool: pool.to_owned(), filesystem: filesystem.to_owned() }
        }
        _ => DeviceRole::Active(name.to_owned()),
    }
}

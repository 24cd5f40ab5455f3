//! Who thin devices belong to: Docker's layers, images and containers, containerd's snapshots, LVM's volumes.
//! A device that no record names has no owner; where records are missing, that is said.
//!
//! [`read`] fills the types of [`super::model::owners`] for one pool. The records are those of [`crate::record::owners`].

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

/// The images whose layers a device holds.
fn images_by_device(images: &[Image]) -> HashMap<u32, Vec<usize>> {
    let mut of_device: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, image) in images.iter().enumerate() {
        for id in &image.devices {
            of_device.entry(*id).or_default().push(at);
        }
    }
    of_device
}

/// Who the thin devices of a pool belong to.
#[must_use]
pub fn read(recording: &Recording, host: &Host, pool: &Pool) -> Owners {
    let database = containerd::database(recording, pool);
    // Only the Docker that certainly uses this pool: another's device ids would name the wrong devices.
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
            owners.add(id, named(&thin.name, pool));
        }
    }
    for volume in host.lvm.thin_devices.iter().filter(|volume| pool.lv.as_ref() == Some(&volume.pool)) {
        if owners.of(volume.device_id).is_empty() {
            owners.add(volume.device_id, DeviceRole::Volume(volume.name.clone()));
        }
    }
    owners
}

/// What an active device is by its name alone.
fn named(name: &str, pool: &Pool) -> DeviceRole {
    let volume = pool.lv.as_ref().and_then(|_| split_name(name));
    // stratisd's name of a filesystem's device (stratisd src/engine/strat_engine/names.rs, `format_thin_ids`).
    let stratis = name.strip_prefix("stratis-1-").and_then(|rest| rest.split_once("-thin-fs-"));
    match (volume, stratis) {
        (Some((volume, None)), _) => DeviceRole::Volume(volume),
        (_, Some((pool, filesystem))) => {
            DeviceRole::StratisFilesystem { pool: pool.to_owned(), filesystem: filesystem.to_owned() }
        }
        _ => DeviceRole::Active(name.to_owned()),
    }
}

//! Counts a pool's thin devices against its owner's records: who is there without a record, who is recorded and not
//! there.
//! A change in progress is not a disagreement, and the records of another pool do not count.
//!
//! **Why it may be sure while Docker works on.** Docker makes one change at a time and counts the pool's transaction up
//! with each (moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `openTransaction`, `closeTransaction`): it notes
//! the next number with the device's id, makes the device, writes its record, sets the number; deleting, it deletes the
//! device before the record. The pool's status is asked first, then the records, then that note, then the metadata. So
//! - a device made before the status' number had its record by then, and one that has none now, while it is there after
//!   the records were read, never gets one: it is leaked, whatever happens meanwhile;
//! - a record without a device is one where the number is the same before and after; the device that the note names is
//!   left out.
//!
//! containerd counts nothing, so a device made or deleted while it was asked may look the same: nothing is certain.

use super::{DeviceRole, RecordKeeper};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::model::pool::Pool;
use crate::host::model::pool_metadata::PoolMetadata;
use crate::host::model::units::DataBlocks;
use std::collections::BTreeSet;

/// What the count showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciliation {
    /// Devices that no record names, and blocks that each maps, shared ones included.
    pub leaked: Vec<(u32, Option<DataBlocks>)>,
    /// Recorded devices that the pool does not have, with the names of their records.
    pub missing: Vec<(u32, String)>,
    /// How many devices are recorded.
    pub recorded: usize,
    /// Whether the records are certainly of this pool: all of them were read, nobody else's can be meant, and Docker's
    /// base device is there.
    pub same_pool: bool,
    /// Whether records and pool are of one time, too: their transactions agree.
    pub in_step: bool,
}

/// Counts one pool. `None` where its metadata was not read whole, or nobody's records of its devices are known.
#[must_use]
pub fn reconcile(host: &Host, pool: &Pool) -> Option<Reconciliation> {
    let contents = pool.metadata_contents.as_ref().filter(|i| i.complete)?;
    let docker = match pool.owners.keeper {
        RecordKeeper::Nobody => return None,
        RecordKeeper::Containerd { .. } => None,
        RecordKeeper::Docker { .. } => Some(host.docker_of(pool)?),
    };
    let ids: BTreeSet<u32> = contents.devices.keys().copied().collect();
    let unmatched = pool.owners.unmatched(&ids)?;
    let (before, after) = (pool.transaction_id, contents.transaction_id);
    let pending = docker.and_then(|d| d.open_device.filter(|_| d.open_transaction > after));
    let made = |id: &u32| contents.devices.get(id).and_then(|d| d.transaction_id);
    let old = |id: &u32| docker.is_none() || made(id).zip(before).is_some_and(|(made, now)| made < now);
    let settled = |id: &&u32| Some(**id) != pending;
    let leaked = unmatched.without_record.iter().filter(settled).filter(|id| old(id));
    let mapped = |id: &u32| contents.devices.get(id).and_then(|d| d.mapped);
    let missing = unmatched.without_device.iter().filter(settled).filter(|_| before == after);
    Some(Reconciliation {
        leaked: leaked.map(|id| (*id, mapped(id))).collect(),
        missing: missing.map(|id| (*id, record(pool, *id))).collect(),
        recorded: pool.owners.by_device.values().flatten().filter(|o| o.is_recorded()).count(),
        same_pool: unmatched.certain && docker.is_some_and(|d| is_of(host, contents, d)),
        in_step: docker.is_some_and(|d| ahead(pool, d).is_some_and(|n| n < 2)),
    })
}

/// Whether a Docker's records are certainly of this pool: no other Docker's can be meant, and the base device is there.
fn is_of(host: &Host, contents: &PoolMetadata, docker: &Docker) -> bool {
    let claims = host.docker_roots.iter().filter(|d| !d.devices.is_empty()).count();
    let base = docker.devices.iter().find(|r| r.hash.is_empty());
    claims == 1 && base.is_some_and(|r| contents.devices.contains_key(&r.device_id))
}

/// By how much Docker's records are ahead of the pool's transaction: 0 when idle, 1 while a change is under way or was
/// interrupted. `None` where they are behind, or the pool's is not known.
#[must_use]
pub fn ahead(pool: &Pool, docker: &Docker) -> Option<u64> {
    let reached = pool.transaction_id?;
    let newest = docker.devices.iter().map(|r| r.transaction_id).max().unwrap_or_default();
    match docker.open_transaction {
        Some(opened) => opened.max(newest).checked_sub(reached),
        None => Some(newest.saturating_sub(reached)),
    }
}

/// The name of the record of a device.
fn record(pool: &Pool, id: u32) -> String {
    let name = |owner: &DeviceRole| match owner {
        DeviceRole::Base => Some("base".to_owned()),
        DeviceRole::Container { container, .. } => {
            let container = pool.owners.containers.get(*container)?;
            Some(format!("container {}", container.name.as_deref().unwrap_or(&container.id)))
        }
        DeviceRole::Layer { chain: name, .. } | DeviceRole::Snapshot { key: name } => Some(name.clone()),
        DeviceRole::Deleted { record }
        | DeviceRole::Faulty { record }
        | DeviceRole::Orphan { record }
        | DeviceRole::BuildStep { record } => Some(record.clone()),
        DeviceRole::Volume(_) | DeviceRole::StratisFilesystem { .. } | DeviceRole::Active(_) => None,
    };
    pool.owners.of(id).iter().find_map(name).unwrap_or_default()
}

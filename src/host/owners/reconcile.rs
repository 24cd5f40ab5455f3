//! Compares a pool's thin devices with its owner's records: devices without a record, and records without a device.
//! Never reports a change in progress, nor a difference to the records of another pool.
//!
//! **Why this is reliable while Docker runs.** Docker makes one change at a time and increments the pool's transaction
//! id with each (moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `openTransaction`, `closeTransaction`). To
//! create a device, it saves the next transaction id and the device's id in a file, creates the device, writes its
//! record, and sets the pool's transaction id. To delete one, it deletes the device before the record. The recording
//! has the pool's status first, then the records, then that file, then the metadata. Therefore:
//! - A device of a transaction before that of the status had its record by then. If it has none, and still exists after
//!   the records were read, it never gets one: it is leaked.
//! - A record without a device is reported only if the transaction id is the same before and after. The device in the
//!   file is left out.
//!
//! containerd has no such counter. A device that was created or deleted during recording looks the same, so nothing is
//! certain there.

use super::{DeviceRole, RecordKeeper};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::model::pool::Pool;
use crate::host::model::pool_metadata::PoolMetadata;
use crate::host::model::units::DataBlocks;
use std::collections::BTreeSet;

/// The differences between records and pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciliation {
    /// Devices without a record, and the blocks that each maps, including shared ones.
    pub leaked: Vec<(u32, Option<DataBlocks>)>,
    /// Recorded devices that are not in the pool, with the names of their records.
    pub missing: Vec<(u32, String)>,
    /// Number of recorded devices.
    pub recorded: usize,
    /// Whether the records certainly belong to this pool: all were read, no other Docker has device records, and
    /// Docker's base device is in the pool.
    pub same_pool: bool,
    /// Whether records and pool are from the same time: their transaction ids agree.
    pub in_step: bool,
}

/// Compares one pool. `None` if its metadata was not read completely, or no engine's records were read.
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
    let in_progress = docker.and_then(|d| if d.open_transaction > after { d.open_device } else { None });
    let mut leaked = Vec::new();
    for id in unmatched.without_record {
        let details = contents.devices.get(&id).copied().unwrap_or_default();
        // containerd has no transaction ids to compare.
        let is_older = match (details.transaction_id, before) {
            _ if docker.is_none() => true,
            (Some(created), Some(before)) => created < before,
            _ => false,
        };
        if is_older && Some(id) != in_progress {
            leaked.push((id, details.mapped));
        }
    }
    let mut missing = Vec::new();
    if before == after {
        for id in unmatched.without_device {
            if Some(id) != in_progress {
                missing.push((id, record_name(pool, id)));
            }
        }
    }
    Some(Reconciliation {
        leaked,
        missing,
        recorded: pool.owners.by_device.values().flatten().filter(|o| o.is_recorded()).count(),
        same_pool: unmatched.certain && docker.is_some_and(|d| are_of_pool(host, contents, d)),
        in_step: docker.is_some_and(|d| ahead(pool, d).is_some_and(|n| n < 2)),
    })
}

/// Whether a Docker's records certainly belong to this pool: no other Docker has device records, and the base device is
/// in the pool.
fn are_of_pool(host: &Host, contents: &PoolMetadata, docker: &Docker) -> bool {
    let with_records = host.docker_roots.iter().filter(|d| !d.devices.is_empty()).count();
    let base = docker.devices.iter().find(|r| r.hash.is_empty());
    with_records == 1 && base.is_some_and(|r| contents.devices.contains_key(&r.device_id))
}

/// Number of transactions that Docker's records are ahead of the pool: 0 when idle, 1 while a change is in progress or
/// was interrupted. `None` if they are behind, or the pool's transaction id is unknown.
#[must_use]
pub fn ahead(pool: &Pool, docker: &Docker) -> Option<u64> {
    let current = pool.transaction_id?;
    let newest = docker.devices.iter().map(|r| r.transaction_id).max().unwrap_or_default();
    match docker.open_transaction {
        Some(opened) => opened.max(newest).checked_sub(current),
        None => Some(newest.saturating_sub(current)),
    }
}

/// The name of a device's record, for people.
fn record_name(pool: &Pool, id: u32) -> String {
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

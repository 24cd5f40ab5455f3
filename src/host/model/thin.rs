//! An active thin device: a container's or snapshot's disk.
//!
//! Only types. Devices that are not active (most image layers) have no status and are not here.

use super::backing::Filesystem;
use super::units::{Bytes, Sectors};
use crate::host::dm::status::ThinStatus;
use crate::host::dm::table::DeviceNumber;

/// One active thin device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thin {
    /// Its device-mapper name.
    pub name: String,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// The pool it lives in.
    pub pool: Option<DeviceNumber>,
    /// Its id in the pool.
    pub device_id: Option<u32>,
    /// Its virtual size.
    pub length: Option<Sectors>,
    /// What its status line said, if it answered.
    pub status: Option<ThinStatus>,
    /// The filesystem on it, where mounted and asked.
    pub filesystem: Option<Filesystem>,
    /// Whether it goes when its last user closes it.
    pub deferred_remove: bool,
    /// How many hold it open.
    pub open_count: Option<u64>,
    /// Whether it is suspended.
    pub suspended: Option<bool>,
}

impl Thin {
    /// Bytes mapped, shared ones included.
    #[must_use]
    pub const fn mapped(&self) -> Option<Bytes> {
        match &self.status {
            Some(ThinStatus::Mapped { mapped, .. }) => Some(mapped.bytes()),
            _ => None,
        }
    }
}

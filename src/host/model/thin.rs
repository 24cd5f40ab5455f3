//! An active thin device, such as a container's filesystem.
//!
//! Types only. Inactive devices (most image layers) have no status and are not included.

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
    /// Device number of its pool.
    pub pool: Option<DeviceNumber>,
    /// Its id in the pool.
    pub device_id: Option<u32>,
    /// Its virtual size.
    pub length: Option<Sectors>,
    /// Its status line.
    pub status: Option<ThinStatus>,
    /// The filesystem on it, if it is mounted and its space was recorded.
    pub filesystem: Option<Filesystem>,
    /// Whether it is removed when its last user closes it.
    pub deferred_remove: bool,
    /// Number of times it is open.
    pub open_count: Option<u64>,
    /// Whether it is suspended.
    pub suspended: Option<bool>,
}

impl Thin {
    /// Mapped bytes, including shared ones.
    #[must_use]
    pub const fn mapped(&self) -> Option<Bytes> {
        match &self.status {
            Some(ThinStatus::Mapped { mapped, .. }) => Some(mapped.bytes()),
            _ => None,
        }
    }
}

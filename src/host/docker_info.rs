//! The devicemapper part of `docker info`, of every release from 0.7 to 24.
//!
//! Reading never fails and keeps what Docker printed beside what it means; it does not repair Docker's rounding
//! (four significant digits), it says that there is some.

use super::units::Bytes;

/// A `docker info` report, as far as it could be read. All sizes are rounded by Docker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerInfo {
    /// `Storage Driver:` or, to 0.8, `Driver:`.
    pub driver: Option<String>,
    /// `Server Version:`, printed since 1.9.
    pub server_version: Option<String>,
    /// `Kernel Version:`.
    pub kernel_version: Option<String>,
    /// `Docker Root Dir:`.
    pub root: Option<String>,
    /// `Pool Name:`.
    pub pool_name: Option<String>,
    /// `Pool Blocksize:`, snapped to the multiple of 64 KiB that it rounds; 64 KiB where releases before 1.2 say nothing.
    pub block: Option<Bytes>,
    /// `Base Device Size:`, since 1.9.
    pub base_size: Option<Bytes>,
    /// `Backing Filesystem:`; before 1.9.1 that of the host, since then that of the base device.
    pub backing_filesystem: Option<String>,
    /// `Data file:`: a loop file to 1.4, a device from 1.5; `Some("")` where the line is there and blank.
    pub data_file: Option<String>,
    /// `Metadata file:`.
    pub metadata_file: Option<String>,
    /// `Data loop file:`, since 1.5.
    pub data_loop_file: Option<String>,
    /// `Metadata loop file:`.
    pub metadata_loop_file: Option<String>,
    /// `Data Space Used:`.
    pub data_used: Option<Bytes>,
    /// `Data Space Total:`.
    pub data_total: Option<Bytes>,
    /// `Data Space Available:`: on loop files at most what the host filesystem has free.
    pub data_available: Option<Bytes>,
    /// `Metadata Space Used:`.
    pub metadata_used: Option<Bytes>,
    /// `Metadata Space Total:`.
    pub metadata_total: Option<Bytes>,
    /// `Metadata Space Available:`.
    pub metadata_available: Option<Bytes>,
    /// `Thin Pool Minimum Free Space:`, since 1.12.
    pub minimum_free: Option<Bytes>,
    /// `Udev Sync Supported:`.
    pub udev_sync: Option<bool>,
    /// `Deferred Removal Enabled:`.
    pub deferred_removal: Option<bool>,
    /// `Deferred Deletion Enabled:`.
    pub deferred_deletion: Option<bool>,
    /// `Deferred Deleted Device Count:`.
    pub deferred_deleted: Option<u64>,
    /// `Library Version:`.
    pub library_version: Option<String>,
    /// `Containers:`.
    pub containers: Option<u64>,
    /// Of them `Running:`, since 1.10.
    pub running: Option<u64>,
    /// Of them `Stopped:`.
    pub stopped: Option<u64>,
    /// `Images:`.
    pub images: Option<u64>,
    /// Sizes are printed in MiB named `Mb` (to 1.2).
    pub binary_units: bool,
    /// All of the space lines are zero: Docker could not read the pool's status.
    pub all_zero: bool,
    /// Lines of the report as they came, for quoting.
    pub lines: Vec<String>,
}
/// x
pub fn read(_t: &str) -> DockerInfo {
    DockerInfo::default()
}
/// x
pub fn rounded_blocks(bytes: Bytes, block: Bytes) -> u64 {
    bytes.0 / block.0
}
/// x
pub fn backings(_i: &DockerInfo, _d: &mut super::backing::Backing, _m: &mut super::backing::Backing) {}
/// x
pub fn blocks(bytes: Bytes, block: Bytes) -> Option<u64> {
    Some(bytes.0 / block.0)
}
impl DockerInfo {
    /// x
    pub fn on_loop(&self) -> bool {
        false
    }
}

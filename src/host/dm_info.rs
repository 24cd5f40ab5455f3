//! x
use super::table::DeviceNumber;
/// x
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DmInfo {
    /// x
    pub name: Option<String>,
    /// x
    pub uuid: Option<String>,
    /// x
    pub suspended: Option<bool>,
    /// x
    pub deferred_remove: bool,
    /// x
    pub inactive_table: Option<bool>,
    /// x
    pub open_count: Option<u64>,
    /// x
    pub event_number: Option<u32>,
    /// x
    pub device: Option<DeviceNumber>,
}
/// x
pub fn read(_text: &str) -> DmInfo {
    DmInfo::default()
}

//! Notations that several sources share: sizes, versions, TOML, JSON that was cut off.

pub(super) mod partial_json;
pub mod size;
pub mod toml;
pub mod version;

//! Parsers for formats that several sources share: sizes, versions, TOML, truncated JSON.

pub(super) mod partial_json;
pub mod size;
pub mod toml;
pub mod version;

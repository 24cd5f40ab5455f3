//! Device-mapper's own lines: status, table and info.

pub mod info;
pub mod status;
pub mod table;

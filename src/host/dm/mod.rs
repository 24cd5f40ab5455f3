//! Parsers of device-mapper's status, table and info lines.

pub mod info;
pub mod status;
pub mod table;

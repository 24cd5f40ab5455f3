//! The data model of a host: pools, thin devices, the devices under them, owners, and units.

pub mod amounts;
pub mod backing;
pub(super) mod headroom;
pub mod note;
pub mod owners;
pub mod pool;
pub mod pool_metadata;
pub mod space;
pub mod text;
pub mod thin;
pub mod units;

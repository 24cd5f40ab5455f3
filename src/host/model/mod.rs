//! What a host consists of: pools, thin devices, what carries them, and the units they are counted in.

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

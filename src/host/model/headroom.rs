//! What a pool can really still take: what it has free itself, and what the filesystem under its loop file can give.
//!
//! Sums of facts only; a missing fact makes a missing sum.

use super::backing::Backing;
use super::pool::Pool;
use super::units::Bytes;

/// Room for data, from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headroom {
    /// Free data blocks, in bytes.
    pub pool: Option<Bytes>,
    /// What the filesystem under the data's loop file can still give it; `None` where no loop file is.
    pub filesystem: Option<Bytes>,
    /// The smaller of the two: what can really be written.
    pub effective: Option<Bytes>,
}

impl Pool {
    /// Room for new data. Where the loop file's filesystem is known to be the smaller, the pool's own number is a
    /// promise that cannot be kept.
    #[must_use]
    pub fn headroom(&self) -> Headroom {
        let pool = self
            .data
            .free_in_bytes()
            .or_else(|| Some(Bytes(self.data.free()?.0.saturating_mul(self.block?.0))));
        let filesystem = file_room(&self.data_backing, self.data.used_in_bytes());
        let on_loop = self.data_backing.is_loop();
        let effective = match (pool, filesystem) {
            (Some(pool), Some(filesystem)) => Some(pool.min(filesystem)),
            (pool, None) if !on_loop => pool,
            _ => None,
        };
        Headroom { pool, filesystem, effective }
    }
}

/// Free space of the filesystem, and the part of the file that is allocated already but free in the pool: writing
/// there takes nothing more.
fn file_room(backing: &Backing, used: Option<Bytes>) -> Option<Bytes> {
    let free = backing.filesystem.as_ref()?.free?;
    let spare = backing.file.as_ref().and_then(|f| Some(f.allocated?.minus(used?))).unwrap_or_default();
    Some(free.plus(spare))
}

//! Space that can really be written to a pool: limited by its free blocks and by the filesystem of its loop file.
//!
//! If a fact is missing, so is the result.

use super::backing::Backing;
use super::pool::Pool;
use super::units::Bytes;

/// Space for new data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headroom {
    /// Free data blocks, in bytes.
    pub pool: Option<Bytes>,
    /// What the data's loop file can still store in its filesystem; `None` without a loop file.
    pub filesystem: Option<Bytes>,
    /// The smaller of the two: what can really be written.
    pub effective: Option<Bytes>,
}

impl Pool {
    /// Space for new data. If the loop file's filesystem has less space than the pool, writes fail before the pool is
    /// full.
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

/// Free space of the filesystem, plus the part of the file that is allocated but free in the pool, because writing
/// there allocates nothing.
fn file_room(backing: &Backing, used: Option<Bytes>) -> Option<Bytes> {
    let free = backing.filesystem.as_ref()?.free?;
    let spare = backing.file.as_ref().and_then(|f| Some(f.allocated?.minus(used?))).unwrap_or_default();
    Some(free.plus(spare))
}

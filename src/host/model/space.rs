//! How much of a pool's data or metadata is used: exact blocks from the kernel, or rounded bytes from a report.
//!
//! A number that nobody said is `None`, never zero, and a rounded one says so.

use super::units::permille;
use super::units::{Blocks, Bytes};

/// Used and total space in blocks of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space<B> {
    /// Bytes in a block, if known.
    pub block: Option<Bytes>,
    /// Blocks in use.
    pub used: Option<B>,
    /// Blocks there are.
    pub total: Option<B>,
    /// Blocks free where only that was said (Docker's refusal).
    pub reported_free: Option<B>,
    /// The low-water mark: an event is sent when free blocks fall to it.
    pub low_water: Option<B>,
    /// Bytes in use where only bytes were said (`docker info`, `lvs`).
    pub used_bytes: Option<Bytes>,
    /// Bytes there are where only bytes were said.
    pub total_bytes: Option<Bytes>,
    /// Whether the numbers are the kernel's own counts; `docker info` rounds to four digits.
    pub exact: bool,
}

impl<B> Default for Space<B> {
    fn default() -> Self {
        Self {
            block: None,
            used: None,
            total: None,
            reported_free: None,
            low_water: None,
            used_bytes: None,
            total_bytes: None,
            exact: false,
        }
    }
}

impl<B: Blocks> Space<B> {
    /// Free blocks; `None` when nobody said or the numbers contradict each other (used above total).
    #[must_use]
    pub fn free(&self) -> Option<B> {
        match (self.used, self.total) {
            (Some(used), Some(total)) => total.count().checked_sub(used.count()).map(B::of),
            _ => self.reported_free,
        }
    }

    /// Used and total as two numbers of one unit (blocks if known, else bytes), when they make sense together.
    #[must_use]
    pub fn pair(&self) -> Option<(u64, u64)> {
        let blocks = self.used.zip(self.total).map(|(u, t)| (u.count(), t.count()));
        let bytes = self.used_bytes.zip(self.total_bytes).map(|(u, t)| (u.0, t.0));
        blocks.or(bytes).filter(|(used, total)| used <= total && *total > 0)
    }

    /// Whether more than `percent` percent are used: exact integer comparison; `None` when unknown.
    #[must_use]
    pub fn above(&self, percent: u64) -> Option<bool> {
        let (used, total) = self.pair()?;
        Some(u128::from(used) * 100 > u128::from(total) * u128::from(percent))
    }

    /// Tenths of a percent in use, rounded down; `None` when unknown.
    #[must_use]
    pub fn permille(&self) -> Option<u64> {
        let (used, total) = self.pair()?;
        permille(used, total)
    }

    /// Nothing is free.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pair().is_some_and(|(used, total)| used == total)
    }

    /// Bytes in use.
    #[must_use]
    pub fn used_in_bytes(&self) -> Option<Bytes> {
        self.used_bytes.or_else(|| Some(self.used?.bytes(self.block?)))
    }

    /// Bytes there are.
    #[must_use]
    pub fn total_in_bytes(&self) -> Option<Bytes> {
        self.total_bytes.or_else(|| Some(self.total?.bytes(self.block?)))
    }

    /// Bytes free.
    #[must_use]
    pub fn free_in_bytes(&self) -> Option<Bytes> {
        let (used, total) = (self.used_in_bytes()?, self.total_in_bytes()?);
        total.0.checked_sub(used.0).map(Bytes)
    }
}

//! Use of a pool's data or metadata: exact blocks from the kernel, or rounded bytes from a report.
//!
//! An unknown number is `None`, never zero; rounded numbers are marked.

use super::units::permille;
use super::units::{Blocks, Bytes};

/// Used and total space in blocks of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space<B> {
    /// Size of a block.
    pub block: Option<Bytes>,
    /// Used blocks.
    pub used: Option<B>,
    /// Total blocks.
    pub total: Option<B>,
    /// Free blocks, if only they are reported (Docker's refusal).
    pub reported_free: Option<B>,
    /// The low-water mark: the kernel sends an event when free blocks fall to it.
    pub low_water: Option<B>,
    /// Used bytes, if only bytes are reported (`docker info`, `lvs`).
    pub used_bytes: Option<Bytes>,
    /// Total bytes, if only bytes are reported.
    pub total_bytes: Option<Bytes>,
    /// Whether the numbers are the kernel's exact counts; `docker info` rounds to four digits.
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
    /// Free blocks; `None` if unknown, or if used exceeds total.
    #[must_use]
    pub fn free(&self) -> Option<B> {
        match (self.used, self.total) {
            (Some(used), Some(total)) => total.count().checked_sub(used.count()).map(B::of),
            _ => self.reported_free,
        }
    }

    /// Used and total in the same unit: blocks if known, or else bytes. `None` if used exceeds total or total is 0.
    #[must_use]
    pub fn pair(&self) -> Option<(u64, u64)> {
        let blocks = self.used.zip(self.total).map(|(u, t)| (u.count(), t.count()));
        let bytes = self.used_bytes.zip(self.total_bytes).map(|(u, t)| (u.0, t.0));
        blocks.or(bytes).filter(|(used, total)| used <= total && *total > 0)
    }

    /// Whether more than `percent` percent are used, compared exactly; `None` if unknown.
    #[must_use]
    pub fn above(&self, percent: u64) -> Option<bool> {
        let (used, total) = self.pair()?;
        Some(u128::from(used) * 100 > u128::from(total) * u128::from(percent))
    }

    /// Used space in tenths of a percent, rounded down; `None` if unknown.
    #[must_use]
    pub fn permille(&self) -> Option<u64> {
        let (used, total) = self.pair()?;
        permille(used, total)
    }

    /// Whether nothing is free.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pair().is_some_and(|(used, total)| used == total)
    }

    /// Used bytes.
    #[must_use]
    pub fn used_in_bytes(&self) -> Option<Bytes> {
        self.used_bytes.or_else(|| Some(self.used?.bytes(self.block?)))
    }

    /// Total bytes.
    #[must_use]
    pub fn total_in_bytes(&self) -> Option<Bytes> {
        self.total_bytes.or_else(|| Some(self.total?.bytes(self.block?)))
    }

    /// Free bytes.
    #[must_use]
    pub fn free_in_bytes(&self) -> Option<Bytes> {
        let (used, total) = (self.used_in_bytes()?, self.total_in_bytes()?);
        total.0.checked_sub(used.0).map(Bytes)
    }
}

//! Parses table lines of `thin-pool` and `thin` targets, and the `start length type` at the start of every line.
//!
//! Never fails: a missing or invalid field is unknown.

use super::status::{Discards, WhenFull};
use crate::host::model::units::{DataBlocks, Sectors};
use std::fmt;

/// A block device's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Major: 7 is a loop device; device-mapper's own is dynamic.
    pub major: u32,
    /// Minor.
    pub minor: u32,
}

impl DeviceNumber {
    /// Parses `253:0`, also with blanks or as `253, 0`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once([':', ','])?;
        Some(Self { major: major.trim().parse().ok()?, minor: minor.trim().parse().ok()? })
    }

    /// Whether it is a loop device (Documentation/admin-guide/devices.txt).
    #[must_use]
    pub const fn is_loop(self) -> bool {
        self.major == 7
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// One target of a dm device: a line of `dmsetup table` or `dmsetup status` without the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// First sector.
    pub start: Sectors,
    /// Length.
    pub length: Sectors,
    /// The target's type, e.g. `thin-pool`.
    pub kind: &'a str,
    /// The rest of the line.
    pub params: &'a str,
}

/// Parses a target line: `0 209715200 thin-pool 7:1 7:0 …`.
#[must_use]
pub fn target(line: &str) -> Option<Target<'_>> {
    let (start, rest) = line.trim_start().split_once(' ')?;
    let (length, rest) = rest.trim_start().split_once(' ')?;
    let rest = rest.trim_start();
    let (kind, params) = rest.split_once(' ').unwrap_or((rest, ""));
    let (start, length) = (start.parse().ok()?, length.parse().ok()?);
    Some(Target { start: Sectors(start), length: Sectors(length), kind, params })
}

/// A pool's table: `META DATA BLOCK LOW_WATER COUNT [FEATURE …]` (dm-thin.c, `pool_ctr`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolTable {
    /// The metadata device, the first one in the line.
    pub metadata: Option<DeviceNumber>,
    /// The data device.
    pub data: Option<DeviceNumber>,
    /// Size of a data block.
    pub block: Option<Sectors>,
    /// The kernel sends an event when free data blocks fall to this number.
    pub low_water: Option<DataBlocks>,
    /// Requested handling of discards.
    pub discards: Option<Discards>,
    /// Requested policy when full: queue, unless the line has `error_if_no_space`.
    pub when_full: Option<WhenFull>,
    /// Read-only by request.
    pub read_only: bool,
}

/// Parses the words after `thin-pool` in a table line.
#[must_use]
pub fn pool_table(params: &str) -> PoolTable {
    let mut words = params.split_whitespace();
    let mut table = PoolTable {
        metadata: words.next().and_then(DeviceNumber::read),
        data: words.next().and_then(DeviceNumber::read),
        block: words.next().and_then(|w| w.parse().ok()).filter(|b| *b > 0).map(Sectors),
        low_water: words.next().and_then(|w| w.parse().ok()).map(DataBlocks),
        ..PoolTable::default()
    };
    if words.next().is_some() {
        (table.discards, table.when_full) = (Some(Discards::PassedDown), Some(WhenFull::Queue));
    }
    for feature in words {
        match feature.to_ascii_lowercase().as_str() {
            "ignore_discard" => table.discards = Some(Discards::Ignored),
            "no_discard_passdown" => table.discards = Some(Discards::NotPassedDown),
            "error_if_no_space" => table.when_full = Some(WhenFull::Error),
            "read_only" => table.read_only = true,
            _ => {}
        }
    }
    table
}

/// A thin device's table: `POOL ID [ORIGIN]` (dm-thin.c, `thin_ctr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThinTable {
    /// Its pool.
    pub pool: Option<DeviceNumber>,
    /// Its id in the pool, 24 bits.
    pub device_id: Option<u32>,
    /// A read-only device outside the pool whose content it starts with.
    pub external_origin: Option<DeviceNumber>,
}

/// Parses the words after `thin` in a table line. In a failed pool the table is `Fail`, too.
#[must_use]
pub fn thin_table(params: &str) -> ThinTable {
    let mut words = params.split_whitespace();
    ThinTable {
        pool: words.next().and_then(DeviceNumber::read),
        device_id: words.next().and_then(|w| w.parse().ok()),
        external_origin: words.next().and_then(DeviceNumber::read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_pool() {
        let line = target("0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ").unwrap();
        assert_eq!((line.length, line.kind), (Sectors(209_715_200), "thin-pool"));
        let table = pool_table(line.params);
        assert_eq!(table.metadata, Some(DeviceNumber { major: 7, minor: 1 }));
        assert_eq!(table.data, Some(DeviceNumber { major: 7, minor: 0 }));
        assert_eq!(table.block, Some(Sectors(128)));
        assert_eq!(table.low_water, Some(DataBlocks(32768)));
        assert_eq!(table.when_full, Some(WhenFull::Queue));
    }

    #[test]
    fn short_and_invalid_lines_leave_fields_unknown() {
        assert_eq!(pool_table(""), PoolTable::default());
        assert_eq!(pool_table("7:1").data, None);
        assert_eq!(pool_table("a b c d 9").block, None);
        assert_eq!(pool_table("7:1 7:0 0 0 0").block, None, "a block size of 0 is invalid");
        assert_eq!(thin_table("Fail"), ThinTable::default());
        assert_eq!(target("0 1"), None);
    }
}

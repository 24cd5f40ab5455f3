//! Parses the output of `dmsetup info` and `dmsetup info -c`.
//!
//! Never fails; a missing field is unknown.

use super::table::DeviceNumber;

/// The state of a device-mapper device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DmInfo {
    /// Its name; empty if the text has only a part of the block.
    pub name: String,
    /// Its UUID, if it has one.
    pub uuid: Option<String>,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// Suspended: I/O waits.
    pub suspended: Option<bool>,
    /// It is removed when its last user closes it (`DEFERRED REMOVE`).
    pub deferred_remove: bool,
    /// Read-only (`READ-ONLY`).
    pub read_only: bool,
    /// Whether a table is live.
    pub live_table: Option<bool>,
    /// Whether a table is loaded but not live.
    pub inactive_table: Option<bool>,
    /// Number of times it is open.
    pub open_count: Option<u64>,
    /// Events raised so far.
    pub event_number: Option<u32>,
    /// Targets in the live table.
    pub targets: Option<u32>,
}

/// Parses one block of `dmsetup info`.
#[must_use]
pub fn read(text: &str) -> DmInfo {
    let mut info = DmInfo::default();
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.trim() {
            "Name" => value.clone_into(&mut info.name),
            "State" => {
                let has = |word: &str| value.split(|c: char| !c.is_alphanumeric()).any(|w| w == word);
                info.suspended = Some(has("SUSPENDED"));
                info.deferred_remove = has("DEFERRED");
                info.read_only = value.contains("READ-ONLY") || value.contains("READONLY");
            }
            "Tables present" => {
                let has = |word: &str| value.split_whitespace().any(|w| w == word);
                (info.live_table, info.inactive_table) = (Some(has("LIVE")), Some(has("INACTIVE")));
            }
            "Open count" => info.open_count = value.parse().ok(),
            "Event number" => info.event_number = value.parse().ok(),
            "Major, minor" => info.device = DeviceNumber::read(value),
            "Number of targets" => info.targets = value.parse().ok(),
            "UUID" if !value.is_empty() => info.uuid = Some(value.to_owned()),
            _ => {}
        }
    }
    info
}

/// Parses the rows of `dmsetup info -c`: `NAME MAJOR MINOR STAT OPEN TARGETS EVENT [UUID]`.
#[must_use]
pub fn columns(text: &str) -> Vec<DmInfo> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<DmInfo> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at =
        words.iter().position(|w| w.len() == 4 && w.starts_with(['L', '-']) && w.ends_with(['w', 'r']))?;
    let number = |offset: usize| words.get(at.checked_sub(offset)?)?.parse::<u32>().ok();
    let after = |offset: usize| words.get(at + offset).and_then(|w| w.parse::<u32>().ok());
    let stat = words.get(at)?;
    Some(DmInfo {
        name: words.get(..at.checked_sub(2)?)?.join(" "),
        uuid: words.get(at + 4).map(|w| (*w).to_owned()),
        device: Some(DeviceNumber { major: number(2)?, minor: number(1)? }),
        suspended: Some(stat.contains('s')),
        deferred_remove: false,
        read_only: stat.ends_with('r'),
        live_table: Some(stat.starts_with('L')),
        inactive_table: Some(stat.contains('I')),
        open_count: after(1).map(u64::from),
        event_number: after(3),
        targets: after(2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block() {
        let text = "Name:              docker-8:1-2-pool\nState:             SUSPENDED (DEFERRED REMOVE)\n\
            Read Ahead:        256\nTables present:    LIVE & INACTIVE\nOpen count:        3\nEvent number:      7\n\
            Major, minor:      253, 0\nNumber of targets: 1\nUUID: LVM-abc-tpool\n";
        let info = read(text);
        assert_eq!((info.name.as_str(), info.uuid.as_deref()), ("docker-8:1-2-pool", Some("LVM-abc-tpool")));
        assert_eq!((info.suspended, info.deferred_remove), (Some(true), true));
        assert_eq!((info.live_table, info.inactive_table), (Some(true), Some(true)));
        assert_eq!((info.open_count, info.event_number, info.targets), (Some(3), Some(7), Some(1)));
        assert_eq!(info.device, Some(DeviceNumber { major: 253, minor: 0 }));
        assert_eq!(read("State: ACTIVE\n").inactive_table, None);
    }

    #[test]
    fn rows_of_columns() {
        let text =
            "Name  Maj Min Stat Open Targ Event  UUID\ndocker-8:1-2-pool  253   0 LIsw    1    1      4\n";
        let info = &columns(text)[0];
        assert_eq!(
            (info.name.as_str(), info.suspended, info.event_number),
            ("docker-8:1-2-pool", Some(true), Some(4))
        );
        assert_eq!((info.inactive_table, info.uuid.as_deref()), (Some(true), None));
    }
}

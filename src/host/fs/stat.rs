//! Output of `stat(2)` and `statvfs(3)` in the notation of recordings, and of the tool `stat`.
//!
//! Reading never fails; missing values are `None`.

use crate::host::dm::table::DeviceNumber;
use crate::host::model::backing::Filesystem;
use crate::host::model::units::{Bytes, SECTOR};

/// A file's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// Type and permission bits.
    pub mode: Option<u32>,
    /// Apparent size.
    pub size: Option<Bytes>,
    /// Allocated size: `st_blocks` × 512.
    pub allocated: Option<Bytes>,
    /// The device of its filesystem.
    pub device: Option<DeviceNumber>,
    /// Inode.
    pub inode: Option<u64>,
}

/// The value of `name=` in a line of pairs.
fn pair<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value)
}

fn number(text: &str, name: &str) -> Option<u64> {
    pair(text, name)?.parse().ok()
}

/// Reads `mode=100600 size=107374182400 blocks=146104 dev=254:0 ino=7359`; the mode is octal.
#[must_use]
pub fn stat(text: &str) -> Stat {
    Stat {
        mode: pair(text, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
        size: number(text, "size").map(Bytes),
        allocated: number(text, "blocks").map(|blocks| Bytes(blocks.saturating_mul(SECTOR))),
        device: pair(text, "dev").and_then(DeviceNumber::read),
        inode: number(text, "ino"),
    }
}

/// The number of a device node in such a line: `rdev=254:48`.
#[must_use]
pub(in crate::host) fn node_number(text: &str) -> Option<DeviceNumber> {
    pair(text, "rdev").and_then(DeviceNumber::read)
}

/// Reads `block=4096 blocks=3046395 free=2853014 available=2693478 files=786432 files_free=779009`.
#[must_use]
pub fn statfs(text: &str) -> Filesystem {
    let block = number(text, "block");
    let bytes = |name: &str| Some(Bytes(number(text, name)?.saturating_mul(block?)));
    Filesystem {
        size: bytes("blocks"),
        free: bytes("free"),
        available: bytes("available"),
        // Filesystems that allocate inodes on demand report 0.
        inodes: number(text, "files").filter(|files| *files > 0),
        inodes_free: number(text, "files").filter(|f| *f > 0).and_then(|_| number(text, "files_free")),
        ..Filesystem::default()
    }
}

/// Reads `entries=12 typed=12`: whether entries have a type; `None` for an empty directory.
#[must_use]
pub fn typed(text: &str) -> Option<bool> {
    let (entries, typed) = (number(text, "entries")?, number(text, "typed")?);
    (entries > 0).then_some(typed == entries)
}

/// Reads the output of the tool `stat`: path and attributes of each file.
#[must_use]
pub fn listed(text: &str) -> Vec<(String, Stat)> {
    let mut files: Vec<(String, Stat)> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after =
            |name: &str| words.iter().position(|w| *w == name).and_then(|at| words.get(at + 1)).copied();
        if let Some((_, path)) = line.split_once("File:") {
            let path = path.trim().trim_matches(['\'', '"', '`', '‘', '’']);
            files.push((path.to_owned(), Stat::default()));
        }
        let Some((_, file)) = files.last_mut() else { continue };
        let parsed = |name: &str| after(name).and_then(|w| w.parse::<u64>().ok());
        file.size = file.size.or(parsed("Size:").map(Bytes));
        file.allocated = file.allocated.or(parsed("Blocks:").map(|b| Bytes(b.saturating_mul(SECTOR))));
        file.inode = file.inode.or(parsed("Inode:"));
        file.device = file.device.or(after("Device:").and_then(DeviceNumber::read));
        let mode = after("Access:").and_then(|w| w.strip_prefix('(')).and_then(|w| w.split('/').next());
        file.mode = file.mode.or(mode.and_then(|m| u32::from_str_radix(m, 8).ok()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recordings_notation() {
        let file = stat("mode=100600 size=107374182400 blocks=146104 dev=254:0 ino=7359");
        assert_eq!((file.mode, file.size), (Some(0o100_600), Some(Bytes(100 << 30))));
        assert_eq!(file.allocated, Some(Bytes(146_104 * 512)));
        assert_eq!((file.device, file.inode), (Some(DeviceNumber { major: 254, minor: 0 }), Some(7359)));
        assert_eq!(stat("size=x"), Stat::default());
        let fs = statfs("block=4096 blocks=10 free=5 available=4 files=7 files_free=6");
        assert_eq!(
            (fs.size, fs.free, fs.available),
            (Some(Bytes(40960)), Some(Bytes(20480)), Some(Bytes(16384)))
        );
        assert_eq!((fs.inodes, fs.inodes_free), (Some(7), Some(6)));
        assert_eq!(statfs("blocks=10").size, None);
        let cases = [
            ("entries=3 typed=3", Some(true)),
            ("entries=3 typed=0", Some(false)),
            ("entries=0 typed=0", None),
        ];
        assert!(cases.iter().all(|(text, says)| typed(text) == *says));
    }

    #[test]
    fn the_tools_output() {
        let text = "  File: /d/data\n  Size: 107374182400\tBlocks: 146104     IO Block: 4096   regular file\n\
            Device: 254,0\tInode: 7359        Links: 1\nAccess: (0600/-rw-------)  Uid: (    0/    root)\n\
            Access: 2026-11-22 02:20:18.6 +0000\n  File: ‘/d/metadata’\n  Size: 2147483648\tBlocks: 8 IO Block: 4096";
        let files = listed(text);
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].1.allocated, Some(Bytes(146_104 * 512)));
        assert_eq!((files[0].1.mode, files[0].1.inode), (Some(0o600), Some(7359)));
        assert_eq!((files[1].0.as_str(), files[1].1.size), ("/d/metadata", Some(Bytes(2 << 30))));
    }
}

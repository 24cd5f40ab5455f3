//! Reports of `df`, `df -h`, `df -T` and `df -i` in any language, with or without headings.
//!
//! Rounded sizes give no exact free space.

use crate::host::model::backing::Filesystem;
use crate::host::model::units::Bytes;
use crate::host::parse::size::{self, Scale};
use std::collections::HashMap;

/// Reads a report; `target` is `df` or `df -i`. Repeated rows of a filesystem are all kept, in order, because they
/// may be from different times.
#[must_use]
pub fn read(target: &str, text: &str) -> Vec<Filesystem> {
    let mut inodes =
        target.split_whitespace().skip(1).any(|w| w == "--inodes" || (w.starts_with('-') && w.contains('i')));
    let mut unit = Some(1024);
    let mut found = Vec::new();
    let mut wrapped = String::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let joined = format!("{wrapped} {line}");
        let row = [joined.as_str(), line].into_iter().find_map(|line| row(line, unit, inodes));
        wrapped.clear();
        match row {
            Some(filesystem) => found.push(filesystem),
            None if line.contains('%') => (unit, inodes) = heading(line, inodes),
            None => line.clone_into(&mut wrapped),
        }
    }
    found
}

/// What the headings tell: the unit of numbers without one (`None` for bytes), and whether inodes are counted.
fn heading(line: &str, inodes: bool) -> (Option<u64>, bool) {
    let words = || line.split_whitespace();
    let counts = words().any(|w| w.to_lowercase().starts_with("inode") || w == "IFree" || w == "IUsed");
    let block =
        words().find_map(|w| w.split_once('-').filter(|(n, _)| n.starts_with(|c: char| c.is_ascii_digit())));
    let unit = block.and_then(|(number, _)| size::read(number, Scale::Coreutils)).map(|a| a.bytes.0);
    (unit.filter(|u| *u > 1), counts || inodes)
}

/// `SOURCE [TYPE] SIZE USED AVAILABLE SHARE MOUNT`.
fn row(line: &str, unit: Option<u64>, inodes: bool) -> Option<Filesystem> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let share =
        words.iter().position(|w| percent(w).is_some()).or_else(|| words.windows(2).position(no_share))?;
    let mount = words.get(share + 1..)?.join(" ");
    let numbers = words.get(share.checked_sub(3)?..share)?;
    let before = words.get(..share - 3)?;
    let source = before.first()?;
    if !mount.starts_with('/')
        || before.len() > 2
        || !numbers.iter().all(|w| *w == "-" || size(w, unit).is_some())
    {
        return None;
    }
    let mut filesystem = Filesystem {
        mount: Some(mount),
        kind: before.get(1).map(|kind| (*kind).to_owned()),
        source: Some((*source).to_owned()),
        ..Filesystem::default()
    };
    let used_percent = words.get(share).and_then(|w| percent(w));
    let at = |index: usize| numbers.get(index).copied();
    if inodes {
        let count = |word: &str| size(word, None).map(|(bytes, _)| bytes.0);
        filesystem.inodes = at(0).and_then(count);
        filesystem.inodes_free = at(2).and_then(count);
        filesystem.inodes_used_percent = used_percent;
    } else {
        let total = at(0).and_then(|w| size(w, unit));
        let used = at(1).and_then(|w| size(w, unit));
        filesystem.size = total.map(|(bytes, _)| bytes);
        filesystem.available = at(2).and_then(|w| size(w, unit)).map(|(bytes, _)| bytes);
        filesystem.free = match (total, used) {
            (Some((total, true)), Some((used, true))) if used <= total => Some(total.minus(used)),
            _ => None,
        };
        filesystem.used_percent = used_percent;
    }
    Some(filesystem)
}

fn percent(word: &str) -> Option<u64> {
    word.strip_suffix('%')?.parse().ok()
}

/// Whether these are `-` in place of a percentage and a mount point.
fn no_share(two: &[&str]) -> bool {
    matches!(two, ["-", mount] if mount.starts_with('/'))
}

/// A size and whether it is exact; a number without a unit counts blocks of `unit` bytes, or bytes.
fn size(word: &str, unit: Option<u64>) -> Option<(Bytes, bool)> {
    let digit = |c: char| c.is_ascii_digit();
    if !word.starts_with(digit) {
        return None;
    }
    let amount = size::read(word, Scale::Coreutils)?;
    if amount.has_unit {
        return Some((amount.bytes, false));
    }
    word.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| (Bytes(amount.bytes.0.saturating_mul(unit.unwrap_or(1))), true))
}

/// Merges filesystems into the known ones; `df -i` completes the row of `df` for the same mount, and vice versa.
pub fn merge(known: &mut Vec<Filesystem>, more: Vec<Filesystem>) {
    type Place = (Option<String>, Option<String>);
    let place = |f: &Filesystem| (f.mount.clone(), f.source.clone());
    let mut places: HashMap<Place, Vec<usize>> = HashMap::new();
    for (at, filesystem) in known.iter().enumerate() {
        places.entry(place(filesystem)).or_default().push(at);
    }
    for new in more {
        let there = places.entry(place(&new)).or_default();
        let fits = there.iter().find(|at| known.get(**at).is_some_and(|old| complement(old, &new)));
        match fits.and_then(|at| known.get_mut(*at)) {
            Some(old) => complete(old, new),
            None => {
                there.push(known.len());
                known.push(new);
            }
        }
    }
}

/// Whether one of two rows counts inodes and the other space.
fn complement(old: &Filesystem, new: &Filesystem) -> bool {
    let counts = |f: &Filesystem| f.inodes.is_some() || f.inodes_used_percent.is_some();
    let measures = |f: &Filesystem| f.size.is_some() || f.used_percent.is_some();
    counts(old) != counts(new) && measures(old) != measures(new)
}

fn complete(old: &mut Filesystem, new: Filesystem) {
    old.kind = old.kind.take().or(new.kind);
    old.size = old.size.or(new.size);
    old.free = old.free.or(new.free);
    old.available = old.available.or(new.available);
    old.inodes = old.inodes.or(new.inodes);
    old.inodes_free = old.inodes_free.or(new.inodes_free);
    old.used_percent = old.used_percent.or(new.used_percent);
    old.inodes_used_percent = old.inodes_used_percent.or(new.inodes_used_percent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_rounded_sizes() {
        let exact =
            &read("df", "/dev/mapper/docker-docker_lv 9830400      77100    9753300    1% /docker")[0];
        assert_eq!(exact.size, Some(Bytes(9_830_400 << 10)));
        assert_eq!(exact.free, Some(Bytes((9_830_400 - 77_100) << 10)));
        assert_eq!((exact.used_percent, exact.mount.as_deref()), (Some(1), Some("/docker")));
        let text = "Filesystem      Type  Size  Used Avail Use% Mounted on\n/dev/vda        ext4   12G  634M   11G   6% /a b";
        let rounded = &read("df", text)[0];
        assert_eq!((rounded.kind.as_deref(), rounded.size), (Some("ext4"), Some(Bytes(12 << 30))));
        assert_eq!((rounded.available, rounded.free), (Some(Bytes(11 << 30)), None));
        assert_eq!(rounded.mount.as_deref(), Some("/a b"));
        let comma = &read(
            "df",
            "Dateisystem Größe Benutzt Verf. Verw% Eingehängt auf\n/dev/sda1 1,6G 1,1G 500M 69% /",
        )[0];
        assert_eq!(comma.size, Some(Bytes(1_717_986_918)));
        let bytes =
            &read("df", "Filesystem 1B-blocks Used Available Use% Mounted on\n/dev/sda1 4096 0 4096 0% /")[0];
        assert_eq!(bytes.size, Some(Bytes(4096)));
    }

    #[test]
    fn inodes_and_wrapped_rows() {
        let text = "Filesystem     Inodes IUsed  IFree IUse% Mounted on\n/dev/vda       786432  7423 779009    1% /v";
        let fs = &read("df", text)[0];
        assert_eq!(
            (fs.inodes, fs.inodes_free, fs.inodes_used_percent),
            (Some(786_432), Some(779_009), Some(1))
        );
        assert_eq!(fs.size, None);
        let wrapped =
            read("df", "/dev/mapper/very-long\n   51606140 1000 51605140   1% /w\ntmpfs - - - - /dev");
        assert_eq!(wrapped[0].source.as_deref(), Some("/dev/mapper/very-long"));
        assert_eq!((wrapped[1].mount.as_deref(), wrapped[1].size), (Some("/dev"), None));
    }

    #[test]
    fn both_reports_of_a_mount_become_one_and_two_times_stay_two() {
        let mut known = read("df", "/dev/vda 12G 634M 11G 6% /v");
        merge(&mut known, read("df -i", "/dev/vda 786432 7423 779009 1% /v"));
        assert_eq!(known.len(), 1);
        assert_eq!((known[0].size, known[0].inodes), (Some(Bytes(12 << 30)), Some(786_432)));
        merge(&mut known, read("df", "/dev/vda 12G 1G 11G 9% /v"));
        assert_eq!(known.len(), 2);
    }
}

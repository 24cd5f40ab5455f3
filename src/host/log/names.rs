//! Which pool a line names: by device number, by device-mapper name, or as `VG/LV`.

use crate::host::dm::table::DeviceNumber;

/// The form in which a line names a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolName<'a> {
    /// `253:4`, as in kernel lines.
    Number(DeviceNumber),
    /// Volume group and logical volume.
    Volume(&'a str, &'a str),
    /// A device-mapper name.
    Mapper(&'a str),
}

/// Words before a pool's name in messages of LVM, libdm and Docker.
const BEFORE: &[&str] = &["hin pool ", "hin-pool ", "thin-pool (", "of pool ", "for pool ", "check of pool "];

/// The pool that a line names; `None` if it names none.
pub(super) fn pool(text: &str) -> Option<PoolName<'_>> {
    number(text)
        .or_else(|| BEFORE.iter().find_map(|words| named(text.split_once(words)?.1)))
        .or_else(|| suffixed(text))
}

/// `device-mapper: thin: 253:4: …`.
fn number(text: &str) -> Option<PoolName<'_>> {
    let (_, rest) = text.split_once("device-mapper: thin: ")?;
    let word = rest.split_whitespace().next()?.strip_suffix(':')?;
    DeviceNumber::read(word).map(PoolName::Number)
}

/// A name at the start of a text: `docker/thinpool`, `vg-pool-tpool`.
fn named(rest: &str) -> Option<PoolName<'_>> {
    let word = rest.split(|c: char| c.is_whitespace() || "\"'`,;()".contains(c)).find(|w| !w.is_empty())?;
    let word = word.trim_end_matches(['.', ':', '!']);
    let is_name =
        |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "+_.-".contains(c));
    match word.split_once('/') {
        Some((vg, lv)) if is_name(vg) && is_name(lv) => Some(PoolName::Volume(vg, lv)),
        None if is_name(word) && word.contains('-') => Some(PoolName::Mapper(mapper(word))),
        _ => None,
    }
}

/// A word that ends in `-tpool`, LVM's layer over a pool in use.
fn suffixed(text: &str) -> Option<PoolName<'_>> {
    let mut words = text.split(|c: char| c.is_whitespace() || "\"'`,;()".contains(c));
    let word = words.find(|w| w.trim_end_matches(['.', ':']).ends_with("-tpool"))?;
    Some(PoolName::Mapper(mapper(word.trim_end_matches(['.', ':']))))
}

/// Strips LVM's `-tpool` suffix, the layer over a pool in use.
fn mapper(word: &str) -> &str {
    word.strip_suffix("-tpool").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_are_found() {
        let number = PoolName::Number(DeviceNumber { major: 253, minor: 4 });
        for (line, expected) in [
            ("device-mapper: thin: 253:4: switching pool to read-only mode", Some(number)),
            ("  WARNING: Thin pool docker/thinpool is failed.", Some(PoolName::Volume("docker", "thinpool"))),
            ("Check of pool pve/data failed (status:1).", Some(PoolName::Volume("pve", "data"))),
            ("WARNING: Thin pool vg-pool-tpool data is now 81.52% full.", Some(PoolName::Mapper("vg-pool"))),
            ("Failed command for pve-data-tpool.", Some(PoolName::Mapper("pve-data"))),
            ("device-mapper: thin: switching pool to failure mode", None),
            ("the thin pool is full", None),
        ] {
            assert_eq!(pool(line), expected, "{line}");
        }
    }
}

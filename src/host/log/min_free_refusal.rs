//! Docker's refusal to create a thin device (moby 24.0, deviceset.go, `poolHasFreeSpace`), possibly truncated at
//! either end.
//!
//! A number at the cut may have lost digits and is ignored.

use super::Kind;
use crate::host::model::pool::PoolHalf;

/// Pieces of which a refusal contains at least one, wherever it was cut.
pub(super) const PIECES: &[&[&str]] = &[
    &["minimum required"],
    &["in pool has ", " free ", "data blo"],
    &["in thin pool or use dm.min_free_space option"],
    &["or use dm.min_free_space option to change"],
];

/// Reads what is left of `Thin Pool has N free data blocks which is less than minimum required M free data blocks.
/// Create more free space in thin pool or use dm.min_free_space option to change behavior`, from a normalized line.
///
/// If the rest does not say which, it is taken for data, which Docker checks first.
pub(super) fn read(plain: &str) -> Option<Kind> {
    let (before, after) = match plain.split_once("minimum required") {
        Some((before, after)) => (before, after),
        None => cut(plain)?,
    };
    let words =
        ["thin pool", "free data blo", "free metadata blo", "cks which is less than", "dm.min_free_space"];
    if !words.iter().any(|w| plain.contains(w))
        && !after.trim_start().starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let metadata = ["free metadata", "etadata blocks which"].iter().any(|w| plain.contains(w));
    let half = if metadata { PoolHalf::Metadata } else { PoolHalf::Data };
    Some(Kind::MinFreeRefused { half, free: free(before), required: required(after) })
}

/// A line of which only the beginning or the end was kept.
fn cut(plain: &str) -> Option<(&str, &str)> {
    let has = |pieces: &&[&str]| pieces.iter().all(|piece| plain.contains(piece));
    let place = PIECES.iter().position(has)?;
    Some(if place == 1 { (plain, "") } else { ("", plain) })
}

/// The last number before ` free … block`, if preceded by a word.
fn free(before: &str) -> Option<u64> {
    let (before, _) = before.rsplit_once(" free ")?;
    let (_, number) = before.rsplit_once(' ')?;
    number.parse().ok()
}

/// The first number, if it has a blank on both sides.
fn required(after: &str) -> Option<u64> {
    let after =
        if after.starts_with(' ') { after } else { after.split_once(' ').map_or("", |(_, rest)| rest) };
    let (number, _) = after.trim_start().split_once(' ')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::log::matcher::normalize as plain;

    const WHOLE: &str = "Error response from daemon: devmapper: Thin Pool has 161986 free data blocks which is less than \
        minimum required 163840 free data blocks. Create more free space in thin pool or use dm.min_free_space option \
        to change behavior";

    fn numbers(line: &str) -> Option<(Option<u64>, Option<u64>)> {
        match read(&plain(line))? {
            Kind::MinFreeRefused { half: PoolHalf::Data, free, required } => Some((free, required)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn either_end_may_be_cut() {
        let (free, required) = (Some(161_986), Some(163_840));
        assert_eq!(numbers(WHOLE), Some((free, required)));
        let cases = [
            ("cks which is less than minimum required 163840 free data blo", (None, required)),
            ("Thin Pool has 161986 free data blocks which is less than minimum required", (free, None)),
            ("Thin Pool has 161986 free data blocks which is less than minimum required 1638", (free, None)),
            ("Thin Pool has 161986 free data blo", (free, None)),
            (
                "1986 free data blocks which is less than minimum required 163840 free data blocks",
                (None, required),
            ),
            (
                "red 163840 free data blocks. Create more free space in thin pool or use dm.min_free_space option",
                (None, required),
            ),
            ("minimum required 163840 free", (None, required)),
        ];
        for (line, expected) in cases {
            assert_eq!(numbers(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn no_cut_invents_a_number() {
        let line = plain(WHOLE);
        for (from, _) in line.char_indices() {
            for (to, _) in line.char_indices().skip(from) {
                if let Some(Kind::MinFreeRefused { free, required, .. }) = read(line.get(from..to).unwrap()) {
                    assert!(free.is_none_or(|n| n == 161_986), "{from} {to}");
                    assert!(required.is_none_or(|n| n == 163_840), "{from} {to}");
                }
            }
        }
    }

    #[test]
    fn metadata_and_others() {
        let line = "Thin Pool has 12 free metadata blocks which is less than minimum required 51 free metadata blocks.";
        let expected = Kind::MinFreeRefused { half: PoolHalf::Metadata, free: Some(12), required: Some(51) };
        assert_eq!(read(&plain(line)), Some(expected));
        assert_eq!(read("minimum required version is not met"), None);
        assert_eq!(read("set dm.min_free_space in daemon.json"), None);
    }
}

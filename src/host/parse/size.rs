//! Parses amounts as tools print them, `107.4 GB`, `<15,88g`, `11G`, in exact integers without floating point.
//!
//! The meaning of a unit letter differs from tool to tool, so callers pass a scale.

use crate::host::model::units::Bytes;

/// The meaning of a tool's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// `docker info`: decimal, except that `Mb` and `Kb` (to 1.2) are binary.
    Docker,
    /// `df -h`, `ls -lh`, `du -h`, `lsblk`: binary, unless a `B` makes them decimal (`kB`, `MB`).
    Coreutils,
    /// LVM: lower case and `GiB` binary, upper case decimal (`--units G`), `s` or `S` sectors.
    Lvm,
}

/// A parsed amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// In bytes, rounded to the nearest.
    pub bytes: Bytes,
    /// The value of one step of the last printed digit; the true amount differs by at most half of it.
    pub step: Bytes,
    /// Whether a unit was printed; without one, the tool's default unit may apply.
    pub has_unit: bool,
}

/// Parses an amount at the beginning of a text, after blanks and LVM's rounding signs `<` and `>`.
#[must_use]
pub fn read(text: &str, scale: Scale) -> Option<Amount> {
    let text = text.trim_start().trim_start_matches(['<', '>', '~']);
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let letters = rest.trim_start_matches([' ', '\u{a0}']);
    let end = letters.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(letters.len());
    let word = letters.get(..end).unwrap_or_default();
    let named = unit(word, scale);
    let unit = named.or_else(|| (rest.len() != letters.len() || word.is_empty()).then_some(1))?;
    let whole: u128 = whole.parse().ok()?;
    let part = part.get(..part.len().min(9))?;
    let tens = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part: u128 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let scaled = whole.checked_mul(tens)?.checked_add(part)?.checked_mul(u128::from(unit))?;
    let bytes = u64::try_from(scaled.checked_add(tens / 2)? / tens).ok()?;
    let step = u64::try_from(u128::from(unit) / tens).ok()?.max(1);
    let has_unit = named.is_some();
    Some(Amount { bytes: Bytes(bytes), step: Bytes(step), has_unit })
}

/// Bytes in a unit; `None` if the word is not a unit.
fn unit(word: &str, scale: Scale) -> Option<u64> {
    let mut letters = word.chars();
    let first = letters.next()?;
    let rest = letters.as_str();
    let power = match first.to_ascii_lowercase() {
        'b' if rest.is_empty() || rest == "ytes" || rest == "yte" => return Some(1),
        's' if scale == Scale::Lvm && rest.is_empty() => return Some(512),
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        'e' => 6,
        _ => return None,
    };
    let binary = match (rest, scale) {
        ("iB" | "ib" | "i", _) => true,
        ("b", Scale::Docker) => first.is_ascii_uppercase(),
        ("" | "B", Scale::Docker) | ("B" | "b", Scale::Coreutils) => false,
        ("", Scale::Coreutils) => true,
        ("" | "B", Scale::Lvm) => first.is_ascii_lowercase(),
        _ => return None,
    };
    (if binary { 1024_u64 } else { 1000 }).checked_pow(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, scale: Scale) -> Option<u64> {
        read(text, scale).map(|a| a.bytes.0)
    }

    #[test]
    fn amounts_of_all_tools() {
        let docker = |text| bytes(text, Scale::Docker);
        assert_eq!(docker("102400.0 Mb"), Some(100 << 30));
        assert_eq!(docker("64 Kb"), Some(65536));
        assert_eq!(docker("107.4 GB"), Some(107_400_000_000));
        assert_eq!(docker("65.54kB"), Some(65540));
        assert_eq!(docker("5.63 TB"), Some(5_630_000_000_000));
        assert_eq!(docker("0 B"), Some(0));
        assert_eq!(docker("0B and more"), Some(0));
        let lvm = |text| bytes(text, Scale::Lvm);
        assert_eq!(lvm("<15,88g"), Some(17_051_020_165));
        assert_eq!(lvm("1.00t"), Some(1 << 40));
        assert_eq!(lvm("1.00G"), Some(1_000_000_000));
        assert_eq!(lvm("308.30 GiB"), Some(331_034_604_339));
        assert_eq!(lvm("19914752S"), Some(19_914_752 * 512));
        let df = |text| bytes(text, Scale::Coreutils);
        assert_eq!(df("1,6G"), Some(1_717_986_918));
        assert_eq!(df("11GB"), Some(11_000_000_000));
        assert_eq!(df("7423"), Some(7423));
    }

    #[test]
    fn invalid_amounts_are_none() {
        for text in ["", "GB", "x1", "12zz", ".", "99999999999999999999999999 GB", "18446744073709551615 GB"]
        {
            assert_eq!(bytes(text, Scale::Docker), None, "{text}");
        }
        assert_eq!(read("107.4 GB", Scale::Docker).unwrap().step, Bytes(100_000_000));
    }
}

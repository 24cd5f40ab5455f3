//! Amounts in words: in a sentence they are marked numbers until somebody says in which units they are to be read.
//!
//! The only place that rounds them: what a person reads on the screen and in a script is the same.

use super::units::{AMOUNT, Bytes};

/// The units amounts are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Units {
    /// KiB, MiB, GiB.
    #[default]
    Iec,
    /// kB, MB, GB.
    Si,
    /// Plain bytes.
    Bytes,
}

impl Units {
    /// An amount in words: one decimal, rounded half up; tenths are exact.
    #[must_use]
    pub fn show(self, bytes: Bytes) -> String {
        let (base, names): (u64, &[&str]) = match self {
            Self::Bytes => return format!("{} B", bytes.0),
            Self::Iec => (1024, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]),
            Self::Si => (1000, &["B", "kB", "MB", "GB", "TB", "PB", "EB"]),
        };
        let mut unit = 1_u64;
        let mut names = names.iter().copied();
        let mut name = names.next().unwrap_or_default();
        while bytes.0 / unit >= base {
            let Some(next) = names.next() else { break };
            (unit, name) = (unit.saturating_mul(base), next);
        }
        if unit == 1 {
            return format!("{} B", bytes.0);
        }
        // Rounded half up, as a person with a calculator would: 1854 blocks of 64 KiB are 115.9 MiB.
        let tenths = (u128::from(bytes.0) * 10 + u128::from(unit) / 2) / u128::from(unit);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A sentence with its marked amounts shown in these units.
#[must_use]
pub fn amounts(sentence: &str, units: Units) -> String {
    let mut shown = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, marked)) = rest.split_once(AMOUNT.0) {
        shown.push_str(before);
        let Some((number, after)) = marked.split_once(AMOUNT.1) else {
            rest = marked;
            continue;
        };
        match number.parse() {
            Ok(bytes) => shown.push_str(&units.show(Bytes(bytes))),
            Err(_) => shown.push_str(number),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_published() {
        assert_eq!(Units::Iec.show(Bytes(1854 * 65536)), "115.9 MiB");
        assert_eq!(Units::Iec.show(Bytes(14530 * 65536)), "908.1 MiB");
        assert_eq!(Units::Si.show(Bytes(107_374_182_400)), "107.4 GB");
        assert_eq!(Units::Bytes.show(Bytes(1)), "1 B");
        assert_eq!(Units::Iec.show(Bytes(u64::MAX)), "16.0 EiB");
        assert_eq!(Units::Iec.show(Bytes(1023)), "1023 B");
    }

    #[test]
    fn amounts_inside_sentences() {
        let sentence = format!("{} short", Bytes(4096));
        assert_eq!(amounts(&sentence, Units::Iec), "4.0 KiB short");
        assert_eq!(amounts("a\u{E000}x\u{E001}b\u{E000}", Units::Iec), "axb");
    }
}

//! Formats amounts in the requested units.
//!
//! The only place that rounds amounts, so that screens and scripts show the same numbers.

use super::units::Bytes;

/// Units in which amounts are shown.
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
    /// Formats an amount with one decimal, rounded half up.
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
        // Rounded half up in integers: 1854 blocks of 64 KiB are 115.9 MiB.
        let tenths = (u128::from(bytes.0) * 10 + u128::from(unit) / 2) / u128::from(unit);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// Tenths of a percent as people read them: 953 is `95.3 %`.
#[must_use]
pub fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_half_up() {
        assert_eq!(Units::Iec.show(Bytes(1854 * 65536)), "115.9 MiB");
        assert_eq!(Units::Iec.show(Bytes(14530 * 65536)), "908.1 MiB");
        assert_eq!(Units::Si.show(Bytes(107_374_182_400)), "107.4 GB");
        assert_eq!(Units::Bytes.show(Bytes(1)), "1 B");
        assert_eq!(Units::Iec.show(Bytes(u64::MAX)), "16.0 EiB");
        assert_eq!(Units::Iec.show(Bytes(1023)), "1023 B");
    }
}

//! Threshold ranges of monitoring plug-ins, `[@]start:end` (monitoring-plugins.org, developer guidelines 2.5), in exact
//! integers. The only units are days, hours, minutes and seconds.

use std::fmt;
use std::str::FromStr;

/// Millionths of a percent or second. Values are compared and printed in the same precision, so the printed value and
/// range always agree with the state.
pub type Micro = i64;

/// One, in millionths.
pub const ONE: Micro = 1_000_000;

/// A range of values. Values outside raise an alert; with `@`, values inside do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    inside: bool,
    /// `None` means minus infinity.
    start: Option<Micro>,
    /// `None` means infinity.
    end: Option<Micro>,
}

impl Range {
    /// Whether a value raises an alert; both ends are part of the range.
    #[must_use]
    pub fn alerts(&self, value: Micro) -> bool {
        let within = self.start.is_none_or(|s| value >= s) && self.end.is_none_or(|e| value <= e);
        within == self.inside
    }

    /// The range `0:END`, which alerts above `END` and below 0.
    #[must_use]
    pub const fn at_most(end: Micro) -> Self {
        Self { inside: false, start: Some(0), end: Some(end) }
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no range; write for example 80 (alert above 80), 10: (below 10) or @10:20 (within)"
            )
        };
        let (inside, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let (start, end) = match rest.split_once(':') {
            None => (Some(0), Some(number(rest).ok_or_else(wrong)?)),
            Some((start, end)) => {
                let start = match start {
                    "~" => None,
                    "" => Some(0),
                    start => Some(number(start).ok_or_else(wrong)?),
                };
                let end = if end.is_empty() { None } else { Some(number(end).ok_or_else(wrong)?) };
                (start, end)
            }
        };
        // A lone colon has neither start nor end.
        if rest == ":" || start.zip(end).is_some_and(|(start, end)| start > end) {
            return Err(wrong());
        }
        Ok(Self { inside, start, end })
    }
}

/// In the guidelines' syntax, without optional parts.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.inside { "@" } else { "" };
        let end = self.end.map(decimal).unwrap_or_default();
        match self.start {
            Some(0) if self.end.is_some() => write!(f, "{at}{end}"),
            Some(start) => write!(f, "{at}{}:{end}", decimal(start)),
            None => write!(f, "{at}~:{end}"),
        }
    }
}

/// Parses `80`, `-1`, `99.5`, `.5`, `24h`: at most six decimals; a time becomes seconds.
fn number(text: &str) -> Option<Micro> {
    let scales = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let unit = scales.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (text, scale) = unit.unwrap_or((text, 1));
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > 6 || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    format!("{whole}{part:0<6}").parse::<Micro>().ok()?.checked_mul(sign * scale)
}

/// Formats millionths as a decimal without trailing zeros.
#[must_use]
pub fn decimal(value: Micro) -> String {
    let (sign, value) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let one = ONE.unsigned_abs();
    let text = format!("{sign}{}.{:06}", value / one, value % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_alert_as_in_the_guidelines() {
        let alerts = |range: &str, value: i64| range.parse::<Range>().unwrap().alerts(value * ONE);
        for (range, quiet, loud) in [
            ("10", &[0, 10][..], &[-1, 11][..]),
            ("10:", &[10, 1000], &[9, -1]),
            ("~:10", &[10, -1000], &[11]),
            ("10:20", &[10, 20], &[9, 21]),
            ("@10:20", &[9, 21], &[10, 20]),
            ("~:", &[-1000, 1000], &[]),
            ("@~:", &[], &[-1000, 1000]),
        ] {
            assert!(quiet.iter().all(|v| !alerts(range, *v)), "{range}");
            assert!(loud.iter().all(|v| alerts(range, *v)), "{range}");
        }
    }

    #[test]
    fn invalid_ranges_are_errors() {
        for bad in ["", "@", ":", "~", "a", "20:10", "80%", "1:2:3", "10:~", "1.2.3", "-", "0.1234567", "1e3"]
        {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!("24h:".parse::<Range>().unwrap().to_string(), "86400:");
        assert_eq!("1.5m:1d".parse::<Range>().unwrap().to_string(), "90:86400");
        assert_eq!(Range::at_most(80 * ONE).to_string(), "80");
    }
}

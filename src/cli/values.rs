//! Parses the values of options: sizes, rates, durations, addresses and paths.

use jiff::SignedDuration;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A file name that ends in `.prom`; node_exporter ignores all others.
pub(super) fn prom_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ends = path.extension().is_some_and(|e| e == "prom");
    if ends {
        Ok(path)
    } else {
        Err(format!("`{text}` does not end in .prom: node_exporter would not read it"))
    }
}

/// An address: `9750`, `10.0.0.5:9750` or `[::1]:9750`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse())
        .map_err(|_| format!("`{text}` is no address; write for example 9750, 0.0.0.0:9750 or [::]:9750"))
}

/// An absolute path, because a plan may be run from any directory.
pub(super) fn directory(text: &str) -> Result<String, String> {
    if text.starts_with('/') { Ok(text.to_owned()) } else { Err(format!("`{text}` does not begin with /")) }
}

/// A size in bytes: `20G`, `512MiB`, `1.5T`, `107.4GB`. K, M, G, T and KiB… are powers of 1024, as in LVM and Docker;
/// kB, MB, GB, TB are powers of 1000.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write for example 20G, 512M or 107374182400");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let scale: u128 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(part.len()).ok().filter(|p| *p <= 12).ok_or_else(wrong)?;
    let digits: u128 = format!("{whole}{part}").parse().map_err(|_| wrong())?;
    let bytes = digits.checked_mul(scale).ok_or_else(wrong)? / 10_u128.pow(places);
    u64::try_from(bytes).map_err(|_| wrong())
}

/// A rate of at least one metadata block per second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    const BLOCK: u64 = 4096;
    size(text).and_then(|rate| {
        if rate >= BLOCK { Ok(rate) } else { Err(format!("`{text}` is less than 4K, one block a second")) }
    })
}

/// A duration from 10 ms to 10 min: `800ms`, `2s`, `1.5s`, `1m` or plain seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write for example 800ms or 2s (10ms to 600s)");
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parsed: SignedDuration =
        if is_number { format!("{text}s") } else { text.to_owned() }.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(parsed).map_err(|_| wrong())?;
    if (Duration::from_millis(10)..=Duration::from_secs(600)).contains(&duration) {
        Ok(duration)
    } else {
        Err(wrong())
    }
}

/// A polling interval: a duration of at least 100 ms.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    duration(text).and_then(|d| if d < least { Err(format!("`{text}` is less than 100ms")) } else { Ok(d) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("20G"), Ok(20 << 30));
        assert_eq!(size("1.5MiB"), Ok(3 << 19));
        assert_eq!(size("107.4 GB"), Ok(107_400_000_000));
        assert_eq!(size("4096"), Ok(4096));
        for bad in ["", "G", "-1G", "1.2.3G", "10X", "99999999999999999999T", "1e9"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(address("9750").unwrap().to_string(), "127.0.0.1:9750");
        assert_eq!(address("[::]:1").unwrap().to_string(), "[::]:1");
        for bad in ["", "localhost:9750", "70000", "127.0.0.1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("4K"), Ok(4096));
        assert!(rate("0").is_err() && rate("4095").is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("800ms"), Ok(Duration::from_millis(800)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        for bad in ["", "0s", "NaN", "1h", "-1s", "1000s", "5ms"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

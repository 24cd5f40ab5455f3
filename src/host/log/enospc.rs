//! Lines about space: a write that failed for lack of it, or an amount that was to be written.
//!
//! Does not decide which limit was hit.

use super::Kind;
use crate::host::parse::size::{self, Scale};

/// Words about file watches, which are a kernel table.
pub(super) const WATCH_WORDS: &[&str] = &[
    "inotify",
    "fsnotify",
    "fanotify",
    "fswatcher",
    "fsevent",
    "filesystem watch",
    "fs.watch",
    "error: watch ",
    "device, watch ",
    "create watch",
    "add watch",
    "add a watch",
    "adding watch",
    "file watch",
    "watch for",
];

/// `ENOSPC` in the words of the C library (`strerror`, glibc's translations), in lower case and without quotes.
pub(super) const NO_SPACE: &[&str] = &[
    "no space left on device",
    "no space left on",
    "no more space left on device",
    "no space is left on",
    "no space was left on",
    "not enough space on device",
    "not enough space left on device",
    "out of disk space",
    "enospc",
    "errno 28",
    "error -28",
    "error = -28",
    "os error 28",
    "errno: 28",
    "error 28 from storage engine",
    "not enough space on the disk",
    "no free space on device",
    "kein platz mehr auf dem gerät",
    "не залишилося вільного місця",
    "aygıtta yer kalmadı",
    "ikke mere plads på enheden",
    "ikke mer plass igjen på enheten",
    "det finns inget utrymme kvar på enheten",
    "enheten är full",
    "laitteella ei ole tilaa",
    "az eszközön nincs elég hely",
    "裝置上已無多餘空間",
    "磁盘空间不足",
    "デバイス上に空き領域がありません",
    "장치에 남은 공간이 없습니다",
    "auf dem gerät ist kein speicherplatz mehr verfügbar",
    "kein speicherplatz mehr auf dem gerät",
    "aucun espace disponible sur le périphérique",
    "plus de place sur le périphérique",
    "no queda espacio en el dispositivo",
    "no hay espacio en el dispositivo",
    "non c'è più spazio sul device",
    "non cè più spazio sul device",
    "spazio esaurito sul device",
    "não há espaço disponível no dispositivo",
    "на устройстве не осталось свободного места",
    "на устройстве кончилось место",
    "geen ruimte meer over op apparaat",
    "brak miejsca na urządzeniu",
    "na zařízení není volné místo",
    "设备上没有空间",
    "設備上沒有空間",
    "デバイスに空き領域がありません",
    "장치에 남은 공간이 없음",
];

/// Whether a line with one of [`NO_SPACE`] is about a file being written.
///
/// The kernel's `metadata operation … failed: error = -28` is not, nor is an `ENOSPC` from a kernel table: inotify
/// watches, control groups, semaphores.
pub(super) fn is_about_a_file(plain: &str) -> bool {
    let elsewhere = [
        "metadata operation",
        "inotify",
        "/cgroup",
        "cgroup.procs",
        "semget",
        "shmget",
        "shared memory segment",
        "semaphore",
        "/dev/shm",
    ];
    // A name in a path is not an errno: /sys/fs/xfs/dm-5/error/metadata/ENOSPC/max_retries.
    let named =
        plain.contains("/enospc") && plain.matches("enospc").count() == plain.matches("/enospc").count();
    let only_named = named && !NO_SPACE.iter().any(|words| *words != "enospc" && plain.contains(words));
    let elsewhere = || elsewhere.iter().chain(WATCH_WORDS);
    !only_named && !elsewhere().any(|words| plain.contains(words))
}

/// A failed write with the path, if the line names one; for lines with one of [`NO_SPACE`].
pub(super) fn no_space_left(line: &str) -> Kind {
    Kind::NoSpaceLeft { path: path(line) }
}

/// The path that a line is about: the last absolute path before `no space`, else the first after it.
fn path(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let at = NO_SPACE.iter().filter_map(|words| lower.find(words)).min().unwrap_or(line.len());
    let (before, after) = line.split_at_checked(at)?;
    let found = paths(before).last().or_else(|| paths(after).next())?;
    Some(found.to_owned())
}

/// Absolute paths in a text; quoted ones may contain blanks.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let mut seen = 0;
    let starts = text.match_indices('/').map(|(at, _)| at).filter(|at| {
        let before = text.get(..*at).and_then(|b| b.chars().next_back());
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=[".contains(c))
    });
    starts.filter_map(move |at| {
        if at < seen {
            return None;
        }
        let (before, rest) = text.split_at_checked(at)?;
        let quote = before.chars().next_back().filter(|c| "\"'`".contains(*c));
        let end = match quote {
            Some(quote) => rest.find([quote, '\\']).unwrap_or(rest.len()),
            None => rest.find(|c: char| c.is_whitespace() || "\"'`,;)]\\".contains(c)).unwrap_or(rest.len()),
        };
        seen = at + end;
        let path = rest.get(..end)?.trim_end_matches([':', '.']);
        (path.len() > 1 && !path.starts_with("//")).then_some(path)
    })
}

/// Words for writing that appear near an amount.
pub(super) const WRITE_WORDS: &[&str] = &[
    "build",
    "builds",
    "building",
    "checkout",
    "clone",
    "clones",
    "cloning",
    "copy",
    "copying",
    "download",
    "downloads",
    "downloading",
    "export",
    "extract",
    "extracting",
    "fetch",
    "import",
    "importing",
    "pull",
    "pulling",
    "restore",
    "unpack",
    "upload",
    "write",
    "writing",
];
/// Words that mark an amount as available space, not as data to be written.
const CAPACITY_WORDS: &[&str] = &[
    "available",
    "base",
    "disk",
    "drive",
    "file",
    "filesystem",
    "free",
    "left",
    "limit",
    "loop",
    "lv",
    "memory",
    "of",
    "out",
    "partition",
    "pool",
    "ram",
    "remaining",
    "root",
    "space",
    "total",
    "used",
    "volume",
];

/// An amount that was to be written: `12 GB build`, `downloading about 12 GB of sources`; for lines with one of
/// [`WRITE_WORDS`].
///
/// The word for writing is within three words of the amount, and no capacity word is. A progress bar (`1.2 GB/4 GB`),
/// a rate, or an amount already copied does not count.
pub(super) fn wanted_to_write(plain: &str) -> Option<Kind> {
    if !may_hold_amount(plain) || plain.contains("==") || plain.contains("%") {
        return None;
    }
    let words: Vec<&str> = plain.split([' ', ',', ';', '(', ')']).filter(|w| !w.is_empty()).collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let digits = word.bytes().next().is_some_and(|b| b.is_ascii_digit());
        let apart = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let unit = if apart {
            *words.get(at + 1)?
        } else {
            word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
        };
        let unit = unit.trim_end_matches(['.', ':', '!']);
        if !digits || !matches!(unit, "gb" | "gib" | "g" | "tb" | "tib" | "gigabytes" | "gigs" | "mb" | "mib")
        {
            return None;
        }
        let after = if apart { at + 2 } else { at + 1 };
        let next = words.get(after).copied().unwrap_or_default().trim_end_matches(['.', ':']);
        if CAPACITY_WORDS.iter().any(|w| *w == next && next != "of") {
            return None;
        }
        let near = words.get(at.saturating_sub(4)..(after + 4).min(words.len()))?;
        if !near.iter().any(|w| WRITE_WORDS.contains(&w.trim_end_matches(['.', ':', '!']))) {
            return None;
        }
        let number =
            if apart { word } else { word.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.') };
        let letter = unit.chars().next().filter(|_| unit.starts_with("gig")).map_or(unit, |_| "gb");
        size::read(&format!("{number}{}", spelled(letter)), Scale::Coreutils)
            .map(|a| Kind::WantedToWrite { bytes: a.bytes })
    })
}

/// Whether the first letter of a unit follows a digit, with or without a blank.
fn may_hold_amount(plain: &str) -> bool {
    let unit = |b: &u8| matches!(b, b'g' | b'm' | b't');
    plain.as_bytes().windows(3).any(|three| match three {
        [digit, b' ', next] | [digit, next, _] => digit.is_ascii_digit() && unit(next),
        _ => false,
    })
}

/// The unit as tools spell it: people write `gb` for 1000³.
fn spelled(unit: &str) -> &str {
    match unit {
        "gb" | "g" => "GB",
        "gib" => "GiB",
        "tb" => "TB",
        "tib" => "TiB",
        "mib" => "MiB",
        _ => "MB",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::log::matcher;
    use crate::host::model::units::Bytes;

    fn left(line: &str) -> Option<Option<String>> {
        let plain = matcher::normalize(line);
        if !matcher::matches(&plain).contains(&crate::host::log::Message::NoSpaceLeft) {
            return None;
        }
        match no_space_left(line) {
            Kind::NoSpaceLeft { path } => is_about_a_file(&plain).then_some(path),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_path_that_could_not_be_written() {
        let cases = [
            (
                "write /var/lib/docker/tmp/GetImageBlob74: no space left on device",
                Some("/var/lib/docker/tmp/GetImageBlob74"),
            ),
            (
                "mkdir /var/run/docker/libcontainerd/: no space left on device",
                Some("/var/run/docker/libcontainerd/"),
            ),
            ("Error writing metadata to /m/.tmp5: write /m/.tmp5: no space left on device", Some("/m/.tmp5")),
            ("cp: cannot create '/a b/c': No space left on device", Some("/a b/c")),
            ("OSError: [Errno 28] No space left on device: '/tmp/x'", Some("/tmp/x")),
            (r#"{"message":"no space left on device"}"#, None),
            ("msg=\"write /a/b: no space left on device\"", Some("/a/b")),
            ("No space left on device - overlayfs2 - Plenty of space avail.", None),
            ("tar: x: Kein Speicherplatz mehr auf dem Gerät", None),
            ("cp: /b: 设备上没有空间", Some("/b")),
        ];
        for (line, path) in cases {
            assert_eq!(left(line), Some(path.map(str::to_owned)), "{line}");
        }
        assert_eq!(left("there is no space here"), None);
        assert_eq!(left("inotify_add_watch /sys/fs/cgroup/cpuacct/docker: no space left on device"), None);
        assert_eq!(left("mkdir /sys/fs/cgroup/memory/docker/4f: no space left on device"), None);
        assert_eq!(left("thin: metadata operation 'dm_thin_insert_block' failed: error = -28"), None);
    }

    #[test]
    fn only_an_amount_to_write_counts() {
        let wanted = |line: &str| match wanted_to_write(&matcher::normalize(line)) {
            Some(Kind::WantedToWrite { bytes: Bytes(n) }) => Some(n),
            _ => None,
        };
        assert_eq!(wanted("a 12 GB build fails with: no space left on device"), Some(12_000_000_000));
        assert_eq!(wanted("Downloading about 12GB of sources stops"), Some(12_000_000_000));
        assert_eq!(wanted("git clone of 12 GiB fails"), Some(12 << 30));
        for line in [
            "100G lv for data and 5G for metadata",
            "build failed, 3 GB free",
            "a 100 GB volume was attached for the build",
            "12884901888 bytes (13 GB) copied, 30 s, 400 MB/s",
            "a1b2: Downloading [=====>   ] 1.2 GB/4 GB",
            "Total Memory: 3.835 GiB",
        ] {
            assert_eq!(wanted(line), None, "{line}");
        }
    }
}

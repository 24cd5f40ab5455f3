//! Reads files, directories, filesystems and the kernel log, up to limits.
//!
//! Apart from the kernel log, never opens anything but regular files and directories: opening a FIFO could block, and
//! opening a device could make its driver act.

use super::root::Root;
use super::{read_text, refused_io};
use crate::record::{LIMIT_FILE, Outcome};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, major, minor};
use nix::sys::statvfs::{fstatvfs, statvfs};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Most names read from a directory.
const LIMIT_NAMES: usize = 50_000;
/// Time limit for reading Docker's records or the kernel log; the rest is left out.
const LIMIT_RECORDS: Duration = Duration::from_millis(700);
/// Most bytes read of a device record; real ones have about a hundred.
const LIMIT_RECORD: u64 = 4096;
/// Number of last lines kept of the kernel log.
const LIMIT_LOG: usize = 500;

type Answer = Result<String, Outcome>;

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Block,
    Character,
    Other,
}

pub(super) fn kind(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::Regular,
        SFlag::S_IFBLK => Kind::Block,
        SFlag::S_IFCHR => Kind::Character,
        _ => Kind::Other,
    }
}

/// Formats a device number: `253:0`.
pub(super) fn number(dev: libc::dev_t) -> String {
    format!("{}:{}", major(dev), minor(dev))
}

/// The text of a regular file.
pub(super) fn text(root: &Root, path: &str) -> Answer {
    // With another root, use the host's mounts, not those of this container.
    let path = if path == "/proc/self/mountinfo" && !root.is_plain() { "/proc/1/mountinfo" } else { path };
    regular(&root.open(path, OFlag::O_PATH).map_err(Outcome::refused)?)?;
    let file = root.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Outcome::refused)?;
    regular(&file)?;
    read_text(file)
}

/// The last complete lines of the history file that the user named. Its path is not relative to the root.
pub(super) fn history(path: &str) -> Answer {
    let open = |how| open(path, how | OFlag::O_CLOEXEC, Mode::empty()).map_err(Outcome::refused);
    regular(&open(OFlag::O_PATH)?)?;
    let file = open(OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
    regular(&file)?;
    let mut file = std::fs::File::from(file);
    let length = file.metadata().map_err(|e| refused_io(&e))?.len();
    let from = length.saturating_sub(u64::try_from(LIMIT_FILE).unwrap_or(u64::MAX));
    file.seek(SeekFrom::Start(from)).map_err(|e| refused_io(&e))?;
    let text = read_text(file.into())?;
    let whole = if from == 0 { Some(text.as_str()) } else { text.split_once('\n').map(|(_, rest)| rest) };
    only_history_lines(whole.unwrap_or_default())
}

/// Replaces all lines that are not lines of a history. The user may name any file, and its content must not get into a
/// recording.
fn only_history_lines(text: &str) -> Answer {
    #[derive(serde::Deserialize)]
    struct Line {
        schema: String,
    }
    let is_sample = |line: &&str| {
        serde_json::from_str::<Line>(line).is_ok_and(|line| line.schema.starts_with("thinspect-watch/"))
    };
    if !text.trim().is_empty() && !text.lines().any(|line| is_sample(&line)) {
        let why = "EINVAL: it is no history; `thinspect watch --log FILE` keeps one";
        return Err(Outcome::Refused(why.to_owned()));
    }
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let is_torn = !line.ends_with('\n');
        match line.trim().is_empty() || is_sample(&line) {
            true => kept.push_str(line),
            false if is_torn => {}
            false => kept.push_str("(another line)\n"),
        }
    }
    Ok(kept)
}

pub(super) fn regular(file: &OwnedFd) -> Result<(), Outcome> {
    match kind(&fstat(file).map_err(Outcome::refused)?) {
        Kind::Regular => Ok(()),
        _ => Err(Outcome::Refused("EINVAL: not a regular file".to_owned())),
    }
}

pub(super) fn stat(root: &Root, path: &str) -> Answer {
    let place = root.open(path, OFlag::O_PATH).map_err(Outcome::refused)?;
    let stat = fstat(&place).map_err(Outcome::refused)?;
    let mut said = format!(
        "mode={:o} size={} blocks={} dev={} ino={}",
        stat.st_mode,
        stat.st_size,
        stat.st_blocks,
        number(stat.st_dev),
        stat.st_ino
    );
    if matches!(kind(&stat), Kind::Block | Kind::Character) {
        said.push_str(" rdev=");
        said.push_str(&number(stat.st_rdev));
    }
    Ok(said)
}

pub(super) fn statfs(root: &Root, path: &str) -> Answer {
    // By path where possible: fstatvfs of an O_PATH descriptor needs Linux 3.12.
    let fs = if root.is_plain() {
        statvfs(path)
    } else {
        root.open(path, OFlag::O_PATH).and_then(|place| fstatvfs(&place))
    };
    let fs = fs.map_err(Outcome::refused)?;
    Ok(format!(
        "block={} blocks={} free={} available={} files={} files_free={}",
        fs.fragment_size(),
        fs.blocks(),
        fs.blocks_free(),
        fs.blocks_available(),
        fs.files(),
        fs.files_free()
    ))
}

pub(super) fn link(root: &Root, path: &str) -> Answer {
    root.link(path).map_err(Outcome::refused)
}

/// The sorted names in a directory.
pub(super) fn names(root: &Root, path: &str) -> Answer {
    let (_, entries) = entries(root, path)?;
    let mut names: Vec<String> = entries.into_iter().map(|e| one_line(&e.name)).collect();
    names.sort_unstable();
    Ok(names.join("\n"))
}

/// The number of entries, and the number of those with a type (`d_type`), which overlay filesystems need from the
/// filesystem below. `.` and `..` are not counted, because they always have a type.
pub(super) fn types(root: &Root, path: &str) -> Answer {
    let (_, entries) = entries(root, path)?;
    let typed = entries.iter().filter(|e| e.typed).count();
    Ok(format!("entries={} typed={typed}", entries.len()))
}

struct Entry {
    inode: u64,
    name: String,
    typed: bool,
}

fn entries(root: &Root, path: &str) -> Result<(Dir, Vec<Entry>), Outcome> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK;
    let directory = root.open(path, flags).map_err(Outcome::refused)?;
    let mut directory = Dir::from_fd(directory).map_err(Outcome::refused)?;
    let mut entries = Vec::new();
    for entry in directory.iter() {
        let entry = entry.map_err(Outcome::refused)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." && entries.len() < LIMIT_NAMES {
            entries.push(Entry { inode: entry.ino(), name, typed: entry.file_type().is_some() });
        }
    }
    Ok((directory, entries))
}

/// Docker's records of thin devices in a directory. Like Docker, skips dot-files and `*.migrated` (moby
/// daemon/graphdriver/devmapper/deviceset.go, `deviceFileWalkFunction`). Files are read in the order of inodes, which
/// is faster from a cold disk: there may be tens of thousands.
pub(super) fn device_records(root: &Root, path: &str) -> Answer {
    let started = Instant::now();
    let (directory, mut entries) = entries(root, path)?;
    let full = entries.len() >= LIMIT_NAMES;
    entries.retain(|e| is_record(&e.name));
    entries.sort_unstable_by_key(|e| e.inode);
    let mut lines = Vec::with_capacity(entries.len());
    let mut left_out = 0_usize;
    for entry in &entries {
        if started.elapsed() > LIMIT_RECORDS {
            left_out += 1;
            continue;
        }
        match record(&directory, &entry.name) {
            Ok(text) => lines.push(format!("{} {}", one_line(&entry.name), one_line(&text))),
            // Removed after the directory was listed, with its container.
            Err(Errno::ENOENT) => {}
            Err(errno) => lines.push(format!("{} ({errno:?})", one_line(&entry.name))),
        }
    }
    lines.sort_unstable();
    if left_out > 0 {
        lines.push(format!("({left_out} left out: reading them took too long)"));
    }
    if full {
        lines.push(format!("(at most {LIMIT_NAMES} names are read)"));
    }
    Ok(lines.join("\n"))
}

fn is_record(name: &str) -> bool {
    let state = matches!(name, "deviceset-metadata" | "transaction-metadata");
    !state && !name.starts_with('.') && !name.ends_with(".migrated")
}

fn record(directory: &Dir, name: &str) -> Result<String, Errno> {
    let place = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if kind(&place) != Kind::Regular {
        return Err(Errno::EINVAL);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let file = nix::fcntl::openat(directory, name, flags, Mode::empty())?;
    let mut bytes = Vec::new();
    let read = std::fs::File::from(file).take(LIMIT_RECORD).read_to_end(&mut bytes);
    read.map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text without line breaks, so that it cannot look like two records.
fn one_line(text: &str) -> String {
    text.trim_end().replace(['\n', '\r'], " ")
}

/// The last lines about storage in the kernel log, from `/dev/kmsg`
/// (Documentation/ABI/testing/dev-kmsg: `priority,sequence,microseconds,flags;text`).
pub(super) fn kernel_log(root: &Root) -> Answer {
    let log = root.open("/dev/kmsg", OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Outcome::refused)?;
    if kind(&fstat(&log).map_err(Outcome::refused)?) != Kind::Character {
        return Err(Outcome::refused(Errno::ENODEV));
    }
    let mut log = std::fs::File::from(log);
    let mut lines = std::collections::VecDeque::new();
    let mut record = [0_u8; 8192];
    let started = Instant::now();
    // Limited in time, because the kernel may write faster than this reads.
    while started.elapsed() < LIMIT_RECORDS {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
                if let Some(line) = log_line(&text) {
                    lines.push_back(line);
                }
                if lines.len() > LIMIT_LOG {
                    lines.pop_front();
                }
            }
            // EPIPE: records were overwritten; the next read continues with the oldest one.
            // EINVAL: a record longer than the buffer; it is skipped.
            Err(e) if matches!(e.raw_os_error(), Some(libc::EPIPE | libc::EINVAL)) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(e) => return Err(refused_io(&e)),
        }
    }
    Ok(lines.into_iter().collect::<Vec<_>>().join("\n"))
}

/// Formats a record of the kernel log as dmesg does; `None` if it is not about storage.
fn log_line(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let micros: u64 = head.split(',').nth(2)?.parse().ok()?;
    let text = text.lines().next()?;
    let storage = [
        "device-mapper",
        "dm-",
        "I/O error",
        "rejecting I/O",
        "medium error",
        "EXT4-fs",
        "XFS",
        "JBD2",
        "blk_update_request",
        "blocked for more than",
    ];
    let is_loop_device = |rest: &str| rest.starts_with(|c: char| c == ':' || c.is_ascii_digit());
    let is_about_storage =
        storage.iter().any(|word| text.contains(word)) || text.split("loop").skip(1).any(is_loop_device);
    is_about_storage.then(|| format!("[{:5}.{:06}] {text}", micros / 1_000_000, micros % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_device_records_are_read() {
        assert!(is_record("base"));
        assert!(is_record("cff8ffd03bbe4552bb31d5d442c6b95295f15452932e66869c338a1b3eea6d02-init"));
        for name in ["deviceset-metadata", "transaction-metadata", ".tmp123", "json.migrated"] {
            assert!(!is_record(name), "{name}");
        }
    }

    #[test]
    fn storage_lines_of_the_kernel_log_are_kept() {
        let record =
            "4,512,12345678,-;device-mapper: thin: 253:0: switching pool to read-only mode\n SUBSYSTEM=x\n";
        let want = "[   12.345678] device-mapper: thin: 253:0: switching pool to read-only mode";
        assert_eq!(log_line(record).as_deref(), Some(want));
        assert!(log_line("4,1,2,-;loop: Write error at byte offset 1, length 4096.").is_some());
        assert!(log_line("6,1,2,-;loop0: detected capacity change from 0 to 8").is_some());
        assert_eq!(log_line("6,1,2,-;usb 1-1: new device"), None);
        assert_eq!(log_line("6,1,2,-;Calibrating delay loop (skipped)"), None);
        assert_eq!(log_line("nonsense"), None);
    }

    /// Every kernel message that the rules know is kept.
    #[test]
    fn no_known_message_is_left_out() {
        let all = include_str!("../../../tests/texts/log-messages.txt");
        let kernels = all.lines().skip_while(|l| !l.starts_with("LowWaterData\t"));
        let kernels = kernels.take_while(|l| !l.starts_with("DeviceReadFailed\t"));
        let mut seen = 0;
        // This one appears in a status line, not in the log.
        for (name, line) in
            kernels.filter_map(|l| l.split_once('\t')).filter(|(_, l)| !l.ends_with("snapshot Invalid"))
        {
            assert!(log_line(&format!("4,1,2,-;{line}")).is_some(), "{name}: {line}");
            seen += 1;
        }
        assert!(seen > 60, "{seen}");
    }
}

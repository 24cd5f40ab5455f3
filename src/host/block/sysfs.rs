//! Follows a pool's devices down to files, filesystems and disks, using the recorded files of sysfs.
//!
//! Uses files under `/sys/dev/block/MAJOR:MINOR/`; a missing answer leaves its field unknown.

use crate::host::dm::table::DeviceNumber;
use crate::host::fs::longest_mount;
use crate::host::fs::stat::{stat, statfs};
use crate::host::model::backing::{Backing, BackingKind, Filesystem, LoopFile};
use crate::host::model::units::{Bytes, Sectors};
use crate::record::{Query, Recording};

/// Suffix that the kernel adds to the path of a deleted file (fs/d_path.c).
const DELETED: &str = " (deleted)";

/// The device under a pool's data or metadata.
#[must_use]
pub(in crate::host) fn backing(
    recording: &Recording,
    mounts: &[Filesystem],
    device: DeviceNumber,
) -> Backing {
    let sys = Sysfs { recording, device };
    let file = sys.loop_file();
    let filesystem = file.as_ref().and_then(|f| filesystem_of(recording, mounts, &f.path));
    Backing {
        kind: sys.kind(),
        device: Some(device),
        path: sys.node(),
        size: sys.number("size").map(|s| Sectors(s).bytes()),
        takes_discards: sys.number("queue/discard_max_bytes").map(|max| max > 0),
        logical_block: sys.number("queue/logical_block_size"),
        file,
        filesystem,
        below: below(recording, device, 0),
    }
}

/// The recorded sysfs files of a block device.
struct Sysfs<'a> {
    recording: &'a Recording,
    device: DeviceNumber,
}

impl<'a> Sysfs<'a> {
    fn path(&self, file: &str) -> String {
        format!("/sys/dev/block/{}/{file}", self.device)
    }

    fn text(&self, file: &str) -> Option<&'a str> {
        self.recording.said(Query::File, &self.path(file)).map(|t| t.trim_end_matches('\n'))
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.text(file)?.trim().parse().ok()
    }

    /// The kernel's name, such as `loop0`, from the target of the sysfs link.
    fn kernel_name(&self) -> Option<&'a str> {
        let link = self.recording.said(Query::Link, &format!("/sys/dev/block/{}", self.device))?;
        link.trim().rsplit('/').next()
    }

    fn node(&self) -> Option<String> {
        match self.text("dm/name") {
            Some(name) => Some(format!("/dev/mapper/{name}")),
            None => self.kernel_name().map(|name| format!("/dev/{}", name.replace('!', "/"))),
        }
    }

    fn kind(&self) -> BackingKind {
        if self.device.is_loop() {
            BackingKind::Loop
        } else if self.text("dm/uuid").is_some_and(|uuid| uuid.starts_with("LVM-")) {
            BackingKind::Lvm
        } else if self.text("dm/name").is_some() {
            BackingKind::Dm
        } else if self.text("partition").is_some() {
            BackingKind::Partition
        } else if self.text("size").is_some() {
            BackingKind::Disk
        } else {
            BackingKind::Unknown
        }
    }

    fn loop_file(&self) -> Option<LoopFile> {
        let said = self.text("loop/backing_file")?;
        let bare = said.strip_suffix(DELETED).unwrap_or(said);
        let status = self.recording.said(Query::LoopStatus, &self.device.to_string());
        let attached = status.map(stat);
        let mut words = status.unwrap_or_default().split_whitespace();
        let offset = words.find_map(|word| word.strip_prefix("offset=")?.parse().ok()).map(Bytes);
        let at_path = self.recording.said(Query::Stat, bare).map(stat);
        // Only device and inode tell whether the file at that path is still the one that is attached.
        let same = match (at_path, attached) {
            (Some(there), Some(attached)) => there.inode == attached.inode && there.device == attached.device,
            (Some(_), None) => bare == said,
            (None, _) => false,
        };
        let file = if same { at_path.unwrap_or_default() } else { Default::default() };
        let deleted = bare != said && !same;
        Some(LoopFile {
            path: bare.to_owned(),
            size: file.size,
            allocated: file.allocated,
            deleted,
            replaced: deleted && at_path.is_some(),
            offset,
        })
    }
}

/// Device nodes of the physical devices below, at most five levels down.
fn below(recording: &Recording, device: DeviceNumber, depth: u32) -> Vec<String> {
    let Some(slaves) = recording.said(Query::Dir, &format!("/sys/dev/block/{device}/slaves")) else {
        return Vec::new();
    };
    let mut nodes = Vec::new();
    for slave in slaves.lines().filter(|l| !l.is_empty()) {
        let number = recording
            .said(Query::File, &format!("/sys/class/block/{slave}/dev"))
            .or_else(|| recording.said(Query::File, &format!("/sys/dev/block/{device}/slaves/{slave}/dev")))
            .and_then(DeviceNumber::read);
        let deeper = match number {
            Some(number) if depth < 4 => below(recording, number, depth + 1),
            _ => Vec::new(),
        };
        if deeper.is_empty() {
            nodes.push(format!("/dev/{}", slave.replace('!', "/")));
        } else {
            nodes.extend(deeper);
        }
    }
    nodes.sort();
    nodes.dedup();
    nodes
}

/// The filesystem that holds a path: its space from the recorded statfs, its mount point from the mount table.
#[must_use]
pub(in crate::host) fn filesystem_of(
    recording: &Recording,
    mounts: &[Filesystem],
    path: &str,
) -> Option<Filesystem> {
    let space = recording.said(Query::Statfs, path).map(statfs);
    let device = recording.said(Query::Stat, path).and_then(|s| stat(s).device);
    let on_device = mounts.iter().filter(|f| device.is_none() || f.device == device);
    let mount = longest_mount(on_device, path).cloned();
    if space.is_none() && mount.is_none() {
        return None;
    }
    let place = mount.unwrap_or_default();
    Some(Filesystem {
        mount: place.mount,
        kind: place.kind,
        source: place.source,
        device: device.or(place.device),
        read_only: place.read_only,
        user_quotas: place.user_quotas,
        ..space.unwrap_or_default()
    })
}

/// The filesystem on a device, if it is mounted and its space was recorded.
#[must_use]
pub(in crate::host) fn mounted(
    recording: &Recording,
    mounts: &[Filesystem],
    device: DeviceNumber,
) -> Option<Filesystem> {
    let place = mounts.iter().find(|f| f.device == Some(device))?.clone();
    let space = recording.said(Query::Statfs, place.mount.as_deref()?).map(statfs)?;
    Some(Filesystem {
        mount: place.mount,
        kind: place.kind,
        source: place.source,
        device: Some(device),
        read_only: place.read_only,
        user_quotas: place.user_quotas,
        ..space
    })
}

/// The mount table, in order, without the filesystems' space. Callers parse it once, because it is long on hosts with
/// thousands of containers.
#[must_use]
pub(in crate::host) fn mounts(recording: &Recording) -> Vec<Filesystem> {
    let table = recording.said(Query::File, "/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(mount_line).collect()
}

/// Mount options that enable quotas of users or groups (xfs(5), ext4(5)).
const USER_QUOTAS: &[&str] = &["quota", "usrquota", "grpquota", "uquota", "gquota", "usrjquota", "grpjquota"];

/// Parses a line of mountinfo (Documentation/filesystems/proc.rst 3.5).
fn mount_line(line: &str) -> Option<Filesystem> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let device = DeviceNumber::read(left.next()?);
    let mount = unescape(left.nth(1)?);
    let mut right = right.split(' ');
    let kind = right.next().map(str::to_owned);
    let source = right.next().map(unescape);
    // The options of the filesystem; those of the mount may differ in this program's mount namespace.
    let options: Option<Vec<&str>> = right.next().map(|words| words.trim_end().split(',').collect());
    let has = |wanted: &[&str]| {
        options.as_ref().map(|all| all.iter().any(|o| wanted.iter().any(|w| o.split('=').next() == Some(*w))))
    };
    let (read_only, user_quotas) = (has(&["ro", "emergency_ro"]), has(USER_QUOTAS));
    Some(Filesystem {
        mount: Some(mount),
        kind,
        source,
        device,
        read_only,
        user_quotas,
        ..Filesystem::default()
    })
}

/// Decodes the mount table's octal escapes: space, tab, newline, backslash.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

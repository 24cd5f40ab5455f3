//! Disks and partitions: size, content and users, so that a plan can decide whether one is free.
//!
//! A fact that was not recorded is unknown; a disk with unknown facts never counts as free.

use crate::host::dm::table::DeviceNumber;
use crate::host::fs::stat::node_number;
use crate::host::model::units::{Bytes, Sectors};
use crate::record::{Outcome, Query, Recording};

/// A disk, a partition, or another block device in the recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    /// Device node by the kernel's name, `/dev/vdd`.
    pub node: String,
    /// Other paths to the device in the recording, such as `/dev/disk/by-id/…`.
    pub paths: Vec<String>,
    /// Device number.
    pub number: Option<DeviceNumber>,
    /// Size.
    pub size: Option<Bytes>,
    /// Whether it is read-only.
    pub read_only: Option<bool>,
    /// Device nodes of its partitions; `None` if unknown.
    pub partitions: Option<Vec<String>>,
    /// Kernel names of the devices on top of it.
    pub holders: Option<Vec<String>>,
    /// Its mount points.
    pub mounts: Vec<String>,
    /// Whether it is active swap space.
    pub swap: Option<bool>,
    /// Whether it supports discards.
    pub takes_discards: Option<bool>,
    /// Identifies the device independently of its name: `wwid`, `serial`, `uuid` or `place`, and the value; for a
    /// partition followed by its start.
    pub identity: Option<String>,
    /// Logical block size in bytes, the smallest unit of I/O.
    pub logical_block: Option<u64>,
    /// The content.
    pub content: Content,
}

/// The content of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// No known signature.
    Nothing,
    /// A known signature, in words: `a filesystem of type ext4`.
    Holds(String),
    /// It could not be read; the reason.
    Refused(String),
    /// It was not queried.
    #[default]
    Unknown,
}

/// All disks and partitions in the recording.
#[must_use]
pub(in crate::host) fn disks(recording: &Recording) -> Vec<Disk> {
    let links = recording.all(Query::Link).filter_map(|a| {
        let number = DeviceNumber::read(a.target.strip_prefix("/sys/dev/block/")?)?;
        Some((number, a.outcome.said()?.trim()))
    });
    let links: Vec<(DeviceNumber, &str)> = links.collect();
    let named =
        recording.all(Query::Stat).filter_map(|a| Some((a.target.as_str(), node_number(a.outcome.said()?)?)));
    let named: Vec<(&str, DeviceNumber)> = named.filter(|(path, _)| path.starts_with("/dev/")).collect();
    let mut disks: Vec<Disk> = Vec::new();
    for (number, link) in &links {
        // The holders are recorded only for disks that are inspected, not for the devices under a pool.
        let holders = recording.outcome(Query::Dir, &format!("/sys/dev/block/{number}/holders"));
        if holders.is_some() && !disks.iter().any(|d| d.number == Some(*number)) {
            let mut disk = disk(recording, *number, link);
            disk.paths = named
                .iter()
                .filter(|(p, n)| n == number && *p != disk.node)
                .map(|(p, _)| (*p).into())
                .collect();
            disk.partitions = partitions(&links, link);
            disk.identity = identity(recording, *number, link);
            disk.content = content(recording, &disk);
            disks.push(disk);
        }
    }
    disks
}

/// The facts about a disk from its files in sysfs.
fn disk(recording: &Recording, number: DeviceNumber, link: &str) -> Disk {
    let base = format!("/sys/dev/block/{number}");
    let text = |file: &str| recording.said(Query::File, &format!("{base}/{file}")).map(str::trim);
    let count = |file: &str| text(file)?.parse::<u64>().ok();
    // A partition's queue belongs to its disk, one directory above.
    let queue = |file: &str| count(&format!("queue/{file}")).or_else(|| count(&format!("../queue/{file}")));
    let node = match text("dm/name") {
        Some(name) => format!("/dev/mapper/{name}"),
        None => format!("/dev/{}", name_in(link).replace('!', "/")),
    };
    let holders = recording.said(Query::Dir, &format!("{base}/holders"));
    let mounts = super::sysfs::mounts(recording).into_iter().filter(|m| m.device == Some(number));
    let swaps = recording.said(Query::File, "/proc/swaps");
    let is_swap = |swaps: &str| swaps.lines().any(|line| line.split_whitespace().next() == Some(&node));
    Disk {
        number: Some(number),
        size: count("size").map(|sectors| Sectors(sectors).bytes()),
        read_only: text("ro").map(|ro| ro != "0"),
        holders: holders.map(|h| h.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()),
        mounts: mounts.filter_map(|m| m.mount).collect(),
        swap: swaps.map(is_swap),
        logical_block: queue("logical_block_size"),
        takes_discards: queue("discard_max_bytes").map(|limit| limit > 0),
        node,
        ..Disk::default()
    }
}

/// Files in sysfs that identify a disk, best first (Documentation/ABI: `wwid` of SCSI and NVMe, `serial` of NVMe and
/// virtio, `uuid` of device-mapper and md).
const IDENTITIES: [&str; 6] = ["wwid", "device/wwid", "serial", "device/serial", "dm/uuid", "md/uuid"];

/// The identity of a disk, or of a partition: that of its disk and its start. A disk without any of [`IDENTITIES`] is
/// identified by its place on the bus, from the link in sysfs.
fn identity(recording: &Recording, number: DeviceNumber, link: &str) -> Option<String> {
    let base = format!("/sys/dev/block/{number}");
    let file = |name: &str| recording.said(Query::File, &format!("{base}/{name}"));
    let start = file("start").map(|start| format!(" from {}", start.trim()));
    let above = if start.is_some() { "../" } else { "" };
    let own = IDENTITIES.iter().find_map(|name| {
        let words: Vec<&str> = file(&format!("{above}{name}"))?.split_whitespace().collect();
        let kind = name.rsplit('/').next()?;
        (!words.is_empty()).then(|| format!("{kind} {}", words.join(" ")))
    });
    let place = || {
        let (_, place) = link.split_once("/devices/")?;
        let disk = if start.is_some() { place.rsplit_once('/')?.0 } else { place };
        Some(format!("place {}", disk.rsplit_once('/')?.0))
    };
    Some(format!("{}{}", own.or_else(place)?, start.unwrap_or_default()))
}

fn name_in(link: &str) -> &str {
    link.rsplit('/').next().unwrap_or_default()
}

/// Device nodes of a disk's partitions, whose links in sysfs are below the disk's.
fn partitions(links: &[(DeviceNumber, &str)], disk: &str) -> Option<Vec<String>> {
    let below = |link: &str| link.rsplit_once('/').is_some_and(|(parent, _)| parent == disk);
    let target = links
        .iter()
        .filter(|(_, link)| below(link))
        .map(|(_, link)| format!("/dev/{}", name_in(link).replace('!', "/")));
    Some(target.collect())
}

fn content(recording: &Recording, disk: &Disk) -> Content {
    let asked = std::iter::once(&disk.node).chain(&disk.paths);
    let mut outcomes = asked.filter_map(|path| recording.outcome(Query::Signatures, path));
    match outcomes.next_back() {
        Some(Outcome::Answered(text)) => words(text),
        Some(Outcome::Refused(why)) => Content::Refused(why.clone()),
        Some(Outcome::TimedOut(ms)) => Content::Refused(format!("no answer within {ms} ms")),
        Some(Outcome::NotAsked(why)) => Content::Refused(why.clone()),
        None => Content::Unknown,
    }
}

/// Describes the output of `blkid -p -o export` in words (blkid(8); the types are libblkid's names).
fn words(said: &str) -> Content {
    let value = |name: &str| {
        said.lines()
            .filter_map(|l| l.split_once('='))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value.trim())
    };
    let label = value("LABEL").map(|l| format!(" labelled {l:?}")).unwrap_or_default();
    match (value("TYPE"), value("USAGE"), value("PTTYPE")) {
        (Some("LVM2_member"), ..) => Content::Holds("a physical volume of LVM".into()),
        (Some("swap"), ..) => Content::Holds(format!("swap space{label}")),
        (Some(kind), Some("filesystem"), _) => Content::Holds(format!("a filesystem of type {kind}{label}")),
        (Some(kind), ..) => Content::Holds(format!("a signature of type {kind}{label}")),
        (None, _, Some(kind)) => Content::Holds(format!("a partition table ({kind})")),
        (None, _, None) if said.trim() == "ambivalent" => {
            Content::Holds("signatures of several kinds".into())
        }
        (None, _, None) => Content::Nothing,
    }
}

/// The tools that were looked up: name, and path if it is installed.
#[must_use]
pub(in crate::host) fn tools(recording: &Recording) -> Vec<(String, Option<String>)> {
    let answered = |a: &crate::record::Answer| match &a.outcome {
        Outcome::Answered(path) => Some((a.target.clone(), Some(path.clone()))),
        Outcome::Refused(why) if why.starts_with("ENOENT") => Some((a.target.clone(), None)),
        _ => None,
    };
    recording.all(Query::Tool).filter_map(answered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    fn recording(answers: &[(Query, &str, Outcome)]) -> Recording {
        let mut recording = Recording::new(Source::Machine, None);
        for (query, target, outcome) in answers {
            recording.push(*query, target, outcome.clone());
        }
        recording
    }

    fn said(text: &str) -> Outcome {
        Outcome::Answered(text.to_owned())
    }

    #[test]
    fn a_disk_its_partition_and_another_name_for_it() {
        let base = "../../devices/pci0000:00/0000:00:05.0/virtio3/block/vdd";
        let mounts = "25 1 254:49 / /data rw - ext4 /dev/vdd1 rw\n";
        let recording = recording(&[
            (Query::File, "/proc/self/mountinfo", said(mounts)),
            (Query::File, "/proc/swaps", said("Filename Type Size\n/dev/vdd partition 1 0 -2\n")),
            (Query::Link, "/sys/dev/block/254:48", said(base)),
            (Query::File, "/sys/dev/block/254:48/size", said("41943040\n")),
            (Query::File, "/sys/dev/block/254:48/ro", said("0\n")),
            (Query::File, "/sys/dev/block/254:48/queue/discard_max_bytes", said("0\n")),
            (Query::Dir, "/sys/dev/block/254:48/holders", said("dm-3")),
            (Query::Link, "/sys/dev/block/254:49", said(&format!("{base}/vdd1"))),
            (Query::Dir, "/sys/dev/block/254:49/holders", said("")),
            (Query::Signatures, "/dev/vdd1", Outcome::Refused("ENOENT".to_owned())),
            (Query::Stat, "/dev/disk/by-id/x", said("mode=60660 size=0 blocks=0 dev=0:5 ino=1 rdev=254:48")),
            (
                Query::Signatures,
                "/dev/disk/by-id/x",
                said("DEVNAME=/dev/vdd\nTYPE=LVM2_member\nUSAGE=raid\n"),
            ),
        ]);
        let disks = disks(&recording);
        assert_eq!(disks.len(), 2);
        let disk = &disks[0];
        assert_eq!((disk.node.as_str(), disk.size), ("/dev/vdd", Some(Bytes(20 << 30))));
        assert_eq!((disk.read_only, disk.swap, disk.takes_discards), (Some(false), Some(true), Some(false)));
        assert_eq!(disk.partitions, Some(vec!["/dev/vdd1".into()]));
        assert_eq!(
            (&disk.holders, &disk.paths),
            (&Some(vec!["dm-3".into()]), &vec!["/dev/disk/by-id/x".into()])
        );
        assert_eq!(disk.content, Content::Holds("a physical volume of LVM".into()));
        assert_eq!(disks[1].mounts, ["/data"]);
        assert_eq!(disks[1].content, Content::Refused("ENOENT".into()));
    }

    #[test]
    fn signatures_are_described_in_words() {
        let holds = |text: &str| match words(text) {
            Content::Holds(what) => what,
            other => format!("{other:?}"),
        };
        assert_eq!(
            holds("DEVNAME=/dev/x\nLABEL=a b\nTYPE=ext4\nUSAGE=filesystem\n"),
            "a filesystem of type ext4 labelled \"a b\""
        );
        assert_eq!(holds("DEVNAME=/dev/x\nPTUUID=1\nPTTYPE=gpt\n"), "a partition table (gpt)");
        assert_eq!(holds("TYPE=crypto_LUKS\nUSAGE=crypto\n"), "a signature of type crypto_LUKS");
        assert_eq!(holds("ambivalent\n"), "signatures of several kinds");
        assert_eq!(words(""), Content::Nothing);
    }

    #[test]
    fn installed_and_missing_tools() {
        let recording = recording(&[
            (Query::Tool, "lvcreate", said("/usr/sbin/lvcreate")),
            (Query::Tool, "thin_dump", Outcome::Refused("ENOENT".into())),
            (Query::Tool, "x", Outcome::TimedOut(1)),
        ]);
        let tools = tools(&recording);
        assert_eq!(tools.len(), 2);
        assert_eq!(tools[1], ("thin_dump".to_owned(), None));
    }
}

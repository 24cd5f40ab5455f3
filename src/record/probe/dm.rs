//! Queries device-mapper through its ioctls and returns answers in the format of `dmsetup`.
//!
//! Only reads. Never queries a status without `DM_NOFLUSH`, because the kernel would commit the pool's metadata first
//! (drivers/md/dm-thin.c, `pool_status`).

use super::root::Root;
use crate::record::Outcome;
use crate::record::redact::REDACTED;
use devicemapper::{DM, DevId, DeviceInfo, DmError, DmFlags, DmName, DmOptions, errors};
use nix::errno::Errno;
use std::fmt::Write;
use std::path::Path;

/// The open control node.
pub(super) struct Mapper {
    dm: DM,
}

/// Target types whose tables contain no keys. For every other type only the type is kept: a `crypt` table contains the
/// key of the disk.
const KEYLESS: [&str; 25] = [
    "thin-pool",
    "thin",
    "linear",
    "striped",
    "unstriped",
    "error",
    "zero",
    "delay",
    "flakey",
    "dust",
    "snapshot",
    "snapshot-origin",
    "snapshot-merge",
    "mirror",
    "raid",
    "cache",
    "writecache",
    "multipath",
    "era",
    "clone",
    "vdo",
    "log-writes",
    "switch",
    "zoned",
    "ebs",
];

type Targets = Vec<(u64, u64, String, String)>;

impl Mapper {
    /// Opens the control node, if the kernel has device-mapper loaded. Otherwise opening the node would load it.
    pub(super) fn open(root: &Root) -> Result<Self, Outcome> {
        match loaded(root) {
            Ok(true) => {}
            Ok(false) => return Err(refused(Errno::ENOENT, "the kernel has no device-mapper loaded")),
            // Reported with another errno, because ENOENT means that device-mapper is not loaded.
            Err(Errno::ENOENT) => {
                let why = "/proc/misc is missing here, so that it is not known whether the kernel has device-mapper";
                return Err(refused(Errno::ENODATA, why));
            }
            Err(errno) => {
                let why = "/proc/misc could not be read, so that it is not known whether the kernel has device-mapper";
                return Err(refused(errno, why));
            }
        }
        // Opened once before, because the crate hides the errno of a failing open.
        std::fs::File::open("/dev/mapper/control").map_err(|e| {
            match e.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EACCES) => not_root(Errno::EACCES),
                Some(Errno::EPERM) => not_root(Errno::EPERM),
                Some(Errno::ENOENT) => refused(Errno::ENODEV, "/dev/mapper/control is missing here"),
                Some(errno) => Outcome::refused(errno),
                None => Outcome::Refused(format!("EIO: {e}")),
            }
        })?;
        DM::new().map(|dm| Self { dm }).map_err(|e| because(&e))
    }

    pub(super) fn version(&self) -> Result<String, Outcome> {
        let (major, minor, patch) = self.dm.version().map_err(|e| because(&e))?;
        Ok(format!("{major}.{minor}.{patch}"))
    }

    pub(super) fn list(&self) -> Result<String, Outcome> {
        let devices = self.dm.list_devices().map_err(|e| because(&e))?;
        let lines = devices.iter().map(|(name, device, event)| {
            let event = event.map_or_else(|| "-".to_owned(), |n| n.to_string());
            format!("{device} {event} {name}", name = name.as_ref())
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    pub(super) fn table(&self, target: &str) -> Result<String, Outcome> {
        Ok(lines(&self.targets(target, DmFlags::DM_STATUS_TABLE)?, keyless))
    }

    pub(super) fn status(&self, target: &str) -> Result<String, Outcome> {
        Ok(lines(&self.targets(target, DmFlags::empty())?, |_, words| words.to_owned()))
    }

    pub(super) fn info(&self, target: &str) -> Result<String, Outcome> {
        let info = self.dm.device_info(&DevId::Name(name(target)?)).map_err(|e| because(&e))?;
        Ok(info_text(&info))
    }

    fn targets(&self, target: &str, flags: DmFlags) -> Result<Targets, Outcome> {
        let options = DmOptions::default().set_flags(flags | DmFlags::DM_NOFLUSH);
        let (_, targets) =
            self.dm.table_status(&DevId::Name(name(target)?), options).map_err(|e| because(&e))?;
        Ok(targets)
    }
}

fn lines(targets: &Targets, keep: impl Fn(&str, &str) -> String) -> String {
    let line = |(start, length, kind, words): &(u64, u64, String, String)| {
        format!("{start} {length} {kind} {}", keep(kind, words))
    };
    targets.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn keyless(kind: &str, words: &str) -> String {
    if KEYLESS.contains(&kind) { words.to_owned() } else { REDACTED.to_owned() }
}

/// Formats the info as `dmsetup info NAME` does, without unused lines.
fn info_text(info: &DeviceInfo) -> String {
    let flags = info.flags();
    let mut text = String::new();
    let name = info.name().map(ToString::to_string).unwrap_or_default();
    let mut state = if flags.contains(DmFlags::DM_SUSPEND) { "SUSPENDED" } else { "ACTIVE" }.to_owned();
    if flags.contains(DmFlags::DM_READONLY) {
        state.push_str(" (READ-ONLY)");
    }
    if flags.contains(DmFlags::DM_DEFERRED_REMOVE) {
        state.push_str(" (DEFERRED REMOVE)");
    }
    let live = flags.contains(DmFlags::DM_ACTIVE_PRESENT);
    let tables = match (live, flags.contains(DmFlags::DM_INACTIVE_PRESENT)) {
        (true, true) => "LIVE & INACTIVE",
        (true, false) => "LIVE",
        (false, true) => "INACTIVE",
        (false, false) => "None",
    };
    let device = info.device();
    let rows = [
        ("Name", name),
        ("State", state),
        ("Tables present", tables.to_owned()),
        ("Open count", info.open_count().to_string()),
        ("Event number", info.event_nr().to_string()),
        ("Major, minor", format!("{}, {}", device.major, device.minor)),
    ];
    for (title, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<18} {value}", format!("{title}:"));
    }
    if let Some(uuid) = info.uuid() {
        let _ = writeln!(text, "UUID: {uuid}");
    }
    text
}

fn name(target: &str) -> Result<&DmName, Outcome> {
    DmName::new(target)
        .map_err(|_| refused(Errno::EINVAL, "not a device-mapper name: empty, too long, or not ASCII"))
}

/// Whether the kernel has device-mapper loaded; an error if that cannot be determined.
fn loaded(root: &Root) -> Result<bool, Errno> {
    let own = listed(Path::new("/proc/misc"));
    if own == Ok(true)
        || listed(&root.place("/proc/misc")) == Ok(true)
        || Path::new("/sys/class/misc/device-mapper").exists()
    {
        return Ok(true);
    }
    own
}

fn listed(misc: &Path) -> Result<bool, Errno> {
    let text =
        std::fs::read_to_string(misc).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    Ok(text.lines().any(|l| l.split_whitespace().nth(1) == Some("device-mapper")))
}

fn refused(errno: Errno, why: &str) -> Outcome {
    Outcome::Refused(format!("{errno:?}: {why}"))
}

fn not_root(errno: Errno) -> Outcome {
    refused(errno, "only root may ask device-mapper (CAP_SYS_ADMIN in the first user namespace)")
}

fn because(error: &DmError) -> Outcome {
    match error {
        DmError::Core(errors::Error::Ioctl(_, _, _, errno)) => match **errno {
            errno @ (Errno::EACCES | Errno::EPERM) => not_root(errno),
            errno => Outcome::refused(errno),
        },
        DmError::Dm(_, why) if why.contains("UTF8") || why.contains("String") => refused(
            Errno::EILSEQ,
            "device-mapper's answer holds a name that is no valid text, and cannot be read past it",
        ),
        DmError::Core(errors::Error::InvalidArgument(why)) if why.contains("non-ascii") => refused(
            Errno::EILSEQ,
            "device-mapper's answer holds a name that is not ASCII, and cannot be read past it",
        ),
        other => refused(Errno::EPROTO, &other.to_string().replace('\n', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leaves() {
        let key = "0123456789abcdef";
        let targets = vec![
            (0, 8, "crypt".to_owned(), format!("aes-xts-plain64 {key} 0 8:1 4096")),
            (8, 8, "integrity".to_owned(), format!("8:1 0 32 J 1 internal_hash:hmac:{key}")),
            (16, 8, "linear".to_owned(), "8:1 2048".to_owned()),
        ];
        assert_eq!(
            lines(&targets, keyless),
            "0 8 crypt <redacted>\n8 8 integrity <redacted>\n16 8 linear 8:1 2048"
        );
    }

    #[test]
    fn a_kernel_without_device_mapper_is_reported() {
        let root = Root::new("/".into());
        assert_eq!(listed(Path::new("/nonexistent/misc")), Err(Errno::ENOENT));
        if loaded(&root) != Ok(false) {
            return;
        }
        let Err(outcome) = Mapper::open(&root) else { panic!("opened what is not loaded") };
        assert_eq!(outcome, Outcome::Refused("ENOENT: the kernel has no device-mapper loaded".to_owned()));
        assert_eq!(outcome.errno(), Some("ENOENT"));
    }
}

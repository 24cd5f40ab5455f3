//! Checks whether a disk or volume group can take the pool: its users, contents and size.
//!
//! Anything in use or not known to be empty is refused; nothing is ever wiped.

use super::layout::Room;
use super::naming::Naming;
use crate::advice::quote;
use crate::host::Host;
use crate::host::block::disk::{Content, Disk};
use crate::host::lvm::LvName;
use crate::host::model::units::Bytes;

/// Requested destination of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// An unused disk or partition, by any of its paths.
    Device(String),
    /// The free space of a volume group.
    Group(String),
}

/// A usable destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The device that becomes a volume group, and its size; `None` if the group exists.
    pub(super) device: Option<(String, Bytes)>,
    /// Identity of that device, as the script's `identity_of` prints it.
    pub(super) identity: Option<String>,
    /// The pool's volume in its group.
    pub(super) volume: LvName,
    /// The available space.
    pub(super) room: Room,
    /// Bytes of the device, or free in the group.
    pub(super) bytes: Bytes,
    /// Whether it takes discards.
    pub(super) takes_discards: Option<bool>,
    /// Bytes in its logical block.
    pub(super) logical_block: Option<u64>,
}

/// The destination, or a sentence why it cannot be used.
pub(super) fn target(host: &Host, wanted: &Where, naming: Naming<'_>) -> Result<Target, String> {
    match wanted {
        Where::Device(path) => device(host, path, naming),
        Where::Group(name) => group(host, name, naming),
    }
}

fn device(host: &Host, path: &str, naming: Naming<'_>) -> Result<Target, String> {
    let disk = host.disks.iter().find(|d| d.node == path || d.paths.iter().any(|p| p == path));
    let disk = disk.ok_or_else(|| unknown(host, path))?;
    free(host, disk)?;
    let size = disk.size.ok_or_else(|| format!("how large {} is was not said", disk.node))?;
    let volume = naming.on_device()?;
    let group = &volume.vg;
    if host.lvm.group(group).is_some() {
        return Err(format!(
            "there is a volume group named {group:?} already: add {} to it and name the group with --vg {group}, or \
             make a group of another name and name that",
            disk.node
        ));
    }
    Ok(Target {
        device: Some((disk.node.clone(), size)),
        identity: disk.identity.clone(),
        volume,
        room: Room::device(size.0),
        bytes: size,
        takes_discards: disk.takes_discards,
        logical_block: disk.logical_block,
    })
}

fn unknown(host: &Host, path: &str) -> String {
    let known: Vec<&str> =
        host.disks.iter().filter(|d| free(host, d).is_ok()).map(|d| d.node.as_str()).collect();
    match known.as_slice() {
        [] if host.disks.is_empty() => {
            format!(
                "nothing is known of {path} here: make the plan, or the recording, on the host itself, as root"
            )
        }
        [] => format!("there is no block device {path} here, and no other disk is free"),
        known => format!("there is no block device {path} here; free are: {}", known.join(", ")),
    }
}

/// Checks that a disk is unused and empty; otherwise a sentence why not.
pub(super) fn free(host: &Host, disk: &Disk) -> Result<(), String> {
    let node = &disk.node;
    if let Some(mount) = disk.mounts.first() {
        return Err(format!("{node} is mounted on {mount}"));
    }
    if disk.swap == Some(true) {
        return Err(format!("{node} is swap space in use"));
    }
    if let Some(first) = disk.partitions.as_ref().and_then(|p| p.first()) {
        return Err(format!("{node} has partitions ({first}): name one that is free, or another disk"));
    }
    let holders = disk.holders.as_deref().unwrap_or_default();
    if let Some(holder) = holders.first() {
        return Err(format!("{node} is part of another device ({holder})"));
    }
    if disk.read_only == Some(true) {
        return Err(format!("{node} is read-only"));
    }
    let in_lvm = "a physical volume of LVM";
    match &disk.content {
        Content::Nothing if disk.holders.is_some() && disk.swap.is_some() => Ok(()),
        Content::Holds(what) if what == in_lvm => {
            Err(format!("{node} is {what}: name its volume group with --vg instead{}", groups(host)))
        }
        Content::Holds(what) => Err(format!(
            "{node} holds {what}: this plan never wipes anything; if nothing on it is needed, `wipefs -a {}` does",
            quote(node)
        )),
        Content::Refused(why) => {
            Err(format!("{node} could not be looked into ({why}), so it is not known to be empty"))
        }
        Content::Nothing | Content::Unknown => Err(format!("whether {node} is in use or empty was not said")),
    }
}

fn group(host: &Host, name: &str, naming: Naming<'_>) -> Result<Target, String> {
    let group = host.lvm.group(name).ok_or_else(|| match host.lvm.groups.as_slice() {
        [] => format!("no volume group {name:?} is known here: make the plan on the host itself, as root"),
        _ => format!("there is no volume group {name:?}{}", groups(host)),
    })?;
    let free = group.free.ok_or_else(|| format!("what volume group {name:?} has free was not said"))?;
    let volume = naming.in_group(name)?;
    if host.lvm.volumes.iter().any(|v| v.name == volume) {
        return Err(format!(
            "volume group {name:?} has a volume {:?} already: what it is, only you know",
            volume.lv
        ));
    }
    let extent = group.extent.map_or(super::layout::EXTENT, |e| e.0);
    Ok(Target {
        device: None,
        identity: None,
        volume,
        room: Room::group(free.0, extent),
        bytes: free,
        takes_discards: None,
        logical_block: None,
    })
}

fn groups(host: &Host) -> String {
    let names: Vec<&str> = host.lvm.groups.iter().map(|g| g.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; there is: {}", names.join(", ")) }
}

/// Required tools that are missing, with the packages that provide them.
pub(super) fn missing_tools(host: &Host) -> Option<String> {
    let packages = [
        ("lvcreate", "lvm2"),
        ("lvconvert", "lvm2"),
        ("vgcreate", "lvm2"),
        ("dmeventd", "dmeventd (Debian, Ubuntu) or device-mapper-event (Red Hat)"),
        ("thin_check", "thin-provisioning-tools (Debian, Ubuntu) or device-mapper-persistent-data (Red Hat)"),
        (
            "thin_restore",
            "thin-provisioning-tools (Debian, Ubuntu) or device-mapper-persistent-data (Red Hat)",
        ),
    ];
    let absent = |tool: &str| host.tools.iter().any(|(name, place)| name == tool && place.is_none());
    let (tool, package) = packages.iter().find(|(tool, _)| absent(tool))?;
    Some(format!("{tool} is not installed; it comes with the package {package}"))
}

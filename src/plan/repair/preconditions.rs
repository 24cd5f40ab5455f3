//! Conditions that make a repair unsafe: failing storage under the metadata, no room for a copy, or unknown backing.
//!
//! A blocked plan gives the reason and what has to come first.

use super::{MetadataBacking, RepairContext};
use crate::advice::recipes::{lost_files, put_back};
use crate::advice::{Risk, quote};
use crate::host::Host;
use crate::host::fs::filesystem_of;
use crate::host::log::Message;
use crate::host::model::backing::{Backing, Filesystem};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::plan::Number;
use crate::plan::grow::ask_for;
use crate::plan::{Plan, Step};

/// Free space to keep besides the copies.
const RESERVE: u64 = 64 << 20;

/// Blocks the plan if a repair would be unsafe or useless.
pub(super) fn refuse(plan: &mut Plan, context: &RepairContext<'_>) -> bool {
    lost_file(plan, context);
    failing_disk(plan, context);
    if context.backing == MetadataBacking::Unknown || context.pool.name.is_none() {
        plan.block("what carries the pool's metadata is not known here");
        plan.steps.push(ask_for(context.pool, "repair"));
    }
    if plan.possible {
        room(plan, context);
    }
    !plan.possible
}

/// A file without a name is lost when its loop device goes: it gets its name back first, or is saved at least.
fn lost_file(plan: &mut Plan, context: &RepairContext<'_>) {
    let lost = lost_files(context.pool);
    for (word, backing) in &lost {
        plan.block(format!(
            "the loop file of the {word}, {:?}, was deleted or replaced while in use: stopping Docker would lose \
             its content for good; give it its name back first",
            backing.file.as_ref().map(|f| f.path.as_str()).unwrap_or_default()
        ));
    }
    if let Some(commands) = put_back(context.pool) {
        let why = "In one shell, which stays open from the first command to the last: it holds the loop device, which \
                   would go with Docker. If the copy fails, do not close it: free space, and copy again.";
        return plan.steps.push(Step::new(Risk::Stops, "give the file its name back", why, commands));
    }
    for (word, backing) in lost {
        let (Some(node), Some(file)) = (&backing.path, &backing.file) else { continue };
        let (node, saved) = (quote(node), quote(&format!("{}.saved", file.path)));
        let commands = vec![format!("dd if={node} of={saved} bs=1M iflag=direct conv=sparse,fsync")];
        let why = "Free space for it on that filesystem, or write it elsewhere. The copy of a pool in use is only \
                   as good as the moment: stop what writes.";
        plan.steps.push(Step::new(Risk::Changes, format!("save the {word}"), why, commands));
    }
}

/// Errors of a disk under the pool: a repair there fails again, and may cost what can still be read.
fn failing_disk(plan: &mut Plan, context: &RepairContext<'_>) {
    let under = disks(context);
    let hit = |host: &Host, message: Message| {
        host.known(message).find_map(|saying| match device_in(&saying.text) {
            Some(device) if !under.is_empty() => {
                under.iter().any(|d| d.starts_with(device)).then(|| saying.text.clone())
            }
            _ if message == Message::BlockIoError => None,
            _ => Some(saying.text.clone()),
        })
    };
    let messages =
        [Message::MediumError, Message::DeviceReadFailed, Message::SnapshotInvalid, Message::BlockIoError];
    let Some(line) = messages.into_iter().find_map(|message| hit(context.host, message)) else { return };
    plan.block(format!(
        "a device under the pool fails ({line:?}): replace it, or copy it onto a sound one, first; a repair there \
         would fail again and may cost what can still be read"
    ));
    let commands =
        vec!["lsblk -s".to_owned(), "dmesg | grep -E 'I/O error|medium error|Invalid' | tail -50".to_owned()];
    plan.steps.push(Step::look("see which device fails", "The repair comes after it is replaced.", commands));
}

/// The disk that a line of the kernel's names; loop and device-mapper devices pass on errors of others.
fn device_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(" dev ").or_else(|| text.split_once("/dev/"))?;
    let device = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
    let passes_on = device.starts_with("loop") || device.starts_with("dm-") || device.starts_with("mapper");
    (!passes_on && !device.is_empty()).then_some(device)
}

/// Kernel names of the disks and partitions under the pool, as far as known.
fn disks(context: &RepairContext<'_>) -> Vec<String> {
    let of = |backing: &Backing| -> Vec<String> {
        let source = backing.filesystem.as_ref().and_then(|f| f.source.clone());
        backing.below.iter().cloned().chain(source).collect()
    };
    let all = of(&context.pool.metadata_backing).into_iter().chain(of(&context.pool.data_backing));
    all.filter_map(|node| node.strip_prefix("/dev/").map(str::to_owned))
        .filter(|n| !n.starts_with("mapper/"))
        .collect()
}

/// The filesystem that takes the copies, and a file or directory on it.
fn place<'a>(context: &'a RepairContext<'_>) -> (Option<&'a Filesystem>, &'a str) {
    if let MetadataBacking::File { metadata, .. } = &context.backing {
        let backing = &context.pool.metadata_backing;
        return (backing.filesystem.as_ref().or(context.pool.data_backing.filesystem.as_ref()), metadata);
    }
    (filesystem_of(&context.host.filesystems, &context.copies), &context.copies)
}

fn room(plan: &mut Plan, context: &RepairContext<'_>) {
    let (filesystem, path) = place(context);
    let free = filesystem.and_then(|f| f.free);
    plan.numbers.set(Number::FilesystemFreeBytes, free);
    // Pasted reports do not say what a sparse file takes: what is in use is the best guess.
    let used = context.metadata.used().and_then(|u| context.metadata.bytes(u));
    let exact = context.pool.metadata_backing.file.as_ref().is_none_or(|f| f.allocated.is_some());
    let copy = if exact { context.bytes() } else { used.or_else(|| context.bytes()) };
    plan.numbers.set(Number::MetadataCopyBytes, copy);
    let needed = copy.map(|copy| copy.saturating_mul(2).saturating_add(RESERVE));
    plan.numbers.set(Number::RoomNeededBytes, needed);
    let Some((free, needed)) = free.zip(needed) else {
        let needed = needed.map_or_else(Text::new, |needed| text!(": {} are needed", Bytes(needed)));
        return plan.warn(text!("what is free where the copies go is not known here{}", needed));
    };
    let mount = filesystem.and_then(|f| f.mount.as_deref());
    if free.0 >= needed {
        return outgrown(plan, context, free, mount);
    }
    let full = matches!(context.backing, MetadataBacking::File { .. });
    plan.block(text!(
        "the filesystem of {} has {} free, and {} are needed for a copy of the metadata: free space \
         there first{}",
        format!("{path:?}"),
        free,
        Bytes(needed),
        if full { "; it is most likely what broke the pool, and would break it again" } else { "" }
    ));
    let place = quote(mount.unwrap_or_else(|| path.rsplit_once('/').map_or("/", |(d, _)| d)));
    let commands = vec![
        format!("df -h {place}"),
        format!("du -xh --max-depth=2 {place} 2>/dev/null | sort -h | tail -20"),
    ];
    let why =
        "Logs, caches and packages can go. Leave the files `data` and `metadata` alone: they are the pool.";
    plan.steps.push(Step::look("see what fills that filesystem", why, commands));
    let command = format!("thinspect plan repair{}", crate::advice::recipes::pool_option(context.pool));
    let why = "Stop Docker, copy and check the metadata, clear the mark or repair, start again.";
    plan.steps.push(Step::look("then plan again: it gives the repair itself", why, vec![command]));
}

/// Warns that the filesystem has room for the copies but may fill up once the pool is used.
fn outgrown(plan: &mut Plan, context: &RepairContext<'_>, free: Bytes, mount: Option<&str>) {
    let growth = context.pool.data_backing.file.as_ref().and_then(|f| f.may_grow());
    if let Some(growth) = growth.filter(|growth| *growth > free) {
        plan.warn(text!(
            "the pool's loop file may still demand {} of its filesystem ({}), which has {} free: when \
             that is used up, the pool breaks again",
            growth,
            mount.unwrap_or("not named"),
            free
        ));
    }
}

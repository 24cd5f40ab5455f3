//! What stands on what, drawn as boxes: thin devices, pool, its two devices, files, filesystems, disks.

use super::Style;
use super::amount;
use super::builder::Html;
use crate::host::Host;
use crate::host::model::backing::{Backing, BackingKind};
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;

/// The stack of a pool, top down.
pub(super) fn figure(page: &mut Html, pool: &Pool, host: &Host, style: &Style) {
    page.open("figure", "stack");
    let thin_devices: Vec<_> = host.thins_of(pool).collect();
    if !thin_devices.is_empty() {
        let promised =
            thin_devices.iter().filter_map(|t| t.length).fold(Bytes(0), |sum, l| sum.plus(l.bytes()));
        let devices = if thin_devices.len() == 1 { "device" } else { "devices" };
        let head = format!("{} active thin {devices}", thin_devices.len());
        single(page, "box thins", &head, &[text!("together up to {}", promised)], style);
    }
    let mut facts = vec![text!("data {}", amount(pool.data.total_in_bytes()))];
    facts.push(text!("metadata {}", amount(pool.metadata.total_in_bytes())));
    facts.extend(pool.block.map(|b| text!("blocks of {}", b)));
    single(page, "box this", &format!("thin pool {}", pool.label()), &facts, style);
    page.open("div", "halves");
    for (half, backing) in [("data", &pool.data_backing), ("metadata", &pool.metadata_backing)] {
        page.open("div", "half");
        carried(page, half, backing, style);
        page.close("div");
    }
    page.close("div").element("figcaption", "", "What carries what, from top to bottom").close("figure");
}

fn single(page: &mut Html, class: &'static str, head: &str, facts: &[Text], style: &Style) {
    page.open("div", class).element("strong", "", head);
    for fact in facts {
        page.element("span", "", &style.say(fact));
    }
    page.close("div");
}

/// One half's device, its file, the file's filesystem, the disks.
fn carried(page: &mut Html, half: &str, backing: &Backing, style: &Style) {
    let kind = match backing.kind {
        BackingKind::Loop => "loop device",
        BackingKind::Lvm => "logical volume",
        BackingKind::Partition => "partition",
        BackingKind::Disk => "disk",
        BackingKind::Dm => "device-mapper device",
        BackingKind::Unknown => "device",
    };
    let number = backing.device.map(|d| d.to_string());
    let node = backing.path.clone().or(number).unwrap_or_else(|| "not known".to_owned());
    let size: Vec<Text> = backing.size.map(Text::from).into_iter().collect();
    single(page, "box", &format!("{half}: {kind} {node}"), &size, style);
    if let Some(file) = &backing.file {
        let mut facts = vec![text!("{} large", amount(file.size)), text!("{} taken", amount(file.allocated))];
        if file.deleted {
            facts.push("DELETED while in use".into());
        }
        single(page, "box", &format!("file {}", file.path), &facts, style);
    }
    if let Some(filesystem) = &backing.filesystem {
        let mount = filesystem.mount.as_deref().unwrap_or("not known where");
        let kind = filesystem.kind.as_deref().unwrap_or("filesystem");
        let facts = [text!("{} free of {}", amount(filesystem.free), amount(filesystem.size))];
        single(page, "box", &format!("{kind} on {mount}"), &facts, style);
        if let Some(source) = &filesystem.source {
            single(page, "box", source, &[], style);
        }
    }
    if !backing.below.is_empty() {
        single(page, "box", &backing.below.join(", "), &[], style);
    }
}

//! Draws a pool's device stack as boxes: thin devices, pool, data and metadata devices, files, filesystems, disks.

use super::Style;
use super::amount;
use crate::host::Host;
use crate::host::model::backing::{Backing, BackingKind};
use crate::host::model::pool::{Pool, PoolHalf};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use maud::{Markup, html};

/// The stack of a pool, top down.
pub(super) fn figure(pool: &Pool, host: &Host, style: &Style) -> Markup {
    let mut facts = vec![text!("data {}", amount(pool.data.total_in_bytes()))];
    facts.push(text!("metadata {}", amount(pool.metadata.total_in_bytes())));
    facts.extend(pool.block.map(|b| text!("blocks of {}", b)));
    let halves = [(PoolHalf::Data, &pool.data_backing), (PoolHalf::Metadata, &pool.metadata_backing)];
    html! {
        figure.stack {
            (thin_devices(pool, host, style))
            (layer("box this", &format!("thin pool {}", pool.label()), &facts, style))
            div.halves {
                @for (half, backing) in halves {
                    div.half { (layers(half, backing, style)) }
                }
            }
            figcaption { "What carries what, from top to bottom" }
        }
    }
}

fn thin_devices(pool: &Pool, host: &Host, style: &Style) -> Markup {
    let thins: Vec<_> = host.thins_of(pool).collect();
    let promised = thins.iter().filter_map(|t| t.length).fold(Bytes(0), |sum, l| sum.plus(l.bytes()));
    let head = format!("{} active thin {}", thins.len(), if thins.len() == 1 { "device" } else { "devices" });
    html! {
        @if !thins.is_empty() {
            (layer("box thins", &head, &[text!("together up to {}", promised)], style))
        }
    }
}

fn layer(class: &str, head: &str, facts: &[Text], style: &Style) -> Markup {
    html! {
        div class=(class) {
            strong { (head) }
            @for fact in facts {
                span { (style.say(fact)) }
            }
        }
    }
}

/// The boxes below the pool for its data or metadata: device, file, filesystem, disks.
fn layers(half: PoolHalf, backing: &Backing, style: &Style) -> Markup {
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
    html! {
        (layer("box", &format!("{}: {kind} {node}", half.word()), &size, style))
        @if let Some(file) = &backing.file {
            @let taken = [text!("{} large", amount(file.size)), text!("{} taken", amount(file.allocated))];
            @let deleted = file.deleted.then(|| Text::from("DELETED while in use"));
            @let facts: Vec<Text> = taken.into_iter().chain(deleted).collect();
            (layer("box", &format!("file {}", file.path), &facts, style))
        }
        @if let Some(filesystem) = &backing.filesystem {
            @let mount = filesystem.mount.as_deref().unwrap_or("not known where");
            @let kind = filesystem.kind.as_deref().unwrap_or("filesystem");
            @let facts = [text!("{} free of {}", amount(filesystem.free), amount(filesystem.size))];
            (layer("box", &format!("{kind} on {mount}"), &facts, style))
            @if let Some(source) = &filesystem.source {
                (layer("box", source, &[], style))
            }
        }
        @if !backing.below.is_empty() {
            (layer("box", &backing.below.join(", "), &[], style))
        }
    }
}

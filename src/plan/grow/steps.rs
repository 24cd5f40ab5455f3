//! The steps that grow a pool whose name and layout are known: loop files, LVM's pools, other devices.
//!
//! Metadata grows first, in a separate resize, because data cannot grow while metadata is short. The new table is
//! loaded before the pool is suspended, so that a rejected table has no effect.

use super::GrowContext;
use crate::advice::{Risk, quote};
use crate::host::lvm::{LvName, split_name};
use crate::host::model::backing::{Backing, BackingKind};
use crate::host::model::pool::{Pool, PoolHalf};
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, SECTOR};
use crate::plan::pool_facts::SpaceFacts;
use crate::plan::{Plan, ScriptStep, Step, script};

/// How a pool's data or metadata device is enlarged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) enum GrowMethod {
    /// Enlarge the file, tell the loop device, reload the pool's table.
    Loop { node: String, file: String },
    /// LVM does everything.
    Lvm(LvName),
    /// Another tool enlarges the device; the pool's table is reloaded.
    Device { node: String },
    /// The backing device is unknown.
    Unknown,
}

/// Determines how to enlarge one of a pool's devices.
pub(in crate::plan) fn grow_method(pool: &Pool, backing: &Backing) -> GrowMethod {
    let lvms = pool.uuid.as_deref().is_some_and(|u| u.starts_with("LVM-"));
    let named = || split_name(pool.name.as_deref().filter(|_| lvms)?).map(|(name, _)| name);
    if let Some(name) = pool.lv.clone().or_else(named) {
        return GrowMethod::Lvm(name);
    }
    let number = backing.device.filter(|d| d.is_loop()).map(|d| format!("/dev/loop{}", d.minor));
    let node = backing.path.clone().or(number).filter(|node| node.starts_with("/dev/"));
    match (backing.kind, node, &backing.file) {
        (BackingKind::Loop, Some(node), Some(file)) if file.path.starts_with('/') => {
            GrowMethod::Loop { node, file: file.path.clone() }
        }
        (BackingKind::Loop | BackingKind::Unknown, ..) | (_, None, _) => GrowMethod::Unknown,
        (_, Some(node), _) => GrowMethod::Device { node },
    }
}

/// What a step enlarges: the data or metadata, its space, and its new total in blocks.
#[derive(Clone, Copy)]
struct About<'a> {
    half: PoolHalf,
    space: &'a SpaceFacts,
    new: u64,
}

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, context: &GrowContext<'_>) {
    let Some(name) = &context.pool.name else { return };
    if name.starts_with('-') {
        plan.basis.unscriptable =
            Some("the tools take the pool's name, which begins with -, for an option".into());
    }
    plan.basis.needs = preconditions(context);
    plan.basis.pieces = vec![&script::RESIZE];
    let metadata = context.new_metadata.filter(|_| context.more_metadata().is_some());
    let data = context.new_data.filter(|_| context.more_data().is_some());
    for (half, space, new, backing) in [
        (PoolHalf::Metadata, &context.metadata, metadata, &context.pool.metadata_backing),
        (PoolHalf::Data, &context.data, data, &context.pool.data_backing),
    ] {
        let Some(new) = new else { continue };
        let about = About { half, space, new };
        let Some(bytes) = space.bytes(new) else { continue };
        match grow_method(context.pool, backing) {
            GrowMethod::Loop { node, file } => {
                plan.steps.push(enlarge(about, bytes, &node, &file));
                plan.steps.push(resize(about, bytes, name, &node, context.pool));
            }
            GrowMethod::Lvm(lv) => plan.steps.push(extend(about, bytes, name, &lv, context)),
            GrowMethod::Device { node } if backing.size.is_none_or(|size| size.0 >= bytes) => {
                plan.steps.push(resize(about, bytes, name, &node, context.pool));
            }
            GrowMethod::Device { node } => plan.block(text!(
                "the device under the {}, {}, is smaller than {}: enlarge it first by the tool \
                 that made it",
                half.word(),
                format!("{node:?}"),
                Bytes(bytes)
            )),
            GrowMethod::Unknown => plan.block(format!("what carries the {} is not known", half.word())),
        }
    }
    if !plan.possible {
        plan.steps.clear();
    }
}

/// What must hold before the script does anything.
fn preconditions(context: &GrowContext<'_>) -> Vec<(String, String)> {
    let pool = context.pool;
    let number = |backing: &Backing| backing.device.map(|d| d.to_string());
    let block = pool.block.map(|b| (b.0 / SECTOR).to_string());
    let words = [number(&pool.metadata_backing), number(&pool.data_backing), block];
    let words: Vec<String> = words.into_iter().map(|w| w.unwrap_or_else(|| "any".to_owned())).collect();
    let mut needs = vec![
        (
            "dmsetup table \"$pool\" >/dev/null 2>&1".to_owned(),
            "there is no device-mapper device of that name here (or you are not root)".to_owned(),
        ),
        (
            format!("same_table {}", words.join(" ")),
            "the pool's table is not the recorded one; make a new plan".to_owned(),
        ),
        ("working".to_owned(), "the pool's mode does not allow it; look at `thinspect status`".to_owned()),
    ];
    if !matches!(grow_method(pool, &pool.data_backing), GrowMethod::Lvm(_)) {
        needs.push((
            "runs_elsewhere".to_owned(),
            "this shell, its directory, its output or its tools lie on the pool itself, or that cannot be told: while \
             the pool stands still they would too; run it from a shell of the host, not of a container"
                .to_owned(),
        ));
    }
    if let GrowMethod::Loop { node, file } = grow_method(pool, &pool.data_backing) {
        needs.push((
            format!("[ \"$(file_of {})\" = {} ]", quote(&node), quote(&file)),
            "the loop device of the data carries another file than recorded; make a new plan".to_owned(),
        ));
    }
    needs
}

fn enlarge(about: About<'_>, bytes: u64, node: &str, file: &str) -> Step {
    let (loop_node, path) = (quote(node), quote(file));
    let commands = vec![format!("truncate -c -s '>{bytes}' {path}"), format!("losetup -c {loop_node}")];
    let why = format!(
        "`>` makes it at least that large and never smaller; the new part takes no space until it is used. \
         The size stays: Docker makes its loop devices from the files' sizes at every start, and a smaller \
         dm.loop{}size does not shrink them.",
        about.half.word()
    );
    let does =
        text!("enlarge the loop file of the {} to {}, and tell {}", about.half.word(), Bytes(bytes), node);
    let mut step = Step::new(Risk::Changes, does, why, commands);
    let done = format!("[ \"$(size_of {loop_node})\" -ge {bytes} ]");
    step.check = Some(format!("test \"$(blockdev --getsize64 {loop_node})\" -ge {bytes}"));
    let needs = vec![
        (format!("[ -f {path} ]"), format!("there is no file {path}")),
        (
            format!("[ \"$(file_of {loop_node})\" = {path} ]"),
            format!("{loop_node} carries another file than recorded; make a new plan"),
        ),
        (
            format!("carries {path} {bytes}"),
            "the filesystem under the loop file has not enough free for a file of that size".to_owned(),
        ),
    ];
    let run = vec![format!("run truncate -c -s '>{bytes}' {path}"), format!("run losetup -c {loop_node}")];
    step.guarded = Some(ScriptStep { done, needs, run, ..ScriptStep::default() });
    step
}

/// Command that replaces the table. The kernel suspends the pool, exchanges its table and resumes it in one call; a
/// rejected table leaves it suspended, so the old one is restored.
fn exchange(name: &str, table: &str) -> String {
    format!(
        "dmsetup reload {name} --table \"${table}\" && {{ dmsetup resume {name} || {{ dmsetup reload {name} --table \
         \"$old\" && dmsetup resume {name}; }}; }}"
    )
}

fn resize(about: About<'_>, bytes: u64, name: &str, node: &str, pool: &Pool) -> Step {
    let (name, loop_node, new) = (quote(name), quote(node), about.new);
    let (commands, length) = if about.half == PoolHalf::Data {
        let sectors = bytes / SECTOR;
        let edit = format!("s/^0 [0-9]* thin-pool /0 {sectors} thin-pool /");
        let commands = vec![
            format!("old=$(dmsetup table {name}); new=$(printf '%s\\n' \"$old\" | sed '{edit}')"),
            exchange(&name, "new"),
        ];
        (commands, sectors.to_string())
    } else {
        let commands = vec![format!("old=$(dmsetup table {name})"), exchange(&name, "old")];
        (commands, "same".to_owned())
    };
    let why = if about.half == PoolHalf::Data {
        "The table's length is the pool's size; its other words stay. Writes wait for less than a second, \
         containers go on. If the kernel refuses the new table the pool stands still, and the last command \
         puts the old one back."
    } else {
        "The kernel looks at the size of the metadata device when a pool is resumed. Writes wait for less \
         than a second, containers go on."
    };
    let does = text!(
        "let the pool take the new size of its {}: {} in all",
        about.half.word(),
        about.space.amount(new)
    );
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(check(about, &name));
    let mut needs = vec![(
        format!("[ \"$(size_of {loop_node})\" -ge {bytes} ]"),
        format!("{loop_node} is smaller than {bytes} bytes"),
    )];
    if about.half == PoolHalf::Data && pool.metadata.total.is_some() {
        needs.push(("writable".to_owned(), "the pool is read-only: its data cannot grow".to_owned()));
    }
    let done = format!("[ \"$(blocks {})\" -ge {new} ]", about.half.word());
    step.guarded = Some(ScriptStep {
        done,
        needs,
        run: vec![format!("exchange_table {length}")],
        ..ScriptStep::default()
    });
    step
}

/// A command that succeeds if the kernel counts the new total.
fn check(about: About<'_>, name: &str) -> String {
    let ratios = if about.half == PoolHalf::Data {
        format!(" [0-9]*/[0-9]* [0-9]*/{} ", about.new)
    } else {
        format!(" [0-9]*/{} [0-9]*/[0-9]* ", about.new)
    };
    format!("dmsetup status --noflush {name} | grep -q '{ratios}'")
}

fn extend(about: About<'_>, bytes: u64, name: &str, lv: &LvName, context: &GrowContext<'_>) -> Step {
    let volume = quote(&format!("{}/{}", lv.vg, lv.lv));
    let option = if about.half == PoolHalf::Data { "-L" } else { "--poolmetadatasize" };
    let command = format!("lvextend {option} {bytes}b {volume}");
    let more = bytes.saturating_sub(about.space.total.and_then(|t| about.space.bytes(t)).unwrap_or(0));
    let why = if about.half == PoolHalf::Data {
        "LVM enlarges the volume and reloads the pool's table; writes wait for less than a second, \
         containers go on. The size is the whole new size, so that typing it twice does no harm."
    } else {
        "LVM enlarges the metadata and, as much again, the spare volume kept for its repair. Writes wait for \
         less than a second, containers go on."
    };
    let does =
        text!("grow the {} of {}/{} by {} to {}", about.half.word(), lv.vg, lv.lv, Bytes(more), Bytes(bytes));
    let mut step = Step::new(Risk::Changes, does, why, vec![command.clone()]);
    let size = format!("lvs --noheadings --nosuffix --units b -o lv_size {volume}");
    step.check = Some(match about.space.unit_assumed {
        true => format!("[ \"$({size} | tr -d ' ')\" -ge {bytes} ]"),
        false => check(about, &quote(name)),
    });
    let taken = if about.half == PoolHalf::Data { more } else { more.saturating_mul(2) };
    let mut needs = vec![(
        format!("[ \"$(free_in {})\" -ge {taken} ]", quote(&lv.vg)),
        format!("volume group {} has less than {taken} bytes free", lv.vg),
    )];
    if about.half == PoolHalf::Data && context.pool.metadata.total.is_some() {
        needs.push(("writable".to_owned(), "the pool is read-only: its data cannot grow".to_owned()));
    }
    let done = format!("[ \"$(blocks {})\" -ge {} ]", about.half.word(), about.new);
    // LVM's autoextend may have grown the pool first, so that this command fails; only the resulting size matters.
    let run = vec![format!("run {command} || true")];
    step.guarded = Some(ScriptStep { done, needs, run, ..ScriptStep::default() });
    step
}

//! Offline repair of a pool on loop files: a copy is repaired and replaces the file once it passes the check.
//!
//! The original file is never written to, and is kept under another name.

use super::RepairContext;
use super::consumers::{OWNER_SHELL, is_dockers, owner_variable, remove_holders, start, works};
use crate::advice::{Risk, quote};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::plan::{Piece, Plan, ScriptStep, Step, script};

/// Repairs metadata in a file.
pub(in crate::plan) static SHELL: Piece = Piece {
    name: "repair/file.sh",
    text: include_str!("file.sh"),
    requires: &[&OWNER_SHELL, &script::LOOP],
    expects: &[],
};

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, context: &RepairContext<'_>, file: &str, data: Option<&str>) {
    basis(plan, context, file, data);
    plan.steps.push(take_down(context, file));
    plan.steps.push(copy(context, file));
    plan.steps.push(mend(context, file));
    plan.steps.push(put_in_place(file));
    plan.steps.push(raise(context, file, data));
}

fn basis(plan: &mut Plan, context: &RepairContext<'_>, file: &str, data: Option<&str>) {
    plan.basis.pieces = vec![&SHELL];
    plan.basis.variables = vec![
        ("file", file.to_owned()),
        ("data", data.unwrap_or_default().to_owned()),
        ("size", context.size.to_string()),
        owner_variable(context),
        ("superblock_words", context.superblock().unwrap_or_default()),
    ];
    plan.basis.variables.extend(script::docker_variables(context.host.docker_of(context.pool)));
    plan.basis.preconditions = true;
    if context.pool.name.as_deref().is_some_and(|n| n.starts_with('-')) {
        plan.basis.pieces.clear();
    }
}

/// First command of a step: sets the variables for the file and its working copy.
fn names(file: &str) -> String {
    format!("file={}; new=$file.repaired", quote(file))
}

/// The working copy.
fn new(file: &str) -> String {
    quote(&format!("{file}.repaired"))
}

fn take_down(context: &RepairContext<'_>, file: &str) -> Step {
    let (name, path) = (quote(context.pool.name.as_deref().unwrap_or_default()), quote(file));
    let mut commands = Vec::new();
    if !is_dockers(context) {
        commands.push(format!("dmsetup table {name} > {}", quote(&format!("{file}.table"))));
    }
    commands.extend(remove_holders(context));
    commands.push(format!("! dmsetup info {name} >/dev/null 2>&1 || dmsetup remove --retry {name}"));
    commands.push(format!("losetup -j {path} | cut -d: -f1 | xargs -r losetup -d"));
    let why = "Docker takes its own pool down when it stops; this is for what is left. No data is removed. A device \
               in use refuses; `grep -l NAME /proc/[0-9]*/mountinfo` tells who uses it.";
    let mut step = Step::new(Risk::Stops, "take down what is left of the pool", why, commands);
    step.check = Some(format!("! dmsetup info {name} 2>/dev/null && test -z \"$(losetup -j {path})\""));
    step.undo = raise_commands(context, file, None);
    step.guarded = Some(ScriptStep::named("take_pool_down"));
    step
}

fn copy(context: &RepairContext<'_>, file: &str) -> Step {
    let mut commands = vec![
        names(file),
        "cp -a --sparse=always \"$file\" \"$new\"".to_owned(),
        "cmp \"$file\" \"$new\"".to_owned(),
    ];
    let why = "The file itself is not touched: it stays as the way back.";
    let mut does = Text::from("copy the metadata; all work is done on the copy");
    if context.size > 0 {
        commands.push(format!("truncate -c -s '>{}' \"$new\"", context.size));
        does = text!("copy the metadata, and make the copy {}: it had run full", Bytes(context.size));
    }
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("test -s {}", new(file)));
    step.undo = vec![format!("rm {}", new(file))];
    step.guarded = Some(ScriptStep::named("copy_metadata"));
    step
}

fn mend(context: &RepairContext<'_>, file: &str) -> Step {
    let fresh = "size=$(stat -c %s \"$new\"); rm \"$new\"; cp -a --attributes-only \"$file\" \"$new\"";
    let commands = vec![
        names(file),
        format!(
            "mend() {{ {fresh}; truncate -s \"$size\" \"$new\"; thin_repair -i \"$file\" -o \"$new\"; }}"
        ),
        "thin_check \"$new\" || mend".to_owned(),
        "thin_check --clear-needs-check-flag \"$new\"".to_owned(),
    ];
    let lost = match context.superblock() {
        Some(words) => format!(" If it says that the superblock is lost: the same with {words}."),
        None => String::new(),
    };
    let why = format!(
        "Without errors only the mark is taken off. With errors thin_repair writes what it can save into a new file \
         of the same size, and that is checked: devices made in the last moments may be missing.{lost}"
    );
    let mut step = Step::new(Risk::Changes, "check the copy; repair it only if it has errors", why, commands);
    step.check = Some(format!("thin_check -q {}", new(file)));
    step.undo = vec![format!("rm {}", new(file))];
    step.guarded = Some(ScriptStep::named("mend_copy"));
    step
}

fn put_in_place(file: &str) -> Step {
    let commands = vec![
        names(file),
        "ln \"$file\" \"$file.before-repair\"".to_owned(),
        "sha256sum \"$file.before-repair\" > \"$file.before-repair.sha256\"".to_owned(),
        "mv -f \"$new\" \"$file\"".to_owned(),
    ];
    let why = "The old metadata is kept: delete it when everything has run well for some days.";
    let mut step = Step::new(Risk::Changes, "put the checked copy in its place", why, commands);
    step.check = Some(format!("thin_check -q {}", quote(file)));
    step.undo = vec![format!("mv -f {} {}", quote(&format!("{file}.before-repair")), quote(file))];
    step.guarded = Some(ScriptStep::named("put_in_place"));
    step
}

/// Commands that activate the pool if no daemon does.
fn raise_commands(context: &RepairContext<'_>, file: &str, data: Option<&str>) -> Vec<String> {
    if is_dockers(context) {
        return vec!["systemctl start docker".into()];
    }
    let name = quote(context.pool.name.as_deref().unwrap_or_default());
    let (path, table) = (quote(file), quote(&format!("{file}.table")));
    let carrier = match data {
        Some(data) => {
            let data = quote(data);
            format!("d=$(losetup -j {data} | head -n 1 | cut -d: -f1); d=${{d:-$(losetup -f --show {data})}}")
        }
        None => {
            let number = context.pool.data_backing.device.map_or_else(String::new, |d| d.to_string());
            format!("d={}", quote(context.pool.data_backing.path.as_deref().unwrap_or(&number)))
        }
    };
    let mut commands = vec![
        format!("m=$(losetup -f --show {path})"),
        carrier,
        format!("set -- $(cat {table})"),
        format!("dmsetup create {name} --table \"$1 $2 $3 $m $d ${{*:6}}\""),
    ];
    commands.extend(start(context));
    commands
}

fn raise(context: &RepairContext<'_>, file: &str, data: Option<&str>) -> Step {
    let does =
        if is_dockers(context) { "start Docker" } else { "set the pool up again, and start what uses it" };
    let why = "If it comes up read-only again, nothing is lost: stop, and take the last step back.";
    let mut step = Step::new(Risk::Changes, does, why, raise_commands(context, file, data));
    step.check = works(context);
    step.guarded = Some(ScriptStep::named("set_pool_up"));
    step
}

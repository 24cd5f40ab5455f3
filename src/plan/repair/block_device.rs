//! Offline repair of a pool whose metadata is on a device: a copy in a file is checked first and kept for rollback.
//!
//! LVM has its own repair, which keeps the old metadata; other devices are written only from a checked copy.

use super::RepairContext;
use super::consumers::{OWNER_SHELL, is_dockers, owner_variable, remove_holders, start, unheld, works};
use crate::advice::{Risk, quote};
use crate::host::dm::status::Mode;
use crate::host::lvm::LvName;
use crate::host::model::pool::Pool;
use crate::plan::grow::{Grow, Which, grow};
use crate::plan::{Piece, Plan, ScriptStep, Step, script};

/// Repairs metadata on a logical volume.
pub(in crate::plan) static SHELL: Piece =
    Piece { name: "repair/lvm.sh", text: include_str!("lvm.sh"), requires: &[&OWNER_SHELL], expects: &[] };

/// Adds the steps for a logical volume.
pub(super) fn lvm(plan: &mut Plan, context: &RepairContext<'_>, name: &LvName, node: &str) {
    let volume = format!("{}/{}", name.vg, name.lv);
    plan.basis.pieces = vec![&SHELL];
    plan.basis.variables = vec![
        ("volume", volume.clone()),
        ("node", node.to_owned()),
        ("copies", context.copies.clone()),
        ("superblock_words", context.superblock().unwrap_or_default()),
        owner_variable(context),
    ];
    plan.basis.preconditions = true;
    plan.basis.variables.extend(script::docker_variables(context.host.docker_of(context.pool)));
    plan.steps.extend(clear(context));
    plan.steps.push(copy_volume(context, &volume, node));
    plan.steps.push(Step { guarded: Some(ScriptStep::named("check_copy")), ..check_copy(context) });
    plan.steps.push(cycle(context, &volume));
    plan.steps.push(convert(context, name));
    plan.steps.extend(enlarge(context));
    plan.steps.extend(begin(context));
}

/// Adds the steps for another device; the last ones are done by hand.
pub(super) fn device(plan: &mut Plan, context: &RepairContext<'_>, node: &str) {
    plan.basis.unscriptable =
        Some("the metadata is on a device of its own: only a person knows what set the pool up".into());
    let pool = quote(context.pool.name.as_deref().unwrap_or_default());
    let (directory, device) = (quote(&context.copies), quote(node));
    plan.steps.extend(clear(context));
    plan.steps.push(copy(context, node));
    plan.steps.push(check_copy(context));
    let commands =
        vec![format!("dmsetup table {pool} > {directory}/table"), format!("dmsetup remove --retry {pool}")];
    let why = "It removes no data: the pool is set up again from its table.";
    let mut down = Step::new(Risk::Stops, "take the pool down", why, commands);
    down.check = Some(format!("! dmsetup info {pool} 2>/dev/null"));
    down.undo = vec![format!("dmsetup create {pool} {directory}/table")];
    plan.steps.push(down);
    let (repaired, copied) =
        (format!("{directory}/metadata.repaired"), "bs=1M oflag=direct conv=notrunc,fsync");
    let commands = vec![format!(
        "if [ -e {repaired} ]; then dd if={repaired} of={device} {copied}; else thin_check --clear-needs-check-flag \
         {device}; fi"
    )];
    let why = "Only a checked copy is written, and the old metadata is kept in a file.";
    let mut write =
        Step::new(Risk::Changes, "take the mark off, or write the repaired copy back", why, commands);
    write.check = Some(format!("thin_check -q {device}"));
    write.undo = vec![format!("dd if={directory}/metadata of={device} {copied}")];
    plan.steps.push(write);
    let mut commands = vec![format!("dmsetup create {pool} {directory}/table")];
    commands.extend(start(context));
    let does = "set the pool up again, and start what uses it";
    let mut raise = Step::new(Risk::Changes, does, "The table is that of before.", commands);
    raise.check = works(context);
    plan.steps.push(raise);
}

fn clear(context: &RepairContext<'_>) -> Option<Step> {
    let command = remove_holders(context)?;
    let why = "It removes no data: the devices are set up again by whoever uses them. One that is in use refuses; \
               `grep -l NAME /proc/[0-9]*/mountinfo` names who uses it. The pool itself stays.";
    let mut step =
        Step::new(Risk::Stops, "remove what is left of the devices on the pool", why, vec![command]);
    step.check = unheld(context);
    step.guarded = Some(ScriptStep::named("clear_devices"));
    Some(step)
}

fn copy(context: &RepairContext<'_>, node: &str) -> Step {
    let (directory, node) = (quote(&context.copies), quote(node));
    let commands = vec![
        format!("mkdir -p -m 700 {directory}"),
        format!("dd if={node} of={directory}/metadata bs=1M iflag=direct conv=sparse,fsync"),
        format!("truncate -s \"$(blockdev --getsize64 {node})\" {directory}/metadata"),
        format!("sha256sum {directory}/metadata > {directory}/metadata.sha256"),
    ];
    let why = "While the pool is up and read-only nothing changes it. This copy is the way back.";
    let mut step = Step::new(Risk::Changes, "copy the metadata into a file", why, commands);
    step.check = Some(format!("sha256sum -c {directory}/metadata.sha256"));
    step.undo = vec![format!("rm {directory}/metadata {directory}/metadata.sha256")];
    step.guarded = Some(ScriptStep::named("copy_metadata"));
    step
}

/// Copies the metadata of a logical volume. If LVM refuses to activate the pool, it can still activate the metadata
/// volume alone, read-only.
fn copy_volume(context: &RepairContext<'_>, volume: &str, node: &str) -> Step {
    let mut step = copy(context, node);
    if context.pool.device.is_none() {
        let part = quote(&format!("{volume}_tmeta"));
        step.commands.insert(0, format!("lvchange -y -ay {part}"));
        step.commands.push(format!("lvchange -an {part}"));
    }
    step
}

fn check_copy(context: &RepairContext<'_>) -> Step {
    let directory = quote(&context.copies);
    let (copy, repaired) = (format!("{directory}/metadata"), format!("{directory}/metadata.repaired"));
    let lost = match context.superblock() {
        Some(words) => format!(" If it says that the superblock is lost: the same with {words}."),
        None => String::new(),
    };
    let commands = vec![format!(
        "thin_check {copy} || {{ truncate -s \"$(stat -c %s {copy})\" {repaired}; thin_repair -i {copy} -o \
         {repaired}; thin_check {repaired}; }}"
    )];
    let why = format!(
        "It tells how the metadata stands. With errors, the repair is tried on the copy: if what comes out has errors \
         as well, stop here and ask for help with the copy.{lost}"
    );
    Step::new(Risk::Changes, "check the copy; try the repair on it if it has errors", why, commands)
}

/// LVM checks the metadata when it activates a pool, but not every build lets thin_check clear needs_check.
fn activate(volume: &str) -> String {
    let options = "thin_check_options=[\"-q\",\"--clear-needs-check-flag\"]";
    format!("lvchange -ay --config 'global{{{options}}}' {volume}")
}

fn cycle(context: &RepairContext<'_>, volume: &str) -> Step {
    let volume = quote(volume);
    let commands = vec![format!("lvchange -an {volume}"), activate(&volume)];
    let why = "LVM runs thin_check itself before it activates a pool; with these options that takes the mark off where \
               there is no error. With errors it refuses, and nothing has changed.";
    let does = "if the copy had no errors: deactivate the pool and activate it again";
    let mut step = Step::new(Risk::Stops, does, why, commands);
    step.check = works(context);
    step.guarded = Some(ScriptStep { tries: true, ..ScriptStep::named("cycle_pool") });
    step
}

fn convert(context: &RepairContext<'_>, name: &LvName) -> Step {
    let volume = quote(&format!("{}/{}", name.vg, name.lv));
    let old = quote(&format!("{}/{}_meta0", name.vg, name.lv));
    let commands =
        vec![format!("lvchange -an {volume}"), format!("lvconvert --repair {volume}"), activate(&volume)];
    let why = "LVM repairs into its spare volume, puts that in place, and keeps the old one under a name that it prints, \
               usually with _meta0. Remove that only when everything has run well for some days.";
    let does = "if it had errors, and the repair of the copy was sound: let LVM repair the pool";
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = works(context);
    step.undo =
        vec![format!("lvchange -an {volume}"), format!("lvconvert --thinpool {volume} --poolmetadata {old}")];
    step.guarded = Some(ScriptStep::named("repair_pool"));
    step
}

/// Metadata that was full grows once the pool is repaired.
fn enlarge(context: &RepairContext<'_>) -> Vec<Step> {
    if context.size == 0 {
        return Vec::new();
    }
    let whole = Pool { needs_check: Some(false), mode: Some(Mode::ReadOnly), ..context.pool.clone() };
    let grown = grow(context.host, &whole, &Grow { which: Which::Metadata, ..Grow::default() });
    // Their script conditions only hold in a script of the grow plan.
    grown.steps.into_iter().map(|step| Step { guarded: None, ..step }).collect()
}

fn begin(context: &RepairContext<'_>) -> Option<Step> {
    let command = start(context)?;
    let why = "If it comes up read-only again, nothing is lost: stop it, and look at the kernel's log.";
    let mut step = Step::new(Risk::Changes, "start what uses the pool", why, vec![command]);
    step.check = works(context);
    if is_dockers(context) {
        step.guarded = Some(ScriptStep::named("start_again"));
    }
    Some(step)
}

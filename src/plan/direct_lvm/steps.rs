//! Steps of the migration: prepare the destination, stop and record everything, copy, create the new pool, switch its
//! owner, compare, and later remove the old files.
//!
//! Nothing that the old pool needs is changed before the last step; until then `--back` undoes everything.

use super::engine::{Engine, NewSettings};
use super::{DirectLvmContext, layout, settings};
use crate::advice::recipes::pool_option;
use crate::advice::{Risk, quote};
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, SECTOR};
use crate::plan::Number;
use crate::plan::settings::printed;
use crate::plan::{Plan, ScriptStep, Step};

/// Upper bound for the size of two metadata dumps, as a multiple of the metadata in use.
const DUMP: u64 = 12;
/// Free space to keep besides the dumps.
const RESERVE: u64 = 64 << 20;

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, context: &DirectLvmContext<'_>) {
    basis(plan, context);
    let settings = context.whose.settings(context);
    match &settings {
        Err(why) => plan.basis.unscriptable = Some(why.clone()),
        Ok(NewSettings { change: Some(change), .. }) => change.clone().describe(&mut plan.basis),
        Ok(_) => {}
    }
    if context.target.device.is_some() && context.target.identity.is_none() {
        plan.basis.unscriptable = Some(
            "what tells that disk from others is not in this recording: make the plan on the host itself, or record it again"
                .into(),
        );
    }
    plan.steps.push(write_script(context));
    plan.steps.extend(group(context));
    plan.steps.push(volumes(context));
    plan.steps.push(stop(context));
    plan.steps.push(describe(context));
    plan.steps.push(copy(context));
    plan.steps.push(write_metadata());
    plan.steps.push(make_pool(context));
    plan.steps.push(match settings {
        Ok(settings) => switch(context, &settings),
        Err(why) => by_hand(context, why),
    });
    plan.steps.push(start(context));
    plan.steps.push(verify(context));
    plan.steps.extend(at_boot(context));
    plan.steps.push(remove(context));
    for step in plan.steps.iter_mut().filter(|s| s.risk < Risk::Destroys && s.undo.is_empty()) {
        step.undo = back(context);
    }
}

fn basis(plan: &mut Plan, context: &DirectLvmContext<'_>) {
    let copies = context.demand.metadata.saturating_mul(DUMP).saturating_add(RESERVE);
    plan.numbers.set(Number::RoomNeededBytes, Some(copies));
    let (device, device_bytes) = match &context.target.device {
        Some((node, size)) => (node.clone(), size.0.to_string()),
        None => (String::new(), String::new()),
    };
    let (_, profile) = settings::profile(context);
    plan.basis.pieces = context.whose.pieces();
    plan.basis.way_back = true;
    plan.basis.preconditions = true;
    plan.basis.variables = vec![
        ("store", context.copies.clone()),
        ("data_file", context.data_file.to_owned()),
        ("metadata_file", context.metadata_file.to_owned()),
        ("block_sectors", (context.demand.block / SECTOR).to_string()),
        ("device", device),
        ("device_bytes", device_bytes),
        ("device_identity", context.target.identity.clone().unwrap_or_default()),
        ("group", context.target.volume.vg.clone()),
        ("volume", context.target.volume.lv.clone()),
        ("new_pool", context.new_pool()),
        ("data_bytes", context.layout.data.to_string()),
        ("metadata_bytes", context.layout.metadata.to_string()),
        ("copies_bytes", copies.to_string()),
        ("profile_text", profile.trim_end_matches('\n').to_owned()),
    ];
    plan.basis.variables.extend(context.whose.variables(context));
}

/// Suggested path of the script.
fn script_file(context: &DirectLvmContext<'_>) -> String {
    format!("{}.sh", context.copies)
}

fn back(context: &DirectLvmContext<'_>) -> Vec<String> {
    vec![format!("bash {} --back", quote(&script_file(context)))]
}

fn write_script(context: &DirectLvmContext<'_>) -> Step {
    let place = match &context.target.device {
        Some((node, _)) => format!("--device {}", quote(node)),
        None => format!("--vg {}", quote(&context.target.volume.vg)),
    };
    let file = quote(&script_file(context));
    let pool = pool_option(context.pool);
    let command = format!("thinspect plan direct-lvm {place}{pool}{} --script > {file}", context.asked);
    let why = "It does the steps below one by one and asks before each. Interrupted, it goes on where it was when it is run \
               again; with --back it takes everything back, until the last step.";
    Step::new(
        Risk::Stops,
        "write the script of this plan, read it, and run it",
        why,
        vec![command, format!("bash {file}")],
    )
}

fn group(context: &DirectLvmContext<'_>) -> Option<Step> {
    let (node, size) = context.target.device.as_ref()?;
    let (group, device) = (quote(&context.target.volume.vg), quote(node));
    let discards = match context.target.takes_discards {
        Some(true) => format!(" It takes discards: what {} frees is given back to it.", context.whose.name()),
        Some(false) => {
            format!(
                " It takes no discards: what {} frees is free in the pool alone, which is enough.",
                context.whose.name()
            )
        }
        None => String::new(),
    };
    let why = text!("{} has {}, nobody uses it, and nothing is recognised on it.{}", node, size, discards);
    let commands = vec![format!("vgcreate --addtag thinspect {group} {device}")];
    let does = match &context.target.identity {
        Some(identity) => format!("make {node} ({identity}) a volume group"),
        None => format!("make {node} a volume group"),
    };
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("vgs {group}"));
    step.undo = vec![format!("vgremove {group}"), format!("pvremove {device}")];
    step.guarded = Some(ScriptStep::named("make_group"));
    Some(step)
}

fn volumes(context: &DirectLvmContext<'_>) -> Step {
    let (group, layout) = (quote(&context.target.volume.vg), &context.layout);
    let (name, profile) = settings::profile(context);
    let volume = &context.target.volume.lv;
    let file = quote(&format!("/etc/lvm/profile/{name}.profile"));
    let commands = vec![
        format!("mkdir -p /etc/lvm/profile; {} > {file}", printed(&profile)),
        format!("lvcreate -y -W y -n {} -L {}b --addtag thinspect {group}", quote(volume), layout.data),
        format!(
            "lvcreate -y -W y -n {} -L {}b --addtag thinspect {group}",
            quote(&format!("{volume}meta")),
            layout.metadata
        ),
    ];
    let chunk = context.demand.block;
    let why = text!(
        "Data {}, of which {} will be in use. Metadata {}: 64 bytes for each block that the pool may grow to, or \
         four times what is in use of it now, and what the kernel keeps back; LVM keeps a spare as large. Blocks stay {} as they are copied whole. \
         {} stay free in the group, for LVM to grow the pool by {} % whenever {} % are in use: {}. The threshold stands in a profile of the pool's own, as LVM's default of 100 means never.",
        Bytes(layout.data),
        Bytes(context.demand.used.saturating_mul(chunk)),
        Bytes(layout.metadata),
        Bytes(chunk),
        Bytes(layout.growth),
        layout::GROWTH,
        layout.threshold,
        context.whose.step_text(context).limit
    );
    let does =
        "make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool";
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("lvs {group}"));
    step.guarded = Some(ScriptStep::named("make_volumes"));
    step
}

fn stop(context: &DirectLvmContext<'_>) -> Step {
    let words = context.whose.step_text(context);
    let again =
        if context.whose.docker().is_some() { ", and so is what runs, to be started again" } else { "" };
    let why = format!(
        "The downtime begins. {} {}, to be compared with in the end{again}.",
        words.stop_why, context.copies
    );
    let mut step = Step::new(Risk::Stops, words.stop, why, Vec::new());
    step.check = Some(words.stopped);
    step.guarded = Some(ScriptStep::named("stop_everything"));
    step
}

fn describe(context: &DirectLvmContext<'_>) -> Step {
    let why = format!(
        "{} is checked and read with thin_dump, which tells the blocks in use; in the new pool they lie packed together, so \
         it has to be no larger than they are. {}'s records are copied to {}: the way back needs them as they are now. \
         Nothing is written to the old pool.",
        context.metadata_file,
        context.whose.name(),
        context.copies
    );
    let owner = context.whose.name();
    let does = format!("copy {owner}'s records, and find the blocks in use");
    let mut step = Step::new(Risk::Changes, does, why, Vec::new());
    step.guarded = Some(ScriptStep::named("find_blocks"));
    step
}

fn copy(context: &DirectLvmContext<'_>) -> Step {
    let bytes = context.demand.used.saturating_mul(context.demand.block);
    let why = text!(
        "{} are copied in pieces, so that an interrupted copy goes on, and then compared with the old pool from end to end.",
        Bytes(bytes)
    );
    let mut step =
        Step::new(Risk::Changes, "copy the blocks to the new volume, and compare", why, Vec::new());
    step.guarded = Some(ScriptStep::named("copy_blocks"));
    step
}

fn write_metadata() -> Step {
    let why = "The same devices, ids and transaction, with the blocks' new places, by thin_restore; thin_check must find no \
               error in it.";
    let mut step = Step::new(Risk::Changes, "write the new pool's metadata", why, Vec::new());
    step.guarded = Some(ScriptStep::named("write_metadata"));
    step
}

fn make_pool(context: &DirectLvmContext<'_>) -> Step {
    let volume = format!("{}/{}", context.target.volume.vg, context.target.volume.lv);
    let why = "LVM makes an empty pool of the data, and then exchanges its metadata for what was written. dmeventd watches \
               it from now on. The kernel must count as many blocks in use, and the same transaction, as in the old one.";
    let mut step = Step::new(Risk::Changes, "make them a thin pool, and let LVM watch it", why, Vec::new());
    step.check = Some(format!("lvs -a -o+seg_monitor,lv_profile,chunk_size {}", quote(&volume)));
    step.guarded = Some(ScriptStep::named("make_pool"));
    step
}

fn switch(context: &DirectLvmContext<'_>, settings: &NewSettings) -> Step {
    let why = "Everything else in the file stays. The old pool's files are not looked at any more, and stay as they are.";
    let file = context.whose.file();
    let does = format!("tell {} of the new pool in {file}", context.whose.name());
    let mut step = Step::new(Risk::Changes, does, why, Vec::new());
    step.difference = settings.difference.clone();
    step.guarded = Some(ScriptStep::named("switch_engine"));
    step
}

fn by_hand(context: &DirectLvmContext<'_>, why: String) -> Step {
    Step::new(Risk::Changes, context.whose.by_hand(&context.new_pool()), why, Vec::new())
}

fn start(context: &DirectLvmContext<'_>) -> Step {
    let (owner, words) = (context.whose.name(), context.whose.step_text(context));
    let mut step =
        Step::new(Risk::Changes, format!("start {owner} on the new pool"), words.start, Vec::new());
    step.check = Some(words.started);
    step.guarded = Some(ScriptStep::named("start_on_new_pool"));
    step
}

fn verify(context: &DirectLvmContext<'_>) -> Step {
    let why = format!(
        "{} At the first difference the script stops, and --back goes back.",
        context.whose.step_text(context).verify
    );
    let mut step = Step::new(Risk::Reads, "compare everything with what was noted", why, Vec::new());
    step.guarded = Some(ScriptStep::named("compare_everything"));
    step
}

/// containerd does not create its pool, so what does so at boot must not create the old one again.
fn at_boot(context: &DirectLvmContext<'_>) -> Option<Step> {
    let Engine::Containerd { pool, .. } = context.whose else { return None };
    let places = "/etc/systemd/system /usr/lib/systemd/system /etc/init.d /etc/rc.local /etc/cron.d /usr/local/bin /usr/local/sbin";
    let commands = vec![format!("grep -rlsIwF -e {} -- {places} || true", quote(pool))];
    let why = "LVM sets up the new pool at boot. A unit or script of this host made the old one: what the command shows is to \
               be disabled (systemctl disable UNIT) before the old files go, as it would make them anew.";
    let mut step =
        Step::new(Risk::Reads, "see what makes the old pool at boot, and disable it", why, commands);
    step.guarded = Some(ScriptStep::named("show_boot_makers"));
    Some(step)
}

fn remove(context: &DirectLvmContext<'_>) -> Step {
    let file = quote(&script_file(context));
    let why = format!(
        "They take space on their filesystem, and are the way back: wait until everything has run well for some days. The \
         script does this only when it is run with --yes-destroy. The copies in {} can go then, too.",
        context.copies
    );
    let commands = vec![format!("bash {file} --yes-destroy")];
    let mut step = Step::new(Risk::Destroys, "some days later: remove the old pool's files", why, commands);
    step.check = Some(format!("! ls {} 2>/dev/null", quote(context.data_file)));
    step.guarded = Some(ScriptStep { separate: true, ..ScriptStep::named("remove_old_files") });
    step
}

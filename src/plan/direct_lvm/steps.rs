//! The steps of the move: a place for the pool, everything stopped and noted, the copy, the new pool, its owner on it,
//! everything compared, and much later the old files removed.
//!
//! Nothing that the old pool needs is touched before the last step; until then `--back` takes everything back.

use super::engine::{Engine, NewSettings};
use super::{Job, layout, settings};
use crate::advice::recipes::pool_option;
use crate::advice::{Risk, quote};
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, SECTOR};
use crate::plan::Number;
use crate::plan::settings::printed;
use crate::plan::{Plan, ScriptStep, Step};

/// In the dump a mapping takes up to so many times what it takes in the metadata; there are two dumps.
const DUMP: u64 = 12;
/// Left free beside that.
const RESERVE: u64 = 64 << 20;

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, job: &Job<'_>) {
    basis(plan, job);
    let settings = job.whose.settings(job);
    match &settings {
        Err(why) => plan.basis.unscriptable = Some(why.clone()),
        Ok(NewSettings { change: Some(change), .. }) => change.clone().describe(&mut plan.basis),
        Ok(_) => {}
    }
    if job.target.device.is_some() && job.target.identity.is_none() {
        plan.basis.unscriptable = Some(
            "what tells that disk from others is not in this recording: make the plan on the host itself, or record it again"
                .into(),
        );
    }
    plan.steps.push(write_script(job));
    plan.steps.extend(group(job));
    plan.steps.push(volumes(job));
    plan.steps.push(stop(job));
    plan.steps.push(describe(job));
    plan.steps.push(copy(job));
    plan.steps.push(write_metadata());
    plan.steps.push(make_pool(job));
    plan.steps.push(match settings {
        Ok(settings) => switch(job, &settings),
        Err(why) => by_hand(job, why),
    });
    plan.steps.push(start(job));
    plan.steps.push(verify(job));
    plan.steps.extend(at_boot(job));
    plan.steps.push(remove(job));
    for step in plan.steps.iter_mut().filter(|s| s.risk < Risk::Destroys && s.undo.is_empty()) {
        step.undo = back(job);
    }
}

fn basis(plan: &mut Plan, job: &Job<'_>) {
    let copies = job.demand.metadata.saturating_mul(DUMP).saturating_add(RESERVE);
    plan.numbers.set(Number::RoomNeededBytes, Some(copies));
    let (device, device_bytes) = match &job.target.device {
        Some((node, size)) => (node.clone(), size.0.to_string()),
        None => (String::new(), String::new()),
    };
    let (_, profile) = settings::profile(job);
    plan.basis.pieces = job.whose.pieces();
    plan.basis.way_back = true;
    plan.basis.preconditions = true;
    plan.basis.variables = vec![
        ("store", job.copies.clone()),
        ("data_file", job.data_file.to_owned()),
        ("metadata_file", job.metadata_file.to_owned()),
        ("block_sectors", (job.demand.block / SECTOR).to_string()),
        ("device", device),
        ("device_bytes", device_bytes),
        ("device_identity", job.target.identity.clone().unwrap_or_default()),
        ("group", job.target.volume.vg.clone()),
        ("volume", job.target.volume.lv.clone()),
        ("new_pool", job.new_pool()),
        ("data_bytes", job.layout.data.to_string()),
        ("metadata_bytes", job.layout.metadata.to_string()),
        ("copies_bytes", copies.to_string()),
        ("profile_text", profile.trim_end_matches('\n').to_owned()),
    ];
    plan.basis.variables.extend(job.whose.variables(job));
}

/// Where a person keeps the script.
fn script_file(job: &Job<'_>) -> String {
    format!("{}.sh", job.copies)
}

fn back(job: &Job<'_>) -> Vec<String> {
    vec![format!("bash {} --back", quote(&script_file(job)))]
}

fn write_script(job: &Job<'_>) -> Step {
    let place = match &job.target.device {
        Some((node, _)) => format!("--device {}", quote(node)),
        None => format!("--vg {}", quote(&job.target.volume.vg)),
    };
    let file = quote(&script_file(job));
    let pool = pool_option(job.pool);
    let command = format!("thinspect plan direct-lvm {place}{pool}{} --script > {file}", job.asked);
    let why = "It does the steps below one by one and asks before each. Interrupted, it goes on where it was when it is run \
               again; with --back it takes everything back, until the last step.";
    Step::new(
        Risk::Stops,
        "write the script of this plan, read it, and run it",
        why,
        vec![command, format!("bash {file}")],
    )
}

fn group(job: &Job<'_>) -> Option<Step> {
    let (node, size) = job.target.device.as_ref()?;
    let (group, device) = (quote(&job.target.volume.vg), quote(node));
    let discards = match job.target.takes_discards {
        Some(true) => format!(" It takes discards: what {} frees is given back to it.", job.whose.name()),
        Some(false) => {
            format!(
                " It takes no discards: what {} frees is free in the pool alone, which is enough.",
                job.whose.name()
            )
        }
        None => String::new(),
    };
    let why = text!("{} has {}, nobody uses it, and nothing is recognised on it.{}", node, size, discards);
    let commands = vec![format!("vgcreate --addtag thinspect {group} {device}")];
    let does = match &job.target.identity {
        Some(identity) => format!("make {node} ({identity}) a volume group"),
        None => format!("make {node} a volume group"),
    };
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("vgs {group}"));
    step.undo = vec![format!("vgremove {group}"), format!("pvremove {device}")];
    step.guarded = Some(ScriptStep::named("make_group"));
    Some(step)
}

fn volumes(job: &Job<'_>) -> Step {
    let (group, layout) = (quote(&job.target.volume.vg), &job.layout);
    let (name, profile) = settings::profile(job);
    let volume = &job.target.volume.lv;
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
    let chunk = job.demand.block;
    let why = text!(
        "Data {}, of which {} will be in use. Metadata {}: 64 bytes for each block that the pool may grow to, or \
         four times what is in use of it now, and what the kernel keeps back; LVM keeps a spare as large. Blocks stay {} as they are copied whole. \
         {} stay free in the group, for LVM to grow the pool by {} % whenever {} % are in use: {}. The threshold stands in a profile of the pool's own, as LVM's default of 100 means never.",
        Bytes(layout.data),
        Bytes(job.demand.used.saturating_mul(chunk)),
        Bytes(layout.metadata),
        Bytes(chunk),
        Bytes(layout.growth),
        layout::GROWTH,
        layout.threshold,
        job.whose.words(job).limit
    );
    let does =
        "make a volume for the data, one for the metadata, and the profile that lets LVM grow the pool";
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("lvs {group}"));
    step.guarded = Some(ScriptStep::named("make_volumes"));
    step
}

fn stop(job: &Job<'_>) -> Step {
    let words = job.whose.words(job);
    let again = if job.whose.docker().is_some() { ", and so is what runs, to be started again" } else { "" };
    let why = format!(
        "The downtime begins. {} {}, to be compared with in the end{again}.",
        words.stop_why, job.copies
    );
    let mut step = Step::new(Risk::Stops, words.stop, why, Vec::new());
    step.check = Some(words.stopped);
    step.guarded = Some(ScriptStep::named("stop_everything"));
    step
}

fn describe(job: &Job<'_>) -> Step {
    let why = format!(
        "{} is checked and read with thin_dump, which tells the blocks in use; in the new pool they lie packed together, so \
         it has to be no larger than they are. {}'s records are copied to {}: the way back needs them as they are now. \
         Nothing is written to the old pool.",
        job.metadata_file,
        job.whose.name(),
        job.copies
    );
    let owner = job.whose.name();
    let does = format!("copy {owner}'s records, and find the blocks in use");
    let mut step = Step::new(Risk::Changes, does, why, Vec::new());
    step.guarded = Some(ScriptStep::named("find_blocks"));
    step
}

fn copy(job: &Job<'_>) -> Step {
    let bytes = job.demand.used.saturating_mul(job.demand.block);
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

fn make_pool(job: &Job<'_>) -> Step {
    let volume = format!("{}/{}", job.target.volume.vg, job.target.volume.lv);
    let why = "LVM makes an empty pool of the data, and then exchanges its metadata for what was written. dmeventd watches \
               it from now on. The kernel must count as many blocks in use, and the same transaction, as in the old one.";
    let mut step = Step::new(Risk::Changes, "make them a thin pool, and let LVM watch it", why, Vec::new());
    step.check = Some(format!("lvs -a -o+seg_monitor,lv_profile,chunk_size {}", quote(&volume)));
    step.guarded = Some(ScriptStep::named("make_pool"));
    step
}

fn switch(job: &Job<'_>, settings: &NewSettings) -> Step {
    let why = "Everything else in the file stays. The old pool's files are not looked at any more, and stay as they are.";
    let file = job.whose.file();
    let does = format!("tell {} of the new pool in {file}", job.whose.name());
    let mut step = Step::new(Risk::Changes, does, why, Vec::new());
    step.difference = settings.difference.clone();
    step.guarded = Some(ScriptStep::named("switch_engine"));
    step
}

fn by_hand(job: &Job<'_>, why: String) -> Step {
    Step::new(Risk::Changes, job.whose.by_hand(&job.new_pool()), why, Vec::new())
}

fn start(job: &Job<'_>) -> Step {
    let (owner, words) = (job.whose.name(), job.whose.words(job));
    let mut step =
        Step::new(Risk::Changes, format!("start {owner} on the new pool"), words.start, Vec::new());
    step.check = Some(words.started);
    step.guarded = Some(ScriptStep::named("start_on_new_pool"));
    step
}

fn verify(job: &Job<'_>) -> Step {
    let why = format!(
        "{} At the first difference the script stops, and --back goes back.",
        job.whose.words(job).verify
    );
    let mut step = Step::new(Risk::Reads, "compare everything with what was noted", why, Vec::new());
    step.guarded = Some(ScriptStep::named("compare_everything"));
    step
}

/// containerd does not make its pool itself: whatever did must not make the old one again.
fn at_boot(job: &Job<'_>) -> Option<Step> {
    let Engine::Containerd { pool, .. } = job.whose else { return None };
    let places = "/etc/systemd/system /usr/lib/systemd/system /etc/init.d /etc/rc.local /etc/cron.d /usr/local/bin /usr/local/sbin";
    let commands = vec![format!("grep -rlsIwF -e {} -- {places} || true", quote(pool))];
    let why = "LVM sets up the new pool at boot. A unit or script of this host made the old one: what the command shows is to \
               be disabled (systemctl disable UNIT) before the old files go, as it would make them anew.";
    let mut step =
        Step::new(Risk::Reads, "see what makes the old pool at boot, and disable it", why, commands);
    step.guarded = Some(ScriptStep::named("show_boot_makers"));
    Some(step)
}

fn remove(job: &Job<'_>) -> Step {
    let file = quote(&script_file(job));
    let why = format!(
        "They take space on their filesystem, and are the way back: wait until everything has run well for some days. The \
         script does this only when it is run with --yes-destroy. The copies in {} can go then, too.",
        job.copies
    );
    let commands = vec![format!("bash {file} --yes-destroy")];
    let mut step = Step::new(Risk::Destroys, "some days later: remove the old pool's files", why, commands);
    step.check = Some(format!("! ls {} 2>/dev/null", quote(job.data_file)));
    step.guarded = Some(ScriptStep { separate: true, ..ScriptStep::named("remove_old_files") });
    step
}

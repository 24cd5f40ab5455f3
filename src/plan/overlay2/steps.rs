//! The steps by which a Docker's images and containers move from an old pool to overlay2: note, stop, save, switch, load,
//! take over, verify, and much later remove what is left.
//!
//! The old pool is only read. Each step is noted when it is done, so that an interrupted script goes on where it was,
//! and all of them are taken back by `--back` until the last.

use super::archives::{Place, Sizes};
use crate::advice::{Risk, quote};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::plan::inventory::{Fate, Inventory};
use crate::plan::script::settings_place;
use crate::plan::settings_change::Change;
use crate::plan::{Plan, ScriptStep, Step, script as shell};

/// A way out of a pool.
pub(super) struct Move<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) sizes: Sizes,
    pub(super) place: &'a Place,
    /// Docker's data root.
    pub(super) root: &'a str,
    /// The driver that it moves to, as `docker info` names it.
    pub(super) driver: &'static str,
    pub(super) settings: Settings<'a>,
    /// Where the script is kept, for the way back.
    pub(super) script: String,
    /// Another engine that reads the old store, in place of the installed one.
    pub(super) engine: Option<&'a str>,
}

/// How the daemon's settings change.
pub(super) struct Settings<'a> {
    pub(super) file: &'a str,
    pub(super) difference: Vec<String>,
    pub(super) change: Change,
}

impl Move<'_> {
    pub(super) fn back(&self) -> Vec<String> {
        vec![format!("bash {} --back", quote(&self.script))]
    }

    /// A step that the script alone does, in words.
    fn step(&self, risk: Risk, does: &str, why: impl Into<Text>, part: &str, guarded: ScriptStep) -> Step {
        let mut step = Step::new(risk, does, why, Vec::new());
        step.undo = self.back();
        let mut run = guarded.run;
        run.push(format!("mark_done {part}"));
        let done = format!("is_done {part}");
        step.guarded = Some(ScriptStep { done, run, ..guarded });
        step
    }
}

/// The script, and how it is used: everything after this is what it does.
pub(super) fn script(way: &Move<'_>, command: &str) -> Step {
    let file = quote(&way.script);
    let commands = vec![format!("{command} --script > {file}"), format!("bash {file}")];
    let why = "It does the steps below one by one and asks before each. It goes on where it was interrupted, and with \
               --back it takes everything back, until the last step.";
    let mut step =
        Step::new(Risk::Stops, "write the script of this plan, read it, and run it", why, commands);
    step.undo = way.back();
    step
}

/// Notes what there is, in the directory for the archives.
pub(super) fn note(way: &Move<'_>) -> Step {
    let why = format!(
        "Names, ids, volumes and settings go to {}: everything is compared with that in the end. Nothing stops yet.",
        way.place.directory
    );
    let guarded = ScriptStep {
        needs: if way.engine.is_some() { facts(way) } else { Vec::new() },
        ..ScriptStep::new("", &[], &["keep_settings", "note_what_is_there"])
    };
    way.step(Risk::Changes, "note what there is", why, "noted", guarded)
}

/// Stops the containers: what they hold must not change any more.
pub(super) fn stop(way: &Move<'_>) -> Step {
    let running = way.inventory.containers.iter().filter(|c| !c.state.is_idle()).count();
    let why = format!(
        "The downtime begins: about {running} of {} run. What they write must not change while it is saved. Those that \
         run now are started again in the end.",
        way.inventory.containers.len()
    );
    let guarded = ScriptStep::new(
        "",
        &[("docker_comes_up", "Docker does not answer")],
        &["stop_kubelet", "stop_containers", "note_containers"],
    );
    let step = way.step(Risk::Stops, "stop the containers", why, "stopped", guarded);
    until_switched(way, step, "is_done stopped && nothing_runs")
}

/// Saves what containers have written.
pub(super) fn save_containers(way: &Move<'_>) -> Step {
    let commits = way.inventory.containers.iter().any(|c| c.fate == Fate::Commit);
    let why = if commits {
        "Each that differs from its image is committed to an image of its own, thinspect-saved:ID; where Docker refuses \
         that, it is exported as a whole."
    } else {
        "The pool takes no new layers, so each that differs from its image is exported as a whole, and what it wrote is \
         told apart by Docker's own list of changes."
    };
    let guarded = ScriptStep::new("", &[("nothing_runs", "a container runs again")], &["save_containers"]);
    let step = way.step(Risk::Changes, "save what containers have written", why, "committed", guarded);
    until_switched(way, step, "is_done committed && all_saved")
}

/// A step that is only done for as long as this holds, until Docker uses the new store. Where Docker was stopped and its
/// settings are changed, but it did not come up, there is nothing to ask and nothing that could have changed.
fn until_switched(way: &Move<'_>, mut step: Step, condition: &str) -> Step {
    if let Some(guarded) = &mut step.guarded {
        let changed = &way.settings.change.is;
        let begun = format!("{{ [ -e \"$store/switching\" ] && docker_is_gone && {changed}; }}");
        guarded.done = format!("{{ is_done switched || {begun} || {{ {condition}; }}; }}");
    }
    step
}

/// Saves the images and checks the archive.
pub(super) fn save_images(way: &Move<'_>) -> Step {
    let why = text!(
        "One archive, {}/images.tar, holds layers that images share once: about {}. Docker makes a copy of the same size \
         below its data root meanwhile. It is then read from end to end: the checksum of every image and layer must be in \
         it.",
        way.place.directory,
        Bytes(way.sizes.archive)
    );
    let guarded = ScriptStep::new(
        "",
        &[
            ("nothing_runs", "a container runs again"),
            ("room_for \"$store\" \"$archive_bytes\"", "there is no room for the archive any more"),
            (
                "room_for \"$root\" \"$save_bytes\"",
                "the data root's filesystem has no room for Docker's own copy",
            ),
        ],
        &["save_images", "verify_archive"],
    );
    let step = way.step(Risk::Changes, "save the images, and check the archive", why, "saved", guarded);
    let mut step = until_switched(way, step, "archive_is_whole");
    step.check =
        Some(format!("tar -tf {} >/dev/null", quote(&format!("{}/images.tar", way.place.directory))));
    step
}

/// Loads the archives.
pub(super) fn load(way: &Move<'_>) -> Step {
    let why = "Docker checks each layer against its checksum. An image's id is the checksum of its description, so it \
               is the same in every store.";
    let guarded = ScriptStep::new(
        "",
        &[(
            "{ docker_answers || raise_docker; driver_is \"$new_driver\"; }",
            "Docker does not use the new store",
        )],
        &["load_images", "all_loaded || stop 'not every image was loaded'"],
    );
    way.step(Risk::Changes, "load the images", why, "loaded", guarded)
}

/// Lets the containers take over layers in the new store.
pub(super) fn adopt(way: &Move<'_>) -> [Step; 2] {
    let why = "Docker makes a stand-in of the same image for each. What belongs to a container beside its layer stays \
               where it is: id, name, settings, log, volumes, networks.";
    let guarded = ScriptStep::new(
        "",
        &[(
            "{ docker_answers || raise_docker; driver_is \"$new_driver\"; }",
            "Docker does not use the new store",
        )],
        &["make_stand_ins"],
    );
    let first = way.step(Risk::Changes, "make a layer for each container", why, "stand-ins", guarded);
    let why = format!(
        "Docker loads the containers whose record names its driver. With the daemon down each record is told {:?}, and the \
         layer gets what the container had written. Names by digest come along too.",
        way.driver
    );
    let guarded = ScriptStep::new("", &[], &["lower_docker", "adopt_containers", "carry_names"]);
    let second = way.step(Risk::Stops, "let the containers take those over", why, "adopted", guarded);
    [first, second]
}

/// Compares with what was noted, and starts what ran.
pub(super) fn verify(way: &Move<'_>) -> Step {
    let why = "Ids, names, tags and digests of images, ids and names of containers, and volumes must be what was noted; \
               the script stops at the first difference. Then those containers start that ran before: the downtime ends.";
    let guarded = ScriptStep::new(
        "",
        &[(
            "{ docker_answers || raise_docker; driver_is \"$new_driver\"; }",
            "Docker does not use the new store",
        )],
        &[
            "name_bases",
            "drop_helpers",
            "all_there || { compare; stop 'not everything is as it was; --back goes back'; }",
            "show_changes",
            "start_again",
        ],
    );
    let mut step =
        way.step(Risk::Changes, "compare everything, and start what ran before", why, "verified", guarded);
    step.check = Some(format!("docker info 2>/dev/null | grep 'Storage Driver: {}'", way.driver));
    step
}

/// Changes the settings and restarts the daemon.
pub(super) fn switch(way: &Move<'_>) -> Step {
    let why = "The old store is left as it is: this driver does not look at it. Until the containers are back, do not \
               prune volumes: none seems to be in use.";
    let change = &way.settings.change;
    let write = change.once();
    let lower = if way.engine.is_some() { "lower_engine" } else { "lower_docker" };
    let run = [
        "! docker_answers || ! driver_is \"$old_driver\" || unchanged",
        ": >\"$store/switching\"",
        lower,
        "save_output old-store old_store_now",
        &write,
        "raise_docker",
        "driver_is \"$new_driver\" || stop 'Docker does not use the new store; --back goes back'",
    ];
    let (condition, other) = change.needed(way.settings.file);
    let guarded = ScriptStep::new("", &[(&condition, &other)], &run);
    let does = format!("restart Docker with {}", way.driver);
    let mut step = way.step(Risk::Stops, &does, why, "switched", guarded);
    step.difference = way.settings.difference.clone();
    step
}

/// What the script has to know.
pub(super) fn basis(plan: &mut Plan, way: &Move<'_>, commits: bool, fills: bool) {
    let ids = |all: Vec<&str>| all.join(" ");
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let images = way.inventory.whole_images().map(|i| i.id.as_str()).collect();
    let containers = way.inventory.containers.iter().map(|c| c.id.as_str()).collect();
    let save = way.sizes.temporary.saturating_add(if way.place.beside { way.sizes.archive } else { 0 });
    plan.basis.variables.extend([
        ("settings", way.settings.file.to_owned()),
        ("store", way.place.directory.clone()),
        ("old_driver", "devicemapper".to_owned()),
        ("new_driver", way.driver.to_owned()),
        ("commits", word(commits)),
        ("fills", word(fills)),
        ("archive_bytes", way.sizes.archive.to_string()),
        ("save_bytes", save.to_string()),
        ("root_bytes", way.sizes.beside_root(way.place.beside).to_string()),
        ("planned_images", ids(images)),
        ("planned_containers", ids(containers)),
    ]);
    plan.basis.way_back = true;
    plan.basis.needs.extend([
        (
            "have docker tar sha256sum head tail flock awk comm diff timeout pgrep".to_owned(),
            "a tool is missing: docker, tar, sha256sum, head, tail, flock, awk, comm, diff, timeout and pgrep are needed"
                .to_owned(),
        ),
        (
            first("room_for \"$root\" \"$root_bytes\""),
            text!("the filesystem of {} has less free than {}", way.root, Bytes(way.sizes.beside_root(way.place.beside))).plain(),
        ),
    ]);
    // Before the downtime; afterwards the step that changes them asks again.
    let (condition, other) = way.settings.change.needed(way.settings.file);
    plan.basis.needs.push((format!("{{ is_done switched || {condition}; }}"), other));
    plan.basis.needs.extend(settings_place());
    if way.engine.is_none() {
        plan.basis.needs.extend(facts(way));
    }
    plan.basis
        .needs
        .push(("open_store".to_owned(), "the directory for the archives cannot be made".to_owned()));
}

/// A condition that only counts until the first step is done.
pub(super) fn first(condition: &str) -> String {
    format!("{{ is_done noted || {condition}; }}")
}

/// What the plan was made from, asked of Docker itself.
fn facts(way: &Move<'_>) -> Vec<(String, String)> {
    let again = "since the plan was made: make a new one";
    vec![
        (
            first("docker_answers"),
            "Docker does not answer: images can only be saved by a daemon that runs".to_owned(),
        ),
        (first("root_is_ours"), format!("Docker's data root is not {}", way.root)),
        (first("pool_is_ours"), "the Docker that answers uses another pool".to_owned()),
        (first("driver_is \"$old_driver\""), "Docker does not use devicemapper".to_owned()),
        (first("no_swarm"), shell::SWARM.to_owned()),
        (first("as_planned \"$planned_images\" images_now"), format!("images came or went {again}")),
        (
            first("as_planned \"$planned_containers\" containers_now"),
            format!("containers came or went {again}"),
        ),
    ]
}

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
use crate::plan::{Plan, ScriptStep, Step};

/// A way out of a pool.
pub(super) struct Move<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) sizes: Sizes,
    pub(super) place: &'a Place,
    /// Docker's data root.
    pub(super) root: &'a str,
    /// The driver that it moves to, as `docker info` names it.
    pub(super) driver: &'static str,
    /// The daemon's settings file, and how it changes, line by line.
    pub(super) settings: String,
    pub(super) difference: Vec<String>,
    /// Where the script is kept, for the way back.
    pub(super) script: String,
    /// Another engine that reads the old store, in place of the installed one.
    pub(super) engine: Option<&'a str>,
}

impl Move<'_> {
    pub(super) fn back(&self) -> Vec<String> {
        vec![format!("bash {} --back", quote(&self.script))]
    }

    /// A step that the script alone does, in words, by the functions of that name.
    fn step(&self, risk: Risk, does: &str, why: impl Into<Text>, name: &str) -> Step {
        let mut step = Step::new(risk, does, why, Vec::new());
        step.undo = self.back();
        step.guarded = Some(ScriptStep::named(name));
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
    way.step(Risk::Changes, "note what there is", why, "note_state")
}

/// Stops the containers: what they hold must not change any more.
pub(super) fn stop(way: &Move<'_>) -> Step {
    let running = way.inventory.containers.iter().filter(|c| !c.state.is_idle()).count();
    let why = format!(
        "The downtime begins: about {running} of {} run. What they write must not change while it is saved. Those that \
         run now are started again in the end.",
        way.inventory.containers.len()
    );
    way.step(Risk::Stops, "stop the containers", why, "stop_what_runs")
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
    way.step(Risk::Changes, "save what containers have written", why, "save_written")
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
    let mut step = way.step(Risk::Changes, "save the images, and check the archive", why, "save_archive");
    step.check =
        Some(format!("tar -tf {} >/dev/null", quote(&format!("{}/images.tar", way.place.directory))));
    step
}

/// Loads the archives.
pub(super) fn load(way: &Move<'_>) -> Step {
    let why = "Docker checks each layer against its checksum. An image's id is the checksum of its description, so it \
               is the same in every store.";
    way.step(Risk::Changes, "load the images", why, "load_archive")
}

/// Lets the containers take over layers in the new store.
pub(super) fn adopt(way: &Move<'_>) -> [Step; 2] {
    let why = "Docker makes a stand-in of the same image for each. What belongs to a container beside its layer stays \
               where it is: id, name, settings, log, volumes, networks.";
    let first = way.step(Risk::Changes, "make a layer for each container", why, "make_layers");
    let why = format!(
        "Docker loads the containers whose record names its driver. With the daemon down each record is told {:?}, and the \
         layer gets what the container had written. Names by digest come along too.",
        way.driver
    );
    let second = way.step(Risk::Stops, "let the containers take those over", why, "hand_over_layers");
    [first, second]
}

/// Compares with what was noted, and starts what ran.
pub(super) fn verify(way: &Move<'_>) -> Step {
    let why = "Ids, names, tags and digests of images, ids and names of containers, and volumes must be what was noted; \
               the script stops at the first difference. Then those containers start that ran before: the downtime ends.";
    let does = "compare everything, and start what ran before";
    let mut step = way.step(Risk::Changes, does, why, "compare_and_start");
    step.check = Some(format!("docker info 2>/dev/null | grep 'Storage Driver: {}'", way.driver));
    step
}

/// Changes the settings and restarts the daemon.
pub(super) fn switch(way: &Move<'_>) -> Step {
    let why = "The old store is left as it is: this driver does not look at it. Until the containers are back, do not \
               prune volumes: none seems to be in use.";
    let does = format!("restart Docker with {}", way.driver);
    let mut step = way.step(Risk::Stops, &does, why, "switch_driver");
    step.difference = way.difference.clone();
    step
}

/// What the script has to know.
pub(super) fn basis(plan: &mut Plan, way: &Move<'_>) {
    let ids = |all: Vec<&str>| all.join(" ");
    let images = way.inventory.whole_images().map(|i| i.id.as_str()).collect();
    let containers = way.inventory.containers.iter().map(|c| c.id.as_str()).collect();
    let save = way.sizes.temporary.saturating_add(if way.place.beside { way.sizes.archive } else { 0 });
    plan.basis.variables.extend([
        ("settings", way.settings.clone()),
        ("store", way.place.directory.clone()),
        ("old_driver", "devicemapper".to_owned()),
        ("new_driver", way.driver.to_owned()),
        ("archive_bytes", way.sizes.archive.to_string()),
        ("save_bytes", save.to_string()),
        ("root_bytes", way.sizes.beside_root(way.place.beside).to_string()),
        ("planned_images", ids(images)),
        ("planned_containers", ids(containers)),
    ]);
    plan.basis.way_back = true;
    plan.basis.preconditions = true;
}

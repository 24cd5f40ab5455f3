//! Steps of the migration to overlay2: record, stop, save, switch, load, reattach, verify, and later remove the old
//! pool.
//!
//! The old pool is only read. Completed steps are recorded, so that an interrupted script can resume; `--back` undoes
//! all steps but the last.

use super::archives::{Place, Sizes};
use crate::advice::{Risk, quote};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::plan::inventory::{Inventory, SaveMethod};
use crate::plan::{Plan, ScriptStep, Step};

/// Facts that the migration steps share.
pub(super) struct Migration<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) sizes: Sizes,
    pub(super) place: &'a Place,
    /// Docker's data root.
    pub(super) root: &'a str,
    /// The new storage driver, as `docker info` names it.
    pub(super) driver: &'static str,
    /// The daemon's settings file, and the change to it, line by line.
    pub(super) settings: String,
    pub(super) difference: Vec<String>,
    /// Path of the script, needed for `--back`.
    pub(super) script: String,
    /// Directory of an older engine that reads the old store.
    pub(super) engine: Option<&'a str>,
}

impl Migration<'_> {
    pub(super) fn back(&self) -> Vec<String> {
        vec![format!("bash {} --back", quote(&self.script))]
    }

    /// A step without commands to type: the script does it with the shell functions of that name.
    fn step(&self, risk: Risk, does: &str, why: impl Into<Text>, name: &str) -> Step {
        let mut step = Step::new(risk, does, why, Vec::new());
        step.undo = self.back();
        step.guarded = Some(ScriptStep::named(name));
        step
    }
}

/// Writes and runs the script; the following steps describe what it does.
pub(super) fn script(migration: &Migration<'_>, command: &str) -> Step {
    let file = quote(&migration.script);
    let commands = vec![format!("{command} --script > {file}"), format!("bash {file}")];
    let why = "It does the steps below one by one and asks before each. It goes on where it was interrupted, and with \
               --back it takes everything back, until the last step.";
    let mut step =
        Step::new(Risk::Stops, "write the script of this plan, read it, and run it", why, commands);
    step.undo = migration.back();
    step
}

/// Records the present state in the archive directory.
pub(super) fn note(migration: &Migration<'_>) -> Step {
    let why = format!(
        "Names, ids, volumes and settings go to {}: everything is compared with that in the end. Nothing stops yet.",
        migration.place.directory
    );
    migration.step(Risk::Changes, "note what there is", why, "note_state")
}

/// Stops the containers, so that their data no longer changes.
pub(super) fn stop(migration: &Migration<'_>) -> Step {
    let running = migration.inventory.containers.iter().filter(|c| !c.state.is_idle()).count();
    let why = format!(
        "The downtime begins: about {running} of {} run. What they write must not change while it is saved. Those that \
         run now are started again in the end.",
        migration.inventory.containers.len()
    );
    migration.step(Risk::Stops, "stop the containers", why, "stop_what_runs")
}

/// Saves what containers have written.
pub(super) fn save_containers(migration: &Migration<'_>) -> Step {
    let commits = migration.inventory.containers.iter().any(|c| c.fate == SaveMethod::Commit);
    let why = if commits {
        "Each that differs from its image is committed to an image of its own, thinspect-saved:ID; where Docker refuses \
         that, it is exported as a whole."
    } else {
        "The pool takes no new layers, so each that differs from its image is exported as a whole, and what it wrote is \
         told apart by Docker's own list of changes."
    };
    migration.step(Risk::Changes, "save what containers have written", why, "save_written")
}

/// Saves the images and checks the archive.
pub(super) fn save_images(migration: &Migration<'_>) -> Step {
    let why = text!(
        "One archive, {}/images.tar, holds layers that images share once: about {}. Docker makes a copy of the same size \
         below its data root meanwhile. It is then read from end to end: the checksum of every image and layer must be in \
         it.",
        migration.place.directory,
        Bytes(migration.sizes.archive)
    );
    let mut step =
        migration.step(Risk::Changes, "save the images, and check the archive", why, "save_archive");
    step.check =
        Some(format!("tar -tf {} >/dev/null", quote(&format!("{}/images.tar", migration.place.directory))));
    step
}

/// Loads the archives.
pub(super) fn load(migration: &Migration<'_>) -> Step {
    let why = "Docker checks each layer against its checksum. An image's id is the checksum of its description, so it \
               is the same in every store.";
    migration.step(Risk::Changes, "load the images", why, "load_archive")
}

/// Attaches the containers to layers in the new store.
pub(super) fn adopt(migration: &Migration<'_>) -> [Step; 2] {
    let why = "Docker makes a stand-in of the same image for each. What belongs to a container beside its layer stays \
               where it is: id, name, settings, log, volumes, networks.";
    let first = migration.step(Risk::Changes, "make a layer for each container", why, "make_layers");
    let why = format!(
        "Docker loads the containers whose record names its driver. With the daemon down each record is told {:?}, and the \
         layer gets what the container had written. Names by digest come along too.",
        migration.driver
    );
    let second = migration.step(Risk::Stops, "let the containers take those over", why, "hand_over_layers");
    [first, second]
}

/// Compares with the recorded state, and starts the containers that were running.
pub(super) fn verify(migration: &Migration<'_>) -> Step {
    let why = "Ids, names, tags and digests of images, ids and names of containers, and volumes must be what was noted; \
               the script stops at the first difference. Then those containers start that ran before: the downtime ends.";
    let does = "compare everything, and start what ran before";
    let mut step = migration.step(Risk::Changes, does, why, "compare_and_start");
    step.check = Some(format!("docker info 2>/dev/null | grep 'Storage Driver: {}'", migration.driver));
    step
}

/// Changes the settings and restarts the daemon.
pub(super) fn switch(migration: &Migration<'_>) -> Step {
    let why = "The old store is left as it is: this driver does not look at it. Until the containers are back, do not \
               prune volumes: none seems to be in use.";
    let does = format!("restart Docker with {}", migration.driver);
    let mut step = migration.step(Risk::Stops, &does, why, "switch_driver");
    step.difference = migration.difference.clone();
    step
}

/// Sets the variables of the script.
pub(super) fn basis(plan: &mut Plan, migration: &Migration<'_>) {
    let ids = |all: Vec<&str>| all.join(" ");
    let images = migration.inventory.whole_images().map(|i| i.id.as_str()).collect();
    let containers = migration.inventory.containers.iter().map(|c| c.id.as_str()).collect();
    let save = migration.sizes.temporary.saturating_add(if migration.place.beside {
        migration.sizes.archive
    } else {
        0
    });
    plan.basis.variables.extend([
        ("settings", migration.settings.clone()),
        ("store", migration.place.directory.clone()),
        ("old_driver", "devicemapper".to_owned()),
        ("new_driver", migration.driver.to_owned()),
        ("archive_bytes", migration.sizes.archive.to_string()),
        ("save_bytes", save.to_string()),
        ("root_bytes", migration.sizes.beside_root(migration.place.beside).to_string()),
        ("planned_images", ids(images)),
        ("planned_containers", ids(containers)),
    ]);
    plan.basis.way_back = true;
    plan.basis.preconditions = true;
}

//! For hosts whose Docker was upgraded to a release without the driver: an older engine reads the pool, running on the
//! same data root while the data is saved.
//!
//! Downloads nothing: the plan names the release to get and takes the directory it was unpacked to.

use super::steps::Migration;
use crate::advice::{Risk, quote};
use crate::host::docker::Docker;
use crate::host::parse::version::version;
use crate::plan::{Plan, ScriptStep, Step};
use serde_json::{Value, json};

/// The first release without the driver (moby pull request 43637).
const REMOVED: (u32, u32) = (25, 0);
/// Where packages of an older engine are unpacked.
const PLACE: &str = "/opt/docker-24";

/// Whether the installed Docker no longer has the driver.
pub(super) fn is_needed(docker: &Docker) -> bool {
    docker.version.as_deref().and_then(version).is_some_and(|v| v >= REMOVED)
}

/// Blocks the plan and shows how to get an older engine. Docker's static builds do not work: the driver needs libudev
/// (moby daemon/graphdriver/devmapper, "Udev sync is not supported").
pub(super) fn get(plan: &mut Plan, docker: &Docker, command: &str) {
    let version = docker.version.as_deref().unwrap_or("25 or newer");
    plan.block(format!(
        "Docker {version} has no devicemapper driver: only Docker 24 or older can read what is in the pool; unpack one, \
         without installing it, and name it with --old-engine"
    ));
    let why = "Of Docker's own packages, not of its static archives, which this driver refuses. The newest 24 is in the \
               same repository as the installed Docker; its files are only unpacked. Nothing in the pool changes.";
    let place = quote(PLACE);
    let commands = vec![
        "cd \"$(mktemp -d)\"".to_owned(),
        "if command -v apt-get >/dev/null; then version=$(apt-cache madison docker-ce | awk '$3 ~ /:24\\./ { print $3; \
         exit }'); apt-get download \"docker-ce=$version\" \"docker-ce-cli=$version\"; else dnf download \
         'docker-ce-24.0.*' 'docker-ce-cli-24.0.*'; fi"
            .to_owned(),
        format!(
            "mkdir -p {place} && for file in ./*; do case $file in *.deb) dpkg-deb -x \"$file\" {place} ;; *.rpm) \
             rpm2cpio \"$file\" | (cd {place} && cpio -id) ;; esac; done"
        ),
    ];
    let mut step = Step::new(Risk::Changes, "unpack Docker 24 beside the installed one", why, commands);
    step.check = Some(format!("{PLACE}/usr/bin/dockerd --version"));
    step.undo = vec![format!("rm -r {place}")];
    plan.steps.push(step);
    let why = "It then saves with that engine, and loads with the installed one.";
    let commands = vec![format!("{command} --old-engine {PLACE}/usr/bin")];
    plan.steps.push(Step::new(Risk::Reads, "make this plan again with it", why, commands));
}

/// Runs the older engine in place of the installed one, without starting containers or creating networks.
pub(super) fn start(migration: &Migration<'_>, engine: &str) -> Step {
    let why = format!(
        "The installed Docker stops. {engine}/dockerd opens the same data root on a socket of its own, starts no \
         container and touches no network; its log is {}/engine.log.",
        migration.place.directory
    );
    let mut step = Step::new(Risk::Stops, "run the older engine in its place", why, Vec::new());
    step.undo = migration.back();
    step.guarded = Some(ScriptStep::named("use_old_engine"));
    step
}

/// Settings of the older engine: the driver and its options; networking is off so that it changes nothing outside the
/// data root.
pub(super) fn settings(docker: &Docker) -> String {
    let options: Vec<Value> = docker
        .options
        .iter()
        .filter(|o| o.name.starts_with("dm."))
        .map(|o| Value::from(format!("{}={}", o.name, o.value)))
        .collect();
    json!({
        "storage-driver": "devicemapper",
        "storage-opts": options,
        "bridge": "none",
        "iptables": false,
        "ip-forward": false,
    })
    .to_string()
}

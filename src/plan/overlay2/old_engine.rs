//! A host whose Docker was upgraded beyond the driver: what is in the pool can only be read by an older engine, which
//! runs beside the installed one, on the same data root, for as long as saving takes.
//!
//! It downloads nothing: it says which release to get, and takes the directory where it was unpacked.

use super::steps::Move;
use crate::advice::{Risk, quote};
use crate::host::docker::Docker;
use crate::host::parse::version::version;
use crate::plan::{Plan, ScriptStep, Step};
use serde_json::{Value, json};

/// The first release without the driver (moby pull request 43637).
const REMOVED: (u32, u32) = (25, 0);
/// Where packages of an older engine are unpacked.
const PLACE: &str = "/opt/docker-24";

/// Whether the installed Docker has no such driver any more.
pub(super) fn is_needed(docker: &Docker) -> bool {
    docker.version.as_deref().and_then(version).is_some_and(|v| v >= REMOVED)
}

/// Says what to get first. Docker's static archives do not do: this driver needs udev's library (moby
/// daemon/graphdriver/devmapper, "Udev sync is not supported").
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

/// Runs the older engine in the installed one's place. It starts no container and makes no network.
pub(super) fn start(way: &Move<'_>, engine: &str) -> Step {
    let why = format!(
        "The installed Docker stops. {engine}/dockerd opens the same data root on a socket of its own, starts no \
         container and touches no network; its log is {}/engine.log.",
        way.place.directory
    );
    let mut step = Step::new(Risk::Stops, "run the older engine in its place", why, Vec::new());
    step.undo = way.back();
    step.guarded = Some(ScriptStep::named("use_old_engine"));
    step
}

/// The older engine's settings: the driver and its options, and nothing that reaches beyond its data root.
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

//! Steps that free space in a Docker pool: look, trim, finish pending deletions, then remove, oldest first.
//!
//! Container and image names are unknown here, so removals are chosen by age, label and pattern.

use super::FreeContext;
use crate::advice::recipes::{TRIM_CONTAINERS, pool_option};
use crate::advice::since::Versions;
use crate::advice::{Risk, quote};
use crate::host::dm::status::Discards;
use crate::host::docker::{DeviceRecord, Docker};
use crate::host::parse::version;
use crate::plan::{Piece, Plan, ScriptStep, Step, script};

/// Removes containers and images from a Docker pool.
pub(in crate::plan) static SHELL: Piece = Piece {
    name: "free/free.sh",
    text: include_str!("free.sh"),
    requires: &[&script::DOCKER_SERVICE],
    expects: &[],
};
/// The release from which `prune` takes `until` and `label` (docker/docker 17.06).
const PRUNE_FILTERS: (u32, u32) = (17, 6);

/// Adds the steps.
pub(super) fn steps(plan: &mut Plan, context: &FreeContext<'_>) {
    basis(plan, context);
    let docker = context.host.docker_of(context.pool);
    if docker.and_then(|d| d.running) == Some(false) {
        plan.steps.push(start());
    }
    plan.steps.push(see(context));
    plan.steps.extend(pending(context, docker));
    if context.pool.discards == Some(Discards::Ignored) {
        plan.warn("the pool ignores discards: trimming gives nothing back");
    } else {
        plan.steps.push(trim(context));
    }
    plan.steps.push(open_files());
    if version(context, docker).is_none_or(|v| v >= PRUNE_FILTERS) {
        plan.steps.extend(pruned(context));
    } else {
        plan.steps.extend(removed(context));
    }
    plan.steps.push(by_name(context));
    finish(plan, context);
}

pub(super) fn basis(plan: &mut Plan, context: &FreeContext<'_>) {
    plan.basis.unscriptable = match (&context.pool.name, context.target()) {
        (Some(name), _) if name.starts_with('-') => {
            Some("the tools take the pool's name, which begins with -, for an option".into())
        }
        (Some(_), Some(_)) => None,
        _ => Some(
            "the pool's name or size is not known here: make the plan on the host itself, as root".into(),
        ),
    };
    plan.basis.pieces = vec![&SHELL];
    plan.basis.variables = script::docker_variables(context.host.docker_of(context.pool));
    plan.basis.variables.push(("planned_at", context.host.recorded_at.clone().unwrap_or_default()));
    plan.basis.needs = vec![
        ("deletes".into(), "nothing can be removed from that pool now; look at `thinspect status`".into()),
        // If the daemon is down, a step starts it and then checks it.
        ("{ docker_is_gone || docker_is_ours; }".into(), script::NOT_OURS.into()),
    ];
}

/// Script step that may not free enough alone; skipped once enough is free.
pub(super) fn trying(context: &FreeContext<'_>, shows: &[&str], run: &[&str]) -> Option<ScriptStep> {
    let needs = [("docker_answers", "Docker does not answer"), ("docker_is_ours", script::NOT_OURS)];
    let guarded = ScriptStep::new(&format!("enough {}", context.target()?), &needs, run);
    let shows = shows.iter().map(|line| (*line).to_owned()).collect();
    Some(ScriptStep { shows, tries: true, ..guarded })
}

pub(super) fn start() -> Step {
    let why = "Its own commands remove what it made; done behind its back, its records would be wrong. Containers \
               with a restart policy start as well.";
    let mut step =
        Step::new(Risk::Changes, "start the Docker daemon", why, vec!["systemctl start docker".into()]);
    step.check = Some("docker version".into());
    step.undo = vec!["systemctl stop docker.socket docker".into()];
    step.guarded = Some(ScriptStep::new("docker_answers", &[], &["start_docker"]));
    step
}

fn see(context: &FreeContext<'_>) -> Step {
    let commands = vec![
        "docker ps -as".into(),
        "docker images".into(),
        "docker system df".into(),
        format!("thinspect usage{}", pool_option(context.pool)),
    ];
    let why = "On this driver Docker's sizes may read 0 B, and count shared layers more than once: the pool's own \
               counter, in the checks below, tells what a step really gave.";
    Step::look("see what there is", why, commands)
}

/// Steps for thin devices that Docker has deleted but the pool still holds.
fn pending(context: &FreeContext<'_>, docker: Option<&Docker>) -> Vec<Step> {
    let records: Vec<&DeviceRecord> =
        docker.iter().flat_map(|d| &d.devices).filter(|r| r.deleted && !r.hash.is_empty()).collect();
    let said = context.pool.docker_info.as_ref().and_then(|i| i.deferred_deleted).unwrap_or(0);
    let count = u64::try_from(records.len()).unwrap_or(u64::MAX).max(said);
    if count == 0 {
        return Vec::new();
    }
    let mut commands: Vec<String> = records
        .iter()
        .take(3)
        .map(|r| format!("grep -l {} /proc/[0-9]*/mountinfo", quote(&r.hash)))
        .collect();
    if commands.is_empty() {
        commands.push("dmsetup info | grep -B1 'DEFERRED REMOVE'".into());
        commands.push("lsof +D /var/lib/docker/devicemapper/mnt 2>/dev/null".into());
    }
    let why = "Their blocks come back when the last process that holds them lets go: end or restart the processes \
               whose numbers appear. Docker looks again every 30 seconds.";
    let does =
        format!("see who holds the {count} thin devices that Docker has deleted but the pool still has");
    let first = Step::look(does, why, commands);
    let why = "If nobody holds them, Docker has given up: it deletes them when it starts. Containers stop, unless \
               live-restore is on.";
    let command = vec!["systemctl restart docker".to_owned()];
    let mut second = Step::new(Risk::Stops, "let Docker finish those deletions: restart it", why, command);
    second.check = context.check();
    vec![first, second]
}

fn trim(context: &FreeContext<'_>) -> Step {
    let why = "A file deleted in a container keeps its blocks in the pool until its filesystem is trimmed. Nothing \
               is removed; it costs some seconds of disk work.";
    let does = "give back the blocks of files that running containers have deleted";
    let mut step = Step::new(Risk::Changes, does, why, vec![TRIM_CONTAINERS.to_owned()]);
    step.check = context.check();
    step.guarded = trying(context, &[], &["trim_containers"]);
    step
}

fn open_files() -> Step {
    let why = "A deleted file that a process still has open keeps its blocks: restart that process or its \
               container, then trim again.";
    let command = "lsof -nP +L1 2>/dev/null | grep -vE 'memfd|/dev/(shm|zero)'".to_owned();
    Step::look("see deleted files that are still open in containers", why, vec![command])
}

fn destroying(
    context: &FreeContext<'_>,
    does: &str,
    lost: &str,
    command: &str,
    script: (&str, &str),
) -> Step {
    let mut step = Step::new(Risk::Destroys, does, lost, vec![command.to_owned()]);
    step.check = context.check();
    let (shows, run) = script;
    step.guarded = trying(context, &[&format!("{shows} || true")], &[&format!("{run} || true")]);
    step
}

/// What is lost with a container.
const CONTAINER_LOST: &str = "Lost: the files they wrote (volumes stay), their settings and logs. Keep one with \
                              `docker export`. The age counts from their making.";
/// What is lost with an image.
const IMAGE_LOST: &str = "Lost: the images; they have to be pulled or built again. Keep one with `docker save`. The \
                          age counts from the making of the image, not from its pull; label what must stay with \
                          `keep`.";

fn pruned(context: &FreeContext<'_>) -> Vec<Step> {
    vec![
        destroying(
            context,
            "remove stopped containers made more than 24 hours ago",
            CONTAINER_LOST,
            "docker container prune --filter until=24h --filter label!=keep",
            (
                "docker ps -as --filter status=exited --filter status=created",
                "run docker container prune --force --filter until=24h --filter label!=keep",
            ),
        ),
        destroying(
            context,
            "remove images without a name that nothing uses",
            "Lost: leftovers of builds and of newer pulls; the next build may take longer.",
            "docker image prune",
            ("docker images --filter dangling=true", "run docker image prune --force"),
        ),
        destroying(
            context,
            "remove images that no container uses, made more than 10 days ago",
            IMAGE_LOST,
            "docker image prune --all --filter until=240h --filter label!=keep",
            (
                "docker images",
                "run docker image prune --all --force --filter until=240h --filter label!=keep",
            ),
        ),
    ]
}

/// Removal steps for Docker releases whose `prune` has no filters.
fn removed(context: &FreeContext<'_>) -> Vec<Step> {
    vec![
        destroying(
            context,
            "remove all stopped containers (this release cannot choose by age)",
            "Lost: the files they wrote (volumes stay), their settings and logs. Keep one with `docker export`.",
            "docker ps -aq --filter status=exited | xargs -r docker rm",
            (
                "docker ps -as --filter status=exited",
                "docker ps -aq --filter status=exited | xargs -r docker rm",
            ),
        ),
        destroying(
            context,
            "remove images without a name that nothing uses",
            "Lost: leftovers of builds and of newer pulls; the next build may take longer.",
            "docker images -q --filter dangling=true | xargs -r docker rmi",
            (
                "docker images --filter dangling=true",
                "docker images -q --filter dangling=true | xargs -r docker rmi",
            ),
        ),
    ]
}

/// Removal by a name pattern, which only a person can choose.
fn by_name(context: &FreeContext<'_>) -> Step {
    let why = "Put your own pattern for ci/*. Lost: those images; they have to be pulled or built again. Images \
               that a container uses are refused.";
    let command = "docker images --filter reference='ci/*' -q | xargs -r docker rmi";
    let mut step =
        Step::new(Risk::Destroys, "remove images by the pattern of their name", why, vec![command.into()]);
    step.check = context.check();
    step
}

/// Last step: reports whether enough was freed.
pub(super) fn finish(plan: &mut Plan, context: &FreeContext<'_>) {
    let Some(least) = context.target() else { return };
    let command = format!("thinspect plan grow{}", pool_option(context.pool));
    let why = "Where nothing more can go, the pool has to grow.";
    let mut step =
        Step::look("see whether it was enough, and how to grow the pool if not", why, vec![command]);
    step.check = context.check();
    let short = "too few blocks are free still; remove more by name, or grow the pool (thinspect plan grow)";
    let enough = format!("enough {least}");
    step.guarded = Some(ScriptStep::new(&enough, &[(&enough, short)], &[]));
    plan.steps.push(step);
}

/// Docker's major and minor version.
fn version(context: &FreeContext<'_>, docker: Option<&Docker>) -> Option<(u32, u32)> {
    let files = docker.and_then(|d| version::version(d.version.as_deref()?));
    files.or_else(|| Versions::of(context.host).docker)
}

//! Where `dm.min_free_space` is set, and the steps that set it and restart the daemon.
//!
//! A file is rewritten only from its recorded text; without it the steps are generic.

use super::daemon_json::{Edited, with_storage_option};
use super::pool_facts::SpaceFacts;
use super::settings_change::{Change, Original, Replacement, original};
use super::{Piece, Plan, ScriptStep, Step, script};
use crate::advice::{Risk, quote};
use crate::host::docker::{DAEMON_JSON, Docker, StorageOption};
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::units::percent_of;
use crate::host::{DeviceMapper, Host};

const OPTION: &str = "dm.min_free_space";

/// Sets the floor and restarts Docker.
pub(super) static SHELL: Piece = Piece {
    name: "min_free_space/min_free_space.sh",
    text: include_str!("min_free_space/min_free_space.sh"),
    requires: &[&script::DOCKER_SERVICE, &script::SETTINGS],
    expects: &[],
};

/// Adds the steps that set the floor to `percent`.
pub(super) fn steps(plan: &mut Plan, host: &Host, pool: &Pool, data: &SpaceFacts, percent: u64) {
    if pool.owner == PoolOwner::ContainersStorage {
        return podman(plan, percent);
    }
    let docker = host.docker_of(pool).or_else(|| host.docker_roots.first());
    let restart = restart(docker, data, percent);
    match place(host, docker) {
        Place::File { path, text, original } => {
            let rewritten = with_storage_option(&text, OPTION, &format!("{percent}%"))
                .and_then(|edited| rewrite(&path, &original?, &edited, percent));
            match rewritten {
                Ok((step, change)) => {
                    plan.basis.pieces = vec![&SHELL];
                    plan.basis.preconditions = true;
                    plan.basis.variables = vec![("settings", path), ("floor", shown(data, percent))];
                    plan.basis.variables.extend(super::script::docker_variables(docker));
                    change.describe(&mut plan.basis);
                    plan.steps.push(step);
                }
                Err(why) => {
                    plan.basis.unscriptable = Some(why);
                    plan.steps.push(by_hand(&path, percent));
                }
            }
        }
        Place::Elsewhere(place) => {
            plan.warn(format!(
                "Docker's storage options are given on {place}: it has to be set there, since the daemon \
                 refuses to start when they stand in daemon.json as well"
            ));
            plan.basis.unscriptable = Some(format!("the option has to be set by hand, on {place}"));
            plan.steps.push(elsewhere(&place, percent));
        }
        Place::Unknown(why) => {
            plan.basis.unscriptable = Some(format!("{why}: make the plan on the host itself"));
            plan.steps.push(find());
            plan.steps.push(by_hand(docker.map_or(DAEMON_JSON, Docker::settings_file), percent));
        }
    }
    plan.steps.push(restart);
    plan.warn_of_swarm(host, pool);
}

/// Where storage options have to be set.
pub(super) enum Place {
    /// The daemon's settings file: its recorded text (empty if the file is missing) and its identity on disk.
    File { path: String, text: String, original: Result<Original, String> },
    /// Where the other storage options are given: the command line, or a file that it is built from.
    Elsewhere(String),
    /// Unknown, with the reason.
    Unknown(String),
}

pub(super) fn place(host: &Host, docker: Option<&Docker>) -> Place {
    let unknown = || Place::Unknown("Docker's settings are not known here".to_owned());
    let Some(docker) = docker else { return unknown() };
    // An option from a file that feeds the command line is listed for both; the file is where to change it.
    let path = docker.settings_file();
    let outside = || docker.options.iter().filter(|o| o.from != path);
    let named = || outside().filter(|o| o.name == OPTION);
    let in_file = |o: &&StorageOption| o.from.starts_with('/');
    let chosen = named().find(in_file).or_else(|| named().next());
    if let Some(chosen) = chosen.or_else(|| outside().find(in_file)).or_else(|| outside().next()) {
        return Place::Elsewhere(chosen.from.clone());
    }
    if docker.daemon_json.is_none() && host.kernel.device_mapper == DeviceMapper::NotAsked {
        return unknown();
    }
    if let Some(why) = &docker.service_unread {
        return Place::Unknown(format!(
            "Docker does not run, and how its service starts it is not known ({why})"
        ));
    }
    let text = docker.daemon_json.clone().unwrap_or_default();
    Place::File { path: path.to_owned(), text, original: original(docker) }
}

/// A `printf` command that writes a text; its lines are quoted, so that any content is safe to paste.
pub(super) fn printed(text: &str) -> String {
    let words: Vec<String> = text.trim_end_matches('\n').split('\n').map(quote).collect();
    format!("printf '%s\\n' {}", words.join(" "))
}

/// Changes the file. If parts of it were not recorded, the commands contain only the replaced bytes.
fn rewrite(path: &str, original: &Original, edited: &Edited, percent: u64) -> Result<(Step, Change), String> {
    let change = Change::of_file(original, edited)?;
    let why = "An option must end in %: a bare number stops the daemon at its next start. Everything else in \
               the file stays as it is; nothing changes until the daemon is restarted.";
    let file = quote(path);
    let does = format!("set {OPTION}={percent}% in {path}");
    let mut step = match original {
        Original::Absent => {
            let folder = quote(path.rsplit_once('/').map_or("/", |(folder, _)| folder));
            let print = printed(&edited.text());
            let command = format!("mkdir -p {folder} && [ ! -e {file} ] && {print} > {file}");
            let mut step = Step::new(Risk::Changes, does, why, vec![command]);
            step.undo = vec![format!("rm {file}")];
            step
        }
        Original::File(digest) => {
            // Named after the old content, so that a second change does not overwrite the first backup.
            let name = digest.sha256.get(..8).unwrap_or_default();
            let saved = quote(&format!("{path}.before-thinspect-{name}"));
            let (sum, new) = (&digest.sha256, quote(&format!("{path}.new")));
            let same = format!("printf '%s  %s\\n' {sum} {file} | sha256sum -c && cp -pL {file} {saved}");
            let command = if digest.hidden.is_empty() {
                format!("{same} && {} > {file}", printed(&edited.text()))
            } else {
                let parts = typed(&Replacement::all(digest, edited)?, &saved);
                format!(
                    "{same} && cp -pL {file} {new} && {{ {parts}; }} > {new} && cat {new} > {file} && rm {new}"
                )
            };
            let commands = vec![command];
            let mut step = Step::new(Risk::Changes, does, why, commands);
            step.undo = vec![format!("cat {saved} > {file}")];
            step
        }
    };
    step.check = Some(format!("grep -q '\"{OPTION}={percent}%\"' {file}"));
    step.guarded = Some(ScriptStep::named("set_floor"));
    Ok((step, change))
}

/// Commands that print the changed file from the copy of the old one.
fn typed(replacements: &[Replacement], saved: &str) -> String {
    let (mut parts, mut at) = (Vec::new(), 0);
    for one in replacements {
        let (end, length) = (one.offset, one.offset.saturating_sub(at));
        match (at, length) {
            (_, 0) => {}
            (0, _) => parts.push(format!("head -c {end} {saved}")),
            _ => parts.push(format!("head -c {end} {saved} | tail -c {length}")),
        }
        parts.push(format!("printf %s {}", quote(&one.new)));
        at = end.saturating_add(u64::try_from(one.old.len()).unwrap_or_default());
    }
    parts.push(format!("tail -c +{} {saved}", at.saturating_add(1)));
    parts.join(" && ")
}

fn by_hand(file: &str, percent: u64) -> Step {
    let option = format!("\"{OPTION}={percent}%\"");
    let why = format!(
        "Add {option} to the list \"storage-opts\" of {file}, or replace the {OPTION} that is there; where \
         the file does not exist, the command makes it. The % must be there: a bare number stops the daemon \
         at its next start."
    );
    let new = printed(&format!("{{\n    \"storage-opts\": [{option}]\n}}"));
    let name = quote(file);
    let commands = vec![format!("if [ -e {name} ]; then ${{EDITOR:-vi}} {name}; else {new} > {name}; fi")];
    let mut step = Step::new(Risk::Changes, format!("set {OPTION}={percent}% in {file}"), why, commands);
    step.check = Some(format!("grep -q '{option}' {name}"));
    step
}

fn elsewhere(place: &str, percent: u64) -> Step {
    let option = format!("--storage-opt {OPTION}={percent}%");
    let why = format!(
        "Add `{option}` beside the other --storage-opt words, or change the one that is there. The % must be \
         there: a bare number stops the daemon at its next start. In a systemd unit write %% for %."
    );
    let does = format!("set {OPTION}={percent}% on {place}");
    if place.starts_with('/') {
        let commands = vec![format!("${{EDITOR:-vi}} {}", quote(place))];
        let mut step = Step::new(Risk::Changes, does, why, commands);
        step.check = Some(format!("grep -q '{OPTION}={percent}%' {}", quote(place)));
        return step;
    }
    let commands = vec!["systemctl cat docker".to_owned(), "systemctl edit --full docker".to_owned()];
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("systemctl cat docker | grep -qE '{OPTION}={percent}%%?'"));
    step.undo = vec!["systemctl revert docker".to_owned()];
    step
}

fn find() -> Step {
    let places = "/etc/docker /etc/sysconfig /etc/default /etc/systemd/system /lib/systemd/system";
    let command = format!("grep -rsE 'storage-opt|{OPTION}' {places}");
    let why = "All storage options must stand in one place: the daemon refuses to start when they are both \
               on its command line and in daemon.json.";
    Step::new(Risk::Reads, "see where Docker's storage options stand", why, vec![command])
}

fn podman(plan: &mut Plan, percent: u64) {
    plan.basis.unscriptable = Some("storage.conf has to be edited by hand".into());
    let why = "In the section [storage.options.thinpool]. There is no daemon to restart: the next command \
        obeys it.";
    let commands = vec!["${EDITOR:-vi} /etc/containers/storage.conf".to_owned()];
    let does = format!("set min_free_space = \"{percent}%\" in /etc/containers/storage.conf");
    let mut step = Step::new(Risk::Changes, does, why, commands);
    step.check = Some(format!("grep -q 'min_free_space *= *\"{percent}%\"' /etc/containers/storage.conf"));
    plan.steps.push(step);
}

fn restart(docker: Option<&Docker>, data: &SpaceFacts, percent: u64) -> Step {
    let json = docker.and_then(|d| d.daemon_json.as_deref()).unwrap_or_default();
    let settings = serde_json::from_str::<serde_json::Value>(json).ok();
    let survive = settings.and_then(|s| s.get("live-restore")?.as_bool()) == Some(true);
    let (does, why) = if survive {
        (
            "restart the Docker daemon; containers keep running (live-restore)",
            "The option is read at start only. The daemon does not answer for some seconds.",
        )
    } else {
        (
            "restart the Docker daemon: containers stop, and only those with a restart policy start again",
            "The option is read at start only. With \"live-restore\": true in daemon.json, loaded beforehand \
             by `systemctl reload docker`, containers would keep running.",
        )
    };
    let commands = vec!["systemctl restart docker".to_owned()];
    let mut step = Step::new(Risk::Stops, does, why, commands);
    let floor = shown(data, percent);
    let check = format!("docker info 2>/dev/null | grep -E 'Minimum Free Space: {floor}'");
    step.guarded = Some(ScriptStep::named("restart_docker"));
    step.check = Some(check);
    step.undo = vec!["systemctl restart docker".to_owned()];
    step
}

/// The floor as `docker info` prints it, as a pattern; any value where the block size is unknown.
fn shown(data: &SpaceFacts, percent: u64) -> String {
    let bytes = data.total.and_then(|total| data.bytes(percent_of(total, percent)));
    match bytes.filter(|_| data.origin == super::pool_facts::Origin::Said) {
        Some(bytes) => human(bytes).replace('.', "\\."),
        None => "[0-9]".to_owned(),
    }
}

/// Go's `units.HumanSize`: decimal, four significant digits (`%.4g`), a blank before the unit up to Docker
/// 17.03.
fn human(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let power = bytes.max(1).ilog10() / 3;
    let scale = 1000_u64.saturating_pow(power);
    let whole = bytes / scale;
    let decimals = 3_u32.saturating_sub(whole.max(1).ilog10());
    let factor = u128::from(10_u64.pow(decimals));
    let rounded = (u128::from(bytes) * factor * 2 + u128::from(scale)) / (u128::from(scale) * 2);
    let mut text = (rounded / factor).to_string();
    let fraction = format!("{:0width$}", rounded % factor, width = decimals as usize);
    let fraction = fraction.trim_end_matches('0');
    if decimals > 0 && !fraction.is_empty() {
        text = format!("{text}.{fraction}");
    }
    let unit = usize::try_from(power).ok().and_then(|p| units.get(p)).copied().unwrap_or("B");
    format!("{text} ?{unit}")
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn as_docker_prints_it() {
        let cases = [
            (9_663_676_416, "9.664 ?GB"),
            (10_737_418_240, "10.74 ?GB"),
            (644_245_094, "644.2 ?MB"),
            (858_993_459, "859 ?MB"),
            (429_496_729, "429.5 ?MB"),
            (65_536, "65.54 ?kB"),
            (0, "0 ?B"),
            (524_288_000_000, "524.3 ?GB"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(human(bytes), shown);
        }
    }
}

//! A plan as a guarded bash script: every fact is checked again at run time, every change is asked for, and a
//! pool is never left suspended.
//!
//! It writes text only. A plan that cannot be followed becomes a script that says why and changes nothing.

mod tools;

pub use tools::{Package, TOOLS, Tool, Version, YOUNGER, Younger};

use super::{Plan, ScriptStep, Step};
use crate::advice::{Risk, quote};
use crate::host::docker::Docker;

/// What every script begins with.
pub const PROLOGUE: &str = include_str!("prologue.sh");

/// A file of bash functions and its dependencies.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The file, below `src/plan`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Pieces whose functions it calls; they precede it in the script.
    pub requires: &'static [&'static Self],
    /// Functions that it calls and that the piece which requires it defines.
    pub expects: &'static [&'static str],
}

/// Loop devices, by sysfs.
pub(super) static LOOP: Piece = shared("script/loop.sh", include_str!("loop.sh"), &[]);
/// Resizing a pool.
pub(super) static RESIZE: Piece = shared("script/resize.sh", include_str!("resize.sh"), &[&LOOP]);
/// Services.
pub(super) static SERVICE: Piece = shared("script/service.sh", include_str!("service.sh"), &[]);
/// Stopping and starting kubelet. Uses the variable `store`.
pub(super) static KUBELET: Piece = shared("script/kubelet.sh", include_str!("kubelet.sh"), &[&SERVICE]);
/// Checks that the daemon uses the settings file. Uses the variable `settings`.
static DOCKER_SETTINGS: Piece =
    shared("script/docker_settings.sh", include_str!("docker_settings.sh"), &[&DOCKER_SERVICE]);
/// Which Docker daemon is meant, stopping and starting it. Uses the variables of [`docker_variables`].
pub(super) static DOCKER_SERVICE: Piece =
    shared("script/docker_service.sh", include_str!("docker_service.sh"), &[&SERVICE]);
/// Changing a settings file that was not recorded in full. Uses the variables of a
/// [`Change`](super::settings_change::Change).
pub(super) static SETTINGS: Piece =
    shared("script/settings.sh", include_str!("settings.sh"), &[&SETTINGS_FILE]);
/// Locating the settings file. Uses the variable `settings`.
static SETTINGS_FILE: Piece = shared("script/settings_file.sh", include_str!("settings_file.sh"), &[]);
/// Backing up the settings file. Uses the variable `store`.
pub(super) static SETTINGS_COPY: Piece =
    shared("script/settings_copy.sh", include_str!("settings_copy.sh"), &[&SETTINGS_FILE]);
/// Recording the progress of a script. Uses the variable `store`.
pub(super) static JOURNAL: Piece = shared("script/journal.sh", include_str!("journal.sh"), &[]);
/// Recording Docker's state. Uses the variable `old_driver`.
pub(super) static DOCKER_STATE: Piece = shared(
    "script/docker_state.sh",
    include_str!("docker_state.sh"),
    &[&DOCKER_SERVICE, &DOCKER_SETTINGS, &KUBELET, &JOURNAL],
);
/// Finding a pool's users and checking its metadata.
pub(super) static POOL_USERS: Piece = shared("script/pool_users.sh", include_str!("pool_users.sh"), &[]);

const fn shared(name: &'static str, text: &'static str, requires: &'static [&'static Piece]) -> Piece {
    Piece { name, text, requires, expects: &[] }
}

/// Error message if `docker_is_ours` of [`DOCKER_SERVICE`] fails.
pub(super) const NOT_OURS: &str = "Docker does not answer on its socket, or the one that answers there keeps its data elsewhere or uses another pool: \
     nothing is asked of it (the socket stands at the top of this script)";

/// Variables that [`DOCKER_SERVICE`] needs besides the pool's name.
pub(super) fn docker_variables(docker: Option<&Docker>) -> Vec<(&'static str, String)> {
    let root = docker.and_then(|d| d.root.clone()).unwrap_or_default();
    vec![("root", root), ("socket", socket(docker))]
}

/// The daemon's socket according to its settings; the script also checks its command line.
fn socket(docker: Option<&Docker>) -> String {
    let settings = docker.and_then(|d| d.daemon_json.as_deref());
    let settings: Option<serde_json::Value> = settings.and_then(|text| serde_json::from_str(text).ok());
    let hosts = settings.as_ref().and_then(|s| s.get("hosts")?.as_array());
    let named = hosts.into_iter().flatten().find_map(|host| host.as_str()?.strip_prefix("unix://"));
    named.unwrap_or("/var/run/docker.sock").to_owned()
}

const WAY_BACK: &str = "if [ \"$back\" = yes ]; then\n    step='--back'\n    rollback\n    finish 'everything was taken back'\nfi\n";
const NO_WAY_BACK: &str =
    "[ \"$back\" = no ] || stop 'there is no way back as a whole: each step says what takes it back'\n";

/// Renders a plan as a script.
#[must_use]
pub fn script(plan: &Plan) -> String {
    let mut out = header(plan);
    if let Some(why) = plan.unscriptable() {
        out.push_str(&format!(
            "printf '%s\\n' {} >&2\nexit 1\n",
            sentence(&format!("thinspect: stopped: {}", why.plain()))
        ));
        return out;
    }
    out.push_str(PROLOGUE);
    out.push_str(&helpers(plan));
    out.push('\n');
    out.push_str(if plan.basis.way_back { WAY_BACK } else { NO_WAY_BACK });
    for warning in &plan.warnings {
        out.push_str(&format!("say {}\n", sentence(&format!("warning: {}", warning.plain()))));
    }
    for (condition, otherwise) in &plan.basis.needs {
        out.push_str(&format!("{condition} || stop {}\n", sentence(otherwise)));
    }
    if plan.basis.preconditions {
        out.push_str("preconditions\n");
    }
    let steps: Vec<(usize, &Step, &ScriptStep)> = plan
        .steps
        .iter()
        .enumerate()
        .filter_map(|(index, step)| Some((index + 1, step, step.guarded.as_ref()?)))
        .collect();
    for (number, step, guarded) in &steps {
        out.push_str(&function(*number, step, guarded));
    }
    out.push('\n');
    for (number, ..) in &steps {
        out.push_str(&format!("step_{number}\n"));
    }
    out.push_str("finish 'all steps are done'\n");
    out
}

/// The variables, and the functions that the steps use.
fn helpers(plan: &Plan) -> String {
    let name = plan.pool.as_deref().unwrap_or_default();
    let mut out = format!("\npool={}\n", quote(name));
    for (variable, value) in &plan.basis.variables {
        out.push_str(&format!("{variable}={}\n", quote(value)));
    }
    for (variable, words) in &plan.basis.lists {
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        out.push_str(&format!("{variable}=({})\n", words.join(" ")));
    }
    for piece in pieces(&plan.basis.pieces) {
        out.push('\n');
        out.push_str(piece.text);
    }
    out
}

/// These pieces and all that they require, each once and after what it requires.
#[must_use]
pub fn pieces(wanted: &[&'static Piece]) -> Vec<&'static Piece> {
    let mut all: Vec<&'static Piece> = Vec::new();
    for piece in wanted {
        for piece in pieces(piece.requires).into_iter().chain([*piece]) {
            if !all.contains(&piece) {
                all.push(piece);
            }
        }
    }
    all
}

fn header(plan: &Plan) -> String {
    let pool = plan.pool.as_deref().map_or_else(|| "(not named)".to_owned(), quote);
    format!(
        "#!/usr/bin/env bash\n\
         # thinspect plan {} for pool {}.\n\
         # Written by thinspect {} from {}.\n\
         # It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.\n\
         # It can be run again: what is done is skipped.{}\n\
         # It stops where the facts are not those it was made from.\n",
        plan.goal.word(),
        comment(&pool),
        env!("CARGO_PKG_VERSION"),
        comment(&plan.basis.recorded),
        if plan.basis.way_back { " With --back it takes everything back." } else { "" },
    )
}

fn function(number: usize, step: &Step, guarded: &ScriptStep) -> String {
    let does = step.does.plain();
    let mut out =
        format!("\n# Step {number} ({}): {}\nstep_{number}() {{\n", step.risk.word(), comment(&does));
    out.push_str(&format!("    step={}\n", sentence(&format!("{number} ({does})"))));
    let done = format!("step {number} is done: {does}");
    out.push_str(&format!(
        "    if {}; then\n        say {}\n        return\n    fi\n",
        guarded.done,
        sentence(&done)
    ));
    if let Some(ready) = &guarded.ready {
        out.push_str(&format!("    {ready}\n"));
    }
    for (condition, otherwise) in &guarded.needs {
        out.push_str(&format!(
            "    {condition} || stop {}\n",
            sentence(&format!("step {number}: {otherwise}"))
        ));
    }
    if step.risk > Risk::Reads {
        for line in &guarded.shows {
            out.push_str(&format!("    {line}\n"));
        }
        if guarded.separate {
            let left = sentence(&format!("step {number} ({}) is left for later: {does}", step.risk.word()));
            out.push_str(&format!(
                "    [ \"$yes_destroy\" = yes ] || {{\n        say {left}\n        say 'run this again with \
                 --yes-destroy for it, when all has proved itself'\n        return\n    }}\n"
            ));
        }
        out.push_str(&question(number, step, guarded));
    }
    for line in &guarded.run {
        out.push_str(&format!("    {line}\n"));
    }
    let back = match step.undo.as_slice() {
        [] => String::new(),
        undo => format!("; what takes it back: {}", undo.join("; ")),
    };
    if guarded.tries {
        out.push_str(&format!(
            "    {} || {{\n        say 'not enough yet'\n        return\n    }}\n",
            guarded.done
        ));
        out.push_str(&format!("    say {}\n}}\n", sentence(&done)));
        return out;
    }
    let failed = format!("step {number} did not work: {does}{back}");
    out.push_str(&format!("    {} || stop {}\n", guarded.done, sentence(&failed)));
    out.push_str(&format!("    say {}\n}}\n", sentence(&done)));
    out
}

/// What is asked before a step: what deletes has an answer of its own; what may be left out does not end the script.
fn question(number: usize, step: &Step, guarded: &ScriptStep) -> String {
    let text = format!("step {number} ({}): {}. Go on?", step.risk.word(), step.does.plain());
    let suffix = if step.risk == Risk::Destroys { "_destroy" } else { "" };
    let text = sentence(&text);
    if guarded.tries {
        let left = sentence(&format!("step {number} is left out"));
        format!("    may{suffix} {text} || {{\n        say {left}\n        return\n    }}\n")
    } else {
        format!("    ask{suffix} {text}\n")
    }
}

/// A sentence as one quoted word; backquotes, which mean nothing there, become
/// quotes.
fn sentence(text: &str) -> String {
    let text = comment(text).replace('`', "\"");
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text on one line of a comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_one_word() {
        assert_eq!(sentence("it's\n$(x)"), "'it'\\''s?$(x)'");
    }
}

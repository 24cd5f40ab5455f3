//! A plan as a guarded bash script: every fact is checked again at run time, every change is asked for, and a
//! pool is never left suspended.
//!
//! It writes text only. A plan that cannot be followed becomes a script that says why and changes nothing.

use super::{Guarded, Plan, Step};
use crate::advice::{Risk, quote};
use crate::host::model::units::AMOUNT;

const PROLOGUE: &str = include_str!("prologue.sh");
/// For plans that resize a pool.
pub(super) const HELPERS: &str = include_str!("helpers.sh");
/// For plans that stop or start Docker.
pub(super) const DOCKER: &str = include_str!("docker.sh");
/// For plans that move data elsewhere: what they note.
pub(super) const STORE: &str = include_str!("store.sh");
/// For the plan that sets the free-space floor.
pub(super) const MIN_FREE_SPACE: &str = include_str!("min_free_space.sh");
/// For plans that change a settings file.
pub(super) const SETTINGS: &str = include_str!("settings.sh");
/// The same, which keep what it was; needs [`STORE`] and [`SETTINGS`].
pub(super) const SETTINGS_COPY: &str = include_str!("settings_copy.sh");
/// The same for Docker's data; needs [`DOCKER`] and [`STORE`].
pub(super) const STORE_DOCKER: &str = include_str!("store_docker.sh");
/// For plans that save it in archives and load it again; needs [`STORE_DOCKER`].
pub(super) const MIGRATE: &str = include_str!("../overlay2/migrate.sh");
/// For plans that remove things from it.
pub(super) const FREE: &str = include_str!("../free/docker.sh");
/// For plans that check and repair its metadata.
pub(super) const REPAIR: &str = include_str!("../repair/repair.sh");
/// The same, where a file carries the metadata.
pub(super) const REPAIR_FILE: &str = include_str!("../repair/file.sh");
/// The same, where a logical volume does.
pub(super) const REPAIR_LVM: &str = include_str!("../repair/lvm.sh");
/// For the plan that moves a pool to LVM; needs [`STORE`] and [`REPAIR`].
pub(super) const DIRECT_LVM: &str = include_str!("../direct_lvm/direct_lvm.sh");
/// The same for Docker's pool; needs [`STORE_DOCKER`].
pub(super) const DIRECT_LVM_DOCKER: &str = include_str!("../direct_lvm/docker.sh");
/// The same for containerd's pool.
pub(super) const DIRECT_LVM_CONTAINERD: &str = include_str!("../direct_lvm/containerd.sh");
/// For the plan that moves to overlay2; needs [`MIGRATE`].
pub(super) const OVERLAY2: &str = include_str!("../overlay2/overlay2.sh");
/// The same with an engine of its own for the old store.
pub(super) const OLD_ENGINE: &str = include_str!("../overlay2/old_engine.sh");

const WAY_BACK: &str = "if [ \"$back\" = yes ]; then\n    way_back\n    exit 0\nfi\n";
const NO_WAY_BACK: &str =
    "[ \"$back\" = no ] || stop 'there is no way back as a whole: each step says what takes it back'\n";

/// The script of a plan.
#[must_use]
pub fn script(plan: &Plan) -> String {
    let mut out = header(plan);
    if let Some(why) = plan.unscriptable() {
        out.push_str(&format!(
            "printf '%s\\n' {} >&2\nexit 1\n",
            sentence(&format!("thinspect: stopped: {why}"))
        ));
        return out;
    }
    out.push_str(PROLOGUE);
    out.push_str(&helpers(plan));
    out.push('\n');
    out.push_str(if plan.basis.way_back { WAY_BACK } else { NO_WAY_BACK });
    for warning in &plan.warnings {
        out.push_str(&format!("say {}\n", sentence(&format!("warning: {warning}"))));
    }
    let (done, sentence_of_it) = &plan.basis.done;
    if !done.is_empty() {
        out.push_str(&format!("if {done}; then\n    say {}\n    exit 0\nfi\n", sentence(sentence_of_it)));
    }
    for (condition, otherwise) in &plan.basis.needs {
        out.push_str(&format!("{condition} || stop {}\n", sentence(otherwise)));
    }
    let steps: Vec<(usize, &Step, &Guarded)> = plan
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
    out.push_str("say 'all steps are done'\n");
    out
}

/// The functions that the steps use, and the variables that these use.
fn helpers(plan: &Plan) -> String {
    let name = plan.pool.as_deref().unwrap_or_default();
    let mut out = format!("\npool={}\n", quote(name));
    for (variable, value) in &plan.basis.variables {
        out.push_str(&format!("{variable}={}\n", quote(value)));
    }
    for text in &plan.basis.helpers {
        out.push('\n');
        out.push_str(text);
    }
    out
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

fn function(number: usize, step: &Step, guarded: &Guarded) -> String {
    let does = plain(&step.does);
    let mut out =
        format!("\n# Step {number} ({}): {}\nstep_{number}() {{\n", step.risk.word(), comment(&does));
    let done = format!("step {number} is done: {does}");
    out.push_str(&format!(
        "    if {}; then\n        say {}\n        return\n    fi\n",
        guarded.done,
        sentence(&done)
    ));
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
fn question(number: usize, step: &Step, guarded: &Guarded) -> String {
    let text = format!("step {number} ({}): {}. Go on?", step.risk.word(), plain(&step.does));
    let suffix = if step.risk == Risk::Destroys { "_destroy" } else { "" };
    let text = sentence(&text);
    if guarded.tries {
        let left = sentence(&format!("step {number} is left out"));
        format!("    may{suffix} {text} || {{\n        say {left}\n        return\n    }}\n")
    } else {
        format!("    ask{suffix} {text}\n")
    }
}

/// A sentence as one quoted word, its amounts written out; backquotes, which mean nothing there, become
/// quotes.
fn sentence(text: &str) -> String {
    let text = comment(&plain(text)).replace('`', "\"");
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text on one line of a comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A text with its amounts in binary units, one decimal, rounded down.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split(AMOUNT.0);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once(AMOUNT.1) {
            Some((amount, rest)) => {
                let amount = amount.parse().map_or_else(|_| amount.to_owned(), binary);
                out.push_str(&amount);
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    out
}

fn binary(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = bytes.checked_ilog2().unwrap_or(0) / 10;
    let unit = usize::try_from(power).ok().and_then(|p| units.get(p)).copied().unwrap_or("bytes");
    let scale = 1_u128 << (10 * power);
    let tenths = u128::from(bytes) * 10 / scale;
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::model::units::Bytes;

    #[test]
    fn amounts_are_written_out() {
        let text = format!("{} of {} and {}", Bytes(952_238_080), Bytes(107_374_182_400), Bytes(0));
        assert_eq!(plain(&text), "908.1 MiB of 100 GiB and 0 bytes");
    }

    #[test]
    fn sentences_are_one_word() {
        assert_eq!(sentence("it's\n$(x)"), "'it'\\''s?$(x)'");
    }
}

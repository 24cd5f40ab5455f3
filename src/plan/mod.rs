//! Plans: exact numbers and ordered steps towards one goal, and a guarded script that carries them out.
//!
//! A plan is data, computed from a [`Host`] alone; nothing here executes, asks or prints,
//! and no name from outside reaches a command unquoted.

mod daemon_json;
mod direct_lvm;
mod free;
mod grow;
mod inventory;
mod items;
mod json_edit;
mod min_free_space;
mod numbers;
mod overlay2;
mod pool_facts;
mod repair;
mod script;
mod settings;
mod settings_change;
mod sizes;

pub use direct_lvm::{Counted, DirectLvm, Where, direct_lvm};
pub use free::Free;
pub use free::selection::free_selected;
pub use grow::{Grow, Which};
pub use items::{Item, Kind, Outcome};
pub use min_free_space::{MinFreeSpace, min_free_space};
pub use numbers::{Amount, Number, Numbers};
pub use overlay2::Overlay2;
pub use repair::{Repair, absent_pool};
pub use script::{PROLOGUE, Package, Piece, TOOLS, Tool, Version, YOUNGER, Younger, pieces, script};

use crate::advice::Risk;
use crate::advice::since::Versions;
use crate::host::model::pool::Pool;
use crate::host::model::text::Text;
use crate::host::{DeviceMapper, Host};
use schemars::JsonSchema;
use serde::Serialize;

/// The shell code of each plan; [`pieces`] adds its requirements.
pub static SHELLS: [&Piece; 8] = [
    &settings::SHELL,
    &script::RESIZE,
    &free::SHELL,
    &repair::FILE_SHELL,
    &repair::LVM_SHELL,
    &direct_lvm::DOCKER_SHELL,
    &direct_lvm::CONTAINERD_SHELL,
    &overlay2::SHELL,
];

/// Plans how to free space in a pool.
#[must_use]
pub fn free(host: &Host, pool: &Pool, options: &Free) -> Plan {
    free::free(host, pool, options).fitting(host)
}

/// Plans how to grow a pool.
#[must_use]
pub fn grow(host: &Host, pool: &Pool, options: &Grow) -> Plan {
    grow::grow(host, pool, options).fitting(host)
}

/// Plans how to repair a pool without wiping it.
#[must_use]
pub fn repair(host: &Host, pool: &Pool, options: &Repair) -> Plan {
    repair::repair(host, pool, options).fitting(host)
}

/// Plans the migration of Docker from its thin pool to overlay2.
#[must_use]
pub fn overlay2(host: &Host, pool: &Pool, options: &Overlay2) -> Plan {
    overlay2::overlay2(host, pool, options).fitting(host)
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Lower Docker's free-space floor, `dm.min_free_space`.
    MinFreeSpace,
    /// Make the pool larger.
    Grow,
    /// Make room in the pool by removing what is not needed.
    Free,
    /// Bring a full, read-only, needs-check or failed pool back without wiping it.
    Repair,
    /// Move Docker's pool, or containerd's, from loop files to LVM, with everything in it.
    DirectLvm,
    /// Move a Docker from its thin pool to the overlay2 driver.
    Overlay2,
}

impl Goal {
    /// The word for it, as the command line has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MinFreeSpace => "min-free-space",
            Self::Grow => "grow",
            Self::Free => "free",
            Self::Repair => "repair",
            Self::DirectLvm => "direct-lvm",
            Self::Overlay2 => "overlay2",
        }
    }
}

/// Numbers and steps towards a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// The goal.
    pub goal: Goal,
    /// The pool's device-mapper name; `null` if unknown.
    pub pool: Option<String>,
    /// Whether the goal can be reached now. If not, the steps are what has to come first.
    pub possible: bool,
    /// Why it is not possible.
    pub blocked_by: Vec<Text>,
    /// Risks, and facts that the reader should know.
    pub warnings: Vec<Text>,
    /// The numbers behind the plan; unknown ones are null.
    pub numbers: Numbers,
    /// How each image, container, volume and network is handled; empty for plans that move none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub items: Vec<Item>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What the script needs besides the steps.
    #[serde(skip)]
    pub basis: ScriptContext,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Its state.
    pub does: Text,
    /// Why, and how it affects what is running.
    pub why: Text,
    /// The risk.
    pub risk: Risk,
    /// Commands to type in order, each complete and quoted; they share one shell.
    pub commands: Vec<String>,
    /// Data blocks that it frees after the steps before it; `null` if not counted.
    pub gain_blocks: Option<u64>,
    /// Those blocks in bytes.
    pub gain_bytes: Option<u64>,
    /// A command whose success proves the step.
    pub check: Option<String>,
    /// Commands that undo it; empty if that is impossible or not needed.
    pub undo: Vec<String>,
    /// Change to a file as a line diff: ` ` context, `-` removed, `+` added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub difference: Vec<String>,
    /// The step in the script; `None` if only a person can do it.
    #[serde(skip)]
    pub guarded: Option<ScriptStep>,
}

/// The bash code of a step: functions from the plan's shell file, or generated lines that use the prologue's helpers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptStep {
    /// A condition that holds once the step is done: the step is then skipped.
    pub done: String,
    /// A function that stops the script where the step cannot be done yet.
    pub ready: Option<String>,
    /// Conditions that must hold first, each with its error message.
    pub needs: Vec<(String, String)>,
    /// Lines that show what is affected, before the confirmation prompt.
    pub shows: Vec<String>,
    /// The lines that perform the step.
    pub run: Vec<String>,
    /// The step may be skipped or may not suffice; the script then continues with the next one.
    pub tries: bool,
    /// Runs only with `--yes-destroy`, because it deletes what a rollback needs.
    pub separate: bool,
}

/// What the script of a plan needs besides its steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptContext {
    /// When and how the facts were recorded, for the script's header.
    pub recorded: String,
    /// The reason why no script can be made; `None` if one can.
    pub unscriptable: Option<String>,
    /// Conditions checked before the first step, each with its error message.
    pub needs: Vec<(String, String)>,
    /// Whether the shell pieces define `preconditions`, which is called before the first step.
    pub preconditions: bool,
    /// The bash functions that the conditions and steps use.
    pub pieces: Vec<&'static Piece>,
    /// Variables that those functions use, by name.
    pub variables: Vec<(&'static str, String)>,
    /// Array variables, by name.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// Whether the shell pieces define `rollback`, which `--back` calls.
    pub way_back: bool,
}

impl Plan {
    /// Adapts the commands to the installed versions and drops steps that none of them supports. Scripts check for the
    /// tools they need themselves.
    fn fitting(mut self, host: &Host) -> Self {
        let versions = Versions::of(host);
        let fit = |commands: &mut Vec<String>| {
            let fitting = commands.iter().filter_map(|command| versions.fit(command)).collect();
            *commands = fitting;
        };
        self.steps.retain_mut(|step| {
            let had = !step.commands.is_empty();
            fit(&mut step.commands);
            fit(&mut step.undo);
            step.check = step.check.take().and_then(|check| versions.fit(&check));
            !had || !step.commands.is_empty()
        });
        self
    }

    fn new(goal: Goal, host: &Host, pool: &Pool, numbers: Numbers) -> Self {
        let how = match host.kernel.device_mapper {
            DeviceMapper::NotAsked => "pasted text",
            _ => "a recording of the machine",
        };
        let recorded = match &host.recorded_at {
            Some(when) => format!("{how}, {when}"),
            None => how.to_owned(),
        };
        let basis = ScriptContext { recorded, ..ScriptContext::default() };
        let (blocked_by, warnings, steps) = (Vec::new(), Vec::new(), Vec::new());
        let pool = pool.name.clone();
        Self { goal, pool, possible: true, blocked_by, warnings, numbers, items: Vec::new(), steps, basis }
    }

    fn block(&mut self, why: impl Into<Text>) {
        self.possible = false;
        self.blocked_by.push(why.into());
    }

    fn warn(&mut self, what: impl Into<Text>) {
        self.warnings.push(what.into());
    }

    /// Warns if the host is in a swarm, which restarts tasks elsewhere even after a short stop.
    fn warn_of_swarm(&mut self, host: &Host, pool: &Pool) {
        let docker = host.docker_of(pool).or_else(|| host.docker_roots.first());
        if docker.is_some_and(|docker| docker.swarm == Some(true)) {
            self.warn(
                "this host is part of a swarm, which starts its tasks on other nodes while this daemon is down: drain                  the node before (`docker node update --availability drain`)",
            );
        }
    }

    /// The reason why no script can be made of this plan; `None` if [`script()`] returns a working one.
    #[must_use]
    pub fn unscriptable(&self) -> Option<Text> {
        self.blocked_by.first().cloned().or_else(|| self.basis.unscriptable.clone().map(Text::from))
    }
}

impl ScriptStep {
    /// The functions `NAME_done`, `NAME_ready` and `NAME` of the plan's own shell.
    fn named(name: &str) -> Self {
        Self {
            done: format!("{name}_done"),
            ready: Some(format!("{name}_ready")),
            run: vec![name.to_owned()],
            ..Self::default()
        }
    }

    /// A step from its completion condition, its preconditions with error messages, and its lines.
    fn new(done: &str, needs: &[(&str, &str)], run: &[&str]) -> Self {
        let pair = |(condition, otherwise): &(&str, &str)| ((*condition).to_owned(), (*otherwise).to_owned());
        Self {
            done: done.to_owned(),
            needs: needs.iter().map(pair).collect(),
            run: run.iter().map(|line| (*line).to_owned()).collect(),
            ..Self::default()
        }
    }
}

impl Step {
    fn new(risk: Risk, does: impl Into<Text>, why: impl Into<Text>, commands: Vec<String>) -> Self {
        let (does, why) = (does.into(), why.into());
        Self {
            does,
            why,
            risk,
            commands,
            gain_blocks: None,
            gain_bytes: None,
            check: None,
            undo: Vec::new(),
            difference: Vec::new(),
            guarded: None,
        }
    }

    /// A read-only step.
    fn look(does: impl Into<Text>, why: impl Into<Text>, commands: Vec<String>) -> Self {
        Self::new(Risk::Reads, does, why, commands)
    }
}

//! What to do about a pool: exact numbers and ordered steps for one goal each, and a guarded script of them.
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

/// The shell of each plan; what it requires comes along with [`pieces`].
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

/// How to make room in a pool.
#[must_use]
pub fn free(host: &Host, pool: &Pool, options: &Free) -> Plan {
    free::free(host, pool, options).fitting(host)
}

/// How to make a pool larger.
#[must_use]
pub fn grow(host: &Host, pool: &Pool, options: &Grow) -> Plan {
    grow::grow(host, pool, options).fitting(host)
}

/// How to bring a pool back without wiping it.
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

/// The way to a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// What for.
    pub goal: Goal,
    /// The pool's device-mapper name; none where nobody said it.
    pub pool: Option<String>,
    /// Whether the steps can be followed now. Where not, they are what has to come first.
    pub possible: bool,
    /// Why it is not possible.
    pub blocked_by: Vec<Text>,
    /// What speaks against it, or has to be known.
    pub warnings: Vec<Text>,
    /// The numbers behind it; unknown ones are there, and null.
    pub numbers: Numbers,
    /// What becomes of each image, container, volume and network; empty for plans that move none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub items: Vec<Item>,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What a script of this plan has to know beyond the steps.
    #[serde(skip)]
    pub basis: ScriptContext,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Its state.
    pub does: Text,
    /// Why, and what it means for what runs.
    pub why: Text,
    /// What it can cost.
    pub risk: Risk,
    /// Commands to type in order, each complete and quoted; they share one shell.
    pub commands: Vec<String>,
    /// Data blocks that it gives back after the steps before it; none where that was not counted.
    pub gain_blocks: Option<u64>,
    /// The same in bytes.
    pub gain_bytes: Option<u64>,
    /// A command whose success proves the step.
    pub check: Option<String>,
    /// Commands that take it back; none where that cannot be done or is not needed.
    pub undo: Vec<String>,
    /// What changes in a file, line by line as `diff -u` shows it: ` ` stays, `-` goes, `+` comes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub difference: Vec<String>,
    /// The step as the script does it; none for what only a person can do.
    #[serde(skip)]
    pub guarded: Option<ScriptStep>,
}

/// What the script does for a step, in bash, with the helpers of its prologue: functions of the plan's own shell, or lines
/// made for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptStep {
    /// A condition that holds once the step is done: the step is then skipped.
    pub done: String,
    /// A function that stops the script where the step cannot be done yet.
    pub ready: Option<String>,
    /// Conditions that must hold before, each with the sentence that is said if it does not.
    pub needs: Vec<(String, String)>,
    /// Lines that show what it is about before it is asked for.
    pub shows: Vec<String>,
    /// The lines that do it.
    pub run: Vec<String>,
    /// It may be too little by itself, and may be left out: the script then goes on with the next step.
    pub tries: bool,
    /// It is only done when asked for by `--yes-destroy`, and left out otherwise: what it deletes is the way back.
    pub separate: bool,
}

/// What a plan rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptContext {
    /// When and how the facts were recorded, for the script's header.
    pub recorded: String,
    /// Why no script can be made of it; `None` if one can.
    pub unscriptable: Option<String>,
    /// Conditions checked before the first step, each with the sentence that is said if it does not hold.
    pub needs: Vec<(String, String)>,
    /// Whether the functions below have a `preconditions`, which is called before the first step.
    pub preconditions: bool,
    /// The bash functions that the conditions and steps use.
    pub pieces: Vec<&'static Piece>,
    /// Variables that those functions use, by name.
    pub variables: Vec<(&'static str, String)>,
    /// Those that are lists of words.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// Whether these have a `rollback`, which `--back` calls.
    pub way_back: bool,
}

impl Plan {
    /// With commands that exist in the versions that are there; a step that nothing there can do goes. Scripts ask for
    /// what they need themselves.
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

    /// A swarm starts elsewhere what stops here, for however short a time.
    fn warn_of_swarm(&mut self, host: &Host, pool: &Pool) {
        let docker = host.docker_of(pool).or_else(|| host.docker_roots.first());
        if docker.is_some_and(|docker| docker.swarm == Some(true)) {
            self.warn(
                "this host is part of a swarm, which starts its tasks on other nodes while this daemon is down: drain                  the node before (`docker node update --availability drain`)",
            );
        }
    }

    /// Why no script can be made of this plan; `None` if [`script`] gives one that does the work.
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

    /// When it is done, what must hold before, each with what is said if it does not, and the lines that do it.
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

    /// A step that only looks.
    fn look(does: impl Into<Text>, why: impl Into<Text>, commands: Vec<String>) -> Self {
        Self::new(Risk::Reads, does, why, commands)
    }
}

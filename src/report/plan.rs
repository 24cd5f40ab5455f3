//! Plans as text and as JSON `thinspect-plan/1`.
//!
//! Always shows all steps of a plan, in its order.

use super::style::TextStyle;
use super::units::clean;
use super::wrap::wrap;
use crate::host::model::units::Bytes;
use crate::plan::{Kind, Outcome, Plan, Step};
use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write as _;

/// A plan as JSON.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "thinspect-plan/1")]
pub struct PlanOutput {
    /// Always `thinspect-plan/1`.
    schema: &'static str,
    #[serde(flatten)]
    plan: Plan,
}

/// The plan as JSON, with amounts in binary units.
#[must_use]
pub fn plan_json(plan: &Plan) -> PlanOutput {
    PlanOutput { schema: "thinspect-plan/1", plan: plan.clone() }
}

/// The JSON Schema of [`PlanOutput`].
#[must_use]
pub fn plan_schema() -> schemars::Schema {
    schemars::schema_for!(PlanOutput)
}

/// The plan as text: obstacles, warnings, numbers, items and steps.
#[must_use]
pub fn plan_text(plan: &Plan, style: &TextStyle) -> String {
    let bold = Style::new().bold();
    let mut out = String::new();
    let pool =
        plan.pool.as_deref().map_or_else(|| "the pool (not named)".to_owned(), |p| clean(p).into_owned());
    let _ = writeln!(out, "{}", style.paint(bold, &format!("plan {} for {pool}", plan.goal.word())));
    let red = AnsiColor::Red.on_default().bold();
    for why in &plan.blocked_by {
        let lines = wrap("  NOT POSSIBLE: ", &style.say(why), style.width);
        out.push_str(&lines.replacen("NOT POSSIBLE", &style.paint(red, "NOT POSSIBLE"), 1));
    }
    for warning in &plan.warnings {
        out.push_str(&wrap("  warning: ", &style.say(warning), style.width));
    }
    out.push('\n');
    out.push_str(&numbers(plan, style));
    out.push_str(&items(plan, style));
    for (number, step) in plan.steps.iter().enumerate() {
        out.push('\n');
        out.push_str(&step_text(number + 1, step, style));
    }
    if plan.possible && plan.unscriptable().is_none() {
        out.push_str("\nas a guarded script that asks before each change: the same command with --script\n");
    }
    out
}

/// The numbers, one per line, with blocks and bytes of an amount side by side. Numbers about metadata that needs no
/// change are shown only if `verbose`.
fn numbers(plan: &Plan, style: &TextStyle) -> String {
    let is_zero = |name: &str| plan.numbers.named(name).unwrap_or_default() == 0;
    let metadata_is_fine = is_zero("metadata_growth_blocks") && is_zero("metadata_short_blocks");
    let mut out = String::new();
    for (name, value) in plan.numbers.iter() {
        let Some(value) = value else { continue };
        let hidden = name.starts_with("metadata_") && metadata_is_fine && !style.verbose;
        let blocks = name.strip_suffix("_blocks");
        let bytes = name.strip_suffix("_bytes");
        let is_beside_blocks = bytes.is_some_and(|n| plan.numbers.named(&format!("{n}_blocks")).is_some());
        if hidden || is_beside_blocks {
            continue;
        }
        let label = blocks.or(bytes).unwrap_or(name).replace('_', " ");
        let size =
            |name: &str| plan.numbers.named(&format!("{name}_bytes")).map(|b| style.units.show(Bytes(b)));
        let shown = match (blocks, bytes) {
            (Some(n), _) => format!("{value:>12} blocks {:>12}", size(n).unwrap_or_default()),
            (_, Some(_)) => format!("{:>32}", style.units.show(Bytes(value))),
            _ if name.ends_with("_percent") => format!("{value:>12} %"),
            _ => format!("{value:>12}"),
        };
        let _ = writeln!(out, "{}", format!("  {label:<32}{shown}").trim_end());
    }
    out
}

/// Most names listed in a group, unless `verbose`.
const NAMED: usize = 12;

/// The fate of each item: one line per group of items with the same fate, kind and reason.
fn items(plan: &Plan, style: &TextStyle) -> String {
    let mut groups: Vec<(Outcome, Kind, &str, Vec<String>)> = Vec::new();
    for item in &plan.items {
        let bytes =
            item.bytes.map(|b| format!(" (at most {})", style.units.show(Bytes(b)))).unwrap_or_default();
        let name = format!("{}{bytes}", clean(&item.name));
        match groups
            .iter_mut()
            .find(|(fate, kind, how, _)| (*fate, *kind, *how) == (item.fate, item.kind, &item.how))
        {
            Some((.., names)) => names.push(name),
            None => groups.push((item.fate, item.kind, &item.how, vec![name])),
        }
    }
    groups.sort_by_key(|(fate, kind, ..)| (*fate, *kind));
    let mut out = String::new();
    for (fate, kind, how, names) in groups {
        let head = if out.is_empty() { "\n" } else { "" };
        let number = names.len();
        let many = if number == 1 { String::new() } else { format!("{number} ") };
        let word = if number == 1 { kind.word().to_owned() } else { format!("{}s", kind.word()) };
        let shown = match names.split_at_checked(if style.verbose { names.len() } else { NAMED }) {
            Some((first, rest)) if !rest.is_empty() => {
                format!("{} and {} more", first.join(", "), rest.len())
            }
            _ => names.join(", "),
        };
        let text = format!("{many}{word} ({}): {shown}", clean(how));
        let _ = write!(out, "{head}{}", wrap(&format!("  {:<8}", fate.word()), &text, style.width));
    }
    out
}

fn step_text(number: usize, step: &Step, style: &TextStyle) -> String {
    let mut out = wrap(
        &format!("{number:>2}. "),
        &format!("[{}] {}", step.risk.word(), style.say(&step.does)),
        style.width,
    );
    out.push_str(&wrap("    ", &style.say(&step.why), style.width));
    if let (Some(blocks), Some(bytes)) = (step.gain_blocks, step.gain_bytes) {
        let _ = writeln!(out, "    gives  {blocks} blocks ({})", style.units.show(Bytes(bytes)));
    }
    let mut commands = |head: &str, lines: &mut dyn Iterator<Item = &str>| {
        for (at, line) in lines.enumerate() {
            let head = if at == 0 { head } else { "" };
            let _ = writeln!(out, "    {head:<6} {}", clean(line));
        }
    };
    commands("do", &mut step.commands.iter().flat_map(|c| c.lines()));
    commands("diff", &mut step.difference.iter().map(String::as_str));
    commands("check", &mut step.check.iter().flat_map(|c| c.lines()));
    commands("undo", &mut step.undo.iter().flat_map(|c| c.lines()));
    out
}

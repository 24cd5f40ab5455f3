//! The list of rules, and the explanation of one rule, as text for a terminal.
//!
//! All text comes from the rules' doc comments.

use super::wrap::wrap;
use crate::rules::{RULES, Rule};

/// One line per rule: its name and its first sentence.
#[must_use]
pub fn rules() -> String {
    let longest = RULES.iter().map(|r| r.name.len()).max().unwrap_or_default();
    RULES.iter().map(|r| wrap(&format!("{:<longest$}  ", r.name), r.summary(), 100)).collect()
}

/// The explanation of a rule: headings in capitals, examples indented.
#[must_use]
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("{} (since {})\n\n", rule.name, rule.since);
    let mut paragraph = String::new();
    let mut code = false;
    for line in rule.explanation.lines().map(|l| l.strip_prefix(' ').unwrap_or(l)) {
        let fence = line.starts_with("```");
        if (fence || code || line.is_empty() || line.starts_with("## ")) && !paragraph.is_empty() {
            out.push_str(&wrap("", &paragraph, 80));
            paragraph.clear();
        }
        if fence {
            code = !code;
        } else if code {
            out.push_str("    ");
            out.push_str(line);
            out.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ") {
            out.push_str(&heading.to_uppercase());
            out.push('\n');
        } else if line.is_empty() {
            out.push('\n');
        } else {
            paragraph.push_str(line);
            paragraph.push(' ');
        }
    }
    if !paragraph.is_empty() {
        out.push_str(&wrap("", &paragraph, 80));
    }
    out
}

//! The README's generated parts are what the program really says. `UPDATE=1 cargo test` rewrites them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write;
use support::{golden, tests};
use thinspect::rules::RULES;

/// The text with the part between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
fn replaced(text: &str, name: &str, part: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no part {name}"));
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{part}{close}{after}")
}

fn rules() -> String {
    let mut table = String::from("| rule | when |\n|---|---|\n");
    for rule in RULES {
        writeln!(table, "| `{}` | {} |", rule.name, rule.summary().replace('|', "\\|")).unwrap();
    }
    table
}

/// The screen of the published case, as recorded from the real pool in the lab, to the end of the leading finding.
fn screen() -> String {
    let screen = std::fs::read_to_string(tests("hosts/lab-published-case/status.txt")).unwrap();
    let lines = screen.lines().take_while(|l| !l.contains("[critical] data-nearly-full"));
    format!("```\n# thinspect\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_readme_is_fresh() {
    let path = tests("../README.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, part) in [("rules", rules()), ("screen", screen())] {
        text = replaced(&text, name, &part);
    }
    golden(&path, &text).unwrap();
}

/// The two commands a newcomer is told to type exist, and CI calls the second.
#[test]
fn the_two_commands_exist() {
    let readme = std::fs::read_to_string(tests("../README.md")).unwrap();
    let ci = std::fs::read_to_string(tests("../.ci/run")).unwrap();
    for command in ["scripts/try", "scripts/test"] {
        assert!(readme.contains(command) && tests("..").join(command).exists(), "{command}");
    }
    assert!(ci.contains("scripts/test"));
}

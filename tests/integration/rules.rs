//! Contract of every rule: its examples pass, its file and headings have the agreed form, its advice is safe.

use std::collections::BTreeSet;
use std::path::Path;
use thinspect::advice::Risk;
use thinspect::host;
use thinspect::record::{self, Answer, Recording, Source};
use thinspect::rules::{self, Finding, RULES, Rule};

/// The headings of every explanation, in order.
const HEADINGS: [&str; 5] =
    ["## What it means", "## Why it matters", "## What to do", "## References", "## Example"];

/// An example in an explanation: its text, and whether the rule must not fire.
struct Example {
    text: String,
    quiet: bool,
}

fn examples(rule: &Rule) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open: Option<Example> = None;
    for line in rule.explanation.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (&mut open, line.trim()) {
            (None, "```host") => open = Some(Example { text: String::new(), quiet: false }),
            (None, "```host quiet") => open = Some(Example { text: String::new(), quiet: true }),
            (Some(_), "```") => found.extend(open.take()),
            (Some(example), _) => {
                example.text.push_str(line);
                example.text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "{}: an example is not closed", rule.name);
    found
}

/// A recording, answer lines of one, or pasted text.
fn recording(text: &str) -> Recording {
    if let Ok(recording) = serde_json::from_str::<Recording>(text) {
        return recording;
    }
    let answers: Result<Vec<Answer>, _> = text.lines().map(serde_json::from_str).collect();
    match answers {
        Ok(answers) => Recording { answers, ..Recording::new(Source::Machine, None) },
        Err(_) => record::paste::paste(text),
    }
}

fn findings(text: &str) -> Vec<Finding> {
    rules::findings(&host::read(&recording(text)))
}

#[test]
fn examples_fire_and_keep_quiet() {
    let mut wrong = Vec::new();
    for rule in RULES {
        for example in examples(rule) {
            let fired = findings(&example.text).iter().any(|f| f.rule == rule.name);
            if fired == example.quiet {
                let what = if fired { "fires on" } else { "keeps quiet on" };
                wrong.push(format!("{} {what}:\n{}", rule.name, example.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_explanation_is_whole() {
    for rule in RULES {
        let mut at = 0;
        for heading in HEADINGS {
            let found = rule.explanation.get(at..).and_then(|rest| rest.find(heading));
            at += found.unwrap_or_else(|| panic!("{}: no {heading}, or not in order", rule.name));
        }
        let examples = examples(rule);
        assert!(examples.iter().any(|e| !e.quiet), "{}: no example that fires", rule.name);
        assert!(examples.iter().any(|e| e.quiet), "{}: no quiet example", rule.name);
        assert!(rule.summary().ends_with(['.', '?']), "{}: {}", rule.name, rule.summary());
    }
}

#[test]
fn names_and_files_are_one() {
    let names: BTreeSet<String> = RULES.iter().map(|r| r.name.to_owned()).collect();
    assert_eq!(names.len(), RULES.len(), "a name stands twice");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_rule = path.is_file() && std::fs::read_to_string(&path).unwrap().contains("super::rule! {");
        if is_rule {
            files.insert(path.file_stem().unwrap().to_string_lossy().replace('_', "-"));
        }
    }
    assert_eq!(files, names, "files with a rule, and the names of RULES");
}

/// All findings of all rules for all examples.
fn all_findings() -> Vec<(&'static str, Finding)> {
    let of = |rule: &&'static Rule| {
        let all = examples(rule).into_iter().flat_map(|e| findings(&e.text));
        all.map(|f| (rule.name, f)).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of).collect()
}

#[test]
fn advice_looks_before_it_deletes() {
    for (example, finding) in all_findings() {
        let first = finding.advice.first();
        assert!(first.is_some(), "{} on {example}'s example has no advice", finding.rule);
        assert!(first.is_none_or(|a| a.risk == Risk::Reads), "{} on {example}'s example", finding.rule);
        assert!(!finding.evidence.is_empty(), "{} on {example}'s example has no evidence", finding.rule);
    }
}

#[test]
fn commands_are_shell() {
    let commands: BTreeSet<String> =
        all_findings().into_iter().flat_map(|(_, f)| f.advice).flat_map(|a| a.commands).collect();
    for command in commands {
        let checked = std::process::Command::new("bash").args(["-n", "-c", &command]).status().unwrap();
        assert!(checked.success(), "{command}");
    }
}

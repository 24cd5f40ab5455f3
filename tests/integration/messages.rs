//! The catalogue of messages: each one that reports trouble leads to a cause, and none of the others raises an alarm.
//!
//! `messages/messages.jsonl` has lines as users paste them, with their source, the severity of their meaning, and the
//! rules that may lead. Entries whose source starts with `traps` use the same words with another meaning.

use serde::Deserialize;
use thinspect::report::{Report, Source};
use thinspect::verdict::{Severity, Verdict};
use thinspect::{host, record};

#[derive(Deserialize)]
struct Entry {
    program: String,
    example: String,
    severity: String,
    rules: Vec<String>,
}

/// Percent of the messages that must lead to an acceptable rule or suspect.
const LEADING_PERCENT: usize = 98;
/// A healthy pool's status line.
const HEALTHY: &str = "docker-thinpool: 0 209715200 thin-pool 4 2575/25600 30000/204800 - rw discard_passdown \
                       queue_if_no_space - 1024\n";

fn entries() -> Vec<Entry> {
    include_str!("../messages/messages.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn is_trap(entry: &Entry) -> bool {
    entry.program.starts_with("traps") || entry.rules.is_empty()
}

fn report(text: &str) -> Report {
    Report::new(host::read(&record::paste::paste(text)), Source::Pasted, None)
}

#[test]
fn every_message_leads_to_its_cause() {
    let (mut leading, mut all) = (0, 0);
    for entry in entries().iter().filter(|e| !is_trap(e)) {
        let report = report(&entry.example);
        let found = report.findings.iter().map(|f| f.rule);
        let first = found.chain(report.diagnosis.suspects.iter().map(|s| s.rule)).next();
        all += 1;
        if first.is_some_and(|first| entry.rules.iter().any(|rule| rule == first)) {
            leading += 1;
        } else {
            println!("{first:?}, accepted {:?}: {}", entry.rules, entry.example);
        }
    }
    println!("{leading} of {all} lead");
    assert!(leading * 100 >= all * LEADING_PERCENT, "{leading} of {all} lead");
}

#[test]
fn nothing_critical_is_claimed_of_what_only_looks_alike() {
    for entry in entries().iter().filter(|e| is_trap(e)) {
        let critical =
            report(&entry.example).findings.into_iter().filter(|f| f.severity == Severity::Critical);
        let wrong: Vec<&str> =
            critical.map(|f| f.rule).filter(|r| !entry.rules.iter().any(|a| a == r)).collect();
        assert!(wrong.is_empty(), "{wrong:?}: {}", entry.example);
    }
}

#[test]
fn healthy_numbers_do_not_make_a_critical_message_ok() {
    // Control: the numbers alone are healthy.
    assert_eq!(report(HEALTHY).verdict, Verdict::Ok);
    for entry in entries().iter().filter(|e| !is_trap(e) && e.severity == "critical") {
        let verdict = report(&format!("{HEALTHY}{}\n", entry.example)).verdict;
        assert_ne!(verdict, Verdict::Ok, "{}", entry.example);
    }
}

/// Lines of databases, compilers, web servers, kernels and other storage that say nothing about a pool.
fn unrelated() -> impl Iterator<Item = &'static str> {
    include_str!("../texts/unrelated.txt").lines().filter(|line| !line.starts_with('#'))
}

#[test]
fn nothing_is_claimed_of_other_programs() {
    let mut wrong = Vec::new();
    for line in unrelated() {
        let report = report(line);
        let claims = report.findings.iter().filter(|f| f.severity > Severity::Notice);
        wrong.extend(claims.map(|f| format!("{}: {line}", f.rule)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All of them together, like the log of a busy host.
    let whole: String = unrelated().flat_map(|line| [line, "\n"]).collect();
    let critical = report(&whole).findings.into_iter().find(|f| f.severity == Severity::Critical);
    assert_eq!(critical.map(|f| f.rule), None);
    // Control: the one relevant line is found among them.
    let line = "device-mapper: thin: 253:4: switching pool to out-of-data-space (error IO) mode";
    let found = report(&format!("{whole}{line}\n{whole}")).findings;
    assert_eq!(found.first().map(|f| f.rule), Some("data-full"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// For any combination of lines, cut anywhere: a cause is found, suspected or excluded, never two of these, and
    /// an unexplained failure is never `ok`.
    #[test]
    fn any_lines_together_keep_the_promises(
        picks in proptest::collection::vec((0_usize..900, 0_usize..80, proptest::bool::ANY), 1..12)
    ) {
        let entries = entries();
        let mut text = String::new();
        for (pick, cut, healthy) in picks {
            let Some(entry) = entries.get(pick) else { continue };
            text.extend(entry.example.chars().skip(cut));
            text.push('\n');
            if healthy {
                text.push_str(HEALTHY);
            }
        }
        let report = report(&text);
        for suspect in &report.diagnosis.suspects {
            proptest::prop_assert!(report.findings.iter().all(|f| f.rule != suspect.rule), "{}", suspect.rule);
            proptest::prop_assert!(report.diagnosis.excluded.iter().all(|e| e.rule != suspect.rule), "{}", suspect.rule);
        }
        proptest::prop_assert!(!report.diagnosis.is_open() || report.verdict != Verdict::Ok);
    }
}

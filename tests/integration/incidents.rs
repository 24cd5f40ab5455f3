//! Published incidents: the text that people pasted, and the rules that answer it.
//!
//! `accept` names the rules that may lead. For an answerable case an empty list means that all is well: neither a
//! critical finding nor a warning. For a case that its text cannot answer, no finding above a notice may be certain
//! unless it is right.

use serde::Deserialize;
use thinspect::report::{Report, Source};
use thinspect::rules::{self, Finding};
use thinspect::verdict::{Certainty, Severity, Verdict};
use thinspect::{host, record};

#[derive(Deserialize)]
struct Incident {
    id: String,
    answerable: bool,
    accept: Vec<String>,
    input: String,
}

/// Percent of the answerable incidents whose first finding must be an accepted one.
const LEADING_PERCENT: usize = 96;
/// In the remaining ones the right finding must be among this many.
const AMONG_FIRST: usize = 3;

/// Incidents that are not answered yet: Stratis' own lists, thin devices of which only `lsblk` tells, a build's own check
/// of its space, a package's files below `/boot`, columns of `lsof` without a heading, a table longer than its data device,
/// attributes in a sentence, `lvscan` alone, which does not say what is a pool; and a failed removal that does not say why,
/// of which the right suspect leads.
const OPEN: [&str; 9] = [
    "tpt-126-vgcfgrestore-forced",
    "stratis-1997-thin-volume-1tib",
    "fireactions-252",
    "oracle-326-checkspace-15g",
    "popos-1714-efi-boot",
    "dmts-58-table-beyond-data-device",
    "loki-14914-wal-held",
    "file-askubuntu-attr-M",
    "moby-journald-clearcontainers",
];

fn incidents() -> Vec<Incident> {
    // `extra.jsonl` has texts based on published ones: the wording is original, the numbers are not.
    let texts = [
        include_str!("../incidents/incidents.jsonl"),
        include_str!("../incidents/fresh.jsonl"),
        include_str!("../incidents/unseen.jsonl"),
        include_str!("../incidents/fresh-2.jsonl"),
        include_str!("../incidents/fresh-3.jsonl"),
        include_str!("../incidents/fresh-4.jsonl"),
        include_str!("../incidents/extra.jsonl"),
    ];
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn findings(incident: &Incident) -> Vec<Finding> {
    rules::findings(&host::read(&record::paste::paste(&incident.input)))
}

/// Findings in short form, for the list of misses.
fn brief(findings: &[Finding]) -> String {
    let one = |f: &Finding| format!("{} ({:?}, {:?})", f.rule, f.severity, f.certainty);
    findings.iter().take(AMONG_FIRST + 1).map(one).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_right_finding_leads() {
    let (mut leading, mut answerable, mut lost) = (0, 0, Vec::new());
    for incident in incidents().iter().filter(|i| i.answerable && !i.accept.is_empty()) {
        answerable += 1;
        let findings = findings(incident);
        let place = findings.iter().position(|f| incident.accept.iter().any(|a| a == f.rule));
        match place {
            Some(0) => leading += 1,
            place => {
                println!(
                    "{}: place {place:?}, accept {:?}: {}",
                    incident.id,
                    incident.accept,
                    brief(&findings)
                );
                if place.is_none_or(|p| p >= AMONG_FIRST) {
                    lost.push(incident.id.clone());
                }
            }
        }
    }
    println!("{leading} of {answerable} lead");
    lost.retain(|id| !OPEN.contains(&id.as_str()));
    assert!(lost.is_empty(), "not among the first {AMONG_FIRST}: {lost:?}");
    assert!(leading * 100 >= answerable * LEADING_PERCENT, "{leading} of {answerable} lead");
}

#[test]
fn the_healthy_are_left_alone() {
    for incident in incidents().iter().filter(|i| i.answerable && i.accept.is_empty()) {
        let findings = findings(incident);
        let claims = findings.iter().filter(|f| f.severity > Severity::Notice).count();
        assert_eq!(claims, 0, "{}: {}", incident.id, brief(&findings));
    }
}

#[test]
fn what_cannot_be_known_is_not_certain() {
    for incident in incidents().iter().filter(|i| !i.answerable) {
        let sure = |f: &Finding| {
            let wrong = !incident.accept.iter().any(|a| a == f.rule);
            wrong && f.severity > Severity::Notice && f.certainty == Certainty::Certain
        };
        let findings: Vec<Finding> = findings(incident).into_iter().filter(sure).collect();
        assert!(findings.is_empty(), "{}: {}", incident.id, brief(&findings));
    }
}

/// Percent of the incidents that their text cannot answer in which a right cause must be among the first suspects.
const SUSPECTED_PERCENT: usize = 90;
/// Incidents whose text is only a healthy pool's status line: the verdict is `ok`, even if something else was wrong
/// there.
const STATUS_ALONE: [&str; 1] = ["cadvisor-920-status-line"];

fn report(incident: &Incident) -> Report {
    Report::new(host::read(&record::paste::paste(&incident.input)), Source::Pasted, None)
}

#[test]
fn what_cannot_be_known_is_suspected() {
    let (mut suspected, mut open) = (0, 0);
    for incident in incidents().iter().filter(|i| !i.answerable && !i.accept.is_empty()) {
        open += 1;
        let report = report(incident);
        let found = report.findings.iter().map(|f| f.rule).take(AMONG_FIRST);
        let suspects = report.diagnosis.suspects.iter().map(|s| s.rule).take(AMONG_FIRST);
        if found.chain(suspects).any(|rule| incident.accept.iter().any(|a| a == rule)) {
            suspected += 1;
        } else {
            println!("{}: accept {:?}", incident.id, incident.accept);
        }
    }
    println!("{suspected} of {open} have a right cause among the first {AMONG_FIRST}");
    assert!(suspected * 100 >= open * SUSPECTED_PERCENT, "{suspected} of {open}");
}

#[test]
fn nothing_is_ok_beside_a_failure() {
    for incident in incidents().iter().filter(|i| !i.accept.is_empty()) {
        let ok = report(incident).verdict == Verdict::Ok;
        assert_eq!(ok, STATUS_ALONE.contains(&incident.id.as_str()), "{}", incident.id);
    }
}

#[test]
fn no_rule_is_both_found_and_suspected() {
    for incident in incidents() {
        let report = report(&incident);
        for suspect in &report.diagnosis.suspects {
            assert!(
                report.findings.iter().all(|f| f.rule != suspect.rule),
                "{}: {}",
                incident.id,
                suspect.rule
            );
            let excluded = report.diagnosis.excluded.iter().any(|e| e.rule == suspect.rule);
            assert!(!excluded, "{}: {} is ruled out", incident.id, suspect.rule);
        }
    }
}

/// Messages of daemons, kernels and tools, one per line, each with the rule that must lead, or `-` if nothing above a
/// notice may be reported.
#[test]
fn one_line_is_enough() {
    let mut wrong = Vec::new();
    for (rule, text) in include_str!("../incidents/lines.txt").lines().filter_map(|l| l.split_once('\t')) {
        let findings = rules::findings(&host::read(&record::paste::paste(text)));
        let leading = findings.first().map_or("-", |f| f.rule);
        let quiet = findings.iter().all(|f| f.severity == Severity::Notice);
        if leading != rule && !(rule == "-" && quiet) {
            wrong.push(format!("{rule} expected of {text:?}: {}", brief(&findings)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Every recording and every pasted text in `tests/hosts` in every rendering, compared with the reviewed files beside
//! it.

use crate::support::{folders, golden, tests};
use std::path::Path;
use thinspect::host;
use thinspect::plan;
use thinspect::record::{Recording, Source as RecordSource, format};
use thinspect::report::{Report, Source, TextStyle, json, plan_json, plan_schema, plan_text, text};

fn recording(folder: &Path) -> Recording {
    let file =
        ["recording.json", "input.txt"].map(|f| folder.join(f)).into_iter().find(|f| f.exists()).unwrap();
    format::load(&std::fs::read(file).unwrap()).unwrap()
}

fn report(folder: &Path) -> Report {
    let recording = recording(folder);
    let source = match recording.source {
        RecordSource::Machine => Source::Recording,
        RecordSource::Pasted => Source::Pasted,
    };
    Report::new(host::read(&recording), source, None)
}

/// Every rendering of a report, with the name of its golden file.
fn renderings(report: &Report) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("status.txt", text(report, &TextStyle::default())),
        ("status.json", serde_json::to_string_pretty(&json::output(report)).unwrap() + "\n"),
    ];
    if let [pool] = report.host.pools.as_slice() {
        let floor = plan::min_free_space(&report.host, pool, &plan::MinFreeSpace::default());
        let grow = plan::grow(&report.host, pool, &plan::Grow::default());
        let free = plan::free(&report.host, pool, &plan::Free::default());
        let repair = plan::repair(&report.host, pool, &plan::Repair::default());
        all.push(("plan-free.txt", plan_text(&free, &TextStyle::default())));
        all.push(("plan-repair.txt", plan_text(&repair, &TextStyle::default())));
        all.push(("plan-min-free-space.txt", plan_text(&floor, &TextStyle::default())));
        all.push(("plan-grow.txt", plan_text(&grow, &TextStyle::default())));
        all.push(("plan-grow.json", serde_json::to_string_pretty(&plan_json(&grow)).unwrap() + "\n"));
    }
    all
}

#[test]
fn every_host_in_every_rendering() {
    let mut wrong = Vec::new();
    for folder in folders(&tests("hosts")) {
        for (name, actual) in renderings(&report(&folder)) {
            wrong.extend(golden(&folder.join(name), &actual).err());
        }
    }
    assert!(wrong.is_empty(), "{} golden files differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_folder_says_what_it_shows() {
    for folder in folders(&tests("hosts")) {
        let why = std::fs::read_to_string(folder.join("why.md")).unwrap_or_default();
        assert!(!why.trim().is_empty(), "{}/why.md is missing", folder.display());
    }
}

#[test]
fn no_golden_file_is_left_over() {
    for folder in folders(&tests("hosts")) {
        let names: Vec<&str> = renderings(&report(&folder)).iter().map(|(n, _)| *n).collect();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = ["recording.json", "input.txt", "why.md"].contains(&name.as_str());
            assert!(
                known || names.contains(&name.as_str()),
                "{}/{name} belongs to nothing",
                folder.display()
            );
        }
    }
}

#[test]
fn json_keeps_to_its_schema() {
    let status = jsonschema::validator_for(json::schema().as_value()).unwrap();
    let plans = jsonschema::validator_for(plan_schema().as_value()).unwrap();
    for folder in folders(&tests("hosts")) {
        for (name, text) in renderings(&report(&folder)) {
            let validator = match name {
                "status.json" => &status,
                "plan-grow.json" => &plans,
                _ => continue,
            };
            let value = serde_json::from_str(&text).unwrap();
            let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{}/{name}: {}", folder.display(), errors.join("; "));
        }
    }
}

/// A recording is unchanged after writing and reading.
#[test]
fn recordings_round_trip() {
    for folder in folders(&tests("hosts")) {
        let first = recording(&folder);
        let again = format::load(serde_json::to_string(&first).unwrap().as_bytes()).unwrap();
        assert_eq!(first, again, "{}", folder.display());
    }
}

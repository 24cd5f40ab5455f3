//! Every `thinspect …` command in advice, reports, plans and documents is accepted by the program's own parser.

use crate::support::{folders, tests};
use clap::Parser;
use std::collections::BTreeSet;
use std::path::Path;
use thinspect::cli::Cli;
use thinspect::rules::{self, RULES};
use thinspect::{host, record};

/// Placeholders in explanations, and values for them.
const STAND_INS: [(&str, &str); 4] = [("SIZE", "20G"), ("PERCENT", "5"), ("DURATION", "2s"), ("N", "1")];

/// The command lines in a text: whole lines, shell lines, and text in backticks.
fn told(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in text.lines() {
        let bare = line.trim().trim_start_matches(['#', '$', '|', ' ', '"']);
        let spans = line.split('`').skip(1).step_by(2);
        let whole = std::iter::once(bare).filter(|l| l.starts_with("thinspect ") && !line.contains('`'));
        for said in spans.chain(whole) {
            let end = said.find(['|', ';', '>', '#', '&', '"', '\\']).unwrap_or(said.len());
            // A script's title has the pool's name after the command.
            let end = said.find(" for pool ").map_or(end, |title| end.min(title));
            let command = said.get(..end).unwrap().trim();
            // `thinspect plan …` stands for any command and is skipped.
            if command.starts_with("thinspect ") && !command.contains(['…', '<', '[', '$', '{']) {
                all.insert(command.to_owned());
            }
        }
    }
    all
}

/// Splits a command into words at blanks; quotes keep words together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let stand_in =
        |w: String| STAND_INS.iter().find(|(name, _)| *name == w).map_or(w, |(_, v)| (*v).to_owned());
    words.into_iter().map(stand_in).collect()
}

fn check(from: &str, commands: &BTreeSet<String>) {
    for command in commands {
        if let Err(error) = Cli::try_parse_from(words(command)) {
            assert!(!error.use_stderr(), "{from} tells to type `{command}`:\n{error}");
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path());
    entries.filter(|p| p.is_file()).collect()
}

#[test]
fn in_explanations_and_documents() {
    for rule in RULES {
        check(rule.name, &told(rule.explanation));
    }
    for name in ["README.md", "CHANGELOG.md", "tests/lab/README.md"] {
        check(name, &told(&read(&tests("..").join(name))));
    }
    assert!(!told(&read(&tests("../README.md"))).is_empty(), "the README tells of some");
}

/// Advice for every published incident, every known line and every example.
#[test]
fn in_advice() {
    let incidents = ["incidents/incidents.jsonl", "incidents/extra.jsonl"].map(|p| read(&tests(p)));
    let input = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        json["input"].as_str().unwrap().to_owned()
    };
    let mut texts: Vec<String> = incidents.iter().flat_map(|t| t.lines().map(input)).collect();
    texts.extend(
        read(&tests("texts/log-messages.txt")).lines().filter_map(|l| Some(l.split_once('\t')?.1.to_owned())),
    );
    texts.extend(RULES.iter().flat_map(|r| r.explanation.split("```").skip(1).step_by(2).map(str::to_owned)));
    let mut seen = BTreeSet::new();
    for text in texts {
        for finding in rules::findings(&host::read(&record::paste::paste(&text))) {
            let commands = finding.advice.iter().flat_map(|a| &a.commands);
            let ours = commands.filter(|c| c.starts_with("thinspect ")).cloned().collect();
            check(finding.rule, &ours);
            seen.extend(ours);
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
}

/// Golden files of hosts and plans.
#[test]
fn in_reports_plans_and_scripts() {
    let mut all = files(&tests("plans"));
    all.extend(folders(&tests("hosts")).iter().flat_map(|f| files(f)));
    all.extend(files(&tests("../scripts")));
    all.extend(folders(&tests("../scripts")).iter().flat_map(|f| files(f)));
    let shown = ["txt", "sh", "yml", "yaml", "service", "timer", "cfg", "conf"];
    let mut seen = 0;
    for path in all {
        let end = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        // Output of the host itself is not advice.
        if shown.contains(&end) && !path.ends_with("input.txt") {
            let told = told(&read(&path));
            check(&path.display().to_string(), &told);
            seen += told.len();
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The report of a host from 2014: Docker before 1.3, upstart, util-linux 2.20.
const OF_2014: &str = "Containers: 0\nImages: 0\nStorage Driver: devicemapper\n Pool Name: docker-8:1-131188-pool\n \
    Data file: /var/lib/docker/devicemapper/devicemapper/data\n Data Space Used: 291.5 Mb\n Data Space Total: 102400.0 Mb\n \
    Metadata Space Used: 0.7 Mb\n Metadata Space Total: 2048.0 Mb\nKernel Version: 3.13.0-29-generic\n";
/// Commands that such a host lacks.
const NOT_IN_2014: &[&str] = &[
    "docker exec",
    "docker container",
    "docker image ",
    "docker system",
    "docker volume",
    "--storage-opt",
    "--filter",
    "docker create",
    "dockerd --v",
    "daemon.json",
    "systemctl",
    "journalctl",
    "losetup -l",
    "nsenter -t",
    "lvmconfig",
];

/// Every rule's advice, every suspect's question and every plan fits the old host whose report is pasted with the
/// failure.
#[test]
fn commands_exist_in_the_versions_that_are_there() {
    let examples =
        RULES.iter().flat_map(|r| r.explanation.split("```").skip(1).step_by(2).map(str::to_owned));
    let mut texts: Vec<String> = examples.map(|text| text.trim_start_matches("host").to_owned()).collect();
    texts.push(
        "the build downloads about 12 GB of git repositories and dies with: no space left on device"
            .to_owned(),
    );
    let lines = read(&tests("texts/log-messages.txt"));
    texts.extend(lines.lines().filter_map(|l| Some(l.split_once('\t')?.1.to_owned())));
    // A text with its own version is from another host.
    texts.retain(|text| !text.contains("Server Version"));
    let (mut old, mut today) = (BTreeSet::new(), BTreeSet::new());
    let commands = |text: &str, all: &mut BTreeSet<String>| {
        let host = host::read(&record::paste::paste(text));
        let findings = rules::findings(&host);
        let diagnosis = thinspect::diagnosis::diagnose(&host, &findings);
        all.extend(findings.iter().flat_map(|f| &f.advice).flat_map(|a| a.commands.clone()));
        all.extend(diagnosis.suspects.iter().flat_map(|s| &s.commands).map(|c| (*c).to_owned()));
        for pool in &host.pools {
            let plan = thinspect::plan::free(&host, pool, &thinspect::plan::Free::default());
            all.extend(plan.steps.iter().flat_map(|s| s.commands.clone()));
        }
    };
    for text in &texts {
        commands(&format!("{OF_2014}\n{text}"), &mut old);
        commands(text, &mut today);
    }
    let lacks = |command: &str| NOT_IN_2014.iter().any(|piece| command.contains(piece));
    let young: Vec<&String> = old.iter().filter(|command| lacks(command)).collect();
    assert!(young.is_empty(), "{young:#?}");
    // Control: without a version, current commands are used.
    assert!(today.iter().filter(|command| lacks(command)).count() > 15, "{today:#?}");
    assert!(old.len() > 40, "{old:#?}");
}

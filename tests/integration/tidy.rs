//! House rules that a compiler does not check: dependencies between folders, sizes, a head comment in every file.

use std::path::{Path, PathBuf};

/// A folder and the folders it may depend on; others are forbidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("record", &["record"]),
    ("metadata", &["metadata"]),
    ("host", &["host", "record"]),
    ("forecast", &["forecast", "host"]),
    ("rules", &["rules", "host", "forecast", "advice", "verdict"]),
    ("diagnosis", &["diagnosis", "host", "rules", "advice", "verdict"]),
    ("plan", &["plan", "host", "usage", "advice", "verdict"]),
    ("usage", &["usage", "host", "metadata", "advice"]),
    ("watch", &["watch", "record", "host", "forecast", "rules", "report", "verdict"]),
    ("exporter", &["exporter", "whole_file"]),
    (
        "report",
        &["report", "host", "rules", "diagnosis", "plan", "usage", "forecast", "advice", "verdict", "record"],
    ),
    // The program uses the library like any other user.
    ("commands", &[]),
    ("snapshot", &["snapshot", "host", "metadata", "record", "advice"]),
];

/// What no code after `record` may use: the recording is the only input.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::time",
    "std::io::stdin",
    "available_parallelism",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file without its tests.
fn code(path: &Path) -> String {
    if path.ends_with("tests.rs") {
        return String::new();
    }
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn arrows_point_one_way() {
    for (folder, allowed) in ARROWS {
        for file in sources(&src().join(folder)) {
            for (number, line) in code(&file).lines().enumerate() {
                for used in line.trim_start().split("crate::").skip(1) {
                    let name: String =
                        used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let doc = line.trim_start().starts_with("//");
                    assert!(
                        doc || name.is_empty() || allowed.contains(&name.as_str()),
                        "{}:{}: {folder} names {name}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn only_the_recorder_touches_the_world() {
    for folder in ["host", "forecast", "rules", "diagnosis", "plan", "usage", "report"] {
        for file in sources(&src().join(folder)) {
            let text = code(&file);
            for outside in OUTSIDE {
                assert!(!text.contains(outside), "{} uses {outside}", file.display());
            }
        }
    }
}

#[test]
fn unsafe_stands_in_one_place() {
    for file in sources(&src()) {
        let named = file.ends_with("record/probe/sys.rs");
        let allows = std::fs::read_to_string(&file).unwrap().contains("allow(unsafe_code");
        assert!(named || !allows, "{} allows unsafe code", file.display());
    }
}

/// A module with children is a folder with a `mod.rs`, never a file beside the folder.
#[test]
fn modules_with_children_are_folders() {
    for file in sources(&src()) {
        let folder = file.with_extension("");
        assert!(!folder.is_dir(), "{} stands beside its folder: move it to mod.rs there", file.display());
    }
}

#[test]
fn every_file_says_what_it_does() {
    for file in sources(&src()) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with what it does", file.display());
    }
}

#[test]
fn files_and_functions_are_small() {
    for file in sources(&src()) {
        let text = code(&file);
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
        let mut start = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let opens = line.contains("fn ") && line.trim_end().ends_with('{');
            if opens && !line.trim_start().starts_with("//") {
                start = Some((number, indent));
            } else if let Some((from, depth)) = start
                && line.trim_end() == format!("{}}}", " ".repeat(depth))
            {
                assert!(number - from < 70, "{}:{}: {} lines", file.display(), from + 1, number - from);
                start = None;
            }
        }
    }
}

/// The project mentions nothing outside itself, and the top level has only agreed entries.
#[test]
fn the_top_level_is_agreed() {
    let allowed =
        ["Cargo.toml", "Cargo.lock", "src", "tests", "scripts", "README.md", "CHANGELOG.md", "target"];
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let fine = allowed.contains(&name.as_str()) || name.starts_with('.') || name.starts_with("LICENSE");
        assert!(fine, "{name} does not belong at the top level");
    }
}

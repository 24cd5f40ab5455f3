//! Commands in scripts of plans: every program is in the tools table with each option used, available on the oldest
//! supported hosts; every function is defined once; shellcheck finds nothing.

use super::shell::{BUILTINS, commands, functions};
use std::collections::BTreeSet;
use thinspect::plan::{PROLOGUE, Piece, SHELLS, TOOLS, Tool, YOUNGER, pieces};

/// A golden script with the common parts restored.
fn whole(kept: &str) -> String {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let part = |line: &str| match line.strip_prefix("# ... here stands ") {
        Some(name) => std::fs::read_to_string(root.join(name)).unwrap(),
        None => format!("{line}\n"),
    };
    kept.lines().map(part).collect()
}

fn all_scripts() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "sh") && !name.starts_with("fake") {
            let text = whole(&std::fs::read_to_string(&path).unwrap());
            all.push((name, text));
        }
    }
    assert!(all.len() > 10);
    all
}

/// A command without wrappers that only execute it (such as `timeout`).
fn bare(words: &[String]) -> &[String] {
    match words.first().map(String::as_str) {
        Some("run" | "run_lvm" | "exec" | "setsid" | "!") => bare(words.get(1..).unwrap_or_default()),
        Some("timeout" | "save_output" | "within") => bare(words.get(2..).unwrap_or_default()),
        Some("xargs") if words.len() > 1 => {
            let rest = words.iter().position(|w| !w.starts_with('-') && w != "xargs");
            rest.map_or(words, |at| &words[at..])
        }
        Some("nsenter") => words.get(4..).unwrap_or_default(),
        _ => words,
    }
}

fn known_option(tool: &Tool, option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    // A one-letter option can be followed by its value or by further options in the same word.
    tool.options
        .iter()
        .any(|o| *o == name || o.len() == 2 && option.starts_with(o) && !option.starts_with("--"))
}

/// Functions that a script defines only if needed, and tests for.
const DEFINED_AT_NEED: &[&str] = &["release_pool", "describe_state"];

#[test]
fn every_program_and_option_is_in_the_table() {
    for (name, text) in all_scripts() {
        let functions = functions(&text);
        for words in commands(&text) {
            let words = bare(&words);
            let Some(first) = words.first() else { continue };
            let known = functions.contains(first)
                || BUILTINS.contains(&first.as_str())
                || DEFINED_AT_NEED.contains(&first.as_str())
                || first.contains('$');
            if known {
                continue;
            }
            let tool = TOOLS.iter().find(|t| t.name == first);
            let tool = tool.unwrap_or_else(|| {
                panic!("{name}: {first} is neither a function nor a known tool: {words:?}")
            });
            for word in
                words[1..].iter().take_while(|w| *w != "--").filter(|w| w.starts_with('-') && *w != "-")
            {
                // Skips grep patterns and arguments for other programs.
                let other = ["grep", "ctr", "nsenter"].contains(&tool.name) && word.len() > 2;
                assert!(
                    known_option(tool, word) || other,
                    "{name}: {word} of {first} is not in the table: {words:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_younger_than_the_hosts_unless_it_is_asked_for() {
    for younger in YOUNGER {
        let tool = TOOLS.iter().find(|t| t.name == younger.tool).unwrap();
        let new = younger.since > tool.package.oldest();
        assert_eq!(new, !younger.asked_by.is_empty(), "{younger:?} {:?}", tool.package.oldest());
        if !new {
            continue;
        }
        for (name, text) in all_scripts() {
            let all = commands(&text);
            let uses = all.iter().any(|words| {
                let words = bare(words);
                words.first().is_some_and(|w| w == younger.tool)
                    && (younger.option.is_empty() || words.iter().any(|w| w == younger.option))
            });
            let asks = all.iter().any(|words| words.first().is_some_and(|w| w == younger.asked_by));
            assert!(!uses || asks, "{name} uses {younger:?} unasked");
        }
    }
}

/// No syntax that bash 4.2 lacks, and none that needs a temporary file.
#[test]
fn scripts_keep_to_bash_4_2() {
    for (name, text) in all_scripts() {
        for young in [
            "<<<",
            "<<",
            "@Q}",
            "@P}",
            "local -n",
            "declare -n",
            "wait -n",
            "wait -p",
            "EPOCHSECONDS",
            "BASH_ARGV0",
            "/tmp",
        ] {
            assert!(!text.contains(young), "{name}: {young}");
        }
    }
}

#[test]
fn each_function_is_defined_once() {
    for (name, text) in all_scripts() {
        let mut all = functions(&text);
        all.sort();
        for pair in all.windows(2) {
            assert_ne!(pair[0], pair[1], "{name}");
        }
    }
}

fn functions_of<'a>(all: impl IntoIterator<Item = &'a &'static Piece>) -> Vec<String> {
    all.into_iter().flat_map(|piece| functions(piece.text)).collect()
}

/// Each function a part calls is defined in the part, the prologue, or a required part, or is declared as expected
/// from the requiring part.
#[test]
fn each_piece_requires_what_it_calls() {
    let every: BTreeSet<String> = functions_of(&pieces(&SHELLS)).into_iter().collect();
    for piece in pieces(&SHELLS) {
        let mut known = functions(PROLOGUE);
        known.extend(functions_of(&pieces(&[piece])));
        known.extend(piece.expects.iter().map(|name| (*name).to_owned()));
        let missing: BTreeSet<String> = commands(piece.text)
            .iter()
            .flat_map(|words| [words.first(), bare(words).first()])
            .flatten()
            .filter(|first| every.contains(*first) && !known.contains(first))
            .cloned()
            .collect();
        assert!(missing.is_empty(), "{} does not require {missing:?}", piece.name);
    }
}

/// In a plan's shell code every function is defined once, and all expected functions exist.
#[test]
fn a_plans_shell_is_complete() {
    for root in SHELLS {
        let closure = pieces(&[root]);
        let mut all = functions(PROLOGUE);
        all.extend(functions_of(&closure));
        let names: BTreeSet<&String> = all.iter().collect();
        assert_eq!(names.len(), all.len(), "{}: {all:?}", root.name);
        for piece in &closure {
            for expected in piece.expects {
                assert!(names.contains(&(*expected).to_owned()), "{} lacks {expected}", root.name);
            }
        }
    }
}

/// Every step called by name has its three functions.
#[test]
fn steps_have_their_functions() {
    let mut steps = 0;
    for (name, text) in all_scripts() {
        let all = functions(&text);
        for step in all.iter().filter_map(|function| function.strip_suffix("_ready")).filter(|s| *s != "not")
        {
            steps += 1;
            for function in [step.to_owned(), format!("{step}_done")] {
                assert!(all.contains(&function), "{name}: {function} is not there");
            }
        }
        for words in commands(&text) {
            let first = words.first().map(String::as_str).unwrap_or_default();
            let step = first.ends_with("_ready") || first.ends_with("_done");
            assert!(!step || all.contains(&first.to_owned()), "{name}: {first} is not there");
        }
    }
    assert!(steps > 20);
}

/// Runs shellcheck if installed, like `scripts/setup test`.
#[test]
fn shellcheck_finds_nothing() {
    let there = std::process::Command::new("shellcheck").arg("--version").output().is_ok();
    if !there {
        return;
    }
    let place = std::env::temp_dir().join(format!("thinspect-shellcheck-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let mut files = Vec::new();
    for (name, text) in all_scripts() {
        let file = place.join(name);
        std::fs::write(&file, text).unwrap();
        files.push(file);
    }
    let out = std::process::Command::new("shellcheck")
        .args(["-s", "bash", "-e", "SC2034,SC2100,SC2317"])
        .args(&files)
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&place);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

//! The README's screen is real output of the program. `UPDATE=1 cargo test` rewrites it.

use crate::support::{golden, tests};

/// The text with the part between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
fn replaced(text: &str, name: &str, part: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no part {name}"));
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{part}{close}{after}")
}

/// The screen of the published case, recorded from the real pool in the lab, up to the first advice that changes
/// something.
fn screen() -> String {
    let screen = std::fs::read_to_string(tests("hosts/lab-published-case/status.txt")).unwrap();
    // Up to the advice that only reads; the rest is similar.
    let lines = screen.lines().take_while(|l| !l.contains("[changes]"));
    format!("```\n# thinspect\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_readme_is_fresh() {
    let path = tests("../README.md");
    let text = replaced(&std::fs::read_to_string(&path).unwrap(), "screen", &screen());
    golden(&path, &text).unwrap();
}

/// The README stays short because it is read under pressure, and its links exist.
#[test]
fn the_readme_is_short_and_its_links_exist() {
    let readme = std::fs::read_to_string(tests("../README.md")).unwrap();
    assert!(readme.len() <= 10_000, "{} bytes", readme.len());
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 3, "no links were found");
    for link in links {
        assert!(tests("..").join(link).exists(), "{link}");
    }
}

/// The two commands for newcomers exist, and CI runs the second.
#[test]
fn the_two_commands_exist() {
    let readme = std::fs::read_to_string(tests("../README.md")).unwrap();
    let ci = std::fs::read_to_string(tests("../.ci/run")).unwrap();
    for command in ["scripts/try", "scripts/test"] {
        assert!(readme.contains(command) && tests("..").join(command).exists(), "{command}");
    }
    assert!(ci.contains("scripts/test"));
}

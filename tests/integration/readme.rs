//! The README's screen is what the program really says. `UPDATE=1 cargo test` rewrites them.

use crate::support::{golden, tests};

/// The text with the part between `<!-- NAME -->` and `<!-- /NAME -->` replaced.
fn replaced(text: &str, name: &str, part: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no part {name}"));
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{part}{close}{after}")
}

/// The screen of the published case, as recorded from the real pool in the lab, to the steps of the leading finding that change something.
fn screen() -> String {
    let screen = std::fs::read_to_string(tests("hosts/lab-published-case/status.txt")).unwrap();
    // As far as the steps that only look; the rest is more of the same.
    let lines = screen.lines().take_while(|l| !l.contains("[changes]"));
    format!("```\n# thinspect\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_readme_is_fresh() {
    let path = tests("../README.md");
    let text = replaced(&std::fs::read_to_string(&path).unwrap(), "screen", &screen());
    golden(&path, &text).unwrap();
}

/// A page that is read at the worst moment stays short, and its links lead somewhere.
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

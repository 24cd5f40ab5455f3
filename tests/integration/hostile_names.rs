//! Hostile names: real recordings in which every name of a device, group or directory is replaced by one that a
//! shell, a terminal or a reader could misinterpret.

use crate::support::{folders, tests, thinspect};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The file that appears if part of a name is executed.
const CANARY: &str = "executed";

/// The names. Without slashes, because device-mapper allows none.
const ATTACKS: [&str; 6] = [
    "';touch executed;'",
    "\";touch executed;\"",
    "$(touch executed)`touch executed`",
    "&&touch executed||touch executed|touch executed&",
    "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{61c}\r",
    "\ntouch executed\n",
];

const COMMANDS: [&[&str]; 13] = [
    &["status", "-v"],
    &["status", "-o", "json"],
    &["status", "--html", "-"],
    &["check"],
    &["metrics", "--per-device"],
    &["plan", "free"],
    &["plan", "grow"],
    &["plan", "min-free-space"],
    &["plan", "repair"],
    &["plan", "overlay2"],
    &["plan", "direct-lvm"],
    &["plan", "grow", "--script"],
    &["plan", "repair", "--script"],
];

fn run(args: &[&str], recording: &str) -> Output {
    thinspect(&[args, &["--from", "-"]].concat(), recording.as_bytes())
}

/// A recording with an attack in its names, escaped as any JSON writer would.
fn attacked(recording: &str, attack: &str) -> String {
    let quoted = serde_json::to_string(attack).unwrap();
    // Docker's list of containers and LVM's reports are JSON inside JSON.
    let conflicts = serde_json::to_string(quoted.trim_matches('"')).unwrap();
    let name = if attack.contains('"') { conflicts } else { quoted };
    let name = name.trim_matches('"');
    let mut text = recording.to_owned();
    for part in ["docker-", "thinpool", "/var/lib/docker"] {
        text = text.replace(part, &format!("{part}{name}"));
    }
    text
}

fn is_harmful(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The commands in a report's advice, and those of a plan.
fn advised(value: &serde_json::Value, commands: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                if name == "commands" {
                    let all = field.as_array().into_iter().flatten().filter_map(|c| c.as_str());
                    commands.extend(all.map(str::to_owned));
                }
                advised(field, commands);
            }
        }
        serde_json::Value::Array(all) => all.iter().for_each(|v| advised(v, commands)),
        _ => {}
    }
}

/// Runs commands in a shell that has only `touch` and cannot write files itself.
fn typed(commands: &[String], folder: &Path) {
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    if !programs.join("touch").exists() {
        std::os::unix::fs::symlink("/usr/bin/touch", programs.join("touch")).unwrap();
    }
    for command in commands {
        let script = format!("command_not_found_handle() {{ :; }}\nkill() {{ :; }}\n{command}\n");
        Command::new("/usr/bin/timeout")
            .args(["10", "/bin/bash", "--restricted", "-c", &script])
            .env_clear()
            .env("PATH", &programs)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!folder.join(CANARY).exists(), "this runs what stands in a name:\n{command}");
    }
}

/// Each host with each attack: the host's name, the attack and the recording.
fn attacked_hosts() -> impl Iterator<Item = (String, &'static str, String)> {
    let each = |(host, recording): (String, String)| {
        ATTACKS.into_iter().map(move |attack| (host.clone(), attack, attacked(&recording, attack)))
    };
    hosts().into_iter().flat_map(each)
}

fn hosts() -> Vec<(String, String)> {
    let all = folders(&tests("hosts")).into_iter().filter_map(|folder| {
        let text = std::fs::read_to_string(folder.join("recording.json")).ok()?;
        Some((folder.file_name().unwrap().to_string_lossy().into_owned(), text))
    });
    // Each kind of host once; more states would have the same names.
    let kinds = ["lab-published-case", "lab-direct-lvm", "lab-needs-check-lvm", "lab-stale-table"];
    let all: Vec<_> = all.filter(|(name, _)| kinds.contains(&name.as_str())).collect();
    assert_eq!(all.len(), kinds.len());
    all
}

#[test]
fn nothing_in_a_name_reaches_a_terminal() {
    for (host, attack, recording) in attacked_hosts() {
        for args in COMMANDS {
            let out = run(args, &recording);
            let code = out.status.code().unwrap_or_else(|| panic!("{host} {args:?}: {:?}", out.status));
            assert!(code <= 3, "{host} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
            for bytes in [&out.stdout, &out.stderr] {
                let text = std::str::from_utf8(bytes).unwrap();
                let found = text.chars().find(|c| is_harmful(*c));
                assert_eq!(found, None, "{host} {args:?} {attack:?}: reached the terminal");
            }
        }
    }
}

#[test]
fn nothing_in_a_name_reaches_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for (_, _, recording) in attacked_hosts() {
        let commands = all_commands(&recording);
        seen += commands.iter().filter(|c| c.contains("touch")).count();
        typed(&commands, folder.path());
    }
    assert!(seen > 100, "names in commands were tried: {seen}");
}

/// Every command that is recommended for this host, once.
fn all_commands(recording: &str) -> Vec<String> {
    let mut commands = Vec::new();
    for args in COMMANDS.iter().filter(|a| ["status", "plan"].contains(a.first().unwrap())) {
        if args.contains(&"--script") || args.contains(&"--html") {
            continue;
        }
        let json = run(&[*args, &["-o", "json"]].concat(), recording);
        if let Ok(value) = serde_json::from_slice(&json.stdout) {
            advised(&value, &mut commands);
        }
    }
    commands.sort();
    commands.dedup();
    commands
}

/// Control: an unquoted name is executed.
#[test]
fn an_unquoted_name_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let command = "dmsetup status x$(touch executed)".to_owned();
    let noticed = std::panic::catch_unwind(|| typed(&[command], folder.path()));
    assert!(noticed.is_err());
}

/// A script contains names: it can be parsed, and its dry run describes the steps without executing anything.
#[test]
fn scripts_hold_names_in_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let mut scripts = 0;
    for (host, attack, recording) in attacked_hosts() {
        for goal in ["grow", "repair", "min-free-space", "overlay2"] {
            let out = run(&["plan", goal, "--script"], &recording);
            if out.status.code() != Some(0) {
                continue;
            }
            scripts += 1;
            let file = folder.path().join("script.sh");
            std::fs::write(&file, &out.stdout).unwrap();
            let parsed = Command::new("bash").arg("-n").arg(&file).output().unwrap();
            assert!(
                parsed.status.success(),
                "{host} {goal} {attack:?}: {}",
                String::from_utf8_lossy(&parsed.stderr)
            );
            let text = String::from_utf8(out.stdout).unwrap();
            typed(&[text], folder.path());
        }
    }
    assert!(scripts > 20, "{scripts}");
}

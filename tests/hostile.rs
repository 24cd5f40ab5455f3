//! Names made to attack: real recordings in which every device, group and directory of Docker's is called something that a
//! shell, a terminal or a reader's eye would take for more than a name.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{folders, tests};

/// The file that appears if something of a name was executed.
const CANARY: &str = "executed";

/// What stands in names. No slash: device-mapper has none in its names.
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

fn run(args: &[&str], recording: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thinspect"))
        .args(args)
        .args(["--from", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let recording = recording.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&recording));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

/// A recording with an attack in its names; in JSON as any writer of JSON would write it.
fn attacked(recording: &str, attack: &str) -> String {
    let quoted = serde_json::to_string(attack).unwrap();
    // Docker's list of containers and LVM's reports are JSON inside of JSON.
    let twice = serde_json::to_string(quoted.trim_matches('"')).unwrap();
    let name = if attack.contains('"') { twice } else { quoted };
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

/// The commands that a report advises, and those of a plan.
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

/// Types commands into a shell that has `touch` and no other program, and may write no file itself.
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

fn hosts() -> Vec<(String, String)> {
    let all = folders(&tests("hosts")).into_iter().filter_map(|folder| {
        let text = std::fs::read_to_string(folder.join("recording.json")).ok()?;
        Some((folder.file_name().unwrap().to_string_lossy().into_owned(), text))
    });
    // Each kind of host once; every state would be the same names again.
    let kinds = ["lab-published-case", "lab-direct-lvm", "lab-needs-check-lvm", "lab-stale-table"];
    let all: Vec<_> = all.filter(|(name, _)| kinds.contains(&name.as_str())).collect();
    assert_eq!(all.len(), kinds.len());
    all
}

#[test]
fn nothing_in_a_name_reaches_a_terminal_or_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for (host, recording) in hosts() {
        for attack in ATTACKS {
            let recording = attacked(&recording, attack);
            for args in COMMANDS {
                let out = run(args, recording.as_bytes());
                let code = out.status.code().unwrap_or_else(|| panic!("{host} {args:?}: {:?}", out.status));
                assert!(code <= 3, "{host} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
                for bytes in [&out.stdout, &out.stderr] {
                    let text = std::str::from_utf8(bytes).unwrap();
                    let found = text.chars().find(|c| is_harmful(*c));
                    assert_eq!(found, None, "{host} {args:?} {attack:?}: reached the terminal");
                }
            }
            let mut commands = Vec::new();
            for args in COMMANDS.iter().filter(|a| ["status", "plan"].contains(&a[0])) {
                if args.contains(&"--script") || args.contains(&"--html") {
                    continue;
                }
                let json = run(&[*args, &["-o", "json"]].concat(), recording.as_bytes());
                if let Ok(value) = serde_json::from_slice(&json.stdout) {
                    advised(&value, &mut commands);
                }
            }
            seen += commands.iter().filter(|c| c.contains("touch")).count();
            commands.sort();
            commands.dedup();
            typed(&commands, folder.path());
        }
    }
    assert!(seen > 100, "names in commands were tried: {seen}");
}

/// The check can fail: an unquoted name is executed.
#[test]
fn an_unquoted_name_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let command = "dmsetup status x$(touch executed)".to_owned();
    let noticed = std::panic::catch_unwind(|| typed(&[command], folder.path()));
    assert!(noticed.is_err());
}

/// A script is a program made of names: it parses, and says of itself what it would do without doing more.
#[test]
fn scripts_hold_names_in_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let mut scripts = 0;
    for (host, recording) in hosts() {
        for attack in ATTACKS {
            let recording = attacked(&recording, attack);
            for goal in ["grow", "repair", "min-free-space", "overlay2"] {
                let out = run(&["plan", goal, "--script"], recording.as_bytes());
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
    }
    assert!(scripts > 20, "{scripts}");
}

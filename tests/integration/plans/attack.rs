//! Makes every call in every script fail once: the script must end with a clear message, nothing stays suspended,
//! nothing is lost, and the next run continues or explains why not.
//!
//! By default a dozen calls of different kinds; `cargo test plans::attack -- --ignored` makes one of every kind fail.

use super::fake_tools::{Run, Stage};
use super::hosts::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use thinspect::host::model::units::Bytes;
use thinspect::plan::{Grow, MinFreeSpace, Repair, grow, min_free_space, repair, script};

/// A staged script, and the invariants of its stage after any failure.
struct Case {
    stage: Stage,
    text: String,
    arguments: &'static [&'static str],
    /// Panics if something was lost.
    nothing_lost: fn(&Stage, &str),
    /// Whether a run without failures succeeds, and so a repeated run after a failure.
    ends: bool,
}

impl Case {
    /// Retries without delays.
    fn run(&self) -> Run {
        let mut text = self.text.clone();
        for seconds in [10, 20, 60, 120] {
            text = text.replace(&format!("within {seconds} "), "within 1 ");
        }
        self.stage.run_here(&text, self.arguments)
    }
}

type Makes = fn() -> Case;

/// Real programs whose failure can occur on a host.
const REAL: &[&str] = &[
    "awk",
    "cat",
    "chmod",
    "cmp",
    "comm",
    "cp",
    "cut",
    "diff",
    "find",
    "flock",
    "grep",
    "ln",
    "mkdir",
    "mknod",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "sort",
    "stat",
    "sync",
    "tac",
    "tar",
    "tr",
    "truncate",
    "xargs",
];

/// Wrapper of each fake tool: records the call's kind, which is the program and its first words without ids, tags and
/// paths, and fails the first call of the kind in `fail`. Not by position, because commands in a pipe race.
const COUNTING: &str = r#"kind=${0##*/} words=0
for word in "$@"; do
    case $word in */* | *:* | *[0-9]*[0-9]*[0-9]*[0-9]*) continue ;; esac
    kind="$kind ${word//$'\n'/ }" words=$(( words + 1 ))
    [ "$words" -lt 2 ] || break
done
printf '%s\n' "$kind" >>"$STAGE/kinds"; IFS= read -r fail <"$STAGE/fail"
[ "$kind" != "$fail" ] || ! /usr/bin/mkdir "$STAGE/failed" 2>/dev/null || exit 1
"#;

impl Stage {
    /// Enables counting and failing of calls.
    fn counts(&self) {
        for name in REAL {
            if !self.exists(&format!("bin/{name}")) {
                self.tool(name, &format!("exec /usr/bin/{name} \"$@\""));
            }
        }
        for entry in std::fs::read_dir(self.path("bin")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let text = self.read(&format!("bin/{name}"));
            let (head, body) = text.split_once('\n').unwrap();
            let (log, body) = body.split_once('\n').unwrap();
            // Fake tools call the real ones internally, unless they run a given command.
            let path = if matches!(name.as_str(), "timeout" | "xargs") { "" } else { "PATH=/usr/bin:/bin\n" };
            let body = format!("{head}\n{COUNTING}{log}\n{path}{body}");
            self.write(&format!("bin/{name}"), &body);
        }
        self.fails("");
    }

    fn fails(&self, kind: &str) {
        self.write("kinds", "");
        self.write("fail", &format!("{kind}\n"));
        let _ = std::fs::remove_dir(self.path("failed"));
    }
}

/// Number of failing calls for each script by default.
const SOME: usize = 10;

fn attack(makes: Makes, all: bool) {
    let case = makes();
    case.stage.counts();
    let clean = case.run();
    assert_eq!(clean.ok(), case.ends, "{clean:?}");
    let kinds: BTreeSet<String> = case.stage.read("kinds").lines().map(str::to_owned).collect();
    assert!(kinds.len() > 3, "{kinds:?}");
    let every = if all { 1 } else { kinds.len().div_ceil(SOME) };
    let kinds: Vec<String> = kinds.into_iter().step_by(every).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(kind) = kinds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    fails_at(makes, kind);
                }
            });
        }
    });
}

fn fails_at(makes: Makes, kind: &str) {
    let case = makes();
    case.stage.counts();
    case.stage.fails(kind);
    let run = case.run();
    let about = format!("{kind:?} fails");
    assert!(case.stage.exists("failed"), "{about}: it was not called: {run:?}");
    assert!(!case.stage.suspended(), "{about}: {run:?}");
    assert!(
        !run.said.contains("unbound variable") && !run.said.contains("command not found"),
        "{about}: {run:?}"
    );
    if !run.ok() {
        let sentence = ["stopped", "interrupted", "usage"]
            .iter()
            .any(|word| run.said.contains(&format!("thinspect: {word}")));
        assert!(sentence, "{about}: it ended without a sentence: {run:?}");
    }
    (case.nothing_lost)(&case.stage, &about);
    case.stage.fails("");
    let again = case.run();
    (case.nothing_lost)(&case.stage, &about);
    assert!(
        again.ok() == case.ends || again.said.contains("thinspect: stopped"),
        "{about}: {run:?}\nagain: {again:?}"
    );
    assert!(!case.ends || again.ok(), "{about}: {run:?}\nagain: {again:?}");
}

fn growing() -> Case {
    let stage = Stage::new();
    let (host, pool) = stage.loop_pool("pool");
    let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
    let nothing_lost = |stage: &Stage, about: &str| assert!(stage.file_size("data") >= 64 << 20, "{about}");
    Case { text: script(&plan), stage, arguments: &["--yes"], nothing_lost, ends: true }
}

fn lowering() -> Case {
    let stage = Stage::new();
    let old = "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \"dm.basesize=20G\"\n  ]\n}\n";
    stage.write("etc/daemon.json", old);
    stage.write(
        "info",
        &stage.read("info").replace("/var/lib/docker", &stage.path("root").display().to_string()),
    );
    std::fs::create_dir_all(stage.path("root")).unwrap();
    let (host, pool) = published();
    let nothing_lost = |stage: &Stage, about: &str| {
        let now = stage.read("etc/daemon.json");
        assert!(now.contains("dm.basesize=20G") && now.trim_end().ends_with('}'), "{about}: {now}");
    };
    let text = script(&min_free_space(&host, &pool, &MinFreeSpace::default()));
    Case { text, stage, arguments: &["--yes"], nothing_lost, ends: true }
}

fn freeing() -> Case {
    let (stage, text) = super::repair_and_free::pruning();
    stage.write(
        "info",
        &stage.read("info").replace("/var/lib/docker", &stage.path("root").display().to_string()),
    );
    std::fs::create_dir_all(stage.path("root")).unwrap();
    let nothing_lost = |stage: &Stage, about: &str| {
        // Containers suffice; if Docker refuses to remove them, images are removed, which was also confirmed.
        let used: u32 = stage.read("used").trim().parse().unwrap();
        assert!([900, 840, 700].contains(&used), "{about}: {used}");
    };
    Case { text, stage, arguments: &["--yes", "--yes-destroy"], nothing_lost, ends: true }
}

fn repairing() -> Case {
    let stage = Stage::new();
    let (host, pool, path) = super::fake_repair_tools::set(&stage, "DAMAGED", "metadata");
    stage.write("before", &String::from_utf8_lossy(&std::fs::read(path).unwrap()));
    stage.write(
        "info",
        &stage.read("info").replace("/var/lib/docker", &stage.path("root").display().to_string()),
    );
    std::fs::create_dir_all(stage.path("root")).unwrap();
    let nothing_lost = |stage: &Stage, about: &str| {
        let before = stage.read("before").into_bytes();
        assert!(
            super::fake_repair_tools::all(&stage.path("metadata")).contains(&before),
            "{about}: the metadata is lost"
        );
    };
    let text = script(&repair(&host, &pool, &Repair::default()));
    Case { text, stage, arguments: &["--yes"], nothing_lost, ends: true }
}

fn moving_to_lvm() -> Case {
    let stage = Stage::new();
    let text = stage.disk();
    let nothing_lost = |stage: &Stage, about: &str| {
        assert!(stage.exists("root/devicemapper/devicemapper/data"), "{about}");
    };
    Case { text, stage, arguments: &["--yes"], nothing_lost, ends: false }
}

fn moving_to_overlay2() -> Case {
    let stage = Stage::new();
    let owners = stage.docker();
    stage.write("ids", &format!("{} {}", owners.containers[0].id, owners.containers[1].id));
    let text = super::fake_docker::to_overlay2(owners, BTreeMap::new());
    let nothing_lost = |stage: &Stage, about: &str| {
        for id in stage.read("ids").split(' ') {
            let file = format!("root/devicemapper/mnt/{id}/file");
            assert!(stage.exists(&file) && stage.read(&file) == "first\n", "{about}");
        }
    };
    Case { text, stage, arguments: &["--yes"], nothing_lost, ends: true }
}

#[test]
fn growing_survives_every_kind_of_failure() {
    attack(growing, true);
}

#[test]
fn lowering_the_floor_survives_every_kind_of_failure() {
    attack(lowering, false);
}

#[test]
fn freeing_survives_every_kind_of_failure() {
    attack(freeing, false);
}

#[test]
fn repairing_survives_every_kind_of_failure() {
    attack(repairing, false);
}

#[test]
fn moving_to_lvm_survives_every_kind_of_failure() {
    attack(moving_to_lvm, false);
}

#[test]
fn moving_to_overlay2_survives_every_kind_of_failure() {
    attack(moving_to_overlay2, false);
}

#[test]
#[ignore = "takes minutes: a call of every kind"]
fn every_kind_of_call_of_lowering() {
    attack(lowering, true);
}

#[test]
#[ignore = "takes minutes: a call of every kind"]
fn every_kind_of_call_of_freeing() {
    attack(freeing, true);
}

#[test]
#[ignore = "takes minutes: a call of every kind"]
fn every_kind_of_call_of_repairing() {
    attack(repairing, true);
}

#[test]
#[ignore = "takes minutes: a call of every kind"]
fn every_kind_of_call_of_moving_to_lvm() {
    attack(moving_to_lvm, true);
}

#[test]
#[ignore = "takes minutes: a call of every kind"]
fn every_kind_of_call_of_moving_to_overlay2() {
    attack(moving_to_overlay2, true);
}

/// Whatever the environment contains, every plan queries the daemon on its own socket.
#[test]
fn the_engine_is_the_one_that_is_meant() {
    for makes in [lowering as Makes, freeing, repairing, moving_to_lvm, moving_to_overlay2] {
        let case = makes();
        let docker = case.stage.read("bin/docker");
        let noted = "echo \"$DOCKER_HOST ${DOCKER_CONTEXT-}${DOCKER_TLS_VERIFY-}${DOCKER_CERT_PATH-} $DOCKER_CONFIG\" \
                     >>\"$STAGE/engines\"\n";
        let (head, body) = docker.split_once('\n').unwrap();
        case.stage.write("bin/docker", &format!("{head}\n{noted}{body}"));
        let line = "export DOCKER_HOST=tcp://other:2375 DOCKER_CONTEXT=other DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/x \
                    DOCKER_CONFIG=/root/.docker; exec \"$@\"";
        let run = case.stage.run_by(line, &case.stage.at_home(&case.text), case.arguments);
        assert_eq!(run.ok(), case.ends, "{run:?}");
        let engines = case.stage.read("engines");
        assert!(engines.lines().count() > 1, "{run:?}");
        for engine in engines.lines() {
            assert_eq!(engine, "unix:///var/run/docker.sock  /run/thinspect-no-configuration", "{run:?}");
        }
    }
}

/// Every plan that queries a daemon ignores one with another data root or pool.
#[test]
fn another_daemon_is_left_alone() {
    for makes in [lowering as Makes, freeing, repairing, moving_to_lvm] {
        for (from, to) in
            [("Docker Root Dir: ", "Docker Root Dir: /elsewhere"), ("Pool Name: ", "Pool Name: another-")]
        {
            let case = makes();
            let repairs = case.text.contains("thinspect plan repair");
            if repairs && from.starts_with("Pool") {
                // With a broken pool Docker cannot report the pool's name.
                continue;
            }
            case.stage.write("info", &case.stage.read("info").replace(from, to));
            let run = case.run();
            assert!(run.failed_saying("keeps its data elsewhere"), "{from}: {run:?}");
            for changes in [
                "docker stop",
                "docker rm",
                "docker rmi",
                "docker container",
                "docker image prune",
                "systemctl stop",
                "systemctl restart",
            ] {
                assert!(!run.called(changes), "{from}: {run:?}");
            }
        }
    }
}

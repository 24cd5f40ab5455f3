//! Every call of every script fails once: the script ends with a sentence, nothing is suspended, nothing is lost, and the
//! next run goes on or says why not.
//!
//! A dozen calls of different kinds by default; `cargo test plans::attack -- --ignored` lets one of every kind fail.

use super::fake_tools::{Run, Stage};
use super::hosts::*;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use thinspect::host::model::units::{Bytes, DataBlocks};
use thinspect::plan::{Free, Grow, MinFreeSpace, Repair, free, grow, min_free_space, repair, script};

/// A staged script, and what must hold of its stage whatever failed.
struct Case {
    stage: Stage,
    text: String,
    arguments: &'static [&'static str],
    /// Panics where something was lost.
    nothing_lost: fn(&Stage, &str),
    /// Whether a run without failures succeeds, and so also after one with.
    ends: bool,
}

impl Case {
    fn run(&self) -> Run {
        self.stage.run_here(&self.text, self.arguments)
    }
}

type Makes = fn() -> Case;

/// Real programs whose failure a host can meet.
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

/// What goes before each stand-in: the call whose place in the order is `fail` fails.
const COUNTING: &str = "echo $$ >>\"$STAGE/order\"; read -r fail <\"$STAGE/fail\"\n\
    [ \"$fail\" = 0 ] || [ \"$(/usr/bin/sed -n \"${fail}p\" \"$STAGE/order\")\" != $$ ] || { printf '%s ' \"${0##*/}\" \"$@\" >\"$STAGE/failed\"; exit 1; }\n";

impl Stage {
    /// Lets calls be counted, and fail.
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
            // Stand-ins call the real ones among themselves, unless they start what they are told.
            let path = if matches!(name.as_str(), "timeout" | "xargs") { "" } else { "PATH=/usr/bin:/bin\n" };
            let body = format!("{head}\n{COUNTING}{log}\n{path}{body}");
            self.write(&format!("bin/{name}"), &body);
        }
        self.fails(0);
    }

    fn fails(&self, call: usize) {
        self.write("order", "");
        self.write("fail", &format!("{call}\n"));
        self.allow("failed");
    }
}

/// What a call is about: its program and first words, without ids and paths.
fn kind(line: &str) -> String {
    let plain = |w: &&str| !w.contains('/') && w.chars().filter(char::is_ascii_digit).count() < 4;
    line.split(' ').filter(plain).take(3).collect::<Vec<_>>().join(" ")
}

/// So many calls fail of each script, unless all are to.
const SOME: usize = 12;

fn attack(makes: Makes, all: bool) {
    let case = makes();
    case.stage.counts();
    let clean = case.run();
    assert_eq!(clean.ok(), case.ends, "{clean:?}");
    let mut kinds = BTreeSet::new();
    let lines: Vec<&str> = clean.calls.lines().collect();
    let first = lines.iter().enumerate().filter(|(_, line)| kinds.insert(kind(line)));
    let calls: Vec<usize> = first.map(|(i, _)| i + 1).collect();
    let every = if all { 1 } else { calls.len().div_ceil(SOME) };
    let calls: Vec<usize> = calls.into_iter().step_by(every).collect();
    assert!(calls.len() > 3, "{:?}", clean.calls);
    for part in calls.chunks(calls.len().div_ceil(2)) {
        let part = part.to_vec();
        thread::scope(|scope| {
            scope.spawn(move || part.iter().for_each(|call| fails_at(makes, *call)));
        });
    }
}

fn fails_at(makes: Makes, call: usize) {
    let case = makes();
    case.stage.counts();
    case.stage.fails(call);
    let run = case.run();
    let failed = if case.stage.exists("failed") { case.stage.read("failed") } else { String::new() };
    let about = format!("call {call}: {failed}");
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
    case.stage.fails(0);
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
    let stage = Stage::new();
    stage.write("used", "900");
    stage.write(
        "info",
        &stage.read("info").replace("/var/lib/docker", &stage.path("root").display().to_string()),
    );
    std::fs::create_dir_all(stage.path("root")).unwrap();
    stage.tool(
        "dmsetup",
        "echo \"0 64000 thin-pool 4 1/100 $(cat \"$STAGE/used\")/1000 - rw discard_passdown queue_if_no_space - 8\"",
    );
    stage.tool(
        "docker",
        "case \"$*\" in\n*'container prune'*) echo $(( $(cat \"$STAGE/used\") - 60 )) > \"$STAGE/used\" ;;\n\
         *'image prune --all'*) echo $(( $(cat \"$STAGE/used\") - 200 )) > \"$STAGE/used\" ;;\nesac",
    );
    let (host, mut pool) = published();
    (pool.data.used, pool.data.total) = (Some(DataBlocks(900)), Some(DataBlocks(1000)));
    let text = script(&free(&host, &pool, &Free { need: Some(Bytes(50 << 16)) }));
    let nothing_lost = |stage: &Stage, about: &str| {
        // Containers are enough; where Docker refuses to remove them, images go, which was agreed to as well.
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
fn every_kind_of_call() {
    for makes in [lowering as Makes, freeing, repairing, moving_to_lvm, moving_to_overlay2] {
        attack(makes, true);
    }
}

/// Whatever the environment says, every plan asks the daemon on its own socket.
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

/// A daemon with another data root or another pool is left alone by every plan that asks one.
#[test]
fn another_daemon_is_left_alone() {
    for makes in [lowering as Makes, freeing, repairing, moving_to_lvm] {
        for (from, to) in
            [("Docker Root Dir: ", "Docker Root Dir: /elsewhere"), ("Pool Name: ", "Pool Name: another-")]
        {
            let case = makes();
            let repairs = case.text.contains("thinspect plan repair");
            if repairs && from.starts_with("Pool") {
                // A broken pool keeps Docker from saying its name.
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

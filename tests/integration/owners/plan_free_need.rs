//! `plan free --need` on the command line: a recording with owners, a copy of the metadata, exact steps.

use super::fixture;
use crate::metadata::builder;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};
use thinspect::record::{Outcome, Query, format};

/// A folder with the recording of a Docker host and its pool's metadata, removed on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("thinspect-need-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let host = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/lab-fresh-loopback/recording.json");
        let mut recording = format::load(&std::fs::read(host).unwrap()).unwrap();
        recording.answers.retain(|a| a.query != Query::DeviceRecords);
        for answer in &mut recording.answers {
            // The numbers of the metadata below.
            if answer.query == Query::DmStatus {
                let line = "0 209715200 thin-pool 12 60/524288 481/1638400 - rw discard_passdown \
                            queue_if_no_space - 1024";
                answer.outcome = Outcome::Answered(line.to_owned());
            }
        }
        recording.answers.extend(fixture::recording().answers);
        let mut text = Vec::new();
        recording.write(&mut text).unwrap();
        std::fs::write(folder.join("recording.json"), text).unwrap();
        std::fs::write(folder.join("metadata"), metadata()).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn plan(&self, need: &str, more: &[&str]) -> Output {
        let recording = self.path("recording.json");
        let args = ["plan", "free", "--from", &recording, "--need", need];
        let program =
            Command::new(env!("CARGO_BIN_EXE_thinspect")).args(args).args(more).env_clear().output();
        program.unwrap()
    }

    fn json(&self, need: &str, status: i32) -> Value {
        let out = self.plan(need, &["--metadata", &self.path("metadata"), "-o", "json"]);
        assert_eq!(out.status.code(), Some(status), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

/// The devices of [`fixture::blocks`].
fn metadata() -> Vec<u8> {
    let mut pool = builder::Pool::new(1_638_400, 128);
    pool.create(1);
    pool.write(1, 0, 20);
    for (id, from, first, count) in [
        (14, 1, 900, 100),
        (2, 1, 100, 100),
        (3, 2, 200, 50),
        (4, 2, 300, 70),
        (5, 2, 400, 10),
        (6, 3, 500, 30),
        (7, 3, 600, 2),
        (8, 7, 610, 50),
        (9, 6, 700, 2),
        (10, 9, 710, 5),
        (11, 6, 800, 2),
        (12, 11, 810, 40),
    ] {
        pool.snapshot(from, id);
        pool.write(id, first, count);
    }
    pool.image(9)
}

fn list<'a>(plan: &'a Value, key: &str) -> Vec<&'a Value> {
    plan["steps"].as_array().unwrap().iter().map(|step| &step[key]).collect()
}

#[test]
fn exact_steps() {
    let folder = Folder::new("exact");
    let plan = folder.json("9280K", 0);
    assert_eq!((&plan["goal"], &plan["possible"]), (&json!("free"), &json!(true)));
    assert_eq!(
        list(&plan, "commands")[..4],
        [
            &json!(["docker rm gone"]),
            &json!(["docker rm late"]),
            &json!(["docker rmi old:1"]),
            &json!(["docker rmi app:1 app:2"]),
        ]
    );
    let end = Value::Null;
    assert_eq!(list(&plan, "gain_blocks"), [&json!(7), &json!(42), &json!(70), &json!(30), &end]);
    assert_eq!(plan["steps"][1]["gain_bytes"], 42 * 65_536);
    let risks = list(&plan, "risk");
    assert!(risks[..4].iter().all(|risk| **risk == "destroys"), "{risks:?}");
    assert!(list(&plan, "why")[..4].iter().all(|why| why.as_str().unwrap().starts_with("Lost: ")));
    // Initially 481 of 1638400 are in use.
    for (step, free) in [1_637_919 + 7, 1_637_919 + 49, 1_637_919 + 119, 1_637_919 + 149].iter().enumerate() {
        let check = plan["steps"][step]["check"].as_str().unwrap();
        assert!(check.contains(&format!("exit f < {free}")), "{check}");
    }
    let numbers = &plan["numbers"];
    for (name, blocks) in [("wanted", 145), ("gained", 149), ("reachable", 259)] {
        assert_eq!(numbers[format!("{name}_blocks")], blocks, "{numbers:#}");
        assert_eq!(numbers[format!("{name}_bytes")], blocks * 65_536, "{numbers:#}");
    }
    let schema = thinspect::report::plan_schema();
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    assert!(validator.is_valid(&plan), "{plan:#}");
}

#[test]
fn as_text() {
    let folder = Folder::new("text");
    let out = folder.plan("3M", &["--metadata", &folder.path("metadata")]);
    let text = String::from_utf8(out.stdout).unwrap();
    for words in [
        " 1. [destroys] remove container gone\n    Lost: ",
        "    gives  7 blocks (448.0 KiB)\n    do     docker rm gone\n    check  dmsetup status",
        "\n  wanted                                    48 blocks      3.0 MiB\n",
        "\n  gained                                    49 blocks      3.1 MiB\n",
        "\n  reachable                                259 blocks     16.2 MiB\n",
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    assert!(!text.contains("transaction"), "they are of one time: {text}");
}

/// All steps are still shown, so that the user knows the maximum.
#[test]
fn more_than_can_be_freed() {
    let folder = Folder::new("more");
    let plan = folder.json("1G", 3);
    assert_eq!(plan["possible"], false);
    let why = plan["blocked_by"][0].as_str().unwrap();
    assert!(why.contains("259 blocks (16.2 MiB)") && why.contains("16384 blocks (1.0 GiB)"), "{why}");
    assert_eq!(list(&plan, "risk").iter().filter(|risk| ***risk == "destroys").count(), 6);
    let out = folder.plan("1G", &["--metadata", &folder.path("metadata"), "--script"]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(3), 0));
}

/// The script uses ids, so a tag that moved is not removed. Steps that only a person may do are left out.
#[test]
fn the_script_removes_by_id() {
    let folder = Folder::new("script");
    let out = folder.plan("16M", &["--metadata", &folder.path("metadata"), "--script"]);
    let text = String::from_utf8(out.stdout).unwrap();
    for words in [
        &*format!("remove_container {}\n", fixture::hex('2')),
        &*format!("run docker rmi sha256:{} ", fixture::hex('7')),
        &*format!("remove_image sha256:{} app:2\n", fixture::hex('8')),
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    assert!(!text.contains("delete 14"), "{text}");
}

/// Without the metadata the plan is the general one and says so; an unusable copy is an error.
#[test]
fn without_metadata() {
    let folder = Folder::new("without");
    let out = folder.plan("16M", &[]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0));
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    assert!(text.contains("a recording does not hold the metadata itself: give a copy of it"), "{text}");
    assert!(text.contains("docker container prune") && !text.contains("docker rm gone"), "{text}");
    for (file, words) in
        [("/nonexistent", "cannot open /nonexistent"), ("/etc/passwd", "not thin-pool metadata")]
    {
        let out = folder.plan("16M", &["--metadata", file]);
        let error = String::from_utf8(out.stderr).unwrap();
        assert_eq!((out.status.code(), out.stdout.len()), (Some(3), 0));
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
    }
}

/// `usage` on the command line: columns, order, a set, and invalid words.
#[test]
fn usage_on_the_command_line() {
    let folder = Folder::new("usage");
    let (recording, metadata) = (folder.path("recording.json"), folder.path("metadata"));
    let usage = |words: &[&str]| {
        let program =
            Command::new(env!("CARGO_BIN_EXE_thinspect")).arg("usage").args(words).env_clear().output();
        program.unwrap()
    };
    let copy = ["--from", &recording, "--metadata", &metadata];
    let shown = |words: &[&str]| {
        let out = usage(&[&copy, words].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let table = shown(&["--by", "container", "--columns", "name,frees", "--sort", "name", "--bytes"]);
    let rows: Vec<Vec<&str>> = table.lines().skip(6).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["CONTAINER", "FREES"]);
    assert_eq!(rows[1], ["gone", "(exited)", "458752", "B"]);
    assert_eq!(rows[3][..2], ["run", "(running)"]);
    let set = shown(&["--without", "gone", "--without", "late", "--without", "app:1"]);
    assert!(set.contains("(79 blocks) come back if gone, late, app:1 are removed"), "{set}");
    let set: Value = serde_json::from_str(&shown(&["--without", "web:1", "-o", "json"])).unwrap();
    assert_eq!(set["without"]["refused"], json!(["web:1: the container run stands on it"]));
    assert_eq!(set["without"]["reclaimable_blocks"], 0);
    let nothing = usage(&[&copy[..], &["--without", "nothing"]].concat());
    assert_eq!(nothing.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no container or image is called nothing"));
    // Neither a recording nor a copy has a pool to write to.
    for words in [["--snapshot", "--from", &recording], ["--snapshot", "--metadata", &metadata]] {
        assert_eq!(usage(&words).status.code(), Some(64), "{words:?}");
    }
    for words in [["--max-rate", "0"], ["--columns", "colour"], ["--sort", "up"]] {
        assert_eq!(usage(&words).status.code(), Some(64), "{words:?}");
    }
}

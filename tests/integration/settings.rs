//! Settings with secrets, from the file on disk to verdict and plans: no secret is recorded, no placeholder is
//! written, and the relevant settings are still read.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SECRETS: [&str; 4] = ["hunter2", "c2VjcmV0", "proxyuser", "unit-value"];

fn thinspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thinspect")).args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn recording(name: &str) -> String {
    format!("{}/tests/settings/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

/// A directory used as root, with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn recorded(root: &Path) -> Value {
    let output = thinspect(&["record", "--root", root.to_str().unwrap()]);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn answer<'a>(recording: &'a Value, query: &str, of: &str) -> &'a Value {
    let answers = recording["answers"].as_array().unwrap();
    answers.iter().find(|a| a["ask"] == query && a["of"] == of).unwrap_or(&Value::Null)
}

#[test]
fn a_recording_keeps_the_settings_and_no_secret() {
    let json = "{\"userland-proxy\": false, \"authorization-plugins\": [], \"proxies\": {\"https-proxy\": \
                \"http://proxyuser:hunter2@p:1\"},\n \"log-opts\": {\"splunk-token\": \"hunter2\"}, \"storage-opts\": \
                [\"dm.min_free_space=5%\"]}";
    let root = root(&[
        ("etc/docker/daemon.json", json),
        ("etc/systemd/system/docker.service.d/env.conf", "[Service]\nEnvironment=\"FOO=unit-value\"\n"),
        ("etc/containerd/config.toml", "[registry.auth]\n  auth = \"c2VjcmV0\"\n  password = \"hunter2\"\n"),
        (
            "etc/sysconfig/docker",
            "OPTIONS='--log-opt splunk-token=hunter2'\nHTTP_PROXY=http://proxyuser:x@p\n",
        ),
    ]);
    let recording = recorded(root.path());
    let text = recording.to_string();
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}");
    }
    let said = answer(&recording, "file", "/etc/docker/daemon.json")["said"].as_str().unwrap();
    let kept: Value = serde_json::from_str(said).unwrap();
    assert_eq!(kept["userland-proxy"], false);
    assert_eq!(kept["authorization-plugins"], serde_json::json!([]));
    assert_eq!(kept["storage-opts"][0], "dm.min_free_space=5%");
    let digest = answer(&recording, "file-digest", "/etc/docker/daemon.json")["said"].as_str().unwrap();
    let digest: Value = serde_json::from_str(digest).unwrap();
    let sum = Command::new("sha256sum").arg(root.path().join("etc/docker/daemon.json")).output().unwrap();
    assert!(out(&sum).starts_with(digest["sha256"].as_str().unwrap()), "{digest}");
    assert_eq!(digest["bytes"], json.len());
    for file in ["/etc/containerd/config.toml", "/etc/sysconfig/docker"] {
        assert!(answer(&recording, "file-digest", file)["said"].is_string(), "{file}");
    }
    // A secret that could be part of other text must not be missing merely because the file was not read.
    assert!(
        answer(&recording, "file", "/etc/sysconfig/docker")["said"].as_str().unwrap().contains("OPTIONS=")
    );
}

#[test]
fn broken_settings_leak_nothing() {
    for json in [
        "{\"token\": \"hunter2\",}",
        "{\"a\": 1 \"proxies\": {\n \"x\": \"hunter2\"\n}}",
        "{\"to\\u006ben\" \"hunter2\"",
    ] {
        let root = root(&[("etc/docker/daemon.json", json)]);
        let recording = recorded(root.path());
        assert!(!recording.to_string().contains("hunter2"), "{json}");
        assert!(answer(&recording, "file", "/etc/docker/daemon.json")["said"].is_string());
    }
}

#[test]
fn what_was_taken_out_changes_no_verdict() {
    let floor = |name: &str| {
        let output = thinspect(&["status", "-o", "json", "--from", &recording(name)]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["pools"][0]["min_free_space"].clone(), report["verdict"].clone())
    };
    assert_eq!(floor("up-redacted"), floor("up-plain"));
    assert_eq!(floor("up-redacted").0["percent"], 5);
}

fn script(name: &str, goal: &[&str]) -> String {
    let from = recording(name);
    out(&thinspect(&[&["plan"], goal, &["--script", "--from", &from]].concat()))
}

const DIRECT_LVM: [&str; 3] = ["direct-lvm", "--device", "/dev/vdd"];

#[test]
fn no_plan_prints_what_stands_for_a_secret() {
    for goal in [&DIRECT_LVM[..], &["overlay2"], &["min-free-space", "--percent", "5"]] {
        let from = recording("redacted");
        let screen = out(&thinspect(&[&["plan"], goal, &["--from", &from]].concat()));
        assert!(!screen.contains("<redacted>"), "{goal:?}\n{screen}");
        let script = script("redacted", goal);
        assert!(script.contains("secret") && !script.contains("<redacted>"), "{goal:?}\n{script}");
        assert!(!script.contains("step_1"), "it stops before anything is done: {script}");
    }
}

#[test]
fn the_daemons_own_settings_file_is_meant() {
    let script = script("docker-configfile", &DIRECT_LVM);
    assert!(script.contains("settings=/opt/docker/daemon.json\n"), "{script}");
    assert!(!script.contains("/etc/docker/daemon.json"), "{script}");
    assert!(script.contains("switched || settings_are_known\n"), "{script}");
    let check = script.find("\npreconditions\n").unwrap();
    assert!(check < script.find("\n# Step").unwrap(), "before the downtime");
}

#[test]
fn a_daemon_that_is_down_may_have_options_in_its_unit() {
    let script = script("docker-down-unit-options", &DIRECT_LVM);
    assert!(script.contains("docker.service") && !script.contains("step_1"), "{script}");
}

/// The recording with a stopped daemon and this unit.
fn with_unit(unit: &str) -> PathBuf {
    let text = std::fs::read_to_string(recording("docker-down-unit-options")).unwrap();
    let mut recording: Value = serde_json::from_str(&text).unwrap();
    let unit = serde_json::json!({"ask": "file", "of": "/lib/systemd/system/docker.service", "said": unit});
    recording["answers"].as_array_mut().unwrap().push(unit);
    let path =
        std::env::temp_dir().join(format!("thinspect-unit-{}-{}.json", std::process::id(), text.len()));
    std::fs::write(&path, recording.to_string()).unwrap();
    path
}

#[test]
fn options_of_a_unit_count_while_the_daemon_is_down() {
    let of = |unit: &str| {
        let path = with_unit(unit);
        let from = path.to_str().unwrap();
        let script = out(&thinspect(&[&["plan"], &DIRECT_LVM[..], &["--script", "--from", from]].concat()));
        std::fs::remove_file(&path).unwrap();
        script
    };
    let options = of("[Service]\nExecStart=/usr/bin/dockerd --storage-opt dm.fs=xfs\n");
    assert!(
        options.contains("/lib/systemd/system/docker.service") && !options.contains("step_1"),
        "{options}"
    );
    let plain = of("[Service]\nExecStart=/usr/bin/dockerd -H fd://\n");
    assert!(plain.contains("step_1") && plain.contains("settings=/etc/docker/daemon.json\n"), "{plain}");
}

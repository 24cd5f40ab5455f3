//! Settings files with secrets, edited by scripts and by typed commands: only the planned part is replaced.

use super::fake_tools::Stage;
use super::hosts::{published, set_settings};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use thinspect::host::Host;
use thinspect::host::docker::{FileDigest, Hidden};
use thinspect::host::model::pool::Pool;
use thinspect::plan::{MinFreeSpace, Plan, min_free_space, script};

const SECRET: &str = "s3cr$t'`x`";
const OLD: &str = "{\n  \"log-opts\": {\"splunk-token\": \"s3cr$t'`x`\"},\n  \"storage-opts\": [\"dm.fs=xfs\"],\n  \
    \"http-proxy\": \"s3cr$t'`x`\"\n}\n";

/// The published case, with this settings file for Docker and its secrets not recorded.
fn with_secrets(file: &str) -> (Host, Pool) {
    let (mut host, pool) = published();
    let literal = format!("\"{SECRET}\"");
    let hidden =
        |(at, found): (usize, &str)| Hidden { offset: at as u64, bytes: found.len() as u64, shown: 12 };
    let hidden = file.match_indices(literal.as_str()).map(hidden).collect();
    set_settings(&mut host.docker_roots[0], &file.replace(SECRET, "<redacted>"));
    host.docker_roots[0].daemon_json_digest = Some(FileDigest { hidden, ..FileDigest::of_plain(file) });
    (host, pool)
}

fn plan(file: &str) -> Plan {
    let (host, pool) = with_secrets(file);
    min_free_space(&host, &pool, &MinFreeSpace::default())
}

fn wanted(file: &str) -> String {
    file.replace("\"dm.fs=xfs\"", "\"dm.fs=xfs\",\"dm.min_free_space=9%\"")
}

fn typed(plan: &Plan) -> String {
    plan.steps.iter().flat_map(|s| s.commands.iter().chain(&s.undo)).cloned().collect::<Vec<_>>().join("\n")
}

#[test]
fn the_script_replaces_its_own_bytes_and_no_others() {
    let stage = Stage::new();
    stage.write("real.json", OLD);
    std::fs::set_permissions(stage.path("real.json"), PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::create_dir_all(stage.path("etc")).unwrap();
    std::os::unix::fs::symlink(stage.path("real.json"), stage.path("etc/daemon.json")).unwrap();
    let text = stage.rooted(&script(&plan(OLD)));
    assert!(!text.contains(SECRET) && !text.contains("<redacted>"), "{text}");
    let run = stage.run(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!(stage.read("real.json"), wanted(OLD));
    assert!(stage.path("etc/daemon.json").is_symlink(), "a link stays a link");
    assert_eq!(stage.path("real.json").metadata().unwrap().mode() & 0o777, 0o640);
    let again = stage.run(&text, &["--yes"]);
    assert!(again.ok() && !again.called("systemctl"), "{again:?}");
}

#[test]
fn a_file_that_is_another_by_now_is_left_alone() {
    // A changed secret is a change too, although it was not recorded.
    for now in [OLD.replace("s3cr", "t3cr"), OLD.replace("xfs", "ext4"), String::new(), "{}".into()] {
        let stage = Stage::new();
        stage.write("etc/daemon.json", &now);
        let run = stage.run(&stage.rooted(&script(&plan(OLD))), &["--yes"]);
        assert!(run.failed_saying("not what it was") && !run.called("systemctl"), "{run:?}");
        assert_eq!(stage.read("etc/daemon.json"), now);
    }
}

#[test]
fn what_cannot_be_written_leaves_the_file_as_it_was() {
    for (tool, body) in [("head", "exit 1"), ("tail", "exit 1"), ("cp", "exit 1"), ("tail", "echo broken")] {
        let stage = Stage::new();
        stage.write("etc/daemon.json", OLD);
        stage.tool(tool, body);
        let run = stage.run(&stage.rooted(&script(&plan(OLD))), &["--yes"]);
        assert!(run.status == 1 && !run.called("systemctl"), "{tool}: {run:?}");
        assert_eq!(stage.read("etc/daemon.json"), OLD, "{tool}");
        assert!(!stage.exists("etc/daemon.json.thinspect-new"), "{tool}");
    }
}

#[test]
fn lines_that_end_as_on_windows() {
    let stage = Stage::new();
    let file = "{\r\n  \"storage-opts\": [\r\n    \"dm.fs=xfs\"\r\n  ]\r\n}\r\n";
    stage.write("etc/daemon.json", file);
    let (mut host, pool) = published();
    set_settings(&mut host.docker_roots[0], &file.replace('\r', ""));
    let hidden = file.match_indices('\r').map(|(at, _)| Hidden { offset: at as u64, bytes: 1, shown: 0 });
    host.docker_roots[0].daemon_json_digest =
        Some(FileDigest { hidden: hidden.collect(), ..FileDigest::of_plain(file) });
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    let run = stage.run(&stage.rooted(&script(&plan)), &["--yes"]);
    assert!(run.ok(), "{run:?}");
    let want = file.replace("\"dm.fs=xfs\"", "\"dm.fs=xfs\",\n    \"dm.min_free_space=9%\"");
    assert_eq!(stage.read("etc/daemon.json"), want);
}

#[test]
fn what_is_typed_is_safe_too() {
    let commands = typed(&plan(OLD));
    assert!(!commands.contains(SECRET) && !commands.contains("<redacted>"), "{commands}");
    for (now, want, works) in [
        (OLD.to_owned(), wanted(OLD), true),
        (OLD.replace("s3cr", "t3cr"), OLD.replace("s3cr", "t3cr"), false),
    ] {
        let stage = Stage::new();
        stage.write("etc/daemon.json", &now);
        let command = stage.rooted(&plan(OLD).steps[0].commands[0]);
        let out = Command::new("bash").args(["-c", &command]).output().unwrap();
        assert_eq!(out.status.success(), works, "{out:?}\n{command}");
        assert_eq!(stage.read("etc/daemon.json"), want);
        let undo = stage.rooted(&plan(OLD).steps[0].undo[0]);
        if works {
            assert!(Command::new("bash").args(["-c", &undo]).status().unwrap().success(), "{undo}");
            assert_eq!(stage.read("etc/daemon.json"), now);
        }
    }
}

#[test]
fn without_the_places_of_the_secrets_nothing_is_written() {
    let (mut host, pool) = with_secrets(OLD);
    host.docker_roots[0].daemon_json_digest = None;
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(
        plan.unscriptable().is_some_and(|why| why.plain().contains("secret")),
        "{:?}",
        plan.unscriptable()
    );
    assert!(!typed(&plan).contains("<redacted>"), "{}", typed(&plan));
}

#[test]
fn another_settings_file_is_the_one_that_is_changed() {
    let stage = Stage::new();
    stage.write("opt/my.json", OLD);
    let (mut host, pool) = with_secrets(OLD);
    let path = stage.path("opt/my.json").display().to_string();
    host.docker_roots[0].options.iter_mut().for_each(|option| option.from.clone_from(&path));
    host.docker_roots[0].settings_path = Some(path);
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    let run = stage.run(&stage.rooted(&script(&plan)), &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!(stage.read("opt/my.json"), wanted(OLD));
    assert!(!stage.exists("etc/daemon.json"), "no daemon reads that file");
}

#[test]
fn a_daemon_that_is_down_may_be_told_elsewhere() {
    let (mut host, pool) = with_secrets(OLD);
    host.docker_roots[0].service_unread = Some("docker.service was not recorded".into());
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(
        plan.unscriptable().is_some_and(|why| why.plain().contains("docker.service")),
        "{:?}",
        plan.unscriptable()
    );
}

/// Runs a line of bash with the script parts that save and restore settings, on this stage.
fn shell(stage: &Stage, line: &str) -> std::process::Output {
    let part = |name: &str| {
        let path = format!("{}/src/plan/script/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let text = format!(
        "{}\nstore={s}/store settings={s}/etc/daemon.json\n{}\n{}\n{line}\nfinish done\n",
        part("prologue.sh")
            .replace("=/var/log/", &format!("={}/", stage.path("").display()))
            .replace("[ \"$(id -u)\" = 0 ]", "true"),
        part("settings_file.sh"),
        part("settings_copy.sh"),
        s = stage.path("").display().to_string().trim_end_matches('/')
    );
    Command::new("bash").args(["-c", &text]).output().unwrap()
}

#[test]
fn the_way_back_keeps_what_somebody_wrote_since() {
    let stage = Stage::new();
    stage.write("store/x", "");
    stage.write("etc/daemon.json", OLD);
    let kept = shell(&stage, "keep_settings");
    assert!(kept.status.success(), "{kept:?}");
    stage.write("etc/daemon.json", "{\"somebody\": \"else\"}");
    let back = shell(&stage, "restore_settings");
    assert!(back.status.success(), "{back:?}");
    assert_eq!(stage.read("etc/daemon.json"), OLD);
    assert_eq!(stage.read("store/daemon.json.replaced"), "{\"somebody\": \"else\"}");
    // If there was no file, restoring removes it, and the new one stays in the store.
    let stage = Stage::new();
    stage.write("store/x", "");
    std::fs::create_dir_all(stage.path("etc")).unwrap();
    assert!(shell(&stage, "keep_settings").status.success());
    stage.write("etc/daemon.json", "{}");
    let back = shell(&stage, "restore_settings");
    assert!(back.status.success() && !stage.exists("etc/daemon.json"), "{back:?}");
    assert_eq!(stage.read("store/daemon.json.replaced"), "{}");
}

/// The plan to lower the published host's floor, with the daemon's settings on the stage.
fn lowering(stage: &Stage, swarm: bool) -> Plan {
    stage.write("etc/daemon.json", OLD);
    let (mut host, pool) = with_secrets(OLD);
    host.docker_roots[0].swarm = Some(swarm);
    min_free_space(&host, &pool, &MinFreeSpace::default())
}

/// A swarm starts stopped services elsewhere, and the kubelet restarts what it considers failed.
#[test]
fn a_restart_warns_on_a_node_of_a_cluster() {
    for (swarm, kubelet) in [(false, false), (true, false), (false, true)] {
        let stage = Stage::new();
        let plan = lowering(&stage, swarm);
        assert_eq!(super::hosts::says(&plan.warnings, "part of a swarm"), swarm, "{:?}", plan.warnings);
        // The recorded state may have changed, so the script checks again.
        let text = stage.rooted(&script(&lowering(&stage, false)));
        if swarm {
            stage.write("info", &stage.read("info").replace("Swarm: inactive", "Swarm: active"));
        }
        if kubelet {
            stage.tool("pgrep", "case $2 in dockerd) echo 4242 ;; kubelet) echo 4243 ;; *) exit 1 ;; esac");
        }
        let run = stage.run(&text, &["--yes"]);
        assert!(run.ok() && run.called("systemctl restart docker"), "{run:?}");
        assert_eq!(run.said.contains("warning: this host is part of a swarm"), swarm, "{run:?}");
        assert_eq!(run.said.contains("warning: kubelet runs"), kubelet, "{run:?}");
        let asked = run.said.find("warning: this host").or_else(|| run.said.find("warning: kubelet"));
        assert!(asked.is_none_or(|at| at < run.said.find("step 1").unwrap()), "before anything: {run:?}");
    }
}

/// A daemon takes some seconds to start; without systemd also after the start command has ended.
#[test]
fn a_restart_waits_for_the_daemon() {
    for (silences, comes_up) in [(2, true), (1000, false)] {
        let stage = Stage::new();
        let text = stage.rooted(&script(&lowering(&stage, false))).replace("within 120 ", "within 5 ");
        stage.tool(
            "docker",
            &format!(
                "[ -e \"$STAGE/restarted\" ] || exit 0\n\
                 case $1 in version) echo >>\"$STAGE/asked\"; [ \"$(wc -l <\"$STAGE/asked\")\" -gt {silences} ] ;;\n\
                 info) echo ' Thin Pool Minimum Free Space: 9.664GB' ;; esac"
            ),
        );
        let run = stage.run(&text, &["--yes"]);
        assert_eq!(run.ok(), comes_up, "{run:?}");
        assert_eq!(run.said.contains("Docker does not answer"), !comes_up, "{run:?}");
        assert!(stage.read("asked").lines().count() > 2, "{run:?}");
    }
}

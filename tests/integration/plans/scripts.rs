//! The scripts of plans, run end to end with fake tools.

use super::fake_tools::Stage;
use super::hosts::{direct_lvm, published, set_settings};
use thinspect::host::lvm::LvName;
use thinspect::host::model::units::Bytes;
use thinspect::plan::{Grow, MinFreeSpace, grow, min_free_space, script};

const GIB: u64 = 1 << 30;

#[test]
fn the_script_grows_a_logical_volume_once() {
    let stage = Stage::new();
    let (host, pool) = direct_lvm();
    let text = script(&grow(&host, &pool, &Grow { by: Some(Bytes(2 * GIB)), ..Grow::default() }));
    let first = stage.run(&text, &["--yes"]);
    assert!(first.ok() && first.called("lvextend -L 12343836672b docker/thinpool"), "{first:?}");
    let second = stage.run(&text, &["--yes"]);
    assert!(second.ok() && !second.called("lvextend"), "{second:?}");
}

#[test]
fn the_script_grows_a_pool_on_loop_files_and_twice_does_no_harm() {
    let stage = Stage::new();
    let (host, pool) = stage.loop_pool("docker-8:1-131188-pool");
    let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
    assert!(plan.possible, "{:?}", plan.blocked_by);
    let text = script(&plan);
    let first = stage.run(&text, &["--yes"]);
    assert!(first.ok(), "{first:?}");
    assert_eq!(stage.table().trim(), "0 262144 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing");
    assert_eq!(stage.file_size("data"), 128 << 20);
    assert!(!stage.suspended());
    let second = stage.run(&text, &["--yes"]);
    assert!(second.ok(), "{second:?}");
    let changes = ["truncate", "losetup -c", "reload", "suspend", "resume", "clear"];
    assert!(!changes.iter().any(|c| second.called(c)), "{second:?}");
}

#[test]
fn without_yes_nothing_happens_unasked() {
    let stage = Stage::new();
    let (host, pool) = stage.loop_pool("pool");
    let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
    let run = stage.run(&script(&plan), &[]);
    assert!(run.failed_saying("stopped"), "{run:?}");
    assert!(!run.called("truncate") && stage.file_size("data") == 64 << 20);
    assert_eq!(stage.run(&script(&plan), &["--force"]).status, 64);
}

#[test]
fn a_refused_table_never_leaves_the_pool_suspended() {
    for refusal in ["refuse-reload", "refuse-resume", "refuse-new"] {
        let stage = Stage::new();
        let (host, pool) = stage.loop_pool("pool");
        let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
        stage.refuse(refusal);
        let run = stage.run(&script(&plan), &["--yes"]);
        assert!(!run.ok(), "{refusal}: {run:?}");
        assert!(!stage.suspended(), "{refusal}: {run:?}");
        assert!(!stage.waiting(), "{refusal}: a new table is left behind");
        let resumed = run.called("dmsetup resume");
        assert_eq!(resumed, refusal == "refuse-resume" || refusal == "refuse-new", "{refusal}: {run:?}");
        if refusal != "refuse-resume" {
            assert_eq!(stage.table(), Stage::TABLE, "{refusal}");
        }
        stage.allow(refusal);
        assert!(stage.run(&script(&plan), &["--yes"]).ok(), "{refusal}: it can be run again");
    }
}

#[test]
fn facts_that_differ_stop_the_script() {
    type Change = fn(&Stage);
    let cases: [(&str, Change); 5] = [
        ("not the recorded one", |s| {
            s.write("table", "0 131072 thin-pool 7:1 7:5 128 32768 1 skip_block_zeroing ")
        }),
        ("not the recorded one", |s| s.write("table", "0 131072 linear 7:1 0")),
        ("no device-mapper device", |s| s.remove("table")),
        ("mode does not allow", |s| s.write("check", "needs_check")),
        ("carries another file", |s| s.write("back0", "/elsewhere/data")),
    ];
    for (word, change) in cases {
        let stage = Stage::new();
        let (host, pool) = stage.loop_pool("pool");
        let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
        change(&stage);
        let run = stage.run(&script(&plan), &["--yes"]);
        assert!(run.failed_saying(word), "{word}: {run:?}");
        assert!(!run.called("truncate"), "{word}: {run:?}");
    }
}

#[test]
fn names_from_outside_are_only_ever_words() {
    for name in ["a;reboot", "$(x)", "`x`", "it's \"q\"", "two  words", "a\nreboot\n", "*", "$'x'", "a\\b"] {
        let stage = Stage::new();
        let (host, pool) = stage.loop_pool(name);
        let plan = grow(&host, &pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() });
        let run = stage.run(&script(&plan), &["--yes"]);
        assert!(!run.called("reboot") && !run.called("x ") && !stage.exists("x"), "{name:?}: {run:?}");
        assert!(run.ok(), "{name:?}: {run:?}");
        for step in &plan.steps {
            let typed = stage.run(&format!("{}\n", step.commands.join("\n")), &[]);
            assert!(!typed.called("reboot") && !stage.exists("x"), "{name:?}: {typed:?}");
        }
        let (mut host, mut pool) = direct_lvm();
        (pool.name, pool.lv) = (Some(name.into()), Some(LvName { vg: name.into(), lv: name.into() }));
        host.lvm.groups[0].name = name.into();
        let plan = grow(&host, &pool, &Grow { by: Some(Bytes(GIB)), ..Grow::default() });
        stage.parses(&script(&plan));
        let run = stage.run(&script(&plan), &["--yes"]);
        assert!(!run.called("reboot") && !stage.exists("x"), "{name:?}: {run:?}");
    }
}

#[test]
fn the_script_sets_the_floor_and_keeps_the_old_file() {
    let stage = Stage::new();
    let old = "{\n  \"live-restore\": true,\n  \"x\": \"it's $(reboot) `x` \\\\ %s\",\n  \"storage-opts\": [ \
        \"dm.fs=xfs\" ]\n}";
    stage.write("etc/daemon.json", old);
    let (mut host, pool) = published();
    set_settings(&mut host.docker_roots[0], old);
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    let text = stage.rooted(&script(&plan));
    let run = stage.run(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
    let new = old.replace("\"dm.fs=xfs\"", "\"dm.fs=xfs\", \"dm.min_free_space=9%\"");
    assert_eq!(stage.read("etc/daemon.json").trim_end(), new);
    let saved = format!(
        "etc/daemon.json.before-thinspect-{}",
        thinspect::host::docker::sha256(old.as_bytes()).get(..8).unwrap()
    );
    assert_eq!(stage.read(&saved), old);
    assert!(run.called("systemctl restart docker") && !run.called("reboot"), "{run:?}");
    let again = stage.run(&text, &["--yes"]);
    assert!(again.ok() && !again.called("systemctl"), "{again:?}");
    stage.write("etc/daemon.json", "{}");
    let other = stage.run(&text, &["--yes"]);
    assert!(other.failed_saying("not what it was") && !other.called("systemctl"), "{other:?}");
    assert_eq!(stage.read("etc/daemon.json"), "{}");
}

#[test]
fn the_script_makes_the_file_where_there_is_none() {
    let stage = Stage::new();
    let (mut host, pool) = published();
    host.docker_roots[0].daemon_json = None;
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    let run = stage.run(&stage.rooted(&script(&plan)), &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!(stage.read("etc/daemon.json"), "{\n    \"storage-opts\": [\"dm.min_free_space=9%\"]\n}\n");
}

//! Scripts whose output breaks: a closed terminal, a reader that exits, a full filesystem. The pool must not stay
//! suspended, and the script must finish its work.

use super::fake_tools::{Run, Stage};
use thinspect::host::Host;
use thinspect::host::dm::status::Mode;
use thinspect::host::model::pool::Pool;
use thinspect::host::model::units::{Bytes, MetadataBlocks};
use thinspect::plan::{Grow, Plan, Repair, Which, grow, repair, script};

/// Ways to break the output while the table is loaded: the fake dmsetup kills the process noted in `reader`.
const BREAKS: [(&str, &str); 4] = [
    ("nothing breaks", "exec \"$@\""),
    (
        "the reader ends",
        "\"$@\" 2>&1 | { echo \"$BASHPID\" >\"$STAGE/reader\"; exec cat >/dev/null; }; exit \"${PIPESTATUS[0]}\"",
    ),
    ("the filesystem is full", "exec \"$@\" >/dev/full 2>&1"),
    (
        "the terminal closes",
        "script -qec 'echo $PPID >\"$STAGE/reader\"; echo $$ >\"$STAGE/self\"; exec bash \"$STAGE/script\" --yes' /dev/null \
         </dev/null >/dev/null; while kill -0 \"$(cat \"$STAGE/self\")\" 2>/dev/null; do sleep 0.1; done",
    ),
];

type Makes = fn(&Host, &mut Pool) -> Plan;

/// Every plan that replaces a table, and whether the new one is longer.
const PLANS: [(&str, Makes, bool); 4] = [
    (
        "grow the data",
        |host, pool| grow(host, pool, &Grow { by: Some(Bytes(64 << 20)), ..Grow::default() }),
        true,
    ),
    ("grow the metadata", |host, pool| grow(host, pool, &more_metadata()), false),
    (
        "repair of a pool whose data is full",
        |host, pool| {
            pool.data.used = pool.data.total;
            pool.mode = Some(Mode::OutOfDataSpace);
            repair(host, pool, &Repair::default())
        },
        true,
    ),
    (
        "repair of a pool whose metadata is full",
        |host, pool| {
            pool.metadata.total = Some(MetadataBlocks(16_384));
            pool.metadata.used = pool.metadata.total;
            pool.mode = Some(Mode::ReadOnly);
            repair(host, pool, &Repair::default())
        },
        false,
    ),
];

fn more_metadata() -> Grow {
    Grow { which: Which::Metadata, by: Some(Bytes(8 << 20)), ..Grow::default() }
}

fn staged(make: Makes) -> (Stage, String) {
    let stage = Stage::new();
    let (mut host, mut pool) = stage.loop_pool("pool");
    host.pools = vec![pool.clone()];
    pool.metadata.total = Some(MetadataBlocks(16_384));
    pool.metadata.used = Some(MetadataBlocks(1_667));
    let plan = make(&host, &mut pool);
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    let text = script(&plan);
    (stage, text)
}

fn is_whole(stage: &Stage, run: &Run, longer: bool, about: &str) {
    assert!(!stage.suspended() && !stage.waiting(), "{about}: {run:?}");
    assert_eq!(stage.table().trim() != Stage::TABLE.trim(), longer, "{about}: {run:?}\n{}", stage.table());
}

#[test]
fn broken_output_never_leaves_a_pool_suspended_or_half_grown() {
    for (plan, make, longer) in PLANS {
        for (how, line) in BREAKS {
            let about = format!("{plan}, {how}");
            let (stage, text) = staged(make);
            let run = stage.run_by(line, &text, &["--yes"]);
            is_whole(&stage, &run, longer, &about);
            assert!(run.called("resume"), "{about}: {run:?}");
            let log = stage.read("said.log");
            assert!(log.contains("all steps are done"), "{about}: it went to its end\n{log}");
        }
    }
}

/// Control: the process that dmsetup kills is the reader of the output.
#[test]
fn the_output_really_breaks() {
    for (how, line) in &BREAKS[1..] {
        let stage = Stage::new();
        stage.loop_pool("pool");
        let text = "trap : PIPE; trap 'touch \"$STAGE/broken\"' HUP; dmsetup reload pool --table x\n\
                    for _ in 1 2 3; do { echo x 2>/dev/null; } || touch \"$STAGE/broken\"; sleep 0.1; done\n";
        stage.run_by(line, text, &["--yes"]);
        assert!(stage.exists("broken"), "{how}");
    }
}

/// Signals that arrive while the table is being replaced are handled afterwards.
#[test]
fn signals_wait_until_the_table_is_exchanged() {
    for signal in ["HUP", "INT", "TERM", "QUIT", "PIPE", "TSTP"] {
        let (stage, text) = staged(PLANS[0].1);
        let line = format!(
            "\"$@\" & echo $! >\"$STAGE/self\"; wait $!; kill -CONT $! 2>/dev/null; wait $! || exit $? # {signal}"
        );
        let strike = format!("kill -{signal} \"$(cat \"$STAGE/self\")\"; sleep 0.1\n");
        let dmsetup = stage
            .read("bin/dmsetup")
            .replace("reload)", &format!("reload)\n{strike}"))
            .replace("    rm -f \"$STAGE/suspended\"", &format!("{strike}    rm -f \"$STAGE/suspended\""));
        stage.write("bin/dmsetup", &dmsetup);
        let run = stage.run_by(&line, &text, &["--yes"]);
        is_whole(&stage, &run, true, signal);
    }
}

/// Neither the script nor its working directory or output may be on the pool.
#[test]
fn a_script_that_lies_on_the_pool_refuses() {
    let (stage, text) = staged(PLANS[0].1);
    let number = std::process::Command::new("stat")
        .args(["-L", "-c", "%Hd:%Ld"])
        .arg(stage.path("name"))
        .output()
        .unwrap();
    let number = String::from_utf8_lossy(&number.stdout).trim().to_owned();
    stage.write("sys/dev/block/253:0/holders/dm-9/dev", &format!("{number}\n"));
    let run = stage.run(&text, &["--yes"]);
    assert!(run.failed_saying("lie on the pool itself"), "{run:?}");
    assert!(!run.called("truncate") && !run.called("reload"), "{run:?}");
    stage.write("sys/dev/block/253:0/holders/dm-9/dev", "253:77\n");
    assert!(stage.run(&text, &["--yes"]).ok(), "another device on it is no reason");
    std::fs::remove_dir_all(stage.path("sys/dev/block/253:0")).unwrap();
    let (stage, text) = staged(PLANS[0].1);
    std::fs::remove_dir_all(stage.path("sys/dev/block/253:0")).unwrap();
    assert!(stage.run(&text, &["--yes"]).failed_saying("cannot be told"), "what lies on it is not known");
}

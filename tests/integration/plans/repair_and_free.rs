//! Plans to repair and to free: classification, refusals, and scripts that survive the failure of any tool.

use super::fake_repair_tools::{Fails, agreed, all, calls, content, fail_at, set, works};
use super::fake_tools::Stage;
use super::hosts::*;
use std::path::Path;
use thinspect::advice::Risk;
use thinspect::host::dm::status::{Discards, Mode};
use thinspect::host::log::{Kind, LogMessage, Message};
use thinspect::host::model::pool::{MinFree, MinFreeFrom, Pool, PoolOwner, StatusAnswer};
use thinspect::host::model::units::{Bytes, DataBlocks};
use thinspect::host::{DeviceMapper, Host};
use thinspect::plan::{Free, Number, Plan, Repair, absent_pool, free, free_selected, repair, script};
use thinspect::usage::selection::{Loss, Selection, Step as Removal, Trim};

const GIB: u64 = 1 << 30;

fn commands(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().flat_map(|s| &s.commands).map(String::as_str).collect()
}

fn marked() -> (Host, Pool) {
    let (mut host, mut pool) = published();
    (pool.mode, pool.needs_check) = (Some(Mode::ReadOnly), Some(true));
    host.pools = vec![pool.clone()];
    (host, pool)
}

fn of(host: &Host, pool: &Pool) -> Plan {
    repair(host, pool, &Repair::default())
}

#[test]
fn a_marked_pool_on_loop_files() {
    let (host, pool) = marked();
    let plan = of(&host, &pool);
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    let all = commands(&plan).join("\n");
    let order = ["systemctl stop", "losetup -d", "cp -a", "thin_check", "ln ", "mv -f", "systemctl start"];
    let places: Vec<usize> = order.iter().map(|c| all.find(c).unwrap_or(usize::MAX)).collect();
    assert!(places.is_sorted() && places.last() < Some(&usize::MAX), "{places:?}\n{all}");
    assert!(plan.steps.iter().all(|s| s.risk != Risk::Destroys));
    golden("repair-loop", &plan);
}

#[test]
fn a_marked_pool_of_lvm() {
    let (mut host, mut pool) = direct_lvm();
    (pool.mode, pool.needs_check) = (Some(Mode::ReadOnly), Some(true));
    host.pools = vec![pool.clone()];
    let plan = of(&host, &pool);
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    assert!(commands(&plan).contains(&"lvconvert --repair docker/thinpool"));
    golden("repair-lvm", &plan);
    let elsewhere = repair(&host, &pool, &Repair { copies: Some("/mnt/it's $(x)".into()) });
    assert!(commands(&elsewhere).iter().any(|c| c.contains("'/mnt/it'\\''s $(x)'")));
    Stage::new().parses(&script(&elsewhere));
}

#[test]
fn a_full_pool_grows_and_nothing_stops() {
    let (host, mut pool) = published();
    pool.metadata.used = pool.metadata.total;
    pool.mode = Some(Mode::ReadOnly);
    let plan = of(&host, &pool);
    assert!(plan.possible && says(&plan.warnings, "not damaged"), "{:?}", plan.warnings);
    assert!(
        plan.steps.iter().all(|s| s.risk <= Risk::Changes) && script(&plan).contains("exchange_table same")
    );
    let (host, mut pool) = published();
    pool.data.used = pool.data.total;
    pool.mode = Some(Mode::OutOfDataSpace);
    let plan = of(&host, &pool);
    assert!(
        plan.possible && commands(&plan).iter().any(|c| c.starts_with("truncate")),
        "{:?}",
        plan.blocked_by
    );
    assert!(commands(&plan).iter().any(|c| c.starts_with("thinspect plan free")));
}

#[test]
fn metadata_that_ran_full_and_broke_grows_before_it_is_used_again() {
    let (host, mut pool) = marked();
    pool.metadata.used = pool.metadata.total;
    let all = commands(&of(&host, &pool)).join("\n");
    assert!(all.contains("truncate -c -s '>2864709632'"), "{all}");
    let (host, mut pool) = direct_lvm();
    (pool.mode, pool.needs_check) = (Some(Mode::ReadOnly), Some(true));
    pool.metadata.used = pool.metadata.total;
    let all = commands(&of(&host, &pool)).join("\n");
    assert!(all.find("lvconvert --repair") < all.find("lvextend --poolmetadatasize"), "{all}");
}

#[test]
fn what_is_unsafe_is_refused_with_its_reason() {
    let known = |message, text: &str| LogMessage {
        kind: Kind::Known { message },
        text: text.into(),
        uptime_secs: None,
        age_secs: None,
    };
    let case = |change: &dyn Fn(&mut Host, &mut Pool)| {
        let (mut host, mut pool) = marked();
        change(&mut host, &mut pool);
        of(&host, &pool)
    };
    let plans = [
        (
            "needed for a copy",
            case(&|_, p| {
                for backing in [&mut p.metadata_backing, &mut p.data_backing] {
                    backing.filesystem.as_mut().unwrap().free = Some(Bytes(4 << 20));
                }
            }),
        ),
        ("deleted or replaced", case(&|_, p| p.metadata_backing.file.as_mut().unwrap().deleted = true)),
        ("did not answer", case(&|_, p| p.answer = StatusAnswer::Silent(1000))),
        ("suspended", case(&|_, p| p.suspended = Some(true))),
        ("Stratis", case(&|_, p| p.owner = PoolOwner::Stratis)),
        ("not known", case(&|_, p| p.metadata_backing.file = None)),
        ("not known", case(&|_, p| p.name = None)),
        (
            "fails",
            case(&|h, p| {
                p.data_backing.below = vec!["/dev/sdb1".into()];
                h.log_messages =
                    vec![known(Message::BlockIoError, "I/O error, dev sdb, sector 5 op 0x1:(WRITE)")];
            }),
        ),
        (
            "fails",
            case(&|h, _| h.log_messages = vec![known(Message::SnapshotInvalid, "x: 0 5 snapshot Invalid")]),
        ),
    ];
    for (word, plan) in &plans {
        assert!(!plan.possible && says(&plan.blocked_by, word), "{word}: {:?}", plan.blocked_by);
        assert!(!commands(plan).iter().any(|c| c.contains("thin_repair") || c.contains("mv -f")), "{word}");
        assert!(Stage::new().run(&script(plan), &["--yes"]).failed_saying("stopped"), "{word}");
    }
    for (name, line) in [
        (Message::BlockIoError, "I/O error, dev loop1, sector 9"),
        (Message::BlockIoError, "I/O error, dev sdz"),
    ] {
        let plan = case(&|h, p| {
            p.data_backing.below = vec!["/dev/sdb".into()];
            h.log_messages = vec![known(name, line)];
        });
        assert!(plan.possible, "{line}: {:?}", plan.blocked_by);
    }
}

#[test]
fn a_deleted_file_gets_its_name_back_while_a_shell_holds_its_device() {
    let (host, mut pool) = marked();
    for backing in [&mut pool.data_backing, &mut pool.metadata_backing] {
        backing.file.as_mut().unwrap().deleted = true;
    }
    let plan = of(&host, &pool);
    let all = commands(&plan);
    let place =
        |word: &str| all.iter().position(|c| c.contains(word)).unwrap_or_else(|| panic!("{word}: {all:?}"));
    let order = [
        "exec 9</dev/loop",
        "docker stop",
        "systemctl stop",
        "/metadata.saved && mv",
        "exec 9<&-",
        "systemctl start",
    ];
    assert!(order.map(place).is_sorted(), "{all:?}");
    assert!(plan.steps.iter().all(|s| s.risk != Risk::Destroys));
    pool.owner = PoolOwner::Unknown;
    let all = commands(&of(&host, &pool)).join("\n");
    assert!(all.contains(".saved") && !all.contains("stop"), "{all}");
}

#[test]
fn a_pool_that_works_needs_nothing() {
    let (host, pool) = published();
    let plan = of(&host, &pool);
    assert!(plan.possible && plan.steps.is_empty() && says(&plan.warnings, "nothing to repair"));
}

#[test]
fn a_pool_that_the_kernel_refuses_is_known_from_dockers_files() {
    let (mut host, _) = published();
    host.pools.clear();
    host.kernel.device_mapper = DeviceMapper::Answered;
    assert_eq!(absent_pool(&host), None, "no devices, no driver");
    host.docker_roots[0].prefix = Some("docker-8:1-131188".into());
    host.docker_roots[0].devices = vec![record("", false)];
    let pool = absent_pool(&host).unwrap();
    assert_eq!(pool.name.as_deref(), Some("docker-8:1-131188-pool"));
    let plan = of(&host, &pool);
    assert!(plan.possible && says(&plan.warnings, "start Docker first"), "{:?}", plan.blocked_by);
    assert!(commands(&plan).join(" ").contains("/var/lib/docker/devicemapper/devicemapper/metadata"));
    host.docker_roots[0].configured_pool = Some("docker-thinpool".into());
    let plan = of(&host, &absent_pool(&host).unwrap());
    assert!(commands(&plan).contains(&"lvchange -y -ay docker/thinpool_tmeta"));
    host.pools = vec![Pool { name: Some("docker-thinpool".into()), ..Pool::default() }];
    assert_eq!(absent_pool(&host), None, "it is there");
}

fn record(hash: &str, deleted: bool) -> thinspect::host::docker::DeviceRecord {
    thinspect::host::docker::DeviceRecord {
        hash: hash.into(),
        device_id: 1,
        size: Bytes(10 * GIB),
        transaction_id: 1,
        deleted,
    }
}

#[test]
fn the_script_takes_the_mark_off_and_keeps_the_old_metadata() {
    for (word, repairs) in [("GOOD", false), ("DAMAGED", true)] {
        let stage = Stage::new();
        let (host, pool, path) = set(&stage, word, "it's $(x) `x` metadata");
        let text = script(&of(&host, &pool));
        let refused = stage.run(&text, &[]);
        assert!(refused.failed_saying("no terminal") && stage.exists("docker"), "{refused:?}");
        let run = agreed(&stage, &text);
        assert!(run.ok() && works(&stage), "{run:?}");
        assert_eq!(run.called("thin_repair"), repairs, "{run:?}");
        assert!(run.called("docker stop c0ffee") && !run.called("x "), "{run:?}");
        let now = std::fs::read(&path).unwrap();
        assert_eq!((now[4], now.len()), (0, content(word).len()), "the size stays, the mark goes");
        assert!(all(&path).contains(&content(word).into_bytes()), "the old metadata is kept");
        let again = agreed(&stage, &text);
        assert!(again.ok() && again.said.contains("nothing is left to repair"), "{again:?}");
    }
}

/// After any failure the original metadata is intact, under its name or as a kept copy; a second run repairs it.
///
/// A pool that is only marked for a check takes the same path without the repair.
fn survives(word: &str, how: Fails) {
    let stage = Stage::new();
    let (host, pool, _) = set(&stage, word, "metadata");
    let text = script(&of(&host, &pool));
    assert!(agreed(&stage, &text).ok());
    let calls = calls(&stage);
    assert!(calls > 15, "{calls}");
    for call in 1..=calls {
        let stage = Stage::new();
        let (host, pool, path) = set(&stage, word, "metadata");
        fail_at(&stage, call, how);
        let run = agreed(&stage, &script(&of(&host, &pool)));
        let before = content(word).into_bytes();
        assert!(
            all(&path).contains(&before),
            "{word} {how:?} {call}: the metadata of before is lost\n{run:?}"
        );
        let now = std::fs::read(&path).unwrap();
        assert!(now == before || sound(&now), "{word} {how:?} {call}: neither old nor sound\n{run:?}");
        fail_at(&stage, 0, how);
        let again = agreed(&stage, &text_for(&path, &stage));
        assert!(again.ok() && works(&stage), "{word} {how:?} {call}: {run:?}\n{again:?}");
        assert!(all(&path).contains(&before), "{word} {how:?} {call}: lost at last");
    }
}

fn text_for(path: &Path, stage: &Stage) -> String {
    let text = stage.read("as-made");
    assert!(text.contains(&*path.to_string_lossy()));
    text
}

fn sound(bytes: &[u8]) -> bool {
    bytes.len() > 1000 && bytes[4] == 0 && !String::from_utf8_lossy(bytes).contains("DAMAGED")
}

#[test]
fn no_failure_costs_the_metadata() {
    survives("DAMAGED", Fails::Honestly);
}

#[test]
fn no_crash_costs_the_metadata() {
    survives("DAMAGED", Fails::Dead);
}

#[test]
fn the_script_stops_before_it_changes_anything_where_it_must() {
    type Change = fn(&Stage);
    let cases: [(&str, Change); 9] = [
        ("does not show the whole file", |s| s.write("sys/block/loop1/loop/offset", "4096\n")),
        ("that cannot be told", |s| s.tool("losetup", "exit 1")),
        ("kubelet runs", |s| s.tool("pgrep", "case $2 in dockerd | kubelet) echo 4242 ;; *) exit 1 ;; esac")),
        ("part of a swarm", |s| s.write("info", &s.read("info").replace("inactive", "active"))),
        // A failed query means unknown.
        ("kubelet runs", |s| s.tool("pgrep", "exit 2")),
        ("thin_repair could not", |s| s.refuse("hopeless")),
        ("in use", |s| {
            s.refuse("leftover");
            s.refuse("busy");
        }),
        ("there is no file", |s| std::fs::remove_file(s.path("metadata")).unwrap()),
        ("does not show the whole file", |s| s.tool("losetup", "echo 4096")),
    ];
    for (word, change) in cases {
        let stage = Stage::new();
        let (host, pool, path) = set(&stage, "DAMAGED", "metadata");
        change(&stage);
        let run = agreed(&stage, &script(&of(&host, &pool)));
        assert!(run.failed_saying(word), "{word}: {run:?}");
        assert!(!path.exists() || std::fs::read(&path).unwrap() == content("DAMAGED").into_bytes(), "{word}");
    }
}

#[test]
fn a_copy_of_another_day_is_not_used() {
    let stage = Stage::new();
    let (host, pool, path) = set(&stage, "GOOD", "metadata");
    let mut old = content("GOOD").into_bytes();
    old[4] = 0;
    old.extend_from_slice(b"of another day");
    std::fs::write(stage.path("metadata.repaired"), &old).unwrap();
    let run = agreed(&stage, &script(&of(&host, &pool)));
    assert!(run.ok() && works(&stage), "{run:?}");
    assert_ne!(std::fs::read(&path).unwrap(), old);
}

#[test]
fn the_published_case_by_freeing() {
    let (host, pool) = published();
    let plan = free(&host, &pool, &Free::default());
    let number = |name| plan.numbers.named(name);
    assert_eq!(number("short_blocks"), Some(1854));
    assert_eq!(number("short_bytes"), Some(1854 << 16));
    assert_eq!(number("over_80_percent_blocks"), Some(1_476_414 - 1_310_720));
    assert_eq!(number("wanted_blocks"), Some(165_694));
    let risks: Vec<Risk> = plan.steps.iter().map(|s| s.risk).filter(|r| *r != Risk::Reads).collect();
    assert!(plan.possible && risks.is_sorted() && risks.first() == Some(&Risk::Changes), "{risks:?}");
    assert!(plan.steps.iter().filter(|s| s.risk == Risk::Destroys).all(|s| s.why.plain().contains("Lost: ")));
    golden("free-published", &plan);
    let named = free(&host, &pool, &Free { need: Some(Bytes(GIB)) });
    assert_eq!(named.numbers.get(Number::WantedBlocks), Some(16_384));
}

#[test]
fn what_frees_nothing_is_not_advised() {
    let (mut host, mut pool) = published();
    host.docker_roots[0].running = Some(false);
    host.docker_roots[0].version = Some("1.12.6".into());
    host.docker_roots[0].devices = vec![record("c0ffee", true), record("beef", false)];
    pool.discards = Some(Discards::Ignored);
    let plan = free(&host, &pool, &Free::default());
    assert_eq!(plan.steps[0].commands, ["systemctl start docker"]);
    assert!(
        !commands(&plan).iter().any(|c| c.contains("fstrim") || c.contains("prune")),
        "{:?}",
        commands(&plan)
    );
    assert!(commands(&plan).contains(&"grep -l c0ffee /proc/[0-9]*/mountinfo"));
    assert!(says(&plan.warnings, "does not become free on the filesystem"), "{:?}", plan.warnings);
    let change: [fn(&mut Pool); 3] = [
        |p| p.needs_check = Some(true),
        |p| p.mode = Some(Mode::Failed),
        |p| {
            p.mode = Some(Mode::ReadOnly);
            p.metadata.used = p.metadata.total;
        },
    ];
    for change in change {
        let (host, mut pool) = published();
        change(&mut pool);
        let plan = free(&host, &pool, &Free::default());
        assert!(!plan.possible && plan.steps.iter().all(|s| s.risk == Risk::Reads), "{:?}", plan.steps);
    }
}

#[test]
fn others_are_freed_by_their_owners() {
    for (owner, word) in [
        (PoolOwner::Containerd { root: None }, "crictl rmi --prune"),
        (PoolOwner::ContainersStorage, "podman image prune --all"),
        (PoolOwner::Lvm, "lvremove docker/VOLUME"),
    ] {
        let (host, mut pool) = direct_lvm();
        pool.owner = owner.clone();
        pool.min_free = MinFree { percent: None, from: MinFreeFrom::NotDocker };
        let plan = free(&host, &pool, &Free::default());
        assert!(commands(&plan).contains(&word), "{owner:?}: {:?}", commands(&plan));
        assert!(plan.unscriptable().is_some() && plan.steps[0].risk == Risk::Reads);
    }
    let (host, pool) = error_line(161_986, 163_840);
    let plan = free(&host, &pool, &Free::default());
    assert!(plan.possible && plan.unscriptable().is_some());
    assert_eq!(plan.numbers.get(Number::ShortBlocks), Some(1854));
}

/// A pool of 1000 blocks with 900 in use; removing containers frees 60, images 200.
pub(super) fn pruning() -> (Stage, String) {
    let stage = Stage::new();
    stage.write("used", "900");
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
    (stage, text)
}

#[test]
fn yes_does_not_agree_to_what_destroys() {
    let (stage, text) = pruning();
    let run = stage.run(&text, &["--yes"]);
    assert!(run.failed_saying("--yes-destroy goes on"), "{run:?}");
    assert!(!run.called("docker container prune") && stage.read("used") == "900", "{run:?}");
    let run = stage.run(&text, &["--yes-destroy"]);
    assert!(run.failed_saying("--yes goes on"), "each is asked for by itself: {run:?}");
}

#[test]
fn the_script_removes_no_more_than_is_needed() {
    let (stage, text) = pruning();
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(run.ok() && stage.read("used").trim() == "840", "{run:?}");
    assert!(run.called("docker container prune") && !run.called("docker image prune"), "{run:?}");
    let again = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(again.ok() && !again.called("docker container prune"), "{again:?}");
}

/// A selection that frees 100 blocks where 90 are needed.
fn selection(steps: Vec<Removal>) -> Selection {
    Selection {
        need: DataBlocks(90),
        block: Bytes(1 << 16),
        trims: Vec::new(),
        steps,
        gain: DataBlocks(100),
        most: Some(DataBlocks(100)),
        reachable: Some(true),
        blocked_by: Vec::new(),
        left_alone: Vec::new(),
    }
}

fn removal(loss: Loss, id: Option<&str>, names: &[&str], gain: u64) -> Removal {
    Removal {
        loss,
        id: id.map(str::to_owned),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        does: "remove it".to_owned(),
        why: "Lost: it.".to_owned(),
        risk: Risk::Destroys,
        commands: vec!["docker".to_owned()],
        gain: DataBlocks(gain),
        sum: DataBlocks(gain),
    }
}

/// Other kinds of selected steps: the build cache is removed by Docker's own command, and trimming comes before any
/// removal.
#[test]
fn the_build_cache_and_what_trimming_gives_back() {
    let (host, pool) = published();
    let selected = Selection {
        trims: vec![Trim { name: "web".into(), mount: "/a b".into(), most: DataBlocks(70) }],
        ..selection(vec![removal(Loss::BuildCache, None, &[], 100)])
    };
    let plan = free_selected(&host, &pool, &selected, &[]);
    assert_eq!(plan.steps[0].commands, ["fstrim -v '/a b'"]);
    assert!(plan.steps[0].why.plain().contains("web at most 70 blocks"), "{}", plan.steps[0].why.plain());
    assert_eq!(plan.steps[1].gain_blocks, Some(100));
    let script = script(&plan);
    assert!(script.contains("docker builder prune --all --force"), "{script}");
    let others = Pool { owner: PoolOwner::Containerd { root: None }, ..pool };
    let plan = free_selected(&host, &others, &selected, &[]);
    assert!(
        plan.possible
            && plan.unscriptable().is_some_and(|why| why.plain().contains("Docker's commands only"))
    );
    let failed = Pool { mode: Some(Mode::Failed), ..others };
    assert!(!free_selected(&host, &failed, &selected, &[]).possible);
}

/// The pool of [`pruning`], with selected steps: a container frees 60 blocks, an image 40 once its last tag is
/// removed.
fn selected() -> (Stage, String) {
    let (stage, _) = pruning();
    stage.tool(
        "docker",
        "case \"$*\" in\ninspect*StartedAt*) cat \"$STAGE/started\" ;;\ninspect*app:2) echo sha256:other ;;\ninspect*) echo sha256:id ;;\n\
         'rm c0ffee') echo $(( $(cat \"$STAGE/used\") - 60 )) > \"$STAGE/used\" ;;\n\
         'rmi app:1') echo $(( $(cat \"$STAGE/used\") - 40 )) > \"$STAGE/used\" ;;\nesac",
    );
    stage.write("started", "2026-08-22T09:59:59.5Z\n");
    let (host, mut pool) = published();
    (pool.data.used, pool.data.total) = (Some(DataBlocks(900)), Some(DataBlocks(1000)));
    let image = removal(Loss::UnusedImage, Some("sha256:id"), &["app:1", "app:2"], 40);
    let selected = selection(vec![removal(Loss::EndedContainer, Some("c0ffee"), &[], 60), image]);
    (stage, script(&free_selected(&host, &pool, &selected, &[])))
}

/// A tag that now belongs to another image is not removed.
#[test]
fn the_script_removes_what_was_selected() {
    let (stage, text) = selected();
    let run = stage.run(&text, &["--yes"]);
    assert!(run.failed_saying("--yes-destroy goes on") && stage.read("used") == "900", "{run:?}");
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(run.ok() && stage.read("used").trim() == "800", "{run:?}");
    assert!(run.called("docker rm c0ffee") && run.called("docker rmi app:1"), "{run:?}");
    assert!(!run.called("docker rmi app:2") && run.said.contains("app:2 does not stand for"), "{run:?}");
    // A container that ran after the plan was made has new data, so it is not removed; nor is one whose state is
    // unknown.
    for started in ["2026-08-22T10:00:00.5Z\n", ""] {
        let (stage, text) = selected();
        stage.write("started", started);
        let run = stage.run(&text, &["--yes", "--yes-destroy"]);
        assert!(
            !run.called("docker rm c0ffee") && run.said.contains("ran since the plan was made"),
            "{run:?}"
        );
    }
    stage.write("used", "960");
    stage.tool("docker", "exit 1");
    let run = stage.run(&text, &["--yes", "--yes-destroy"]);
    assert!(run.failed_saying("Docker does not answer"), "{run:?}");
}

#[test]
fn names_from_outside_are_only_ever_words() {
    for name in
        ["a;reboot", "$(x)", "`x`", "it's \"q\"", "two  words", "a\nreboot\n", "*", "$'x'", "a\\b", "-f"]
    {
        let stage = Stage::new();
        let (host, mut pool, _) = set(&stage, "GOOD", "metadata");
        pool.name = Some(name.into());
        pool.lv = None;
        for plan in [of(&host, &pool), free(&host, &pool, &Free::default())] {
            let run = stage.run(&script(&plan), &["--yes"]);
            assert!(!run.called("reboot") && !run.called("x "), "{name:?}: {run:?}");
            for step in plan.steps.iter().filter(|s| s.risk == Risk::Reads) {
                stage.parses(&step.commands.join("\n"));
            }
        }
        assert_eq!(works(&stage), name != "-f", "{name:?}");
        let (host, mut pool) = direct_lvm();
        (pool.name, pool.needs_check) = (Some(name.into()), Some(true));
        pool.lv = Some(thinspect::host::lvm::LvName { vg: name.into(), lv: name.into() });
        let plan = of(&host, &pool);
        stage.parses(&script(&plan));
        for step in &plan.steps {
            stage.parses(&step.commands.join("\n"));
        }
    }
}

#[test]
fn every_number_has_a_released_name() {
    let known: Vec<&str> = Number::ALL.iter().map(|n| n.name()).collect();
    let (host, pool) = marked();
    for plan in [of(&host, &pool), free(&host, &pool, &Free::default())] {
        for (name, _) in plan.numbers.iter() {
            assert!(known.contains(&name), "{name} is not in the catalogue");
        }
        let schema = schemars::schema_for!(Plan);
        let json = serde_json::to_value(&plan).unwrap();
        assert!(jsonschema::validator_for(schema.as_value()).unwrap().is_valid(&json), "{json:#}");
    }
}

/// A process called docker counts only if it is this daemon: a client, a daemon in its own container, or a daemon
/// with another data root does not prevent stopping.
#[test]
fn only_this_daemon_counts_as_running() {
    let cases = [
        ("dockerd", "dockerd\0-H\0fd://\0", true),
        ("docker", "docker\0daemon\0", true),
        ("docker", "docker\0-d\0", true),
        ("docker", "docker\0exec\0-it\0web\0sh\0", false),
        ("docker", "docker\0events\0", false),
        ("dockerd", "dockerd\0--data-root=/elsewhere\0", false),
        ("dockerd", "dockerd\0-g\0/elsewhere\0", false),
    ];
    for (name, words, counts) in cases {
        let stage = Stage::new();
        let (host, pool, _) = set(&stage, "GOOD", "metadata");
        stage.daemon(words);
        stage.tool("pgrep", &format!("[ \"$2\" = {name} ] && [ -e \"$STAGE/docker\" ] && echo 4242"));
        let run = agreed(&stage, &script(&of(&host, &pool)));
        assert_eq!(run.called("systemctl stop docker"), counts, "{words:?}: {run:?}");
    }
}

/// An installed systemctl does not prove that systemd is running.
#[test]
fn without_systemd_services_are_stopped_and_started_all_the_same() {
    let stage = Stage::new();
    let (host, pool, _) = set(&stage, "GOOD", "metadata");
    let systemctl = stage.read("bin/systemctl");
    stage.write("bin/service", &systemctl.replace("case \"$*\"", "case \"$2 $1\""));
    stage.sh("chmod 755 bin/service; rm -r run/systemd");
    let text = script(&of(&host, &pool));
    let without = agreed(&stage, &text);
    assert!(without.failed_saying("no service of this host runs Docker"), "{without:?}");
    assert!(!without.called("docker stop") && !without.called("service"), "{without:?}");
    // The name in old packages of Debian and Ubuntu.
    stage.write("etc/init.d/docker.io", "");
    let service = stage.read("bin/service");
    stage.write(
        "bin/service",
        &service.replace("stop docker\"", "stop docker.io\"").replace("start docker\"", "start docker.io\""),
    );
    let run = agreed(&stage, &text);
    assert!(run.ok() && works(&stage), "{run:?}");
    assert!(run.called("service docker.io stop") && run.called("service docker.io start"), "{run:?}");
    assert!(!run.called("systemctl"), "{run:?}");
}

/// If an upstart job or init script did not start the daemon, it is not used to stop it.
#[test]
fn a_service_that_does_not_run_it_is_not_stopped_for_it() {
    for service in ["echo docker stop/waiting", "echo unused; exit 3"] {
        let stage = Stage::new();
        let (host, pool, _) = set(&stage, "GOOD", "metadata");
        stage.tool("service", service);
        stage.write("etc/init/docker.conf", "");
        stage.sh("rm -r run/systemd");
        let run = agreed(&stage, &script(&of(&host, &pool)));
        assert!(run.failed_saying("no service of this host runs Docker"), "{service}: {run:?}");
        assert!(run.called("service docker status") && !run.called("service docker stop"), "{run:?}");
        assert!(!run.called("docker stop") && stage.exists("docker"), "{run:?}");
    }
}

/// A daemon started in a shell over ssh belongs to sshd's service, which must not be stopped.
#[test]
fn a_shells_service_is_not_stopped_for_a_daemon_that_was_started_in_it() {
    for (group, stopped) in [
        ("0::/system.slice/sshd.service\n", None),
        ("0::/user.slice/user-0.slice/session-1.scope\n", None),
        ("0::/system.slice/own-engine.service\n", Some("own-engine")),
        ("0::/system.slice/snap.docker.dockerd.service\n", Some("snap.docker.dockerd")),
    ] {
        let stage = Stage::new();
        let (host, pool, _) = set(&stage, "GOOD", "metadata");
        stage.write("proc/4242/cgroup", group);
        let name = stopped.unwrap_or("sshd");
        let systemctl = stage.read("bin/systemctl").replace("docker.service\"", &format!("{name}.service\""));
        let main = "case \"$*\" in 'show -p MainPID own-engine.service') echo MainPID=4242 ;; show*MainPID*) echo MainPID=17 ;; esac";
        stage.write("bin/systemctl", &format!("{systemctl}{main}\n"));
        let run = agreed(&stage, &script(&of(&host, &pool)));
        match stopped {
            None => {
                assert!(run.failed_saying("no service of this host runs Docker"), "{group}: {run:?}");
                assert!(!run.called("systemctl stop") && !run.called("docker stop"), "{group}: {run:?}");
            }
            Some(name) => {
                assert!(run.ok() && works(&stage), "{group}: {run:?}");
                assert!(run.called(&format!("systemctl stop {name}.service")), "{group}: {run:?}");
                assert!(run.called(&format!("systemctl start {name}.service")), "{group}: {run:?}");
            }
        }
    }
}

//! The plan to move to overlay2: counts, places for archives, refusals, and its script.
//!
//! `UPDATE=1 cargo test --test integration plans` rewrites the plans and scripts under `tests/plans`.

use super::fake_docker::{filesystem, ready, to_overlay2};
use super::fake_tools::Stage;
use super::hosts::*;
use std::collections::BTreeMap;
use thinspect::advice::Risk;
use thinspect::host::Host;
use thinspect::host::dm::status::Mode;
use thinspect::host::docker::{FileDigest, Hidden};
use thinspect::host::model::backing::Filesystem;
use thinspect::host::model::pool::{Pool, PoolOwner};
use thinspect::host::model::units::{Bytes, DataBlocks};
use thinspect::host::owners::{Container, Image, Layer, Owners, State};
use thinspect::plan::{Number, Outcome, Overlay2, Plan, overlay2, script};
use thinspect::report::{TextStyle, plan_json, plan_schema, plan_text};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn hex(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn layer(chain: char, device: u32, content: u64) -> Layer {
    let listing = Some(Bytes(content / 50));
    Layer { chain: hex(chain), device: Some(device), content: Some(Bytes(content)), listing }
}

fn image(id: char, tags: &[&str], devices: &[u32]) -> Image {
    Image {
        id: format!("sha256:{}", hex(id)),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        devices: devices.to_vec(),
        whole: true,
        ..Image::default()
    }
}

fn container(id: char, name: &str, image: usize, state: State, device: u32) -> Container {
    Container {
        id: hex(id),
        name: Some(name.into()),
        image: Some(image),
        state,
        devices: vec![device, device + 1],
        below: vec![2, 1],
        networks: vec!["front".into()],
        ..Container::default()
    }
}

/// Two images that share a layer of 400 MiB, an untagged one, and a container in each relevant state.
fn owners() -> Owners {
    let mut tagged = image('5', &["web:1", "registry/web:stable"], &[2, 1]);
    tagged.digests = vec![format!("web@sha256:{}", hex('9'))];
    let mut tmp = container('d', "tmp", 0, State::Running, 16);
    tmp.auto_remove = true;
    Owners {
        images: vec![tagged, image('6', &["app:1"], &[3, 1]), image('7', &[], &[1])],
        layers: vec![layer('a', 1, 400 * MIB), layer('b', 2, 100 * MIB), layer('c', 3, 50 * MIB)],
        containers: vec![
            container('a', "it's $(web)", 0, State::Running, 10),
            container('b', "old", 0, State::Exited, 12),
            container('c', "new", 1, State::Created, 14),
            tmp,
        ],
        ..Owners::default()
    }
}

fn options() -> Overlay2 {
    let written: BTreeMap<u32, Bytes> =
        [(10, Bytes(3 * MIB)), (12, Bytes(20 * MIB)), (14, Bytes(MIB)), (16, Bytes(5 * MIB))].into();
    Overlay2 { owners: owners(), written: Some(written), ..Overlay2::default() }
}

#[test]
fn everything_is_counted_once_and_has_a_fate() {
    let (host, pool) = ready();
    let plan = overlay2(&host, &pool, &options());
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    let number = |name: &str| plan.numbers.named(name).unwrap();
    assert_eq!((number("image_count"), number("layer_count"), number("container_count")), (3, 3, 4));
    assert_eq!(number("content_bytes"), 550 * MIB, "the shared layer once");
    // Data of `tmp` vanishes with it; a container that never started has written nothing.
    assert_eq!(number("changes_bytes"), 23 * MIB);
    let archive = number("archive_bytes");
    assert!(archive > 573 * MIB && archive < 590 * MIB, "{archive}");
    assert_eq!(archive, number("temporary_bytes"));
    let fates: Vec<(&str, Outcome)> = plan.items.iter().map(|i| (i.name.as_str(), i.fate)).collect();
    let fate = |name: &str| fates.iter().find(|(n, _)| n.starts_with(name)).unwrap().1;
    assert_eq!((fate("web:1"), fate("sha256:7")), (Outcome::Saved, Outcome::Saved));
    assert_eq!((fate("it's"), fate("old"), fate("new")), (Outcome::Saved, Outcome::Saved, Outcome::Kept));
    assert_eq!((fate("tmp"), fate("data"), fate("front")), (Outcome::Rebuilt, Outcome::Kept, Outcome::Kept));
    assert!(says(&plan.warnings, "--rm: tmp"), "{:?}", plan.warnings);
    assert!(says(&plan.warnings, "build cache"), "{:?}", plan.warnings);
    golden("overlay2", &plan);
}

#[test]
fn what_destroys_comes_last_and_never_by_itself() {
    let (host, pool) = ready();
    let plan = overlay2(&host, &pool, &options());
    let (last, others) = plan.steps.split_last().unwrap();
    assert!(last.risk == Risk::Destroys && last.undo.is_empty() && last.guarded.as_ref().unwrap().separate);
    assert!(others.iter().all(|s| s.risk != Risk::Destroys && s.undo.iter().any(|u| u.contains("--back"))));
    let text = script(&plan);
    let removal = text.find("[ \"$yes_destroy\" = yes ] || {").unwrap();
    assert!(removal > text.find("step_10()").unwrap());
    let difference = plan.steps.iter().find(|s| !s.difference.is_empty()).unwrap();
    assert_eq!(
        difference.difference,
        [
            " {",
            "-  \"storage-driver\": \"devicemapper\",",
            "-  \"storage-opts\": [",
            "-    \"dm.basesize=20G\"",
            "-  ]",
            "+  \"storage-driver\": \"overlay2\"",
            " }",
        ]
    );
}

type Change = fn(&mut Host, &mut Pool, &mut Overlay2);

#[test]
fn what_would_fail_later_is_refused_in_one_sentence() {
    let cases: &[(&str, Change)] = &[
        ("3.10.0-327", |h, _, _| h.kernel.release = Some("3.10.0-327.el7.x86_64".into())),
        ("3.13.0", |h, _, _| h.kernel.release = Some("3.13.0-29-generic".into())),
        ("btrfs needs kernel 4.7", |h, _, _| {
            h.kernel.release = Some("4.4.0".into());
            h.docker_roots[0].filesystem.as_mut().unwrap().kind = Some("btrfs".into());
        }),
        ("overlay2 on zfs", |h, _, _| {
            h.docker_roots[0].filesystem.as_mut().unwrap().kind = Some("zfs".into())
        }),
        ("ftype=1", |h, _, _| h.docker_roots[0].typed_entries = Some(false)),
        ("swarm", |h, _, _| h.docker_roots[0].swarm = Some(true)),
        ("still holds 4 images", |h, _, _| h.docker_roots[0].overlay2_images = Some(4)),
        ("containerd image store", |h, _, _| {
            set_settings(&mut h.docker_roots[0], "{\"features\": {\"containerd-snapshotter\": true}}");
        }),
        ("/etc/sysconfig/docker-storage", |h, _, _| {
            h.docker_roots[0].options = vec![option("dm.fs", "xfs", "/etc/sysconfig/docker-storage")];
        }),
        ("named on the daemon's command line", |h, _, _| {
            h.docker_roots[0].driver_from = Some("the daemon's command line".into());
        }),
        ("Docker does not run", |h, _, _| h.docker_roots[0].running = Some(false)),
        ("not beyond 24", |h, _, _| h.docker_roots[0].version = Some("1.11.2".into())),
        ("the pool is full", |_, p, _| p.data.used = p.data.total),
        ("grow the metadata", |_, p, _| {
            (p.mode, p.metadata.used) = (Some(Mode::ReadOnly), p.metadata.total);
        }),
        ("needs_check", |_, p, _| p.needs_check = Some(true)),
        ("were not read", |_, _, o| {
            o.owners = Owners::default();
            o.owners.gaps = vec![thinspect::host::model::note::Note {
                about: "/var/lib/docker".into(),
                text: "layers refused: EACCES".into(),
                forces_unknown: false,
            }];
        }),
        ("which takes what is unpacked", |h, _, _| {
            h.docker_roots[0].filesystem = Some(filesystem("/", 1, GIB));
        }),
        ("the filesystem of /small/there has", |h, _, o| {
            h.filesystems.push(filesystem("/small", 3, 16 * MIB));
            o.archives = Some("/small/there".into());
        }),
        ("no filesystem has room", |h, _, _| {
            h.docker_roots[0].filesystem = Some(filesystem("/", 1, 1600 * MIB))
        }),
        ("containerd's devmapper", |_, p, _| p.owner = PoolOwner::Containerd { root: None }),
        ("podman", |_, p, _| p.owner = PoolOwner::ContainersStorage),
        ("logical volumes", |_, p, _| p.owner = PoolOwner::Lvm),
        ("on the host itself", |h, _, _| h.docker_roots.clear()),
    ];
    for (word, change) in cases {
        let (mut host, mut pool) = ready();
        let mut options = options();
        change(&mut host, &mut pool, &mut options);
        let plan = overlay2(&host, &pool, &options);
        assert!(!plan.possible && plan.blocked_by.len() == 1, "{word}: {:?}", plan.blocked_by);
        let (text, lower) = (plan.blocked_by[0].plain(), plan.blocked_by[0].plain().to_lowercase());
        assert!(text.contains(word) || lower.contains(word), "{word}: {text}");
        assert!(plan.steps.iter().all(|s| s.risk == Risk::Reads), "{word}");
        assert!(Stage::new().run(&script(&plan), &["--yes"]).failed_saying("stopped"), "{word}");
    }
}

#[test]
fn a_backported_kernel_is_tried_at_run_time() {
    let (mut host, pool) = ready();
    host.kernel.release = Some("3.10.0-1160.el7.x86_64".into());
    let plan = overlay2(&host, &pool, &options());
    assert!(plan.possible && says(&plan.warnings, "backported"), "{:?}", plan.warnings);
}

#[test]
fn archives_go_where_they_fit() {
    let (mut host, pool) = ready();
    // Enough for the unpacked data and Docker's own copy, but not for the archives.
    host.docker_roots[0].filesystem = Some(filesystem("/", 1, 1600 * MIB));
    host.filesystems.push(filesystem("/srv/more room", 3, 10 * GIB));
    host.filesystems.push(Filesystem { kind: Some("tmpfs".into()), ..filesystem("/run", 4, 90 * GIB) });
    let plan = overlay2(&host, &pool, &options());
    assert!(plan.possible, "{:?}", plan.blocked_by);
    assert!(says(&plan.warnings, "/srv/more room/thinspect-overlay2"), "{:?}", plan.warnings);
    assert_eq!(plan.numbers.get(Number::ArchiveFreeBytes), Some(10 * GIB));
    assert!(script(&plan).contains("\nstore='/srv/more room/thinspect-overlay2'\n"));
}

#[test]
fn a_pool_that_refuses_layers_is_exported_from() {
    let (host, mut pool) = ready();
    pool.data.used = Some(DataBlocks(1_638_400 - 161_986));
    let plan = overlay2(&host, &pool, &options());
    assert!(plan.possible, "{:?}", plan.blocked_by);
    let how = |name: &str| plan.items.iter().find(|i| i.name.starts_with(name)).unwrap().how.clone();
    assert!(how("old").contains("docker export") && how("new").contains("never started"));
    // Each export contains its image's layers again.
    assert!(plan.numbers.get(Number::ArchiveBytes) > Some(1573 * MIB), "{:?}", plan.numbers);
    assert!(plan.numbers.get(Number::UnpackedBytes) < Some(620 * MIB), "{:?}", plan.numbers);
}

#[test]
fn what_was_not_counted_is_unknown() {
    let (host, pool) = ready();
    let plan = overlay2(&host, &pool, &Overlay2 { written: None, ..options() });
    assert_eq!(plan.numbers.get(Number::ChangesBytes), None);
    assert!(plan.possible && says(&plan.warnings, "--metadata"), "{:?}", plan.warnings);
    let (mut host, pool) = ready();
    host.docker_roots[0].typed_entries = None;
    host.kernel.release = None;
    let plan = overlay2(&host, &pool, &options());
    assert!(
        plan.possible && says(&plan.warnings, "d_type") && says(&plan.warnings, "4.0"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_docker_beyond_the_driver_needs_an_older_engine() {
    let (mut host, pool) = ready();
    host.docker_roots[0].version = Some("26.1.3".into());
    host.docker_roots[0].running = Some(false);
    let without = overlay2(&host, &pool, &options());
    assert!(!without.possible && says(&without.blocked_by, "--old-engine"), "{:?}", without.blocked_by);
    assert!(without.steps[1].commands.iter().any(|c| c.contains("--old-engine /opt/docker-24/usr/bin")));
    golden("overlay2-beyond", &without);
    let with = overlay2(&host, &pool, &Overlay2 { old_engine: Some("/opt/old docker".into()), ..options() });
    assert!(with.possible && with.unscriptable().is_none(), "{:?}", with.blocked_by);
    assert!(with.steps[1].does.plain().contains("older engine"), "{:?}", with.steps[1]);
    let text = script(&with);
    assert!(text.contains("\nengine='/opt/old docker'\n") && text.contains("dm.basesize=20G"));
    golden("overlay2-old-engine", &with);
}

#[test]
fn the_script_stops_before_anything_when_docker_does_not_answer() {
    let (host, pool) = ready();
    let stage = Stage::new();
    stage.tool("docker", "exit 1");
    let text = script(&overlay2(&host, &pool, &options()));
    let text = text.replace("/var/lib/docker", &stage.path("docker").display().to_string());
    for arguments in [&["--yes"][..], &["--back", "--yes"]] {
        let run = stage.run(&text, arguments);
        assert!(run.failed_saying("stopped") && !stage.exists("docker"), "{run:?}");
        assert!(!run.called("systemctl"), "{run:?}");
    }
}

/// Notes of a completed move belong to the moved pool: a later pool in the same place starts without.
#[test]
fn notes_of_another_pools_move_do_not_count() {
    let stage = Stage::new();
    let owners = stage.docker();
    let text = to_overlay2(owners, BTreeMap::new());
    assert!(stage.run_here(&text, &["--yes"]).ok());
    let again = stage.run_here(&text, &["--yes"]);
    assert!(again.ok() && again.said.contains("step 9 is done"), "the same pool's notes do: {again:?}");
    stage.sh("cp -a root/devicemapper/metadata new; rm -r root/devicemapper/metadata; mv new root/devicemapper/metadata");
    for options in [&["--yes"][..], &["--yes", "--yes-destroy"], &["--yes", "--back"]] {
        let run = stage.run_here(&text, options);
        assert!(run.failed_saying("holds the notes of another pool's move"), "{options:?}: {run:?}");
        assert!(
            !run.called("systemctl st") && !run.called("rm -rf --one-file-system"),
            "{options:?}: {run:?}"
        );
    }
    let renamed = text.replace("\npool=pool\n", "\npool=other\n");
    stage.write("info", &stage.read("info").replace("Pool Name: pool", "Pool Name: other"));
    let run = stage.run_here(&renamed, &["--yes"]);
    assert!(run.failed_saying("another pool's move"), "{run:?}");
}

/// Images added after the plan was made need additional room, which is reported before anything stops.
#[test]
fn images_that_came_since_are_seen_before_the_downtime() {
    let stage = Stage::new();
    let owners = stage.docker();
    let text = to_overlay2(owners, BTreeMap::new());
    let noted = text.replace("\nstep_3\n", "\nexit 7\n");
    assert_eq!(stage.run_here(&noted, &["--yes"]).status, 7);
    stage.sh("docker commit $(docker ps -aq --no-trunc | head -n 1) pulled:1");
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.failed_saying("images came or went") && !run.called("docker stop"), "{run:?}");
}

/// A snap's client cannot write archives to the target; this is reported before anything stops.
#[test]
fn a_snaps_client_is_refused() {
    let stage = Stage::new();
    let owners = stage.docker();
    let text = to_overlay2(owners, BTreeMap::new());
    stage.sh(
        "mv bin/docker docker-itself; mkdir snap; cp docker-itself snap/snap; ln -s ../snap/snap bin/docker",
    );
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.failed_saying("is a snap"), "{run:?}");
    assert!(!run.called("docker stop") && !run.called("systemctl stop"), "{run:?}");
    stage.sh("rm bin/docker; cp docker-itself bin/docker");
    assert!(stage.run_here(&text, &["--yes"]).ok(), "another client works");
}

#[test]
fn secrets_in_the_settings_are_not_written_over() {
    let (mut host, pool) = ready();
    let file = "{\"proxies\": {\"x\": \"abc\"}, \"storage-driver\": \"devicemapper\"}";
    set_settings(&mut host.docker_roots[0], &file.replace("abc", "<redacted>"));
    let at = file.find("\"abc\"").unwrap() as u64;
    let hidden = vec![Hidden { offset: at, bytes: 5, shown: 12 }];
    host.docker_roots[0].daemon_json_digest = Some(FileDigest { hidden, ..FileDigest::of_plain(file) });
    let text = script(&overlay2(&host, &pool, &options()));
    assert!(text.contains("change_settings") && !text.contains("<redacted>"), "{text}");
    // The check comes before the first step, and so before the downtime.
    assert!(text.contains("is_done switched || settings_are_known\n"), "{text}");
    assert!(text.find("\npreconditions\n").unwrap() < text.find("\n# Step").unwrap(), "{text}");
    host.docker_roots[0].daemon_json_digest = None;
    let plan = overlay2(&host, &pool, &options());
    assert!(!plan.possible && says(&plan.blocked_by, "secret"), "{:?}", plan.blocked_by);
}

#[test]
fn as_text_and_as_json() {
    let (host, pool) = ready();
    let plan = overlay2(&host, &pool, &options());
    let known: Vec<&str> = Number::ALL.iter().map(|n| n.name()).collect();
    for (name, _) in plan.numbers.iter() {
        let unit = ["_blocks", "_bytes", "_percent", "_count"].iter().any(|unit| name.ends_with(unit));
        assert!(known.contains(&name) && unit, "{name}");
    }
    let validator = jsonschema::validator_for(plan_schema().as_value()).unwrap();
    for plan in [plan.clone(), Plan { items: Vec::new(), ..plan.clone() }] {
        let json = serde_json::to_value(plan_json(&plan)).unwrap();
        assert!(validator.is_valid(&json), "{json:#}");
    }
    let text = plan_text(&plan, &TextStyle { width: 300, ..TextStyle::default() });
    assert!(
        text.contains("saved   container (running: what it wrote, by docker commit): it's $(web) (at most")
    );
    assert!(text.contains("    diff    {\n           -  \"storage-driver\": \"devicemapper\","), "{text}");
}

/// A stage with a Docker, the script that moves it, and the ids of its containers.
fn moving() -> (Stage, String, Vec<String>) {
    let stage = Stage::new();
    let owners = stage.docker();
    let ids = owners.containers.iter().map(|c| c.id.clone()).collect();
    let text = to_overlay2(owners, BTreeMap::new());
    (stage, text, ids)
}

#[test]
fn the_script_moves_everything() {
    let (stage, text, ids) = moving();
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!(stage.read("driver").trim(), "overlay2");
    for id in &ids[..2] {
        assert_eq!(stage.file_in(id), "first\n");
    }
    assert_eq!(stage.sh("docker ps --format '{{.Names}}'").trim(), "runs");
    let again = stage.run_here(&text, &["--yes"]);
    assert!(again.ok() && !again.called("docker commit") && !again.called("systemctl stop"), "{again:?}");
    let last = stage.run_here(&text, &["--yes", "--yes-destroy"]);
    assert!(last.ok() && !stage.exists("root/devicemapper"), "{last:?}");
}

/// Runs the script until Docker is stopped for the switch, when everything is saved.
fn interrupted() -> (Stage, String, Vec<String>) {
    let (stage, text, ids) = moving();
    stage.refuse("stuck");
    let run = stage.run_here(&text, &["--yes"]);
    assert!(!run.ok() && run.said.contains("in step 6") && run.said.contains("run again"), "{run:?}");
    assert!(run.said.contains("--back"), "it says what state things are in: {run:?}");
    stage.allow("stuck");
    (stage, text, ids)
}

#[test]
fn what_a_container_wrote_between_two_runs_is_saved_anew() {
    let (stage, text, ids) = interrupted();
    let id = &ids[0];
    stage.sh(&format!("docker start {id}; echo later >root/devicemapper/mnt/{id}/file; docker stop {id}"));
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!((stage.file_in(id), stage.file_in(&ids[1])), ("later\n".into(), "first\n".into()));
    assert!(run.called(&format!("docker commit -m saved\\ by\\ thinspect {id}")), "{run:?}");
    assert!(
        !run.called(&format!("docker commit -m saved\\ by\\ thinspect {}", ids[1])),
        "the other is as it was: {run:?}"
    );
}

#[test]
fn what_was_copied_into_a_stopped_container_is_saved_anew() {
    let (stage, text, ids) = interrupted();
    // Docker logs neither start nor stop for this, and the list of changed files stays the same.
    stage.sh(&format!("echo FIRST >root/devicemapper/mnt/{}/file", ids[1]));
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!((stage.file_in(&ids[0]), stage.file_in(&ids[1])), ("first\n".into(), "FIRST\n".into()));
}

#[test]
fn what_did_not_change_is_not_saved_anew() {
    let (stage, text, ids) = interrupted();
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.ok() && !run.called("docker commit -m") && !run.called("docker save"), "{run:?}");
    assert_eq!((stage.file_in(&ids[0]), stage.file_in(&ids[1])), ("first\n".into(), "first\n".into()));
}

#[test]
fn a_container_that_cannot_be_read_is_not_taken_for_an_unchanged_one() {
    let (stage, text, _) = moving();
    let docker = stage.read("bin/docker").replace("diff) ", "diff) exit 1 ;;\nnever) ");
    stage.write("bin/docker", &docker);
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.failed_saying("cannot be read"), "{run:?}");
    assert!(!run.called("docker save"), "{run:?}");
}

/// Containers that ran before are running at the end; those that were stopped or started in between keep that state.
#[test]
fn what_ran_is_noted_anew_after_a_pause() {
    let (stage, text, ids) = interrupted();
    stage.sh(&format!("docker start {}; docker stop {}; docker start {}", ids[0], ids[0], ids[1]));
    assert!(stage.run_here(&text, &["--yes"]).ok());
    assert_eq!(stage.sh("docker ps --format '{{.Names}}'").trim(), "stopped");
}

#[test]
fn an_old_store_that_was_used_again_is_no_copy() {
    let (stage, text, _) = moving();
    assert!(stage.run_here(&text, &["--yes"]).ok());
    stage.write("root/devicemapper/metadata/of-a-new-container", "x");
    let run = stage.run_here(&text, &["--yes", "--yes-destroy"]);
    assert!(run.failed_saying("was used again") && stage.exists("root/devicemapper"), "{run:?}");
}

#[test]
fn files_that_were_not_compared_are_not_the_only_copy() {
    let (stage, text, ids) = moving();
    assert!(stage.run_here(&text, &["--yes"]).ok());
    stage.remove(&format!("root/thinspect-overlay2/records/{}/filled", ids[0]));
    let run = stage.run_here(&text, &["--yes", "--yes-destroy"]);
    assert!(run.failed_saying("not every container's files were compared"), "{run:?}");
    assert!(stage.exists("root/devicemapper"));
}

#[test]
fn going_back_starts_what_ran() {
    let (stage, text, ids) = interrupted();
    let run = stage.run_here(&text, &["--yes", "--back"]);
    assert!(run.ok(), "{run:?}");
    assert_eq!(stage.sh("docker ps --format '{{.Names}}'").trim(), "runs");
    assert!(stage.run_here(&text, &["--yes"]).ok());
    let run = stage.run_here(&text, &["--yes", "--back"]);
    assert!(run.ok() && stage.read("driver").trim() == "devicemapper", "{run:?}");
    assert_eq!(stage.file_in(&ids[0]), "first\n");
}

/// Reported before anything is stopped.
#[test]
fn what_would_fail_in_the_downtime_is_found_before_it() {
    type Change = fn(&Stage);
    let cases: [(&str, Change); 11] = [
        ("is not what it was", |s| s.write("etc/daemon.json", "{}")),
        ("--config-file", |s| s.daemon("dockerd\0--config-file=/opt/docker/daemon.json\0")),
        ("storage options from its unit", |s| s.daemon("dockerd\0--storage-opt\0dm.fs=xfs\0")),
        ("storage options from its unit", |s| {
            s.daemon("dockerd\0");
            s.tool(
                "systemctl",
                "case $1 in cat) echo 'ExecStart=/usr/bin/dockerd -H fd:// -s devicemapper' ;; esac",
            );
        }),
        ("docker-storage-setup", |s| {
            s.tool("systemctl", "case $1 in show) echo LoadState=loaded ;; is-enabled) echo enabled ;; esac");
        }),
        ("kubelet", |s| {
            s.tool("pgrep", "case $2 in dockerd | kubelet) echo 4242 ;; *) exit 1 ;; esac");
            s.tool("systemctl", "[ \"$1\" != is-active ]");
        }),
        ("part of a swarm", |s| swap(s, "Swarm: inactive", "Swarm: active")),
        ("data root is not", |s| swap(s, "Docker Root Dir: %s", "Docker Root Dir: /elsewhere%s")),
        ("uses another pool", |s| swap(s, "Pool Name: pool", "Pool Name: other")),
        ("Docker does not answer", |s| s.remove("up")),
        ("has no d_type", |s| {
            s.tool(
                "stat",
                "case \"$*\" in *%T*) echo xfs ;; *%m*) echo /mnt ;; *) exec /usr/bin/stat \"$@\" ;; esac",
            );
            s.tool("xfs_info", "echo 'naming   =version 2   bsize=4096   ascii-ci=0 ftype=0'");
        }),
    ];
    for (words, change) in cases {
        let (stage, text, _) = moving();
        change(&stage);
        let run = stage.run_here(&text, &["--yes"]);
        assert!(run.failed_saying(words), "{words}: {run:?}");
        for stops in ["docker stop", "systemctl stop", "systemctl restart"] {
            assert!(!run.called(stops), "{words}: {run:?}");
        }
    }
}

fn swap(stage: &Stage, from: &str, to: &str) {
    let docker = stage.read("bin/docker");
    assert!(docker.contains(from));
    stage.write("bin/docker", &docker.replace(from, to));
}

#[test]
fn a_data_root_behind_a_link_is_the_same_root() {
    let (stage, text, _) = moving();
    stage.sh("mv root real; ln -s real root");
    swap(
        &stage,
        "Docker Root Dir: %s\\n Swarm: inactive\\n' \"$root\"",
        "Docker Root Dir: %s\\n Swarm: inactive\\n' \"$STAGE/real\"",
    );
    let run = stage.run_here(&text, &["--yes"]);
    assert!(run.ok(), "{run:?}");
}

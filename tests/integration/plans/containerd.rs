//! The plan to move containerd's pool to LVM: what it refuses, the setting it changes, and the device database it
//! renames, as read back by the program's own parser.

use super::hosts::*;
use std::path::PathBuf;
use std::process::Command;
use thinspect::host::Host;
use thinspect::host::containerd::Containerd;
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::lvm::VolumeGroup;
use thinspect::host::model::pool::{Pool, PoolOwner};
use thinspect::host::model::units::Bytes;
use thinspect::host::owners::{Container, Image, Owners, RecordKeeper, State};
use thinspect::plan::{DirectLvm, Number, Overlay2, Plan, Where, direct_lvm, overlay2, script};
use thinspect::record::owners::{PoolDevice, answer_at};
use thinspect::record::{Query, format};

const GIB: u64 = 1 << 30;
const CONFIG: &str = "version = 2\n\n[grpc]\n  address = \"/run/own/containerd.sock\"\n\n[plugins]\n  # the pool\n  \
                      [plugins.\"io.containerd.snapshotter.v1.devmapper\"]\n    root_path = \"/var/lib/containerd/devmapper\"\n    \
                      pool_name = \"devpool\" # by make-pool.service\n    base_image_size = \"10GB\"\n";

/// The pool of containerd's documentation, as full as in the published case.
fn moving() -> (Host, Pool) {
    let (mut host, mut pool) = published();
    let folder = "/var/lib/containerd/devmapper";
    let start = CONFIG.find("devpool").unwrap();
    host.docker_roots.clear();
    host.containerd_configs = vec![Containerd {
        file: "/etc/containerd/config.toml".into(),
        text: CONFIG.into(),
        pool: "devpool".into(),
        at: start..start + 7,
        address: "/run/own/containerd.sock".into(),
        base_size: Some(Bytes(10 * GIB)),
    }];
    host.disks = vec![empty_disk("/dev/sdb", 200)];
    pool.name = Some("devpool".into());
    pool.owner = PoolOwner::Containerd { root: None };
    pool.owners.keeper = RecordKeeper::Containerd { database: format!("{folder}/devpool.db") };
    pool.device = Some(DeviceNumber { major: 253, minor: 0 });
    pool.min_free = thinspect::host::model::pool::MinFree::default();
    for (backing, name) in [(&mut pool.data_backing, "data"), (&mut pool.metadata_backing, "meta")] {
        backing.file.as_mut().unwrap().path = format!("{folder}/{name}");
    }
    host.pools = vec![pool.clone()];
    (host, pool)
}

fn to(device: &str) -> DirectLvm<'static> {
    DirectLvm { to: Some(Where::Device(device.into())), ..DirectLvm::default() }
}

fn refusal(plan: &Plan) -> String {
    assert!(!plan.possible && plan.blocked_by.len() == 1, "{:?}", plan.blocked_by);
    plan.blocked_by[0].plain()
}

#[test]
fn the_pool_of_the_documentation_moves_to_a_disk() {
    let (host, pool) = moving();
    let container = |id: &str, state| Container {
        id: id.into(),
        namespace: Some("k8s.io".into()),
        state,
        ..Container::default()
    };
    let owners = Owners {
        images: vec![Image {
            id: "sha256:12".into(),
            namespace: Some("k8s.io".into()),
            tags: vec!["docker.io/library/a:1".into()],
            ..Image::default()
        }],
        containers: vec![container("idle", State::Stopped), container("busy", State::Unknown)],
        ..Owners::default()
    };
    let plan = direct_lvm(&host, &pool, &DirectLvm { owners: Some(&owners), ..to("/dev/sdb") });
    assert!(
        plan.possible && plan.unscriptable().is_none(),
        "{:?} {:?}",
        plan.blocked_by,
        plan.unscriptable()
    );
    assert_eq!(plan.numbers.get(Number::NewPercent), None, "containerd keeps no floor");
    let warned = |words: &str| plan.warnings.iter().any(|w| w.plain().contains(words));
    assert!(warned("k8s.io/busy") && !warned("k8s.io/idle") && warned("ct-pool"), "{:?}", plan.warnings);
    let step = plan.steps.iter().find(|s| !s.difference.is_empty()).unwrap();
    let changed: Vec<&str> =
        step.difference.iter().filter(|l| !l.starts_with(' ')).map(String::as_str).collect();
    let line = "    pool_name = \"devpool\" # by make-pool.service";
    assert_eq!(changed, [format!("-{line}"), format!("+{}", line.replace("devpool", "ct-pool"))]);
    golden("direct-lvm-containerd", &plan);
}

/// The plan for a working containerd recorded in the lab.
#[test]
fn the_labs_pool_moves_as_it_was_recorded() {
    let file = "tests/hosts/lab-containerd-on-loop-files/recording.json";
    let bytes = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let recording = format::load(&bytes).unwrap();
    let host = thinspect::host::read(&recording);
    let pool = &host.pools[0];
    let owners = thinspect::host::owners::read(&recording, &host, pool);
    let plan = direct_lvm(&host, pool, &DirectLvm { owners: Some(&owners), ..to("/dev/vdd") });
    assert!(
        plan.possible && plan.unscriptable().is_none(),
        "{:?} {:?}",
        plan.blocked_by,
        plan.unscriptable()
    );
    assert!(plan.warnings.iter().any(|w| w.plain().contains(": work/alive;")), "{:?}", plan.warnings);
    golden("direct-lvm-containerd-lab", &plan);
}

#[test]
fn what_is_in_the_way_is_told_in_one_sentence() {
    type Change = fn(&mut Host, &mut Pool);
    let cases: [(&str, Change); 5] = [
        ("list of the pool's devices was not read", |_, p| p.owners = Owners::default()),
        ("needs_check", |_, p| p.needs_check = Some(true)),
        ("volume group named \"ct\" already", |h, _| {
            h.lvm.groups =
                vec![VolumeGroup { name: "ct".into(), size: None, free: None, extent: None, profile: None }]
        }),
        ("cannot be part of a file's name", |_, p| p.name = Some("a/b".into())),
        ("is not set up", |_, p| (p.device, p.mode) = (None, None)),
    ];
    for (words, change) in cases {
        let (mut host, mut pool) = moving();
        change(&mut host, &mut pool);
        let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
        assert!(refusal(&plan).contains(words), "{words}: {:?}", plan.blocked_by);
    }
    let (mut host, pool) = moving();
    host.lvm.groups = vec![VolumeGroup {
        name: "ubuntu-vg".into(),
        size: Some(Bytes(900 * GIB)),
        free: Some(Bytes(500 * GIB)),
        extent: Some(Bytes(4 << 20)),
        profile: None,
    }];
    let group = |name: &str| DirectLvm { to: Some(Where::Group(name.into())), ..DirectLvm::default() };
    assert!(refusal(&direct_lvm(&host, &pool, &group("ubuntu-vg"))).contains("as long as \"devpool\""));
    host.lvm.groups[0].name = "data".into();
    let plan = direct_lvm(&host, &pool, &group("data"));
    assert!(plan.possible && script(&plan).contains("new_pool=data-tp\n"), "{:?}", plan.blocked_by);
}

#[test]
fn settings_that_were_not_found_are_a_persons() {
    let (mut host, pool) = moving();
    host.containerd_configs.clear();
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(plan.possible && plan.unscriptable().unwrap().plain().contains("pool_name = \"devpool\""));
    let (mut host, pool) = moving();
    let conflicts = host.containerd_configs[0].clone();
    host.containerd_configs.push(conflicts);
    assert!(
        direct_lvm(&host, &pool, &to("/dev/sdb")).unscriptable().unwrap().plain().contains("single file")
    );
}

#[test]
fn other_programs_pools_are_named() {
    let (host, mut pool) = moving();
    let way = overlay2(&host, &pool, &Overlay2::default());
    assert!(refusal(&way).contains("containerd"), "{:?}", way.blocked_by);
    pool.owner = PoolOwner::ContainersStorage;
    for plan in [overlay2(&host, &pool, &Overlay2::default()), direct_lvm(&host, &pool, &to("/dev/sdb"))] {
        let why = refusal(&plan);
        assert!(why.contains("Podman") && why.contains("CRI-O"), "{why}");
    }
}

/// The device database written by containerd 1.6, renamed by the script's own function.
#[test]
fn devices_are_renamed_in_their_place() {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::temp_dir().join(format!("thinspect-rename-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let (old, new) = (folder.join("ctr-pool.db"), folder.join("ct-pool0.db"));
    std::fs::copy(project.join("tests/owners/containerd/ctr-pool.db"), &old).unwrap();
    let text = format!(
        "set -euo pipefail\nexport LC_ALL=C\nstop() {{ echo \"$*\" >&2; exit 1; }}\nrun() {{ \"$@\"; }}\n\
         pool=ctr-pool new_pool=ct-pool0 folder={}\n. {}\nrename_devices\nrename_devices\n",
        folder.display(),
        project.join("src/plan/direct_lvm/containerd.sh").display()
    );
    let out = Command::new("bash").args(["-c", &text]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let devices = |file: &PathBuf| -> Vec<PoolDevice> {
        let answer = answer_at(Query::ContainerdDevices, file);
        answer.said().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let renamed = |name: &str| name.replace("ctr-pool", "ct-pool0");
    let want: Vec<PoolDevice> = devices(&old)
        .into_iter()
        .map(|d| PoolDevice { name: renamed(&d.name), parent_name: renamed(&d.parent_name), ..d })
        .collect();
    assert!(want.len() > 1 && want.iter().all(|d| d.name.starts_with("ct-pool0-snap-")), "{want:?}");
    assert_eq!(devices(&new), want);
    let _ = std::fs::remove_dir_all(&folder);
}

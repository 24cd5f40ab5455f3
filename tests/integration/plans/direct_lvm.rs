//! The plan to move a pool to LVM: sizes, refusals, settings, and the shell code that relocates blocks, checked
//! against the real `thin_restore` and `thin_dump`.

use super::fake_tools::Stage;
use super::hosts::*;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use thinspect::host::Host;
use thinspect::host::block::disk::{Content, Disk};
use thinspect::host::dm::status::Mode;
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::lvm::VolumeGroup;
use thinspect::host::model::pool::{MinFree, MinFreeFrom, Pool, PoolOwner};
use thinspect::host::model::units::Bytes;
use thinspect::plan::{Counted, DirectLvm, Number, Plan, Where, direct_lvm, script};

const GIB: u64 = 1 << 30;

/// The published case on a host with a disk of 200 GiB.
fn moving() -> (Host, Pool) {
    let (mut host, mut pool) = published();
    pool.device = Some(DeviceNumber { major: 253, minor: 0 });
    host.kernel.dm_version = Some("4.47.0".into());
    host.docker_roots[0].version = Some("20.10.24+dfsg1".into());
    host.disks = vec![empty_disk("/dev/sdb", 200)];
    host.tools = vec![("lvcreate".into(), Some("/usr/sbin/lvcreate".into()))];
    host.pools = vec![pool.clone()];
    (host, pool)
}

fn to(device: &str) -> DirectLvm<'static> {
    DirectLvm { to: Some(Where::Device(device.into())), ..DirectLvm::default() }
}

fn number(plan: &Plan, name: &str) -> u64 {
    plan.numbers.named(name).unwrap()
}

/// The settings that a plan writes, from its commands.
fn written(plan: &Plan) -> String {
    let step = plan.steps.iter().find(|s| !s.difference.is_empty()).unwrap();
    let kept = step.difference.iter().filter(|l| !l.starts_with('-'));
    kept.map(|l| l.chars().skip(1).collect::<String>() + "\n").collect()
}

#[test]
fn the_published_case_moves_to_a_disk() {
    let (host, pool) = moving();
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    let (data, metadata) = (number(&plan, "new_total_bytes"), number(&plan, "metadata_new_total_bytes"));
    assert_eq!(number(&plan, "used_blocks"), 1_476_414);
    assert!(
        data % (4 << 20) == 0 && data / 100 * 120 + 2 * metadata <= 200 * GIB,
        "one step of growth stays free"
    );
    assert!(number(&plan, "used_blocks") * 100 <= number(&plan, "new_total_blocks") * 80);
    assert_eq!(number(&plan, "autoextend_threshold_percent"), 80);
    let known: Vec<&str> = Number::ALL.iter().map(|n| n.name()).collect();
    assert!(plan.numbers.iter().all(|(name, _)| known.contains(&name)), "{:?}", plan.numbers);
    golden("direct-lvm-published", &plan);
}

#[test]
fn a_group_that_is_there_is_used_as_it_is() {
    let (mut host, pool) = moving();
    host.lvm.groups = vec![VolumeGroup {
        name: "data-vg".into(),
        size: Some(Bytes(900 * GIB)),
        free: Some(Bytes(500 * GIB)),
        extent: Some(Bytes(32 << 20)),
        profile: None,
    }];
    let options = DirectLvm { to: Some(Where::Group("data-vg".into())), ..DirectLvm::default() };
    let plan = direct_lvm(&host, &pool, &options);
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    assert!(number(&plan, "new_total_bytes") < 200 * GIB, "no more than is needed");
    assert!(written(&plan).contains("dm.thinpooldev=/dev/mapper/data--vg-thinpool"));
    assert!(!script(&plan).contains("    make_group\n"), "it makes none");
    golden("direct-lvm-group", &plan);
}

#[test]
fn what_cannot_take_the_pool_is_named_in_one_sentence() {
    type Change = fn(&mut Disk);
    let cases: [(&str, Change); 10] = [
        ("sectors of 4096 bytes", |d| d.logical_block = Some(4096)),
        ("holds a filesystem of type ext4", |d| {
            d.content = Content::Holds("a filesystem of type ext4".into())
        }),
        ("--vg", |d| d.content = Content::Holds("a physical volume of LVM".into())),
        ("mounted on /data", |d| d.mounts = vec!["/data".into()]),
        ("swap", |d| d.swap = Some(true)),
        ("partitions (/dev/sdb1)", |d| d.partitions = Some(vec!["/dev/sdb1".into()])),
        ("part of another device (md0)", |d| d.holders = Some(vec!["md0".into()])),
        ("read-only", |d| d.read_only = Some(true)),
        ("not known to be empty", |d| d.content = Content::Refused("EACCES".into())),
        ("too small: it has", |d| d.size = Some(Bytes(100 * GIB))),
    ];
    for (words, change) in cases {
        let (mut host, pool) = moving();
        change(&mut host.disks[0]);
        let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
        assert!(!plan.possible && plan.steps.is_empty() && plan.blocked_by.len() == 1, "{words}");
        assert!(plan.blocked_by[0].plain().contains(words), "{words}: {:?}", plan.blocked_by);
        assert!(plan.unscriptable().is_some());
    }
}

#[test]
fn pools_that_cannot_move_are_told_why() {
    type Change = fn(&mut Host, &mut Pool);
    let cases: [(&str, Change); 11] = [
        ("part of a swarm", |h, _| h.docker_roots[0].swarm = Some(true)),
        ("needs_check", |_, p| p.needs_check = Some(true)),
        ("suspended", |_, p| p.suspended = Some(true)),
        ("containers/storage", |_, p| p.owner = PoolOwner::ContainersStorage),
        ("list of the pool's devices was not read", |_, p| p.owner = PoolOwner::Containerd { root: None }),
        ("not recognised", |_, p| p.owner = PoolOwner::Unknown),
        ("on LVM already", |_, p| p.uuid = Some("LVM-x".into())),
        ("deleted or replaced", |_, p| p.data_backing.file.as_mut().unwrap().deleted = true),
        ("plan overlay2", |h, _| h.docker_roots[0].version = Some("25.0.3".into())),
        ("dm.thinpooldev came with 1.4", |h, _| h.docker_roots[0].version = Some("1.3.3".into())),
        ("lvcreate is not installed", |h, _| h.tools[0].1 = None),
    ];
    for (words, change) in cases {
        let (mut host, mut pool) = moving();
        change(&mut host, &mut pool);
        let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
        assert!(!plan.possible && plan.blocked_by.len() == 1, "{words}: {:?}", plan.blocked_by);
        assert!(plan.blocked_by[0].plain().contains(words), "{words}: {:?}", plan.blocked_by);
    }
    let (host, mut pool) = error_line(161_986, 163_840);
    pool.owner = PoolOwner::Docker { root: None };
    assert!(direct_lvm(&host, &pool, &to("/dev/sdb")).blocked_by[0].plain().contains("pasted text"));
}

#[test]
fn a_full_pool_moves_and_so_does_one_that_is_not_set_up() {
    let (host, mut pool) = moving();
    pool.mode = Some(Mode::OutOfDataSpace);
    pool.data.used = pool.data.total;
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(
        plan.possible && plan.warnings[0].plain().contains("full"),
        "{:?} {:?}",
        plan.blocked_by,
        plan.warnings
    );
    let (mut host, up) = moving();
    let pool = Pool {
        name: up.name.clone(),
        owner: up.owner.clone(),
        data_backing: up.data_backing.clone(),
        metadata_backing: up.metadata_backing.clone(),
        ..Pool::default()
    };
    host.pools.clear();
    host.docker_roots[0].running = Some(false);
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(plan.blocked_by[0].plain().contains("how much of the pool is in use"), "{:?}", plan.blocked_by);
    let counted =
        Counted { used_blocks: 600_000, block_bytes: 65_536, metadata_used_blocks: 5000, needs_check: false };
    let plan = direct_lvm(&host, &pool, &DirectLvm { counted: Some(counted), ..to("/dev/sdb") });
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    assert!(plan.warnings.iter().any(|w| w.plain().contains("not running")), "{:?}", plan.warnings);
    let counted = Some(Counted { needs_check: true, ..counted });
    let plan = direct_lvm(&host, &pool, &DirectLvm { counted, ..to("/dev/sdb") });
    assert!(plan.blocked_by[0].plain().contains("plan repair"), "{:?}", plan.blocked_by);
}

#[test]
fn where_nothing_is_named_what_is_free_is() {
    let (mut host, pool) = moving();
    host.disks.push(empty_disk("/dev/sdc", 50));
    host.disks.push(Disk { mounts: vec!["/".into()], ..empty_disk("/dev/sda", 900) });
    let plan = direct_lvm(&host, &pool, &DirectLvm::default());
    assert!(
        plan.blocked_by[0].plain().contains("--device /dev/sdb")
            && !plan.blocked_by[0].plain().contains("/dev/sdc")
    );
    let plan = direct_lvm(&host, &pool, &to("/dev/sdx"));
    assert!(plan.blocked_by[0].plain().contains("free are: /dev/sdb, /dev/sdc"), "{:?}", plan.blocked_by);
    host.disks.truncate(0);
    let plan = direct_lvm(&host, &pool, &DirectLvm::default());
    assert!(plan.blocked_by[0].plain().contains("no disk is free"), "{:?}", plan.blocked_by);
}

#[test]
fn the_settings_are_merged() {
    let (mut host, mut pool) = moving();
    let old = "{\n  \"debug\": true,\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\"dm.loopdatasize=200G\", \
               \"dm.basesize=20G\", \"dm.min_free_space=50%\", \"dm.use_deferred_deletion=false\"]\n}\n";
    set_settings(&mut host.docker_roots[0], old);
    host.docker_roots[0].driver = Some("devicemapper".into());
    host.docker_roots[0].options = vec![option("dm.min_free_space", "50%", "/etc/docker/daemon.json")];
    pool.min_free = MinFree { percent: Some(50), from: MinFreeFrom::Option };
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    let want = "\"storage-opts\": [\"dm.basesize=20G\",\"dm.use_deferred_deletion=false\",\"dm.thinpooldev=/dev/mapper/\
                docker-thinpool\",\"dm.min_free_space=10%\",\"dm.use_deferred_removal=true\"]";
    assert!(written(&plan).contains(want), "{}", written(&plan));
    assert_eq!(written(&plan).matches("storage-driver").count(), 1);
    assert!(plan.warnings.iter().any(|w| w.plain().contains("becomes 10 %")), "{:?}", plan.warnings);
    host.docker_roots[0].options = vec![option("dm.fs", "xfs", "/etc/sysconfig/docker-storage")];
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(plan.unscriptable().is_some_and(|why| why.plain().contains("/etc/sysconfig/docker-storage")));
    host.docker_roots[0].options.clear();
    set_settings(&mut host.docker_roots[0], "{ // mine\n}");
    assert!(
        direct_lvm(&host, &pool, &to("/dev/sdb"))
            .unscriptable()
            .is_some_and(|why| why.plain().contains("no JSON"))
    );
}

#[test]
fn old_kernels_are_not_asked_for_deferred_removal() {
    let (mut host, pool) = moving();
    host.kernel.dm_version = Some("4.22.0".into());
    assert!(!written(&direct_lvm(&host, &pool, &to("/dev/sdb"))).contains("deferred"));
}

/// Runs functions of the script in bash, with `store` as its directory.
fn shell(store: &Path, variables: &str, line: &str) -> String {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/plan/direct_lvm/direct_lvm.sh");
    let text = format!(
        "set -euo pipefail\nexport LC_ALL=C\nstop() {{ echo \"$*\" >&2; exit 1; }}\nrun() {{ \"$@\"; }}\n\
         volume=v new_pool=g-v group=g data_file=/old store={}\n{variables}\n. {}\n{line}\n",
        store.display(),
        source.display()
    );
    let out = Command::new("bash").args(["-c", &text]).output().unwrap();
    assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// LVM's output after an interrupted run, and what of it is resumed.
#[test]
fn what_an_interrupted_run_made_is_known_again() {
    let store = scratch("made");
    let said = |program: &str, lines: &str, question: &str| {
        let line = format!(
            "profile=$store/profile profile_text=x device=/dev/sdb\necho x >\"$profile\"; : >\"$store/grouping\"; echo one >\"$store/pv\"\n\
             {program}() {{ printf '%s\\n' {lines}; }}\nif {question}; then echo yes; else echo no; fi"
        );
        shell(&store, "", &line) == "yes\n"
    };
    let volumes: [(&str, bool); 6] = [
        ("'  v,thinspect' '  vmeta,thinspect'", true),
        ("'  v,' '  [v_tdata],mine,thinspect' '  [v_tmeta],thinspect_restored'", true),
        ("'  v,thinspect'", false),
        ("'  v,' '  vmeta,thinspect'", false),
        ("'  other,thinspect' '  vmeta,thinspect'", false),
        ("'  v,thinspect_restored' '  vmeta,thinspect'", false),
    ];
    for (lines, made) in volumes {
        assert_eq!(said("lvs", lines, "volumes_made"), made, "{lines}");
    }
    let line = "metadata_bytes=64\nprintf '%s\\n' lvol0 other >\"$store/lvs\"\n\
                lvs() { printf '  %s\\n' lvol0,64 lvol1,64 lvol2,65 xlvol3,64 v,64; }\nstrays";
    assert_eq!(shell(&store, "", line), "lvol1\n", "what was there before is not taken for a stray");
    for (agreed, removes) in [("no", false), ("yes", true)] {
        let line = format!(
            "yes_destroy={agreed}\nsay() {{ echo \"$*\"; }}; run_lvm() {{ echo \"$*\"; }}\n{line}; remove_strays"
        );
        let said = shell(&store, "", &line);
        assert_eq!(said.contains("lvremove -y g/lvol1"), removes, "{said}");
        assert_eq!(said.contains("seems to be left"), !removes, "{said}");
    }
    assert!(said("pvs", "'  one,g,thinspect' '  other,h,'", "group_made"));
    assert!(
        !said("pvs", "'  one,other,thinspect'", "group_made")
            && !said("pvs", "'  two,g,thinspect'", "group_made")
    );
    let label = |uuid: &str| format!("{{ blkid() {{ echo {uuid}; }}; half_made; }}");
    assert!(said("pvs", "'  two,g,'", &label("one")), "our label, and no group that LVM knows");
    assert!(
        said("pvs", "'  one,[unknown],'", &label("one")),
        "as LVM says it of one whose group was not written"
    );
    assert!(!said("pvs", "'  one,g,'", &label("one")), "it has a group");
    assert!(!said("pvs", "'  two,g,'", &label("two")), "somebody else's label");
    let silent = "{ blkid() { echo one; }; pvs() { return 5; }; half_made; }";
    assert!(!said("true", "x", silent), "what LVM does not say is not known");
    let _ = std::fs::remove_dir_all(&store);
}

fn scratch(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("thinspect-way-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A dump of devices that map virtual blocks to data blocks, in pairs.
fn dump(devices: &[Vec<(u64, u64)>], blocks: u64) -> String {
    let mut text = format!(
        "<superblock uuid=\"\" time=\"1\" transaction=\"7\" flags=\"0\" version=\"2\" data_block_size=\"128\" \
         nr_data_blocks=\"{blocks}\">\n"
    );
    for (id, mappings) in devices.iter().enumerate() {
        text += &format!(
            "  <device dev_id=\"{id}\" mapped_blocks=\"{}\" transaction=\"0\" creation_time=\"0\" snap_time=\"1\">\n",
            mappings.len()
        );
        for (origin, data) in mappings {
            text += &format!(
                "    <single_mapping origin_block=\"{origin}\" data_block=\"{data}\" time=\"0\"/>\n"
            );
        }
        text += "  </device>\n";
    }
    text + "</superblock>\n"
}

/// Device, virtual block and data block of each mapping in a dump.
fn mappings(dump: &str) -> Vec<(u64, u64, u64)> {
    let (mut device, mut all) = (0, Vec::new());
    for line in dump.lines() {
        let number = |name: &str| -> Option<u64> {
            let (_, rest) = line.split_once(&format!(" {name}=\""))?;
            rest.split('"').next()?.parse().ok()
        };
        device = number("dev_id").unwrap_or(device);
        if let (Some(origin), Some(data)) = (number("origin_block"), number("data_block")) {
            all.push((device, origin, data));
        }
        if let (Some(origin), Some(data)) = (number("origin_begin"), number("data_begin")) {
            all.extend((0..number("length").unwrap()).map(|at| (device, origin + at, data + at)));
        }
    }
    all.sort_unstable();
    all
}

/// Device, virtual block, data block.
type Mapping = (u64, u64, u64);

/// Runs thin_restore and thin_dump on these devices, and packs them as the script does: the mappings before and
/// after, and the old block at each position of the packed copy.
fn packed(
    name: &str,
    devices: &[Vec<(u64, u64)>],
    blocks: u64,
    gap: u64,
) -> (Vec<Mapping>, Vec<Mapping>, Vec<u64>) {
    let store = scratch(name);
    let tool = |program: &str, arguments: &[&str]| {
        let out = Command::new(program).args(arguments).current_dir(&store).output().unwrap();
        assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    std::fs::write(store.join("first.xml"), dump(devices, blocks)).unwrap();
    for file in ["old", "new"] {
        std::fs::File::create(store.join(file)).unwrap().set_len(16 << 20).unwrap();
    }
    tool("thin_restore", &["-i", "first.xml", "-o", "old"]);
    tool("thin_dump", &["-o", "old.xml", "old"]);
    let variables = "data_bytes=4278190080 block_sectors=128 metadata_bytes=67108864";
    let line = format!(
        "awk -F'\"' '/<single_mapping/ {{ print $4, 1 }} /<range_mapping/ {{ print $4, $6 }}' \"$store/old.xml\" |
         sort -n | merged 0 | merged {gap} >\"$store/extents\"; rewritten >\"$store/new.xml\"; cat \"$store/extents\"; whole_bitmaps >&2"
    );
    let extents = shell(&store, variables, &line);
    tool("thin_restore", &["-i", "new.xml", "-o", "new"]);
    tool("thin_check", &["-q", "new"]);
    let after = tool("thin_dump", &["new"]);
    let before = std::fs::read_to_string(store.join("old.xml")).unwrap();
    let places = extents.lines().flat_map(|line| {
        let (first, length) = line.split_once(' ').unwrap();
        let first: u64 = first.parse().unwrap();
        first..first + length.parse::<u64>().unwrap()
    });
    let places = places.collect();
    let _ = std::fs::remove_dir_all(&store);
    (mappings(&before), mappings(&after), places)
}

fn the_same_content(name: &str, devices: &[Vec<(u64, u64)>], blocks: u64, gap: u64) {
    let (before, after, places) = packed(name, devices, blocks, gap);
    let content: Vec<(u64, u64, u64)> = after
        .iter()
        .map(|(device, origin, data)| (*device, *origin, places[usize::try_from(*data).unwrap()]))
        .collect();
    assert_eq!(before, content);
}

#[test]
fn blocks_are_found_where_they_were_packed() {
    let devices = vec![
        vec![(0, 900), (1, 901), (2, 5), (9, 1_600_000)],
        vec![(0, 900), (1, 7), (2, 5), (3, 6)],
        vec![],
        vec![(4, 1_600_001)],
    ];
    the_same_content("fixed", &devices, 1_638_400, 0);
    the_same_content("gaps", &devices, 1_638_400, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_blocks_are(
        devices in prop::collection::vec(prop::collection::btree_map(0_u64..400, 0_u64..3000, 0..80), 1..5),
        gap in 0_u64..6,
    ) {
        // Each data block belongs to one place of a device, as in a real pool.
        let devices: Vec<Vec<(u64, u64)>> = devices
            .into_iter()
            .map(|mappings| {
                let mut seen = std::collections::BTreeSet::new();
                mappings.into_iter().filter(|(_, data)| seen.insert(*data)).collect()
            })
            .collect();
        prop_assume!(devices.iter().any(|d| !d.is_empty()));
        the_same_content("any", &devices, 3000, gap);
    }
}

#[test]
fn whole_bitmaps_are_restored() {
    let store = scratch("bitmaps");
    let variables = "data_bytes=4278190080 block_sectors=128 metadata_bytes=104857600";
    let said = shell(&store, variables, "whole_bitmaps; metadata_to_write");
    assert_eq!(said, format!("{}\n{}\n", 65_280, 66_846_720));
    std::fs::write(store.join("old.xml"), dump(&[vec![(0, 1)]], 1000)).unwrap();
    shell(&store, variables, "writes_well");
    let _ = std::fs::remove_dir_all(&store);
}

#[test]
fn a_size_that_was_asked_for_is_taken_or_refused() {
    let (host, pool) = moving();
    let sized =
        |gib: u64| direct_lvm(&host, &pool, &DirectLvm { size: Some(Bytes(gib * GIB)), ..to("/dev/sdb") });
    assert!(sized(100).blocked_by[0].plain().contains("too little"), "{:?}", sized(100).blocked_by);
    assert!(sized(190).blocked_by[0].plain().contains("too small"), "{:?}", sized(190).blocked_by);
    assert_eq!(number(&sized(150), "new_total_bytes"), 150 * GIB);
    assert!(
        sized(150).steps[0].commands[0].contains(&format!(" --size {} ", 150 * GIB)),
        "the plan that is made again"
    );
}

#[test]
fn a_disk_that_nothing_tells_from_others_is_not_written_to() {
    let (mut host, pool) = moving();
    assert!(
        script(&direct_lvm(&host, &pool, &to("/dev/sdb")))
            .contains("device_identity='wwid naa.5000c500a1b2c3d4'")
    );
    host.disks[0].identity = None;
    let plan = direct_lvm(&host, &pool, &to("/dev/sdb"));
    assert!(
        plan.unscriptable().is_some_and(|why| why.plain().contains("what tells that disk")),
        "{:?}",
        plan.unscriptable()
    );
    // Larger sectors are fine if the old pool has them too.
    let (mut host, mut pool) = moving();
    host.disks[0].logical_block = Some(4096);
    pool.data_backing.logical_block = Some(4096);
    assert!(direct_lvm(&host, &pool, &to("/dev/sdb")).possible);
}

/// A stale name in /dev may be a plain file or another device: it must not be written to or created.
#[test]
fn blocks_are_only_copied_to_the_volume_itself() {
    for (there, writes) in
        [("true", false), (": >v", false), ("mknod v b 7 200", false), ("mknod v b 7 201", true)]
    {
        let stage = Stage::new();
        stage.write("extents", "0 10\n");
        let store = stage.path("");
        let line = format!(
            "cd \"$store\"; {there}; group=..$store; block_sectors=128\n\
             lay_out() {{ :; }}; release() {{ :; }}; mark_done() {{ :; }}; say() {{ :; }}; run_lvm() {{ :; }}\n\
             lvs() {{ echo ' 7:201'; }}; dd() {{ echo \"dd $*\"; }}; cmp() {{ :; }}\n\
             (copy) 2>&1 || true; [ -e v ] || echo absent"
        );
        let said = shell(&store, "", &line);
        assert_eq!(said.contains("dd if="), writes, "{there}: {said}");
        assert_eq!(said.contains("is not the volume of that name"), !writes, "{there}: {said}");
        assert!(!writes || said.contains("conv=nocreat,notrunc,fsync"), "{said}");
        assert_eq!(said.contains("absent"), there == "true", "{there}: {said}");
    }
}

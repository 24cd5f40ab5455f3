//! Plans to grow and to lower the floor: the published numbers, refusals, and the scripts, run end to end with fake
//! tools.

use super::fake_tools::Stage;
use super::hosts::*;
use thinspect::advice::Risk;
use thinspect::host::dm::status::Mode;
use thinspect::host::lvm::VolumeGroup;
use thinspect::host::model::pool::{MinFree, MinFreeFrom, Pool, PoolOwner, StatusAnswer};
use thinspect::host::model::units::{Bytes, DataBlocks, MetadataBlocks};
use thinspect::plan::{Grow, MinFreeSpace, Number, Plan, Which, grow, min_free_space, script};

const GIB: u64 = 1 << 30;

fn numbers(plan: &Plan, names: &[&str]) -> Vec<Option<u64>> {
    names.iter().map(|n| plan.numbers.named(n)).collect()
}

#[test]
fn the_published_case_by_lowering_the_floor() {
    let (host, pool) = published();
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    let names = [
        "current_percent",
        "largest_unblocking_percent",
        "required_blocks",
        "short_blocks",
        "new_required_blocks",
        "headroom_blocks",
        "headroom_bytes",
        "minimum_growth_blocks",
        "minimum_total_blocks",
    ];
    let want = [10, 9, 163_840, 1854, 147_456, 14_530, 952_238_080, 2059, 1_640_459].map(Some);
    assert_eq!(numbers(&plan, &names), want);
    assert!(plan.possible, "{:?}", plan.blocked_by);
    golden("min-free-space-published", &plan);
}

#[test]
fn the_published_case_by_growing() {
    let (host, pool) = published();
    let plan = grow(&host, &pool, &Grow::default());
    let names = [
        "minimum_growth_blocks",
        "minimum_growth_bytes",
        "minimum_total_blocks",
        "recommended_total_blocks",
        "recommended_total_bytes",
        "metadata_minimum_growth_blocks",
    ];
    let want = [2059, 2059 << 16, 1_640_459, 121 << 14, 121 * GIB, 0].map(Some);
    assert_eq!(numbers(&plan, &names), want);
    assert!(plan.possible, "{:?}", plan.blocked_by);
    golden("grow-published", &plan);
}

#[test]
fn a_lone_error_line_still_gives_the_numbers() {
    let (host, pool) = error_line(161_986, 163_840);
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert_eq!(plan.numbers.get(Number::LargestUnblockingPercent), Some(9));
    assert_eq!(plan.numbers.get(Number::HeadroomBlocks), Some(14_530));
    assert_eq!(plan.numbers.get(Number::HeadroomBytes), None, "nobody said how large a block is");
    assert!(plan.possible && plan.unscriptable().is_some());
    golden("min-free-space-error-line", &plan);
    let plan = grow(&host, &pool, &Grow::default());
    assert_eq!(plan.numbers.get(Number::MinimumGrowthBlocks), Some(2059));
    assert_eq!(plan.numbers.get(Number::MinimumTotalBlocks), Some(1_640_459));
    assert!(says(&plan.warnings, "1638409"), "{:?}", plan.warnings);
    assert!(plan.possible && plan.unscriptable().is_some());
    golden("grow-error-line", &plan);
}

#[test]
fn small_metadata_of_a_build_service() {
    let (host, mut pool) = direct_lvm();
    pool.metadata.total = Some(MetadataBlocks(13_310));
    pool.metadata.used = Some(MetadataBlocks(13_310 - 1325));
    let plan = grow(&host, &pool, &Grow::default());
    let names =
        ["metadata_minimum_growth_blocks", "metadata_minimum_growth_bytes", "metadata_minimum_total_blocks"];
    assert_eq!(numbers(&plan, &names), [64, 256 << 10, 13_374].map(Some));
    assert_eq!(plan.numbers.get(Number::GrowthBlocks), Some(0), "the data does not have to grow");
    assert!(plan.possible, "{:?}", plan.blocked_by);
    golden("grow-metadata-lvm", &plan);
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert_eq!(plan.numbers.get(Number::LargestUnblockingPercent), Some(9));
    assert!(says(&plan.warnings, "growing the metadata by 64 blocks"), "{:?}", plan.warnings);
}

#[test]
fn a_logical_volume_grows_in_whole_extents() {
    let (host, pool) = direct_lvm();
    let plan = grow(&host, &pool, &Grow { by: Some(Bytes(1)), ..Grow::default() });
    assert_eq!(plan.numbers.get(Number::GrowthBytes), Some(4 << 20));
    assert_eq!(plan.numbers.get(Number::VolumeGroupNeededBytes), Some(4 << 20));
    golden("grow-lvm", &grow(&host, &pool, &Grow { by: Some(Bytes(2 * GIB)), ..Grow::default() }));
}

#[test]
fn a_group_that_is_too_small_is_named() {
    let (mut host, mut pool) = direct_lvm();
    pool.data.used = pool.data.total;
    pool.mode = Some(Mode::OutOfDataSpace);
    host.lvm.groups = vec![VolumeGroup { free: Some(Bytes(4 << 20)), ..host.lvm.groups[0].clone() }];
    let plan = grow(&host, &pool, &Grow::default());
    assert!(!plan.possible && says(&plan.blocked_by, "vgextend"), "{:?}", plan.blocked_by);
    host.lvm.groups[0].free = Some(Bytes(2 * GIB));
    let plan = grow(&host, &pool, &Grow::default());
    assert!(plan.possible, "less than recommended, but enough: {:?}", plan.blocked_by);
    assert_eq!(plan.numbers.get(Number::LargestTotalBytes), Some(19_914_752 * 512 + 2 * GIB));
    let asked = Grow { by: Some(Bytes(3 * GIB)), ..Grow::default() };
    assert!(!grow(&host, &pool, &asked).possible, "a size that was named is never lowered");
}

/// LVM allocates whole extents, and the kernel uses at most 4161600 blocks, which is not a multiple of an extent.
#[test]
fn metadata_in_whole_extents_is_never_more_than_the_kernel_takes() {
    const MOST: u64 = 4_161_600;
    for extent in [1 << 20, 4 << 20, 32 << 20, 1 << 30] {
        let (mut host, mut pool) = direct_lvm();
        host.lvm.groups[0].free = Some(Bytes(100 * GIB));
        host.lvm.groups[0].extent = Some(Bytes(extent));
        let to = Grow { which: Which::Metadata, to: Some(Bytes(MOST * 4096)), ..Grow::default() };
        let plan = grow(&host, &pool, &to);
        let new = plan.numbers.get(Number::MetadataNewTotalBlocks).unwrap();
        assert!(plan.possible && new <= MOST && (new * 4096).is_multiple_of(extent), "{extent}: {new}");
        assert!(plan.steps[0].guarded.as_ref().unwrap().done.contains(&format!("-ge {new} ]")));
        pool.metadata.total = Some(MetadataBlocks(new));
        let plan = grow(&host, &pool, &to);
        assert!(!plan.possible && says(&plan.blocked_by, "15.875 GiB"), "{extent}: {:?}", plan.blocked_by);
    }
}

#[test]
fn a_group_without_room_says_how_much_is_needed() {
    let (mut host, mut pool) = direct_lvm();
    host.lvm.groups[0].free = Some(Bytes(0));
    pool.min_free = MinFree { percent: None, from: MinFreeFrom::NotDocker };
    pool.data.used = Some(DataBlocks(19_448 * 8 / 10));
    let plan = grow(&host, &pool, &Grow::default());
    assert!(!plan.possible, "{:?}", plan.steps);
    assert!(
        says(&plan.blocked_by, "are needed") && !says(&plan.blocked_by, " 0 B are needed"),
        "{:?}",
        plan.blocked_by
    );
    // An explicit size is the need, rounded up to whole extents.
    let plan = grow(&host, &pool, &Grow { by: Some(Bytes(1)), ..Grow::default() });
    assert!(says(&plan.blocked_by, "4.0 MiB are needed"), "{:?}", plan.blocked_by);
}

/// With any floor, the recommended size leaves enough room above it.
#[test]
fn the_recommended_size_lasts() {
    for percent in [0, 10, 15, 20, 30, 50, 80] {
        for used in [70, 85, 95, 100] {
            let (host, mut pool) = published();
            pool.min_free.percent = Some(percent);
            pool.data.used = Some(DataBlocks(1_638_400 / 100 * used));
            pool.data_backing.filesystem.as_mut().unwrap().free = Some(Bytes(4000 * GIB));
            let plan = grow(&host, &pool, &Grow { which: Which::Data, ..Grow::default() });
            let total = plan.numbers.get(Number::RecommendedTotalBlocks).unwrap();
            let least = plan.numbers.get(Number::MinimumTotalBlocks).unwrap();
            if total == 1_638_400 {
                assert_eq!(least, total, "{percent} {used}: nothing has to grow");
                continue;
            }
            let above = total - 1_638_400 / 100 * used - total * percent / 100;
            assert!(total > least && above * 100 / total >= 9, "{percent} {used}: {above} of {total}");
        }
    }
}

#[test]
fn a_filesystem_that_cannot_carry_the_file_is_no_space() {
    let (host, mut pool) = published();
    let filesystem = pool.data_backing.filesystem.as_mut().unwrap();
    filesystem.free = Some(Bytes(3 * GIB));
    pool.metadata_backing.filesystem = pool.data_backing.filesystem.clone();
    let plan = grow(&host, &pool, &Grow::default());
    assert!(!plan.possible && says(&plan.blocked_by, "space that is not there"), "{:?}", plan.blocked_by);
    assert!(plan.steps.iter().all(|s| s.risk == Risk::Reads));
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(plan.possible, "{:?}", plan.blocked_by);
    pool.data_backing.filesystem.as_mut().unwrap().free = Some(Bytes(1 << 20));
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "only"), "{:?}", plan.blocked_by);
}

#[test]
fn less_than_recommended_where_that_is_what_fits() {
    let (host, mut pool) = published();
    pool.data_backing.filesystem.as_mut().unwrap().free = Some(Bytes(20 * GIB));
    pool.metadata_backing.filesystem = None;
    let plan = grow(&host, &pool, &Grow::default());
    let new = plan.numbers.get(Number::NewTotalBytes).unwrap();
    assert!(plan.possible && new < 121 * GIB && new > 100 * GIB, "{new} {:?}", plan.blocked_by);
    assert!(plan.numbers.get(Number::FileMayDemandBytes) <= Some(20 * GIB));
}

#[test]
fn modes_that_block_say_what_comes_first() {
    type Change = fn(&mut Pool);
    let cases: [(&str, Change); 6] = [
        ("needs_check", |p| p.needs_check = Some(true)),
        ("failed", |p| p.mode = Some(Mode::Failed)),
        ("suspended", |p| p.suspended = Some(true)),
        ("did not answer", |p| p.answer = StatusAnswer::Silent(1000)),
        ("read-only", |p| p.mode = Some(Mode::ReadOnly)),
        ("does not know", |p| p.mode = Some(Mode::Other("frozen".into()))),
    ];
    for (word, change) in cases {
        let (host, mut pool) = published();
        change(&mut pool);
        for plan in
            [grow(&host, &pool, &Grow::default()), min_free_space(&host, &pool, &MinFreeSpace::default())]
        {
            assert!(!plan.possible && says(&plan.blocked_by, word), "{word}: {:?}", plan.blocked_by);
            assert!(!plan.steps.is_empty() && plan.steps[0].risk == Risk::Reads, "{word}");
            assert!(!plan.steps.iter().flat_map(|s| &s.commands).any(|c| c.contains("truncate")), "{word}");
            assert!(Stage::new().run(&script(&plan), &["--yes"]).failed_saying("stopped"), "{word}");
        }
    }
}

#[test]
fn out_of_metadata_is_cured_by_metadata() {
    let (host, mut pool) = published();
    pool.mode = Some(Mode::ReadOnly);
    pool.metadata.used = pool.metadata.total;
    let plan = grow(&host, &pool, &Grow::default());
    assert!(plan.possible, "{:?}", plan.blocked_by);
    assert_eq!(plan.numbers.get(Number::GrowthBlocks), Some(0), "first the metadata, alone");
    assert!(plan.numbers.get(Number::MetadataGrowthBlocks) > Some(0));
    assert!(!grow(&host, &pool, &Grow { which: Which::Data, ..Grow::default() }).possible);
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "growing the metadata"), "{:?}", plan.blocked_by);
}

#[test]
fn a_floor_is_not_lowered_where_that_helps_nothing() {
    let (host, mut pool) = published();
    pool.data.used = Some(DataBlocks(1_638_400));
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "no data block is free"), "{:?}", plan.blocked_by);
    pool.data.used = Some(DataBlocks(1_638_400 - 10_000));
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "less than 1 %"), "{:?}", plan.blocked_by);
    pool.data.used = Some(DataBlocks(100));
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "nothing to unblock"), "{:?}", plan.blocked_by);
    pool.min_free = MinFree { percent: None, from: MinFreeFrom::NotDocker };
    pool.owner = PoolOwner::Containerd { root: None };
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(!plan.possible && says(&plan.blocked_by, "nobody applies"), "{:?}", plan.blocked_by);
    assert!(!min_free_space(&host, &Pool::default(), &MinFreeSpace::default()).possible);
    assert!(!grow(&host, &Pool::default(), &Grow::default()).possible);
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let (host, pool) = published();
    let to = |bytes| grow(&host, &pool, &Grow { to: Some(Bytes(bytes)), ..Grow::default() });
    assert!(says(&to(GIB).blocked_by, "never smaller"));
    assert!(says(&to(u64::MAX).blocked_by, "larger blocks"));
    let plan = to(100 * GIB + 65_536);
    assert!(plan.possible && says(&plan.warnings, "still refuses"), "{:?}", plan.warnings);
    let metadata = Grow { which: Which::Metadata, to: Some(Bytes(16 * GIB)), ..Grow::default() };
    assert!(says(&grow(&host, &pool, &metadata).blocked_by, "at most"));
}

#[test]
fn nothing_to_do_is_said() {
    let (host, mut pool) = published();
    pool.data.used = Some(DataBlocks(1000));
    let plan = grow(&host, &pool, &Grow::default());
    assert!(plan.possible && plan.steps.is_empty() && says(&plan.warnings, "nothing has to grow"));
}

#[test]
fn options_elsewhere_are_changed_elsewhere() {
    let (mut host, pool) = published();
    host.docker_roots[0].options = vec![option("dm.basesize", "20G", "/etc/sysconfig/docker-storage")];
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(plan.unscriptable().is_some_and(|w| w.plain().contains("/etc/sysconfig/docker-storage")));
    assert!(plan.steps[0].commands[0].contains("/etc/sysconfig/docker-storage"));
    let line = option("dm.basesize", "20G", "the daemon's command line");
    host.docker_roots[0].options.push(line.clone());
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(plan.steps[0].commands[0].contains("docker-storage"), "the file that feeds the command line");
    host.docker_roots[0].options = vec![line];
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(plan.steps[0].commands[0].contains("systemctl"), "{:?}", plan.steps[0]);
    host.docker_roots[0].options = Vec::new();
    set_settings(&mut host.docker_roots[0], "{ // old\n}");
    let plan = min_free_space(&host, &pool, &MinFreeSpace::default());
    assert!(plan.unscriptable().is_some_and(|w| w.plain().contains("no JSON")));
}

#[test]
fn every_number_has_a_released_name() {
    let known: Vec<&str> = Number::ALL.iter().map(|n| n.name()).collect();
    let (host, pool) = direct_lvm();
    let (other, loops) = published();
    for plan in [
        grow(&host, &pool, &Grow::default()),
        grow(&other, &loops, &Grow::default()),
        min_free_space(&other, &loops, &MinFreeSpace::default()),
    ] {
        for (name, _) in plan.numbers.iter() {
            assert!(known.contains(&name), "{name} is not in the catalogue");
            let unit = ["_blocks", "_bytes", "_percent"].iter().any(|unit| name.ends_with(unit));
            assert!(unit, "{name} does not say its unit");
        }
    }
}

#[test]
fn json_is_valid_against_its_schema() {
    let schema = schemars::schema_for!(Plan);
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let (host, pool) = published();
    for plan in [grow(&host, &pool, &Grow::default()), min_free_space(&host, &pool, &MinFreeSpace::default())]
    {
        let json = serde_json::to_value(&plan).unwrap();
        assert!(validator.is_valid(&json), "{json:#}");
        assert!(
            json["numbers"]["minimum_growth_blocks"] == 2059 && json["steps"][0].get("guarded").is_none()
        );
    }
}

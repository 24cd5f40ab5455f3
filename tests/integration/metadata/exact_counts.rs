//! Exact numbers, equal to `thin_ls` and to counting every mapping of every device.

use std::fmt::Write;

use proptest::prelude::*;
use thinspect::metadata::{Memory, Options, read, reclaimable};
use thinspect::record::{Answer, Outcome, Query, Recording, Source};
use thinspect::{host, metadata_probe, rules};

use super::builder::Pool;
use super::thin_tools::{Scratch, have_tools, thin_check, thin_ls, thin_ls_with, thin_restore};
use super::{found, small_pool, usage};

/// Checks that the reader's numbers equal the truth and `thin_ls`, without any damage reported, and that `thin_check`
/// accepts the image.
fn agree(pool: &Pool) {
    let image = pool.image(50);
    let usage = usage(&image);
    assert_eq!(usage.damage, []);
    assert_eq!((usage.consistent, usage.attempts), (true, 1));
    assert_eq!(found(&usage), pool.truth());
    assert_eq!(usage.data.used_blocks, pool.used());
    if have_tools() {
        thin_check(&image);
        assert_eq!(found(&usage), thin_ls(&image));
    }
}

#[test]
fn an_empty_pool() {
    agree(&Pool::new(100, 128));
}

#[test]
fn nested_snapshots_of_several_ages() {
    agree(&small_pool());
}

#[test]
fn details_and_pool_totals() {
    let pool = small_pool();
    let usage = usage(&pool.image(50));
    let highest: Vec<_> = usage.devices.iter().map(|device| device.highest_block).collect();
    assert_eq!(highest, [Some(599), Some(599), Some(789), Some(789), None, Some((1 << 30) + 2)]);
    let times: Vec<_> =
        usage.devices.iter().map(|device| (device.creation_time, device.snapshotted_time)).collect();
    assert_eq!(times[1..3], [(Some(1), Some(2)), (Some(2), Some(3))]);
    assert_eq!((usage.data.total_blocks, usage.data_block_sectors), (40_000, 128));
    assert_eq!(usage.metadata.total_blocks - usage.metadata.used_blocks, 50);
    assert_eq!((usage.unaccounted_blocks, usage.held_only_blocks), (Some(0), Some(0)));
    assert!(!usage.needs_check && usage.held_root.is_none());
    // Each used block is read once; the superblock is not part of the walk.
    assert_eq!(usage.read.blocks, usage.metadata.used_blocks - 1);
}

#[test]
fn a_thousand_snapshots_of_one_base() {
    let mut pool = Pool::new(200_000, 1024);
    pool.create(0);
    pool.write(0, 0, 20_000);
    for id in 1..=1000 {
        pool.snapshot(0, id);
        pool.write(id, u64::from(id) * 17, u64::from(id % 40));
    }
    agree(&pool);
}

#[test]
fn deleted_and_fresh_snapshots() {
    let mut pool = small_pool();
    pool.delete(2);
    pool.snapshot(70_000, 9);
    agree(&pool);
    pool.delete(1);
    pool.delete(4);
    agree(&pool);
}

#[test]
fn discarded_holes() {
    let mut pool = Pool::new(40_000, 128);
    pool.create(1);
    pool.write(1, 0, 5000);
    pool.snapshot(1, 2);
    (0..40).for_each(|hole| pool.discard(1, hole * 120, 50));
    pool.discard(2, 4990, 10);
    agree(&pool);
}

#[test]
fn leaked_blocks_are_unaccounted() {
    let mut pool = small_pool();
    pool.leak(33);
    let usage = usage(&pool.image(9));
    assert_eq!((usage.unaccounted_blocks, usage.held_only_blocks), (Some(33), Some(0)));
    assert_eq!((found(&usage), usage.damage), (pool.truth(), vec![]));
}

#[test]
fn a_held_metadata_snapshot_changes_no_devices_numbers() {
    let mut pool = small_pool();
    pool.hold();
    pool.write(1, 300, 40);
    pool.delete(2);
    pool.write(70_000, 1 << 30, 1);
    let image = pool.image(20);
    let now = usage(&image);
    assert_eq!((found(&now), &now.damage), (pool.truth(), &vec![]));
    let mapped_now = pool.truth_blocks();
    assert_eq!(now.unaccounted_blocks, Some(pool.used() - mapped_now));
    assert_eq!(now.held_only_blocks, now.unaccounted_blocks);
    assert!(now.held_only_blocks == Some(1) && now.held_root.is_some());
    let options = Options { through_held_root: true, ..Options::default() };
    let then = read(&Memory(image.clone()), &options).unwrap();
    assert_eq!((found(&then), &then.damage), (pool.held_truth(), &vec![]));
    assert!(then.through_held_root && then.unaccounted_blocks.is_none());
    if have_tools() {
        thin_check(&image);
        assert_eq!(found(&now), thin_ls(&image));
        assert_eq!(found(&then), thin_ls_with(&image, &["-m"]));
    }
}

#[test]
fn a_fresh_metadata_snapshot_keeps_what_deleting_would_free() {
    let mut pool = small_pool();
    pool.hold();
    let found = reclaimable(&Memory(pool.image(9)), &[1, 2, 3, 4, 5, 70_000], &Options::default()).unwrap();
    assert_eq!((found.blocks, found.absent), (Some(0), vec![]));
}

#[test]
fn details_alone_take_a_few_blocks() {
    let pool = small_pool();
    let options = Options { details_only: true, ..Options::default() };
    let usage = read(&Memory(pool.image(9)), &options).unwrap();
    assert_eq!(usage.read.blocks, 1);
    assert!(usage.devices.iter().all(|device| device.exclusive_blocks.is_none()));
    let mapped = |(id, numbers): (u32, (u64, u64, u64))| (id, numbers.0);
    let known: Vec<_> = usage.devices.iter().map(|d| (d.device_id, d.mapped_blocks.unwrap())).collect();
    assert_eq!(known, pool.truth().into_iter().map(mapped).collect::<Vec<_>>());
}

/// A dump in which devices map the same data blocks. `thin_restore` gives every device its own leaves, so only data
/// blocks are shared.
#[test]
fn restored_dumps() {
    if !have_tools() {
        return;
    }
    for sectors in [128, 1024] {
        let mut xml = format!(
            "<superblock uuid=\"\" time=\"3\" transaction=\"7\" flags=\"0\" version=\"2\" \
             data_block_size=\"{sectors}\" nr_data_blocks=\"100000\">\n"
        );
        for id in 0..30_u64 {
            let own = 10_000 + id * 700;
            let _ = write!(
                xml,
                "<device dev_id=\"{id}\" mapped_blocks=\"1501\" transaction=\"2\" creation_time=\"1\" \
                 snap_time=\"3\">\n<range_mapping origin_begin=\"0\" data_begin=\"{}\" length=\"1000\" time=\"1\"/>\n\
                 <range_mapping origin_begin=\"5000\" data_begin=\"{own}\" length=\"500\" time=\"2\"/>\n\
                 <single_mapping origin_block=\"{}\" data_block=\"{}\" time=\"2\"/>\n</device>\n",
                id / 2 * 100,
                9000 + id,
                own + 600
            );
        }
        let image = thin_restore(&(xml + "</superblock>\n"), 4 << 20);
        let usage = usage(&image);
        assert_eq!((found(&usage), &usage.damage), (thin_ls(&image), &vec![]));
        assert_eq!((usage.unaccounted_blocks, usage.transaction_id), (Some(0), 7));
    }
}

/// A thin device with an external origin maps only what was written to it. In the metadata it is an ordinary, mostly
/// unmapped device, and snapshots share its blocks.
#[test]
fn an_external_origin() {
    for sectors in [128, 1024] {
        let mut pool = Pool::new(40_000, sectors);
        pool.create(1);
        (0..300).for_each(|place| pool.write(1, place * 1000, 1 + place % 3));
        pool.snapshot(1, 2);
        pool.write(2, 500, 40);
        pool.discard(1, 299_000, 2);
        agree(&pool);
    }
}

/// Devices of a dump: each a list of runs of mappings, with the first data block of each run.
#[derive(Debug, Clone)]
struct Dumped {
    id: u32,
    /// Unmapped blocks before the run, its first data block, its length.
    runs: Vec<(u64, u64, u64)>,
}

const DUMPED_BLOCKS: u64 = 4000;

fn dumped() -> impl Strategy<Value = Vec<Dumped>> {
    let run = (0..3000_u64, 0..DUMPED_BLOCKS - 300, 1..300_u64);
    let device = (0..50_u32, proptest::collection::vec(run, 0..12));
    proptest::collection::vec(device, 0..25).prop_map(|devices| {
        let all: std::collections::BTreeMap<_, _> = devices.into_iter().collect();
        all.into_iter().map(|(id, runs)| Dumped { id, runs }).collect()
    })
}

fn dump(devices: &[Dumped], sectors: u32) -> String {
    let mut xml = format!(
        "<superblock uuid=\"\" time=\"3\" transaction=\"7\" flags=\"0\" version=\"2\" \
         data_block_size=\"{sectors}\" nr_data_blocks=\"{DUMPED_BLOCKS}\">\n"
    );
    for Dumped { id, runs } in devices {
        let mapped: u64 = runs.iter().map(|run| run.2).sum();
        let _ = writeln!(
            xml,
            "<device dev_id=\"{id}\" mapped_blocks=\"{mapped}\" transaction=\"2\" creation_time=\"1\" snap_time=\"3\">"
        );
        let mut origin = 0;
        for (gap, data, length) in runs {
            origin += gap;
            let _ = writeln!(
                xml,
                "<range_mapping origin_begin=\"{origin}\" data_begin=\"{data}\" length=\"{length}\" time=\"1\"/>"
            );
            origin += length;
        }
        xml.push_str("</device>\n");
    }
    xml + "</superblock>\n"
}

#[derive(Debug, Clone)]
enum Step {
    Create,
    Snapshot(usize),
    Write(usize, u64, u64),
    Discard(usize, u64, u64),
    Delete(usize),
    Hold,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => Just(Step::Create),
        4 => any::<usize>().prop_map(Step::Snapshot),
        8 => (any::<usize>(), 0..6000_u64, 1..900_u64).prop_map(|(a, b, c)| Step::Write(a, b, c)),
        2 => (any::<usize>(), 0..6000_u64, 1..90_u64).prop_map(|(a, b, c)| Step::Discard(a, b, c)),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Hold),
    ];
    proptest::collection::vec(step, 1..40)
}

fn build(steps: &[Step]) -> Pool {
    let mut pool = Pool::new(40_000, 128);
    pool.create(0);
    for (next, step) in (1_u32..).zip(steps) {
        let ids: Vec<u32> = pool.thin_devices.keys().copied().collect();
        let pick = |at: &usize| ids[at % ids.len()];
        match step {
            Step::Create => pool.create(next),
            _ if ids.is_empty() => pool.create(next),
            Step::Snapshot(at) => pool.snapshot(pick(at), next),
            Step::Write(at, first, blocks) => pool.write(pick(at), *first, *blocks),
            Step::Discard(at, first, blocks) => pool.discard(pick(at), *first, *blocks),
            Step::Delete(at) => pool.delete(pick(at)),
            Step::Hold => pool.hold_once(),
        }
    }
    pool
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Trees written by another program, with data blocks shared between and within devices at random.
    #[test]
    fn any_restored_dump(devices in dumped(), large in any::<bool>()) {
        if have_tools() {
            let image = thin_restore(&dump(&devices, if large { 1024 } else { 128 }), 4 << 20);
            let usage = usage(&image);
            prop_assert_eq!(&usage.damage, &vec![]);
            prop_assert_eq!(found(&usage), thin_ls(&image));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_counted_exactly(steps in steps(), picks in any::<u64>()) {
        let pool = build(&steps);
        let image = pool.image(5);
        let usage = usage(&image);
        prop_assert_eq!(&usage.damage, &vec![]);
        prop_assert_eq!(found(&usage), pool.truth());
        prop_assert_eq!(usage.unaccounted_blocks, Some(pool.used() - pool.truth_blocks()));
        prop_assert_eq!(usage.held_only_blocks, usage.unaccounted_blocks);
        let set: Vec<u32> = pool.thin_devices.keys().copied().filter(|id| picks >> (id % 64) & 1 != 0).collect();
        let freed = reclaimable(&Memory(image.clone()), &set, &Options::default()).unwrap();
        prop_assert_eq!(freed.blocks, Some(pool.reclaimable(&set)));
        if have_tools() {
            prop_assert_eq!(found(&usage), thin_ls(&image));
        }
    }
}

/// The snapshot counter, from metadata written by `thin_restore` to the finding: near its end, and far from it.
#[test]
fn a_snapshot_counter_near_its_end_is_found() {
    if !have_tools() {
        return;
    }
    for (time, found) in [(16_777_214, true), (8_388_608, true), (8_000_000, false)] {
        let xml = format!(
            r#"<superblock uuid="" time="{time}" transaction="1" version="2" data_block_size="128" nr_data_blocks="64">
</superblock>
"#
        );
        let copy = Scratch::new(&thin_restore(&xml, 4 << 20));
        let lines = metadata_probe::pool_metadata(std::fs::File::open(&copy.0).unwrap()).unwrap();
        let text: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let answer = |query, target: &str, text: &str| Answer {
            query,
            target: target.to_owned(),
            outcome: Outcome::Answered(text.to_owned()),
        };
        let mut recording = Recording::new(Source::Machine, None);
        recording.answers = vec![
            answer(Query::DmList, "", "253:2 0 pool"),
            answer(Query::DmTable, "pool", "0 8192 thin-pool 253:0 253:1 128 0"),
            answer(
                Query::DmStatus,
                "pool",
                "0 8192 thin-pool 1 20/1024 0/64 - rw discard_passdown queue_if_no_space - 1024",
            ),
            answer(Query::PoolMetadata, "253:0", &text.join("\n")),
        ];
        let findings = rules::findings(&host::read(&recording));
        assert_eq!(
            findings.iter().any(|f| f.rule == "snapshot-time-overflow"),
            found,
            "{time}: {findings:?}"
        );
    }
}

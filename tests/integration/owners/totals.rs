//! Rows and totals: sums, what is not counted, and real metadata compared with a model.

use super::fixture::{blocks, owners};
use crate::metadata::builder::Pool;
use proptest::prelude::*;
use thinspect::host::model::units::DataBlocks;
use thinspect::host::owners::Owners;
use thinspect::metadata::{Memory, Options, read, reclaimable_in_turn};
use thinspect::usage::{Amounts, InMetadata, Kind, Reclaim, join, walks_worth_it};

const fn some(blocks: u64) -> Option<DataBlocks> {
    Some(DataBlocks(blocks))
}

const fn amounts(mapped: u64, shared: u64, exclusive: u64, reclaimable: u64) -> Amounts {
    let (mapped, shared) = (some(mapped), some(shared));
    Amounts { mapped, shared, exclusive: some(exclusive), reclaimable: some(reclaimable) }
}

#[test]
fn rows_of_a_docker_host() {
    let (owners, blocks) = (owners(), blocks());
    let usage = join(&blocks.usage(), &owners, &blocks, 100);
    let containers: Vec<(usize, Amounts)> =
        usage.containers.iter().map(|r| (r.container, r.amounts)).collect();
    assert_eq!(
        containers,
        [(0, amounts(222, 172, 52, 52)), (2, amounts(242, 202, 42, 42)), (1, amounts(207, 202, 7, 7))]
    );
    let images: Vec<(usize, Amounts)> = usage.images.iter().map(|r| (r.image, r.amounts)).collect();
    assert_eq!(
        images,
        [
            (1, amounts(190, 120, 70, 70)),
            (2, amounts(130, 120, 10, 10)),
            // Its containers share its own layer's blocks and prevent its removal.
            (3, amounts(200, 200, 0, 0)),
            (0, amounts(170, 170, 0, 0)),
        ]
    );
    assert_eq!(usage.images[2].containers, [1, 2]);
    assert_eq!((usage.devices[0].device_id, usage.devices[0].owners.len()), (14, 0));
    assert_eq!(usage.devices[0].amounts.exclusive, some(100));
}

#[test]
fn totals_add_up() {
    let (owners, blocks) = (owners(), blocks());
    let totals = join(&blocks.usage(), &owners, &blocks, 0).totals;
    let parts = [totals.exclusive, totals.shared, totals.unaccounted].map(|part| part.unwrap().0);
    assert_eq!(parts.iter().sum::<u64>(), totals.used.0);
    assert_eq!(parts, [275, 206, 3]);
    let shares: Vec<(Kind, u64, u64)> =
        totals.shares.iter().map(|s| (s.kind, s.devices, s.exclusive.unwrap().0)).collect();
    let expected =
        [(Kind::Leaked, 1, 100), (Kind::Container, 6, 95), (Kind::Layer, 5, 80), (Kind::Base, 1, 0)];
    assert_eq!(shares, expected);
}

/// Beyond the limit of walks, and with damaged metadata, numbers are missing instead of 0.
#[test]
fn what_is_not_counted_is_unknown() {
    struct Unable;
    impl Reclaim for Unable {
        fn in_turn(&self, _: &[Vec<u32>]) -> Option<Vec<u64>> {
            None
        }
    }
    let (owners, blocks) = (owners(), blocks());
    let usage = join(&blocks.usage(), &owners, &blocks, 1);
    let counted = usage.containers.iter().filter(|r| r.amounts.reclaimable.is_some()).count();
    assert_eq!(counted, 1);
    let mut read = blocks.usage();
    read.devices[0].exclusive_blocks = None;
    (read.damaged, read.consistent) = (2, false);
    let usage = join(&read, &owners, &Unable, 100);
    assert!(usage.containers.iter().all(|r| r.amounts.reclaimable.is_none()));
    assert_eq!((usage.totals.exclusive, usage.totals.shared), (None, None));
    assert_eq!(usage.gaps.len(), 2);
}

fn shared_pool(writes: &[(u8, u8)]) -> Pool {
    let mut pool = Pool::new(40_000, 128);
    pool.create(1);
    pool.write(1, 0, 300);
    for (id, (origin, block)) in (2..).zip(writes) {
        let origin = 1 + u32::from(*origin) % (id - 1);
        pool.snapshot(origin, id);
        pool.write(id, u64::from(*block), 20);
        pool.write(origin, u64::from(*block) + 5, 3);
    }
    pool
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each set frees what all sets up to it free together, less what the earlier ones free.
    #[test]
    fn one_after_the_other(
        writes in proptest::collection::vec(any::<(u8, u8)>(), 1..12),
        turns in proptest::collection::vec(0_usize..5, 13),
        hold in any::<bool>(),
    ) {
        let mut pool = shared_pool(&writes);
        if hold {
            pool.hold();
            pool.write(1, 50, 40);
        }
        let mut sets = vec![Vec::new(); 4];
        for (id, turn) in pool.thin_devices.keys().zip(turns) {
            // A fifth group is kept.
            if let Some(set) = sets.get_mut(turn) {
                set.push(*id);
            }
        }
        let found = reclaimable_in_turn(&Memory(pool.image(9)), &sets, &Options::default()).unwrap();
        prop_assert!(found.consistent && found.absent.is_empty());
        let (mut gone, mut before, mut expected) = (Vec::new(), 0, Vec::new());
        for set in &sets {
            gone.extend(set.iter().copied());
            let all = pool.reclaimable(&gone);
            expected.push(all - before);
            before = all;
        }
        prop_assert_eq!(found.blocks, Some(expected));
    }
}

#[test]
fn real_metadata_without_records() {
    let pool = shared_pool(&[(0, 10), (1, 40), (0, 90)]);
    let source = Memory(pool.image(9));
    let usage = read(&source, &Options::default()).unwrap();
    let reclaim =
        InMetadata { source: &source, options: Options::default(), transaction_id: usage.transaction_id };
    let joined = join(&usage, &Owners::default(), &reclaim, walks_worth_it(&usage));
    assert_eq!(joined.devices.len(), 4);
    assert_eq!(joined.unmatched, None);
    assert!(joined.devices.iter().all(|row| row.owners.is_empty()));
    let totals = &joined.totals;
    let parts = [totals.exclusive, totals.shared, totals.unaccounted].map(|part| part.unwrap().0);
    assert_eq!(parts.iter().sum::<u64>(), totals.used.0);
    assert_eq!(totals.shares[0].kind, Kind::Unknown, "nobody's records were read, so nothing is leaked");
    let stale = InMetadata { transaction_id: usage.transaction_id + 1, ..reclaim };
    assert_eq!(stale.alone(&[2]), None, "another transaction's numbers do not belong here");
}

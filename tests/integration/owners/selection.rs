//! Selection of what to remove: in order of loss, exact, and never what is in use.

use super::fixture::{Blocks, blocks, docker_host, owners, pool, recording};
use proptest::prelude::*;
use std::collections::BTreeSet;
use thinspect::advice::Risk;
use thinspect::host::Host;
use thinspect::host::dm::status::{Discards, Mode};
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::model::backing::Filesystem;
use thinspect::host::model::pool::Pool;
use thinspect::host::model::thin::Thin;
use thinspect::host::model::units::{Bytes, DataBlocks};
use thinspect::host::owners::{self, DeviceRole, Owners, State};
use thinspect::record::{Outcome, Query};
use thinspect::usage::selection::{Loss, Selection, Trim, select};
use thinspect::usage::{Reclaim, Removal};

const BLOCK: Bytes = Bytes(65536);

fn plan(owners: &Owners, blocks: &Blocks, need: u64) -> Selection {
    select(&host(), &pool(), owners, &blocks.usage(), blocks, Bytes(need * BLOCK.0))
}

fn host() -> Host {
    docker_host(&recording())
}

fn commands(free: &Selection) -> Vec<&str> {
    free.steps.iter().flat_map(|s| &s.commands).map(String::as_str).collect()
}

#[test]
fn the_smallest_loss_first() {
    let (owners, blocks) = (owners(), blocks());
    let all = plan(&owners, &blocks, 10_000);
    assert_eq!(
        commands(&all),
        [
            "docker rm gone",
            "docker rm late",
            "docker rmi 777777777777",
            "docker rmi old:1",
            "docker rmi app:1 app:2",
            "dmsetup message /dev/mapper/docker-8:1-2-pool 0 'delete 14'",
        ]
    );
    let gains: Vec<u64> = all.steps.iter().map(|s| s.gain.0).collect();
    assert_eq!(gains, [7, 42, 10, 70, 30, 100]);
    assert_eq!((all.reachable, all.most, all.gain), (Some(false), Some(DataBlocks(259)), DataBlocks(259)));
    let losses: Vec<Loss> = all.steps.iter().map(|s| s.loss).collect();
    assert!(losses.is_sorted());
    assert!(all.steps.iter().all(|s| s.risk == Risk::Destroys));
    assert_eq!(all.steps[5].sum, DataBlocks(259));
}

#[test]
fn no_more_than_needed() {
    let (owners, blocks) = (owners(), blocks());
    let few = plan(&owners, &blocks, 7);
    assert_eq!((commands(&few), few.reachable), (vec!["docker rm gone"], Some(true)));
    // The second container alone suffices, so the first is dropped from the selection again.
    assert_eq!(commands(&plan(&owners, &blocks, 40)), ["docker rm late"]);
    assert_eq!(commands(&plan(&owners, &blocks, 60)), ["docker rmi old:1"]);
    // The image needs both containers removed, however little they free; the untagged image is spared.
    let words = ["docker rm gone", "docker rm late", "docker rmi old:1", "docker rmi app:1 app:2"];
    let image = plan(&owners, &blocks, 145);
    assert_eq!((commands(&image), image.gain), (words.to_vec(), DataBlocks(149)));
    assert_eq!(plan(&owners, &blocks, 0).steps, []);
    let byte = select(&host(), &pool(), &owners, &blocks.usage(), &blocks, Bytes(7 * BLOCK.0 + 1));
    assert_eq!(byte.need, DataBlocks(8), "a part of a block is a block");
}

/// While the build cache keeps a layer, removing its image frees nothing of it.
#[test]
fn the_build_cache_goes_first() {
    let mut recording = recording();
    let step = |key: &str, chain: Option<char>| {
        let chain =
            chain.map(|c| format!(r#","chain":"sha256:{}""#, super::fixture::hex(c))).unwrap_or_default();
        format!(r#"{{"key":"{key}"{chain}}}"#)
    };
    let cache = format!("{}/buildkit/snapshots.db", super::fixture::ROOT);
    let steps = [step("nobody", None), step("other", Some('c'))].join("\n");
    recording.push(Query::DockerBuildCache, &cache, Outcome::Answered(steps));
    let owners = owners::read(&recording, &docker_host(&recording), &pool());
    assert_eq!(owners.of(13), [DeviceRole::BuildStep { record: "nobody".to_owned() }]);
    let mut blocks = blocks();
    blocks.device(13, 1, 2000..2005);
    let both = plan(&owners, &blocks, 100);
    assert_eq!(commands(&both), ["docker builder prune --all --force", "docker rm late", "docker rmi old:1"]);
    assert_eq!(both.steps.iter().map(|s| s.gain.0).collect::<Vec<_>>(), [5, 42, 70]);
    assert_eq!(commands(&plan(&owners, &blocks, 5)), ["docker builder prune --all --force"]);
    let image = Removal::new(&owners).image(1).unwrap();
    assert_eq!(image, Vec::<u32>::new(), "the cache keeps its layer");
    // A build is in progress.
    let busy = Owners { in_use: [13].into(), ..owners };
    assert!(plan(&busy, &blocks, 10_000).steps.iter().all(|s| s.loss != Loss::BuildCache));
}

/// Filesystems of containers that use less than their devices map, the most promising first.
#[test]
fn what_trimming_may_give_back() {
    let (owners, blocks) = (owners(), blocks());
    let mut host = host();
    let pool = Pool { device: Some(DeviceNumber { major: 253, minor: 0 }), ..pool() };
    let thin = |id, used: u64, mount: &str| Thin {
        device_id: Some(id),
        pool: pool.device,
        filesystem: Some(Filesystem {
            mount: Some(mount.to_owned()),
            size: Some(Bytes(1 << 30)),
            free: Some(Bytes((1 << 30) - used * BLOCK.0)),
            ..Filesystem::default()
        }),
        ..Thin::default()
    };
    // Devices 8, 10 and 12 map 222, 207 and 242 blocks, of which 52, 7 and 42 are exclusive.
    host.thin_devices = vec![
        thin(8, 200, "/mnt/run"),
        thin(10, 207, "/mnt/gone"),
        thin(12, 100, "/mnt/late"),
        thin(3, 0, "/mnt/x"),
    ];
    let trims = |pool: &Pool| select(&host, pool, &owners, &blocks.usage(), &blocks, Bytes(1)).trims;
    let trim = |name: &str, most| Trim {
        name: name.to_owned(),
        mount: format!("/mnt/{name}"),
        most: DataBlocks(most),
    };
    assert_eq!(trims(&pool), [trim("late", 40), trim("run", 22)]);
    assert_eq!(trims(&Pool { discards: Some(Discards::Ignored), ..pool.clone() }), []);
}

#[test]
fn what_is_in_use_stays() {
    let blocks = blocks();
    let mut owners = owners();
    owners.in_use = [10, 14].into();
    let words = plan(&owners, &blocks, 10_000);
    let words = commands(&words).join("\n");
    for never in ["gone", "web", "run", "delete 14", "app:1"] {
        assert!(!words.contains(never), "{never} in {words}");
    }
    for state in [State::Running, State::Paused, State::Restarting, State::Removing, State::Unknown] {
        owners.containers.iter_mut().for_each(|c| c.state = state);
        assert!(
            !plan(&owners, &blocks, 10_000).steps.iter().any(|s| s.loss == Loss::EndedContainer),
            "{state:?}"
        );
    }
}

/// A device is leaked only if every record was read.
#[test]
fn strangers_stay_while_records_are_missing() {
    let blocks = blocks();
    let mut recording = recording();
    let records = format!("{}/devicemapper/metadata", super::fixture::ROOT);
    let text = format!("{}\nabc (EIO)", recording.said(Query::DeviceRecords, &records).unwrap());
    recording.push(Query::DeviceRecords, &records, Outcome::Answered(text));
    let owners = owners::read(&recording, &docker_host(&recording), &pool());
    let plan = plan(&owners, &blocks, 10_000);
    assert!(!plan.steps.iter().any(|s| s.loss == Loss::LeakedDevice));
    assert!(plan.left_alone.iter().any(|l| l.ends_with("that was not read: 1")), "{:?}", plan.left_alone);
}

/// A device created after the records were read may have a record by now.
#[test]
fn new_devices_are_not_leaked() {
    let (owners, blocks) = (owners(), blocks());
    let mut usage = blocks.usage();
    for made in [Some(7), Some(8), None] {
        usage.devices.last_mut().unwrap().transaction_id = made;
        let plan = select(&host(), &pool(), &owners, &usage, &blocks, Bytes(10_000 * BLOCK.0));
        assert!(!plan.steps.iter().any(|s| s.loss == Loss::LeakedDevice), "{made:?}");
        assert_eq!(plan.left_alone.len(), 1, "{:?}", plan.left_alone);
    }
}

#[test]
fn hostile_names_reach_no_command() {
    let blocks = blocks();
    let mut owners = owners();
    owners.containers[1].name = Some("-f $(reboot)".to_owned());
    owners.containers[2].name = Some("--force".to_owned());
    owners.images[3].id = "-f".to_owned();
    owners.images[1].tags = vec!["x; reboot:1".to_owned()];
    let plan = plan(&owners, &blocks, 10_000);
    assert_eq!(commands(&plan)[..2], ["docker rm 222222222222", "docker rm 333333333333"]);
    assert!(!commands(&plan).join(" ").contains("reboot"));
    assert!(plan.steps.iter().any(|s| s.id.is_none() && s.names.len() == 2), "no script types it either");
}

#[test]
fn a_pool_that_deletes_nothing() {
    let (owners, blocks) = (owners(), blocks());
    let mut pool = pool();
    pool.mode = Some(Mode::ReadOnly);
    let plan = select(&host(), &pool, &owners, &blocks.usage(), &blocks, BLOCK);
    assert_eq!(plan.blocked_by.len(), 1);
    struct Unable;
    impl Reclaim for Unable {
        fn in_turn(&self, _: &[Vec<u32>]) -> Option<Vec<u64>> {
            None
        }
    }
    let plan = select(&host(), &pool, &owners, &blocks.usage(), &Unable, BLOCK);
    assert_eq!((plan.steps.len(), plan.reachable, plan.most, plan.blocked_by.len()), (0, None, None, 2));
}

/// The devices that a plan's steps name in their commands.
fn devices(owners: &Owners, plan: &Selection) -> BTreeSet<u32> {
    let mut removal = thinspect::usage::Removal::new(owners);
    let mut gone = BTreeSet::new();
    for command in commands(plan) {
        let named = |names: &[String]| names.first().is_some_and(|n| command.split(' ').any(|w| w == n));
        let container = owners
            .containers
            .iter()
            .position(|c| c.name.as_ref().is_some_and(|n| command.ends_with(&format!("rm {n}"))));
        let image = owners
            .images
            .iter()
            .position(|i| named(&i.tags) || i.tags.is_empty() && command.contains("7777"));
        gone.extend(match (container, image) {
            (Some(place), _) => removal.container(place),
            (_, Some(place)) => removal.image(place).unwrap(),
            _ => vec![14],
        });
    }
    gone
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// For any need: enough is selected if possible, the claimed amount is freed, no single step is superfluous, and
    /// nothing in use is removed.
    #[test]
    fn any_need(need in 0_u64..400, states in proptest::collection::vec(0_usize..4, 3)) {
        let blocks = blocks();
        let mut owners = owners();
        for (container, state) in owners.containers.iter_mut().zip(states) {
            container.state = [State::Running, State::Exited, State::Created, State::Paused][state];
        }
        let plan = plan(&owners, &blocks, need);
        let most = plan.most.unwrap().0;
        prop_assert_eq!(plan.reachable, Some(need <= most));
        prop_assert!(plan.gain.0 >= need.min(most));
        let gone: Vec<u32> = devices(&owners, &plan).into_iter().collect();
        prop_assert_eq!(blocks.alone(&gone), Some(plan.gain.0));
        prop_assert_eq!(plan.steps.iter().map(|s| s.gain.0).sum::<u64>(), plan.gain.0);
        for container in owners.containers.iter().filter(|c| !c.state.is_idle()) {
            prop_assert!(!container.devices.iter().chain(&container.below).any(|id| gone.contains(id)));
        }
    }
}

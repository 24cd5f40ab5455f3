//! containerd's three databases: what is kept of them, and what owns the devices.

use super::bbolt::path;
use thinspect::host::model::pool::{self, Pool};
use thinspect::host::owners::{self, DeviceRole, Owners, Part, RecordKeeper, State};
use thinspect::record::owners::answer_at;
use thinspect::record::{Outcome, Query, Recording, Source};
use thinspect::usage::Removal;

const CHAIN: &str = "sha256:3a935c291ae4e3659c1d4194385053bba22514ec60f09e187909daa452024da9";

fn said(query: Query, name: &str) -> String {
    answer_at(query, &path(name)).said().unwrap().to_owned()
}

fn recording() -> Recording {
    let mut recording = Recording::new(Source::Machine, None);
    for (query, name) in [
        (Query::ContainerdDevices, "ctr-pool.db"),
        (Query::ContainerdSnapshots, "metadata.db"),
        (Query::ContainerdImages, "meta.db"),
    ] {
        recording.push(query, &format!("/ctr/{name}"), Outcome::Answered(said(query, name)));
    }
    recording
}

fn owners(recording: &Recording) -> Owners {
    let owner = pool::PoolOwner::Containerd { root: None };
    let pool = Pool { name: Some("ctr-pool".to_owned()), owner, ..Pool::default() };
    owners::read(recording, &thinspect::host::read(recording), &pool)
}

#[test]
fn answers() {
    let devices = said(Query::ContainerdDevices, "ctr-pool.db");
    let second = r#"{"name":"ctr-pool-snap-2","device_id":2,"size":1073741824,"state":4,"parent_name":"ctr-pool-snap-1","error":""}"#;
    assert_eq!(devices.lines().nth(1), Some(second));
    let snapshots = said(Query::ContainerdSnapshots, "metadata.db");
    let parent = format!("default/2/{CHAIN}");
    let second = format!(
        r#"{{"key":"default/3/t1","id":2,"kind":2,"parent":"{parent}","created":"2026-11-22T03:09:44.10597644Z","#
    );
    let line = snapshots.lines().nth(1).unwrap();
    assert!(line.starts_with(&second), "{line}");
    assert!(line.ends_with(r#""labels":{"containerd.io/snapshot/devmapper/fstype":"ext4"}}"#), "{line}");
    let images = said(Query::ContainerdImages, "meta.db");
    assert_eq!(images.lines().count(), 6, "{images}");
    for secret in ["spec", "process", "sleep", "SIGTERM", "gc.ref.content.l."] {
        assert!(!images.contains(secret), "{secret}");
    }
}

#[test]
fn who_owns_what() {
    let owners = owners(&recording());
    assert_eq!(owners.keeper, RecordKeeper::Containerd { database: "/ctr/ctr-pool.db".to_owned() });
    assert_eq!(owners.gaps, []);
    let chain = format!("default/2/{CHAIN}");
    assert_eq!(owners.of(1), [DeviceRole::Layer { chain, images: vec![0] }]);
    assert_eq!(owners.of(2), [DeviceRole::Container { container: 0, part: Part::Writable }]);
    let image = &owners.images[0];
    assert_eq!(
        (image.tags.as_slice(), &image.devices, image.whole),
        (&["docker.io/library/bb:1".to_owned()][..], &vec![1], true)
    );
    let container = &owners.containers[0];
    assert_eq!((container.id.as_str(), container.image, container.state), ("t1", Some(0), State::Unknown));
    assert_eq!((&container.devices, &container.below), (&vec![2], &vec![1]));
    let unmatched = owners.unmatched(&[1, 3].into()).unwrap();
    assert_eq!(
        (unmatched.without_record, unmatched.without_device, unmatched.certain),
        (vec![3], vec![2], true)
    );
}

#[test]
fn an_image_under_a_container_stays() {
    let owners = owners(&recording());
    let mut removal = Removal::new(&owners);
    assert_eq!(removal.image(0), None);
    assert_eq!(removal.container(0), [2]);
    assert_eq!(removal.image(0), Some(vec![1]));
}

const TASKS: &str = "/run/containerd/io.containerd.runtime.v2.task/default";

#[test]
fn what_a_container_does() {
    let state = |answers: &[(Query, &str, Outcome)]| {
        let mut recording = recording();
        answers.iter().for_each(|(query, target, outcome)| recording.push(*query, target, outcome.clone()));
        owners(&recording).containers[0].state
    };
    let says = |text: &str| Outcome::Answered(text.to_owned());
    let refused = |errno: &str| Outcome::Refused(errno.to_owned());
    let init = format!("{TASKS}/t1/init.pid");
    let (tasks, init) = ((Query::Dir, TASKS, says("t1\nt2")), (Query::File, init.as_str(), says("77")));
    let lives = (Query::Stat, "/proc/77", says("mode=40555"));
    assert_eq!(state(&[]), State::Unknown);
    assert_eq!(state(&[tasks.clone(), init.clone(), lives]), State::Running);
    // A process that is gone, or a virtual machine's, whose pid is stored elsewhere.
    assert_eq!(state(&[tasks.clone(), init]), State::Unknown);
    assert_eq!(state(std::slice::from_ref(&tasks)), State::Unknown);
    assert_eq!(state(&[(Query::Dir, TASKS, says("t2"))]), State::Stopped);
    assert_eq!(state(&[(Query::Dir, TASKS, refused("ENOENT"))]), State::Stopped);
    assert_eq!(state(&[(Query::Dir, TASKS, refused("EACCES"))]), State::Unknown);
    // With two state directories the container has a task in one of them.
    let other = "/other/io.containerd.runtime.v2.task/default";
    assert_eq!(state(&[tasks, (Query::Dir, other, refused("ENOENT"))]), State::Unknown);
}

/// A lease, a label, or a snapshot made by a person keeps an image's layers.
#[test]
fn what_others_keep_does_not_come_back() {
    let free = |lines: &[&str], snapshot: Option<&str>| {
        let mut recording = recording();
        let known = said(Query::ContainerdImages, "meta.db");
        // After the container is removed.
        let known: Vec<&str> =
            known.lines().filter(|line| !line.contains("container\"") && !line.contains("t1")).collect();
        let known = [known, lines.to_vec()].concat().join("\n");
        recording.push(Query::ContainerdImages, "/ctr/meta.db", Outcome::Answered(known));
        let snapshots = said(Query::ContainerdSnapshots, "metadata.db");
        let first = snapshots.lines().next().unwrap();
        let snapshots = [Some(first), snapshot].into_iter().flatten().collect::<Vec<_>>().join("\n");
        recording.push(Query::ContainerdSnapshots, "/ctr/metadata.db", Outcome::Answered(snapshots));
        let owners = owners(&recording);
        Removal::new(&owners).image(0)
    };
    assert_eq!(free(&[], None), Some(vec![1]));
    let lease = format!(
        r#"{{"is":"lease","namespace":"default","id":"l","snapshotter":"devmapper","key":"{CHAIN}"}}"#
    );
    assert_eq!(free(&[&lease], None), Some(vec![]));
    let marked = format!(
        r#"{{"is":"snapshot","namespace":"default","snapshotter":"devmapper","key":"x","name":"default/2/{CHAIN}","rooted":true}}"#
    );
    assert_eq!(free(&[&marked], None), Some(vec![]));
    let mine = format!(r#"{{"key":"default/9/mine","id":2,"kind":2,"parent":"default/2/{CHAIN}"}}"#);
    assert_eq!(free(&[], Some(&mine)), Some(vec![]));
}

#[test]
fn other_states_and_what_is_missing() {
    let mut recording = recording();
    let devices = [
        r#"{"name":"ctr-pool-snap-1","device_id":1,"size":1,"state":12}"#,
        r#"{"name":"ctr-pool-snap-9","device_id":9,"size":1,"state":10}"#,
        r#"{"name":"","device_id":5,"state":13}"#,
        "(page 4: is pointed to twice)",
        "nonsense",
    ];
    recording.push(Query::ContainerdDevices, "/ctr/ctr-pool.db", Outcome::Answered(devices.join("\n")));
    recording.push(Query::ContainerdImages, "/ctr/meta.db", Outcome::Refused("EACCES".to_owned()));
    let owners = owners(&recording);
    assert_eq!(owners.of(1), [DeviceRole::Deleted { record: "ctr-pool-snap-1".to_owned() }]);
    assert_eq!(owners.of(9), [DeviceRole::Orphan { record: "ctr-pool-snap-9".to_owned() }]);
    assert_eq!(owners.of(5), [DeviceRole::Faulty { record: String::new() }]);
    assert_eq!(owners.gaps.len(), 2, "{:?}", owners.gaps);
    let unmatched = owners.unmatched(&[1, 9, 30].into()).unwrap();
    assert_eq!((unmatched.without_record, unmatched.certain), (vec![30], false));
    assert_eq!(unmatched.without_device, Vec::<u32>::new(), "a reserved id has no device");
}

//! Docker's records joined: layers, images, containers, unknown devices; and records that contradict or are missing.

use super::fixture::{ROOT, blocks, docker_host, hex, owners, pool, recording};
use thinspect::host;
use thinspect::host::lvm::LvName;
use thinspect::host::model::thin::Thin;
use thinspect::host::owners::{self, DeviceRole, Part, State};
use thinspect::record::owners::answer_at;
use thinspect::record::{Outcome, Query, Recording, Source};
use thinspect::usage::Removal;

#[test]
fn every_device_has_its_owner() {
    let owners = owners();
    assert_eq!(owners.gaps, []);
    assert_eq!(owners.of(1), [DeviceRole::Base]);
    assert_eq!(owners.of(2), [DeviceRole::Layer { chain: hex('a'), images: vec![0, 1, 2, 3] }]);
    assert_eq!(owners.of(3), [DeviceRole::Layer { chain: hex('b'), images: vec![0, 3] }]);
    assert_eq!(owners.of(6), [DeviceRole::Layer { chain: hex('e'), images: vec![3] }]);
    assert_eq!(owners.of(7), [DeviceRole::Container { container: 0, part: Part::Init }]);
    assert_eq!(owners.of(8), [DeviceRole::Container { container: 0, part: Part::Writable }]);
    assert_eq!(owners.of(13), [DeviceRole::Orphan { record: "nobody".to_owned() }]);
    assert_eq!(owners.of(14), []);
    assert_eq!(owners.devices_of_image(3), [6, 3, 2]);
    let states: Vec<State> = owners.containers.iter().map(|c| c.state).collect();
    assert_eq!(states, [State::Running, State::Exited, State::Exited]);
    assert_eq!(owners.containers[0].devices, [8, 7]);
    assert_eq!(owners.containers[0].below, [3, 2]);
    assert_eq!(owners.containers[0].finished, None, "the year 1 is never");
    assert_eq!(owners.containers_of(3).map(|(place, _)| place).collect::<Vec<_>>(), [1, 2]);
    let unmatched = owners.unmatched(&blocks().ids()).unwrap();
    assert_eq!(
        (unmatched.without_record, unmatched.without_device, unmatched.certain),
        (vec![14], vec![13], true)
    );
}

#[test]
fn layers_go_when_nothing_holds_them() {
    let owners = owners();
    let mut removal = Removal::new(&owners);
    assert_eq!(removal.image(0), None, "a container stands on it");
    assert_eq!(removal.image(1), Some(vec![4]), "layer a serves others");
    assert_eq!(removal.container(1), [10, 9]);
    assert_eq!(removal.image(3), None, "another container stands on it");
    assert_eq!(removal.container(2), [12, 11]);
    assert_eq!(removal.image(3), Some(vec![6]));
    assert_eq!(removal.image(3), None, "once only");
    assert_eq!(removal.image(2), Some(vec![5]));
    assert_eq!(removal.container(0), [8, 7]);
    assert_eq!(removal.image(0), Some(vec![3, 2]));
}

#[test]
fn parents_without_a_name_go_with_their_child() {
    let mut owners = owners();
    // The untagged image a+d becomes the parent of `old:1`.
    owners.images[1].parent = Some(2);
    let mut removal = Removal::new(&owners);
    assert_eq!(removal.image(2), None, "an image was built on it");
    assert_eq!(removal.image(1), Some(vec![4, 5]));
}

/// Every missing answer is reported. Only missing device records make an unknown device uncertain; names of layers
/// and containers do not.
#[test]
fn every_missing_answer_is_a_gap() {
    let asks = [Query::DockerLayers, Query::DockerMounts, Query::DockerImages, Query::DockerContainers];
    let broken = [
        Outcome::Refused("EACCES".to_owned()),
        Outcome::TimedOut(1000),
        Outcome::NotAsked("no time".to_owned()),
        Outcome::Answered("(7 left out: too many)".to_owned()),
        Outcome::Answered("{\"chain\":7}\u{0}".to_owned()),
    ];
    for query in asks {
        for outcome in &broken {
            let mut recording = recording();
            recording.push(query, ROOT, outcome.clone());
            let owners = owners::read(&recording, &docker_host(&recording), &pool());
            let unmatched = owners.unmatched(&blocks().ids()).unwrap();
            assert!(!owners.gaps.is_empty() && unmatched.certain, "{query:?} {outcome:?}");
        }
    }
    let mut recording = recording();
    recording.push(
        Query::DeviceRecords,
        "/var/lib/docker/devicemapper/metadata",
        Outcome::Answered("abc (EACCES)\n".to_owned()),
    );
    let owners = owners::read(&recording, &docker_host(&recording), &pool());
    assert_eq!(owners.gaps.len(), 1, "{:?}", owners.gaps);
    assert!(!owners.unmatched(&blocks().ids()).unwrap().certain);
}

/// A pool left by another Docker: the ids in this one's records do not refer to it.
#[test]
fn another_dockers_pool_has_no_owners() {
    let recording = recording();
    for root in [None, Some("/elsewhere".to_owned())] {
        let stale = thinspect::host::model::pool::PoolOwner::Docker { root };
        let pool = thinspect::host::model::pool::Pool { owner: stale, ..pool() };
        let owners = owners::read(&recording, &docker_host(&recording), &pool);
        assert_eq!((owners.by_device.len(), owners.unmatched(&[1].into())), (0, None));
    }
}

#[test]
fn chains_that_bite_their_tail() {
    let mut recording = recording();
    let circle = [
        format!(
            r#"{{"chain":"{0}","cache":"cache-a","parent":"sha256:{1}","diff":"sha256:diff-a"}}"#,
            hex('a'),
            hex('b')
        ),
        format!(
            r#"{{"chain":"{1}","cache":"cache-b","parent":"sha256:{0}","diff":"sha256:diff-b"}}"#,
            hex('a'),
            hex('b')
        ),
    ];
    recording.push(Query::DockerLayers, ROOT, Outcome::Answered(circle.join("\n")));
    let owners = owners::read(&recording, &docker_host(&recording), &pool());
    assert!(owners.images.iter().all(|image| !image.whole));
    assert_eq!(owners.containers[0].below, [3, 2]);
}

#[test]
fn hostile_names_are_made_harmless() {
    let mut recording = recording();
    let id = hex('9');
    let line = format!(r#"{{"ID":"{id}","Name":"/\u001b[2Jx","State":{{"Running":false}}}}"#);
    recording.push(Query::DockerContainers, ROOT, Outcome::Answered(line));
    let owners = owners::read(&recording, &docker_host(&recording), &pool());
    let names: Vec<&str> = owners.containers.iter().filter_map(|c| c.name.as_deref()).collect();
    assert_eq!(names, ["\u{FFFD}[2Jx"]);
    assert_eq!(
        owners.containers.iter().filter(|c| c.state == State::Unknown).count(),
        3,
        "mounts without a container"
    );
}

#[test]
fn devices_of_nobodys_records_have_names_at_most() {
    let recording = thinspect::record::Recording::new(thinspect::record::Source::Machine, None);
    let mut host = thinspect::host::read(&recording);
    let device = thinspect::host::dm::table::DeviceNumber::read("253:2");
    let thin =
        |name: &str, id| Thin { name: name.to_owned(), pool: device, device_id: Some(id), ..Thin::default() };
    host.thin_devices = vec![thin("vg-lv--one", 1), thin("odd", 2)];
    let lv = thinspect::host::lvm::LvName { vg: "vg".to_owned(), lv: "pool".to_owned() };
    let pool = thinspect::host::model::pool::Pool { device, lv: Some(lv), ..Default::default() };
    let owners = owners::read(&recording, &host, &pool);
    let volume = thinspect::host::lvm::LvName { vg: "vg".to_owned(), lv: "lv-one".to_owned() };
    assert_eq!(owners.of(1), [DeviceRole::Volume(volume)]);
    assert_eq!(owners.of(2), [DeviceRole::Active("odd".to_owned())]);
    assert_eq!(owners.unmatched(&[1, 2, 3].into()), None, "an inactive volume is no stranger");
    assert_eq!(owners.in_use, [1, 2].into());
}

/// A Docker that never had a container has no directory of mounts; nothing is missing.
#[test]
fn before_the_first_container() {
    let mut recording = recording();
    recording.push(Query::DockerMounts, ROOT, Outcome::Refused("ENOENT".to_owned()));
    assert_eq!(owners::read(&recording, &docker_host(&recording), &pool()).gaps, []);
    recording.push(Query::DockerMounts, ROOT, Outcome::Refused("EACCES".to_owned()));
    assert_eq!(owners::read(&recording, &docker_host(&recording), &pool()).gaps.len(), 1);
}

/// BuildKit's cache database as on disk.
#[test]
fn build_steps() {
    let list = [env!("CARGO_MANIFEST_DIR"), "tests/owners/buildkit/snapshots.db"]
        .iter()
        .collect::<std::path::PathBuf>();
    let said = answer_at(Query::DockerBuildCache, &list);
    let lines: Vec<&str> = said.said().unwrap().lines().collect();
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[0], r#"{"key":"895sjgsaoiizl09l8rg2c32yg"}"#);
    assert!(lines[1].starts_with(
        r#"{"key":"adl7l9oy2w8ds1m8xkvo427x6","committed":"s47y66pn8w7qwylaplj7djkqt","chain":"sha256:ba400ee1fda1"#
    ));
    assert_eq!(lines[5], r#"{"key":"s47y66pn8w7qwylaplj7djkqt","parent":"uh1xz3w0locscarj4gk37ppbl"}"#);
}

/// LVM volumes from the group's backup, active or not; Stratis filesystems from their devices' names.
#[test]
fn names_without_an_engine() {
    let mut recording = Recording::new(Source::Machine, None);
    let mut say =
        |query, target: &str, text: &str| recording.push(query, target, Outcome::Answered(text.to_owned()));
    say(Query::DmList, "", "253:0 0 vg-pool-tpool\n253:1 0 vg-data");
    say(Query::DmTable, "vg-pool-tpool", "0 4096 thin-pool 7:1 7:0 128 64 ");
    say(Query::DmTable, "vg-data", "0 4096 thin 253:0 1");
    let info = |name: &str, minor: u32| {
        format!("Name:  {name}\nState:  ACTIVE\nMajor, minor:  253, {minor}\nUUID: LVM-{}", "x".repeat(64))
    };
    say(Query::DmInfo, "vg-pool-tpool", &(info("vg-pool-tpool", 0) + "-tpool"));
    say(Query::DmInfo, "vg-data", &info("vg-data", 1));
    let volume = |name: &str, id: u32| {
        format!(
            "{name} {{\nsegment1 {{\nextent_count = 10\ntype = \"thin\"\nthin_pool = \"pool\"\ndevice_id = {id}\n}}\n}}\n"
        )
    };
    let volumes =
        [volume("data", 1), volume("idle-snap", 2), volume("other", 3).replace("\"pool", "\"nopool")]
            .concat();
    say(
        Query::File,
        "/etc/lvm/backup/vg",
        &format!("vg {{\nextent_size = 8192\nlogical_volumes {{\n{volumes}}}\n}}\n"),
    );
    let host = host::read(&recording);
    let owners = owners::read(&recording, &host, &host.pools[0]);
    let volume = |lv: &str| [DeviceRole::Volume(LvName { vg: "vg".to_owned(), lv: lv.to_owned() })];
    assert_eq!(
        (owners.of(1), owners.of(2), owners.of(3)),
        (&volume("data")[..], &volume("idle-snap")[..], &[][..])
    );

    let name = "stratis-1-1f2ae191f25d4715bf14e80448521775-thin-fs-49e5d8a178e54fdead6db5692f697058";
    let mut recording = Recording::new(Source::Machine, None);
    let mut say =
        |query, target: &str, text: &str| recording.push(query, target, Outcome::Answered(text.to_owned()));
    say(Query::DmList, "", &format!("253:0 0 stratis-1-pool\n253:1 0 {name}"));
    say(Query::DmTable, "stratis-1-pool", "0 4096 thin-pool 7:1 7:0 128 64 ");
    say(Query::DmTable, name, "0 4096 thin 253:0 5");
    let host = host::read(&recording);
    let owners = owners::read(&recording, &host, &host.pools[0]);
    assert!(
        matches!(owners.of(5), [DeviceRole::StratisFilesystem { filesystem, .. }] if filesystem == "49e5d8a178e54fdead6db5692f697058"),
        "{:?}",
        owners.of(5)
    );
}

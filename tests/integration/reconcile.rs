//! A pool's own list of devices compared with its owner's records: leaked, lost, deleted or in progress, exact to the
//! block.

use thinspect::advice::Risk;
use thinspect::host;
use thinspect::record::{Outcome, Query, Recording, Source};
use thinspect::rules::{self, Finding};
use thinspect::verdict::{Certainty, Severity};

const POOL: &str = "docker-254:0-7356-pool";
const HOME: &str = "/var/lib/docker/devicemapper";

/// A Docker on loop files, which each test changes as needed.
#[derive(Clone)]
struct World {
    /// The pool's transaction id in its status, and in its metadata, which is read last.
    transactions: (u64, u64),
    /// `open_transaction_id` and `device_id` in Docker's transaction file.
    note: Option<(u64, u32)>,
    /// Records: hash, id, transaction, deleted.
    records: Vec<(&'static str, u32, u64, bool)>,
    /// Devices in the pool: id, mapped blocks, transaction.
    devices: Vec<(u32, u64, u64)>,
    /// Damage in the metadata.
    damage: Vec<&'static str>,
    steady: bool,
    data: (u64, u64),
    metadata: (u64, u64),
    used_metadata: u64,
    /// Additional answers.
    more: Vec<(Query, String, String)>,
}

/// The base device and a container with two devices; no operation in progress.
fn world() -> World {
    World {
        transactions: (8, 8),
        note: Some((8, 3)),
        records: vec![("base", 1, 1, false), ("c0ffee-init", 2, 7, false), ("c0ffee", 3, 8, false)],
        devices: vec![(1, 100, 0), (2, 102, 6), (3, 150, 7)],
        damage: Vec::new(),
        steady: true,
        data: (1000, 100_000),
        metadata: (300, 4096),
        used_metadata: 90,
        more: Vec::new(),
    }
}

impl World {
    fn recording(&self) -> Recording {
        let mut recording = Recording::new(Source::Machine, None);
        let mut say =
            |query, target: &str, text: String| recording.push(query, target, Outcome::Answered(text));
        let ((used, total), (used_metadata, total_metadata)) = (self.data, self.metadata);
        let (before, after) = self.transactions;
        say(Query::DmVersion, "", "4.47.0".into());
        say(Query::DmList, "", format!("253:0 0 {POOL}"));
        say(
            Query::DmTable,
            POOL,
            format!("0 {} thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ", total * 128),
        );
        say(Query::DmInfo, POOL, format!("Name:              {POOL}\nState:             ACTIVE\n"));
        let usage = format!("{before} {used_metadata}/{total_metadata} {used}/{total}");
        let status =
            format!("0 {} thin-pool {usage} - rw discard_passdown queue_if_no_space - 1024 ", total * 128);
        say(Query::DmStatus, POOL, status);
        say(Query::Processes, "dockerd", "700\tdockerd".into());
        say(Query::Stat, HOME, "mode=40700 size=4096 blocks=8 dev=254:0 ino=7356".into());
        let record = |(hash, id, transaction, deleted): &(&str, u32, u64, bool)| {
            format!(
                r#"{hash} {{"device_id":{id},"size":209715200,"transaction_id":{transaction},"deleted":{deleted}}}"#
            )
        };
        let records: Vec<String> = self.records.iter().map(record).collect();
        say(Query::DeviceRecords, &format!("{HOME}/metadata"), records.join("\n"));
        if let Some((open, device)) = self.note {
            let note = format!(r#"{{"open_transaction_id":{open},"device_hash":"x","device_id":{device}}}"#);
            say(Query::File, &format!("{HOME}/metadata/transaction-metadata"), note);
        }
        say(
            Query::DockerMounts,
            "/var/lib/docker",
            r#"{"container":"c1","mount":"c0ffee","init":"c0ffee-init"}"#.into(),
        );
        say(Query::DockerContainers, "/var/lib/docker", r#"{"ID":"c1","Name":"/web"}"#.into());
        for (query, target, text) in &self.more {
            say(*query, target, text.clone());
        }
        let mut lines = vec![format!(
            r#"{{"is":"pool","transaction_id":{after},"used_metadata_blocks":{},"total_metadata_blocks":{total_metadata},"devices":{},"damaged":{},"steady":{}}}"#,
            self.used_metadata,
            self.devices.len(),
            self.damage.len(),
            self.steady
        )];
        lines
            .extend(self.damage.iter().map(|what| format!(r#"{{"is":"damage","block":5,"what":"{what}"}}"#)));
        let device = |(id, mapped, transaction): &(u32, u64, u64)| {
            format!(r#"{{"is":"device","id":{id},"mapped_blocks":{mapped},"transaction_id":{transaction}}}"#)
        };
        lines.extend(self.devices.iter().map(device));
        say(Query::PoolMetadata, "7:1", lines.join("\n"));
        recording
    }

    fn findings(&self) -> Vec<Finding> {
        rules::findings(&host::read(&self.recording()))
    }

    fn finding(&self, rule: &str) -> Option<Finding> {
        self.findings().into_iter().find(|f| f.rule == rule)
    }

    fn leaked(&self) -> Option<Finding> {
        self.finding("thin-devices-leaked")
    }

    fn missing(&self) -> Option<Finding> {
        self.finding("docker-metadata-mismatch")
    }

    fn out_of_step(&self) -> Option<Finding> {
        self.finding("transaction-id-mismatch")
    }
}

fn commands(finding: &Finding, risk: Risk) -> Vec<&str> {
    finding.advice.iter().filter(|a| a.risk == risk).flat_map(|a| &a.commands).map(String::as_str).collect()
}

#[test]
fn where_all_agrees_nothing_is_said() {
    let quiet = world();
    assert!(quiet.findings().iter().all(|f| f.severity == Severity::Notice), "{:?}", quiet.findings());
    // A change in progress: the transaction file is one ahead, and either the device or its record exists.
    let making = World { note: Some((9, 4)), ..world() };
    let mut made = making.clone();
    made.devices.push((4, 0, 8));
    let mut deleted = World { note: Some((9, 3)), ..world() };
    deleted.devices.retain(|(id, ..)| *id != 3);
    for world in [making, made, deleted] {
        assert!(world.leaked().or(world.missing()).or(world.out_of_step()).is_none());
    }
}

#[test]
fn leaked_devices_are_counted_to_the_block() {
    let mut world = world();
    world.devices.extend([(4000, 160, 3), (4001, 0, 7)]);
    let finding = world.leaked().unwrap();
    assert_eq!((finding.severity, finding.certainty), (Severity::Warning, Certainty::Certain));
    assert!(
        finding
            .summary
            .plain()
            .starts_with("2 thin devices in the pool belong to nobody: they map 160 blocks (")
    );
    let wanted = format!(
        "for id in 4000 4001; do grep -rqsE \"\\\"device_id\\\":$id[,}}]\" {HOME}/metadata; \
         [ $? != 1 ] || dmsetup message {POOL} 0 \"delete $id\"; done"
    );
    assert_eq!(commands(&finding, Risk::Destroys), [wanted]);
}

/// A device created at or after the pool's transaction may not have its record yet.
#[test]
fn new_devices_are_nobodys_yet() {
    let mut world = world();
    world.devices.extend([(4000, 160, 8), (4001, 7, 9)]);
    assert_eq!(world.leaked(), None);
    world.transactions = (8, 11);
    assert_eq!(world.leaked(), None);
    world.transactions = (9, 11);
    let finding = world.leaked().unwrap();
    assert!(
        finding
            .summary
            .plain()
            .starts_with("1 thin device in the pool belongs to nobody: it maps 160 blocks")
    );
}

/// Nothing is deleted if the records may be from another pool, another time, or incomplete.
#[test]
fn doubt_keeps_from_deleting() {
    let mut leaky = world();
    leaky.devices.push((4000, 160, 3));
    let mut doubtful = Vec::new();
    let mut unread = leaky.clone();
    let records =
        leaky.recording().said(Query::DeviceRecords, &format!("{HOME}/metadata")).unwrap().to_owned();
    unread.more.push((Query::DeviceRecords, format!("{HOME}/metadata"), format!("{records}\nbeef (EACCES)")));
    doubtful.push(("a record was not read", unread));
    let mut other = leaky.clone();
    other.devices.retain(|(id, ..)| *id != 1);
    doubtful.push(("the base is not there", other));
    doubtful
        .push(("the records are older", World { note: Some((6, 3)), transactions: (9, 9), ..leaky.clone() }));
    doubtful.push(("the pool is older", World { note: Some((12, 3)), ..leaky.clone() }));
    let mut two = leaky.clone();
    let root = "/var/lib/docker/165536.165536";
    two.more.push((Query::Dir, "/var/lib/docker".into(), "165536.165536".into()));
    two.more.push((Query::Stat, format!("{root}/devicemapper"), "mode=40700 dev=254:0 ino=9".into()));
    let record = r#"base {"device_id":1,"size":1,"transaction_id":1}"#;
    two.more.push((Query::DeviceRecords, format!("{root}/devicemapper/metadata"), record.into()));
    doubtful.push(("two data roots", two));
    let mut held = leaky.clone();
    held.more.push((Query::DmList, String::new(), format!("253:0 0 {POOL}\n253:1 0 mine")));
    held.more.push((Query::DmTable, "mine".into(), "0 409600 thin 253:0 4000".into()));
    doubtful.push(("somebody uses it", held));
    for (why, world) in doubtful {
        let findings = world.findings();
        let all = findings.iter().flat_map(|f| f.advice.iter().map(move |a| (f.rule, a)));
        let destroys: Vec<_> = all.filter(|(_, a)| a.commands.iter().any(|c| c.contains("delete"))).collect();
        assert!(destroys.is_empty(), "{why}: {destroys:?}");
        let leaked = findings.iter().find(|f| f.rule == "thin-devices-leaked");
        assert!(leaked.is_none_or(|f| f.certainty == Certainty::Likely), "{why}");
    }
    // Control: without the doubt there is such advice.
    assert_eq!(commands(&leaky.leaked().unwrap(), Risk::Destroys).len(), 1);
}

#[test]
fn lost_devices_are_named() {
    let mut world = world();
    world.records.push(("feedfeedfeedfeed", 6, 5, false));
    world.devices.retain(|(id, ..)| *id != 3);
    world.note = Some((8, 2));
    let finding = world.missing().unwrap();
    assert_eq!((finding.severity, finding.certainty), (Severity::Critical, Certainty::Certain));
    assert_eq!(
        finding.summary.plain(),
        "2 of Docker's 4 recorded devices are not in the pool, those of container web, record feedfeedfeed"
    );
    assert_eq!(finding.evidence.first().unwrap().value.plain(), "3 (container web), 6 (record feedfeedfeed)");
    let create = format!("for id in 3 6; do dmsetup message {POOL} 0 \"create_thin $id\"; done");
    assert_eq!(commands(&finding, Risk::Changes), [create]);
    assert_eq!(commands(&finding, Risk::Destroys), ["docker rm -f web"]);
    assert!(commands(&finding, Risk::Reads).iter().any(|c| c.contains("feedfeedfeedfeed")));
    // While the pool changes, a device may have been removed with its record.
    world.transactions = (8, 9);
    assert_eq!(world.missing(), None);
}

#[test]
fn transactions_out_of_step() {
    let behind = World { note: Some((6, 3)), transactions: (9, 9), ..world() };
    let finding = behind.out_of_step().unwrap();
    assert_eq!(finding.certainty, Certainty::Likely);
    assert!(
        finding.summary.plain().ends_with("it is at transaction 9, Docker's records know 6"),
        "{}",
        finding.summary.plain()
    );
    assert_eq!(commands(&finding, Risk::Stops).first(), Some(&"systemctl restart docker"));
    let older = World { note: Some((12, 3)), ..world() };
    let finding = older.out_of_step().unwrap();
    assert_eq!(finding.certainty, Certainty::Certain);
    assert!(commands(&finding, Risk::Stops).is_empty());
    // Docker removes its transaction file when it starts on an older pool; the records still reveal it.
    let mut older = World { note: None, ..world() };
    older.records.push(("beef", 4, 12, false));
    let finding = older.out_of_step().unwrap();
    assert!(
        finding.summary.plain().ends_with("older than 1 of Docker's records of devices"),
        "{}",
        finding.summary.plain()
    );
    // While the pool changes, the two are from different moments anyway.
    assert_eq!(World { note: Some((12, 3)), transactions: (8, 11), ..world() }.out_of_step(), None);
}

#[test]
fn metadata_that_changes_while_it_is_read_says_nothing() {
    let mut moving = World { steady: false, damage: vec!["wrong checksum"], ..world() };
    moving.devices.push((4000, 160, 3));
    moving.devices.retain(|(id, ..)| *id != 3);
    assert!(moving.findings().iter().all(|f| f.severity == Severity::Notice), "{:?}", moving.findings());
}

#[test]
fn damage_on_the_device_is_critical() {
    let damaged = World { damage: vec!["wrong checksum", "keys do not ascend"], ..world() };
    let finding = damaged.findings().into_iter().next().unwrap();
    assert_eq!((finding.rule, finding.certainty), ("metadata-corrupt", Certainty::Certain));
    assert_eq!(
        finding.summary.plain(),
        "The pool's metadata is damaged on its device: block 5 wrong checksum, and 1 more"
    );
    assert_eq!(World { damage: Vec::new(), ..damaged }.finding("metadata-corrupt"), None);
}

#[test]
fn metadata_too_small_at_the_rate_so_far() {
    // One block in four is used, and takes a third of the metadata.
    let full = World { data: (25_000, 100_000), metadata: (1700, 4096), used_metadata: 1307, ..world() };
    let finding = full.finding("metadata-undersized").unwrap();
    // 7 bitmaps stay the same, 1300 blocks become 5200, and the kernel reserves 409.
    assert!(finding.evidence.iter().any(|e| e.value.is("5616 blocks")), "{:?}", finding.evidence);
    let early = World { data: (24_000, 100_000), ..full.clone() };
    assert_eq!(early.finding("metadata-undersized"), None);
    assert_eq!(World { used_metadata: 900, ..full }.finding("metadata-undersized"), None);
}

#[test]
fn deferred_deletions_are_counted() {
    let mut world = world();
    world.records = vec![("base", 1, 1, false), ("c0ffee-init", 2, 7, true), ("c0ffee", 3, 8, true)];
    let finding = world.finding("deferred-deletion-backlog").unwrap();
    assert!(
        finding.summary.plain().starts_with("2 deleted devices still map 252 blocks ("),
        "{}",
        finding.summary.plain()
    );
    assert_eq!(finding.severity, Severity::Notice);
    world.data = (1000, 10_000);
    assert_eq!(world.finding("deferred-deletion-backlog").unwrap().severity, Severity::Warning);
    assert_eq!(world.missing(), None);
}

/// containerd's snapshotter: faulty devices with and without blocks, and one awaiting deletion.
#[test]
fn containerds_devices() {
    let folder = "/var/lib/containerd/io.containerd.snapshotter.v1.devmapper";
    let device = |id: u32, state: i64| {
        format!(
            r#"{{"name":"{POOL}-snap-{id}","device_id":{id},"size":1,"state":{state},"parent_name":"","error":""}}"#
        )
    };
    let told = |states: &[(u32, i64)]| {
        let mut world = world();
        world.more = vec![(Query::Stat, HOME.into(), "mode=1 dev=9:9 ino=1".into())];
        let lines: Vec<String> = states.iter().map(|(id, state)| device(*id, *state)).collect();
        world.more.push((
            Query::File,
            "/etc/containerd/config.toml".into(),
            format!("pool_name = \"{POOL}\""),
        ));
        world.more.push((Query::ContainerdDevices, format!("{folder}/{POOL}.db"), lines.join("\n")));
        world.records = Vec::new();
        world.note = None;
        world
    };
    let world = told(&[(1, 4), (2, 13), (3, 12), (9, 13)]);
    let faulty = world.finding("containerd-device-faulty").unwrap();
    assert!(
        faulty
            .summary
            .plain()
            .starts_with("2 devices of containerd's are marked as faulty: 1 in the pool, with 102"),
        "{}",
        faulty.summary.plain()
    );
    let waiting = world.finding("deferred-deletion-backlog").unwrap();
    assert!(
        waiting.summary.plain().starts_with("1 deleted device still maps 150 blocks"),
        "{}",
        waiting.summary.plain()
    );
    // containerd has no transaction ids, so nothing is certain, and no deletion is advised.
    let leaked = told(&[(1, 4), (2, 4)]).leaked().unwrap();
    assert_eq!(leaked.certainty, Certainty::Likely);
    assert!(commands(&leaked, Risk::Destroys).is_empty());
    let missing = told(&[(1, 4), (2, 4), (3, 4), (7, 4)]).missing().unwrap();
    assert_eq!((missing.severity, missing.certainty), (Severity::Warning, Certainty::Likely));
}

/// For every truncated metadata answer: no panic, and unknown facts are not reported as healthy.
#[test]
fn every_prefix_of_the_answer() {
    let recording = world().recording();
    let text = recording.said(Query::PoolMetadata, "7:1").unwrap().to_owned();
    for end in 0..=text.len() {
        let mut recording = recording.clone();
        recording.push(Query::PoolMetadata, "7:1", Outcome::Answered(text.get(..end).unwrap().to_owned()));
        let findings = rules::findings(&host::read(&recording));
        assert!(findings.iter().all(|f| f.severity == Severity::Notice), "{end}: {findings:?}");
    }
}

//! Refreshing the recording of a scripted machine that changes between two polls.

use super::*;
use crate::record::collect;

const STATUS: &str =
    "0 8388608 thin-pool 4 100/1024 4000/65536 - rw discard_passdown queue_if_no_space - 256 ";
const FULLER: &str =
    "0 8388608 thin-pool 4 101/1024 5000/65536 - rw discard_passdown queue_if_no_space - 256 ";

#[derive(Clone, Default)]
struct Script {
    said: HashMap<(Query, String), Outcome>,
    asked: Vec<(Query, String)>,
}

impl Script {
    fn says(mut self, query: Query, target: &str, text: &str) -> Self {
        self.said.insert((query, target.to_owned()), Outcome::Answered(text.to_owned()));
        self
    }

    fn was_asked(&self, query: Query, target: &str) -> bool {
        self.asked.contains(&(query, target.to_owned()))
    }
}

impl Responder for Script {
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        self.asked.push((query, target.to_owned()));
        let nothing = || Outcome::Refused("ENOENT".to_owned());
        self.said.get(&(query, target.to_owned())).cloned().unwrap_or_else(nothing)
    }
}

fn machine() -> Script {
    Script::default()
        .says(Query::DmVersion, "", "4.47.0")
        .says(Query::DmList, "", "253:0 0 pool\n253:1 0 thin one")
        .says(Query::DmTable, "pool", "0 8388608 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ")
        .says(Query::DmTable, "thin one", "0 20480 thin 253:0 1")
        .says(Query::DmInfo, "pool", "Name: pool\nEvent number: 0\n")
        .says(Query::DmStatus, "pool", STATUS)
        .says(Query::DmStatus, "thin one", "0 20480 thin 128 127")
        .says(Query::Link, "/sys/dev/block/7:0", "../../devices/virtual/block/loop0")
        .says(Query::File, "/sys/dev/block/7:0/loop/backing_file", "/var/lib/docker/data\n")
        .says(Query::Stat, "/var/lib/docker/data", "mode=100600 size=4294967296 blocks=8000 dev=254:0 ino=7")
        .says(Query::Statfs, "/var/lib/docker/data", "block=4096 blocks=1000 free=500 available=500")
        .says(Query::KernelLog, "", "[    1.0] device-mapper: thin: hello\n")
}

fn recorded(machine: &Script) -> Recording {
    let options = collect::Options {
        recorded_at: Some("2026-11-22T02:20:16Z".to_owned()),
        ..collect::Options::default()
    };
    collect::record(&mut machine.clone(), &options)
}

fn after(machine: &mut Script, options: Options) -> Refresh {
    machine.asked.clear();
    refresh(machine, &recorded(&self::machine()), options)
}

/// The texts of all answers, sorted.
fn answers(recording: &Recording) -> Vec<String> {
    let mut all: Vec<String> = recording.answers.iter().map(|a| format!("{a:?}")).collect();
    all.sort();
    all
}

#[test]
fn an_idle_machine_is_asked_little_and_is_the_same() {
    let mut machine = machine();
    assert!(matches!(after(&mut machine, Options::default()), Refresh::Unchanged(_)));
    assert!(machine.asked.len() <= 7, "{:?}", machine.asked);
    assert!(!machine.was_asked(Query::DmTable, "thin one") && !machine.was_asked(Query::KernelLog, ""));
}

#[test]
fn what_moved_is_as_if_all_had_been_asked() {
    let mut machine = machine()
        .says(Query::DmStatus, "pool", FULLER)
        .says(Query::DmInfo, "pool", "Name: pool\nEvent number: 1\n")
        .says(Query::DmList, "", "253:0 1 pool\n253:1 0 thin one")
        .says(Query::Statfs, "/var/lib/docker/data", "block=4096 blocks=1000 free=400 available=400")
        .says(
            Query::KernelLog,
            "",
            "[    1.0] device-mapper: thin: hello\n[    9.0] device-mapper: thin: low\n",
        );
    let Refresh::Updated(moved) = after(&mut machine, Options { woken: true, spare_silent: false }) else {
        panic!("nothing moved")
    };
    assert_eq!(answers(&moved), answers(&recorded(&machine)));
    assert_ne!(moved.recorded_at.as_deref(), Some("2026-11-22T02:20:16Z"));
}

#[test]
fn containers_come_and_go() {
    let mut machine = machine().says(Query::DmList, "", "253:0 0 pool\n253:2 0 thin two").says(
        Query::DmTable,
        "thin two",
        "0 20480 thin 253:0 2",
    );
    let Refresh::Updated(moved) = after(&mut machine, Options::default()) else { panic!("nothing moved") };
    let host = crate::host::read(&moved);
    let thin_devices: Vec<&str> = host.thin_devices.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(thin_devices, ["thin two"]);
}

#[test]
fn other_pools_are_another_recording() {
    let fresh = "0 100 thin-pool 7:3 7:2 128 0 0 ";
    let others = [
        machine().says(Query::DmList, "", "253:1 0 thin one"),
        machine().says(Query::DmList, "", "253:0 0 pool\n253:1 0 thin one\n253:2 0 new").says(
            Query::DmTable,
            "new",
            fresh,
        ),
        machine().says(Query::DmList, "", "253:9 0 pool\n253:1 0 thin one"),
        machine().says(Query::DmTable, "pool", "0 9999999 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing "),
    ];
    for mut other in others {
        assert_eq!(after(&mut other, Options::default()), Refresh::Stale);
    }
    let mut silent = machine();
    silent.said.insert((Query::DmList, String::new()), Outcome::TimedOut(1000));
    assert_eq!(after(&mut silent, Options::default()), Refresh::Stale);
}

/// A new device wakes the watcher before it has a table.
#[test]
fn a_pool_in_the_making_is_not_overlooked() {
    let list = "253:0 0 pool\n253:1 0 thin one\n253:2 0 new";
    let mut machine = machine().says(Query::DmList, "", list).says(Query::DmTable, "new", "");
    let Refresh::Updated(moved) = after(&mut machine, Options::default()) else { panic!("nothing moved") };
    assert!(matches!(refresh(&mut machine, &moved, Options::default()), Refresh::Unchanged(_)));
    let mut machine = machine.says(Query::DmTable, "new", "0 100 thin-pool 7:3 7:2 128 0 0 ");
    assert_eq!(refresh(&mut machine, &moved, Options::default()), Refresh::Stale);
}

#[test]
fn a_stuck_pool_is_left_alone_while_somebody_waits_for_it() {
    let mut machine = machine();
    machine.said.insert((Query::DmStatus, "pool".to_owned()), Outcome::TimedOut(1000));
    let before = recorded(&machine);
    machine.asked.clear();
    let spared = refresh(&mut machine, &before, Options { woken: false, spare_silent: true });
    assert!(matches!(spared, Refresh::Unchanged(_)));
    assert!(!machine.was_asked(Query::DmStatus, "pool"));
    // No process is waiting any more, so the pool may be queried again.
    let mut machine = self::machine();
    let Refresh::Updated(moved) = refresh(&mut machine, &before, Options::default()) else {
        panic!("nothing moved")
    };
    assert_eq!(moved.said(Query::DmStatus, "pool"), Some(STATUS));
}

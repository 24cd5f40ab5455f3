//! A machine that answers from a script and moves between two looks.

use super::*;
use crate::record::live;

const STATUS: &str =
    "0 8388608 thin-pool 4 100/1024 4000/65536 - rw discard_passdown queue_if_no_space - 256 ";
const FULLER: &str =
    "0 8388608 thin-pool 4 101/1024 5000/65536 - rw discard_passdown queue_if_no_space - 256 ";

#[derive(Clone, Default)]
struct Script {
    said: HashMap<(Ask, String), Reading>,
    asked: Vec<(Ask, String)>,
}

impl Script {
    fn says(mut self, ask: Ask, of: &str, text: &str) -> Self {
        self.said.insert((ask, of.to_owned()), Reading::Said(text.to_owned()));
        self
    }

    fn was_asked(&self, ask: Ask, of: &str) -> bool {
        self.asked.contains(&(ask, of.to_owned()))
    }
}

impl Respondent for Script {
    fn ask(&mut self, ask: Ask, of: &str) -> Reading {
        self.asked.push((ask, of.to_owned()));
        let nothing = || Reading::Refused("ENOENT".to_owned());
        self.said.get(&(ask, of.to_owned())).cloned().unwrap_or_else(nothing)
    }
}

fn machine() -> Script {
    Script::default()
        .says(Ask::DmVersion, "", "4.47.0")
        .says(Ask::DmList, "", "253:0 0 pool\n253:1 0 thin one")
        .says(Ask::DmTable, "pool", "0 8388608 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing ")
        .says(Ask::DmTable, "thin one", "0 20480 thin 253:0 1")
        .says(Ask::DmInfo, "pool", "Name: pool\nEvent number: 0\n")
        .says(Ask::DmStatus, "pool", STATUS)
        .says(Ask::DmStatus, "thin one", "0 20480 thin 128 127")
        .says(Ask::Link, "/sys/dev/block/7:0", "../../devices/virtual/block/loop0")
        .says(Ask::File, "/sys/dev/block/7:0/loop/backing_file", "/var/lib/docker/data\n")
        .says(Ask::Stat, "/var/lib/docker/data", "mode=100600 size=4294967296 blocks=8000 dev=254:0 ino=7")
        .says(Ask::Statfs, "/var/lib/docker/data", "block=4096 blocks=1000 free=500 available=500")
        .says(Ask::KernelLog, "", "[    1.0] device-mapper: thin: hello\n")
}

fn recorded(machine: &Script) -> Recording {
    let options =
        live::Options { recorded_at: Some("2026-11-22T02:20:16Z".to_owned()), ..live::Options::default() };
    live::record(&mut machine.clone(), &options)
}

fn after(machine: &mut Script, options: Options) -> Again {
    machine.asked.clear();
    again(machine, &recorded(&self::machine()), options)
}

/// What both say, in any order.
fn answers(recording: &Recording) -> Vec<String> {
    let mut all: Vec<String> = recording.answers.iter().map(|a| format!("{a:?}")).collect();
    all.sort();
    all
}

#[test]
fn an_idle_machine_is_asked_little_and_is_the_same() {
    let mut machine = machine();
    assert!(matches!(after(&mut machine, Options::default()), Again::Same(_)));
    assert!(machine.asked.len() <= 7, "{:?}", machine.asked);
    assert!(!machine.was_asked(Ask::DmTable, "thin one") && !machine.was_asked(Ask::KernelLog, ""));
}

#[test]
fn what_moved_is_as_if_all_had_been_asked() {
    let mut machine = machine()
        .says(Ask::DmStatus, "pool", FULLER)
        .says(Ask::DmInfo, "pool", "Name: pool\nEvent number: 1\n")
        .says(Ask::DmList, "", "253:0 1 pool\n253:1 0 thin one")
        .says(Ask::Statfs, "/var/lib/docker/data", "block=4096 blocks=1000 free=400 available=400")
        .says(
            Ask::KernelLog,
            "",
            "[    1.0] device-mapper: thin: hello\n[    9.0] device-mapper: thin: low\n",
        );
    let Again::Moved(moved) = after(&mut machine, Options { woken: true, spare_silent: false }) else {
        panic!("nothing moved")
    };
    assert_eq!(answers(&moved), answers(&recorded(&machine)));
    assert_ne!(moved.recorded_at.as_deref(), Some("2026-11-22T02:20:16Z"));
}

#[test]
fn containers_come_and_go() {
    let mut machine = machine().says(Ask::DmList, "", "253:0 0 pool\n253:2 0 thin two").says(
        Ask::DmTable,
        "thin two",
        "0 20480 thin 253:0 2",
    );
    let Again::Moved(moved) = after(&mut machine, Options::default()) else { panic!("nothing moved") };
    let host = crate::host::read(&moved);
    let thins: Vec<&str> = host.thins.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(thins, ["thin two"]);
}

#[test]
fn other_pools_are_another_recording() {
    let fresh = "0 100 thin-pool 7:3 7:2 128 0 0 ";
    let others = [
        machine().says(Ask::DmList, "", "253:1 0 thin one"),
        machine().says(Ask::DmList, "", "253:0 0 pool\n253:1 0 thin one\n253:2 0 new").says(
            Ask::DmTable,
            "new",
            fresh,
        ),
        machine().says(Ask::DmList, "", "253:9 0 pool\n253:1 0 thin one"),
        machine().says(Ask::DmTable, "pool", "0 9999999 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing "),
    ];
    for mut other in others {
        assert_eq!(after(&mut other, Options::default()), Again::Other);
    }
    let mut silent = machine();
    silent.said.insert((Ask::DmList, String::new()), Reading::Silent(1000));
    assert_eq!(after(&mut silent, Options::default()), Again::Other);
}

/// An event wakes the watcher when a device is made, before it has a table.
#[test]
fn a_pool_in_the_making_is_not_overlooked() {
    let list = "253:0 0 pool\n253:1 0 thin one\n253:2 0 new";
    let mut machine = machine().says(Ask::DmList, "", list).says(Ask::DmTable, "new", "");
    let Again::Moved(moved) = after(&mut machine, Options::default()) else { panic!("nothing moved") };
    assert!(matches!(again(&mut machine, &moved, Options::default()), Again::Same(_)));
    let mut machine = machine.says(Ask::DmTable, "new", "0 100 thin-pool 7:3 7:2 128 0 0 ");
    assert_eq!(again(&mut machine, &moved, Options::default()), Again::Other);
}

#[test]
fn a_stuck_pool_is_left_alone_while_somebody_waits_for_it() {
    let mut machine = machine();
    machine.said.insert((Ask::DmStatus, "pool".to_owned()), Reading::Silent(1000));
    let before = recorded(&machine);
    machine.asked.clear();
    let spared = again(&mut machine, &before, Options { woken: false, spare_silent: true });
    assert!(matches!(spared, Again::Same(_)));
    assert!(!machine.was_asked(Ask::DmStatus, "pool"));
    // Nobody waits any more: it may answer again.
    let mut machine = self::machine();
    let Again::Moved(moved) = again(&mut machine, &before, Options::default()) else {
        panic!("nothing moved")
    };
    assert_eq!(moved.said(Ask::DmStatus, "pool"), Some(STATUS));
}

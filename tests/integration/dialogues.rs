//! Dialogues: a failure is pasted, the program asks, the answer is pasted below, and fewer suspects remain.

use thinspect::report::{Report, Source};
use thinspect::{host, record};

fn report(pastes: &[&str]) -> Report {
    Report::new(host::read(&record::paste::paste(&pastes.join("\n"))), Source::Pasted, None)
}

fn suspects(report: &Report) -> Vec<&str> {
    report.diagnosis.suspects.iter().map(|s| s.rule).collect()
}

fn excluded(report: &Report) -> Vec<&str> {
    report.diagnosis.excluded.iter().map(|e| e.rule).collect()
}

fn found(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|f| f.rule).collect()
}

const NO_SPACE: &str = "cp: error writing '/data/big.tar': No space left on device";
const ROOMY: &str =
    "vg-pool: 0 209715200 thin-pool 4 2575/25600 30000/204800 - rw discard_passdown queue_if_no_space - 1024";
const FULL: &str = "vg-pool: 0 209715200 thin-pool 4 2575/25600 204800/204800 - out_of_data_space discard_passdown queue_if_no_space - 1024";

#[test]
fn a_full_pool_is_one_answer() {
    let first = report(&[NO_SPACE]);
    assert!(found(&first).is_empty() && suspects(&first).contains(&"data-full"), "{:?}", suspects(&first));
    let second = report(&[NO_SPACE, FULL]);
    assert_eq!(found(&second).first(), Some(&"data-full"));
    assert!(!second.diagnosis.is_open(), "it is explained");
}

#[test]
fn a_roomy_pool_rules_itself_out_and_the_filesystem_decides() {
    let first = report(&[NO_SPACE]);
    let second = report(&[NO_SPACE, ROOMY]);
    for rule in ["data-full", "data-below-min-free"] {
        assert!(suspects(&first).contains(&rule), "{rule} is open at first");
        assert!(!suspects(&second).contains(&rule), "{rule}: {:?}", suspects(&second));
    }
    let third = report(&[
        NO_SPACE,
        ROOMY,
        "Filesystem            Inodes   IUsed IFree IUse% Mounted on\n/dev/mapper/vg-data  6553600 6553600     0  100% /data",
    ]);
    assert!(found(&third).contains(&"inodes-exhausted"), "{:?}", found(&third));
}

#[test]
fn a_refused_deletion_is_narrowed_by_the_mode() {
    let refused = "Error running DeleteDevice dm_task_run failed";
    let io = "fstrim: /data: FITRIM ioctl failed: Input/output error";
    let first = report(&[io]);
    assert!(suspects(&first).contains(&"pool-read-only"));
    let second = report(&[io, ROOMY]);
    assert!(excluded(&second).contains(&"pool-read-only"), "{:?}", excluded(&second));
    assert_eq!(suspects(&second).first(), Some(&"block-device-failing"));
    let third = report(&[
        io,
        refused,
        "vg-pool: 0 209715200 thin-pool 4 2575/25600 30000/204800 - ro discard_passdown queue_if_no_space - 1024",
    ]);
    assert_eq!(found(&third).first(), Some(&"pool-read-only"));
    assert!(!third.diagnosis.is_open());
}

#[test]
fn a_disk_that_fails_is_the_second_answer() {
    let failed = "XFS (dm-5): log I/O error -5";
    let first = report(&[failed]);
    assert!(suspects(&first).contains(&"block-device-failing"));
    let second = report(&[
        failed,
        "[88231.507114] critical medium error, dev sda, sector 4194304 op 0x0:(READ) flags 0x80700",
    ]);
    assert_eq!(found(&second).first(), Some(&"block-device-failing"));
    assert!(!second.diagnosis.is_open());
}

#[test]
fn a_log_whose_last_word_is_write_mode_is_past() {
    let full = "[100.000001] device-mapper: thin: 253:4: switching pool to out-of-data-space (queue IO) mode";
    let again = "[200.000001] device-mapper: thin: 253:4: switching pool to write mode";
    assert!(report(&[ROOMY, full]).diagnosis.is_open(), "the status denies it, nothing ends it");
    assert!(!report(&[ROOMY, full, again]).diagnosis.is_open(), "the log ends it itself");
    assert!(report(&[ROOMY, again, full]).diagnosis.is_open(), "it came after");
}

#[test]
fn where_no_engine_is_none_is_suspected() {
    let rows = "  LV   VG Attr       LSize   Pool Origin Data%  Meta%\n  pool vg twi-aotz-- 100.00g             41.20  12.00\n  \
                vm1  vg Vwi-aotz--  10.00g pool        80.00";
    let failed = "qemu-kvm: write: No space left on device";
    let alone = report(&["write error: No space left on device"]);
    assert!(suspects(&alone).contains(&"container-size-limit"), "nothing says whose pool it is");
    let beside = report(&["write error: No space left on device", rows]);
    assert!(!suspects(&beside).contains(&"container-size-limit"), "{:?}", suspects(&beside));
    assert!(excluded(&beside).contains(&"container-size-limit"), "{:?}", excluded(&beside));
    assert!(!suspects(&report(&[failed, rows])).is_empty());
}

//! After a refusal or timeout of any one query, all others are still made and every answer is kept.

use std::collections::{BTreeSet, HashMap};
use thinspect::record::collect::{Options, record};
use thinspect::record::{Outcome, Query, Recording, Responder, Source};
use thinspect::report::{Report, Source as ReportSource};
use thinspect::verdict::Verdict;

/// A machine with scripted answers, one of which is replaced by a failure.
struct Script {
    said: HashMap<(Query, String), String>,
    fault: Option<(usize, Outcome)>,
    asked: Vec<(Query, String)>,
}

impl Responder for Script {
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        let number = self.asked.len();
        let question = (query, target.to_owned());
        self.asked.push(question.clone());
        match &self.fault {
            Some((at, fault)) if *at == number => fault.clone(),
            _ => self.said.get(&question).map_or_else(nothing, |text| Outcome::Answered(text.clone())),
        }
    }
}

fn nothing() -> Outcome {
    Outcome::Refused("ENOENT".to_owned())
}

fn script(lines: &[(Query, &str, &str)]) -> HashMap<(Query, String), String> {
    lines.iter().map(|(query, target, text)| ((*query, (*target).to_owned()), (*text).to_owned())).collect()
}

const POOL: &str = "docker-254:0-7356-pool";
const HASH: &str = "cff8ffd03bbe4552bb31d5d442c6b95295f15452932e66869c338a1b3eea6d02";

/// Docker 20.10 on loop files, below its free-space floor, one container running (Debian 12, Linux 6.1).
fn loopback() -> HashMap<(Query, String), String> {
    let container = format!("docker-254:0-7356-{HASH}");
    let mount = format!("/var/lib/docker/devicemapper/mnt/{HASH}");
    let mounts = format!(
        "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
         31 30 253:1 / {mount} rw,relatime - xfs /dev/mapper/{container} rw,nouuid\n"
    );
    let mut said = script(&[
        (Query::Uname, "", "Linux 6.1.0-56-cloud-amd64 x86_64"),
        (Query::File, "/proc/uptime", "260.41 480.07\n"),
        (Query::DmVersion, "", "4.47.0"),
        (Query::DmList, "", &format!("253:0 0 {POOL}\n253:1 0 {container}\n253:2 0 swap")),
        (Query::DmTable, POOL, "0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing "),
        (Query::DmTable, &container, "0 20971520 thin 253:0 15"),
        (Query::DmTable, "swap", "0 2097152 crypt <redacted>"),
        (Query::DmInfo, POOL, &format!("Name:              {POOL}\nState:             ACTIVE\n")),
        (Query::DmInfo, &container, &format!("Name:              {container}\nState:             ACTIVE\n")),
        (
            Query::DmStatus,
            POOL,
            "0 209715200 thin-pool 28 16057/524288 1476414/1638400 - rw discard_passdown queue_if_no_space - 1024 ",
        ),
        (Query::DmStatus, &container, "0 20971520 thin 153600 20971519"),
        (Query::File, "/proc/self/mountinfo", &mounts),
        (
            Query::Statfs,
            &mount,
            "block=4096 blocks=2618880 free=2599680 available=2599680 files=5242880 files_free=5242870",
        ),
        (Query::File, "/sys/fs/xfs/dm-1/error/metadata/ENOSPC/max_retries", "-1\n"),
        (Query::File, "/sys/module/dm_thin_pool/parameters/no_space_timeout", "60\n"),
        (
            Query::Statfs,
            "/",
            "block=4096 blocks=3046395 free=2853014 available=2693478 files=786432 files_free=779009",
        ),
        (
            Query::Processes,
            "dockerd",
            "1866\tdockerd\t--data-root\t/var/lib/docker\t--log-opt\tsplunk-token=<redacted>",
        ),
        (Query::Dir, "/var/lib/docker", "containers\ndevicemapper\nimage"),
        (Query::Stat, "/var/lib/docker/devicemapper", "mode=40700 size=4096 blocks=8 dev=254:0 ino=7356"),
        (Query::Run, "dockerd --version", "Docker version 20.10.24+dfsg1, build 297e128\n"),
        (
            Query::File,
            "/etc/docker/daemon.json",
            r#"{"storage-opts": [], "http-proxy": "http://user:word@proxy"}"#,
        ),
    ]);
    let home = "/var/lib/docker/devicemapper";
    said.extend(script(&[
        (
            Query::File,
            &format!("{home}/metadata/base"),
            r#"{"device_id":1,"size":10737418240,"transaction_id":1}"#,
        ),
        (Query::File, &format!("{home}/metadata/transaction-metadata"), r#"{"open_transaction_id":28}"#),
        (
            Query::DeviceRecords,
            &format!("{home}/metadata"),
            &format!("{HASH} {{\"device_id\":15}}\nbase {{}}"),
        ),
    ]));
    for (number, half, size, blocks, inode) in
        [("7:0", "data", "209715200", "146104", "7359"), ("7:1", "metadata", "4194304", "95688", "7360")]
    {
        let base = format!("/sys/dev/block/{number}");
        let file = format!("{home}/devicemapper/{half}");
        let minor = number.trim_start_matches("7:");
        said.extend(script(&[
            (Query::Link, &base, &format!("../../devices/virtual/block/loop{minor}")),
            (Query::File, &format!("{base}/size"), &format!("{size}\n")),
            (Query::File, &format!("{base}/ro"), "0\n"),
            (Query::File, &format!("{base}/loop/backing_file"), &format!("{file}\n")),
            (Query::File, &format!("{base}/loop/autoclear"), "1\n"),
            (Query::LoopStatus, number, &format!("dev=254:0 ino={inode} offset=0 sizelimit=0 flags=4")),
            (Query::Stat, &file, &format!("mode=100600 size=0 blocks={blocks} dev=254:0 ino={inode}")),
            (
                Query::Statfs,
                &file,
                "block=4096 blocks=3046395 free=2853014 available=2693478 files=786432 files_free=1",
            ),
        ]));
    }
    said
}

/// Docker on an LVM pool, with another data root and dmeventd running.
fn direct_lvm() -> HashMap<(Query, String), String> {
    let mut said = script(&[
        (Query::DmVersion, "", "4.47.0"),
        (
            Query::DmList,
            "",
            "253:0 0 docker-thinpool_tmeta\n253:1 0 docker-thinpool_tdata\n253:2 0 docker-thinpool",
        ),
        (Query::DmTable, "docker-thinpool", "0 19914752 thin-pool 253:0 253:1 1024 0 1 skip_block_zeroing "),
        (Query::DmTable, "docker-thinpool_tmeta", "0 204800 linear 254:17 19916800"),
        (Query::DmTable, "docker-thinpool_tdata", "0 19914752 linear 254:17 2048"),
        (Query::DmInfo, "docker-thinpool", "Name:              docker-thinpool\nUUID: LVM-1P9rmQ-tpool\n"),
        (
            Query::DmStatus,
            "docker-thinpool",
            "0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024 ",
        ),
        (Query::Processes, "dockerd", "700\t/usr/bin/dockerd"),
        (Query::File, "/etc/docker/daemon.json", r#"{"data-root": "/lvm"}"#),
        (Query::Stat, "/lvm/devicemapper", "mode=40700 size=4096 blocks=8 dev=254:0 ino=1179671"),
        (Query::DeviceRecords, "/lvm/devicemapper/metadata", "base {\"device_id\":1}"),
        (Query::Processes, "dmeventd", "412\t/sbin/dmeventd\t-f"),
        (Query::File, "/etc/lvm/lvm.conf", "# a comment\nactivation {\n}\n"),
        (Query::Dir, "/etc/lvm/profile", "docker-thinpool.profile\nREADME"),
        (
            Query::File,
            "/etc/lvm/profile/docker-thinpool.profile",
            "activation {\nthin_pool_autoextend_threshold=80\n}\n",
        ),
        (Query::Run, "lvs -o +seg_monitor", "{}"),
        (Query::Run, "vgs", "{}"),
    ]);
    for (number, half) in [("253:0", "tmeta"), ("253:1", "tdata")] {
        let base = format!("/sys/dev/block/{number}");
        said.extend(script(&[
            (
                Query::Link,
                &base,
                &format!("../../devices/virtual/block/dm-{}", number.trim_start_matches("253:")),
            ),
            (Query::File, &format!("{base}/dm/name"), &format!("docker-thinpool_{half}\n")),
            (Query::File, &format!("{base}/dm/uuid"), &format!("LVM-1P9rmQ-{half}\n")),
            (Query::Dir, &format!("{base}/slaves"), "vdb1"),
            (Query::File, &format!("{base}/slaves/vdb1/dev"), "254:17\n"),
        ]));
    }
    said.extend(script(&[
        (Query::Link, "/sys/dev/block/254:17", "../../devices/pci0000:00/virtio2/block/vdb/vdb1"),
        (Query::File, "/sys/dev/block/254:17/partition", "1\n"),
        (Query::File, "/sys/dev/block/254:17/../dev", "254:16\n"),
        (Query::Link, "/sys/dev/block/254:16", "../../devices/pci0000:00/virtio2/block/vdb"),
        (Query::File, "/sys/dev/block/254:16/queue/discard_max_bytes", "2147483136\n"),
    ]));
    said
}

fn ask(
    said: &HashMap<(Query, String), String>,
    fault: Option<(usize, Outcome)>,
) -> (Recording, Vec<(Query, String)>) {
    let mut script = Script { said: said.clone(), fault, asked: Vec::new() };
    let options = Options {
        recorded_at: Some("2026-11-22T02:20:16Z".to_owned()),
        commands: true,
        owners: true,
        ..Options::default()
    };
    let recording = record(&mut script, &options);
    (recording, script.asked)
}

fn faults() -> Vec<Outcome> {
    let errnos = ["EACCES", "EPERM", "ENXIO", "ENOENT", "EIO", "EINVAL"];
    let mut faults: Vec<Outcome> = errnos.iter().map(|e| Outcome::Refused((*e).to_owned())).collect();
    faults.push(Outcome::TimedOut(1000));
    faults.push(Outcome::Answered(String::new()));
    faults.push(Outcome::Answered("\u{0}: nonsense 9:9 \n\n7:0 thin-pool".to_owned()));
    faults
}

/// Whether a query may be skipped after a failure, because only the missing answer leads to it.
fn depends(on: &(Query, String), other: &(Query, String)) -> bool {
    let of_device = |query| matches!(query, Query::DmTable | Query::DmInfo | Query::DmStatus);
    match on.0 {
        // Without the list or a table, the names of devices and what is below them are unknown.
        Query::DmList | Query::DmTable => {
            of_device(other.0)
                || other.1.starts_with("/sys/dev/block/")
                || other.1.starts_with("/sys/fs/xfs/")
                || other.1.contains("/mnt/")
                || matches!(other.0, Query::LoopStatus | Query::PoolMetadata | Query::Signatures)
                || other.1.contains("/devicemapper/devicemapper")
                || other.1.ends_with("/thin_check")
                || is_lvm(other)
        }
        // A pool with unknown state does not reveal its thin devices and owner.
        Query::DmStatus | Query::DmInfo => {
            other.0 == Query::DmStatus
                || other.1.contains("/mnt/")
                || other.1.starts_with("/sys/fs/")
                || is_lvm(other)
        }
        Query::File if on.1.starts_with("/sys/") => {
            other.1.contains("/devicemapper/devicemapper")
                || other.1.starts_with("/sys/dev/block/")
                || is_lvm(other)
        }
        Query::Link | Query::Dir if on.1.starts_with("/sys/") => {
            other.1.starts_with("/sys/dev/block/") || matches!(other.0, Query::LoopStatus)
        }
        Query::File if on.1 == "/proc/self/mountinfo" => {
            other.1.contains("/mnt/") || other.1.starts_with("/sys/fs/")
        }
        // The file may name the data root, and data to be moved is below it.
        Query::File if on.1.starts_with("/etc/docker") => other.1.starts_with("/lvm") || is_of_moves(other),
        // Without a known daemon no version is queried, unless Docker's files exist.
        Query::Processes | Query::Run => other.0 == Query::Run || other.1 == "docker",
        Query::Dir => other.1.starts_with(&on.1) || is_lvm(other),
        // Without the driver's directory, Docker has nothing in a pool.
        Query::Stat => {
            other.1.starts_with(&on.1)
                || other.0 == Query::Run
                || on.1.strip_suffix("/devicemapper").is_some_and(|root| other.1.starts_with(root))
                || is_of_moves(other)
        }
        _ => false,
    }
}

/// Only queried if something could be moved.
fn is_of_moves(question: &(Query, String)) -> bool {
    question.0 == Query::Statfs || question.1 == "/proc/filesystems"
}

fn is_lvm(question: &(Query, String)) -> bool {
    question.1.starts_with("/etc/lvm") || question.1 == "dmeventd" || matches!(question.0, Query::Run)
}

#[test]
fn any_fault_of_any_question_leaves_the_others() {
    for said in [loopback(), direct_lvm(), HashMap::new()] {
        let (_, questions) = ask(&said, None);
        for (number, question) in questions.iter().enumerate() {
            for fault in faults() {
                let (recording, asked) = ask(&said, Some((number, fault.clone())));
                let outcome = recording.outcome(question.0, &question.1).unwrap();
                match &fault {
                    Outcome::Answered(_) => assert!(outcome.said().is_some(), "{question:?}"),
                    fault => assert_eq!(outcome, fault, "{question:?}"),
                }
                let asked: BTreeSet<&(Query, String)> = asked.iter().collect();
                let left = recording.answers.iter().filter(|a| matches!(a.outcome, Outcome::NotAsked(_)));
                let left: BTreeSet<(Query, String)> = left.map(|a| (a.query, a.target.clone())).collect();
                for other in questions.iter().filter(|q| !asked.contains(q) && !left.contains(q)) {
                    assert!(
                        depends(question, other),
                        "{fault:?} at {question:?} kept {other:?} from being asked"
                    );
                }
            }
        }
    }
}

#[test]
fn every_question_is_asked_once() {
    for said in [loopback(), direct_lvm()] {
        let (recording, asked) = ask(&said, None);
        assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len());
        for question in said.keys() {
            assert!(recording.outcome(question.0, &question.1).is_some(), "{question:?} is never asked");
        }
    }
}

#[test]
fn a_silent_pool_keeps_its_thin_devices_from_being_asked() {
    let said = loopback();
    let (_, questions) = ask(&said, None);
    let pool = questions.iter().position(|q| *q == (Query::DmStatus, POOL.to_owned())).unwrap();
    let (recording, asked) = ask(&said, Some((pool, Outcome::TimedOut(1000))));
    let container = format!("docker-254:0-7356-{HASH}");
    assert!(!asked.contains(&(Query::DmStatus, container.clone())));
    let outcome = recording.outcome(Query::DmStatus, &container).unwrap();
    assert_eq!(*outcome, Outcome::NotAsked("its pool did not answer".to_owned()));
    let touched = asked.iter().any(|(query, target)| *query == Query::Statfs && target.contains("/mnt/"));
    assert!(!touched, "the filesystem on a stuck pool is left alone");
}

#[test]
fn a_table_that_is_refused_may_be_a_pools() {
    let said = loopback();
    let (_, questions) = ask(&said, None);
    let table = questions.iter().position(|q| *q == (Query::DmTable, POOL.to_owned())).unwrap();
    let (recording, _) = ask(&said, Some((table, Outcome::Refused("EIO".to_owned()))));
    assert!(recording.said(Query::DmStatus, POOL).is_some());
}

#[test]
fn secrets_are_not_kept() {
    let (recording, _) = ask(&loopback(), None);
    let kept = serde_json::to_string(&recording).unwrap();
    assert!(!kept.contains("user:word"));
    assert!(kept.contains("<redacted>"));
}

#[test]
fn commands_can_be_forbidden() {
    let mut script = Script { said: direct_lvm(), fault: None, asked: Vec::new() };
    let recording = record(&mut script, &Options::default());
    assert!(script.asked.iter().all(|(query, _)| *query != Query::Run));
    assert!(matches!(recording.outcome(Query::Run, "vgs"), Some(Outcome::NotAsked(_))));
}

/// A healthy machine with one refused or unanswered query: other findings stay, and if the query was about a pool or
/// device-mapper itself, the verdict is not `ok`.
#[test]
fn a_gap_about_a_pool_is_never_ok() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/lab-fresh-loopback/recording.json");
    let recording = thinspect::record::format::load(&std::fs::read(path).unwrap()).unwrap();
    let verdict = |recording: &Recording| {
        let host = thinspect::host::read(recording);
        Report::new(host, ReportSource::Recording, None).verdict
    };
    assert_eq!(verdict(&recording), Verdict::Ok);
    let pool = |target: &str| target.ends_with("-pool");
    let mut tried = 0;
    for at in 0..recording.answers.len() {
        for fault in faults() {
            let mut faulty = recording.clone();
            let answer = &mut faulty.answers[at];
            answer.outcome = fault.clone();
            let root = matches!(answer.query, Query::DmVersion | Query::DmList) && fault.said().is_none();
            let device = matches!(answer.query, Query::DmTable | Query::DmStatus | Query::DmInfo)
                && pool(&answer.target);
            let question = format!("{:?} {} {fault:?}", answer.query, answer.target);
            let found = verdict(&faulty);
            assert!(!(root || device) || found != Verdict::Ok, "{question} ends in ok");
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} faults were tried");
}

/// Without any answer, or without the list of devices, the verdict is never `ok`.
#[test]
fn what_nobody_asked_is_not_known() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/lab-fresh-loopback/recording.json");
    let whole = thinspect::record::format::load(&std::fs::read(path).unwrap()).unwrap();
    let verdict = |recording: &Recording| {
        Report::new(thinspect::host::read(recording), ReportSource::Recording, None).verdict
    };
    assert_eq!(verdict(&whole), Verdict::Ok, "where it was asked");
    let mut empty = whole.clone();
    empty.answers.clear();
    assert_eq!(verdict(&empty), Verdict::Unknown);
    let mut without = whole.clone();
    without.answers.retain(|a| a.query != Query::DmList);
    assert_eq!(verdict(&without), Verdict::Unknown);
    // On a host without pools the list alone proves that there are none.
    let mut none = Recording::new(Source::Machine, None);
    none.push(Query::Uname, "", Outcome::Answered("Linux 6.1.0 x86_64".into()));
    assert_eq!(verdict(&none), Verdict::Unknown);
    none.push(Query::DmList, "", Outcome::NotAsked("later".into()));
    assert_eq!(verdict(&none), Verdict::Unknown);
    none.push(Query::DmVersion, "", Outcome::Answered("4.47.0".into()));
    none.push(Query::DmList, "", Outcome::Answered(String::new()));
    assert_eq!(verdict(&none), Verdict::Ok);
}

#[test]
fn a_monitor_is_told_that_nothing_was_asked() {
    let path = std::env::temp_dir().join(format!("thinspect-empty-{}.json", std::process::id()));
    std::fs::write(
        &path,
        "{\"version\": 1, \"tool\": \"thinspect 0.1.0\", \"source\": \"machine\", \"answers\": []}",
    )
    .unwrap();
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_thinspect"));
    let output = check.args(["check", "--from"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.starts_with("THINPOOL UNKNOWN: whether there are thin pools"), "{said}");
}

/// A query that failed for lack of something else leads to no guess about the kernel, the user or installed programs.
#[test]
fn want_of_something_else_is_no_guess() {
    let sentence = |refusal: &str| {
        let mut recording = Recording::new(Source::Machine, None);
        for query in [Query::DmVersion, Query::DmList] {
            recording.push(query, "", Outcome::Refused(refusal.to_owned()));
        }
        Report::new(thinspect::host::read(&recording), ReportSource::Recording, None).sentence()
    };
    for refusal in [
        "ENODATA: /proc/misc is missing here, so that it is not known whether the kernel has device-mapper",
        "EMFILE: no process could be made to ask in",
        "EAGAIN: no process could be made to ask in",
        "ENODEV: /dev/mapper/control is missing here",
        "ENOENT: /dev/mapper/control is missing here",
    ] {
        let said = sentence(refusal).plain();
        assert!(said.contains("is not known") && said.contains(refusal), "{said}");
        assert!(!said.contains("root") && !said.contains("modprobe"), "{said}");
    }
    // Controls: errors of the kernel itself are reported.
    assert!(sentence("EACCES: only root may ask device-mapper").plain().contains("run as root"));
    assert!(
        sentence("ENOENT: the kernel has no device-mapper loaded")
            .plain()
            .contains("no device-mapper loaded")
    );
    // If processes cannot be listed, it is unknown whether Docker runs.
    let runs = |outcome: Outcome| {
        let mut recording = Recording::new(Source::Machine, None);
        recording.push(Query::Processes, "dockerd", outcome);
        recording.push(
            Query::DeviceRecords,
            "/var/lib/docker/devicemapper/metadata",
            Outcome::Answered(String::new()),
        );
        thinspect::host::read(&recording).docker_roots[0].running
    };
    assert_eq!(runs(Outcome::Refused("ENOENT".into())), None);
    assert_eq!(runs(Outcome::Answered(String::new())), Some(false));
}

/// In a bare root without `/proc` and `/dev/null` the program names what it lacks. Requires root privileges.
#[test]
fn a_bare_root_is_told_apart_from_a_bare_kernel() {
    let run = |setup: &str, words: &[&str]| {
        let inside = format!("{setup}; exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_thinspect");
        std::process::Command::new("unshare")
            .args(["-m", "sh", "-ec", &inside, program])
            .args(words)
            .output()
            .unwrap()
    };
    let hidden = "mount -t tmpfs none /proc";
    if !run(hidden, &["--version"]).status.success() {
        return;
    }
    let out = run(hidden, &["check"]);
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.code() == Some(3) && said.contains("not known"), "{said}");
    assert!(!said.contains("no device-mapper loaded") && !said.contains("as root"), "{said}");
    // Without /dev/null no command can be started, which does not mean that none is installed.
    let out = run("mount -t tmpfs none /dev", &["record"]);
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("/dev/null cannot be opened"), "{said}");
}

//! Hosts without a thin pool: the verdict is about the engines' filesystems, deleted files and kernel tables.

use thinspect::host;
use thinspect::record::{Outcome, Query, Recording, Source};
use thinspect::report::{Report, Source as From};
use thinspect::verdict::{Severity, Verdict};

const NO_MAPPER: &str = "ENOENT: the kernel has no device-mapper loaded";
const GIB: u64 = 1 << 30;

/// A host whose kernel has no device-mapper, with Docker's data root on `/`.
fn host_with(answers: &[(Query, &str, &str)]) -> Report {
    let mut recording = Recording::new(Source::Machine, None);
    for query in [Query::DmVersion, Query::DmList] {
        recording.push(query, "", Outcome::Refused(NO_MAPPER.to_owned()));
    }
    let given = |query, of| answers.iter().any(|(q, t, _)| (*q, *t) == (query, of));
    let usual = [
        (
            Query::File,
            "/proc/self/mountinfo",
            "25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro\n",
        ),
        (Query::Stat, "/var/lib/docker", "mode=40710 size=4096 blocks=8 dev=8:1 ino=12"),
        (Query::Statfs, "/var/lib/docker", ROOMY),
    ];
    let usual = usual.iter().filter(|(query, of, _)| !given(*query, *of));
    for (query, of, said) in usual.chain(answers) {
        recording.push(*query, of, Outcome::Answered((*said).to_owned()));
    }
    recording.push(Query::Stat, "/var/lib/docker/devicemapper", Outcome::Refused("ENOENT".to_owned()));
    Report::new(host::read(&recording), From::Recording, None)
}

const ROOMY: &str = "block=4096 blocks=2621440 free=2000000 available=1900000 files=655360 files_free=600000";

fn rules(report: &Report) -> Vec<(&'static str, Severity)> {
    report.findings.iter().map(|f| (f.rule, f.severity)).collect()
}

fn statfs(size: u64, free: u64, available: u64) -> String {
    let blocks = |bytes: u64| bytes / 4096;
    format!(
        "block=4096 blocks={} free={} available={} files=655360 files_free=600000",
        blocks(size),
        blocks(free),
        blocks(available)
    )
}

#[test]
fn that_there_is_no_pool_is_a_fact_where_nobody_expects_one() {
    let report = host_with(&[]);
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Ok, 0));
    let said = report.sentence().plain();
    assert!(said.contains("no thin pool here") && said.contains("Docker's files has room"), "{said}");
    // Control: Docker is configured to use a pool, which is impossible with such a kernel.
    let told =
        r#"{"storage-driver": "devicemapper", "storage-opts": ["dm.thinpooldev=/dev/mapper/docker-pool"]}"#;
    let report = host_with(&[
        (Query::File, "/etc/docker/daemon.json", told),
        (Query::DeviceRecords, "/var/lib/docker/devicemapper/metadata", ""),
    ]);
    assert_eq!(report.verdict, Verdict::Critical);
    assert_eq!(rules(&report)[0].0, "pool-not-found");
}

#[test]
fn a_full_data_root_is_critical_and_tells_what_root_can_still_write() {
    let full = statfs(20 * GIB, GIB, 0);
    let report = host_with(&[(Query::Statfs, "/var/lib/docker", &full)]);
    assert_eq!(rules(&report), [("host-filesystem-full", Severity::Critical)]);
    let finding = &report.findings[0];
    let reserve = finding.evidence.iter().find(|e| e.fact == "reserved for root").unwrap();
    assert!(reserve.value.plain().starts_with("1.0 GiB"), "{:?}", reserve.value);
    assert!(
        finding
            .advice
            .iter()
            .flat_map(|a| &a.commands)
            .any(|c| c == "tune2fs -l /dev/sda1 | grep -i reserved")
    );
}

#[test]
fn a_projects_quota_is_told_apart_from_its_filesystem() {
    let (quota, whole) = (statfs(10 * GIB, 0, 0), statfs(100 * GIB, 60 * GIB, 60 * GIB));
    let report = host_with(&[(Query::Statfs, "/var/lib/docker", &quota), (Query::Statfs, "/", &whole)]);
    let said = report.findings[0].summary.plain();
    assert!(said.starts_with("The quota of Docker's own files") && said.contains("60.0 GiB free"), "{said}");
}

#[test]
fn read_only_is_the_filesystem_not_this_programs_mount_of_it() {
    let mounts = |mount: &str, own: &str| format!("25 1 8:1 / / {mount},relatime - ext4 /dev/sda1 {own}\n");
    let of = |text: String| rules(&host_with(&[(Query::File, "/proc/self/mountinfo", &text)]));
    assert_eq!(of(mounts("rw", "ro")), [("host-filesystem-read-only", Severity::Critical)]);
    // A sandboxed service sees everything mounted read-only.
    assert_eq!(of(mounts("ro", "rw")), []);
}

#[test]
fn deleted_files_matter_where_their_filesystem_is_nearly_full() {
    let held = format!("77\t4\t8:1\t991\t{}\tjava\t/var/log/app.log\ninotify\t0\t3\t40", 2 * GIB);
    let of = |free: u64| {
        let space = statfs(20 * GIB, free, free);
        host_with(&[(Query::Statfs, "/var/lib/docker", &space), (Query::OpenFiles, "", &held)])
    };
    let tight = of(GIB + GIB / 2);
    assert_eq!(rules(&tight), [("open-deleted-files", Severity::Warning)]);
    let said = tight.findings[0].summary.plain();
    assert!(said.contains("2.0 GiB") && said.contains("java (77)"), "{said}");
    assert_eq!(rules(&of(10 * GIB)), [("open-deleted-files", Severity::Notice)]);
}

#[test]
fn where_processes_may_not_be_looked_into_no_verdict_hangs_on_it() {
    let mut recording = Recording::new(Source::Machine, None);
    recording.push(Query::DmVersion, "", Outcome::Answered("4.47.0".to_owned()));
    recording.push(Query::DmList, "", Outcome::Answered(String::new()));
    recording.push(Query::OpenFiles, "", Outcome::Refused("EACCES".to_owned()));
    let report = Report::new(host::read(&recording), From::Recording, None);
    assert_eq!(report.verdict, Verdict::Ok);
    assert!(report.host.notes.iter().any(|n| n.about.contains("deleted files")), "{:?}", report.host.notes);
}

#[test]
fn tables_of_the_kernel_are_named_near_their_end() {
    let of = |sets: u64| {
        let objects = format!("semaphore_sets={sets} semaphores={sets} memory_segments=1 queues=0");
        let limit = "250\t32000\t32\t128\n";
        rules(&host_with(&[(Query::File, "/proc/sys/kernel/sem", limit), (Query::IpcObjects, "", &objects)]))
    };
    assert_eq!(of(128), [("limit-not-storage", Severity::Warning)]);
    assert_eq!(of(60), []);
}

#[test]
fn filesystems_in_memory_are_full_by_their_own_size() {
    let mounts = "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 0:22 / /run rw - tmpfs tmpfs rw\n27 25 0:23 / /dev/shm rw - tmpfs tmpfs rw\n";
    let of = |place: &str, free: u64| {
        let space = statfs(64 << 20, free, free);
        rules(&host_with(&[(Query::File, "/proc/self/mountinfo", mounts), (Query::Statfs, place, &space)]))
    };
    assert_eq!(of("/run", 0), [("host-filesystem-full", Severity::Critical)]);
    assert_eq!(of("/dev/shm", 0), [("host-filesystem-full", Severity::Warning)]);
    // Docker gives each container 64 MiB there, which is small but not full.
    assert_eq!(of("/dev/shm", 60 << 20), []);
}

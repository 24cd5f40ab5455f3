//! Pasted text end to end: how each part is classified, that nothing is lost, and that no input breaks the reader.

use proptest::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use thinspect::host::block::{losetup, lsblk};
use thinspect::host::dm::info;
use thinspect::host::docker::info as docker_info;
use thinspect::host::fs::{df, stat};
use thinspect::host::log::{self, Message};
use thinspect::host::model::backing::BackingKind;
use thinspect::host::model::pool::{MinFreeFrom, PoolOwner};
use thinspect::host::model::units::Bytes;
use thinspect::host::{self, lvm};
use thinspect::record::paste::{Tool, paste};
use thinspect::record::{Answer, Query, Recording};
use thinspect::rules;

/// The texts whose names end in `kind`, by name.
fn texts(kind: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/texts");
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(&format!("{kind}.txt")))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{kind}");
    found
}

fn text(name: &str) -> String {
    texts(name).remove(0).1
}

fn said(answer: &Answer) -> &str {
    answer.outcome.said().unwrap()
}

/// The text of every answer of a kind.
fn all(recording: &Recording, query: Query) -> Vec<(&str, &str)> {
    recording.all(query).map(|a| (a.target.as_str(), said(a))).collect()
}

/// Lines outside any report: commands, warnings on standard error, the lab's notes.
fn expected_line(line: &str) -> bool {
    let begins = ["$ ", "WARNING: ", "[exit ", "No devices found", "du: ", "stat: ", "df: "];
    begins.iter().any(|b| line.starts_with(b)) || line.trim_start().starts_with("Use `--storage-opt")
}

#[test]
fn every_recorded_report_is_one_kind_without_leftovers() {
    let kinds = [
        (".docker-info", Query::DockerInfo),
        (".docker-info-json", Query::DockerInfo),
        (".dmsetup-status", Query::DmStatus),
        (".dmsetup-table", Query::DmTable),
        (".dmsetup-info", Query::DmInfo),
        (".lvs-json", Query::LvmReport),
        (".losetup-l", Query::PastedOutput),
        (".losetup-json", Query::PastedOutput),
        (".lsblk", Query::PastedOutput),
        (".dmsetup-ls", Query::PastedOutput),
        (".dmsetup-deps", Query::PastedOutput),
    ];
    for (kind, query) in kinds {
        for (name, text) in texts(kind).into_iter().filter(|(name, _)| !name.starts_with("bad-magic")) {
            let recording = paste(&text);
            assert!(recording.all(query).count() > 0, "{name}");
            for answer in &recording.answers {
                let fits = answer.query == query
                    || (answer.query, answer.target.as_str()) == (Query::PastedOutput, "dmsetup info -c");
                assert!(
                    fits || answer.query == Query::PastedLine && expected_line(said(answer)),
                    "{name}: {answer:?}"
                );
            }
        }
    }
}

#[test]
fn a_docker_that_does_not_answer_is_no_report() {
    let recording = paste(&text("bad-magic-superblock-docker.docker-info"));
    assert_eq!(recording.all(Query::DockerInfo).count(), 0);
    assert!(
        all(&recording, Query::PastedLine).iter().any(|(_, line)| line.starts_with("ERROR: Cannot connect"))
    );
}

#[test]
fn reports_read_as_they_should() {
    let recording = paste(&text("direct-lvm-extended.dmsetup-table"));
    let data = recording.said(Query::DmTable, "docker-thinpool_tdata").unwrap();
    assert_eq!(data.lines().count(), 3, "three segments of one device");
    let recording = paste(&text("deferred-deletion.dmsetup-info"));
    let deferred = recording.all(Query::DmInfo).map(|a| info::read(said(a))).filter(|i| i.deferred_remove);
    assert!(deferred.count() > 0);
    let recording = paste(&text("direct-lvm.docker-info-json"));
    let info = docker_info::read(recording.said(Query::DockerInfo, "").unwrap());
    assert_eq!((info.pool_name.as_deref(), info.block), (Some("docker-thinpool"), Some(Bytes(524_288))));
    assert_eq!(
        (info.server_version.as_deref(), info.root.as_deref()),
        (Some("20.10.24+dfsg1"), Some("/lvm"))
    );
    let recording = paste(&text("min-free-space-error.stat-sparse"));
    let files: Vec<_> = recording
        .all(Query::PastedOutput)
        .filter(|a| a.target == "stat")
        .flat_map(|a| stat::listed(said(a)))
        .collect();
    assert_eq!((files[0].1.size, files[0].1.allocated), (Some(Bytes(100 << 30)), Some(Bytes(146_104 * 512))));
    let mut filesystems = Vec::new();
    recording.all(Query::Df).for_each(|a| df::merge(&mut filesystems, df::read(&a.target, said(a))));
    assert_eq!((filesystems.len(), filesystems[0].inodes_free), (1, Some(779_009)));
    let recording = paste(&text("backing-fs-full.losetup-l"));
    assert_eq!(losetup::loops(recording.said(Query::PastedOutput, "losetup").unwrap()).len(), 3);
    let mut facts = lvm::LvmFacts::default();
    let recording = paste(&text("direct-lvm.lvs-json"));
    recording.all(Query::LvmReport).for_each(|a| facts.report(&a.target, said(a)));
    let facts = facts.finish();
    assert_eq!((facts.volumes.len(), facts.volumes[1].metadata_centipercent), (4, Some(1006)));
}

#[test]
fn lists_name_pools_and_what_carries_them() {
    let carried = |name: &str, text: &str| {
        let host = host::read(&paste(text));
        let pool = host.pools.iter().find(|p| p.name.as_deref() == Some(name));
        let pool = pool.unwrap_or_else(|| panic!("{name} is not in {:?}", host.pools));
        (pool.data_backing.kind, pool.data_backing.path.clone().unwrap_or_default())
    };
    let lvm = (BackingKind::Lvm, "/dev/mapper/docker-thinpool_tdata".to_owned());
    for kind in ["lsblk", "dmsetup-ls", "dmsetup-deps"] {
        assert_eq!(carried("docker-thinpool", &text(&format!("direct-lvm.{kind}"))), lvm, "{kind}");
    }
    let (command, both) = text("loopback-container-running.lsblk")
        .split_once('\n')
        .map(|(c, t)| (c.to_owned(), t.to_owned()))
        .unwrap();
    let (table, json) = both.split_once("\n{").unwrap();
    for text in [format!("{command}\n{table}"), format!("{{{json}")] {
        let found = carried("docker-254:0-7356-pool", &text);
        assert_eq!(found, (BackingKind::Loop, "/dev/loop0".to_owned()), "{text}");
    }
    let host = host::read(&paste(&text("backing-fs-full.losetup-json")));
    let root = PoolOwner::Docker { root: Some("/c/docker".to_owned()) };
    assert_eq!(
        (host.pools.len(), &host.pools[0].owner),
        (1, &root),
        "Docker's files in loop devices are its pool"
    );
}

#[test]
fn files_in_a_listed_directory_have_their_whole_path() {
    let rows = "total 92G\n 90G -rw------- 1 root root 100G Nov 12 11:52 data\n1.1G -rw------- 1 root root 2.0G Nov 12 11:52 metadata\n";
    let place = "/var/lib/docker/devicemapper/devicemapper";
    for heading in [
        format!("# ls -lsh {place}"),
        format!("{place}:"),
        format!("$ cd {place}; sudo ls -lsh"),
        format!("ls -lsh {place}/"),
    ] {
        let host = host::read(&paste(&format!("{heading}\n{rows}")));
        let file = host.pools[0].data_backing.file.as_ref().unwrap();
        assert_eq!(file.path, format!("{place}/data"), "{heading}");
        assert_eq!((file.size, file.allocated), (Some(Bytes(100 << 30)), Some(Bytes(90 << 30))), "{heading}");
    }
    let host = host::read(&paste(rows));
    assert!(host.pools.is_empty(), "without a directory nobody knows whose files these are");
}

#[test]
fn storage_options_count_wherever_they_stand() {
    let status = "docker-thinpool: 0 209715200 thin-pool 28 16057/524288 1490000/1638400 - rw discard_passdown queue_if_no_space - 1024\n";
    let settings = [
        "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \"dm.thinpooldev=/dev/mapper/docker-thinpool\",\n    \"dm.min_free_space=5%\"\n  ]\n}\n",
        // Truncated, so no longer valid JSON.
        "  \"storage-opts\": [\n    \"dm.thinpooldev=/dev/mapper/docker-thinpool\",\n    \"dm.min_free_space=5%\"\n",
        "root 12 0.5 1.2 1 9 ? Ssl Oct05 12:34 /usr/bin/dockerd --storage-opt dm.thinpooldev=/dev/mapper/docker-thinpool --storage-opt=dm.min_free_space=5%\n",
        "DOCKER_STORAGE_OPTIONS=\"--storage-driver devicemapper --storage-opt dm.min_free_space=5% \"\n",
    ];
    for text in settings {
        for pasted in [format!("{text}{status}"), format!("{status}{text}")] {
            let host = host::read(&paste(&pasted));
            let floor = host.pools[0].min_free;
            assert_eq!((floor.percent, floor.from), (Some(5), MinFreeFrom::Option), "{pasted}");
        }
    }
    // Docker's own report shows the effective settings.
    let report = "Storage Driver: devicemapper\n Pool Name: docker-thinpool\n Data Space Total: 107.4GB\n Thin Pool Minimum Free Space: 21.47GB\n";
    let host = host::read(&paste(&format!("{}{status}{report}", settings[0])));
    assert_eq!(
        (host.pools[0].min_free.percent, host.pools[0].min_free.from),
        (Some(20), MinFreeFrom::DockerInfo)
    );
}

#[test]
fn logs_in_every_format_say_the_same() {
    let said = "device-mapper: thin: 253:4: switching pool to read-only mode";
    let formats = [
        said.to_owned(),
        format!("Nov 22 07:10:01 node1 kernel: {said}"),
        format!("2026-11-22T07:10:01+0000 node1 kernel: {said}"),
        format!("2026-11-22T07:10:01.123456+00:00 node1 kernel[1]: {said}"),
        format!("[Thu Oct  5 10:11:22 2017] {said}"),
        format!("kern  :warn  : [Thu Oct  5 10:11:22 2017] {said}"),
        format!("<4>[88440.204121] {said}"),
        format!("{{\"MESSAGE\":\"{said}\",\"PRIORITY\":\"4\",\"SYSLOG_IDENTIFIER\":\"kernel\"}}"),
        format!("{{\n\t\"PRIORITY\" : \"4\",\n\t\"MESSAGE\" : \"{said}\"\n}}"),
        format!("{{\"dmesg\": [{{\"pri\": 4, \"time\": 12.345678, \"msg\": \"{said}\"}}]}}"),
        format!("{{\"log\":\"{said}\\n\",\"stream\":\"stderr\",\"time\":\"2017-10-05T10:11:22.1Z\"}}"),
    ];
    for text in formats {
        let host = host::read(&paste(&text));
        assert_eq!(host.known(Message::PoolToReadOnly).count(), 1, "{text}");
        assert!(host.notes.is_empty(), "{text}: {:?}", host.notes);
        assert_eq!(rules::findings(&host)[0].rule, "pool-read-only", "{text}");
    }
}

#[test]
fn outputs_of_different_moments_are_noticed() {
    let status = |id: u32, used: u32| {
        format!(
            "docker-thinpool: 0 209715200 thin-pool {id} 16057/524288 {used}/1638400 - rw discard_passdown queue_if_no_space - 1024\n"
        )
    };
    let lvs = "  LV       VG     Attr       LSize   Pool Origin Data%  Meta%\n  thinpool docker twi-aotz-- 100.00g             20.00  3.06\n";
    let info = |used: &str| {
        format!(" Pool Name: docker-thinpool\n Data Space Used: {used}\n Data Space Total: 107.4 GB\n")
    };
    let refusal = "devmapper: Thin Pool has 132840 free data blocks which is less than minimum required 163840 free data blocks.\n";
    let df = "/dev/sda1   50G   20G   30G  40% /\n/dev/sda1   50G   50G     0 100% /\n";
    let differ = [
        format!("{}\n{}", status(28, 1_390_000), status(29, 300_000)),
        format!("{}{lvs}", status(28, 1_390_000)),
        format!("{}\nlater\n{}", info("5.2 GB"), info("100.2 GB")),
        format!("{}{}", status(28, 1_390_000), info("5.2 GB")),
        format!("{}{refusal}", status(28, 139_000)),
        format!("{}{df}", status(28, 139_000)),
    ];
    for text in differ {
        let findings = rules::findings(&host::read(&paste(&text)));
        assert!(findings.iter().any(|f| f.rule == "numbers-disagree"), "{text}: {findings:?}");
    }
    let agree = [
        format!("{}\n{}", status(28, 139_000), status(28, 139_000)),
        format!("{}{lvs}", status(28, 327_680)),
        format!("{}{}", status(28, 139_000), info("9.109 GB")),
        format!("{}{refusal}", status(28, 1_505_560)),
    ];
    for text in agree {
        let findings = rules::findings(&host::read(&paste(&text)));
        assert!(findings.iter().all(|f| f.rule != "numbers-disagree"), "{text}: {findings:?}");
    }
    // A transaction id only grows, so it decides independently of the order in the text.
    let host = host::read(&paste(&format!("{}{}", status(29, 300_000), status(28, 1_390_000))));
    assert_eq!(host.pools[0].data.used.map(|b| b.0), Some(300_000));
}

/// In a long text the newest and the oldest lines are examined one by one, and the rest is kept.
#[test]
fn a_report_at_either_end_of_a_long_log_is_read() {
    let line = "Nov 22 02:39:00 host dockerd[12]: time=\"2026-11-22T02:39:00Z\" level=info msg=\"nothing\"\n";
    let log = line.repeat(12_000_000 / line.len());
    let status = "pool: 0 209715200 thin-pool 28 16057/524288 139000/1638400 - rw discard_passdown queue_if_no_space - 1024\n";
    for text in [format!("{status}{log}"), format!("{log}{status}")] {
        let recording = paste(&text);
        assert_eq!(recording.said(Query::DmStatus, "pool").map(str::len), Some(status.trim().len() - 6));
        let kept: usize = recording.answers.iter().filter_map(|a| a.outcome.said()).map(str::len).sum();
        assert!(kept + 200_000 > log.len(), "{kept}");
        let host = host::read(&recording);
        assert!(host.notes.iter().any(|o| o.forces_unknown), "it is said that the middle was not looked at");
    }
}

#[test]
fn the_report_of_2014_survives_what_pasting_does() {
    let plain = text("2014.docker-info");
    let lines = || plain.lines();
    let join = |line: &dyn Fn(&str) -> String, glue: &str| lines().map(line).collect::<Vec<_>>().join(glue);
    let variants = [
        plain.clone(),
        join(&|l| l.trim().to_owned(), "\n"),
        join(&|l| format!("> > {l}   "), "\r\n"),
        join(&|l| format!("    {l}"), "\n\n"),
        join(&|l| format!("- `{}`", l.trim()), "\n"),
        join(&|l| format!("| {l} |"), "\n"),
        join(&|l| l.trim().to_owned(), " "),
        join(&|l| l.replace("102400.0", "**102400.0**"), "\n"),
        format!("\u{feff}[root@host ~]# docker info\n{plain}[root@host ~]# \n"),
        join(&|l| format!("{l}\nsome other line\n0 5 linear 8:1 0"), "\n"),
    ];
    for variant in variants {
        let recording = paste(&variant);
        let reports: Vec<_> = recording.all(Query::DockerInfo).collect();
        assert_eq!(reports.len(), 1, "{variant}");
        let info = docker_info::read(said(reports[0]));
        assert_eq!(info.data_total, Some(Bytes(102_400 << 20)), "{variant}");
        assert_eq!(info.pool_name.as_deref(), Some("docker-8:1-131188-pool"), "{variant}");
        assert_eq!(
            info.data_file.as_deref(),
            Some("/var/lib/docker/devicemapper/devicemapper/data"),
            "{variant}"
        );
        assert_eq!((info.containers, info.images), (Some(0), Some(0)), "{variant}");
    }
}

#[test]
fn two_reports_are_two_and_one_line_is_one() {
    let first = text("2014.docker-info");
    let second = first.replace("291.5", "3291.5");
    let recording = paste(&format!("{first}{second}"));
    let infos: Vec<_> = recording.all(Query::DockerInfo).map(|a| docker_info::read(said(a))).collect();
    assert_eq!(infos.len(), 2);
    assert_eq!(infos[1].pool_name, infos[0].pool_name, "lines that both have are in both");
    assert_eq!(infos[1].data_used, Some(Bytes(6583 << 19)));
    assert_eq!(paste(&format!("{first}{first}")).all(Query::DockerInfo).count(), 1);
    let grep = paste("$ docker info | grep Used\n Data Space Used: 1.072 GB\n");
    assert_eq!(all(&grep, Query::DockerInfo), [("", "Data Space Used: 1.072 GB")]);
}

#[test]
fn a_mixed_paste() {
    let recording = paste(
        "devmapper: Thin Pool has 161986 free data blocks which is less than minimum required 163840 free data blocks.\n\
         # dmsetup status\ndocker-8:1-2-pool: 0 209715200 thin-pool 28 16057/524288 1474560/1638400 - rw \
         discard_passdown queue_if_no_space - 1024\nmy data: 0 100 linear \nmy data: 100 50 linear \n\
         before:\ndocker-8:1-2-pool: 0 209715200 thin-pool 29 16057/524288 1474561/1638400 - rw discard_passdown\n\
         Name: lonely\nState:             ACTIVE\nUUID: LVM-x\nOpen count:        1\n\
         /dev/mapper/a-very-long-name\n                      51606140  1000 51605140   1% /w\n\
         {\"ask\":\"dm-info\",\"of\":\"x\",\"said\":\"Name: x\"}\n",
    );
    let statuses = all(&recording, Query::DmStatus);
    assert_eq!(
        statuses.iter().map(|(target, _)| *target).collect::<Vec<_>>(),
        ["docker-8:1-2-pool", "my data", "docker-8:1-2-pool"]
    );
    assert_eq!(statuses[1].1, "0 100 linear\n100 50 linear");
    let infos = all(&recording, Query::DmInfo);
    assert_eq!((infos[0].0, info::read(infos[0].1).uuid.as_deref()), ("lonely", Some("LVM-x")));
    assert_eq!(infos[1], ("x", "Name: x"));
    assert_eq!(df::read("df", all(&recording, Query::Df)[0].1)[0].mount.as_deref(), Some("/w"));
    let refused = log::read(all(&recording, Query::PastedLine)[0].1);
    assert!(matches!(
        refused[0].kind,
        log::Kind::MinFreeRefused { free: Some(161_986), required: Some(163_840), .. }
    ));
}

#[test]
fn a_line_that_matters_is_kept_in_the_longest_log() {
    let mut log = String::new();
    for n in 0..120_000 {
        log.push_str(&format!(
            "Nov 22 02:39:{:02} host dockerd[12]: request {n} of client {:x} done\n",
            n % 60,
            n * 7
        ));
        if n == 90_000 {
            log.push_str("devmapper: Thin Pool has 5 free data blocks which is less than minimum required 9 free data blocks.\n");
        }
    }
    let recording = paste(&log);
    assert!(recording.answers.len() < 20_000, "{}", recording.answers.len());
    let texts = recording.answers.iter().map(said);
    assert_eq!(log::gather(texts).len(), 1);
    assert!(recording.said(Query::PastedOutput, "paste").is_some(), "what was not looked at closely is said");
}

#[test]
fn statuses_inside_log_lines_are_all_kept() {
    let line = |n: u64| {
        format!(
            "Nov 22 02:39:00 host poll[12]: pool: 0 4096 thin-pool 1 2/3 {n}/64000 - rw discard_passdown\n"
        )
    };
    let recording = paste(&(0..12_000).map(line).collect::<String>());
    let statuses = all(&recording, Query::DmStatus);
    assert_eq!(statuses.len(), 12_000);
    assert_eq!(statuses[11_999], ("pool", "0 4096 thin-pool 1 2/3 11999/64000 - rw discard_passdown"));
}

/// Reads a paste with every reader.
fn read_all(text: &str) -> Recording {
    let recording = paste(text);
    for answer in &recording.answers {
        let words = said(answer);
        let mut facts = lvm::LvmFacts::default();
        facts.report(&answer.target, words);
        black_box((facts.finish(), docker_info::read(words), df::read(&answer.target, words)));
        black_box((info::read(words), info::columns(words), losetup::loops(words)));
        let tool = Tool::named(&answer.target).unwrap_or(Tool::Lsblk);
        black_box((lsblk::read(tool, words), losetup::files(tool, words)));
        black_box((stat::listed(words), stat::stat(words), stat::statfs(words)));
        for said in log::gather([words].into_iter()) {
            black_box(said.number_after("is"));
        }
    }
    recording
}

/// The runs of letters and digits in a text.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// Whether a line is a JSON log entry, of which only the message is kept.
fn is_entry(line: &str) -> bool {
    line.contains('{') && ["\"MESSAGE\"", "\"log\"", "\"dmesg\""].iter().any(|key| line.contains(key))
}

/// Checks that every run of letters and digits is in some answer.
fn nothing_is_lost(text: &str, recording: &Recording) {
    let kept: HashSet<&str> =
        recording.answers.iter().flat_map(|a| runs(&a.target).chain(runs(said(a)))).collect();
    for run in text.lines().filter(|l| !is_entry(l)).flat_map(runs) {
        assert!(kept.contains(run), "{run} of {text} is lost: {recording:?}");
    }
}

fn known_lines() -> Vec<String> {
    let mut lines: Vec<String> =
        texts("").into_iter().flat_map(|(_, t)| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let bare = |line: &String| line.split_once('\t').map_or(line.clone(), |(_, said)| said.to_owned());
    lines = lines.iter().map(bare).filter(|l| !l.trim().is_empty() && l.len() < 600).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn every_prefix_and_every_line_without_a_word_is_read() {
    for line in known_lines() {
        for (at, _) in line.char_indices() {
            read_all(line.split_at(at).0);
        }
        let words: Vec<&str> = line.split(' ').collect();
        for gone in 0..words.len() {
            let less = [&words[..gone], &words[gone + 1..]].concat().join(" ");
            nothing_is_lost(&less, &read_all(&less));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_mix_of_lines_is_read_and_nothing_is_lost(lines in prop::collection::vec(prop::sample::select(known_lines()), 1..40), quote in "(> |    |\\| |)") {
        let text: String = lines.iter().map(|l| format!("{quote}{l}\n")).collect();
        nothing_is_lost(&text, &read_all(&text));
    }

    #[test]
    fn any_text_is_read(text in any::<String>(), lines in prop::collection::vec("[ -~]{0,60}", 0..20)) {
        read_all(&text);
        read_all(&lines.join("\n"));
    }
}

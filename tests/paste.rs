//! Pasted text, end to end: what each piece was taken for, that nothing is lost, and that nothing breaks the reader.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use proptest::prelude::*;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use thinspect::host::units::Bytes;
use thinspect::host::{df, dm_info, docker_info, listing, losetup, lvm, saying, stat};
use thinspect::record::paste::paste;
use thinspect::record::{Answer, Ask, Recording};

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
    answer.reading.said().unwrap()
}

/// What every answer of a kind says.
fn all(recording: &Recording, ask: Ask) -> Vec<(&str, &str)> {
    recording.all(ask).map(|a| (a.of.as_str(), said(a))).collect()
}

/// Lines that belong to no report: commands, warnings on standard error, the lab's notes.
fn expected_line(line: &str) -> bool {
    let begins = ["$ ", "WARNING: ", "[exit ", "No devices found", "du: ", "stat: ", "df: "];
    begins.iter().any(|b| line.starts_with(b)) || line.trim_start().starts_with("Use `--storage-opt")
}

#[test]
fn every_recorded_report_is_one_kind_without_leftovers() {
    let kinds = [
        (".docker-info", Ask::DockerInfo),
        (".docker-info-json", Ask::DockerInfo),
        (".dmsetup-status", Ask::DmStatus),
        (".dmsetup-table", Ask::DmTable),
        (".dmsetup-info", Ask::DmInfo),
        (".lvs-json", Ask::LvmReport),
        (".losetup-l", Ask::Output),
    ];
    for (kind, ask) in kinds {
        for (name, text) in texts(kind).into_iter().filter(|(name, _)| !name.starts_with("bad-magic")) {
            let recording = paste(&text);
            assert!(recording.all(ask).count() > 0, "{name}");
            for answer in &recording.answers {
                let fits =
                    answer.ask == ask || (answer.ask, answer.of.as_str()) == (Ask::Output, "dmsetup info -c");
                assert!(fits || answer.ask == Ask::Line && expected_line(said(answer)), "{name}: {answer:?}");
            }
        }
    }
}

#[test]
fn a_docker_that_does_not_answer_is_no_report() {
    let recording = paste(&text("bad-magic-superblock-docker.docker-info"));
    assert_eq!(recording.all(Ask::DockerInfo).count(), 0);
    assert!(all(&recording, Ask::Line).iter().any(|(_, line)| line.starts_with("ERROR: Cannot connect")));
}

#[test]
fn reports_read_as_they_should() {
    let recording = paste(&text("direct-lvm-extended.dmsetup-table"));
    let data = recording.said(Ask::DmTable, "docker-thinpool_tdata").unwrap();
    assert_eq!(data.lines().count(), 3, "three segments of one device");
    let recording = paste(&text("deferred-deletion.dmsetup-info"));
    let deferred = recording.all(Ask::DmInfo).map(|a| dm_info::read(said(a))).filter(|i| i.deferred_remove);
    assert!(deferred.count() > 0);
    let recording = paste(&text("direct-lvm.docker-info-json"));
    let info = docker_info::read(recording.said(Ask::DockerInfo, "").unwrap());
    assert_eq!((info.pool_name.as_deref(), info.block), (Some("docker-thinpool"), Some(Bytes(524_288))));
    assert_eq!(
        (info.server_version.as_deref(), info.root.as_deref()),
        (Some("20.10.24+dfsg1"), Some("/lvm"))
    );
    let recording = paste(&text("min-free-space-error.stat-sparse"));
    let files: Vec<_> =
        recording.all(Ask::Output).filter(|a| a.of == "stat").flat_map(|a| stat::listed(said(a))).collect();
    assert_eq!((files[0].1.size, files[0].1.allocated), (Some(Bytes(100 << 30)), Some(Bytes(146_104 * 512))));
    let mut filesystems = Vec::new();
    recording.all(Ask::Df).for_each(|a| df::merge(&mut filesystems, df::read(&a.of, said(a))));
    assert_eq!((filesystems.len(), filesystems[0].inodes_free), (1, Some(779_009)));
    let recording = paste(&text("backing-fs-full.losetup-l"));
    assert_eq!(losetup::loops(recording.said(Ask::Output, "losetup").unwrap()).len(), 3);
    let mut facts = lvm::Gathering::default();
    let recording = paste(&text("direct-lvm.lvs-json"));
    recording.all(Ask::LvmReport).for_each(|a| facts.report(&a.of, said(a)));
    let facts = facts.finish();
    assert_eq!((facts.volumes.len(), facts.volumes[1].metadata_centipercent), (4, Some(1006)));
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
        let reports: Vec<_> = recording.all(Ask::DockerInfo).collect();
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
    let infos: Vec<_> = recording.all(Ask::DockerInfo).map(|a| docker_info::read(said(a))).collect();
    assert_eq!(infos.len(), 2);
    assert_eq!(infos[1].pool_name, infos[0].pool_name, "lines that both have are in both");
    assert_eq!(infos[1].data_used, Some(Bytes(6583 << 19)));
    assert_eq!(paste(&format!("{first}{first}")).all(Ask::DockerInfo).count(), 1);
    let grep = paste("$ docker info | grep Used\n Data Space Used: 1.072 GB\n");
    assert_eq!(all(&grep, Ask::DockerInfo), [("", "Data Space Used: 1.072 GB")]);
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
    let statuses = all(&recording, Ask::DmStatus);
    assert_eq!(
        statuses.iter().map(|(of, _)| *of).collect::<Vec<_>>(),
        ["docker-8:1-2-pool", "my data", "docker-8:1-2-pool"]
    );
    assert_eq!(statuses[1].1, "0 100 linear\n100 50 linear");
    let infos = all(&recording, Ask::DmInfo);
    assert_eq!((infos[0].0, dm_info::read(infos[0].1).uuid.as_deref()), ("lonely", Some("LVM-x")));
    assert_eq!(infos[1], ("x", "Name: x"));
    assert_eq!(df::read("df", all(&recording, Ask::Df)[0].1)[0].mount.as_deref(), Some("/w"));
    let refused = saying::read(all(&recording, Ask::Line)[0].1);
    assert!(matches!(
        refused[0].kind,
        saying::Kind::MinFreeRefused { free: Some(161_986), required: Some(163_840), .. }
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
    assert_eq!(saying::gather(texts).len(), 1);
    assert!(recording.said(Ask::Output, "paste").is_some(), "what was not looked at closely is said");
}

#[test]
fn statuses_inside_log_lines_are_all_kept() {
    let line = |n: u64| {
        format!(
            "Nov 22 02:39:00 host poll[12]: pool: 0 4096 thin-pool 1 2/3 {n}/64000 - rw discard_passdown\n"
        )
    };
    let recording = paste(&(0..12_000).map(line).collect::<String>());
    let statuses = all(&recording, Ask::DmStatus);
    assert_eq!(statuses.len(), 12_000);
    assert_eq!(statuses[11_999], ("pool", "0 4096 thin-pool 1 2/3 11999/64000 - rw discard_passdown"));
}

/// Reads a paste with every reader there is.
fn read_all(text: &str) -> Recording {
    let recording = paste(text);
    for answer in &recording.answers {
        let words = said(answer);
        let mut facts = lvm::Gathering::default();
        facts.report(&answer.of, words);
        black_box((facts.finish(), docker_info::read(words), df::read(&answer.of, words)));
        black_box((dm_info::read(words), dm_info::columns(words), listing::read(&answer.of, words)));
        black_box((losetup::loops(words), losetup::files(&answer.of, words)));
        black_box((stat::listed(words), stat::stat(words), stat::statfs(words)));
        for said in saying::gather([words].into_iter()) {
            black_box(said.number_after("is"));
        }
    }
    recording
}

/// Letters and digits of a text, as runs.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

/// Every run of letters and digits is in some answer.
fn nothing_is_lost(text: &str, recording: &Recording) {
    let kept: Vec<&str> = recording.answers.iter().flat_map(|a| runs(&a.of).chain(runs(said(a)))).collect();
    for run in runs(text) {
        assert!(kept.contains(&run), "{run} of {text} is lost: {recording:?}");
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

//! Queries about the host that runs the tests: real files, a FIFO, another root, and a loop device if possible.
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// A temporary directory that is removed after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("inspect-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn machine() -> Machine {
    Machine::new("/".into())
}

fn said(query: Query, target: &str) -> String {
    match machine().ask(query, target) {
        Outcome::Answered(text) => text,
        other => panic!("{query:?} {target}: {other:?}"),
    }
}

fn errno(query: Query, target: &str) -> String {
    machine().ask(query, target).errno().unwrap_or_default().to_owned()
}

#[test]
fn only_regular_files_are_read() {
    let scratch = Scratch::new("files");
    let file = scratch.path("file");
    fs::write(&file, b"caf\xe9\n").unwrap();
    assert_eq!(said(Query::File, &file), "caf\u{FFFD}\n");
    fs::write(&file, vec![b'x'; LIMIT_FILE + 1]).unwrap();
    assert_eq!(said(Query::File, &file).len(), LIMIT_FILE);
    let fifo = scratch.path("fifo");
    nix::unistd::mkfifo(fifo.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(errno(Query::File, &fifo), "EINVAL");
    assert_eq!(errno(Query::File, "/dev/zero"), "EINVAL");
    assert_eq!(errno(Query::File, &scratch.path("")), "EINVAL");
    assert_eq!(errno(Query::File, &scratch.path("none")), "ENOENT");
    assert_eq!(errno(Query::File, "relative"), "EINVAL");
}

#[test]
fn answers_have_the_documented_formats() {
    let scratch = Scratch::new("notations");
    let (file, link) = (scratch.path("file"), scratch.path("link"));
    fs::write(&file, "four").unwrap();
    symlink("file", &link).unwrap();
    let stat = said(Query::Stat, &link);
    assert!(stat.starts_with("mode=100") && stat.contains(" size=4 blocks="), "{stat}");
    assert_eq!(stat, said(Query::Stat, &file));
    assert!(said(Query::Stat, "/dev/null").ends_with(" rdev=1:3"));
    let statfs = said(Query::Statfs, &file);
    let keys: Vec<&str> = statfs.split(' ').filter_map(|w| Some(w.split_once('=')?.0)).collect();
    assert_eq!(keys, ["block", "blocks", "free", "available", "files", "files_free"]);
    assert_eq!(said(Query::Link, &link), "file");
    assert_eq!(errno(Query::Link, &file), "EINVAL");
    assert_eq!(said(Query::Dir, scratch.0.to_str().unwrap()), "file\nlink");
    assert_eq!(errno(Query::Dir, &file), "ENOTDIR");
    let uname = said(Query::Uname, "");
    assert!(uname.starts_with("Linux ") && uname.split(' ').count() == 3, "{uname}");
    assert!(matches!(machine().ask(Query::PastedLine, ""), Outcome::NotAsked(_)));
}

#[test]
fn device_records_are_read() {
    let scratch = Scratch::new("records");
    let files =
        [("b", "{\"device_id\":2}\n"), ("base", "{}"), ("a", "1\n2"), (".tmp1", "x"), ("json.migrated", "x")];
    for (name, text) in files {
        fs::write(scratch.path(name), text).unwrap();
    }
    fs::write(scratch.path("transaction-metadata"), "{}").unwrap();
    symlink("/dev/zero", scratch.path("c")).unwrap();
    let directory = scratch.0.to_str().unwrap();
    assert_eq!(said(Query::DeviceRecords, directory), "a 1 2\nb {\"device_id\":2}\nbase {}\nc (EINVAL)");
    assert_eq!(errno(Query::DeviceRecords, &scratch.path("none")), "ENOENT");
}

/// In a container, the host's files are below a directory; the host's absolute links must not lead out of it.
#[test]
fn links_do_not_lead_out_of_another_root() {
    let scratch = Scratch::new("root");
    for directory in ["proc/1", "data", "var/lib"] {
        fs::create_dir_all(scratch.0.join(directory)).unwrap();
    }
    fs::write(scratch.path("proc/1/mountinfo"), "mounts of process 1").unwrap();
    fs::write(scratch.path("data/file"), "inside").unwrap();
    symlink("/data", scratch.path("var/lib/docker")).unwrap();
    let mut machine = Machine::new(scratch.0.clone());
    assert_eq!(machine.ask(Query::File, "/proc/self/mountinfo").said(), Some("mounts of process 1"));
    assert_eq!(machine.ask(Query::Link, "/var/lib/docker").said(), Some("/data"));
    assert!(machine.ask(Query::Statfs, "/data").said().is_some());
    assert!(matches!(machine.ask(Query::Run, "lvs"), Outcome::NotAsked(_)));
    assert_eq!(machine.ask(Query::Processes, "dockerd").said(), Some(""));
    match machine.ask(Query::File, "/var/lib/docker/file") {
        Outcome::Answered(text) => assert_eq!(text, "inside"),
        // Before Linux 5.6 an absolute link leads out of the root.
        other => assert_eq!(other.errno(), Some("ENOENT")),
    }
}

#[test]
fn a_loop_device_shows_its_backing_file() {
    let scratch = Scratch::new("loop");
    let file = scratch.path("file");
    fs::File::create(&file).unwrap().set_len(1 << 20).unwrap();
    let Some(device) = losetup(&["-f", "--show", "-r", "-o", "4096", &file]) else {
        println!("skipped: no loop device could be set up (root and losetup are needed)");
        return;
    };
    let looked = std::panic::catch_unwind(|| look_at_loop(&device, &file));
    losetup(&["-d", &device]).unwrap();
    looked.unwrap();
}

fn look_at_loop(device: &str, file: &str) {
    let stat = said(Query::Stat, device);
    let number = stat.rsplit_once("rdev=").unwrap().1;
    let bound = said(Query::LoopStatus, number);
    let of_file = said(Query::Stat, file);
    let identity = of_file.split_once(" dev=").unwrap().1;
    assert_eq!(bound, format!("dev={identity} offset=4096 sizelimit=0 flags=1"));
    let base = format!("/sys/dev/block/{number}");
    assert_eq!(said(Query::File, &format!("{base}/loop/backing_file")), format!("{file}\n"));
    assert_eq!(said(Query::File, &format!("{base}/size")), format!("{}\n", ((1 << 20) - 4096) / 512));
    assert!(said(Query::Link, &base).ends_with(Path::new(device).file_name().unwrap().to_str().unwrap()));
    let disk = fs::read_dir("/sys/dev/block").unwrap().flatten().find_map(|e| {
        let name = e.file_name().into_string().ok()?;
        (!name.starts_with("7:")).then_some(name)
    });
    if let Some(disk) = disk {
        assert_eq!(errno(Query::LoopStatus, &disk), "ENOTTY");
    }
    assert_eq!(errno(Query::LoopStatus, "7:999999"), "ENOENT");
}

fn losetup(arguments: &[&str]) -> Option<String> {
    let output = Command::new("losetup").args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

//! Unpacked sos reports: what is read from them, and that hostile contents do not lead outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use thinspect::host::model::backing::BackingKind;
use thinspect::host::model::pool::{MinFreeFrom, Pool, PoolOwner};
use thinspect::host::{self, Host};
use thinspect::record::sosreport::{self, BundleError};
use thinspect::record::{Query, Recording};
use thinspect::rules;

fn bundles(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sosreports").join(name)
}

fn pool(host: &Host) -> &Pool {
    let [pool] = host.pools.as_slice() else { panic!("{} pools", host.pools.len()) };
    pool
}

/// A directory for one test, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bundle-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const STATUS: &str = "docker-thinpool: 0 209715200 thin-pool 28 16057/524288 1490000/1638400 - rw discard_passdown \
                      queue_if_no_space - 1024 \n";

#[test]
fn a_pool_in_loop_files() {
    let recording = sosreport::read(&bundles("sos-4-loop")).unwrap();
    let host = host::read(&recording);
    let pool = pool(&host);
    assert_eq!(pool.name.as_deref(), Some("docker-254:0-7356-pool"));
    assert_eq!(pool.data.free().map(|b| b.0), Some(161_986));
    assert_eq!(pool.owner, PoolOwner::Docker { root: Some("/var/lib/docker".to_owned()) });
    assert_eq!((pool.min_free.percent, pool.min_free.from), (Some(10), MinFreeFrom::DockerInfo));
    let file = pool.data_backing.file.as_ref().unwrap();
    assert_eq!(file.path, "/var/lib/docker/devicemapper/devicemapper/data");
    assert_eq!(host.kernel.release.as_deref(), Some("6.1.0-56-cloud-amd64"));
    assert!(host.filesystems.iter().any(|f| f.inodes_free == Some(779_009)));
    let findings = rules::findings(&host);
    assert_eq!(findings[0].rule, "data-below-min-free");
    // Log lines without a known message are not added.
    assert_eq!(recording.all(Query::PastedLine).count(), 0);
}

#[test]
fn a_pool_on_lvm() {
    let host = host::read(&sosreport::read(&bundles("sos-3-lvm")).unwrap());
    let pool = pool(&host);
    assert_eq!((pool.name.as_deref(), pool.data.used.map(|b| b.0)), (Some("docker-thinpool"), Some(181)));
    assert_eq!(pool.data_backing.kind, BackingKind::Lvm);
    assert_eq!(pool.data_backing.path.as_deref(), Some("/dev/mapper/docker-thinpool_tdata"));
    assert_eq!(host.lvm.group("docker").unwrap().free.unwrap().0, 312 << 20);
    assert_eq!(rules::findings(&host)[0].rule, "base-size-exceeds-pool");
}

#[test]
fn settings_and_daemons_count_and_secrets_do_not_stay() {
    let scratch = Scratch::new("settings");
    scratch.write("sos_commands/devicemapper/dmsetup_status", STATUS);
    scratch.write(
        "etc/docker/daemon.json",
        r#"{"storage-opts": ["dm.min_free_space=20%"], "http-proxy": "http://user:secret@h"}"#,
    );
    scratch.write(
        "sos_commands/process/ps_auxwwwm",
        "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n\
         root 1234 0.5 1.2 1 9 ? Ssl Oct05 12:34 /usr/bin/dockerd --storage-opt dm.min_free_space=5%\n",
    );
    scratch
        .write("etc/lvm/lvm.conf", "# a comment\nactivation {\n\tthin_pool_autoextend_threshold = 80\n}\n");
    let recording = sosreport::read(&scratch.0).unwrap();
    let host = host::read(&recording);
    let pool = pool(&host);
    assert_eq!(
        (pool.min_free.percent, pool.min_free.from),
        (Some(5), MinFreeFrom::Option),
        "the command line counts"
    );
    assert_eq!(host.docker_roots[0].running, Some(true));
    assert_eq!(host.lvm.autoextend.unwrap().threshold, Some(80));
    let all = format!("{recording:?}");
    assert!(!all.contains("secret") && !all.contains("a comment"), "{all}");
}

#[test]
fn without_what_dmsetup_printed_nothing_is_ok() {
    let scratch = Scratch::new("empty");
    fs::create_dir_all(scratch.0.join("sos_commands")).unwrap();
    let out = thinspect(&scratch.0);
    assert!(out.0.contains("UNKNOWN"), "{}", out.0);
    assert_eq!(out.2, Some(3));
}

/// Standard output, standard error and exit status.
fn thinspect(from: &Path) -> (String, String, Option<i32>) {
    let out = Command::new(env!("CARGO_BIN_EXE_thinspect")).arg("--from").arg(from).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(out.stdout), text(out.stderr), out.status.code())
}

#[test]
fn any_other_directory_gets_one_sentence() {
    let scratch = Scratch::new("other");
    assert_eq!(sosreport::read(&scratch.0), Err(BundleError::Other));
    let (out, err, code) = thinspect(&scratch.0);
    assert_eq!((out.as_str(), code), ("", Some(3)));
    assert!(err.contains("no unpacked sos report") && err.lines().count() == 1, "{err}");
    // Two reports side by side are ambiguous.
    scratch.write("a/sos_commands/kernel/uname_-a", "Linux a 6.1 x");
    assert!(sosreport::read(&scratch.0).is_ok());
    scratch.write("b/sos_commands/kernel/uname_-a", "Linux b 6.1 x");
    assert_eq!(sosreport::read(&scratch.0), Err(BundleError::Other));
    assert!(matches!(sosreport::read(&scratch.0.join("none")), Err(BundleError::Refused(_))));
}

/// The text of all answers.
fn words(recording: &Recording) -> String {
    recording.answers.iter().filter_map(|a| a.outcome.said()).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_leads_out_of_it_or_blocks() {
    let scratch = Scratch::new("hostile");
    let outside = Scratch::new("outside");
    outside.write("secret", "Pool Name: stolen-pool\n");
    outside.write("docker/docker_info", "Pool Name: stolen-pool\n");
    scratch.write("sos_commands/devicemapper/dmsetup_status", STATUS);
    fs::create_dir_all(scratch.0.join("etc/docker")).unwrap();
    // Links to a file, to a directory on the path, out of the report, and to itself.
    symlink(outside.0.join("secret"), scratch.0.join("etc/docker/daemon.json")).unwrap();
    symlink(outside.0.join("docker"), scratch.0.join("sos_commands/docker")).unwrap();
    symlink("../../../../../../etc", scratch.0.join("sos_commands/lvm2")).unwrap();
    symlink(".", scratch.0.join("sos_commands/kernel")).unwrap();
    fs::create_dir_all(scratch.0.join("sos_commands/logs")).unwrap();
    let fifo = scratch.0.join("sos_commands/logs/journalctl_--no-pager");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir_all(scratch.0.join("sos_commands/block/lsblk")).unwrap();
    let started = Instant::now();
    let recording = sosreport::read(&scratch.0).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "it waited");
    assert!(!words(&recording).contains("stolen"), "{recording:?}");
    assert_eq!(host::read(&recording).pools.len(), 1);
}

#[test]
fn sizes_are_bounded() {
    let scratch = Scratch::new("large");
    scratch.write("sos_commands/devicemapper/dmsetup_status", STATUS);
    let line = "Nov 22 02:39:00 host x[1]: nothing of interest, but said again and again in every second\n";
    let mut log = line.repeat(40_000_000 / line.len());
    log.push_str(
        "Nov 22 02:40:00 host kernel: device-mapper: thin: 253:9: switching pool to read-only mode\n",
    );
    scratch.write("sos_commands/logs/journalctl_--no-pager", log);
    // A sparse file of a terabyte.
    scratch.write("etc/docker/daemon.json", "");
    let file = fs::OpenOptions::new().write(true).open(scratch.0.join("etc/docker/daemon.json")).unwrap();
    file.set_len(1 << 40).unwrap();
    let recording = sosreport::read(&scratch.0).unwrap();
    let words = words(&recording);
    assert!(words.len() < 20 << 20, "{}", words.len());
    assert!(words.contains("switching pool to read-only mode"), "the newest lines are kept");
}

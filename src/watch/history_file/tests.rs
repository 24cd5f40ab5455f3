//! Tests of the history file: new, appended to, torn, too long, shared, and not a history.

use super::*;
use crate::host::history::Level;
use crate::host::model::thin::Thin;
use crate::record::paste::paste;

/// A temporary folder that is removed after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thinspect-log-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sample(minute: i64, used: u64) -> Sample {
    Sample {
        at: Moment(minute * INTERVAL),
        pool: "docker-8:1-2-pool".to_owned(),
        mode: Some("rw".to_owned()),
        block_bytes: Some(65536),
        data: Some(Level { used_blocks: used, total_blocks: 100_000 }),
        metadata: Some(Level { used_blocks: 1, total_blocks: 2 }),
        filesystem: None,
    }
}

fn no_pools() -> Host {
    crate::host::read(&paste("nothing\n"))
}

fn read(path: &Path) -> History {
    history::read(&fs::read_to_string(path).unwrap())
}

#[test]
fn samples_that_hardly_differ_are_not_written() {
    let folder = Folder::new("news");
    let path = folder.0.join("history");
    let mut log = Log::open(&path, &no_pools()).unwrap();
    log.keep(&[sample(0, 5)], &[]).unwrap();
    // After half a minute, and changed by less than a percent: not written.
    log.keep(&[Sample { at: Moment(30_000), ..sample(0, 900) }], &[]).unwrap();
    assert_eq!(read(&path).samples, [sample(0, 5)]);
    // Changed by more than a percent: written.
    let much = Sample { at: Moment(31_000), ..sample(0, 1_006) };
    log.keep(std::slice::from_ref(&much), &[]).unwrap();
    log.keep(&[sample(2, 1_006)], &[]).unwrap();
    assert_eq!(read(&path).samples, [sample(0, 5), much, sample(2, 1_006)]);
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_torn_line_costs_only_itself() {
    let folder = Folder::new("torn");
    let path = folder.0.join("history");
    fs::write(&path, sample(0, 1).line() + "{\"schema\":\"thinspect-wa").unwrap();
    let mut log = Log::open(&path, &no_pools()).unwrap();
    log.keep(&[sample(1, 2)], &[]).unwrap();
    let history = read(&path);
    assert_eq!((history.samples, history.foreign), (vec![sample(0, 1), sample(1, 2)], 1));
}

#[test]
fn it_stays_bounded_and_keeps_the_newest() {
    let folder = Folder::new("bounded");
    let path = folder.0.join("history");
    let count = 2 * i64::try_from(LONGEST).unwrap() / i64::try_from(sample(0, 1).line().len()).unwrap();
    let text: String = (0..count / 2).map(|n| sample(n, 1).line()).collect();
    fs::write(&path, text).unwrap();
    let mut log = Log::open(&path, &no_pools()).unwrap();
    for n in count / 2..count / 2 + 300 {
        log.keep(&[sample(n, 1)], &[]).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() <= LONGEST);
    let history = read(&path);
    assert_eq!(history.samples.last(), Some(&sample(count / 2 + 299, 1)));
    assert_eq!(history.foreign, 0);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn two_writers_lose_nothing() {
    let folder = Folder::new("two");
    let path = folder.0.join("history");
    let write = |pool: &'static str| {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut log = Log::open(&path, &no_pools()).unwrap();
            for n in 0..50 {
                log.keep(&[Sample { pool: pool.to_owned(), ..sample(n, 1) }], &[]).unwrap();
            }
        })
    };
    let writers = [write("a"), write("b")];
    for writer in writers {
        writer.join().unwrap();
    }
    let history = read(&path);
    assert_eq!((history.of("a").count(), history.of("b").count(), history.foreign), (50, 50, 0));
}

#[test]
fn a_file_that_is_not_a_history_is_refused() {
    let folder = Folder::new("foreign");
    let path = folder.0.join("passwd");
    fs::write(&path, "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    let why = Log::open(&path, &no_pools()).err().unwrap().to_string();
    assert!(why.contains("something else than a history"), "{why}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "root:x:0:0:root:/root:/bin/bash\n");
    // A log that mentions the schema is not a history.
    let log = "a\nsee thinspect-watch/1\nb\n";
    fs::write(&path, log).unwrap();
    assert!(Log::open(&path, &no_pools()).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), log);
    fs::write(&path, "{\"sch").unwrap();
    assert!(Log::open(&path, &no_pools()).is_ok(), "a torn first line after a crash");
    let fifo = folder.0.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(Log::open(&fifo, &no_pools()).is_err());
    assert!(Log::open(&folder.0, &no_pools()).is_err());
}

#[test]
fn a_file_on_a_watched_pool_is_refused() {
    let folder = Folder::new("pool");
    let device = fs::metadata(&folder.0).unwrap().dev();
    let device = DeviceNumber::read(&format!("{}:{}", major(device), minor(device)));
    let mut host = no_pools();
    host.thin_devices.push(Thin { name: "docker-base".to_owned(), device, ..Thin::default() });
    let why = Log::open(&folder.0.join("history"), &host).err().unwrap().to_string();
    assert!(why.contains("lies on docker-base"), "{why}");
}

#[test]
fn a_link_that_was_there_is_followed_and_a_later_one_is_not() {
    let folder = Folder::new("link");
    let (file, link) = (folder.0.join("history"), folder.0.join("link"));
    fs::write(&file, sample(0, 1).line()).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let mut log = Log::open(&link, &no_pools()).unwrap();
    log.keep(&[sample(1, 2)], &[]).unwrap();
    assert_eq!(read(&file).samples.len(), 2);
    // The file is replaced by a link.
    let theirs = folder.0.join("theirs");
    fs::write(&theirs, "theirs").unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&theirs, &file).unwrap();
    assert!(log.keep(&[sample(2, 3)], &[]).is_err());
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    // A dangling link is not followed either.
    let nowhere = folder.0.join("nowhere");
    std::os::unix::fs::symlink(folder.0.join("planted"), &nowhere).unwrap();
    assert!(Log::open(&nowhere, &no_pools()).is_err() && !folder.0.join("planted").exists());
}

//! Answers queries about the host this process runs on, with device-mapper ioctls, files and a few fixed commands.
//!
//! Never opens anything for writing. An error is an outcome, too. A query may block for ever on a broken host, so a
//! [`self::worker::Worker`] runs it in a process of its own.

pub mod command;
pub(super) mod dir;
mod dm;
pub mod dm_events;
mod files;
mod ipc;
mod open_files;
mod processes;
mod root;
pub(crate) mod sys;
pub mod worker;

use super::owners::pool_metadata;
use super::{LIMIT_FILE, Outcome, Query, Responder};
use dm::Mapper;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use processes::Programs;
use root::Root;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// The host this process runs on.
pub struct Machine {
    root: Root,
    mapper: Option<Mapper>,
    programs: Programs,
    read_metadata: Option<pool_metadata::Read>,
    patience: Duration,
}

impl Machine {
    /// A host whose files are below `root`: `/`, or the directory where the host's files are mounted in a container.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root: Root::new(root),
            mapper: None,
            programs: Programs::default(),
            read_metadata: None,
            patience: Duration::ZERO,
        }
    }

    /// Sets a minimum for the time limits of commands.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets the reader of pool metadata.
    #[must_use]
    pub fn reading_metadata(self, read: Option<pool_metadata::Read>) -> Self {
        Self { read_metadata: read, ..self }
    }

    /// Queries device-mapper, which is opened at the first query.
    fn mapper(&mut self, query: impl Fn(&Mapper) -> Result<String, Outcome>) -> Result<String, Outcome> {
        if self.mapper.is_none() {
            self.mapper = Some(Mapper::open(&self.root)?);
        }
        self.mapper.as_ref().map_or(Err(Outcome::refused(Errno::ENODEV)), query)
    }

    fn answer(&mut self, query: Query, target: &str) -> Result<String, Outcome> {
        match query {
            Query::DmVersion => self.mapper(Mapper::version),
            Query::DmList => self.mapper(Mapper::list),
            Query::DmTable => self.mapper(|m| m.table(target)),
            Query::DmStatus => self.mapper(|m| m.status(target)),
            Query::DmInfo => self.mapper(|m| m.info(target)),
            Query::File => files::text(&self.root, target),
            Query::Stat => files::stat(&self.root, target),
            Query::Statfs => files::statfs(&self.root, target),
            Query::Link => files::link(&self.root, target),
            Query::Dir => files::names(&self.root, target),
            Query::EntryTypes => files::types(&self.root, target),
            Query::DeviceRecords => files::device_records(&self.root, target),
            Query::LoopStatus => loop_status(&self.root, target),
            Query::Processes => self.programs.of_name(&self.root, target),
            Query::Run if !self.root.is_plain() => Err(Outcome::NotAsked(
                "commands are not run when the files of another root are read".to_owned(),
            )),
            Query::Run => command::run(target, self.patience),
            Query::History => files::history(target),
            Query::Signatures => signatures(&self.root, target),
            Query::Tool => tool(&self.root, target),
            Query::OpenFiles => open_files::answer(&self.root),
            Query::IpcObjects => ipc::answer(&self.root),
            Query::Uname => uname(),
            Query::KernelLog => files::kernel_log(&self.root),
            Query::DockerLayers | Query::DockerMounts | Query::DockerImages | Query::DockerContainers => {
                owners(&self.root, query, target, OFlag::O_DIRECTORY)
            }
            Query::ContainerdDevices
            | Query::ContainerdSnapshots
            | Query::ContainerdImages
            | Query::DockerBuildCache => owners(&self.root, query, target, OFlag::empty()),
            Query::PoolMetadata => pool_metadata(&self.root, target, self.read_metadata),
            Query::FileDigest => {
                Err(Outcome::NotAsked("it is made of a file's text where that is kept".to_owned()))
            }
            Query::DockerInfo
            | Query::LvmReport
            | Query::Df
            | Query::PastedOutput
            | Query::PastedLine
            | Query::Unknown => Err(Outcome::NotAsked("only pasted text answers this".to_owned())),
        }
    }
}

impl Responder for Machine {
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        self.answer(query, target).map_or_else(|refused| refused, Outcome::Answered)
    }
}

fn uname() -> Result<String, Outcome> {
    let name = nix::sys::utsname::uname().map_err(Outcome::refused)?;
    let words = [name.sysname(), name.release(), name.machine()];
    Ok(words.map(|w| w.to_string_lossy().into_owned()).join(" "))
}

/// The signatures on a block device. `blkid` opens it, read-only.
fn signatures(root: &Root, node: &str) -> Result<String, Outcome> {
    if !root.is_plain() {
        return Err(Outcome::NotAsked(
            "devices are not looked into when the files of another root are read".into(),
        ));
    }
    let place = root.open(node, OFlag::O_PATH).map_err(Outcome::refused)?;
    match files::kind(&nix::sys::stat::fstat(&place).map_err(Outcome::refused)?) {
        files::Kind::Block => command::signatures(node),
        _ => Err(Outcome::Refused("ENOTBLK: not a block device".to_owned())),
    }
}

/// The path of an executable, by its name.
fn tool(root: &Root, name: &str) -> Result<String, Outcome> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(is_allowed) {
        return Err(Outcome::refused(Errno::EINVAL));
    }
    let is_executable = |path: &String| {
        let stat = root.open(path, OFlag::O_PATH).and_then(|place| nix::sys::stat::fstat(&place));
        stat.is_ok_and(|s| files::kind(&s) == files::Kind::Regular && s.st_mode & 0o111 != 0)
    };
    let mut places = command::PATH.split(':').map(|directory| format!("{directory}/{name}"));
    places.find(is_executable).ok_or_else(|| Outcome::refused(Errno::ENOENT))
}

/// The backing file of the loop device with this number. The device is opened read-only, which changes nothing: even
/// with autoclear it is not detached when it is closed, because the pool still uses it.
fn loop_status(root: &Root, number: &str) -> Result<String, Outcome> {
    let device = block_device(root, number, OFlag::O_NONBLOCK, |name| name.starts_with("loop"))?;
    let info = self::sys::loop_info(device.as_fd()).map_err(Outcome::refused)?;
    let ((major, minor), inode) = (info.dev, info.inode);
    let (offset, limit, flags) = (info.offset, info.sizelimit, info.flags);
    Ok(format!("dev={major}:{minor} ino={inode} offset={offset} sizelimit={limit} flags={flags}"))
}

/// Opens the block device with this number read-only. Fails if its name is not as expected, or if the node belongs to
/// another device.
fn block_device(
    root: &Root,
    number: &str,
    how: OFlag,
    expected: impl Fn(&str) -> bool,
) -> Result<OwnedFd, Outcome> {
    let node = root.link(&format!("/sys/dev/block/{number}")).map_err(Outcome::refused)?;
    // sysfs replaces a slash in a device name by an exclamation mark.
    let name = node.rsplit('/').next().unwrap_or_default().replace('!', "/");
    if !expected(&name) {
        return Err(Outcome::refused(Errno::ENOTTY));
    }
    let path = format!("/dev/{name}");
    let check = |fd: &OwnedFd| {
        let stat = nix::sys::stat::fstat(fd).map_err(Outcome::refused)?;
        let matches = files::kind(&stat) == files::Kind::Block && files::number(stat.st_rdev) == number;
        if matches { Ok(()) } else { Err(Outcome::refused(Errno::ENODEV)) }
    };
    check(&root.open(&path, OFlag::O_PATH).map_err(Outcome::refused)?)?;
    let device = root.open(&path, OFlag::O_RDONLY | how).map_err(Outcome::refused)?;
    check(&device)?;
    Ok(device)
}

/// Reads a metadata device with `O_DIRECT`, because the pool's writes bypass the page cache.
fn pool_metadata(root: &Root, number: &str, read: Option<pool_metadata::Read>) -> Result<String, Outcome> {
    let read = read.ok_or_else(|| Outcome::NotAsked("no reader of metadata was lent".to_owned()))?;
    let device = block_device(root, number, OFlag::O_DIRECT, |_| true)?;
    pool_metadata::answer(read, device.into())
}

/// Reads an engine's records in a directory or file. Never opens a FIFO or a device.
fn owners(root: &Root, query: Query, target: &str, how: OFlag) -> Result<String, Outcome> {
    if !how.contains(OFlag::O_DIRECTORY) {
        files::regular(&root.open(target, OFlag::O_PATH).map_err(Outcome::refused)?)?;
    }
    let place = root.open(target, how | OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Outcome::refused)?;
    match super::owners::answer(query, place) {
        Outcome::Answered(text) => Ok(text),
        refused => Err(refused),
    }
}

/// Reads at most [`LIMIT_FILE`] bytes; invalid UTF-8 is replaced.
fn read_text(from: OwnedFd) -> Result<String, Outcome> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LIMIT_FILE).unwrap_or(u64::MAX);
    std::fs::File::from(from).take(limit).read_to_end(&mut bytes).map_err(|e| refused_io(&e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn refused_io(error: &std::io::Error) -> Outcome {
    error.raw_os_error().map_or_else(
        || Outcome::Refused(format!("EIO: {error}")),
        |number| Outcome::refused(Errno::from_raw(number)),
    )
}

#[cfg(test)]
mod tests;

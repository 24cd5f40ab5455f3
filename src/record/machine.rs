//! Answers questions by asking the machine this process runs on: device-mapper ioctls, files, a few fixed
//! commands.
//!
//! It opens nothing for writing, follows no instruction that an answer holds, and never fails: what the
//! machine refuses is a reading. It may block for ever on a broken machine; a [`super::worker::Worker`]
//! stands in front of it.

mod files;
mod mapper;
mod programs;
mod root;
pub mod run;

use super::{Ask, LIMIT_FILE, Reading, Respondent, pool_metadata};
use mapper::Mapper;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use programs::Programs;
use root::Root;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// The machine this process runs on.
pub struct Machine {
    root: Root,
    mapper: Option<Mapper>,
    programs: Programs,
    read_metadata: Option<pool_metadata::Read>,
    patience: Duration,
}

impl Machine {
    /// A machine whose files stand below `root`: `/`, or the directory where a container sees its host's
    /// files.
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

    /// The same, whose commands may take so long where their own limits are shorter.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, lent a reader of pools' metadata.
    #[must_use]
    pub fn reading_metadata(self, read: Option<pool_metadata::Read>) -> Self {
        Self { read_metadata: read, ..self }
    }

    /// Asks device-mapper, opened at the first question.
    fn mapper(&mut self, ask: impl Fn(&Mapper) -> Result<String, Reading>) -> Result<String, Reading> {
        if self.mapper.is_none() {
            self.mapper = Some(Mapper::open(&self.root)?);
        }
        self.mapper.as_ref().map_or(Err(Reading::refused(Errno::ENODEV)), ask)
    }

    fn answer(&mut self, ask: Ask, of: &str) -> Result<String, Reading> {
        match ask {
            Ask::DmVersion => self.mapper(Mapper::version),
            Ask::DmList => self.mapper(Mapper::list),
            Ask::DmTable => self.mapper(|m| m.table(of)),
            Ask::DmStatus => self.mapper(|m| m.status(of)),
            Ask::DmInfo => self.mapper(|m| m.info(of)),
            Ask::File => files::text(&self.root, of),
            Ask::Stat => files::stat(&self.root, of),
            Ask::Statfs => files::statfs(&self.root, of),
            Ask::Link => files::link(&self.root, of),
            Ask::Dir => files::names(&self.root, of),
            Ask::EntryTypes => files::types(&self.root, of),
            Ask::DeviceRecords => files::device_records(&self.root, of),
            Ask::LoopStatus => loop_status(&self.root, of),
            Ask::Processes => self.programs.of_name(&self.root, of),
            Ask::Run if !self.root.is_plain() => Err(Reading::Unasked(
                "commands are not run when the files of another root are read".to_owned(),
            )),
            Ask::Run => run::run(of, self.patience),
            Ask::History => files::history(of),
            Ask::Signatures => signatures(&self.root, of),
            Ask::Tool => tool(&self.root, of),
            Ask::Uname => uname(),
            Ask::KernelLog => files::kernel_log(&self.root),
            Ask::DockerLayers | Ask::DockerMounts | Ask::DockerImages | Ask::DockerContainers => {
                owners(&self.root, ask, of, OFlag::O_DIRECTORY)
            }
            Ask::ContainerdDevices
            | Ask::ContainerdSnapshots
            | Ask::ContainerdImages
            | Ask::DockerBuildCache => owners(&self.root, ask, of, OFlag::empty()),
            Ask::PoolMetadata => pool_metadata(&self.root, of, self.read_metadata),
            Ask::FileDigest => {
                Err(Reading::Unasked("it is made of a file's text where that is kept".to_owned()))
            }
            Ask::DockerInfo | Ask::LvmReport | Ask::Df | Ask::Output | Ask::Line | Ask::Later => {
                Err(Reading::Unasked("only pasted text answers this".to_owned()))
            }
        }
    }
}

impl Respondent for Machine {
    fn ask(&mut self, ask: Ask, of: &str) -> Reading {
        self.answer(ask, of).map_or_else(|refused| refused, Reading::Said)
    }
}

fn uname() -> Result<String, Reading> {
    let name = nix::sys::utsname::uname().map_err(Reading::refused)?;
    let words = [name.sysname(), name.release(), name.machine()];
    Ok(words.map(|w| w.to_string_lossy().into_owned()).join(" "))
}

/// What is recognised on a block device. It is opened by `blkid`, for reading.
fn signatures(root: &Root, node: &str) -> Result<String, Reading> {
    if !root.is_plain() {
        return Err(Reading::Unasked(
            "devices are not looked into when the files of another root are read".into(),
        ));
    }
    let place = root.open(node, OFlag::O_PATH).map_err(Reading::refused)?;
    match files::kind(&nix::sys::stat::fstat(&place).map_err(Reading::refused)?) {
        files::Kind::Block => run::signatures(node),
        _ => Err(Reading::Refused("ENOTBLK: not a block device".to_owned())),
    }
}

fn tool(root: &Root, name: &str) -> Result<String, Reading> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Reading::refused(Errno::EINVAL));
    }
    let there = |path: &String| {
        let stat = root.open(path, OFlag::O_PATH).and_then(|place| nix::sys::stat::fstat(&place));
        stat.is_ok_and(|s| files::kind(&s) == files::Kind::Regular && s.st_mode & 0o111 != 0)
    };
    let mut places = run::PATH.split(':').map(|directory| format!("{directory}/{name}"));
    places.find(there).ok_or_else(|| Reading::refused(Errno::ENOENT))
}

/// Opens the loop device with this number, read-only, and asks what it is bound to. A read-only open changes
/// nothing: a device that would vanish with its last user (autoclear) still has the pool as its user.
fn loop_status(root: &Root, number: &str) -> Result<String, Reading> {
    let device = block_device(root, number, OFlag::O_NONBLOCK, |name| name.starts_with("loop"))?;
    let info = super::raw::loop_info(device.as_fd()).map_err(Reading::refused)?;
    let ((major, minor), inode) = (info.dev, info.inode);
    let (offset, limit, flags) = (info.offset, info.sizelimit, info.flags);
    Ok(format!("dev={major}:{minor} ino={inode} offset={offset} sizelimit={limit} flags={flags}"))
}

/// Opens the block device with this number for reading, if its name is as expected and its node is no other's.
fn block_device(
    root: &Root,
    number: &str,
    how: OFlag,
    expected: impl Fn(&str) -> bool,
) -> Result<OwnedFd, Reading> {
    let node = root.link(&format!("/sys/dev/block/{number}")).map_err(Reading::refused)?;
    // Where a driver's name for its disks has a slash, sysfs has an exclamation mark.
    let name = node.rsplit('/').next().unwrap_or_default().replace('!', "/");
    if !expected(&name) {
        return Err(Reading::refused(Errno::ENOTTY));
    }
    let path = format!("/dev/{name}");
    let is_it = |fd: &OwnedFd| {
        let stat = nix::sys::stat::fstat(fd).map_err(Reading::refused)?;
        let matches = files::kind(&stat) == files::Kind::Block && files::number(stat.st_rdev) == number;
        if matches { Ok(()) } else { Err(Reading::refused(Errno::ENODEV)) }
    };
    is_it(&root.open(&path, OFlag::O_PATH).map_err(Reading::refused)?)?;
    let device = root.open(&path, OFlag::O_RDONLY | how).map_err(Reading::refused)?;
    is_it(&device)?;
    Ok(device)
}

/// Reads a metadata device beside its page cache, which the pool's own writes do not pass.
fn pool_metadata(root: &Root, number: &str, read: Option<pool_metadata::Read>) -> Result<String, Reading> {
    let read = read.ok_or_else(|| Reading::Unasked("no reader of metadata was lent".to_owned()))?;
    let device = block_device(root, number, OFlag::O_DIRECT, |_| true)?;
    pool_metadata::answer(read, device.into())
}

/// Opens the place where owners of thin devices are recorded, and reads what is there. Neither FIFO nor device is opened.
fn owners(root: &Root, ask: Ask, of: &str, how: OFlag) -> Result<String, Reading> {
    if !how.contains(OFlag::O_DIRECTORY) {
        files::regular(&root.open(of, OFlag::O_PATH).map_err(Reading::refused)?)?;
    }
    let place = root.open(of, how | OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Reading::refused)?;
    match super::owners::answer(ask, place) {
        Reading::Said(text) => Ok(text),
        refused => Err(refused),
    }
}

/// Reads at most [`LIMIT_FILE`] bytes; what is no valid text is replaced.
fn read_text(from: OwnedFd) -> Result<String, Reading> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LIMIT_FILE).unwrap_or(u64::MAX);
    std::fs::File::from(from).take(limit).read_to_end(&mut bytes).map_err(|e| refused_io(&e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn refused_io(error: &std::io::Error) -> Reading {
    error.raw_os_error().map_or_else(
        || Reading::Refused(format!("EIO: {error}")),
        |number| Reading::refused(Errno::from_raw(number)),
    )
}

#[cfg(test)]
mod tests;

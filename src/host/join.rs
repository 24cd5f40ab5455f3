//! Joins what the single readers understood into one [`Host`]: pools with their devices, owners and limits.
//!
//! Total like everything here. When two answers speak of the same number, the kernel's own wins over a report's;
//! the report is kept beside it, so that a rule can say where they differ.

use super::backing::Filesystem;
use super::device::devices;
use super::history::{self, History};
use super::log::Message;
use super::owners::{self, Owners};
use super::pool::Pool;
use super::status::Mode;
use super::{
    DeviceMapper, Host, Kernel, containerd, df, disk, docker_lists, gaps, inside, log, lvm, open_files,
    owner, reports, settings, stack, twice,
};
use crate::record::{Answer, Ask, Reading, Recording, Source};

/// What a recording means.
#[must_use]
pub fn read(recording: &Recording) -> Host {
    let mut oddities = Vec::new();
    let mounts = stack::mounts(recording);
    let mut host = Host {
        source: recording.source,
        recorded_at: recording.recorded_at.clone(),
        kernel: kernel(recording),
        pools: Vec::new(),
        thins: Vec::new(),
        dockers: settings::dockers(recording, &mounts, &mut oddities),
        containerds: containerd::read(recording),
        lvm: lvm_facts(recording),
        disks: disk::disks(recording),
        tools: disk::tools(recording),
        filesystems: filesystems(recording, &mounts),
        log_messages: log_messages(recording),
        history: history(recording),
        containers: outputs(recording, "docker ps").flat_map(docker_lists::containers).collect(),
        removable: outputs(recording, "docker system df").filter_map(docker_lists::removable).last(),
        open_files: outputs(recording, "lsof").flat_map(open_files::deleted).collect(),
        twice: Vec::new(),
        oddities: Vec::new(),
    };
    let devices = devices(recording);
    for device in devices.values() {
        match device.kind() {
            Some("thin-pool") => host.pools.push(device.pool(recording, &mounts)),
            Some("thin") => host.thins.push(device.thin(recording, &mounts)),
            _ => {}
        }
    }
    reports::add_reports(recording, &mut host);
    reports::add_loops(recording, &mut host);
    reports::add_refusals(&mut host);
    let mut containerds = owner::pasted_pools(recording);
    containerds.extend(host.containerds.iter().map(|settings| settings.pool.as_str()));
    for pool in &mut host.pools {
        pool.owner = owner::owner(pool, &host.dockers, &host.thins, &containerds);
        pool.min_free = owner::min_free(pool, &host.dockers);
        pool.mode_secs = mode_secs(pool, &host.log_messages);
        pool.inside = inside::read(recording, pool);
    }
    if recording.all(Ask::History).next().is_some() {
        let mut history = std::mem::take(&mut host.history);
        history.add_now(&host);
        host.history = history;
    }
    let owners: Vec<Owners> = host.pools.iter().map(|p| owners::read(recording, &host, p)).collect();
    host.pools.iter_mut().zip(owners).for_each(|(pool, owners)| pool.owners = owners);
    host.twice = twice::find(recording, &host);
    oddities.extend(gaps::unanswered(recording, &devices));
    oddities.extend(gaps::not_understood(recording, &host, &devices));
    host.oddities = oddities;
    host
}

fn kernel(recording: &Recording) -> Kernel {
    let version = recording.reading(Ask::DmVersion, "");
    Kernel {
        release: recording.said(Ask::Uname, "").and_then(|u| u.split(' ').nth(1)).map(str::to_owned),
        dm_version: version.and_then(Reading::said).map(|v| v.trim().to_owned()),
        device_mapper: match version {
            None | Some(Reading::Unasked(_)) => DeviceMapper::NotAsked,
            Some(Reading::Said(_)) => DeviceMapper::Answered,
            Some(Reading::Silent(_)) => DeviceMapper::Silent,
            Some(Reading::Refused(why)) if why.starts_with("ENOENT") => DeviceMapper::Missing,
            Some(Reading::Refused(why)) => DeviceMapper::Refused(why.clone()),
        },
        no_space_timeout: recording
            .said(Ask::File, "/sys/module/dm_thin_pool/parameters/no_space_timeout")
            .and_then(|t| t.trim().parse().ok()),
        overlay: recording
            .said(Ask::File, "/proc/filesystems")
            .map(|text| text.lines().any(|l| l.split_whitespace().any(|word| word == "overlay"))),
    }
}

/// The histories that were given, usually one or none, in the order given.
fn history(recording: &Recording) -> History {
    let texts = recording.all(Ask::History).filter_map(|a| a.reading.said());
    texts.map(history::read).fold(History::default(), History::and)
}

/// Pasted outputs of a tool.
fn outputs<'a>(recording: &'a Recording, of: &'static str) -> impl Iterator<Item = &'a str> {
    recording.all(Ask::Output).filter(move |a| a.of == of).filter_map(|a| a.reading.said())
}

fn lvm_facts(recording: &Recording) -> lvm::Lvm {
    let mut facts = lvm::Gathering::default();
    let mut dmeventd = None;
    for answer in &recording.answers {
        let Some(said) = answer.reading.said() else { continue };
        match answer.ask {
            Ask::LvmReport => facts.report(&answer.of, said),
            Ask::Run if ["lvs", "vgs", "pvs"].iter().any(|c| answer.of.starts_with(c)) => {
                facts.report(&answer.of, said);
            }
            Ask::Processes if answer.of == "dmeventd" => dmeventd = Some(!said.trim().is_empty()),
            Ask::File if answer.of.starts_with("/etc/lvm/") => facts.file(&answer.of, said),
            _ => {}
        }
    }
    let absent = |a: &&Answer| a.of.ends_with("/thin_check") && a.reading.errno() == Some("ENOENT");
    let missing_checker = recording.all(Ask::Stat).find(absent).map(|a| a.of.clone());
    lvm::Lvm { dmeventd, missing_checker, ..facts.finish() }
}

fn filesystems(recording: &Recording, mounts: &[Filesystem]) -> Vec<Filesystem> {
    let measured = recording.all(Ask::Statfs).filter_map(|a| stack::filesystem_of(recording, mounts, &a.of));
    let mut all: Vec<Filesystem> = Vec::new();
    for filesystem in measured {
        if !all.iter().any(|known| known.mount == filesystem.mount && known.device == filesystem.device) {
            all.push(filesystem);
        }
    }
    for answer in recording.all(Ask::Df) {
        df::merge(&mut all, df::read(&answer.of, answer.reading.said().unwrap_or_default()));
    }
    all
}

/// How long a pool has been in its mode: the age of the kernel's line about the last switch to it.
fn mode_secs(pool: &Pool, messages: &[log::LogMessage]) -> Option<u64> {
    let switches: &[Message] = match pool.mode.as_ref()? {
        Mode::OutOfDataSpace => &[Message::PoolOutOfDataSpace, Message::PoolQueuesWrites],
        Mode::ReadOnly => &[Message::PoolToReadOnly, Message::PoolToOutOfMetadata],
        Mode::Failed => &[Message::PoolToFail],
        Mode::ReadWrite | Mode::Other(_) => return None,
    };
    let number = format!(" {}:", pool.device?);
    let names =
        |s: &&log::LogMessage| matches!(s.kind, log::Kind::Known { message } if switches.contains(&message));
    // A pool that stops queueing is still full since it began to.
    let errors = |s: &&log::LogMessage| s.text.contains("(error IO)");
    messages.iter().rev().filter(|s| s.text.contains(&number)).filter(names).find(|s| !errors(s))?.age_secs
}

/// Recognised lines: pasted ones, those of the kernel's log, and what reports say in words beside their numbers.
fn log_messages(recording: &Recording) -> Vec<log::LogMessage> {
    let speaks =
        |ask| matches!(ask, Ask::Line | Ask::KernelLog | Ask::Output | Ask::DockerInfo | Ask::LvmReport);
    let texts = recording.answers.iter().filter(|a| speaks(a.ask)).filter_map(|a| a.reading.said());
    let pasted = recording.source == Source::Pasted;
    // A target that only says `snapshot Invalid` says it in its status line.
    let targets = recording.all(Ask::DmStatus).filter(|_| pasted).filter_map(|a| a.reading.said());
    let mut messages = log::gather(texts.chain(targets));
    let uptime =
        recording.said(Ask::File, "/proc/uptime").and_then(|t| t.split('.').next()?.trim().parse().ok());
    for message in &mut messages {
        message.age_secs =
            uptime.zip(message.uptime_secs).and_then(|(now, then): (u64, u64)| now.checked_sub(then));
    }
    messages
}

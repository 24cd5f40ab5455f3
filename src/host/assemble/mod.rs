//! Assembles a [`Host`] from the parsed answers: pools with their devices, owners and limits.
//!
//! Never fails. If two answers have the same number, the kernel's is used; differences are kept as [`conflicts`].

pub mod conflicts;
pub(super) mod dm_devices;
pub(super) mod pool_owner;
pub(super) mod reports;
pub(super) mod unanswered;

use super::block::{disk, sysfs};
use super::dm::status::Mode;
use super::docker::{config, ps};
use super::fs::{df, lsof};
use super::history::{self, History};
use super::log::Message;
use super::model::backing::Filesystem;
use super::model::pool::Pool;
use super::owners::pool_metadata;
use super::owners::{self, Owners};
use super::{DeviceMapper, Host, Kernel, containerd, engines, limits, log, lvm};
use crate::record::paste::Tool;
use crate::record::{Answer, Outcome, Query, Recording, Source};
use dm_devices::devices;

/// Builds the host from a recording.
#[must_use]
pub fn read(recording: &Recording) -> Host {
    let mut notes = Vec::new();
    let mounts = sysfs::mounts(recording);
    let mut host = Host {
        source: recording.source,
        recorded_at: recording.recorded_at.clone(),
        kernel: kernel(recording),
        pools: Vec::new(),
        thin_devices: Vec::new(),
        docker_roots: config::dockers(recording, &mounts, &mut notes),
        containerd_configs: containerd::read(recording),
        lvm: lvm_facts(recording),
        disks: disk::disks(recording),
        tools: disk::tools(recording),
        filesystems: filesystems(recording, &mounts),
        log_messages: log_messages(recording),
        history: history(recording),
        containers: outputs(recording, Tool::DockerPs).flat_map(ps::containers).collect(),
        removable: outputs(recording, Tool::DockerSystemDf).filter_map(ps::removable).last(),
        engines: engines::read(recording, &mounts),
        limits: limits::read(recording),
        open_files: open_files(recording),
        conflicts: Vec::new(),
        notes: Vec::new(),
    };
    let devices = devices(recording);
    for device in devices.values() {
        match device.kind() {
            Some("thin-pool") => host.pools.push(device.pool(recording, &mounts)),
            Some("thin") => host.thin_devices.push(device.thin(recording, &mounts)),
            _ => {}
        }
    }
    reports::add_reports(recording, &mut host);
    reports::add_loops(recording, &mut host);
    reports::add_refusals(&mut host);
    reports::add_named(&mut host);
    let mut containerd_configs = pool_owner::pasted_pools(recording);
    containerd_configs.extend(host.containerd_configs.iter().map(|settings| settings.pool.as_str()));
    for pool in &mut host.pools {
        pool.owner = pool_owner::owner(pool, &host.docker_roots, &host.thin_devices, &containerd_configs);
        pool.min_free = pool_owner::min_free(pool, &host.docker_roots);
        pool.mode_secs = mode_secs(pool, &host.log_messages);
        pool.metadata_contents = pool_metadata::read(recording, pool);
    }
    if recording.all(Query::History).next().is_some() {
        let mut history = std::mem::take(&mut host.history);
        history.add_now(&host);
        host.history = history;
    }
    let owners: Vec<Owners> = host.pools.iter().map(|p| owners::read(recording, &host, p)).collect();
    host.pools.iter_mut().zip(owners).for_each(|(pool, owners)| pool.owners = owners);
    host.conflicts = conflicts::find(recording, &host);
    notes.extend(unanswered::unanswered(recording, &host, &devices));
    notes.extend(unanswered::never_asked(recording, &host));
    notes.extend(unanswered::not_understood(recording, &host, &devices));
    host.notes = notes;
    host
}

fn kernel(recording: &Recording) -> Kernel {
    let version = recording.outcome(Query::DmVersion, "");
    Kernel {
        release: recording.said(Query::Uname, "").and_then(|u| u.split(' ').nth(1)).map(str::to_owned),
        dm_version: version.and_then(Outcome::said).map(|v| v.trim().to_owned()),
        device_mapper: match version {
            None | Some(Outcome::NotAsked(_)) => DeviceMapper::NotAsked,
            Some(Outcome::Answered(_)) => DeviceMapper::Answered,
            Some(Outcome::TimedOut(_)) => DeviceMapper::Silent,
            // Recordings of earlier versions have ENOENT also for a missing device node.
            Some(Outcome::Refused(why))
                if why.starts_with("ENOENT") && !why.contains("/dev/mapper/control") =>
            {
                DeviceMapper::Missing
            }
            Some(Outcome::Refused(why)) => DeviceMapper::Refused(why.clone()),
        },
        no_space_timeout: recording
            .said(Query::File, "/sys/module/dm_thin_pool/parameters/no_space_timeout")
            .and_then(|t| t.trim().parse().ok()),
        overlay: recording
            .said(Query::File, "/proc/filesystems")
            .map(|text| text.lines().any(|l| l.split_whitespace().any(|word| word == "overlay"))),
    }
}

/// All histories in the recording, usually one or none, joined in order.
fn history(recording: &Recording) -> History {
    let texts = recording.all(Query::History).filter_map(|a| a.outcome.said());
    texts.map(history::read).fold(History::default(), History::and)
}

/// Deleted files that are held open: of a machine as it answered, of a text as `lsof` lists them.
fn open_files(recording: &Recording) -> Vec<lsof::Deleted> {
    let asked = recording.said(Query::OpenFiles, "").unwrap_or_default();
    lsof::recorded(asked).chain(outputs(recording, Tool::Lsof).flat_map(lsof::deleted)).collect()
}

/// Pasted outputs of a tool.
fn outputs(recording: &Recording, tool: Tool) -> impl Iterator<Item = &str> {
    recording
        .all(Query::PastedOutput)
        .filter(move |a| a.target == tool.name())
        .filter_map(|a| a.outcome.said())
}

fn lvm_facts(recording: &Recording) -> lvm::Lvm {
    let mut facts = lvm::LvmFacts::default();
    let mut dmeventd = None;
    for answer in &recording.answers {
        let Some(said) = answer.outcome.said() else { continue };
        match answer.query {
            Query::LvmReport => facts.report(&answer.target, said),
            Query::Run if ["lvs", "vgs", "pvs"].iter().any(|c| answer.target.starts_with(c)) => {
                facts.report(&answer.target, said);
            }
            Query::Processes if answer.target == "dmeventd" => dmeventd = Some(!said.trim().is_empty()),
            Query::File if answer.target.starts_with("/etc/lvm/") => facts.file(&answer.target, said),
            _ => {}
        }
    }
    let is_missing = |a: &&Answer| a.target.ends_with("/thin_check") && a.outcome.errno() == Some("ENOENT");
    let missing_checker = recording.all(Query::Stat).find(is_missing).map(|a| a.target.clone());
    lvm::Lvm { dmeventd, missing_checker, ..facts.finish() }
}

fn filesystems(recording: &Recording, mounts: &[Filesystem]) -> Vec<Filesystem> {
    let measured =
        recording.all(Query::Statfs).filter_map(|a| sysfs::filesystem_of(recording, mounts, &a.target));
    let mut all: Vec<Filesystem> = Vec::new();
    for filesystem in measured {
        if !all.iter().any(|known| known.mount == filesystem.mount && known.device == filesystem.device) {
            all.push(filesystem);
        }
    }
    for answer in recording.all(Query::Df) {
        df::merge(&mut all, df::read(&answer.target, answer.outcome.said().unwrap_or_default()));
    }
    all
}

/// Seconds that a pool has been in its mode: the age of the kernel's message about the last switch to it.
fn mode_secs(pool: &Pool, messages: &[log::LogMessage]) -> Option<u64> {
    let switches: &[Message] = match pool.mode.as_ref()? {
        Mode::OutOfDataSpace => &[Message::PoolOutOfDataSpace, Message::PoolQueuesWrites],
        Mode::ReadOnly => &[Message::PoolToReadOnly, Message::PoolToOutOfMetadata],
        Mode::Failed => &[Message::PoolToFail],
        Mode::ReadWrite | Mode::Other(_) => return None,
    };
    let number = format!(" {}:", pool.device?);
    let is_switch =
        |m: &&log::LogMessage| matches!(m.kind, log::Kind::Known { message } if switches.contains(&message));
    // The kernel logs "(error IO)" when queueing ends; the pool was full before that.
    let ends_queueing = |m: &&log::LogMessage| m.text.contains("(error IO)");
    let of_pool = messages.iter().rev().filter(|m| m.text.contains(&number));
    of_pool.filter(is_switch).find(|m| !ends_queueing(m))?.age_secs
}

/// Recognised messages in pasted lines, the kernel log, and the text parts of reports.
fn log_messages(recording: &Recording) -> Vec<log::LogMessage> {
    let has_messages = |query| {
        matches!(
            query,
            Query::PastedLine | Query::KernelLog | Query::PastedOutput | Query::DockerInfo | Query::LvmReport
        )
    };
    let texts = recording.answers.iter().filter(|a| has_messages(a.query)).filter_map(|a| a.outcome.said());
    let mut texts: Vec<&str> = texts.collect();
    // Some messages, such as `snapshot Invalid`, appear only in a status line.
    if recording.source == Source::Pasted {
        texts.extend(recording.all(Query::DmStatus).filter_map(|a| a.outcome.said()));
    }
    let mut messages = log::gather(texts.into_iter());
    let uptime =
        recording.said(Query::File, "/proc/uptime").and_then(|t| t.split('.').next()?.trim().parse().ok());
    for message in &mut messages {
        message.age_secs =
            uptime.zip(message.uptime_secs).and_then(|(now, then): (u64, u64)| now.checked_sub(then));
    }
    messages
}

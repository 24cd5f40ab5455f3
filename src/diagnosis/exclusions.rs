//! Facts that rule a cause out or support it.
//!
//! A fact counts only if it holds for every pool, because a line seldom names its pool.

use crate::host::Host;
use crate::host::dm::status::Mode;
use crate::host::fs::filesystem_of;
use crate::host::log::LogMessage;
use crate::host::model::amounts::percent;
use crate::host::model::backing::{BackingKind, Filesystem};
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::parse::version::version;

/// Share in use, in tenths of a percent, below which space is ruled out as a cause.
const ROOMY: u64 = 900;
/// Share in use, in tenths of a percent, from which space is the first suspect.
const TIGHT: u64 = 800;

/// Causes that only the pool of a container engine can have.
const ENGINE_ONLY: &[&str] = &[
    "container-size-limit",
    "containerd-device-faulty",
    "data-below-min-free",
    "deferred-deletion-backlog",
    "docker-metadata-mismatch",
    "driver-removed",
];

/// The fact that rules a cause out.
pub(super) fn fact(host: &Host, rule: &str) -> Option<Text> {
    if ENGINE_ONLY.contains(&rule)
        && let Some(fact) = no_engine(host)
    {
        return Some(fact);
    }
    match rule {
        "data-full" | "data-nearly-full" => all_pools(host, |p| {
            let free = p.data.free().filter(|_| p.data.permille().is_some_and(|used| used < ROOMY))?;
            let total = p.data.total?;
            Some(text!("{} of {} data blocks of {} are free", free.0, total.0, p.label()))
        }),
        "data-below-min-free" => all_pools(host, |p| {
            if p.min_free.percent.is_none() && p.mode.is_some() {
                return Some(text!("no free-space floor applies to {}", p.label()));
            }
            let (free, total) = (p.data.free()?.0, p.data.total?.0);
            let required = p.min_free.required(total)?;
            (free >= required)
                .then(|| text!("{} data blocks of {} are free, {} are required", free, p.label(), required))
        }),
        "metadata-full" | "metadata-nearly-full" => all_pools(host, |p| {
            let share = p.metadata.permille().or_else(|| p.metadata_centipercent.map(|c| c / 10));
            let used = share.filter(|used| *used < ROOMY)?;
            Some(text!("{} of the metadata of {} is in use", percent(used), p.label()))
        }),
        "pool-read-only" | "pool-failed" | "pool-unanswered" => {
            all_pools(host, |p| (p.mode == Some(Mode::ReadWrite)).then(|| text!("{} is writable", p.label())))
        }
        "pool-needs-check" => {
            all_pools(host, |p| (p.needs_check == Some(false)).then(|| text!("{} needs no check", p.label())))
        }
        "pool-suspended" => {
            all_pools(host, |p| (p.suspended == Some(false)).then(|| text!("{} is not suspended", p.label())))
        }
        "pool-not-found" | "pool-inactive" => {
            all_pools(host, |p| p.mode.as_ref().map(|_| text!("{} is there and answers", p.label())))
        }
        "loop-file-outgrows-filesystem" | "loop-file-deleted" | "loop-devices-exhausted" => {
            all_pools(host, |p| {
                let kind = p.data_backing.kind;
                let other = matches!(kind, BackingKind::Lvm | BackingKind::Partition | BackingKind::Disk);
                (other || p.lv.is_some()).then(|| text!("{} does not lie on loop files", p.label()))
            })
        }
        "driver-removed" => docker_version(host)
            .filter(|(major, _)| *major < 23)
            .map(|(major, minor)| text!("Docker {}.{} still has the driver", major, minor)),
        "host-filesystem-full" => docker_filesystem(host).and_then(|f| {
            let (free, size) = (f.free.or(f.available)?, f.size?);
            let mount = f.mount.as_deref().unwrap_or("the filesystem of the records");
            (free.0 > size.0 / 20).then(|| text!("{} has {} of {} free", mount, free, size))
        }),
        "inodes-exhausted" => docker_filesystem(host).and_then(|f| {
            let (free, all) = (f.inodes_free?, f.inodes.filter(|all| *all > 0)?);
            let mount = f.mount.as_deref().unwrap_or("the filesystem of the records");
            (free > all / 20).then(|| text!("{} has {} of {} inodes free", mount, free, all))
        }),
        _ => None,
    }
}

/// A fact that supports a cause without proving it.
pub(super) fn speaks_for(host: &Host, rule: &str) -> Option<Text> {
    let pool = || host.pools.first();
    match rule {
        "data-full" | "data-nearly-full" => host.pools.iter().find_map(|p| {
            let used = p.data.permille().filter(|used| *used >= TIGHT)?;
            Some(text!("{} of the data of {} is in use", percent(used), p.label()))
        }),
        "metadata-full" | "metadata-nearly-full" => host.pools.iter().find_map(|p| {
            let share = p.metadata.permille().or_else(|| p.metadata_centipercent.map(|c| c / 10));
            let used = share.filter(|used| *used >= TIGHT)?;
            Some(text!("{} of the metadata of {} is in use", percent(used), p.label()))
        }),
        "host-filesystem-full" => host.filesystems.iter().find_map(|f| {
            let used = f.used_percent.filter(|used| *used >= 95)?;
            Some(text!("{} is {} % full", f.mount.as_deref().unwrap_or("a filesystem"), used))
        }),
        "limit-not-storage" => host.filesystems.iter().find_map(|f| {
            let mount = f.mount.as_deref().filter(|_| f.user_quotas == Some(true))?;
            Some(text!("quotas of users or groups count on {}", mount))
        }),
        "container-size-limit" => {
            let base = pool()?.docker_info.as_ref()?.base_size?;
            Some(text!("a container's filesystem here has {}", base))
        }
        _ => None,
    }
}

/// The facts of all pools combined; `None` if there is no pool, or one without the fact.
fn all_pools(host: &Host, fact: impl Fn(&Pool) -> Option<Text>) -> Option<Text> {
    let facts: Option<Vec<Text>> = host.pools.iter().map(fact).collect();
    facts.filter(|all| !all.is_empty()).map(|all| Text::join(&all, "; "))
}

/// The pools are LVM's or Stratis' own, and there is no sign of a container engine.
fn no_engine(host: &Host) -> Option<Text> {
    let named = |line: &LogMessage| {
        let text = line.text.to_ascii_lowercase();
        ["docker", "containerd", "devmapper", "container", "podman", "crio"]
            .iter()
            .any(|word| text.contains(word))
    };
    let engine = !host.docker_roots.is_empty()
        || !host.containerd_configs.is_empty()
        || host.log_messages.iter().any(named);
    let own = |p: &Pool| matches!(p.owner, PoolOwner::Lvm | PoolOwner::Stratis).then(|| p.label().to_owned());
    let pools: Option<Vec<String>> = host.pools.iter().map(own).collect();
    let pools = pools.filter(|all| !all.is_empty() && !engine)?;
    Some(text!("{} belongs to no container engine", pools.join(", ")))
}

fn docker_version(host: &Host) -> Option<(u32, u32)> {
    let files = host.docker_roots.iter().find_map(|d| d.version.as_deref());
    let said = || host.pools.iter().find_map(|p| p.docker_info.as_ref()?.server_version.as_deref());
    version(files.or_else(said)?)
}

/// The filesystem of Docker's data root, if it is known.
fn docker_filesystem(host: &Host) -> Option<&Filesystem> {
    let said = || host.pools.iter().find_map(|p| p.docker_info.as_ref()?.root.as_deref());
    let root =
        host.docker_roots.iter().find_map(|d| d.root.as_deref()).or_else(said).unwrap_or("/var/lib/docker");
    filesystem_of(&host.filesystems, root)
}

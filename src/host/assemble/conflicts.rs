//! Contradictions between two outputs in the same paste.
//!
//! Only reports them; which of two values is used is decided where they are parsed.

use crate::host::dm::status::pool_status;
use crate::host::dm::table::target;
use crate::host::docker::info;
use crate::host::model::amounts::percent;
use crate::host::model::backing::Filesystem;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::host::{Host, Source};
use crate::record::{Outcome, Query, Recording};
use std::collections::BTreeMap;

/// Two different values of one fact, which must come from different times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A pool's name, or a filesystem's mount point.
    pub about: String,
    /// Whether `about` is a pool.
    pub pool: bool,
    /// The fact, such as `data blocks in use`.
    pub fact: &'static str,
    /// The value that is ignored, and its source.
    pub ignored: (Text, &'static str),
    /// The value that is used, and its source.
    pub used: (Text, &'static str),
    /// Why that value is used; `None` if it is just the later one.
    pub reason: Option<String>,
}

/// Whether a status is older than the one before it in the text. A pool's transaction id only grows.
pub(in crate::host) fn is_older(status: &Outcome, before: &Outcome) -> bool {
    matches!((transaction_id(status), transaction_id(before)), (Some(new), Some(old)) if new < old)
}

fn transaction_id(outcome: &Outcome) -> Option<u64> {
    let target = target(outcome.said()?)?;
    if target.kind == "thin-pool" { pool_status(target.params).transaction_id } else { None }
}

/// All contradictions in a pasted text. A live host is asked only once.
pub(in crate::host) fn find(recording: &Recording, host: &Host) -> Vec<Conflict> {
    if host.source != Source::Pasted {
        return Vec::new();
    }
    let mut found = statuses(recording);
    found.extend(reports(recording));
    found.extend(host.pools.iter().filter_map(|p| lvs_conflict(host, p)));
    found.extend(host.pools.iter().filter_map(refusal_conflict));
    found.extend(filesystems(&host.filesystems));
    found
}

/// Status lines of the same pool with different numbers.
fn statuses(recording: &Recording) -> Vec<Conflict> {
    let mut by_pool: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for answer in recording.all(Query::DmStatus).filter(|a| !a.target.is_empty()) {
        by_pool.entry(&answer.target).or_default().push(&answer.outcome);
    }
    by_pool.into_iter().filter_map(|(name, outcomes)| status_conflict(name, &outcomes)).collect()
}

/// Compares the status lines of one pool, in the order of the text.
fn status_conflict(name: &str, outcomes: &[&Outcome]) -> Option<Conflict> {
    let (mut latest, mut other) = (*outcomes.first()?, None);
    for outcome in outcomes.iter().skip(1) {
        let older = is_older(outcome, latest);
        if used(outcome) != used(latest) {
            other = Some(if older { *outcome } else { latest });
        }
        latest = if older { latest } else { outcome };
    }
    let other = other?;
    let reason = match (transaction_id(latest), transaction_id(other)) {
        (Some(a), Some(b)) if a > b => Some(format!("its transaction id, {a} after {b}, is the later one")),
        _ => None,
    };
    Some(Conflict {
        about: name.to_owned(),
        pool: true,
        fact: "data blocks in use",
        ignored: (used(other)?, "thin-pool status"),
        used: (used(latest)?, "thin-pool status"),
        reason,
    })
}

/// Used and total data blocks of a pool's status, as text.
fn used(outcome: &Outcome) -> Option<Text> {
    let status = pool_status(target(outcome.said()?).filter(|t| t.kind == "thin-pool")?.params);
    Some(text!("{} of {}", status.used_data?.0, status.total_data?.0))
}

/// `docker info` reports of the same pool with different numbers.
fn reports(recording: &Recording) -> Option<Conflict> {
    let infos = recording.all(Query::DockerInfo).filter_map(|a| a.outcome.said()).map(info::read);
    let infos: Vec<_> = infos.filter(|i| i.data_used.is_some()).collect();
    let last = infos.last()?;
    let differs = |i: &&info::DockerInfo| i.pool_name == last.pool_name && i.data_used != last.data_used;
    let other = infos.iter().rev().find(differs)?;
    Some(Conflict {
        about: last.pool_name.clone().unwrap_or_else(|| Pool::default().label().to_owned()),
        pool: true,
        fact: "data in use",
        ignored: (other.data_used?.into(), "docker info"),
        used: (last.data_used?.into(), "docker info"),
        reason: None,
    })
}

/// Largest difference that rounding can explain, in hundredths of a percent.
const ROUNDING: u64 = 100;

/// `lvs` and the kernel's status with different numbers.
fn lvs_conflict(host: &Host, pool: &Pool) -> Option<Conflict> {
    let row = host.lvm.volume(pool.lv.as_ref()?)?;
    if !pool.data.exact {
        return None;
    }
    let (said, permille) = (row.data_centipercent?, pool.data.permille()?);
    (said.abs_diff(permille.saturating_mul(10)) > ROUNDING).then(|| Conflict {
        about: pool.label().to_owned(),
        pool: true,
        fact: "data in use",
        ignored: (format!("{}.{:02} %", said / 100, said % 100).into(), "lvs"),
        used: (percent(permille).into(), "thin-pool status"),
        reason: Some("blocks say more than a share".to_owned()),
    })
}

/// Docker's refusal for lack of space, and a status with enough free blocks.
fn refusal_conflict(pool: &Pool) -> Option<Conflict> {
    let refusal = pool.refused_data?;
    let (said, required) = refusal.free.zip(refusal.required)?;
    let free = pool.data.free()?.0;
    (pool.data.exact && free >= required && said < required).then(|| Conflict {
        about: pool.label().to_owned(),
        pool: true,
        fact: "free data blocks",
        ignored: (said.to_string().into(), "Docker's refusal"),
        used: (free.to_string().into(), "thin-pool status"),
        reason: Some("it is the kernel's own count".to_owned()),
    })
}

/// `df` rows for the same filesystem with different numbers.
fn filesystems(all: &[Filesystem]) -> Vec<Conflict> {
    let mut seen: BTreeMap<(&str, &str), &Filesystem> = BTreeMap::new();
    let mut found = Vec::new();
    for filesystem in all.iter().filter(|f| f.available.is_some()) {
        let (Some(mount), Some(source)) = (&filesystem.mount, &filesystem.source) else { continue };
        let Some(before) = seen.insert((mount, source), filesystem) else { continue };
        let left = |f: &Filesystem| f.available.unwrap_or(Bytes(0));
        if before.available != filesystem.available && before.used_percent != filesystem.used_percent {
            found.push(Conflict {
                about: mount.clone(),
                pool: false,
                fact: "space left",
                ignored: (left(before).into(), "df"),
                used: (left(filesystem).into(), "df"),
                reason: None,
            });
        }
    }
    found
}

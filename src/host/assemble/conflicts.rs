//! Contradictions between two outputs in the same paste.
//!
//! It only compares; which of the two counts was decided where they were read, and is told here.

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

/// Two statements of one thing that cannot be of the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A pool's name, or a filesystem's mount point.
    pub about: String,
    /// Whether it is a pool.
    pub pool: bool,
    /// What was said, e.g. `data blocks in use`.
    pub fact: &'static str,
    /// The one that does not count, and who said it.
    pub ignored: (Text, &'static str),
    /// The one that counts, and who said it.
    pub used: (Text, &'static str),
    /// Why that one counts, if more is known than that it came last.
    pub reason: Option<String>,
}

/// Whether a status is older than the one before it, though it came later in the text: a pool's transaction id only ever
/// grows.
pub(in crate::host) fn is_older(status: &Outcome, before: &Outcome) -> bool {
    let id = |outcome: &Outcome| pool_status(target(outcome.said()?)?.params).transaction_id;
    let pool = |outcome: &Outcome| outcome.said().and_then(target).is_some_and(|t| t.kind == "thin-pool");
    pool(status) && pool(before) && matches!((id(status), id(before)), (Some(new), Some(old)) if new < old)
}

/// Everything that a pasted text says twice; a machine is asked once.
pub(in crate::host) fn find(recording: &Recording, host: &Host) -> Vec<Conflict> {
    if host.source != Source::Pasted {
        return Vec::new();
    }
    let mut found = statuses(recording);
    found.extend(reports(recording));
    found.extend(host.pools.iter().filter_map(|p| of_lvs(host, p)));
    found.extend(host.pools.iter().filter_map(refused));
    found.extend(filesystems(&host.filesystems));
    found
}

/// Status lines of one pool.
fn statuses(recording: &Recording) -> Vec<Conflict> {
    let mut seen: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for answer in recording.all(Query::DmStatus).filter(|a| !a.target.is_empty()) {
        seen.entry(&answer.target).or_default().push(&answer.outcome);
    }
    let differ = |(name, outcomes): (&str, Vec<&Outcome>)| {
        let (mut counts, mut other) = (*outcomes.first()?, None);
        for outcome in outcomes.iter().skip(1) {
            let older = is_older(outcome, counts);
            if used(outcome) != used(counts) {
                other = Some(if older { *outcome } else { counts });
            }
            counts = if older { counts } else { outcome };
        }
        let id = |r: &Outcome| pool_status(target(r.said()?)?.params).transaction_id;
        let other = other?;
        let later = id(counts).zip(id(other)).filter(|(a, b)| a > b);
        Some(Conflict {
            about: name.to_owned(),
            pool: true,
            fact: "data blocks in use",
            ignored: (used(other)?, "thin-pool status"),
            used: (used(counts)?, "thin-pool status"),
            reason: later.map(|(a, b)| format!("its transaction id, {a} after {b}, is the later one")),
        })
    };
    seen.into_iter().filter_map(differ).collect()
}

/// `1390000/1638400` of a pool's status.
fn used(outcome: &Outcome) -> Option<Text> {
    let status = pool_status(target(outcome.said()?).filter(|t| t.kind == "thin-pool")?.params);
    Some(text!("{} of {}", status.used_data?.0, status.total_data?.0))
}

/// Reports of one Docker.
fn reports(recording: &Recording) -> Option<Conflict> {
    let infos = recording.all(Query::DockerInfo).filter_map(|a| a.outcome.said()).map(info::read);
    let infos: Vec<_> = infos.filter(|i| i.data_used.is_some()).collect();
    let last = infos.last()?;
    let same = |i: &&info::DockerInfo| i.pool_name == last.pool_name && i.data_used != last.data_used;
    let other = infos.iter().rev().find(same)?;
    Some(Conflict {
        about: last.pool_name.clone().unwrap_or_else(|| Pool::default().label().to_owned()),
        pool: true,
        fact: "data in use",
        ignored: (other.data_used?.into(), "docker info"),
        used: (last.data_used?.into(), "docker info"),
        reason: None,
    })
}

/// Two outputs further apart than this share of the total, in hundredths of a percent, are not rounded differently.
const APART: u64 = 100;

/// `lvs` against the kernel's own numbers.
fn of_lvs(host: &Host, pool: &Pool) -> Option<Conflict> {
    let row = host.lvm.volume(pool.lv.as_ref()?)?;
    let (said, permille) = (row.data_centipercent?, pool.data.permille().filter(|_| pool.data.exact)?);
    let kernels = permille.saturating_mul(10);
    (said.abs_diff(kernels) > APART).then(|| Conflict {
        about: pool.label().to_owned(),
        pool: true,
        fact: "data in use",
        ignored: (format!("{}.{:02} %", said / 100, said % 100).into(), "lvs"),
        used: (percent(permille).into(), "thin-pool status"),
        reason: Some("blocks say more than a share".to_owned()),
    })
}

/// Docker's refusal against a status that has room.
fn refused(pool: &Pool) -> Option<Conflict> {
    let refusal = pool.refused_data?;
    let (said, required) = refusal.free.zip(refusal.required)?;
    let free = pool.data.free().filter(|_| pool.data.exact)?.0;
    (free >= required && said < required).then(|| Conflict {
        about: pool.label().to_owned(),
        pool: true,
        fact: "free data blocks",
        ignored: (said.to_string().into(), "Docker's refusal"),
        used: (free.to_string().into(), "thin-pool status"),
        reason: Some("it is the kernel's own count".to_owned()),
    })
}

/// Rows of `df` for one filesystem.
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

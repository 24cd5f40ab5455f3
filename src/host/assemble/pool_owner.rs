//! Determines the owner of a pool and the minimum of free space that the owner enforces.
//!
//! Uses names, records and settings, not the pool's metadata.

use crate::host::docker::Docker;
use crate::host::docker::info::DockerInfo;
use crate::host::docker::min_free;
use crate::host::model::pool::{MinFree, MinFreeFrom, Pool, PoolOwner};
use crate::host::model::thin::Thin;
use crate::host::parse::version;
use crate::record::{Query, Recording};

/// The program that manages the pool.
pub(in crate::host) fn owner(
    pool: &Pool,
    docker_roots: &[Docker],
    thin_devices: &[Thin],
    containerd_configs: &[&str],
) -> PoolOwner {
    // Already known from the path of its loop files.
    if pool.owner != PoolOwner::Unknown {
        return pool.owner.clone();
    }
    let name = pool.name.as_deref().unwrap_or_default();
    let owns = |d: &&Docker| {
        d.configured_pool.as_deref() == Some(name)
            || d.prefix.as_ref().is_some_and(|p| name == format!("{p}-pool"))
    };
    // Several data roots may be configured with one pool (one per user mapping); the active one has devices.
    let has_devices = |d: &&Docker| {
        d.prefix.as_ref().is_some_and(|p| thin_devices.iter().any(|t| t.name.starts_with(&format!("{p}-"))))
    };
    if let Some(docker) =
        docker_roots.iter().filter(owns).find(has_devices).or_else(|| docker_roots.iter().find(owns))
    {
        return PoolOwner::Docker { root: docker.root.clone() };
    }
    if name.starts_with("container-") && name.ends_with("-pool") {
        return PoolOwner::ContainersStorage;
    }
    if pool.docker_info.is_some() || pool.refused_data.is_some() || pool.refused_metadata.is_some() {
        return PoolOwner::Docker { root: pool.docker_info.as_ref().and_then(|i| i.root.clone()) };
    }
    if pool.uuid.as_deref().is_some_and(|u| u.starts_with("stratis-")) || name.starts_with("stratis-1-") {
        return PoolOwner::Stratis;
    }
    let is_snapshot = |t: &Thin| t.name.strip_prefix(name).is_some_and(|rest| rest.starts_with("-snap-"));
    if containerd_configs.contains(&name) || !name.is_empty() && thin_devices.iter().any(is_snapshot) {
        return PoolOwner::Containerd { root: None };
    }
    if name.starts_with("docker") {
        return PoolOwner::Docker { root: None };
    }
    if pool.lv.is_some() { PoolOwner::Lvm } else { PoolOwner::Unknown }
}

/// Pool names in pasted lines of containerd's settings: `pool_name = "…"`.
pub(in crate::host) fn pasted_pools(recording: &Recording) -> Vec<&str> {
    let pasted = recording.answers.iter().filter(|answer| answer.query == Query::PastedLine);
    pasted
        .filter_map(|answer| answer.outcome.said())
        .flat_map(str::lines)
        .filter_map(containerd_pool)
        .collect()
}

fn containerd_pool(line: &str) -> Option<&str> {
    let value = line.trim().strip_prefix("pool_name")?.trim_start().strip_prefix('=')?;
    Some(value.trim().trim_matches(['"', '\'']))
}

/// Whether a Docker version enforces a minimum of free space; 1.11 introduced it (moby/moby pull request 20786).
fn enforces_min_free(version: &str) -> Option<bool> {
    Some(version::version(version)? >= (1, 11))
}

/// The minimum of free space that the pool's owner enforces, and the source of that fact.
pub(in crate::host) fn min_free(pool: &Pool, docker_roots: &[Docker]) -> MinFree {
    let (root, docker_roots) = match &pool.owner {
        PoolOwner::Docker { root } => (root, docker_roots),
        // A fork of Docker's driver with the same minimum; its settings are not read.
        PoolOwner::ContainersStorage => (&None, [].as_slice()),
        _ => return MinFree::default(),
    };
    let info = pool.docker_info.as_ref();
    // What the daemon reports or does takes precedence over settings, which may have been changed since it started.
    if let Some(percent) = info.and_then(percent_of_info) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::DockerInfo };
    }
    let refusal = pool.refused_data.and_then(|r| r.required).zip(pool.data.total.map(|t| t.0));
    if let Some(percent) = refusal.and_then(|(required, total)| min_free::percent_behind(required, total)) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::ErrorLine };
    }
    let docker = docker_roots.iter().find(|d| d.root == *root).or_else(|| docker_roots.first());
    let option = docker.and_then(|d| d.option("dm.min_free_space"));
    if let Some(percent) = option.and_then(|o| o.value.strip_suffix('%')?.trim().parse().ok()) {
        return MinFree { percent: Some(percent), from: MinFreeFrom::Option };
    }
    if pool.refused_data.is_some() || pool.refused_metadata.is_some() {
        return MinFree { percent: Some(min_free::DEFAULT_PERCENT), from: MinFreeFrom::ErrorLine };
    }
    let version =
        info.and_then(|i| i.server_version.as_deref()).or(docker.and_then(|d| d.version.as_deref()));
    // Without a version: `docker info` of these old releases is recognised by its format.
    let looks_too_old = pool.is_dockers()
        && info.is_some_and(|i| i.binary_units || i.server_version.is_none() && i.base_size.is_none());
    if version.and_then(enforces_min_free) == Some(false) || version.is_none() && looks_too_old {
        return MinFree { percent: None, from: MinFreeFrom::TooOld };
    }
    MinFree { percent: Some(min_free::DEFAULT_PERCENT), from: MinFreeFrom::Default }
}

/// `Thin Pool Minimum Free Space` as a percentage of the total. Docker rounds both, so the nearest integer is returned.
fn percent_of_info(info: &DockerInfo) -> Option<u64> {
    let (minimum, total) = (info.minimum_free?, info.data_total.filter(|t| t.0 > 0)?);
    u64::try_from((u128::from(minimum.0) * 200 / u128::from(total.0)).div_ceil(2)).ok().filter(|p| *p < 100)
}

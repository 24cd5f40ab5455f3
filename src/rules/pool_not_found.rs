//! Rule: the configured pool does not exist, or is not a thin pool.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::log::Message;
use crate::host::lvm::split_name;
use crate::host::model::pool::Pool;
use crate::host::{DeviceMapper, Host};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool that Docker or containerd was told to use is not there, or is not a thin pool.
    ///
    /// ## What it means
    /// `dm.thinpooldev` (or containerd's `pool_name`) names a device-mapper device. It does not exist now,
    /// most often because the volume group was not activated at boot, or it is a plain logical volume rather
    /// than the pool.
    ///
    /// ## Why it matters
    /// The daemon does not start.
    ///
    /// ## What to do
    /// See which devices there are. If the pool exists in LVM, activate it; if LVM refuses, its reason is the
    /// real trouble. Do not make a new pool of the same name: the old one holds all images and containers.
    ///
    /// ## References
    /// docs.docker.com, "Use the Device Mapper storage driver"; moby/moby issue 21304.
    ///
    /// ## Example
    /// ```host
    /// Error starting daemon: error initializing graphdriver: devicemapper: Non existing device docker-thinpool
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-not-found", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    check_settings(host).or_else(|| check_log(host)).into_iter().collect()
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(
        host,
        &[
            Message::DeviceMissing,
            Message::NotAThinPool,
            Message::ContainerdPoolUnreadable,
            Message::PoolAbsent,
            Message::DeviceUnitTimedOut,
        ],
    );
    let other = lines.first().is_some_and(|s| s.text.contains("not a thin pool"));
    let summary = if other {
        "The device that Docker was told to use is not a thin pool"
    } else {
        "The pool that the daemon was told to use does not exist now"
    };
    let subject = |s: &_| queries::pool_subject(host, s);
    let certain = (Severity::Critical, Certainty::Certain);
    let finding =
        log_findings::finding(&RULE, certain, &lines, subject, summary).or_else(|| check_group(host))?;
    Some(with_advice(finding, None))
}

/// LVM does not find a volume group: it may have held the pool, or the name is mistyped.
fn check_group(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::VolumeGroupMissing]);
    let subject = |_: &_| Subject::host("LVM");
    let summary = "LVM does not find a volume group; a pool in it cannot be there either";
    log_findings::finding(&RULE, (Severity::Critical, Certainty::Possible), &lines, subject, summary)
}

fn check_settings(host: &Host) -> Option<Finding> {
    // A kernel without device-mapper has no pool either.
    if !matches!(host.kernel.device_mapper, DeviceMapper::Answered | DeviceMapper::Missing) {
        return None;
    }
    // `lvs` also lists inactive volumes.
    let active = |p: &&Pool| p.device.is_some() || queries::state_is_known(p);
    let there = |name: &str| host.pools.iter().filter(active).any(|p| p.name.as_deref() == Some(name));
    let docker =
        host.docker_roots.iter().find(|d| d.configured_pool.as_deref().is_some_and(|n| !there(n)))?;
    let name = docker.configured_pool.as_deref()?;
    let summary = format!("Docker is told to use the pool {name}, and there is no thin pool of that name");
    let subject = Subject::pool_named(name);
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary)
        .with_evidence("dm.thinpooldev", name, "Docker's settings");
    Some(with_advice(finding, Some(name)))
}

fn with_advice(finding: Finding, name: Option<&str>) -> Finding {
    let see = "see which devices and logical volumes there are, and which are active";
    let finding = finding.advise(advice::inspect(see, &["dmsetup table --target thin-pool", "lvs -a"]));
    match name.and_then(split_name) {
        Some((lv, None)) => {
            let command = format!("lvchange -ay {}", quote(&format!("{}/{}", lv.vg, lv.lv)));
            finding.advise(Advice::new(
                Risk::Changes,
                "activate it, if LVM lists it as inactive",
                &[&command],
            ))
        }
        _ => finding,
    }
}

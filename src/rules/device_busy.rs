//! Rule: a device could not be removed because something holds it.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::docker::ps;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::thin::Thin;
use crate::host::owners::{Container, State};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A container's disk could not be removed because something still holds it open or mounted.
    ///
    /// ## What it means
    /// Docker unmounted the container's filesystem, but a copy of the mount lives on in another mount
    /// namespace (of another container, or of a system service started meanwhile), or a process has a file in
    /// it open.
    ///
    /// ## Why it matters
    /// The container stays as `Dead`, and its blocks stay taken.
    ///
    /// ## What to do
    /// Find the process that holds the mount; stopping or restarting it lets the removal succeed. Deferred
    /// removal and deletion (on by default since 17.07 where the kernel has them) avoid it.
    ///
    /// ## References
    /// moby/moby issues 8712, 27381, 29942; systemd.exec(5), `MountFlags=`.
    ///
    /// ## Example
    /// ```host
    /// Error response from daemon: Driver devicemapper failed to remove root filesystem ce2ea989895b7e073b9c3103a7312f32e70b5ad01d808b42f16655ffcb06c535: Device is Busy
    /// ```
    /// ```host
    /// CONTAINER ID        IMAGE               COMMAND             CREATED             STATUS              PORTS               NAMES
    /// 1a2b3c4d5e6f        busybox             "sh"                2 hours ago         Dead                                    old_build
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "device-busy", since "0.1.0", check
}

/// Digits of an id that suffice to identify it.
const SHORT_ID: usize = 12;

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::DeviceBusyNote],
    summary: "A device is still in use: it could not be unmounted, removed or deactivated yet",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    more.map(|f| {
        f.advise(advice::inspect(
            "see which devices are open, and by whom",
            &["dmsetup info -c -o name,open", "lsblk"],
        ))
    })
    .into_iter()
    .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().flat_map(|p| check_pool(host, p)).collect();
    if found.is_empty() {
        found.extend(check_log(host).or_else(|| check_dead_containers(host)));
    }
    found
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::DeviceBusy, Message::ContainerdActivateBusy]);
    let id = lines.first().and_then(|s| device_id(&s.text));
    let name = id.clone().unwrap_or_else(|| "(not named)".to_owned());
    let summary = "A container's disk could not be removed: something still holds it open or mounted";
    let subject = |_: &_| Subject::container(name);
    let found =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary);
    found.map(|f| with_advice(f, host, id))
}

/// Containers in Docker's state `Dead` whose device is still open.
fn check_pool(host: &Host, pool: &Pool) -> Vec<Finding> {
    let dead = |c: &&Container| matches!(c.state, State::Dead | State::Removing);
    let held = pool.owners.containers.iter().filter(dead).filter_map(|container| {
        let active = |id: &u32| thin_devices::active(host, pool, *id).filter(|t| t.open_count > Some(0));
        Some((container, container.devices.iter().find_map(active)?))
    });
    held.map(|(container, thin)| container_finding(container, thin)).collect()
}

fn container_finding(container: &Container, thin: &Thin) -> Finding {
    let name = container.name.as_deref().unwrap_or(&container.id);
    let summary =
        format!("Container {name} is not wholly removed: something still holds its disk open or mounted");
    let subject = Subject::container(name);
    let open = format!("{} times", thin.open_count.unwrap_or_default());
    let again = format!("docker rm -f {}", quote(name));
    Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary)
        .with_evidence("state", container.state.word(), "Docker's records")
        .with_evidence(format!("{} is open", thin.name), open, "device-mapper")
        .advise_all(thin_devices::holders(&[thin]))
        .advise(Advice::new(Risk::Destroys, "once nobody holds it, remove the container again", &[&again]))
}

/// Containers whose removal was started and failed.
fn check_dead_containers(host: &Host) -> Option<Finding> {
    let dead: Vec<_> = host.containers.iter().filter(|c| c.state == ps::State::Dead).collect();
    let first = dead.first()?;
    let name = first.name.as_ref().unwrap_or(&first.id);
    let summary = match dead.len() {
        1 => {
            "A container is dead: Docker could not remove its disk, which something may still hold".to_owned()
        }
        many => format!(
            "{many} containers are dead: Docker could not remove their disks, which something may still hold"
        ),
    };
    let subject = Subject::container(name.clone());
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Likely, subject, summary).with_evidence(
        "state of the container",
        format!("{name}: Dead"),
        "docker ps",
    );
    Some(with_advice(finding, host, None))
}

/// The longest hexadecimal word: the id of the device.
fn device_id(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit()).filter(|w| w.len() >= SHORT_ID);
    words.max_by_key(|w| w.len()).map(|w| w.chars().take(SHORT_ID).collect())
}

fn with_advice(finding: Finding, host: &Host, id: Option<String>) -> Finding {
    let what = id.unwrap_or_else(|| "devicemapper/mnt".to_owned());
    let holders = format!("grep -l {what} /proc/[0-9]*/mountinfo");
    let finding =
        finding.advise(advice::inspect("see which processes still have it mounted", &[&holders])).advise(
            advice::inspect("see which devices are open, and how often", &["dmsetup info -c -o name,open"]),
        );
    let info = queries::some_docker_info(host);
    if info.and_then(|i| i.deferred_removal) == Some(false) {
        let does = "turn on dm.use_deferred_removal and dm.use_deferred_deletion and restart Docker";
        return finding.advise(Advice::new(Risk::Stops, does, &[]));
    }
    finding
}

//! Rule: Docker's or containerd's records and the pool disagree about what exists.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::docker::Docker;
use crate::host::log::{LogMessage, Message};
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::owners::reconcile::{self, Reconciliation};
use crate::verdict::{Certainty, Severity};
use std::collections::{BTreeMap, BTreeSet};

super::rule! {
    /// Docker's or containerd's records and the pool disagree about which devices exist.
    ///
    /// ## What it means
    /// The records name a device that the pool has not, or the pool has one of that name or number already.
    /// It comes from a crash between the two writes, a data root restored or copied without its pool, a
    /// second daemon, or devices removed by hand.
    ///
    /// ## Why it matters
    /// Pulling, building or starting fails, always for the same image or container, and space leaks.
    ///
    /// ## What to do
    /// See what the pool holds and what the records say. Where pool or records were restored, bring both to the
    /// same moment if there is a copy. Else what stands on missing devices is lost, and Docker cannot even remove
    /// it: an empty device in the place of each lets it. Then containers are made and images pulled again. Do not
    /// edit the records while the daemon runs.
    ///
    /// ## References
    /// moby/moby issues 9600, 31483; docker/for-linux issue 46; containerd/containerd issues 3436, 5646,
    /// 7048.
    ///
    /// ## Example
    /// ```host
    /// Driver devicemapper failed to create image rootfs 511136ea3c5a64f264b78b5433614aec563103b4d4702f3ba7d4d2698e22c158: device 511136ea3c5a64f264b78b5433614aec563103b4d4702f3ba7d4d2698e22c158 already exists
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "docker-metadata-mismatch", since "0.1.0", check
}

/// Digits of a hash that suffice to identify it.
const SHORT_ID: usize = 12;
/// Devices created by one command.
const AT_ONCE: usize = 200;

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::RecordOdd],
    summary: "A record of the engine's devices is missing or odd: records and pool may disagree",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| queries::docker_subject(host));
    more.map(|f| {
        f.advise(advice::inspect("compare the pool's devices with their owners", &["thinspect usage"]))
    })
    .into_iter()
    .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.docker_roots.iter().filter_map(doubles).collect();
    found.extend(host.pools.iter().filter_map(|p| from_reconciliation(host, p)));
    found.extend(check_log(host).or_else(|| check_refused_messages(host)));
    found
}

/// Devices that the records name and the pool's metadata lacks.
fn from_reconciliation(host: &Host, pool: &Pool) -> Option<Finding> {
    let reconciliation = reconcile::reconcile(host, pool)?;
    let (missing, recorded) = (reconciliation.missing.len(), reconciliation.recorded);
    if missing == 0 {
        return None;
    }
    let (severity, certainty) = if reconciliation.same_pool {
        (Severity::Critical, Certainty::Certain)
    } else {
        (Severity::Warning, Certainty::Likely)
    };
    let whose = if pool.is_dockers() { "Docker's" } else { "containerd's" };
    let (are, those) = if missing == 1 { ("is", "that") } else { ("are", "those") };
    let names: BTreeSet<String> = reconciliation.missing.iter().map(|(_, record)| short(record)).collect();
    let names = thin_devices::list(names.into_iter());
    let summary = text!(
        "{} of {} {} recorded devices {} not in the pool, {} of {}",
        missing,
        whose,
        recorded,
        are,
        those,
        names
    );
    let each = reconciliation.missing.iter().map(|(id, record)| format!("{id} ({})", short(record)));
    let finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary).with_evidence(
        "recorded, not in the pool",
        thin_devices::list(each),
        "the pool's metadata",
    );
    let finding = finding.advise(advice::usage(pool));
    Some(if reconciliation.same_pool {
        finding.advise_all(replace_lost_devices(host, pool, &reconciliation))
    } else {
        finding
    })
}

/// A record's name as Docker shows it, with hashes shortened.
fn short(record: &str) -> String {
    let hash = record.len() > SHORT_ID && record.chars().take(SHORT_ID).all(|c| c.is_ascii_hexdigit());
    if hash {
        format!("record {}", record.chars().take(SHORT_ID).collect::<String>())
    } else {
        record.to_owned()
    }
}

/// Docker cannot remove a record without its device, so each lost device is replaced by an empty one and then removed
/// together with its record.
fn replace_lost_devices(host: &Host, pool: &Pool, reconciliation: &Reconciliation) -> Vec<Advice> {
    let (Some(name), Some(root)) =
        (pool.name.as_deref(), host.docker_of(pool).and_then(|d| d.root.as_deref()))
    else {
        return Vec::new();
    };
    let containers = lost_containers(pool, reconciliation);
    let layers: Vec<&str> =
        reconciliation.missing.iter().filter(|(_, r)| short(r) != *r).map(|(_, r)| r.as_str()).collect();
    let mut all = Vec::new();
    if let Some(first) = layers.first() {
        let does = "see which images stand on a layer that is lost";
        all.push(advice::inspect(does, &[&images_on(root, first)]));
    }
    if queries::refuses_changes(pool) {
        return all;
    }
    let ids: Vec<String> =
        reconciliation.missing.iter().take(AT_ONCE).map(|(id, _)| id.to_string()).collect();
    let create = format!(
        "for id in {}; do dmsetup message {} 0 \"create_thin $id\"; done",
        ids.join(" "),
        quote(name)
    );
    let does = "put an empty device in the place of each, so that Docker can remove what stands on it";
    all.push(Advice::new(Risk::Changes, does, &[&create]));
    if !containers.is_empty() {
        let remove = format!("docker rm -f {}", containers.join(" "));
        all.push(Advice::new(Risk::Destroys, "then remove the containers whose disk is lost", &[&remove]));
    }
    if !layers.is_empty() {
        let does = "then remove the images on lost layers (docker rmi) and pull or build them again";
        all.push(Advice::new(Risk::Destroys, does, &[]));
    }
    all
}

/// Names of the containers with a lost device, in a form that Docker accepts.
fn lost_containers(pool: &Pool, reconciliation: &Reconciliation) -> Vec<String> {
    let owned = |id: &u32| pool.owners.containers.iter().find(|c| c.devices.contains(id));
    let mut names: Vec<String> = reconciliation
        .missing
        .iter()
        .filter_map(|(id, _)| owned(id))
        .map(|c| quote(c.name.as_ref().unwrap_or(&c.id)))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A command that lists the images with this layer, from the layer store.
fn images_on(root: &str, hash: &str) -> String {
    let store = quote(&format!("{root}/image/devicemapper/layerdb/sha256"));
    format!(
        "grep -rlF --include=cache-id {} {store} | sed 's/cache-id$/diff/' | xargs -r cat | \
         xargs -r -I DIFF sh -c \"docker images -aq | xargs -r docker inspect -f \
         '{{{{.Id}}}} {{{{.RepoTags}}}} {{{{.RootFS.Layers}}}}' | grep DIFF | cut -d' ' -f1,2\"",
        quote(hash)
    )
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(
        host,
        &[
            Message::DeviceExists,
            Message::DeviceAbsent,
            Message::UnknownDevice,
            Message::ContainerdDeviceExists,
            Message::ContainerdDeviceAbsent,
            Message::NoFreeDeviceId,
            Message::ContainerdNoDeviceId,
        ],
    );
    let summary = "The records and the pool disagree: a device is there that should not be, or is missing";
    let found = log_findings::finding(
        &RULE,
        (Severity::Critical, Certainty::Likely),
        &lines,
        |_| daemon(host),
        summary,
    );
    found.map(|f| with_advice(f, &lines))
}

/// A refused device-mapper message does not give its reason. If no pool's state explains it, a mismatch is possible.
fn check_refused_messages(host: &Host) -> Option<Finding> {
    let explained = queries::some_pool_is_stuck(host)
        || host.pools.iter().any(|p| p.refused_data.is_some() || p.refused_metadata.is_some())
        || log_findings::any(
            host,
            &[Message::MessagesRefused, Message::UuidVerificationFailed, Message::PoolToReadOnly],
        );
    let lines = log_findings::still_relevant(
        host,
        &[
            Message::CreateSnapFailed,
            Message::CreateDeviceFailed,
            Message::ActivateFailed,
            Message::ContainerdCreateFailed,
            Message::ContainerdInitFailed,
            Message::ContainerdNotActive,
            Message::ThinCreateFailed,
            Message::ThinOpenFailed,
        ],
    );
    if explained {
        return None;
    }
    let summary = "The pool refused to make or activate a device: its records may disagree with the pool";
    let found = log_findings::finding(
        &RULE,
        (Severity::Critical, Certainty::Possible),
        &lines,
        |_| daemon(host),
        summary,
    );
    found.map(|f| with_advice(f, &lines).advise(advice::kernel_log()))
}

fn daemon(host: &Host) -> Subject {
    queries::docker_subject(host)
}

fn with_advice(finding: Finding, lines: &[&LogMessage]) -> Finding {
    let containerd =
        lines.first().is_some_and(|s| s.text.contains("thin device") || s.text.contains("snap-"));
    let see =
        if containerd { "ctr -n k8s.io snapshots --snapshotter devmapper list" } else { "docker ps -a" };
    finding
        .advise(advice::inspect("compare the pool's devices with their owners", &["thinspect usage", see]))
        .advise(advice::inspect("read the pool's own status", &["dmsetup status --noflush"]))
}

/// Two records that name the same device of the pool.
fn doubles(docker: &Docker) -> Option<Finding> {
    let mut by_id: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for record in &docker.devices {
        by_id.entry(record.device_id).or_default().push(&record.hash);
    }
    let (id, hashes) = by_id.into_iter().find(|(_, hashes)| hashes.len() > 1)?;
    let summary = format!("{} of Docker's records name the same device {id} of the pool", hashes.len());
    let subject = Subject::docker(docker.root.as_deref().unwrap_or(queries::DEFAULT_ROOT));
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary)
        .with_evidence("records", hashes.join(", "), "Docker's records");
    Some(with_advice(finding, &[]))
}

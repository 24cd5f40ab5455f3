//! Rule: the pool's transaction id differs from the one its owner's records expect.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::owners::reconcile;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's transaction id is not the one that its owner's records expect.
    ///
    /// ## What it means
    /// A pool carries a counter that its owner raises with each change and notes in its own records. If they
    /// differ, somebody else changed the pool, or pool and records were restored from different moments. LVM
    /// says `Thin pool transaction_id is N, while expected M`; Docker only logs `Open Transaction id X is
    /// less than pool transaction id Y`. Old lvm2 (before 2.02.112) says so of every pool that Docker drives.
    ///
    /// ## Why it matters
    /// LVM refuses to activate or change such a pool. For Docker it means that records and pool may disagree
    /// about what exists.
    ///
    /// ## What to do
    /// Find out who else uses the pool, or what was restored, before changing either number. A pool that is ahead:
    /// Docker takes its number over when it starts. (Where it was ahead by one, Docker's first failing attempt has
    /// noted the same number, and nothing but its error, `Error setting devmapper transaction ID`, tells.) A pool
    /// that is behind is older than the records: what was made since is missing in it.
    ///
    /// ## References
    /// moby/moby issue 15629; lvmthin(7); moby 24.0, daemon/graphdriver/devmapper/deviceset.go,
    /// `processPendingTransaction`.
    ///
    /// ## Example
    /// ```host
    /// Thin pool transaction_id is 113, while expected 0.
    /// ```
    /// ```host
    /// Error response from daemon: devmapper: Error setting devmapper transaction ID: devicemapper: Error running SetTransactionID dm_task_run failed
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "transaction-id-mismatch", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = check_log(host).into_iter().collect();
    if found.is_empty() {
        found.extend(host.pools.iter().filter_map(|p| check_records(host, p)));
    }
    if found.is_empty() {
        found.extend(check_refusal(host));
    }
    found
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::still_relevant(
        host,
        &[Message::TransactionIdMismatch, Message::OpenTransactionBehind, Message::TransactionChangeRefused],
    );
    let summary = "The pool's transaction id is not the one that LVM or Docker expects";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(with_advice(finding, &pool))
}

/// Docker created or deleted a device but could not update the transaction id: it had changed, unless the pool just
/// turned read-only.
fn check_refusal(host: &Host) -> Option<Finding> {
    let stuck = queries::some_pool_is_stuck(host)
        || log_findings::any(
            host,
            &[Message::MessagesRefused, Message::MetadataOperationFailed, Message::PoolToReadOnly],
        );
    let lines = log_findings::still_relevant(host, &[Message::TransactionNotSet]);
    let summary =
        "Docker could not count its change in the pool: somebody else may have changed the transaction id";
    let subject = |s: &_| queries::pool_subject(host, s);
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    (!stuck).then(|| with_advice(finding, &pool))
}

/// Compares Docker's last opened transaction with the pool's id: equal when idle, one ahead while an operation runs
/// or was interrupted (Docker rolls that back at its start). Nothing is reported if the pool changed while it was
/// recorded.
fn check_records(host: &Host, pool: &Pool) -> Option<Finding> {
    let docker = host.docker_of(pool)?;
    let reached = pool.transaction_id?;
    let went_on =
        pool.metadata_contents.as_ref().and_then(|i| i.transaction_id).is_some_and(|now| now != reached);
    let ahead = reconcile::ahead(pool, docker);
    if went_on || matches!(ahead, Some(0 | 1)) {
        return None;
    }
    let newer = docker.devices.iter().filter(|r| r.transaction_id > reached).count();
    let opened = docker.open_transaction;
    let (certainty, summary) = match (ahead, opened) {
        (None, opened) => (
            Certainty::Likely,
            format!(
                "Somebody else changed the pool: it is at transaction {reached}, Docker's records know {}",
                opened?
            ),
        ),
        (Some(_), Some(opened)) if opened > reached => (
            Certainty::Certain,
            format!("The pool is at transaction {reached}, Docker's records at {opened}: the pool is older"),
        ),
        (Some(_), _) => (
            Certainty::Certain,
            format!(
                "The pool is at transaction {reached}, older than {newer} of Docker's records of devices"
            ),
        ),
    };
    let mut finding = Finding::new(&RULE, Severity::Warning, certainty, Subject::pool(pool), summary)
        .with_evidence("transaction id", reached.to_string(), "thin-pool status");
    if let Some(opened) = opened {
        finding = finding.with_evidence("open_transaction_id", opened.to_string(), "Docker's records");
    }
    let total = docker.devices.len();
    let finding = finding.with_evidence(
        "records of later transactions",
        format!("{newer} of {total}"),
        "Docker's records",
    );
    Some(with_advice(finding, pool).advise_all(resynchronize(host, pool, ahead)))
}

/// At its start Docker adopts the pool's id; its next change writes both alike.
fn resynchronize(host: &Host, pool: &Pool, ahead: Option<u64>) -> Option<Advice> {
    let running = host.docker_of(pool)?.running?;
    if ahead.is_some() || queries::refuses_changes(pool) {
        return None;
    }
    let does = "if nobody else uses the pool: let Docker take its number over, and make a container to write it down";
    let start = if running { "systemctl restart docker" } else { "systemctl start docker" };
    let change = "docker images -q | head -n 1 | xargs -r -I IMAGE docker create --network none IMAGE true | xargs -r docker rm";
    Some(Advice::new(Risk::Stops, does, &[start, change]))
}

fn with_advice(finding: Finding, pool: &Pool) -> Finding {
    finding.advise(advice::status(pool)).advise(advice::inspect(
        "see whether a second daemon or a restored directory uses the pool",
        &["pgrep -a 'dockerd|containerd'", "lvs -a -o+transaction_id", "lvm version"],
    ))
}

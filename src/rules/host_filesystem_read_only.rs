//! Rule: the filesystem under the engine's own files is read-only.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The filesystem under the engine's own files is read-only.
    ///
    /// ## What it means
    /// The kernel remounted it read-only after an error, or it was mounted so. It is the host's filesystem that
    /// holds the records (`/var/lib/docker`, `/var/lib/containerd`), not the pool.
    ///
    /// ## Why it matters
    /// The engine cannot note what it does: containers and images can be neither made nor removed.
    ///
    /// ## What to do
    /// Find the error that made it read-only in the kernel's log, and check the filesystem while it is not mounted.
    ///
    /// ## References
    /// mount(8); Linux fs/ext4/super.c, `ext4_handle_error`.
    ///
    /// ## Example
    /// ```host
    /// time="2023-05-11T08:14:52Z" level=error msg="devmapper: Error removing metadata file /var/lib/docker/devicemapper/metadata/0a1b: remove /var/lib/docker/devicemapper/metadata/0a1b: read-only file system" storage-driver=devicemapper
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "host-filesystem-read-only", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Certain,
    messages: &[Message::RecordsReadOnly],
    summary: "The filesystem under the engine's own records is read-only",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| {
        Subject::filesystem(log_findings::device_of(line))
    });
    found.or_else(|| check_mounts(host)).map(with_advice).into_iter().collect()
}

/// An engine's directory is on a filesystem that is itself read-only, not only mounted read-only for this program.
fn check_mounts(host: &Host) -> Option<Finding> {
    let files = host.engines.iter().find(|files| files.filesystem.read_only == Some(true))?;
    let mount = files.filesystem.mount.as_deref().unwrap_or(&files.root);
    let summary =
        format!("The filesystem under {} own files ({mount}) is read-only", files.engine.possessive());
    let subject = Subject::filesystem(mount);
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, subject, summary);
    Some(finding.with_evidence("read-only", mount, "mountinfo"))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see how it is mounted, and what made it read-only",
        &[
            "findmnt -T /var/lib/docker",
            "findmnt -T /var/lib/containerd",
            "dmesg | grep -E 'EXT4-fs|XFS|BTRFS|I/O error'",
        ],
    ))
}

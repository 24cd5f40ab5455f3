//! Rule: a filesystem has no inodes left.

use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::backing::Filesystem;
use crate::host::model::thin::Thin;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A filesystem has no inodes left: no file can be made, though there may be plenty of space.
    ///
    /// ## What it means
    /// ext4 fixes the number of files when the filesystem is made; `/run` has a limit too. With none left,
    /// making a file fails with `no space left on device`, and `df` shows free space. `df -i` shows the
    /// truth.
    ///
    /// ## Why it matters
    /// Pulls, builds and starts of containers fail, and growing the pool does not help.
    ///
    /// ## What to do
    /// Find the directories with very many small files. A filesystem of a container is rebuilt with more
    /// inodes only by a larger base size, or on XFS, which makes inodes as needed.
    ///
    /// ## References
    /// df(1), `-i`; mke2fs(8), `-i` and `-N`; moby/moby issues 10915, 36473.
    ///
    /// ## Example
    /// ```host
    /// Filesystem      Inodes   IUsed IFree IUse% Mounted on
    /// /dev/sda1      1310720 1310720     0  100% /
    /// ```
    /// ```host quiet
    /// Filesystem      Inodes   IUsed   IFree IUse% Mounted on
    /// /dev/sda1      1310720  310720 1000000   24% /
    /// ```
    "inodes-exhausted", since "0.1.0", check
}

/// Percent of inodes in use from which a filesystem is reported.
const WARNING_PERCENT: u64 = 95;

fn check(host: &Host) -> Vec<Finding> {
    let of_docker = host.docker_roots.iter().filter_map(|d| d.filesystem.as_ref());
    let of_thins =
        host.thin_devices.iter().filter_map(|t| check_filesystem(t.filesystem.as_ref()?, container(host, t)));
    let all = host.filesystems.iter().chain(of_docker).filter_map(|f| check_filesystem(f, None));
    let mut found: Vec<Finding> = Vec::new();
    for finding in of_thins.chain(all) {
        if !found.iter().any(|f| f.subject == finding.subject) {
            found.push(finding);
        }
    }
    if found.is_empty() { check_log(host).into_iter().collect() } else { found }
}

/// The container that owns a thin device.
fn container(host: &Host, thin: &Thin) -> Option<String> {
    thin_devices::container(queries::pool_of_thin(host, thin)?, thin.device_id?)
}

fn check_filesystem(filesystem: &Filesystem, container: Option<String>) -> Option<Finding> {
    let share = filesystem.inodes.filter(|n| *n > 0).zip(filesystem.inodes_free).map(|(all, free)| {
        let used = u128::from(all.saturating_sub(free)) * 100 / u128::from(all);
        u64::try_from(used).unwrap_or(100)
    });
    let percent = share.or(filesystem.inodes_used_percent)?;
    let severity = match percent {
        100.. => Severity::Critical,
        WARNING_PERCENT.. => Severity::Warning,
        _ => return None,
    };
    let mount = filesystem.mount.as_deref().or(filesystem.source.as_deref()).unwrap_or("(not named)");
    let in_pool = container.is_some();
    let whose = container.map_or_else(|| format!("of {mount}"), |name| format!("of container {name}"));
    let summary =
        format!("{percent} % of the inodes {whose} are in use: files cannot be made, whatever space is free");
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::filesystem(mount), summary)
        .with_evidence("inodes in use", format!("{percent} %"), "df -i or statfs");
    let does = "remove files that are not needed; trees of many small files belong in a volume, which does not lie in \
                the pool";
    let volume = in_pool.then(|| Advice::new(Risk::Changes, does, &[]));
    Some(with_advice(finding, mount).advise_all(volume))
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::InodesUsedUp]);
    let subject = |_: &_| Subject::filesystem(queries::docker_root(host));
    let summary = "A filesystem has no inodes left: files cannot be made, whatever space is free";
    let level = (Severity::Critical, Certainty::Certain);
    let said = log_findings::finding(&RULE, level, &lines, subject, summary)
        .map(|f| with_advice(f, queries::docker_root(host)));
    said.or_else(|| check_run(host))
}

/// `/run` is a small tmpfs and often runs out of inodes first.
fn check_run(host: &Host) -> Option<Finding> {
    let in_run = |path: Option<&str>| {
        path.is_some_and(|p| {
            super::shared::enospc_path::place(p, "") == super::shared::enospc_path::Place::Run
        })
    };
    let (line, _) = queries::no_space_lines(host).find(|(_, path)| in_run(*path))?;
    let summary = "The filesystem of /run may have no inodes left";
    let finding =
        Finding::new(&RULE, Severity::Critical, Certainty::Possible, Subject::filesystem("/run"), summary)
            .with_log_lines(&[line]);
    Some(with_advice(finding, "/run"))
}

fn with_advice(finding: Finding, mount: &str) -> Finding {
    let at = if mount.starts_with('/') { quote(mount) } else { "/".to_owned() };
    let (df, du) =
        (format!("df -i {at}"), format!("du -x --inodes --max-depth=3 {at} | sort -n | tail -n 20"));
    finding
        .advise(advice::inspect("see what is left, and which directories hold the most files", &[&df, &du]))
}

//! Rule: the filesystem under an engine's files, or one in memory, is full; not the pool.

use super::shared::enospc_path::{Place, place};
use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::quote;
use crate::host::engines::EngineFiles;
use crate::host::fs::filesystem_of;
use crate::host::log::{LogMessage, Message};
use crate::host::model::backing::Filesystem;
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::host::{Host, Source};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The host's filesystem under Docker's own files is full: the pool is not what ran out.
    ///
    /// ## What it means
    /// Docker keeps downloads (`tmp/GetImageBlob…`), its records (`devicemapper/metadata/.tmp…`,
    /// `linkgraph.db`), logs and volumes in ordinary files. The path in the error tells: such a path is not
    /// in the pool. `/run` is a filesystem in memory that runs out of inodes before it runs out of space.
    ///
    /// ## Why it matters
    /// Removing images may not help, since Docker must write its records to remove anything. With a pool in
    /// loop files on the same filesystem, the pool is next.
    ///
    /// ## What to do
    /// Find what takes the space there: container logs (`containers/*/*-json.log`), volumes, left-over
    /// downloads; and free some of it by hand before asking Docker again.
    ///
    /// ## References
    /// moby 24.0, distribution/pull_v2.go (`GetImageBlob`); daemon/graphdriver/devmapper/deviceset.go,
    /// `writeMetaFile`.
    ///
    /// ## Example
    /// ```host
    /// devmapper: Error writing metadata to /var/lib/docker/devicemapper/metadata/.tmp526707588: write /var/lib/docker/devicemapper/metadata/.tmp526707588: no space left on device
    /// ```
    /// An error without a path does not say so:
    /// ```host quiet
    /// Error: Error response from daemon: {"message":"no space left on device"}
    /// ```
    "host-filesystem-full", since "0.1.0", check
}

/// Percent of use from which a filesystem is reported.
const WARNING_PERCENT: u64 = 95;
/// Free bytes below which a filesystem is as good as full: less than one download.
const NEARLY_NOTHING: Bytes = Bytes(64 << 20);
/// For filesystems smaller than this, only the percentage counts.
const SMALL: Bytes = Bytes(640 << 20);

fn check(host: &Host) -> Vec<Finding> {
    match check_log(host).or_else(|| check_database(host)) {
        Some(finding) => vec![finding],
        None => check_numbers(host),
    }
}

fn check_log(host: &Host) -> Option<Finding> {
    let root = queries::docker_root(host);
    // Any path on a filesystem that is shown full, except a thin device's: that is the volume's size limit.
    let shown_full = |path: &str| {
        let filesystem =
            filesystem_of(&host.filesystems, path).filter(|f| !queries::is_on_a_thin_device(host, f));
        filesystem.and_then(fullness).is_some_and(|(severity, _)| severity == Severity::Critical)
    };
    let own = |path: &str| match place(path, root) {
        Place::DockersFiles | Place::Run => true,
        Place::Container => false,
        Place::Unknown => shown_full(path),
    };
    let lines: Vec<(&LogMessage, &str)> =
        queries::no_space_lines(host).filter_map(|(s, p)| Some((s, p?))).filter(|(_, p)| own(p)).collect();
    let (_, path) = lines.first()?;
    let filesystem = filesystem_of(&host.filesystems, path);
    let full = filesystem.and_then(fullness);
    // Space is free but no inode: another rule reports that.
    if full.is_none() && filesystem.is_some_and(|f| f.inodes_used_percent == Some(100)) {
        return None;
    }
    let mount = filesystem.and_then(|f| f.mount.as_deref());
    let run = place(path, root) == Place::Run;
    let own_files = place(path, root) == Place::DockersFiles;
    let subject = Subject::filesystem(mount.unwrap_or(if run { "/run" } else { root }));
    let what = if run { "space or inodes; it lies in memory" } else { "space (or inodes)" };
    let summary = match &full {
        Some((Severity::Critical, left)) => {
            let at = mount.unwrap_or(root);
            let described = if own_files {
                "The filesystem under Docker's own files"
            } else {
                "The filesystem of that path"
            };
            text!("{} ({}) is full: {}; not the pool", described, at, left)
        }
        _ => text!("The filesystem under Docker's own files has no {}: not the pool", what),
    };
    let log_messages: Vec<&LogMessage> = lines.iter().map(|(s, _)| *s).collect();
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Likely, subject, summary)
        .with_evidence("path that could not be written", *path, "error line")
        .with_log_lines(&log_messages);
    let below = match (run, own_files) {
        (true, _) => "/run",
        (_, true) => root,
        _ => mount.unwrap_or(root),
    };
    Some(with_advice(finding, below))
}

/// SQLite errors: Docker's link database or a database in an image build could not be written.
fn check_database(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::SqliteFull]);
    let root = queries::docker_root(host);
    let subject = |_: &_| Subject::filesystem(root);
    let summary =
        "A database says that the disk is full: the filesystem under Docker's own files, not the pool";
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    Some(with_advice(finding, root))
}

/// Checks filesystems by their numbers: those with engines' files, those in memory, and, if no engine directory is
/// known, the one for Docker's files.
fn check_numbers(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let engines = host.engines.iter().filter_map(|files| check_engine(host, files));
    for finding in engines.chain(host.filesystems.iter().filter_map(in_memory)) {
        if !found.iter().any(|known| known.subject == finding.subject) {
            found.push(finding);
        }
    }
    if host.engines.is_empty() {
        found.extend(check_docker_root(host))
    }
    found
}

fn check_engine(host: &Host, files: &EngineFiles) -> Option<Finding> {
    let (severity, left) = fullness(&files.filesystem)?;
    let mount = files.filesystem.mount.as_deref().unwrap_or(&files.root);
    let described = files.engine.possessive();
    let quota = files.whole.as_ref().filter(|whole| whole.size > files.filesystem.size);
    let summary = match quota {
        Some(whole) => text!(
            "The quota of {} own files ({}) is used up: {}; the filesystem itself has {} free",
            described,
            files.root.as_str(),
            left,
            whole.free.unwrap_or_default()
        ),
        None => text!("The filesystem under {} own files ({}) is full: {}", described, mount, left),
    };
    let subject = Subject::filesystem(if quota.is_some() { &files.root } else { mount });
    let finding = Finding::new(&RULE, severity, Certainty::Certain, subject, summary).with_evidence(
        "left",
        left,
        "df or statfs",
    );
    let finding = with_reserve(finding, &files.filesystem);
    let held = queries::held_open(host, &files.filesystem);
    let finding = match held {
        Some((bytes, holder)) => finding.with_evidence(
            "held by deleted files",
            text!("{}, the largest by {}", bytes, holder),
            "/proc",
        ),
        None => finding,
    };
    Some(with_advice(finding, &files.root))
}

/// Adds the blocks reserved for root: other users' programs fail before the filesystem is full for root.
fn with_reserve(finding: Finding, filesystem: &Filesystem) -> Finding {
    let reserve = filesystem.free.zip(filesystem.available).map(|(free, rest)| free.minus(rest));
    let Some(reserve) = reserve.filter(|r| *r >= NEARLY_NOTHING) else { return finding };
    let finding = finding.with_evidence(
        "reserved for root",
        text!("{}: root can still write there, containers' other users cannot", reserve),
        "statfs",
    );
    let is_ext = filesystem.kind.as_deref().is_some_and(|kind| kind.starts_with("ext"));
    let Some(source) = filesystem.source.as_deref().filter(|s| is_ext && s.starts_with("/dev/")) else {
        return finding;
    };
    let command = format!("tune2fs -l {} | grep -i reserved", quote(source));
    finding.advise(advice::inspect("see how much is reserved for root", &[&command]))
}

/// An in-memory filesystem that programs filled up to its own size limit.
fn in_memory(filesystem: &Filesystem) -> Option<Finding> {
    let mount = filesystem.mount.as_deref()?;
    let severity = match mount {
        "/run" => Severity::Critical,
        "/tmp" | "/dev/shm" => Severity::Warning,
        _ => return None,
    };
    let is_in_memory = matches!(filesystem.kind.as_deref(), Some("tmpfs" | "ramfs"));
    let left = filesystem.available.filter(|_| is_in_memory)?;
    let size = filesystem.size.filter(|size| size.0 > 0)?;
    (left.0 < size.0 / 50).then(|| {
        let summary = text!("{} (in memory) is full: {} of {} left", mount, left, size);
        let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::filesystem(mount), summary)
            .with_evidence("left", text!("{} of {}", left, size), "statfs");
        with_advice(finding, mount)
    })
}

/// If no engine directory is known: the filesystem that has, or would have, Docker's files.
fn check_docker_root(host: &Host) -> Option<Finding> {
    let root = queries::docker_root(host);
    let asked = host.docker_roots.iter().find_map(|d| d.filesystem.as_ref());
    let filesystem = asked.or_else(|| filesystem_of(&host.filesystems, root))?;
    let (severity, left) = fullness(filesystem)?;
    let certainty = if asked.is_some() { Certainty::Certain } else { Certainty::Likely };
    let mount = filesystem.mount.as_deref().unwrap_or(root);
    let nobodys = host.source == Source::Machine && asked.is_none();
    let described =
        if nobodys { "A filesystem of this host" } else { "The filesystem under Docker's own files" };
    let summary = text!("{} ({}) is full: {}", described, mount, left);
    let finding = Finding::new(&RULE, severity, certainty, Subject::filesystem(mount), summary)
        .with_evidence("left", left, "df or statfs");
    Some(with_advice(with_reserve(finding, filesystem), if nobodys { mount } else { root }))
}

fn fullness(filesystem: &Filesystem) -> Option<(Severity, Text)> {
    let left = filesystem.left();
    let percent = filesystem.percent_used();
    let words = match (left, percent) {
        (Some(left), Some(percent)) => text!("{} left, {} % used", left, percent),
        (Some(left), None) => text!("{} left", left),
        (None, Some(percent)) => text!("{} % used", percent),
        (None, None) => return None,
    };
    // A small filesystem can have little free space and still be far from full.
    let small = filesystem.size.is_some_and(|size| size.0 < SMALL.0);
    if left.is_some_and(|l| l < NEARLY_NOTHING) && !small || percent == Some(100) {
        return Some((Severity::Critical, words));
    }
    (percent >= Some(WARNING_PERCENT)).then_some((Severity::Warning, words))
}

fn with_advice(finding: Finding, below: &str) -> Finding {
    let below = quote(below);
    let (df, inodes) = (format!("df -h {below}"), format!("df -i {below}"));
    let du = format!("du -xh --max-depth=2 {below} | sort -h | tail -n 20");
    finding
        .advise(advice::inspect("see what is left there, in space and in inodes", &[&df, &inodes]))
        .advise(advice::inspect("see what takes it: logs, volumes, left-over downloads", &[&du]))
        .advise(advice::inspect("see deleted files that are still held open", &["lsof +L1"]))
}

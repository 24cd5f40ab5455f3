//! Rule: deleted files that are held open keep their space.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::fs::lsof::Deleted;
use crate::host::log::Message;
use crate::host::model::backing::Filesystem;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::host::{Host, Source};
use crate::verdict::{Certainty, Severity};
use std::cmp::Reverse;

super::rule! {
    /// Deleted files are still held open: their space does not come back until the holder lets go.
    ///
    /// ## What it means
    /// A file that was deleted while a program had it open lives on without a name. `df` counts it, `du` does
    /// not find it. Log files that were deleted rather than emptied are the usual case.
    ///
    /// ## Why it matters
    /// Removing more files frees nothing, and the filesystem (a container's, or the host's under a loop file)
    /// stays full.
    ///
    /// ## What to do
    /// Find the holder and restart it, or empty the file through the holder's descriptor.
    ///
    /// ## References
    /// lsof(8), `+L1`; proc(5), `/proc/PID/fd`.
    ///
    /// ## Example
    /// ```host
    /// COMMAND   PID USER   FD   TYPE DEVICE   SIZE/OFF NLINK    NODE NAME
    /// java    12345 root    7w   REG  253,3 9663676416     0 1048601 /var/log/app.log (deleted)
    /// ```
    /// ```host quiet
    /// /dev/mapper/docker-202:1-263254-0e6ed417d8306bccb108769640aa1ecff38d63a213e757aece1849f29600e203   30G   8G  22G  27% /
    /// ```
    "open-deleted-files", since "0.1.0", check
}

/// Less than this does not fill a filesystem.
const MUCH: Bytes = Bytes(1 << 30);

fn check(host: &Host) -> Vec<Finding> {
    check_list(host).or_else(|| check_log(host)).into_iter().collect()
}

/// Files listed by `lsof` with their sizes; a file held by several programs counts once.
fn check_list(host: &Host) -> Option<Finding> {
    let mut files: Vec<&Deleted> = host.open_files.iter().filter(|f| f.size.is_some()).collect();
    files.sort_by_key(|f| (Reverse(f.size), &f.identity));
    files.dedup_by_key(|f| &f.identity);
    let largest = *files.first()?;
    let total = files.iter().filter_map(|f| f.size).fold(Bytes(0), Bytes::plus);
    let severity = severity(host, total)?;
    let count =
        if files.len() == 1 { "A deleted file".to_owned() } else { format!("{} deleted files", files.len()) };
    let verb = if files.len() == 1 { "is" } else { "are" };
    let (path, holder, pid) = (&largest.path, &largest.command, largest.pid);
    let summary = text!(
        "{} {} still held open and {} counted as used: {}; the largest {}, by {} ({})",
        count,
        verb,
        verb,
        total,
        path,
        holder,
        pid
    );
    let mut finding =
        Finding::new(&RULE, severity, Certainty::Certain, Subject::filesystem(path.clone()), summary);
    let from = if host.source == Source::Machine { "/proc" } else { "lsof" };
    for file in files.iter().take(LISTED) {
        let value =
            text!("{}, {} by {} ({})", file.path, file.size.unwrap_or_default(), file.command, file.pid);
        finding = finding.with_evidence("held open", value, from);
    }
    let finding = with_advice(finding);
    // A program may still need a file that is not a log, such as a virtual machine's disk.
    let Some(descriptor) = largest.descriptor.filter(|_| path.contains("log")) else { return Some(finding) };
    let empty = format!("truncate -s 0 /proc/{pid}/fd/{descriptor}");
    let does = format!(
        "empty the largest without ending {holder}: what is in it is lost, and the numbers must still be right"
    );
    Some(finding.advise(Advice::new(Risk::Destroys, does, &[&empty])))
}

/// Severity, or `None` if not worth reporting. Programs commonly keep deleted temporary files, so a live host is
/// reported only if a filesystem is nearly full and such files are a good part of it.
fn severity(host: &Host, total: Bytes) -> Option<Severity> {
    let much = total >= MUCH;
    if host.source == Source::Pasted {
        return Some(if much { Severity::Warning } else { Severity::Notice });
    }
    let missed = |filesystem: &Filesystem| {
        let Some(size) = filesystem.size else { return false };
        let tight = filesystem.left().is_some_and(|left| left.0 < size.0 / 10);
        let held = queries::held_open(host, filesystem).map_or(0, |(held, _)| held.0);
        tight && held >= size.0 / 20 && held > 0
    };
    match host.filesystems.iter().any(missed) {
        true => Some(Severity::Warning),
        false => much.then_some(Severity::Notice),
    }
}

/// Most files shown as evidence.
const LISTED: usize = 3;

fn check_log(host: &Host) -> Option<Finding> {
    let mut lines = log_findings::lines(host, &[Message::DeletedFileOpen]);
    lines.retain(|s| !s.text.contains("/dev/loop"));
    let summary = "Deleted files are held open: df counts them, du does not, and their space stays taken";
    let subject = |_: &_| Subject::filesystem("(see the files)");
    log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)
        .map(with_advice)
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(advice::inspect("see all of them, with their holders and sizes", &["lsof +L1"]))
}

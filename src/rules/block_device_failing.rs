//! Rule: a device under the pool fails.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, quote};
use crate::host::Host;
use crate::host::Source;
use crate::host::dm::status::Mode;
use crate::host::log::{Kind, LogMessage, Message};
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A device under the pool fails: it gives I/O errors, or a snapshot became invalid.
    ///
    /// ## What it means
    /// The trouble lies below the pool: a disk or volume that gives errors, a cloud disk that was detached, a
    /// dm snapshot whose own space ran out (`snapshot Invalid`, as on live systems). The pool turns read-only
    /// or fails as a consequence.
    ///
    /// ## Why it matters
    /// Repairing the pool on a failing device fails again and can destroy what is still readable.
    ///
    /// ## What to do
    /// Find the device, and copy what is readable before anything else. Only then repair the pool, on sound
    /// ground.
    ///
    /// ## References
    /// Linux Documentation/admin-guide/device-mapper/snapshot.rst (`Invalid`); lvm2, `read failed after`.
    ///
    /// ## Example
    /// ```host
    ///   /dev/vdb: read failed after 0 of 4096 at 0: Input/output error
    /// ```
    /// ```host quiet
    /// live-rw: 0 10485760 snapshot 1144248/2097152 4464
    /// ```
    "block-device-failing", since "0.1.0", check
}

/// Removable drives (optical, floppy): they give I/O errors while they are empty.
const REMOVABLE: [&str; 4] = ["dev sr", "device sr", "dev fd", "device fd"];

/// Kernel messages about a full pool, which causes errors in the filesystems on it.
const FULL: [Message; 4] =
    [Message::PoolOutOfDataSpace, Message::PoolQueuesWrites, Message::PoolFailsWrites, Message::NoFreeData];

fn check(host: &Host) -> Vec<Finding> {
    if queries::no_pools_expected(host) {
        return Vec::new();
    }
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() {
        check_devices(host).or_else(|| check_errors(host)).into_iter().collect()
    } else {
        of_pools
    }
}

/// The pool failed or needs a check after an I/O error (`EIO`, 5) of an underlying device. On a live host only; a
/// loop file on a full filesystem gives the same error and is excluded.
fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let broken = pool.mode == Some(Mode::Failed) || pool.needs_check == Some(true);
    if !broken || host.source != Source::Machine || log_findings::any(host, &[Message::LoopWriteError]) {
        return None;
    }
    let mut lines = log_findings::lines(host, &[Message::MetadataIoError]);
    lines.retain(|s| queries::pool_of(host, s) == Some(pool));
    let summary = if lines.last().is_some_and(|line| is_data_flush_failure(host, line)) {
        "The device under the pool's data gave I/O errors, which broke the pool"
    } else {
        "A device under the pool gave I/O errors, which broke the pool"
    };
    let subject = |_: &_| Subject::pool(pool);
    let level = (Severity::Critical, Certainty::Likely);
    let mut finding = log_findings::finding(&RULE, level, &lines, subject, summary)?;
    for (half, backing) in [("metadata", &pool.metadata_backing), ("data", &pool.data_backing)] {
        let Some(node) = backing.path.clone() else { continue };
        let below = backing.below.join(" ");
        let place = if below.is_empty() { node } else { format!("{node} on {below}") };
        finding = finding.with_evidence(format!("{half} device"), place, "machine");
    }
    Some(with_advice(finding).advise_all(reread(pool)).advise(advice::repair(pool)))
}

/// Whether the metadata commit failed because the data device could not be flushed: the kernel flushes it first and
/// logs a failure directly before this line (drivers/md/dm-thin.c, `metadata_pre_commit_callback`, since 5.5).
fn is_data_flush_failure(host: &Host, line: &LogMessage) -> bool {
    let earlier = host.log_messages.iter().take_while(|s| !std::ptr::eq(*s, line));
    // One line can produce several messages.
    let before = earlier.filter(|s| s.text != line.text).last();
    before.is_some_and(|s| matches!(s.kind, Kind::Known { message: Message::DataFlushFailed }))
}

/// A device that can be read to its end may have recovered.
fn reread(pool: &Pool) -> Option<Advice> {
    let node = quote(pool.metadata_backing.path.as_deref()?);
    let does = "see whether the metadata can be read again: without that there is no repair";
    Some(advice::inspect(does, &[&format!("dd if={node} of=/dev/null bs=1M iflag=direct")]))
}

/// A log line names an unreadable device or an invalid snapshot.
fn check_devices(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::SnapshotInvalid, Message::DeviceReadFailed]);
    let invalid = lines.first().is_some_and(|s| s.text.contains("Invalid"));
    let summary = if invalid {
        "A snapshot under the pool is invalid: its own space ran out, and what lies on it gives I/O errors"
    } else {
        "A device under the pool cannot be read"
    };
    // While all pools of a live host are healthy, the line is about another device or an earlier time.
    let past = host.source == Source::Machine && !queries::some_pool_is_stuck(host);
    let severity = if past { Severity::Warning } else { Severity::Critical };
    let device = |s: &LogMessage| Subject::host(device_in(&s.text));
    log_findings::finding(&RULE, (severity, Certainty::Likely), &lines, device, summary).map(with_advice)
}

/// The log has I/O errors that no pool's state explains: a full or read-only pool causes errors of its own.
fn check_errors(host: &Host) -> Option<Finding> {
    let explained = queries::some_pool_is_stuck(host)
        || log_findings::any(host, &[Message::LoopWriteError, Message::MessagesRefused]);
    let full = log_findings::any(host, &FULL);
    let files =
        if explained { Vec::new() } else { log_findings::lines(host, &[Message::DockerMetadataIoError]) };
    let mut errors = log_findings::lines(
        host,
        &[
            Message::MetadataIoError,
            Message::DataFlushFailed,
            Message::CloseFailed,
            Message::WipeFailed,
            Message::DataSizeUnknown,
            Message::BlockIoError,
            Message::BufferIoError,
            Message::MediumError,
            Message::MountIoError,
        ],
    );
    // A filesystem on a thin device reports the pool's errors, a filesystem on a plain disk those of the disk.
    let of_filesystems =
        log_findings::lines(host, &[Message::XfsLogError, Message::JournalIoError, Message::LostWrite]);
    errors.extend(of_filesystems.into_iter().filter(|s| is_on_a_disk(s)));
    // An empty drive gives these errors at every access.
    errors.retain(|s| !REMOVABLE.iter().any(|drive| s.text.contains(drive)));
    // A full or failed pool and a full filesystem under a loop file explain errors above them, but not errors of a
    // disk.
    if explained || full {
        errors.retain(|s| names_a_disk(&s.text));
    }
    let failed = host.pools.iter().any(queries::refuses_changes);
    let sound = !failed && host.pools.iter().any(queries::state_is_known);
    // If the pool is healthy now, the errors are history, but a failing disk still deserves a warning.
    if sound && host.source == Source::Machine {
        errors.retain(|s| names_a_disk(&s.text));
    }
    let severity = if sound { Severity::Warning } else { Severity::Critical };
    let lines: Vec<&LogMessage> = files.into_iter().chain(errors).collect();
    let device = |s: &LogMessage| Subject::host(device_in(&s.text));
    let summary = "The kernel or Docker reports I/O errors: a device at or under the pool fails";
    log_findings::finding(&RULE, (severity, Certainty::Likely), &lines, device, summary).map(with_advice)
}

/// Whether a line names a device that is neither a device-mapper nor a loop device: `dev sdb`, `device vda1`.
fn names_a_disk(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.any(|w| matches!(w, "dev" | "device"))
        && words.next().is_some_and(|name| !name.starts_with("dm-") && !name.starts_with("loop"))
}

/// Whether a filesystem's line names a plain disk: `XFS (xvdb): …`.
fn is_on_a_disk(line: &LogMessage) -> bool {
    let bare = |word: &str| word.trim_start_matches("/dev/").to_owned();
    let of_pools = |name: &str| ["dm-", "loop", "mapper/"].iter().any(|start| name.starts_with(start));
    line.device().map(bare).is_some_and(|name| !of_pools(&name) && !name.contains('/'))
}

/// The device that a line names: a node, the word before `:` in a status line, or `dm-N`.
fn device_in(text: &str) -> String {
    let clean = |w: &str| w.trim_matches(|c: char| matches!(c, ':' | ',' | '(' | ')' | '"')).to_owned();
    let words = || text.split_whitespace();
    let node = words().find(|w| w.starts_with("/dev/"));
    let named = || words().find(|w| w.trim_matches(|c: char| !c.is_ascii_alphanumeric()).starts_with("dm-"));
    let leading = || words().next().filter(|w| w.ends_with(':') && !w.starts_with('['));
    node.or_else(named).or_else(leading).map_or_else(|| "(device not named)".to_owned(), clean)
}

fn with_advice(finding: Finding) -> Finding {
    let see = "see how the devices lie on each other, and which of them gives errors";
    finding
        .advise(advice::inspect(see, &["lsblk -s", "dmsetup status --noflush"]))
        .advise(advice::kernel_log())
}

#[cfg(test)]
mod tests {
    use crate::host::{self, Host};
    use crate::record::{Outcome, Query, Recording, Source};

    fn machine(more: &[(Query, &str, &str)]) -> Host {
        let error = "[13947.191333] I/O error, dev loop0, sector 12288 op 0x0:(READ) flags 0x4800";
        let mut recording = Recording::new(Source::Machine, None);
        recording.push(Query::KernelLog, "", Outcome::Answered(error.to_owned()));
        for (query, of, said) in more {
            recording.push(*query, of, Outcome::Answered((*said).to_owned()));
        }
        host::read(&recording)
    }

    #[test]
    fn errors_of_a_machine_without_pools_are_not_ours() {
        assert!(super::check(&machine(&[])).is_empty());
        let report = r#"{"report":[{"lv":[{"lv_name":"pool","vg_name":"vg","lv_attr":"twi---tz--"}]}]}"#;
        assert_eq!(super::check(&machine(&[(Query::LvmReport, "lvs", report)])).len(), 1);
    }
}

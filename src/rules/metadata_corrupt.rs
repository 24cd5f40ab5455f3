//! Rule: the pool's metadata is damaged.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries, thin_devices};
use super::{Finding, Subject};
use crate::advice::Advice;
use crate::host::Host;
use crate::host::log::{LogMessage, Message};
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's metadata is damaged: it does not pass its check, or cannot be read.
    ///
    /// ## What it means
    /// LVM runs `thin_check` before it activates a pool and refuses on any error (`Check of pool … failed
    /// (status:1). Manual repair required!`; newer tools say 64). Without LVM, the kernel refuses to set up a
    /// pool whose superblock or B-tree blocks do not match their checksums. In a running pool the
    /// superblock and the list of devices are read as they lie on the device: a pool may work on for long on what it
    /// has read before. (`thinspect usage` reads the mappings, too.)
    ///
    /// ## Why it matters
    /// The pool does not start, so nothing in it can be reached. The data blocks are usually intact: what is
    /// damaged is the record of which belongs to whom.
    ///
    /// ## What to do
    /// Do not write to the metadata, and do not zero or delete it. Save a copy, look at it with `thin_check`,
    /// and repair the copy (`thinspect plan repair`). If thin_check merely became stricter, an older one may
    /// pass.
    ///
    /// ## References
    /// lvmthin(7), "Metadata check and repair"; thin_check(8), thin_repair(8).
    ///
    /// ## Example
    /// ```host
    /// Check of pool vg/thinpool failed (status:64). Manual repair required!
    /// ```
    /// A missing thin_check is another matter:
    /// ```host quiet
    /// /usr/sbin/thin_check: execvp failed: No such file or directory
    /// Check of pool docker/thinpool failed (status:2). Manual repair required!
    /// ```
    "metadata-corrupt", since "0.1.0", check
}

/// LVM's message if thin_check could not be run at all.
const NOT_RUN: &str = "(status:2)";

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Warning,
    certainty: Certainty::Likely,
    messages: &[Message::BlocksLeaked],
    summary: "A check of the metadata found counted references that differ from the space map: blocks have leaked, or it did not read everything",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    more.map(|f| f.advise(advice::kernel_log())).into_iter().collect()
}

fn found(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().filter_map(check_metadata).collect();
    if found.is_empty() {
        found.extend(
            check_tools(host).or_else(|| check_kernel_log(host)).or_else(|| check_refused_pool(host)),
        );
    }
    found
}

/// Checks the recorded superblock and device details for damage; mappings are not part of a recording.
fn check_metadata(pool: &Pool) -> Option<Finding> {
    let contents = pool.metadata_contents.as_ref()?;
    let (block, what) = contents.damage.first()?;
    let more = contents.damaged.saturating_sub(1);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let summary = format!("The pool's metadata is damaged on its device: block {block} {what}{more}");
    let each = contents.damage.iter().map(|(block, what)| format!("{block}: {what}"));
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("damaged metadata blocks", thin_devices::list(each), "the pool's metadata");
    let says = advice::usage(pool);
    let says = Advice { does: "see what else is damaged, in the trees of mappings".into(), ..says };
    Some(finding.advise(says).advise(advice::kernel_log()).advise(advice::repair(pool)))
}

fn check_tools(host: &Host) -> Option<Finding> {
    let mut failed = log_findings::lines(host, &[Message::PoolCheckFailed]);
    let missing = log_findings::any(host, &[Message::ThinCheckMissing]);
    failed.retain(|s| !(missing || s.text.contains(NOT_RUN)));
    let details = log_findings::lines(host, &[Message::MappingsDamaged]);
    let certainty = if details.is_empty() { Certainty::Likely } else { Certainty::Certain };
    let lines: Vec<&LogMessage> = failed.into_iter().chain(details).collect();
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary =
        "The pool's metadata does not pass its check: it must be repaired by hand before the pool starts";
    let finding = log_findings::finding(&RULE, (Severity::Critical, certainty), &lines, subject, summary)?;
    Some(with_advice(host, finding, &lines))
}

fn check_kernel_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(
        host,
        &[
            Message::SuperblockDamaged,
            Message::BtreeDamaged,
            Message::SpaceMapDamaged,
            Message::MetadataUnusable,
        ],
    );
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary =
        "The kernel cannot read the pool's metadata: a block does not match its checksum or its place";
    let level = (Severity::Critical, Certainty::Likely);
    let finding = log_findings::finding(&RULE, level, &lines, subject, summary)?;
    Some(with_advice(host, finding, &lines))
}

/// The pool could not be set up for an unstated reason.
fn check_refused_pool(host: &Host) -> Option<Finding> {
    if log_findings::any(
        host,
        &[Message::LoopDevicesExhausted, Message::LoopAttachFailed, Message::ThinCheckMissing],
    ) {
        return None;
    }
    let lines = log_findings::lines(host, &[Message::CreatePoolFailed, Message::RepairFailed]);
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary =
        "The pool could not be set up: its metadata may be damaged, or the kernel lacks dm_thin_pool";
    let level = (Severity::Critical, Certainty::Possible);
    let finding = log_findings::finding(&RULE, level, &lines, subject, summary)?;
    Some(with_advice(host, finding, &lines))
}

fn with_advice(host: &Host, finding: Finding, lines: &[&LogMessage]) -> Finding {
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    let subject = Subject::pool(&pool);
    let finding =
        Finding { subject: if pool == Pool::default() { finding.subject } else { subject }, ..finding };
    finding.advise(advice::kernel_log()).advise(advice::repair(&pool))
}

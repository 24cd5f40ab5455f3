//! Rule: the metadata device is larger than the kernel can use.

use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::units::Blocks;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The metadata device is larger than the kernel can use.
    ///
    /// ## What it means
    /// A pool uses at most 255 × (2¹⁴ − 64) metadata blocks of 4 KiB, 15.875 GiB; LVM stops at 15.81 GiB. What is
    /// beyond is not used.
    ///
    /// ## Why it matters
    /// Nothing breaks; the rest is wasted, and a pool that needs more metadata cannot get it.
    ///
    /// ## What to do
    /// Leave it, or use the rest for something else. If the metadata fills up at this size, only fewer mappings
    /// help: larger blocks, fewer snapshots.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin-metadata.h, `THIN_METADATA_MAX_SECTORS`; lvmthin(7).
    ///
    /// ## Example
    /// ```host
    /// [88231.507114] device-mapper: thin: Metadata device dm-3 is larger than 33292800 sectors: excess space will not be used.
    /// ```
    /// ```host
    /// big: 0 2097152 thin-pool 0 4360/4161600 0/16384 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "metadata-oversized", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Notice,
        certainty: Certainty::Certain,
        messages: &[Message::MetadataOversized],
        summary: "The metadata device is larger than a pool can use: what is beyond 15.875 GiB is not used",
    },
    Claim {
        severity: Severity::Warning,
        certainty: Certainty::Certain,
        messages: &[Message::MetadataAtMaximum],
        summary: "The metadata has reached the largest size that a pool can use: it cannot grow any more",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    let known = host.pools.iter().filter(|p| found.is_none() && p.metadata.exact).find_map(check_pool);
    found.or(known).map(with_advice).into_iter().collect()
}

/// The most 4 KiB blocks that a pool can use: one bitmap for each of the index's 255 entries (Linux
/// drivers/md/persistent-data/dm-space-map-metadata.h, `DM_SM_METADATA_MAX_BLOCKS`).
const MOST_BLOCKS: u64 = 255 * ((1 << 14) - 64);

fn check_pool(pool: &Pool) -> Option<Finding> {
    let total = pool.metadata.total.filter(|t| t.count() >= MOST_BLOCKS)?;
    let summary = "The metadata has the largest size that a pool can use: it cannot grow, and what its device has more is \
                   not used";
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, Subject::pool(pool), summary);
    Some(finding.with_evidence("metadata blocks", total.count().to_string(), "thin-pool status"))
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(Advice::new(
        Risk::Reads,
        "see how much of the metadata is in use",
        &["lvs -a -o+lv_metadata_size,metadata_percent", "dmsetup status --noflush --target thin-pool"],
    ))
}

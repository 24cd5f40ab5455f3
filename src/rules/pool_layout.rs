//! Rule: LVM has advice about the pool's chunk size or sizes, or refuses them.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// LVM has advice about the pool's chunk size or sizes, or refuses them.
    ///
    /// ## What it means
    /// The chunk size decides how much a pool can address, how much metadata it needs, and how fast it allocates.
    /// LVM warns where they do not go together, and refuses what cannot work.
    ///
    /// ## Why it matters
    /// A pool that exists works on. One that is being made has the wrong layout for its whole life, as the chunk
    /// size cannot be changed.
    ///
    /// ## What to do
    /// Choose the chunk size for the final size of the pool before it holds data.
    ///
    /// ## References
    /// lvmthin(7), "Chunk size"; lvm2, lib/metadata/thin_manip.c.
    ///
    /// ## Example
    /// ```host
    ///   WARNING: Chunk size is too small for pool, suggested minimum is 512.00 KiB.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "pool-layout", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Warning,
        certainty: Certainty::Certain,
        messages: &[Message::PoolLayoutRefused],
        summary: "LVM refuses the layout that was asked for: chunk size, metadata size or what the kernel supports do not go together",
    },
    Claim {
        severity: Severity::Notice,
        certainty: Certainty::Certain,
        messages: &[Message::PoolLayout],
        summary: "LVM advises another chunk size or layout for the pool",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see chunk size and sizes of the pools",
            &["lvs -a -o vg_name,lv_name,lv_size,chunk_size,lv_metadata_size,zero"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line), advice)
}

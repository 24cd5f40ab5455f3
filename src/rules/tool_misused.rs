//! Rule: a tool was given input that it does not support.

use super::shared::log_findings;
use super::shared::log_findings::Claim;
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A tool was given something that it does not work on.
    ///
    /// ## What it means
    /// thin_check reads binary metadata, not a dump in XML; `-m` needs a metadata snapshot; thin_restore needs a
    /// device or file that exists and is large enough, and a whole dump.
    ///
    /// ## Why it matters
    /// The tool did nothing. The pool is not touched.
    ///
    /// ## What to do
    /// Give it what it asks for. Never point thin_restore or thin_repair at the metadata of a pool that is in use.
    ///
    /// ## References
    /// thin_check(8), thin_restore(8), thin_ls(8).
    ///
    /// ## Example
    /// ```host
    /// This looks like XML.  thin_check only checks the binary metadata format.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "tool-misused", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::ToolMisused],
    summary: "A tool of the pool's metadata was given something that it does not work on",
}];

fn check(host: &Host) -> Vec<Finding> {
    let advice = || {
        Advice::new(
            Risk::Reads,
            "see what the metadata device is and who uses it",
            &["dmsetup ls --tree", "lvs -a -o+devices"],
        )
    };
    log_findings::from_claims(host, &RULE, CLAIMS, |_: &_| Subject::host("host"), advice)
}

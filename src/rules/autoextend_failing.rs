//! Rule: LVM tried to extend the pool and failed.

use super::Finding;
use super::shared::log_findings::Claim;
use super::shared::{log_findings, queries};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::lvm::{LvName, split_name};
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// LVM tried to extend the pool and failed.
    ///
    /// ## What it means
    /// dmeventd saw the pool pass its threshold and ran `lvextend --use-policies`, or a person did; the command
    /// failed. The line does not say why: no room in the group is one reason, a locked group, a missing tool or a
    /// pool in a bad state are others.
    ///
    /// ## Why it matters
    /// The pool goes on filling. When it is full, writes wait and then fail.
    ///
    /// ## What to do
    /// Run the command by hand: it says why. Until it works, make room.
    ///
    /// ## References
    /// lvm2, daemons/dmeventd/plugins/thin/dmeventd_thin.c; lvmthin(7), "Automatically extend thin pool LV".
    ///
    /// ## Example
    /// ```host
    /// Mar 12 04:17:55 host-a dmeventd[1511]: Failed command for docker-thinpool-tpool.
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 19914752 thin-pool 4 2575/25600 181/19448 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "autoextend-failing", since "0.1.0", check
}

/// Claims by log messages, the strongest first.
static CLAIMS: &[Claim] = &[
    Claim {
        severity: Severity::Critical,
        certainty: Certainty::Certain,
        messages: &[Message::AutoextendFailed],
        summary: "LVM tried to extend the pool and failed; the line does not say why",
    },
    Claim {
        severity: Severity::Critical,
        certainty: Certainty::Likely,
        messages: &[Message::AutoextendNotRun],
        summary: "LVM's daemon that extends pools could not be reached or could not run its command",
    },
    Claim {
        severity: Severity::Warning,
        certainty: Certainty::Certain,
        messages: &[Message::AutoextendSlow],
        summary: "LVM's last attempt to extend the pool has not ended yet",
    },
];

fn check(host: &Host) -> Vec<Finding> {
    let mut lines = CLAIMS.iter().flat_map(|c| log_findings::lines(host, c.messages));
    let named = lines.find_map(|line| volume_of(queries::pool_of(host, line)?));
    let found = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    found.map(|f| with_advice(f, named.as_ref())).into_iter().collect()
}

/// The pool's LVM name, from a report or from its device-mapper name (`docker-thinpool-tpool`).
fn volume_of(pool: &Pool) -> Option<LvName> {
    pool.lv.clone().or_else(|| Some(split_name(pool.name.as_deref()?)?.0))
}

fn with_advice(finding: Finding, pool: Option<&LvName>) -> Finding {
    let attempt = pool.filter(|lv| !lv.vg.is_empty()).map(|lv| {
        let name = quote(&format!("{}/{}", lv.vg, lv.lv));
        format!("lvextend --test --use-policies {name}")
    });
    let look = ["vgs", "lvs -a -o+seg_monitor"].into_iter().chain(attempt.as_deref());
    finding
        .advise(Advice::new(
            Risk::Reads,
            "see whether the group has room, and what the extension would do",
            &look.collect::<Vec<_>>(),
        ))
        .advise(Advice::new(
            Risk::Reads,
            "see what dmeventd and LVM said",
            &["journalctl -u lvm2-monitor -u dm-event --since -1d"],
        ))
}

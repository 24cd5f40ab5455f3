//! Rule: an automatic way to make room acts later than Docker's refusal.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::docker::min_free::DEFAULT_PERCENT;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// What should make room acts too late: Docker refuses before it, or almost before.
    ///
    /// ## What it means
    /// Three limits belong in this order: LVM extends the pool (`thin_pool_autoextend_threshold`), a garbage
    /// collector removes images (kubelet begins at 85 percent), Docker refuses new layers and containers (at
    /// 100 less `dm.min_free_space`, 90 percent). Here one of the first two comes at or hardly before the
    /// third.
    ///
    /// ## Why it matters
    /// What acts too late never runs, or starts when a single large image is already enough to be refused.
    ///
    /// ## What to do
    /// Lower its threshold; raising Docker's instead leaves less room before the pool is full.
    ///
    /// ## References
    /// kubernetes/kubernetes issues 40432, 75708; lvm.conf(5); moby/moby issue 20707.
    ///
    /// ## Example
    /// ```host
    /// [imageGCManager]: Disk usage on image filesystem is at 85% which is over the high threshold (85%). Trying to free 481610956 bytes down to the low threshold (80%).
    /// "dm.thinpooldev=/dev/mapper/data01-thinpool",
    /// ```
    /// ```host quiet
    /// [imageGCManager]: Disk usage on image filesystem is at 70% which is over the high threshold (70%). Trying to free 481610956 bytes down to the low threshold (60%).
    /// "dm.thinpooldev=/dev/mapper/data01-thinpool",
    /// ```
    "thresholds-collide", since "0.1.0", check
}

/// Percentage points below Docker's refusal: a single large image takes that much.
const MARGIN: u64 = 5;

fn check(host: &Host) -> Vec<Finding> {
    let mut found: Vec<Finding> = host.pools.iter().filter_map(|p| check_lvm(host, p)).collect();
    found.extend(check_kubelet(host));
    found
}

fn check_lvm(host: &Host, pool: &Pool) -> Option<Finding> {
    let lv = pool.lv.as_ref()?;
    let threshold = host.lvm.autoextend_of(lv)?.threshold.filter(|t| *t < 100)?;
    let refuses = 100_u64.checked_sub(pool.min_free.percent.filter(|p| *p > 0)?)?;
    if threshold < refuses {
        return None;
    }
    let summary =
        format!("LVM extends the pool at {threshold} %, but Docker refuses new layers from {refuses} % on");
    let finding = Finding::new(&RULE, Severity::Warning, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("thin_pool_autoextend_threshold", threshold.to_string(), "LVM's settings")
        .with_evidence("Docker refuses from", format!("{refuses} % used"), "dm.min_free_space");
    Some(finding.advise(advice::extend_earlier(host, pool, lv)))
}

fn check_kubelet(host: &Host) -> Option<Finding> {
    let lines = log_findings::lines(host, &[Message::ImageGcOverThreshold]);
    let thin = queries::involves_thin_pools(host);
    let threshold = lines.iter().find_map(|s| threshold(&s.text))?;
    let floors = host.pools.iter().filter_map(|p| p.min_free.percent);
    let refuses = 100_u64.checked_sub(floors.max().unwrap_or(DEFAULT_PERCENT))?;
    if !thin || threshold + MARGIN < refuses {
        return None;
    }
    let summary = format!(
        "kubelet removes images from {threshold} % on, Docker refuses new layers from {refuses} %: too close"
    );
    let subject = |_: &_| Subject::host("kubelet");
    let finding =
        log_findings::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary)?
            .with_evidence(
                "Docker refuses from",
                format!("{refuses} % used"),
                "dm.min_free_space, 10 % by default",
            );
    let see = "see the limits in force: imageGCHighThresholdPercent and the pool's own";
    Some(finding.advise(advice::inspect(
        see,
        &["grep -i threshold /var/lib/kubelet/config.yaml", "thinspect plan min-free-space"],
    )))
}

/// The number after the word `threshold`, with whatever punctuation the program uses.
fn threshold(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("threshold")?;
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

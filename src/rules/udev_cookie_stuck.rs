//! Rule: udev cookies are stuck or exhausted.

use super::shared::{advice, log_findings};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk};
use crate::host::Host;
use crate::host::log::Message;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A udev cookie is stuck, or no more can be had: operations on devices wait or fail.
    ///
    /// ## What it means
    /// libdevmapper waits for udev on a System V semaphore, a cookie. If udev's answer gets lost (a daemon
    /// killed, a container's udev, rules missing), the waiter hangs and the semaphore stays behind. When the
    /// system's limit of semaphores is reached, `dm_task_set_cookie` fails.
    ///
    /// ## Why it matters
    /// `docker run`, `rm` or the whole daemon hang without an error, or every activation fails.
    ///
    /// ## What to do
    /// Look at the cookies and how old they are. Completing one lets its waiter go on; raise `kernel.sem` if
    /// the limit was reached.
    ///
    /// ## References
    /// dmsetup(8), `udevcookies`, `udevcomplete`; moby/moby issues 12606, 27900, 33603.
    ///
    /// ## Example
    /// ```host
    /// devicemapper: Can't set cookie dm_task_set_cookie failed
    /// ```
    /// ```host quiet
    /// Cookie       Semid      Value      Last semop time           Last change time
    /// ```
    "udev-cookie-stuck", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let failed = log_findings::lines(host, &[Message::UdevCookieFailed]);
    let (lines, summary) = if failed.is_empty() {
        let text =
            "A udev cookie is waiting: what waits for it hangs until udev answers or it is completed by hand";
        (log_findings::lines(host, &[Message::UdevCookieListed]), text)
    } else {
        (failed, "No udev cookie could be had: the system's semaphores are used up by stuck ones")
    };
    let subject = |_: &_| Subject::host("udev cookies");
    let found =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary);
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    let complete = "complete the cookies that are older than ten minutes: what waits for them goes on";
    finding
        .advise(advice::inspect(
            "see the cookies, the limit, and what hangs",
            &["dmsetup udevcookies", "sysctl kernel.sem", "ipcs -su"],
        ))
        .advise(Advice::new(Risk::Changes, complete, &["dmsetup udevcomplete_all 10"]))
}

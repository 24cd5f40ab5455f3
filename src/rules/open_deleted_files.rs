//! Rule: deleted files are held open and keep their space.

use super::{Finding, Subject, advise, said};
use crate::host::Host;
use crate::verdict::{Certainty, Severity};

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

fn check(host: &Host) -> Vec<Finding> {
    let mut lines = said::lines(host, &["deleted-file-open"]);
    lines.retain(|s| !s.text.contains("/dev/loop"));
    let summary = "Deleted files are held open: df counts them, du does not, and their space stays taken";
    let subject = |_: &_| Subject::new("filesystem", "(see the files)");
    let found = said::finding(&RULE, (Severity::Warning, Certainty::Likely), &lines, subject, summary);
    found.map(with_advice).into_iter().collect()
}

fn with_advice(finding: Finding) -> Finding {
    finding.advise(advise::look("see all of them, with their holders and sizes", &["lsof +L1"]))
}

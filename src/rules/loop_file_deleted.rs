//! Rule: a loop file that carries the pool was deleted or replaced.

use super::{Finding, Subject, advise, said};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::backing::Backing;
use crate::host::pool::Pool;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// A loop file under the pool was deleted: all that is in the pool is lost when the loop device goes.
    ///
    /// ## What it means
    /// The name is gone, the content is not: the kernel keeps the file as long as the loop device holds it.
    /// Docker sets its loop devices to go with their last user, so stopping Docker, removing the pool or a
    /// reboot is enough to lose everything. Deleting the file gave no space back either.
    ///
    /// ## Why it matters
    /// It works on as if nothing had happened, until the next restart.
    ///
    /// ## What to do
    /// Do not stop Docker and do not reboot. Save what the containers hold from inside (`docker export`,
    /// `docker save`), or suspend the pool and copy the loop devices to new files.
    ///
    /// ## References
    /// Linux drivers/block/loop.c, `LO_FLAGS_AUTOCLEAR`; losetup(8), the ` (deleted)` suffix.
    ///
    /// ## Example
    /// ```host
    /// docker-8:1-77-pool: 0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// NAME       SIZELIMIT OFFSET AUTOCLEAR RO BACK-FILE                                                  DIO LOG-SEC
    /// /dev/loop0         0      0         1  0 /var/lib/docker/devicemapper/devicemapper/data (deleted)     0     512
    /// /dev/loop1         0      0         1  0 /var/lib/docker/devicemapper/devicemapper/metadata           0     512
    /// ```
    /// ```host quiet
    /// docker-8:1-77-pool: 0 209715200 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// NAME       SIZELIMIT OFFSET AUTOCLEAR RO BACK-FILE                                        DIO LOG-SEC
    /// /dev/loop0         0      0         1  0 /var/lib/docker/devicemapper/devicemapper/data     0     512
    /// /dev/loop1         0      0         1  0 /var/lib/docker/devicemapper/devicemapper/metadata 0     512
    /// ```
    "loop-file-deleted", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let halves = |p| [("data", p), ("metadata", p)];
    let of_pools = host.pools.iter().flat_map(halves).filter_map(|(half, pool)| of_half(half, pool));
    let found: Vec<Finding> = of_pools.collect();
    if found.is_empty() { of_words(host).into_iter().collect() } else { found }
}

fn of_half(half: &str, pool: &Pool) -> Option<Finding> {
    let backing: &Backing = if half == "data" { &pool.data_backing } else { &pool.metadata_backing };
    let file = backing.file.as_ref().filter(|f| f.deleted || f.replaced)?;
    let what = if file.deleted { "was deleted" } else { "was replaced: another file stands at its path" };
    let summary =
        format!("The loop file of the pool's {half} {what}; its content is lost when the loop device goes");
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary)
        .because(format!("{half} file"), file.path.clone(), "loop device");
    let Some(device) = backing.path.as_deref().map(quote) else { return Some(finding.advise(attached())) };
    let copy = format!("cp --sparse=always {device} /path/with/room/{half}");
    let (suspend, resume) = match pool.name.as_deref().map(quote) {
        Some(name) => (format!("dmsetup suspend {name}"), format!("dmsetup resume {name}")),
        None => return Some(finding.advise(attached())),
    };
    let does = "with the pool suspended (containers wait), copy the device to a file with a name";
    Some(finding.advise(attached()).advise(Advice::new(Risk::Stops, does, &[&suspend, &copy, &resume])))
}

fn attached() -> Advice {
    advise::look("see which loop devices hold it; do not stop Docker and do not reboot", &["losetup -l"])
}

fn of_words(host: &Host) -> Option<Finding> {
    let mut lines = said::lines(host, &["deleted-file-open"]);
    lines.retain(|s| s.text.contains("/dev/loop"));
    let summary = "A loop device holds a deleted file; its content is lost when the loop device goes";
    let subject = |_: &_| Subject::new("host", "loop devices");
    let finding = said::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    Some(finding.advise(attached()))
}

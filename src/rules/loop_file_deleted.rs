//! Rule: a loop file that carries the pool was deleted or replaced.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings};
use super::{Finding, Subject};
use crate::advice::recipes::{lost_files, put_back};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
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
    /// Do not stop Docker and do not reboot before something else holds the loop device open: a shell does that
    /// with a descriptor of its own. Then nothing is lost when Docker stops, the device can be copied to a file at
    /// the old place, and Docker starts on that.
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

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Critical,
    certainty: Certainty::Likely,
    messages: &[Message::LoopFileGone],
    summary: "A loop file of the pool is not where it belongs: deleted, replaced or never made",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |_: &_| Subject::host("host"));
    more.map(|f| f.advise(attached())).into_iter().collect()
}

fn found(host: &Host) -> Vec<Finding> {
    let found: Vec<Finding> = host.pools.iter().filter_map(check_pool).collect();
    if found.is_empty() { check_log(host).into_iter().collect() } else { found }
}

fn check_pool(pool: &Pool) -> Option<Finding> {
    let lost = lost_files(pool);
    let files = || lost.iter().filter_map(|(half, b)| Some((half, b.file.as_ref()?)));
    let deleted = files().any(|(_, f)| f.deleted);
    let which = match lost.as_slice() {
        [] => return None,
        [(half, _)] => format!("The loop file of the pool's {half} was"),
        _ => "The loop files of the pool's data and metadata were".to_owned(),
    };
    let what = if deleted { "deleted" } else { "replaced: another file stands at its path" };
    let summary = format!("{which} {what}; all in the pool is lost when the loop device goes");
    let mut finding =
        Finding::new(&RULE, Severity::Critical, Certainty::Certain, Subject::pool(pool), summary);
    for (half, file) in files() {
        finding = finding.with_evidence(format!("{half} file"), file.path.clone(), "loop device");
    }
    let used = pool.data.used_in_bytes();
    let free = pool.data_backing.filesystem.as_ref().and_then(|f| f.free);
    let finding = finding.advise(attached());
    let (Some(used), Some(free)) = (used, free) else { return Some(finding.advise_all(copies(pool))) };
    if used < free {
        return Some(finding.advise_all(copies(pool)));
    }
    let does = text!("the copy needs {} and its filesystem has {} free: make room there first", used, free);
    let df = pool.data_backing.filesystem.as_ref().and_then(|f| f.mount.as_deref()).unwrap_or("/");
    Some(finding.advise(advice::inspect(does, &[&format!("df -h {}", quote(df))])))
}

/// Saves the contents of the deleted files: restores them with Docker stopped, else copies them with the pool suspended.
fn copies(pool: &Pool) -> Option<Advice> {
    if let Some(commands) = put_back(pool) {
        let does = "in one shell that stays open: hold the device, stop Docker, copy it to the old place, start Docker";
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        return Some(Advice::new(Risk::Stops, does, &commands));
    }
    let name = quote(pool.name.as_deref()?);
    let mut commands = vec![format!("dmsetup suspend {name}")];
    for (_, backing) in lost_files(pool) {
        let saved = quote(&format!("{}.saved", backing.file.as_ref()?.path));
        commands.push(format!("cp --sparse=always {} {saved}", quote(backing.path.as_deref()?)));
    }
    commands.push(format!("dmsetup resume {name}"));
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let does = "with the pool suspended (what uses it waits), copy the device to a file with a name";
    Some(Advice::new(Risk::Stops, does, &commands))
}

fn attached() -> Advice {
    advice::inspect("see which loop devices hold it; do not stop Docker and do not reboot", &["losetup -l"])
}

fn check_log(host: &Host) -> Option<Finding> {
    let mut lines = log_findings::lines(host, &[Message::DeletedFileOpen]);
    lines.retain(|s| s.text.contains("/dev/loop"));
    let summary = "A loop device holds a deleted file; its content is lost when the loop device goes";
    let subject = |_: &_| Subject::host("loop devices");
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    Some(finding.advise(attached()))
}

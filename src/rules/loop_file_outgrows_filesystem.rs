//! Rule: the pool's loop files can grow by more than their filesystem has free.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::{Bytes, percent_of};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// The pool's loop files can grow by more than their filesystem has free: its free space is not real.
    ///
    /// ## What it means
    /// Loop files are sparse: they take space of the host's filesystem only as blocks are first written. The
    /// pool counts its free blocks by the files' full size, and so does Docker's floor (`dm.min_free_space`);
    /// neither looks at what the filesystem has left. `Data Space Available` in `docker info` does: where it
    /// is less than total minus used, it is the filesystem's free space.
    ///
    /// ## Why it matters
    /// When the filesystem is full, writes of the loop device fail with I/O errors, not with "no space left".
    /// Data in containers is lost, and as soon as a metadata write fails the pool turns read-only with
    /// `needs_check`, though it may look 95 percent free.
    ///
    /// ## What to do
    /// Make room on the host's filesystem, or enlarge it, before anything else; a repair of the pool needs
    /// that room too. Discards that reach the files (`discard_passdown`) make them smaller again.
    ///
    /// ## References
    /// moby 24.0, daemon/graphdriver/devmapper/deviceset.go, `getUnderlyingAvailableSpace`; Linux
    /// drivers/block/loop.c, `loop: Write error`.
    ///
    /// ## Example
    /// ```host
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-7:0-65047-pool
    ///  Pool Blocksize: 65.54kB
    ///  Data file: /dev/loop1
    ///  Metadata file: /dev/loop2
    ///  Data loop file: /c/docker/devicemapper/devicemapper/data
    ///  Data Space Used: 196.8MB
    ///  Data Space Total: 4.295GB
    ///  Data Space Available: 4.194MB
    /// ```
    /// A filesystem with room for the whole file is no trouble:
    /// ```host quiet
    /// Storage Driver: devicemapper
    ///  Pool Name: docker-253:0-3356471041-pool
    ///  Pool Blocksize: 65.54 kB
    ///  Data file: /dev/loop4
    ///  Metadata file: /dev/loop5
    ///  Data Space Used: 32.88 GB
    ///  Data Space Total: 268.4 GB
    ///  Data Space Available: 235.6 GB
    /// ```
    "loop-file-outgrows-filesystem", since "0.1.0", check
}

/// Free space that counts as none. ext4 reserves up to 4096 clusters (16 MiB), XFS a similar share; the rest is about
/// a thousand pool blocks, less than one image layer.
const NO_ROOM: Bytes = Bytes(64 << 20);
/// Percent of the pool that must be free on the filesystem: Docker's default floor for the pool itself.
const SHORT_PERCENT: u64 = 10;

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().filter_map(|p| check_pool(host, p)).collect();
    if of_pools.is_empty() {
        check_log(host).or_else(|| check_unexplained(host)).into_iter().collect()
    } else {
        of_pools
    }
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let found = queries::loop_room(host, pool).filter(|r| r.growth > r.room)?;
    let total = pool.data.total_in_bytes().unwrap_or(found.growth);
    let (severity, state) = if found.room <= NO_ROOM {
        (Severity::Critical, "the pool cannot grow any more, whatever it shows as free")
    } else if found.room.0 < percent_of(total.0, SHORT_PERCENT) {
        (Severity::Warning, "the pool's free space is not real")
    } else {
        (Severity::Notice, "there is room for now")
    };
    let errors = log_findings::lines(host, &[Message::LoopWriteError]);
    // In pasted text the errors may be newer than the report.
    let severity = if errors.is_empty() || found.exact { severity } else { severity.max(Severity::Warning) };
    let certainty = if found.exact { Certainty::Certain } else { Certainty::Likely };
    let summary = text!(
        "The loop files may grow by {}, but their filesystem has {} free: {}",
        found.growth,
        found.room,
        state
    );
    let from = if found.exact { "file and filesystem" } else { "docker info or pasted report" };
    let mut finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary)
        .with_evidence("may still grow by", found.growth, from)
        .with_evidence("filesystem has free", found.room, from);
    if let Some(free) = pool.data.free_in_bytes() {
        finding = finding.with_evidence("the pool shows as free", free, queries::source(pool));
    }
    Some(finding.with_log_lines(&errors).advise_all(advice(host, pool)))
}

/// Loop writes fail, and it is unknown how full the filesystem is.
fn check_log(host: &Host) -> Option<Finding> {
    // The filesystem is known to have had enough room, so the errors are history.
    if host.pools.iter().any(|p| queries::loop_room(host, p).is_some()) || queries::no_pools_expected(host) {
        return None;
    }
    let lines = log_findings::lines(host, &[Message::LoopWriteError]);
    let pool = host.pools.first().cloned().unwrap_or_default();
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary =
        "Writes to a loop file fail, as when its filesystem is full: the pool's free space is not real";
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Likely), &lines, subject, summary)?;
    Some(finding.advise_all(advice(host, &pool)))
}

/// "No space left" was logged, the pool on loop files has room, and the free space of their filesystem is unknown: it
/// is a possible cause.
fn check_unexplained(host: &Host) -> Option<Finding> {
    let pool = host.pools.iter().find(|p| p.on_loop() && queries::has_room(p))?;
    let room_told = pool.docker_info.as_ref().is_some_and(|i| i.data_available.is_some());
    let room_told = room_told || pool.data_backing.filesystem.is_some();
    let (line, _) = queries::no_space_lines(host).next().filter(|_| !room_told)?;
    let summary =
        "The filesystem under the loop file may be full: the pool's own free space says nothing about it";
    let finding = Finding::new(&RULE, Severity::Critical, Certainty::Possible, Subject::pool(pool), summary);
    Some(finding.with_log_lines(&[line]).advise_all(advice(host, pool)))
}

fn advice(host: &Host, pool: &Pool) -> Vec<Advice> {
    let file = pool.data_backing.file.as_ref().map(|f| f.path.as_str()).filter(|p| !p.is_empty());
    let file = file.map_or_else(
        || format!("{}/devicemapper/devicemapper/data", queries::docker_root(host)),
        str::to_owned,
    );
    let file = quote(&file);
    let root = quote(queries::docker_root(host));
    let (df, ls) = (format!("df -h {file}"), format!("ls -ls {file}"));
    let big = format!("du -xh --max-depth=2 {root} | sort -h | tail -n 20");
    let mut all = vec![
        advice::inspect("see what the filesystem has free and what the file takes", &[&df, &ls]),
        advice::inspect("see what else takes space there: logs, volumes, downloads", &[&big]),
    ];
    all.extend(advice::free_space(host, pool));
    all
}

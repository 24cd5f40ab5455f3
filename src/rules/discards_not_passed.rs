//! Rule: freed blocks do not come back to what carries the pool.

use super::{Finding, Subject, advise, judge};
use crate::host::Host;
use crate::host::pool::Pool;
use crate::host::status::Discards;
use crate::host::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Freed blocks do not come back: discards are not passed down to what carries the pool, or are ignored.
    ///
    /// ## What it means
    /// When a device is deleted or trimmed, the pool can pass the discard on to its data device. With loop
    /// files that makes the file smaller again (`discard_passdown`). Here the pool does not pass them on
    /// (often because the filesystem or device below cannot), or ignores them altogether, or the file takes
    /// much more than the pool uses.
    ///
    /// ## Why it matters
    /// Removing images frees blocks in the pool, but the host's disk stays as full as it ever was. With
    /// `ignore_discard` not even the pool gets them back when files are deleted.
    ///
    /// ## What to do
    /// On loop files: put them on a filesystem that can punch holes (ext4, XFS), and leave `dm.blkdiscard`
    /// on. On disks and logical volumes it matters only to storage below that wants to know.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `discard_passdown`; drivers/block/loop.c; moby/moby issues 3182, 18867.
    ///
    /// ## Example
    /// ```host
    /// docker-8:1-696417-pool: 0 419430400 thin-pool 73 490/524288 18758/3276800 - rw no_discard_passdown
    /// ```
    /// ```host quiet
    /// docker-8:1-696417-pool: 0 419430400 thin-pool 73 490/524288 18758/3276800 - rw discard_passdown
    /// ```
    "discards-not-passed", since "0.1.0", check
}

/// A file counts as much larger than what the pool uses from this on: less is preallocation and rounding.
const EXCESS: Bytes = Bytes(1 << 30);

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| of_pool(host, p)).collect()
}

fn of_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let on_loop = pool.on_loop() || pool.data_backing.file.is_some();
    let excess = excess(pool);
    let (fact, state) = match (pool.discards, excess) {
        (Some(Discards::Ignored), _) => {
            ("ignore_discard", "the pool ignores discards: blocks of deleted files stay taken")
        }
        (Some(Discards::NotPassedDown), _) if on_loop => {
            ("no_discard_passdown", "discards are not passed down: the loop file never gets smaller")
        }
        (Some(Discards::NotPassedDown), _) => {
            ("no_discard_passdown", "discards are not passed down to the data device")
        }
        (_, Some(_)) => {
            ("file and pool", "the loop file takes more than the pool uses: freed blocks did not come back")
        }
        _ => return None,
    };
    let ignored = pool.discards == Some(Discards::Ignored);
    let severity = if on_loop || ignored { Severity::Warning } else { Severity::Notice };
    let certainty = if excess.is_some() && pool.discards == Some(Discards::PassedDown) {
        Certainty::Likely
    } else {
        Certainty::Certain
    };
    let more = excess.map(|b| format!(" ({b} more)")).unwrap_or_default();
    let summary = format!("Freed blocks do not come back: {state}{more}");
    let mut finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary).because(
        "discards",
        fact,
        judge::source(pool),
    );
    if let Some(excess) = excess {
        finding =
            finding.because("file takes more than the pool uses", excess.to_string(), "file and status");
    }
    Some(finding.advise_all(advice(host, pool, on_loop)))
}

/// What the loop file takes of its filesystem beyond what the pool uses, where that is much.
fn excess(pool: &Pool) -> Option<Bytes> {
    let allocated = pool.data_backing.file.as_ref()?.allocated?;
    let excess = allocated.minus(pool.data.used_in_bytes()?);
    // A quarter of the file, so that a large and busy pool is not blamed for what is on its way.
    (excess > EXCESS && excess.0 > allocated.0 / 4).then_some(excess)
}

fn advice(host: &Host, pool: &Pool, on_loop: bool) -> Vec<crate::advice::Advice> {
    let mut all = Vec::new();
    if on_loop {
        let path = pool.data_backing.file.as_ref().map(|f| f.path.clone()).filter(|p| !p.is_empty());
        let path =
            path.unwrap_or_else(|| format!("{}/devicemapper/devicemapper/data", judge::docker_root(host)));
        let (ls, df) = (
            format!("ls -ls {}", crate::advice::quote(&path)),
            format!("df -hT {}", crate::advice::quote(&path)),
        );
        all.push(advise::look("see what the file takes and which filesystem it is on", &[&ls, &df]));
    } else {
        all.push(advise::look("see which devices below take discards", &["lsblk -D"]));
    }
    all.push(advise::usage(pool));
    all
}

//! Rule: large blocks take much more of the pool than the files in them.

use super::shared::{advice, queries};
use super::{Finding, Subject};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// Containers take far more of the pool than their files need; the large block size may be the reason.
    ///
    /// ## What it means
    /// A block is taken whole by its first write, and a shared block is copied whole. With 512 KiB blocks
    /// (what LVM set-ups for Docker choose) many small files scattered over the disk take several times their
    /// size. Blocks of deleted files that were never trimmed look the same.
    ///
    /// ## Why it matters
    /// The pool fills long before the containers do.
    ///
    /// ## What to do
    /// Trim first (`fstrim`) and look again. The block size itself is fixed for the life of a pool: a smaller
    /// one needs a new pool, with more metadata.
    ///
    /// ## References
    /// moby/moby issue 32141; lvmthin(7), "Chunk size".
    ///
    /// ## Example
    /// ```host
    /// {"version":1,"source":"machine","answers":[{"ask":"dm-list","said":"253:0 1 docker-thinpool\n253:1 1 docker-253:5-77-aaaaaaaaaaaaaaaaaaaa"},{"ask":"dm-table","of":"docker-thinpool","said":"0 209715200 thin-pool 253:8 253:9 1024 0 1 skip_block_zeroing"},{"ask":"dm-status","of":"docker-thinpool","said":"0 209715200 thin-pool 4 2575/25600 50000/204800 - rw discard_passdown queue_if_no_space - 1024"},{"ask":"dm-table","of":"docker-253:5-77-aaaaaaaaaaaaaaaaaaaa","said":"0 20971520 thin 253:0 4"},{"ask":"dm-status","of":"docker-253:5-77-aaaaaaaaaaaaaaaaaaaa","said":"0 20971520 thin 12582912 20971519"},{"ask":"file","of":"/proc/self/mountinfo","said":"90 28 253:1 / /var/lib/docker/devicemapper/mnt/aaaaaaaaaaaaaaaaaaaa rw - xfs /dev/mapper/docker-253:5-77-aaaaaaaaaaaaaaaaaaaa rw"},{"ask":"statfs","of":"/var/lib/docker/devicemapper/mnt/aaaaaaaaaaaaaaaaaaaa","said":"block=4096 blocks=2621440 free=2359296 available=2359296 files=786432 files_free=700000"}]}
    /// ```
    /// ```host quiet
    /// docker-thinpool: 0 209715200 thin-pool 4 2575/25600 50000/204800 - rw discard_passdown queue_if_no_space - 1024
    /// ```
    "block-size-wasteful", since "0.1.0", check
}

/// The smallest block size that is checked for waste: the default of LVM set-ups for Docker.
const LARGE: Bytes = Bytes(512 << 10);
/// Reported only if the containers take at least this many times the size of their files, and waste at least
/// [`LEAST_WASTE`].
const TIMES: u64 = 2;
const LEAST_WASTE: Bytes = Bytes(1 << 30);

fn check(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
    let block = pool.block.filter(|b| *b >= LARGE)?;
    let measured = host.thins_of(pool).filter_map(|t| {
        let filesystem = t.filesystem.as_ref()?;
        Some((t.mapped()?, filesystem.size?.minus(filesystem.free?)))
    });
    let (mapped, files) = measured.fold((Bytes(0), Bytes(0)), |(m, f), (x, y)| (m.plus(x), f.plus(y)));
    if mapped.0 < files.0.saturating_mul(TIMES) || mapped.minus(files) < LEAST_WASTE {
        return None;
    }
    let summary = text!(
        "Mounted containers take {} of the pool for {} of files; its blocks are of {}",
        mapped,
        files,
        block
    );
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Possible, Subject::pool(pool), summary)
        .with_evidence("mapped by mounted containers", mapped, "thin status")
        .with_evidence("used in their filesystems", files, "statfs")
        .with_evidence("block size", block, queries::source(pool));
    Some(finding.advise(advice::usage(pool)).advise_all(advice::free_space(host, pool)))
}

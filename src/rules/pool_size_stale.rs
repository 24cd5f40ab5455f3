//! Rule: the storage under the pool changed its size, and the pool or a loop device does not use the new size yet.

use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::log::Message;
use crate::host::model::backing::Backing;
use crate::host::model::pool::{Pool, PoolHalf};
use crate::host::model::text::text;
use crate::host::model::units::{Blocks, Bytes, METADATA_BLOCK, METADATA_BLOCKS_MAX};
use crate::verdict::{Certainty, Severity};

super::rule! {
    /// What carries the pool was resized, but the loop device or the pool's table was not told.
    ///
    /// ## What it means
    /// A resize of a pool in loop files takes three steps: the file (`truncate`), the loop device (`losetup
    /// -c`), the pool's table (suspend, load, resume). Each gap between two of the three sizes names the step
    /// that is missing. Metadata needs no new table: it grows at the next resume. A table that was loaded but
    /// is not live is a resize that stopped before the resume.
    ///
    /// ## Why it matters
    /// The pool cannot use space that it was not told of. The other way round it is worse: of a file that is
    /// smaller than its loop device the rest was cut off. It is lost, and reads as zeros or fails, by the kernel's
    /// version.
    ///
    /// ## What to do
    /// Do the missing step (`thinspect plan grow --to SIZE` prints what is left of them with this pool's numbers). A
    /// file that was cut short is made as long as its device again, so that nothing fails any more.
    ///
    /// ## References
    /// Linux drivers/md/dm-thin.c, `maybe_resize_data_dev`, `maybe_resize_metadata_dev`; losetup(8).
    ///
    /// ## Example
    /// ```host
    /// Name:              docker-pool
    /// State:             ACTIVE
    /// Tables present:    LIVE & INACTIVE
    /// docker-pool: 0 104857600 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// ```
    /// ```host quiet
    /// Name:              docker-pool
    /// State:             ACTIVE
    /// Tables present:    LIVE
    /// docker-pool: 0 104857600 thin-pool 7:1 7:0 128 32768 1 skip_block_zeroing
    /// ```
    "pool-size-stale", since "0.1.0", check
}

fn check(host: &Host) -> Vec<Finding> {
    let of_pools: Vec<Finding> = host.pools.iter().flat_map(check_pool).collect();
    if of_pools.is_empty() { check_log(host).into_iter().collect() } else { of_pools }
}

fn check_log(host: &Host) -> Option<Finding> {
    let lines = log_findings::not_superseded(
        host,
        &[
            Message::BackingShrunk,
            Message::DeviceSizeStale,
            Message::LoopCapacityStale,
            Message::VolumeMapsTooMuch,
        ],
    );
    let subject = |s: &_| queries::pool_subject(host, s);
    let summary =
        "The kernel refuses a table or a device that would make the pool smaller: it may be left suspended";
    let finding =
        log_findings::finding(&RULE, (Severity::Critical, Certainty::Certain), &lines, subject, summary)?;
    let pool = lines.first().and_then(|s| queries::pool_of(host, s)).cloned().unwrap_or_default();
    Some(finding.advise(advice::plan("grow", &pool, "see the right steps and sizes")))
}

fn check_pool(pool: &Pool) -> Vec<Finding> {
    // The kernel refuses a table that is shorter than the pool; the pool keeps its size.
    let counted = pool.data.total.zip(pool.block).filter(|_| pool.data.exact).map(|(t, b)| t.bytes(b));
    let data_has = pool.length.map(|l| l.bytes().max(counted.unwrap_or_default()));
    // Less than a block cannot be used, and metadata beyond the kernel's maximum is ignored by design.
    let data_step = pool.block.unwrap_or(Bytes(1 << 20));
    let most = METADATA_BLOCKS_MAX.bytes(METADATA_BLOCK);
    let metadata_has = pool.metadata.total.map(|t| t.bytes(METADATA_BLOCK));
    let metadata_has = metadata_has.filter(|m| *m < most);
    let data = Device { half: PoolHalf::Data, backing: &pool.data_backing, has: data_has, step: data_step };
    let metadata = Device {
        half: PoolHalf::Metadata,
        backing: &pool.metadata_backing,
        has: metadata_has,
        step: METADATA_BLOCK,
    };
    let halves = [data, metadata].into_iter().filter_map(|half| check_device(half, pool));
    halves.chain(unfinished(pool)).collect()
}

/// The data or metadata device: its backing, the size the pool uses (`has`), and the smallest difference that counts
/// (`step`).
struct Device<'a> {
    half: PoolHalf,
    backing: &'a Backing,
    has: Option<Bytes>,
    step: Bytes,
}

fn check_device(device: Device<'_>, pool: &Pool) -> Option<Finding> {
    let Device { half, backing, has, step } = device;
    let word = half.word();
    let file = backing.file.as_ref().and_then(|f| f.size);
    let device = backing.size;
    let exceeds = |a: Bytes, b: Bytes| a.minus(b) >= step;
    let (severity, text, advice) = match (file, device, has) {
        (Some(f), Some(d), _) if exceeds(d, f) => {
            let text = text!(
                "The {} file was cut to {}, its loop device has {}: what lay behind is lost, and \
                 reads as zeros or fails",
                word,
                f,
                d
            );
            (Severity::Critical, text, lengthen(backing, d))
        }
        (Some(f), Some(d), _) if exceeds(f, d) => {
            let text = text!(
                "The {} file has grown to {}, its loop device still has {}: losetup -c is missing",
                word,
                f,
                d
            );
            (Severity::Warning, text, vec![finish(pool, word, f, step)])
        }
        (_, Some(d), Some(h)) if exceeds(d, h) => {
            let missing = match half {
                PoolHalf::Data => "a new table",
                PoolHalf::Metadata => "a suspend and resume",
            };
            let text = text!(
                "The {} device has grown to {}, the pool still uses {}: {} is missing",
                word,
                d,
                h,
                missing
            );
            (Severity::Warning, text, vec![finish(pool, word, d, step)])
        }
        _ => return None,
    };
    let finding = Finding::new(&RULE, severity, Certainty::Certain, Subject::pool(pool), text);
    let facts = [("file", file), ("device", device), ("pool", has)];
    let finding = facts.into_iter().fold(finding, |finding, (what, size)| match size {
        Some(size) => finding.with_evidence(format!("size of the {word} {what}"), size, "machine"),
        None => finding,
    });
    Some(finding.advise_all(advice))
}

/// The remaining commands of a resize to `size`, in whole blocks. For LVM pools LVM finishes it.
fn finish(pool: &Pool, word: &str, size: Bytes, step: Bytes) -> Advice {
    if let Some(lv) = &pool.lv {
        let refresh = format!("lvchange --refresh {}", quote(&format!("{}/{}", lv.vg, lv.lv)));
        return Advice::new(Risk::Changes, "let LVM load its tables anew", &[&refresh]);
    }
    let whole = size.0 - size.0 % step.0.max(1);
    advice::plan(
        &format!("grow --{word} --to {whole}"),
        pool,
        "see the missing steps with this pool's numbers",
    )
}

/// Restores the length of a truncated file, provided the file still has its name.
fn lengthen(backing: &Backing, device: Bytes) -> Vec<Advice> {
    let Some(file) = backing.file.as_ref().filter(|f| !f.deleted && !f.replaced) else { return Vec::new() };
    let path = quote(&file.path);
    let see = advice::inspect(
        "see the sizes of the file and of its device",
        &[&format!("ls -ls {path}"), "losetup -l"],
    );
    let does = "make it as long as its device again: what was cut off reads as zeros then";
    let lengthen = format!("truncate -c -s '>{}' {path}", device.0);
    vec![see, Advice::new(Risk::Changes, does, &[&lengthen])]
}

/// A table that was loaded but not activated by a resume.
fn unfinished(pool: &Pool) -> Option<Finding> {
    pool.inactive_table.filter(|loaded| *loaded)?;
    let summary = "A second table is loaded but not live: a resize stopped before its last step, the resume";
    let finding = Finding::new(&RULE, Severity::Notice, Certainty::Certain, Subject::pool(pool), summary)
        .with_evidence("tables present", "LIVE & INACTIVE", "device-mapper");
    let Some(name) = pool.name.as_deref().map(quote) else {
        return Some(finding.advise(advice::status(pool)));
    };
    let (live, loaded) = (format!("dmsetup table {name}"), format!("dmsetup table --inactive {name}"));
    let clear = format!("dmsetup clear {name}");
    let finding = finding.advise(advice::inspect("compare the two tables", &[&live, &loaded]));
    if queries::refuses_changes(pool) {
        return Some(finding);
    }
    Some(finding.advise(Advice::new(
        Risk::Changes,
        "drop the table that is not live, if it is not wanted",
        &[&clear],
    )))
}

//! Rule: freed blocks are not returned to the storage under the pool.

use super::shared::log_findings::Claim;
use super::shared::{advice, log_findings, queries};
use super::{Finding, Subject};
use crate::advice::recipes::{START_DOCKER, STOP_DOCKER};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::dm::status::Discards;
use crate::host::log::Message;
use crate::host::model::backing::Backing;
use crate::host::model::pool::Pool;
use crate::host::model::text::text;
use crate::host::model::units::Bytes;
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
    /// on. What was freed before can be punched out of the file with Docker stopped; not by the `thin_trim` of
    /// thin-provisioning-tools 0.9.0, which discards a block that is in use. On disks and logical volumes it matters
    /// only to storage below that wants to know.
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

/// A loop file must exceed the pool's use by more than this; less is preallocation and rounding.
const EXCESS: Bytes = Bytes(1 << 30);

/// Claims by log messages alone, the strongest first.
static CLAIMS: &[Claim] = &[Claim {
    severity: Severity::Notice,
    certainty: Certainty::Certain,
    messages: &[Message::DiscardsUnsupported],
    summary: "A device does not take discards, so freed blocks are not handed down to it",
}];

fn check(host: &Host) -> Vec<Finding> {
    let found = found(host);
    if !found.is_empty() {
        return found;
    }
    let more = log_findings::strongest(host, &RULE, CLAIMS, |line: &_| queries::pool_subject(host, line));
    more.map(|f| f.advise(advice::inspect("see which devices take discards", &["lsblk -D"])))
        .into_iter()
        .collect()
}

fn found(host: &Host) -> Vec<Finding> {
    host.pools.iter().filter_map(|p| check_pool(host, p)).collect()
}

fn check_pool(host: &Host, pool: &Pool) -> Option<Finding> {
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
        (_, Some(_)) => ("file and pool", "the loop file takes more than the pool uses"),
        _ => return None,
    };
    let ignored = pool.discards == Some(Discards::Ignored);
    let severity = if on_loop || ignored { Severity::Warning } else { Severity::Notice };
    let certainty = if excess.is_some() && pool.discards == Some(Discards::PassedDown) {
        Certainty::Likely
    } else {
        Certainty::Certain
    };
    let more = excess.map(|b| text!(" ({} more)", b)).unwrap_or_default();
    let summary = text!("Freed blocks do not come back: {}{}", state, more);
    let mut finding = Finding::new(&RULE, severity, certainty, Subject::pool(pool), summary).with_evidence(
        "discards",
        fact,
        queries::source(pool),
    );
    if let Some(excess) = excess {
        finding = finding.with_evidence("file takes more than the pool uses", excess, "file and status");
    }
    Some(finding.advise_all(advice(host, pool, on_loop)))
}

/// Bytes that the loop file allocates beyond the pool's use, if that is much.
fn excess(pool: &Pool) -> Option<Bytes> {
    let allocated = pool.data_backing.file.as_ref()?.allocated?;
    let excess = allocated.minus(pool.data.used_in_bytes()?);
    // At least a quarter of the file, because in a large and busy pool some discards are always pending.
    (excess > EXCESS && excess.0 > allocated.0 / 4).then_some(excess)
}

fn advice(host: &Host, pool: &Pool, on_loop: bool) -> Vec<Advice> {
    let mut all = Vec::new();
    if on_loop {
        let path = pool.data_backing.file.as_ref().map(|f| f.path.clone()).filter(|p| !p.is_empty());
        let path =
            path.unwrap_or_else(|| format!("{}/devicemapper/devicemapper/data", queries::docker_root(host)));
        let (ls, df) = (format!("ls -ls {}", quote(&path)), format!("df -hT {}", quote(&path)));
        all.push(advice::inspect("see what the file takes and which filesystem it is on", &[&ls, &df]));
    } else {
        all.push(advice::inspect("see which devices below take discards", &["lsblk -D"]));
    }
    all.push(advice::usage(pool));
    // If the device below takes no discards, there is nothing to enable.
    let takes = pool.data_backing.takes_discards != Some(false) && !queries::refuses_changes(pool);
    all.extend(match pool.discards {
        Some(Discards::Ignored) => enable_discards(pool).filter(|_| takes),
        Some(Discards::NotPassedDown) => enable_passdown(pool).filter(|_| takes),
        _ => punch(pool),
    });
    all
}

/// Enables discard passdown while the pool is in use. Docker's own pools never disable it in their table.
fn enable_passdown(pool: &Pool) -> Option<Advice> {
    let does = "let the pool pass discards down from now on";
    if let Some(lv) = &pool.lv {
        let command = format!("lvchange --discards passdown {}", quote(&format!("{}/{}", lv.vg, lv.lv)));
        return Some(Advice::new(Risk::Changes, does, &[&command]));
    }
    let takes = pool.data_backing.takes_discards == Some(true);
    let name = quote(pool.name.as_deref().filter(|_| takes && !pool.is_dockers())?);
    // Field 8 counts the features after it.
    let edit = "awk '{ $8--; sub(/ no_discard_passdown/, \"\"); print }'";
    let reload = format!("dmsetup reload {name} --table \"$(dmsetup table {name} | {edit})\"");
    let (suspend, resume) = (format!("dmsetup suspend {name}"), format!("dmsetup resume {name}"));
    Some(Advice::new(Risk::Changes, does, &[&reload, &suspend, &resume]))
}

/// Enables discards for an LVM pool. The kernel accepts that only when the pool is activated.
fn enable_discards(pool: &Pool) -> Option<Advice> {
    let lv = pool.lv.as_ref()?;
    let (group, volume) = (quote(&lv.vg), quote(&format!("{}/{}", lv.vg, lv.lv)));
    let select = quote(&format!("pool_lv=\"{}\"", lv.lv));
    let off = format!("lvs --noheadings -o lv_path -S {select} {group} | xargs -r lvchange -an");
    let (down, set) = (format!("lvchange -an {volume}"), format!("lvchange --discards passdown {volume}"));
    let up = format!("vgchange -ay {group}");
    let does = "with everything on it unmounted: deactivate it, let it heed discards, activate it";
    let (stop, start): (&[&str], &[&str]) =
        if pool.is_dockers() { (&STOP_DOCKER, &[START_DOCKER]) } else { (&[], &[]) };
    let commands = [stop, &[&off, &down, &set, &up], start].concat();
    Some(Advice::new(Risk::Stops, does, &commands))
}

/// Punches the unmapped blocks out of the loop file. Deleting a thin device discards nothing by itself; Docker
/// discards it first unless `dm.blkdiscard` is off. The pool must be inactive, and each part of the command runs only
/// if those before it succeeded. `thin_trim` is not used: version 0.9.0 of thin-provisioning-tools also discards the
/// last block in use before free ones (reproduced in the lab).
fn punch(pool: &Pool) -> Option<Advice> {
    let path = |backing: &Backing| backing.file.as_ref().map(|f| quote(&f.path));
    let files = path(&pool.data_backing).zip(path(&pool.metadata_backing)).filter(|_| pool.is_dockers());
    let ((data, metadata), total, block) = (files?, pool.data.total?.0, pool.block?.0);
    let mapped = "sed -n 's/.*data_begin=\"\\([0-9]*\\)\" length=\"\\([0-9]*\\)\".*/\\1 \\2/p; \
                  s/.*data_block=\"\\([0-9]*\\)\".*/\\1 1/p' \"$map\" | sort -n";
    let gaps = format!(
        "awk -v end={total} '$1 > at {{ print at + 0, $1 - at }} $1 + $2 > at {{ at = $1 + $2 }} \
         END {{ if (end > at) print at + 0, end - at }}'"
    );
    let punch = format!(
        "map=$(mktemp) && [ -z \"$(losetup -j {data})\" ] && thin_check -q {metadata} && thin_dump {metadata} > \
         \"$map\" && {mapped} | {gaps} | while read -r first count; do fallocate -p -o $((first * {block})) -l \
         $((count * {block})) {data}; done"
    );
    let [containers, daemon] = STOP_DOCKER;
    let does = "with Docker stopped, give back to the filesystem what no device in the pool maps";
    Some(Advice::new(Risk::Stops, does, &[containers, daemon, &punch, START_DOCKER]))
}

//! Advice shared by several rules, built from the facts of one pool.
//!
//! Never gives a command that the known facts make wrong: none to a daemon that is not running, no deletion in a pool
//! that refuses changes, no growth from a full volume group. Commands that only read come first, deletion last.

use super::queries::{is_dockers, refuses_changes};
use crate::advice::recipes::{TRIM_CONTAINERS, pool_option};
use crate::advice::since::Versions;
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::dm::status::Discards;
use crate::host::lvm::LvName;
use crate::host::model::pool::{Pool, PoolOwner};
use crate::host::model::text::{Text, text};
use crate::host::model::units::Bytes;
use crate::rules::Finding;

impl Finding {
    /// Adds several pieces of advice.
    #[must_use]
    pub(in crate::rules) fn advise_all(mut self, advice: impl IntoIterator<Item = Advice>) -> Self {
        self.advice.extend(advice);
        self
    }
}

/// Advice whose commands only read.
pub(in crate::rules) fn inspect(does: impl Into<Text>, commands: &[&str]) -> Advice {
    Advice::new(Risk::Reads, does, commands)
}

/// Puts an exact amount before the first piece of advice, if the amount is known.
pub(in crate::rules) fn with_amount(
    mut advice: Vec<Advice>,
    amount: Option<Text>,
    then: &str,
) -> Vec<Advice> {
    if let (Some(first), Some(amount)) = (advice.first_mut(), amount) {
        first.does = amount.then(": ").then(then);
    }
    advice
}

/// `thinspect plan GOAL` for one pool.
pub(in crate::rules) fn plan(goal: &str, pool: &Pool, does: &str) -> Advice {
    inspect(does, &[&format!("thinspect plan {goal}{}", pool_option(pool))])
}

/// `thinspect usage` for one pool.
pub(in crate::rules) fn usage(pool: &Pool) -> Advice {
    let command = format!("thinspect usage{}", pool_option(pool));
    inspect("see who uses the space: each thin device, its container or image", &[&command])
}

/// The pool's status line, without flushing the pool's metadata.
pub(in crate::rules) fn status(pool: &Pool) -> Advice {
    let name = pool.name.as_deref().map(|n| format!(" {}", quote(n))).unwrap_or_default();
    inspect("read the pool's own status", &[&format!("dmsetup status --noflush{name}")])
}

/// How to free data blocks: inspect, trim, then remove what is old or stopped.
pub(in crate::rules) fn free_space(host: &Host, pool: &Pool) -> Vec<Advice> {
    let mut all = vec![plan("free", pool, "see what can be removed, and how much each step frees")];
    if refuses_changes(pool) {
        return all;
    }
    if is_dockers(host, pool) {
        all.extend(free_dockers(host, pool));
    } else if matches!(pool.owner, PoolOwner::Containerd { .. }) {
        all.push(inspect("see the snapshots", &["ctr -n k8s.io snapshots --snapshotter devmapper list"]));
        all.push(Advice::new(Risk::Destroys, "remove images that no pod uses", &["crictl rmi --prune"]));
    } else if matches!(pool.owner, PoolOwner::Lvm) && pool.discards != Some(Discards::Ignored) {
        let does = "give back the blocks of deleted files, here and inside each guest";
        all.push(Advice::new(Risk::Changes, does, &["fstrim -av"]));
    }
    all
}

/// The release from which `docker … prune` has the filters `until` and `label`.
const PRUNE_FILTERS: (u32, u32) = (17, 6);

fn free_dockers(host: &Host, pool: &Pool) -> Vec<Advice> {
    let running = host.docker_of(pool).and_then(|d| d.running);
    if running == Some(false) {
        return vec![inspect(
            "Docker's own commands need the daemon: see what is there",
            &["thinspect usage"],
        )];
    }
    // `docker ps -s` walks the files of each container, which hangs if a full pool blocks writers.
    let list = if pool.data.is_full() { "docker ps -a" } else { "docker ps -as" };
    let see = "see what containers there are, and which of them have stopped";
    let mut all = vec![inspect(see, &[list, "docker ps -a --filter status=exited"])];
    if pool.discards != Some(Discards::Ignored) {
        let does = "give back the blocks of files deleted inside running containers";
        all.push(Advice::new(Risk::Changes, does, &[TRIM_CONTAINERS]));
    }
    all.push(if Versions::of(host).docker.is_none_or(|v| v >= PRUNE_FILTERS) {
        Advice::new(
            Risk::Destroys,
            text!("remove what is old and unused{}: by age, sparing what carries a label; names narrow it further", removable(host)),
            &[
                "docker container prune --filter until=24h --filter label!=keep",
                "docker image prune --all --filter until=240h --filter label!=keep",
            ],
        )
    } else {
        Advice::new(
            Risk::Destroys,
            "remove stopped containers and images without a name (this release has no prune filters)",
            &[
                "docker ps -aq --filter status=exited | xargs -r docker rm",
                "docker images -q --filter dangling=true | xargs -r docker rmi",
            ],
        )
    });
    all
}

/// What Docker reports as reclaimable. Its sizes are sums over files, not pool blocks.
fn removable(host: &Host) -> Text {
    let Some(all) = host.removable else { return Text::new() };
    let parts = [(all.images, "images"), (all.containers, "containers")];
    let parts: Vec<Text> =
        parts.iter().filter_map(|(size, what)| Some(text!("{} of {}", (*size)?, what))).collect();
    if parts.is_empty() {
        Text::new()
    } else {
        text!(" (by docker system df, {})", Text::join(&parts, " and "))
    }
}

/// How to get more data blocks; `by` is the smallest sufficient amount.
pub(in crate::rules) fn grow_data(host: &Host, pool: &Pool, by: Option<Bytes>) -> Vec<Advice> {
    grow(host, pool, by, "-L")
}

/// How to get more metadata blocks; `by` is the smallest sufficient amount.
pub(in crate::rules) fn grow_metadata(host: &Host, pool: &Pool, by: Option<Bytes>) -> Vec<Advice> {
    grow(host, pool, by, "--poolmetadatasize")
}

fn grow(host: &Host, pool: &Pool, by: Option<Bytes>, option: &str) -> Vec<Advice> {
    let mut all = vec![plan("grow", pool, "see how to grow the pool, in exact numbers")];
    let Some(lv) = &pool.lv else { return all };
    let Some(free) = host.lvm.group(&lv.vg).and_then(|g| g.free) else { return all };
    let name = quote(&format!("{}/{}", lv.vg, lv.lv));
    if free.0 == 0 || by.is_some_and(|b| b > free) {
        let does =
            text!("the volume group has {} free, too little to grow the pool: add a disk to it first", free);
        all.push(inspect(does, &[&format!("vgs {}", quote(&lv.vg)), "lsblk"]));
    } else if let Some(by) = by.filter(|b| b.0 > 0 && !refuses_changes(pool)) {
        let command = format!("lvextend {option} +{}b {name}", by.0);
        let does = text!("grow it by the least that helps, {}; the volume group has {} free", by, free);
        all.push(Advice::new(Risk::Changes, does, &[&command]));
    }
    all
}

/// How to repair a pool whose metadata needs a check.
pub(in crate::rules) fn repair(pool: &Pool) -> Advice {
    plan("repair", pool, "see the steps of an offline check and repair, what each risks and how to undo it")
}

/// Kernel messages about the pool and the devices under it.
pub(in crate::rules) fn kernel_log() -> Advice {
    let does = "see what the kernel said when it happened";
    inspect(does, &["dmesg | grep -E 'device-mapper|I/O error|loop: Write error'"])
}

/// The recommended autoextend threshold, in percent.
const THRESHOLD: u64 = 80;
/// LVM treats a lower threshold as this one.
const LEAST_THRESHOLD: u64 = 50;
/// Percentage points between LVM's threshold and Docker's refusal.
const MARGIN: u64 = 10;

/// Makes LVM extend the pool earlier: a profile with a threshold for this pool. An existing profile is left to the
/// user.
pub(in crate::rules) fn extend_earlier(host: &Host, pool: &Pool, lv: &LvName) -> Advice {
    let floor = pool.min_free.percent.unwrap_or(0);
    let threshold = THRESHOLD.min(100_u64.saturating_sub(floor + MARGIN)).max(LEAST_THRESHOLD);
    if let Some(profile) = host.lvm.profile_of(lv) {
        let does = format!("set thin_pool_autoextend_threshold to {threshold} in the profile that it has");
        return inspect(does, &[&format!("cat {}", quote(&format!("/etc/lvm/profile/{profile}.profile")))]);
    }
    let profile = format!("autoextend-{threshold}-{STEP}");
    let text = format!(
        "printf 'activation {{\\n\\tthin_pool_autoextend_threshold={threshold}\\n\\tthin_pool_autoextend_percent={STEP}\\n}}\\n' \
         > /etc/lvm/profile/{profile}.profile"
    );
    let attach = format!("lvchange --metadataprofile {profile} {}", quote(&format!("{}/{}", lv.vg, lv.lv)));
    let does = format!("let LVM grow it by {STEP} % whenever more than {threshold} % is in use");
    Advice::new(Risk::Changes, does, &[&text, &attach])
}

/// Percent of the pool that LVM adds at each step, as in Docker's documentation.
const STEP: u64 = 20;

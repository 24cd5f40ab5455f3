//! Picks what to remove so that a wanted amount returns to the pool, at the smallest loss.
//! Never picks a running container, its image, or anything whose gain cannot be counted exactly.
//!
//! Candidates in order of loss: Docker's build cache, containers that have ended (oldest first), nameless images,
//! unused images (oldest first), devices without a record. The shortest prefix that frees enough is taken. Then the
//! steps with the smallest gain are dropped, if later steps do not need them and the rest still frees enough.

mod labels;

use super::{Reclaim, Removal};
use crate::advice::Risk;
use crate::host::Host;
use crate::host::dm::status::{Discards, Mode};
use crate::host::model::pool::Pool;
use crate::host::model::thin::Thin;
use crate::host::model::units::{Blocks, Bytes, DataBlocks, Sectors};
use crate::host::owners::{Container, DeviceRole, Image, Owners, PinnedBy, RecordKeeper, State};
use crate::metadata;
use labels::{container_word, image_words, step};
use std::collections::{BTreeSet, HashSet};

/// The selected removals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The wanted amount, rounded up to blocks.
    pub need: DataBlocks,
    /// Size of a data block.
    pub block: Bytes,
    /// Mounted container filesystems that can be trimmed before anything is removed.
    pub trims: Vec<Trim>,
    /// The removals, in order.
    pub steps: Vec<Step>,
    /// Blocks that these steps return.
    pub gain: DataBlocks,
    /// Blocks that removing every candidate would return; `None` if they cannot be counted.
    pub most: Option<DataBlocks>,
    /// Whether `most` suffices for `need`; `None` if it cannot be counted.
    pub reachable: Option<bool>,
    /// Why nothing can be freed now.
    pub blocked_by: Vec<String>,
    /// Things that were not selected although a reader may expect it, with the reason.
    pub left_alone: Vec<String>,
}

/// A mounted filesystem that keeps blocks of deleted files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The container's name, or else its id.
    pub name: String,
    /// The filesystem's mount point.
    pub mount: String,
    /// Upper limit of the blocks that trimming returns: the device's exclusive blocks, or the mapped blocks that the
    /// filesystem does not use, whichever is smaller.
    pub most: DataBlocks,
}

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is lost.
    pub loss: Loss,
    /// The full id of the container or image; `None` for a device, and for an id that no engine assigns.
    pub id: Option<String>,
    /// The names of the image that are removed; empty if the command uses the id.
    pub names: Vec<String>,
    /// What the step does, in a few words.
    pub does: String,
    /// What is lost, in a sentence.
    pub why: String,
    /// Always [`Risk::Destroys`].
    pub risk: Risk,
    /// Commands in order, each complete and quoted.
    pub commands: Vec<String>,
    /// Blocks that this step returns after the steps before it.
    pub gain: DataBlocks,
    /// Blocks that all steps up to this one return.
    pub sum: DataBlocks,
}

/// What is lost by a removal, smallest loss first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Docker's build cache.
    BuildCache,
    /// A container that has ended.
    EndedContainer,
    /// A nameless image that nothing uses.
    DanglingImage,
    /// An image that nothing uses.
    UnusedImage,
    /// A device that no record names.
    LeakedDevice,
}

impl Loss {
    /// The word in the JSON output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::BuildCache => "build-cache",
            Self::EndedContainer => "ended-container",
            Self::DanglingImage => "dangling-image",
            Self::UnusedImage => "unused-image",
            Self::LeakedDevice => "leaked-device",
        }
    }
}

/// Something that may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Candidate {
    BuildCache,
    Container(usize),
    Image(usize),
    Device(u32),
}

/// Selects what to remove so that `need` bytes return to the pool. `host`, `pool` and `owners` must come from the same
/// recording; `usage` comes from the pool's metadata, read shortly before or after.
#[must_use]
pub fn select(
    host: &Host,
    pool: &Pool,
    owners: &Owners,
    usage: &metadata::Usage,
    reclaim: &dyn Reclaim,
    need: Bytes,
) -> Selection {
    let block = Sectors(u64::from(usage.data_block_sectors)).bytes();
    let wanted = need.0.div_ceil(block.0.max(1));
    let ids: BTreeSet<u32> = usage.devices.iter().map(|d| d.device_id).collect();
    let in_pool = &ids;
    let leaked = leaked(pool, owners, usage, in_pool);
    let all = candidates(owners, &leaked);
    let mut selection = Selection {
        need: DataBlocks(wanted),
        block,
        trims: trims(host, pool, owners, usage, block),
        steps: Vec::new(),
        gain: DataBlocks(0),
        most: None,
        reachable: None,
        blocked_by: blocked(pool),
        left_alone: left_alone(owners, in_pool, leaked.len()),
    };
    let picked = Trial::new(owners, &all, in_pool);
    let Some(gains) = reclaim.in_turn(&picked.sets) else {
        selection
            .blocked_by
            .push("the blocks could not be counted exactly: see the notes on the metadata".to_owned());
        return selection;
    };
    let most: u64 = gains.iter().sum();
    selection.most = Some(DataBlocks(most));
    selection.reachable = Some(most >= wanted);
    let (mut picked, mut gains) = picked.first_enough(owners, in_pool, &gains, wanted);
    let fewer = picked.without_unneeded(owners, &gains, wanted);
    if fewer.len() < picked.candidates.len() {
        let trial = Trial::new(owners, &fewer, in_pool);
        // Dropping a step can change what others return, so the remaining steps are counted again.
        if trial.candidates.len() == fewer.len()
            && let Some(counted) = reclaim.in_turn(&trial.sets)
            && counted.iter().sum::<u64>() >= wanted.min(most)
        {
            (picked, gains) = (trial, counted);
        }
    }
    let mut sum = 0_u64;
    for (candidate, gain) in picked.candidates.iter().zip(gains) {
        sum = sum.saturating_add(gain);
        selection.steps.extend(step(owners, pool, *candidate, gain, sum));
    }
    selection.gain = DataBlocks(sum);
    selection
}

/// Why the pool would refuse to delete devices (drivers/md/dm-thin.c, `pool_message`).
fn blocked(pool: &Pool) -> Vec<String> {
    match &pool.mode {
        Some(Mode::ReadOnly) => {
            vec!["the pool is read-only: it deletes nothing until it is writable again".to_owned()]
        }
        Some(Mode::Failed) => vec!["the pool has failed: it deletes nothing until it is repaired".to_owned()],
        _ => Vec::new(),
    }
}

/// Mounted container filesystems that use less than their devices map, largest possible gain first.
fn trims(host: &Host, pool: &Pool, owners: &Owners, usage: &metadata::Usage, block: Bytes) -> Vec<Trim> {
    if pool.discards == Some(Discards::Ignored) {
        return Vec::new();
    }
    let thin_devices: Vec<&Thin> = host.thins_of(pool).collect();
    let trim = |container: &Container| {
        let id = *container.devices.first()?;
        let filesystem = thin_devices.iter().find(|thin| thin.device_id == Some(id))?.filesystem.as_ref()?;
        let device = usage.devices.iter().find(|device| device.device_id == id)?;
        let used = filesystem.size?.minus(filesystem.free?).0.div_ceil(block.0.max(1));
        let most = device.exclusive_blocks?.min(device.mapped_blocks?.saturating_sub(used));
        let name = container.name.clone().unwrap_or_else(|| container.id.clone());
        (most > 0).then_some(Trim { name, mount: filesystem.mount.clone()?, most: DataBlocks(most) })
    };
    let mut trims: Vec<Trim> = owners.containers.iter().filter_map(trim).collect();
    trims.sort_by_key(|trim| std::cmp::Reverse(trim.most));
    trims
}

fn left_alone(owners: &Owners, in_pool: &BTreeSet<u32>, leaked: usize) -> Vec<String> {
    let mut left = Vec::new();
    let unsure = owners.containers.iter().filter(|c| c.state == State::Unknown).count();
    if unsure > 0 {
        left.push(format!("containers of which no record says whether they run: {unsure}"));
    }
    let without = owners.unmatched(in_pool).map_or(0, |s| s.without_record.len());
    if without > leaked {
        let count = without - leaked;
        left.push(format!(
            "devices without a record that may be new, in use, or have one that was not read: {count}"
        ));
    }
    left
}

/// Devices that are certainly leaked. A device that was created while the records were read may have no record yet.
/// Docker increments the pool's transaction id with each device it creates (deviceset.go, `openTransaction`), so only
/// devices of transactions before the recorded one are certain. containerd does not, so none of its devices is.
fn leaked(pool: &Pool, owners: &Owners, usage: &metadata::Usage, in_pool: &BTreeSet<u32>) -> Vec<u32> {
    let is_docker = matches!(owners.keeper, RecordKeeper::Docker { .. });
    let (Some(unmatched), Some(recorded)) = (owners.unmatched(in_pool), pool.transaction_id) else {
        return Vec::new();
    };
    if !is_docker || !unmatched.certain || pool.name.is_none() {
        return Vec::new();
    }
    let older = usage.devices.iter().filter(|d| d.transaction_id.is_some_and(|id| id < recorded));
    let older: BTreeSet<u32> = older.map(|d| d.device_id).collect();
    let is_leaked = |id: &u32| older.contains(id) && !owners.in_use.contains(id) && owners.of(*id).is_empty();
    unmatched.without_record.into_iter().filter(is_leaked).collect()
}

/// Everything that may be removed, smallest loss first.
fn candidates(owners: &Owners, leaked: &[u32]) -> Vec<Candidate> {
    let mut containers: Vec<(usize, &Container)> =
        owners.containers.iter().enumerate().filter(|(_, c)| is_removable(c, owners)).collect();
    containers.sort_by_key(|(place, c)| (c.finished.or(c.created), *place));
    let mut images: Vec<(usize, &Image)> =
        owners.images.iter().enumerate().filter(|(_, i)| image_words(i).is_some()).collect();
    // Nameless images first. The time of pulling or tagging says more about an image's age than the build time.
    images.sort_by_key(|(place, i)| (!i.is_nameless(), i.updated.or(i.created), *place));
    let mut all = Vec::new();
    if has_idle_cache(owners) {
        all.push(Candidate::BuildCache);
    }
    all.extend(containers.into_iter().map(|(place, _)| Candidate::Container(place)));
    all.extend(images.into_iter().map(|(place, _)| Candidate::Image(place)));
    all.extend(leaked.iter().copied().map(Candidate::Device));
    all
}

/// Whether there is a build cache and no running build uses it.
fn has_idle_cache(owners: &Owners) -> bool {
    let is_step = |id: &u32| owners.of(*id).iter().any(|owner| matches!(owner, DeviceRole::BuildStep { .. }));
    owners.kept.iter().any(|kept| kept.by == PinnedBy::BuildCache) && !owners.in_use.iter().any(is_step)
}

/// Whether a container is certainly idle, by its record and its devices, and is managed by this engine: Kubernetes and
/// Docker keep their own records of the containers in their containerd namespaces.
fn is_removable(container: &Container, owners: &Owners) -> bool {
    let managed_elsewhere = matches!(container.namespace.as_deref(), Some("k8s.io" | "moby"));
    container.state.is_idle()
        && !managed_elsewhere
        && container_word(container).is_some()
        && !container.devices.iter().any(|id| owners.in_use.contains(id))
}

/// Candidates in order, without those that the engine would refuse to remove at that point.
struct Trial {
    candidates: Vec<Candidate>,
    /// The devices that are deleted with each candidate.
    sets: Vec<Vec<u32>>,
}

impl Trial {
    fn new(owners: &Owners, all: &[Candidate], in_pool: &BTreeSet<u32>) -> Self {
        let mut removal = Removal::new(owners);
        let mut trial = Self { candidates: Vec::new(), sets: Vec::new() };
        for candidate in all {
            let set = match *candidate {
                Candidate::BuildCache => Some(removal.build_cache()),
                Candidate::Container(place) => Some(removal.container(place)),
                Candidate::Image(place) => removal.image(place),
                Candidate::Device(id) => Some(vec![id]),
            };
            if let Some(mut set) = set {
                set.retain(|id| in_pool.contains(id));
                trial.candidates.push(*candidate);
                trial.sets.push(set);
            }
        }
        trial
    }

    /// The shortest prefix that frees enough, with its gains; everything if nothing suffices.
    fn first_enough(
        self,
        owners: &Owners,
        in_pool: &BTreeSet<u32>,
        gains: &[u64],
        wanted: u64,
    ) -> (Self, Vec<u64>) {
        let mut sum = 0_u64;
        let mut taken = 0;
        for gain in gains {
            if sum >= wanted {
                break;
            }
            sum = sum.saturating_add(*gain);
            taken += 1;
        }
        let prefix: Vec<Candidate> = self.candidates.into_iter().take(taken).collect();
        (Self::new(owners, &prefix, in_pool), gains.iter().copied().take(taken).collect())
    }

    /// The candidates without the smallest ones that are not needed for `wanted` and that no other candidate needs.
    fn without_unneeded(&self, owners: &Owners, gains: &[u64], wanted: u64) -> Vec<Candidate> {
        let images: HashSet<usize> = self.images().collect();
        let kept = owners.kept.iter().filter(|kept| kept.by == PinnedBy::BuildCache);
        let cached: HashSet<u32> = kept.flat_map(|kept| kept.devices.iter().copied()).collect();
        let needed = |candidate: &Candidate| match candidate {
            Candidate::BuildCache => {
                let devices = images.iter().flat_map(|image| owners.devices_of_image(*image));
                devices.into_iter().any(|id| cached.contains(id))
            }
            Candidate::Container(place) => {
                let image = owners.containers.get(*place).and_then(|c| c.image);
                image.is_some_and(|image| images.contains(&image))
            }
            Candidate::Image(place) => {
                let parent = owners.images.get(*place).and_then(|i| i.parent);
                parent.is_some_and(|parent| images.contains(&parent))
            }
            Candidate::Device(_) => false,
        };
        let mut spare = gains.iter().sum::<u64>().saturating_sub(wanted);
        let mut smallest: Vec<(u64, Candidate)> =
            gains.iter().copied().zip(self.candidates.iter().copied()).collect();
        smallest.sort_by_key(|(gain, _)| *gain);
        let mut dropped: HashSet<Candidate> = HashSet::new();
        for (gain, candidate) in smallest.into_iter().filter(|(_, c)| !needed(c)) {
            let Some(rest) = spare.checked_sub(gain) else { break };
            spare = rest;
            dropped.insert(candidate);
        }
        self.candidates.iter().copied().filter(|c| !dropped.contains(c)).collect()
    }

    fn images(&self) -> impl Iterator<Item = usize> {
        self.candidates.iter().filter_map(|candidate| match candidate {
            Candidate::Image(place) => Some(*place),
            Candidate::BuildCache | Candidate::Container(_) | Candidate::Device(_) => None,
        })
    }
}

impl Selection {
    /// The bytes that all steps together return.
    #[must_use]
    pub fn gain_bytes(&self) -> Bytes {
        self.gain.bytes(self.block)
    }
}

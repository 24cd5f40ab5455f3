//! Picks what to remove so that a wanted amount returns to the pool, at the smallest loss.
//! Never picks a running container, its image, or anything whose gain cannot be counted exactly.
//!
//! The order of loss: Docker's build cache, containers that have ended (the oldest first), images without a name, images
//! that nothing uses (the oldest first), devices that no record names. What is picked is then thinned out: steps that give little
//! and are not needed for others go, as long as the rest still suffices.

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

/// What was selected, exact to the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What was asked for, in blocks, rounded up.
    pub need: DataBlocks,
    /// Size of a block.
    pub block: Bytes,
    /// What can be tried before anything is removed: the filesystems of running containers, trimmed.
    pub trims: Vec<Trim>,
    /// What to remove, in order.
    pub steps: Vec<Step>,
    /// What these steps give back.
    pub gain: DataBlocks,
    /// What removing everything that may be removed would give back; `None` if it cannot be counted.
    pub most: Option<DataBlocks>,
    /// Whether the steps give back what was asked for; `None` if it cannot be counted.
    pub reachable: Option<bool>,
    /// Why nothing can be freed now, whatever is removed.
    pub blocked_by: Vec<String>,
    /// What was left alone that a reader may have expected, and why.
    pub left_alone: Vec<String>,
}

/// A filesystem in use that holds blocks of deleted files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The container.
    pub name: String,
    /// Where its filesystem is mounted.
    pub mount: String,
    /// The most that trimming it can give back: what its device alone maps, and no more than what it maps beyond what
    /// the filesystem uses.
    pub most: DataBlocks,
}

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is lost.
    pub loss: Loss,
    /// The full id of the container or image; `None` for a device, and where it is none that an engine gives.
    pub id: Option<String>,
    /// The names of the image that are removed; none where it goes by its id.
    pub names: Vec<String>,
    /// What it does, in a few words.
    pub does: String,
    /// What it means.
    pub why: String,
    /// Always [`Risk::Destroys`].
    pub risk: Risk,
    /// Commands to type in order, each complete and quoted.
    pub commands: Vec<String>,
    /// What it gives back after the steps before it.
    pub gain: DataBlocks,
    /// What all steps up to here give back.
    pub sum: DataBlocks,
}

/// What is lost, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Docker's build cache.
    BuildCache,
    /// A container that has ended.
    EndedContainer,
    /// An image that has no name and nothing stands on.
    DanglingImage,
    /// An image that nothing uses.
    UnusedImage,
    /// A device that no record names.
    LeakedDevice,
}

impl Loss {
    /// The word for it.
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

/// What to remove so that `need` returns to the pool. `host`, `pool` and `owners` are of one recording; `usage` is of
/// the pool's metadata, read before or after it.
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
    let thin = picked.thinned(owners, &gains, wanted);
    if thin.len() < picked.candidates.len() {
        let trial = Trial::new(owners, &thin, in_pool);
        let counted = reclaim.in_turn(&trial.sets).filter(|g| g.iter().sum::<u64>() >= wanted.min(most));
        if let Some(counted) = counted.filter(|_| trial.candidates.len() == thin.len()) {
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

/// Pools that refuse to delete anything (drivers/md/dm-thin.c, `pool_message`).
fn blocked(pool: &Pool) -> Vec<String> {
    match &pool.mode {
        Some(Mode::ReadOnly) => {
            vec!["the pool is read-only: it deletes nothing until it is writable again".to_owned()]
        }
        Some(Mode::Failed) => vec!["the pool has failed: it deletes nothing until it is repaired".to_owned()],
        _ => Vec::new(),
    }
}

/// Filesystems of containers that are mounted and use less than their devices map, the most promising first.
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

/// Devices that are certainly leaked. A device made while the records were read has none yet, or had none then:
/// Docker counts the pool's transaction up with each device it makes (deviceset.go, `openTransaction`), so only
/// devices of earlier transactions than the recorded one are certain. containerd does not count; there, none is.
fn leaked(pool: &Pool, owners: &Owners, usage: &metadata::Usage, in_pool: &BTreeSet<u32>) -> Vec<u32> {
    let unmatched = owners.unmatched(in_pool).filter(|s| s.certain && pool.name.is_some());
    let (Some(unmatched), Some(now)) = (unmatched, pool.transaction_id) else { return Vec::new() };
    let old = usage.devices.iter().filter(|d| d.transaction_id.is_some_and(|then| then < now));
    let old: BTreeSet<u32> = old.map(|d| d.device_id).collect();
    let docker = matches!(owners.keeper, RecordKeeper::Docker { .. });
    let certain =
        |id: &u32| docker && old.contains(id) && !owners.in_use.contains(id) && owners.of(*id).is_empty();
    unmatched.without_record.into_iter().filter(certain).collect()
}

/// Everything that may be removed, the smallest loss first.
fn candidates(owners: &Owners, leaked: &[u32]) -> Vec<Candidate> {
    let mut containers: Vec<(usize, &Container)> =
        owners.containers.iter().enumerate().filter(|(_, c)| may_go(c, owners)).collect();
    containers.sort_by_key(|(place, c)| (c.finished.or(c.created), *place));
    let mut images: Vec<(usize, &Image)> =
        owners.images.iter().enumerate().filter(|(_, i)| image_words(i).is_some()).collect();
    // Where Docker keeps both times, the time of pulling or tagging says more than that of building.
    images.sort_by_key(|(place, i)| (!i.is_nameless(), i.updated.or(i.created), *place));
    let containers = containers.into_iter().map(|(place, _)| Candidate::Container(place));
    let images = images.into_iter().map(|(place, _)| Candidate::Image(place));
    let cache = has_idle_cache(owners).then_some(Candidate::BuildCache).into_iter();
    cache.chain(containers).chain(images).chain(leaked.iter().copied().map(Candidate::Device)).collect()
}

/// Whether there is a build cache, and no build that uses a step of it now.
fn has_idle_cache(owners: &Owners) -> bool {
    let is_step = |id: &u32| owners.of(*id).iter().any(|owner| matches!(owner, DeviceRole::BuildStep { .. }));
    owners.kept.iter().any(|kept| kept.by == PinnedBy::BuildCache) && !owners.in_use.iter().any(is_step)
}

/// A container that certainly does nothing, by its record and by its devices, and is nobody else's to remove:
/// Kubernetes and Docker keep records of their own of the containers in their namespaces.
fn may_go(container: &Container, owners: &Owners) -> bool {
    let others = matches!(container.namespace.as_deref(), Some("k8s.io" | "moby"));
    container.state.is_idle()
        && !others
        && container_word(container).is_some()
        && !container.devices.iter().any(|id| owners.in_use.contains(id))
}

/// Candidates in order, those left out that the engine would refuse at their turn.
struct Trial {
    candidates: Vec<Candidate>,
    /// The devices that go with each.
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

    /// The shortest beginning that gives enough; all of it where nothing does.
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
        let beginning: Vec<Candidate> = self.candidates.into_iter().take(taken).collect();
        (Self::new(owners, &beginning, in_pool), gains.iter().copied().take(taken).collect())
    }

    /// Without the smallest steps that the rest can do without, and that no later one needs.
    fn thinned(&self, owners: &Owners, gains: &[u64], wanted: u64) -> Vec<Candidate> {
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
    /// What the steps give back.
    #[must_use]
    pub fn gain_bytes(&self) -> Bytes {
        self.gain.bytes(self.block)
    }
}

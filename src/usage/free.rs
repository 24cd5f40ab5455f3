//! Picks what to remove so that a wanted amount returns to the pool, at the smallest loss.
//! Refuses to name a running container, its image, or anything whose gain it cannot count exactly.
//!
//! The order of loss: containers that have ended (the oldest first), images without a name, images that nothing
//! uses (the oldest first), devices that no record names. What is picked is then thinned out: steps that give little
//! and are not needed for others go, as long as the rest still suffices.

use super::{Reclaim, Removal};
use crate::advice::{Risk, quote};
use crate::host::owners::{Container, Image, Keeper, Owners, State};
use crate::host::pool::Pool;
use crate::host::status::Mode;
use crate::host::units::{Blocks, Bytes, DataBlocks, Sectors};
use crate::metadata;
use std::collections::{BTreeSet, HashSet};

/// What to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Free {
    /// What was asked for, in blocks, rounded up.
    pub need: DataBlocks,
    /// Size of a block.
    pub block: Bytes,
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
    Container(usize),
    Image(usize),
    Device(u32),
}

/// What to remove so that `need` returns to the pool. `pool` and `owners` are of one recording; `usage` is of the
/// pool's metadata, read before or after it.
#[must_use]
pub fn free(
    pool: &Pool,
    owners: &Owners,
    usage: &metadata::Usage,
    reclaim: &dyn Reclaim,
    need: Bytes,
) -> Free {
    let block = Sectors(u64::from(usage.data_block_sectors)).bytes();
    let wanted = need.0.div_ceil(block.0.max(1));
    let ids: BTreeSet<u32> = usage.devices.iter().map(|d| d.device_id).collect();
    let in_pool = &ids;
    let leaked = leaked(pool, owners, usage, in_pool);
    let all = candidates(owners, &leaked);
    let mut free = Free {
        need: DataBlocks(wanted),
        block,
        steps: Vec::new(),
        gain: DataBlocks(0),
        most: None,
        reachable: None,
        blocked_by: blocked(pool),
        left_alone: left_alone(owners, in_pool, leaked.len()),
    };
    let picked = Trial::new(owners, &all, in_pool);
    let Some(gains) = reclaim.in_turn(&picked.sets) else {
        free.blocked_by
            .push("the blocks could not be counted exactly: see the notes on the metadata".to_owned());
        return free;
    };
    let most: u64 = gains.iter().sum();
    free.most = Some(DataBlocks(most));
    free.reachable = Some(most >= wanted);
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
        free.steps.extend(step(owners, pool, *candidate, gain, sum));
    }
    free.gain = DataBlocks(sum);
    free
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

fn left_alone(owners: &Owners, in_pool: &BTreeSet<u32>, leaked: usize) -> Vec<String> {
    let mut left = Vec::new();
    let unsure = owners.containers.iter().filter(|c| c.state == State::Unknown).count();
    if unsure > 0 {
        left.push(format!("containers of which no record says whether they run: {unsure}"));
    }
    let without = owners.strangers(in_pool).map_or(0, |s| s.without_record.len());
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
    let strangers = owners.strangers(in_pool).filter(|s| s.certain && pool.name.is_some());
    let (Some(strangers), Some(now)) = (strangers, pool.transaction_id) else { return Vec::new() };
    let old = usage.devices.iter().filter(|d| d.transaction_id.is_some_and(|then| then < now));
    let old: BTreeSet<u32> = old.map(|d| d.device_id).collect();
    let docker = matches!(owners.keeper, Keeper::Docker { .. });
    let certain =
        |id: &u32| docker && old.contains(id) && !owners.in_use.contains(id) && owners.of(*id).is_empty();
    strangers.without_record.into_iter().filter(certain).collect()
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
    containers.chain(images).chain(leaked.iter().copied().map(Candidate::Device)).collect()
}

/// A container that certainly does nothing, by its record and by its devices.
fn may_go(container: &Container, owners: &Owners) -> bool {
    let idle = container.state.is_idle() && container.namespace.is_none();
    idle && container_word(container).is_some()
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
        let needed = |candidate: &Candidate| match candidate {
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
            Candidate::Container(_) | Candidate::Device(_) => None,
        })
    }
}

fn step(owners: &Owners, pool: &Pool, candidate: Candidate, gain: u64, sum: u64) -> Option<Step> {
    let (mut full, mut names) = (None, Vec::new());
    let (loss, does, why, command) = match candidate {
        Candidate::Container(place) => {
            let container = owners.containers.get(place)?;
            let name = container_word(container)?;
            full = whole_id(&container.id);
            let since = container.finished.map(|t| format!(" since {t}")).unwrap_or_default();
            let why = format!(
                "Lost: what it wrote to its own filesystem (volumes stay), its settings and its log. Its state: \
                 {}{since}.",
                container.state.word()
            );
            (
                Loss::EndedContainer,
                format!("remove container {name}"),
                why,
                format!("docker rm {}", quote(&name)),
            )
        }
        Candidate::Image(place) => {
            let image = owners.images.get(place)?;
            let (loss, what) = if image.is_nameless() {
                (Loss::DanglingImage, "Lost: the image. It has no name, and no container uses it.".to_owned())
            } else {
                let since =
                    image.updated.or(image.created).map(|t| format!(", here since {t}")).unwrap_or_default();
                (
                    Loss::UnusedImage,
                    format!(
                        "Lost: the image; it has to be pulled or built again. No container uses it{since}."
                    ),
                )
            };
            let words = image_words(image)?;
            full = whole_id(&image.id);
            if !image.is_nameless() {
                names.clone_from(&words);
            }
            (loss, format!("remove image {}", words.join(", ")), what, image_command(owners, image, &words))
        }
        Candidate::Device(id) => {
            let node = format!("/dev/mapper/{}", pool.name.as_deref()?);
            let why = format!("Lost: its content. {} has no record of it.", keeper(owners));
            let command = format!("dmsetup message {} 0 {}", quote(&node), quote(&format!("delete {id}")));
            (Loss::LeakedDevice, format!("delete thin device {id}"), why, command)
        }
    };
    let (gain, sum) = (DataBlocks(gain), DataBlocks(sum));
    let (id, commands) = (full, vec![command]);
    Some(Step { loss, id, names, does, why, risk: Risk::Destroys, commands, gain, sum })
}

const fn keeper(owners: &Owners) -> &'static str {
    match owners.keeper {
        Keeper::Docker { .. } => "Docker",
        Keeper::Containerd { .. } => "containerd",
        Keeper::Nobody => "nobody",
    }
}

fn image_command(owners: &Owners, image: &Image, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| quote(w)).collect();
    match (&owners.keeper, image.namespace.as_deref()) {
        (Keeper::Containerd { .. }, Some(namespace)) => {
            format!("ctr --namespace {} images rm --sync {}", quote(namespace), words.join(" "))
        }
        _ => format!("docker rmi {}", words.join(" ")),
    }
}

/// How a command names a container: by its name, else by its id. `None` if neither is one that Docker would give
/// (moby daemon/names/names.go): such a record is damaged or made up.
fn container_word(container: &Container) -> Option<String> {
    let good = |n: &&String| n.starts_with(|c: char| c.is_ascii_alphanumeric()) && plain(n, "_.-");
    container.name.as_ref().filter(good).cloned().or_else(|| short_id(&container.id))
}

/// How a command names an image: by all its tags, or its digests, else by its id.
fn image_words(image: &Image) -> Option<Vec<String>> {
    let names = if image.tags.is_empty() { &image.digests } else { &image.tags };
    if names.is_empty() {
        return Some(vec![short_id(&image.id)?]);
    }
    let good = |n: &String| n.starts_with(|c: char| c.is_ascii_alphanumeric()) && plain(n, "_.-/:@+");
    (image.whole && names.iter().all(good)).then(|| names.clone())
}

fn plain(word: &str, also: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

/// Twelve hexadecimal digits, as Docker shows ids.
fn short_id(id: &str) -> Option<String> {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    let good = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    good.then(|| digits.chars().take(12).collect())
}

fn whole_id(id: &str) -> Option<String> {
    short_id(id).map(|_| id.to_owned())
}

/// The whole amount in bytes.
impl Free {
    /// What the steps give back.
    #[must_use]
    pub fn gain_bytes(&self) -> Bytes {
        self.gain.bytes(self.block)
    }
}

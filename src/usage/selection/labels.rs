//! Sentences and commands for removing a container, an image, the build cache or a device.
//! Never uses a name that no engine would assign: a record with such a name is damaged or forged.

use super::{Candidate, Loss, Step};
use crate::advice::{Risk, quote};
use crate::host::model::pool::Pool;
use crate::host::model::units::DataBlocks;
use crate::host::owners::{Container, Image, Owners, RecordKeeper};

/// The step that removes a candidate.
pub(super) fn step(owners: &Owners, pool: &Pool, candidate: Candidate, gain: u64, sum: u64) -> Option<Step> {
    let (mut full, mut names) = (None, Vec::new());
    let (loss, does, why, commands) = match candidate {
        Candidate::BuildCache => (
            Loss::BuildCache,
            "remove Docker's build cache".to_owned(),
            "Lost: what earlier builds left to be used again; the next builds take longer.".to_owned(),
            vec!["docker builder prune --all --force".to_owned()],
        ),
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
                format!("remove container {name}{}", of_namespace(container.namespace.as_deref())),
                why,
                container_commands(container, &name),
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
            let does =
                format!("remove image {}{}", words.join(", "), of_namespace(image.namespace.as_deref()));
            (loss, does, what, vec![image_command(owners, image, &words)])
        }
        Candidate::Device(id) => {
            let node = format!("/dev/mapper/{}", pool.name.as_deref()?);
            let why = format!("Lost: its content. {} has no record of it.", keeper(owners));
            let command = format!("dmsetup message {} 0 {}", quote(&node), quote(&format!("delete {id}")));
            (Loss::LeakedDevice, format!("delete thin device {id}"), why, vec![command])
        }
    };
    let (gain, sum) = (DataBlocks(gain), DataBlocks(sum));
    Some(Step { loss, id: full, names, does, why, risk: Risk::Destroys, commands, gain, sum })
}

const fn keeper(owners: &Owners) -> &'static str {
    match owners.keeper {
        RecordKeeper::Docker { .. } => "Docker",
        RecordKeeper::Containerd { .. } => "containerd",
        RecordKeeper::Nobody => "nobody",
    }
}

fn image_command(owners: &Owners, image: &Image, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| quote(w)).collect();
    match (&owners.keeper, image.namespace.as_deref()) {
        (RecordKeeper::Containerd { .. }, Some(namespace)) => {
            format!("ctr --namespace {} images rm --sync {}", quote(namespace), words.join(" "))
        }
        _ => format!("docker rmi {}", words.join(" ")),
    }
}

fn of_namespace(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!(" (namespace {namespace})")).unwrap_or_default()
}

/// Removing a container does not make containerd collect garbage, which is what returns the blocks. Removing a lease
/// with `--sync` does, so the second command creates a lease and removes it.
fn container_commands(container: &Container, word: &str) -> Vec<String> {
    let word = quote(word);
    match container.namespace.as_deref().map(quote) {
        Some(namespace) => vec![
            format!("ctr --namespace {namespace} containers rm {word}"),
            format!(
                "ctr --namespace {namespace} leases rm --sync \"$(ctr --namespace {namespace} leases create)\""
            ),
        ],
        None => vec![format!("docker rm {word}")],
    }
}

/// A container's name, or else its id, for use in a command. `None` if neither is valid for Docker (moby
/// daemon/names/names.go) or containerd (pkg/identifiers/validate.go): such a record is damaged or forged.
pub(super) fn container_word(container: &Container) -> Option<String> {
    let good = |n: &&String| n.starts_with(|c: char| c.is_ascii_alphanumeric()) && plain(n, "_.-");
    if container.namespace.is_some() {
        return Some(&container.id).filter(good).cloned();
    }
    container.name.as_ref().filter(good).cloned().or_else(|| short_id(&container.id))
}

/// An image's tags, or else its digests, or else its id, for use in a command.
pub(super) fn image_words(image: &Image) -> Option<Vec<String>> {
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

/// The first twelve hexadecimal digits of an id, as Docker shows it.
fn short_id(id: &str) -> Option<String> {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    let good = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    good.then(|| digits.chars().take(12).collect())
}

fn whole_id(id: &str) -> Option<String> {
    short_id(id).map(|_| id.to_owned())
}

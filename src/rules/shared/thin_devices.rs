//! Thin devices by id: how much they map, what holds them, commands to delete them.
//!
//! Words and commands from the facts of one pool; no findings.

use super::{advice, queries};
use crate::advice::{Advice, Risk, quote};
use crate::host::Host;
use crate::host::model::pool::Pool;
use crate::host::model::text::{Text, text};
use crate::host::model::thin::Thin;
use crate::host::model::units::{Blocks, DataBlocks};
use crate::host::owners::DeviceRole;

/// Most devices named one by one.
const NAMED: usize = 8;
/// Most devices deleted by one command.
const AT_ONCE: usize = 200;

/// `3 thin devices`, `1 thin device`.
pub(in crate::rules) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `110 blocks (6.9 MiB)`; `None` if an amount is unknown.
pub(in crate::rules) fn blocks(
    pool: &Pool,
    amounts: impl IntoIterator<Item = Option<DataBlocks>>,
) -> Option<Text> {
    let sum = amounts.into_iter().try_fold(DataBlocks(0), |sum, more| Some(sum.plus(more?)))?;
    let bytes = pool.block.map(|block| text!(" ({})", sum.bytes(block))).unwrap_or_default();
    Some(text!("{} block{}{}", sum.0, if sum.0 == 1 { "" } else { "s" }, bytes))
}

/// Blocks that a device maps, according to the pool's metadata.
pub(in crate::rules) fn mapped(pool: &Pool, id: u32) -> Option<DataBlocks> {
    pool.metadata_contents.as_ref()?.devices.get(&id)?.mapped
}

/// A list in words, the first few by name.
pub(in crate::rules) fn list(all: impl ExactSizeIterator<Item = impl Into<Text>>) -> Text {
    let more = all.len().saturating_sub(NAMED);
    let mut words: Vec<Text> = all.take(NAMED).map(Into::into).collect();
    if more > 0 {
        words.push(text!("{} more", more));
    }
    Text::join(&words, ", ")
}

/// The active device with an id.
pub(in crate::rules) fn active<'a>(host: &'a Host, pool: &'a Pool, id: u32) -> Option<&'a Thin> {
    host.thins_of(pool).find(|thin| thin.device_id == Some(id))
}

/// The container that owns a device, by name or id.
pub(in crate::rules) fn container(pool: &Pool, id: u32) -> Option<String> {
    pool.owners.of(id).iter().find_map(|owner| match owner {
        DeviceRole::Container { container, .. } => {
            let container = pool.owners.containers.get(*container)?;
            Some(container.name.clone().unwrap_or_else(|| container.id.clone()))
        }
        _ => None,
    })
}

/// `Container web's`, `A container's`.
pub(in crate::rules) fn possessive(container: Option<&str>) -> String {
    container.map_or_else(|| "A container's".to_owned(), |name| format!("Container {name}'s"))
}

/// Advice to find what holds devices: mounts in any process's namespace, and open files.
pub(in crate::rules) fn holders(thin_devices: &[&Thin]) -> Vec<Advice> {
    let mut mounts = Vec::new();
    let mut files = Vec::new();
    for thin in thin_devices.iter().take(NAMED) {
        let Some(number) = thin.device else { continue };
        mounts.push(format!("grep -l ' {number} ' /proc/[0-9]*/mountinfo"));
        files.push(format!("lsof -nP 2>/dev/null | grep -w '{},{}'", number.major, number.minor));
    }
    let words = |commands: &[String]| commands.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut all = Vec::new();
    for (does, commands) in [
        ("see which processes have them mounted (their numbers stand in the paths)", mounts),
        ("see which processes have files on them open", files),
    ] {
        if !commands.is_empty() {
            all.push(advice::inspect(does, &words(&commands).lines().collect::<Vec<_>>()));
        }
    }
    all
}

/// Deletes devices without a record in Docker, each after checking the records again.
pub(in crate::rules) fn delete(host: &Host, pool: &Pool, ids: &[u32]) -> Option<Advice> {
    let name = pool.name.as_deref().filter(|_| !queries::refuses_changes(pool))?;
    let root = host.docker_of(pool)?.root.as_deref()?;
    let words: Vec<String> = ids.iter().take(AT_ONCE).map(u32::to_string).collect();
    let (ids_words, records) = (words.join(" "), quote(&format!("{root}/devicemapper/metadata")));
    // grep exits with 1 only if it read everything and found nothing.
    let command = format!(
        "for id in {ids_words}; do grep -rqsE \"\\\"device_id\\\":$id[,}}]\" {records}; \
         [ $? != 1 ] || dmsetup message {} 0 \"delete $id\"; done",
        quote(name)
    );
    let which = if ids.len() > AT_ONCE { format!("the first {AT_ONCE}") } else { "them".to_owned() };
    let does =
        format!("delete {which} with all that is on them, except what one of Docker's records names by then");
    Some(Advice::new(Risk::Destroys, does, &[&command]))
}

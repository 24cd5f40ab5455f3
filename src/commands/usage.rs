//! `usage`: the blocks of a pool by device, image and container.

use super::held_snapshot::HeldSnapshot;
use super::input::{chosen_pool, collector, recording, root};
use super::metadata_file;
use super::output::{json, print, text_style};
use anyhow::{Result, anyhow};
use jiff::Timestamp;
use std::path::Path;
use thinspect::cli::{self, Format, Global};
use thinspect::host::model::pool::Pool;
use thinspect::host::owners::{self, Owners};
use thinspect::host::{self, Host};
use thinspect::report::usage::Table;
use thinspect::report::{self, Source};
use thinspect::verdict::Exit;
use thinspect::{metadata, usage};

/// Counts the blocks in the pool's metadata and prints them with the names of their owners.
pub(crate) fn usage(global: &Global, options: &cli::Usage) -> Result<Exit> {
    let (pool_on_host, owners) = pool_and_owners(global, options)?;
    let path = match (&options.metadata, &pool_on_host) {
        (Some(copy), _) => copy.clone(),
        (None, Some((_, pool))) => metadata_file::metadata_path(pool, &root(global))?,
        (None, None) => return Err(anyhow!("nothing to read")),
    };
    let snapshot = match &pool_on_host {
        Some((host, pool)) if options.snapshot => {
            Some(HeldSnapshot::take(host, pool, &path, global.timeout)?)
        }
        _ => None,
    };
    let counted = count(&path, options, &owners, snapshot.is_some());
    let released = snapshot.map(|snapshot| snapshot.release(global.timeout));
    metadata_file::clear_progress();
    let (mut rows, without) = counted.map_err(|error| match &released {
        Some(Err(held)) => anyhow!("{error:#}; {held:#}"),
        _ => error,
    })?;
    let fate = |released: &Result<&'static str>| *released.as_ref().unwrap_or(&"could not be released");
    rows.note_snapshot(released.as_ref().map(fate));
    let name = path.display().to_string();
    let label = pool_on_host.as_ref().and_then(|(_, pool)| pool.name.as_deref()).unwrap_or(&name);
    let exit = match global.output {
        Format::Text => {
            let now = pool_on_host.as_ref().and_then(|(host, _)| host.recorded_at.as_deref()?.parse().ok());
            let table = table(options, now);
            let mut text = report::usage::text(Some(label), &rows, &owners, &table, &text_style(global));
            if let Some(without) = &without {
                text.push_str(&report::usage::without_text(without, &rows, &text_style(global)));
            }
            print(&text)
        }
        Format::Json => print(&json(&report::usage::output(Some(label), &rows, &owners, without.as_ref()))?),
    };
    released.transpose()?;
    exit
}

/// The selected pool with its host, and the owners of its devices. A copy of the metadata alone has neither.
fn pool_and_owners(global: &Global, options: &cli::Usage) -> Result<(Option<(Host, Pool)>, Owners)> {
    if options.metadata.is_some() && global.from.is_none() {
        return Ok((None, Owners::default()));
    }
    let (recording, source) = recording(global, &collector(true))?;
    if source != Source::Live && options.metadata.is_none() {
        return Err(metadata_file::no_metadata());
    }
    let host = host::read(&recording);
    let pool = chosen_pool(&host, global.pool.as_deref())?.clone();
    let owners = owners::read(&recording, &host, &pool);
    Ok((Some((host, pool)), owners))
}

/// Counts the blocks for all rows, and for the set of `--without`.
fn count(
    path: &Path,
    asked: &cli::Usage,
    owners: &Owners,
    own_snapshot: bool,
) -> Result<(usage::Usage, Option<usage::Without>)> {
    let progress = metadata_file::progress();
    let options = metadata::Options {
        through_held_root: asked.held_root || own_snapshot,
        bytes_per_second: asked.max_rate,
        progress: Some(&progress),
        ..metadata::Options::default()
    };
    let (file, counted) = metadata_file::read(path, &options)?;
    // If the pool kept changing, the first read may have used a held snapshot; use the same for the rows.
    let options = metadata::Options { through_held_root: counted.through_held_root, ..options };
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let rows = usage::join(&counted, owners, &reclaim, usage::walks_worth_it(&counted));
    let in_pool = counted.devices.iter().map(|device| device.device_id).collect();
    if asked.without.is_empty() {
        return Ok((rows, None));
    }
    let without = usage::without(&asked.without, owners, &in_pool, &reclaim).map_err(|why| anyhow!(why))?;
    Ok((rows, Some(without)))
}

fn table(options: &cli::Usage, now: Option<Timestamp>) -> Table {
    Table { by: options.by, columns: options.columns.clone(), sort: options.sort, now }
}

//! `usage`: who uses which blocks of a pool, by the names of those who own them.
//! What changed while it was counted is not called exact.

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

/// Joins who owns what with what the pool's metadata says of it.
pub(crate) fn usage(global: &Global, asked: &cli::Usage) -> Result<Exit> {
    let (about, owners) = whose(global, asked)?;
    let path = match (&asked.metadata, &about) {
        (Some(copy), _) => copy.clone(),
        (None, Some((_, pool))) => metadata_file::metadata_path(pool, &root(global))?,
        (None, None) => return Err(anyhow!("nothing to read")),
    };
    let holding = match about.as_ref().filter(|_| asked.snapshot) {
        Some((host, pool)) => Some(HeldSnapshot::take(host, pool, &path, global.timeout)?),
        None => None,
    };
    let counted = count(&path, asked, &owners, holding.is_some());
    let released = holding.map(|holding| holding.release(global.timeout));
    metadata_file::clear_progress();
    let (mut rows, without) = counted.map_err(|error| match &released {
        Some(Err(held)) => anyhow!("{error:#}; {held:#}"),
        _ => error,
    })?;
    let fate = |released: &Result<&'static str>| *released.as_ref().unwrap_or(&"could not be released");
    rows.note_snapshot(released.as_ref().map(fate));
    let name = path.display().to_string();
    let label = about.as_ref().and_then(|(_, pool)| pool.name.as_deref()).unwrap_or(&name);
    let exit = match global.output {
        Format::Text => {
            let now = about.as_ref().and_then(|(host, _)| host.recorded_at.as_deref()?.parse().ok());
            let table = table(asked, now);
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

/// The pool that is meant on its host, and the names of those who own its devices. A copy alone has neither.
fn whose(global: &Global, asked: &cli::Usage) -> Result<(Option<(Host, Pool)>, Owners)> {
    if asked.metadata.is_some() && global.from.is_none() {
        return Ok((None, Owners::default()));
    }
    let (recording, source) = recording(global, &collector(true))?;
    if source != Source::Live && asked.metadata.is_none() {
        return Err(metadata_file::no_metadata());
    }
    let host = host::read(&recording);
    let pool = chosen_pool(&host, global.pool.as_deref())?.clone();
    let owners = owners::read(&recording, &host, &pool);
    Ok((Some((host, pool)), owners))
}

/// Counts in the metadata for every row, and for the set that was named.
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
    // Where a pool never came to rest, a snapshot that somebody holds was read.
    let options = metadata::Options { through_held_root: counted.through_held_root, ..options };
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let rows = usage::join(&counted, owners, &reclaim, usage::walks_worth_it(&counted));
    let in_pool = counted.devices.iter().map(|device| device.device_id).collect();
    let named = Some(&asked.without).filter(|names| !names.is_empty());
    let without = named.map(|names| usage::without(names, owners, &in_pool, &reclaim)).transpose();
    Ok((rows, without.map_err(|why| anyhow!(why))?))
}

/// The table that was asked for.
fn table(asked: &cli::Usage, now: Option<Timestamp>) -> Table {
    Table { by: asked.by, columns: asked.columns.clone(), sort: asked.sort, now }
}

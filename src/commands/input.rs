//! A command's input: the recording of this host, of a file or of pasted text, and the selected pool.

use anyhow::{Context, Result, anyhow};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use thinspect::cli::Global;
use thinspect::host::model::pool::Pool;
use thinspect::host::{self, Host};
use thinspect::record::{self, Recording, collect, format, sosreport};
use thinspect::report::{Report, Source};
use thinspect::{capabilities, metadata_probe};

/// Loads the recording and appends the `--log` history as one more answer.
pub(crate) fn recording(global: &Global, options: &collect::Options) -> Result<(Recording, Source)> {
    let (mut recording, source) = load(global, options)?;
    if let Some(log) = &global.log {
        let name = log.display().to_string();
        recording.push(record::Query::History, &name, collect::history(log, global.timeout));
    }
    Ok((recording, source))
}

/// Records this host, or loads the recording, sos report or pasted text of `--from`.
fn load(global: &Global, options: &collect::Options) -> Result<(Recording, Source)> {
    let Some(from) = &global.from else {
        return Ok((collect::this_machine_as(root(global), global.timeout, options), Source::Live));
    };
    let name = if from == Path::new("-") { "standard input".to_owned() } else { from.display().to_string() };
    if from.is_dir() {
        return Ok((sosreport::read(from).with_context(|| name)?, Source::Recording));
    }
    let bytes = read_all(from).with_context(|| format!("cannot read {name}"))?;
    let recording = format::load(&bytes).with_context(|| name)?;
    let source = match recording.source {
        record::Source::Machine => Source::Recording,
        record::Source::Pasted => Source::Pasted,
    };
    Ok((recording, source))
}

/// Options for recording this host. With `owners`, the owners of thin devices are recorded too, which reads many files.
pub(crate) fn collector(owners: bool) -> collect::Options {
    let read_metadata = Some(metadata_probe::pool_metadata as record::owners::pool_metadata::Read);
    collect::Options {
        recorded_at: Some(collect::now()),
        commands: true,
        owners,
        read_metadata,
        ..collect::Options::default()
    }
}

pub(crate) fn root(global: &Global) -> PathBuf {
    global.root.clone().unwrap_or_else(|| "/".into())
}

fn read_all(from: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(format::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    if from == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(from)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Makes the report. `recorded` is called after the recording is made and before it is evaluated.
pub(crate) fn report(global: &Global, recorded: fn()) -> Result<Report> {
    let (recording, source) = recording(global, &collector(false))?;
    recorded();
    let host = host::read(&recording);
    if let Some(name) = &global.pool {
        named_pool(&host, name)?;
    }
    Ok(Report::new(host, source, global.pool.as_deref()))
}

/// Drops all capabilities once the recording is made, so that untrusted text is parsed without root's privileges. If
/// that fails, the report is still made.
pub(crate) fn asked_everything() {
    let _ = capabilities::keep_nothing();
}

fn named_pool<'a>(host: &'a Host, name: &str) -> Result<&'a Pool> {
    host.pools.iter().find(|p| p.is_called(name)).ok_or_else(|| match host.pools.as_slice() {
        [] => anyhow!("no thin pool named {name}; there is none"),
        _ => anyhow!("no thin pool named {name}; there is: {}", labels(host)),
    })
}

fn labels(host: &Host) -> String {
    host.pools.iter().map(Pool::label).collect::<Vec<_>>().join(", ")
}

/// The named pool, or else the only one.
pub(crate) fn chosen_pool<'a>(host: &'a Host, name: Option<&str>) -> Result<&'a Pool> {
    match (name, host.pools.as_slice()) {
        (Some(name), _) => named_pool(host, name),
        (None, [only]) => Ok(only),
        (None, []) => {
            Err(anyhow!("no thin pool to plan for: run it on the host, or give its recording with --from"))
        }
        (None, _) => Err(anyhow!("several thin pools; name one with --pool: {}", labels(host))),
    }
}

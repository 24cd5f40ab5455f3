//! Wires it together: arguments, one recording, one report, one exit status. The only file that exits, and but for
//! `watch` the only one that prints.

mod counting;
mod freeing;
mod manual;
mod monitoring;
mod planning;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use thinspect::cli::{self, Cli, Color, Command, Format, Global, Plan, SchemaOf};
use thinspect::host::owners::{self, Owners};
use thinspect::host::{self, Host, pool::Pool};
use thinspect::record::{self, Recording, bundle, live, load};
use thinspect::report::{self, Look, Report, Source, Units};
use thinspect::rules;
use thinspect::verdict::{Exit, Verdict};
use thinspect::{lent, metadata, plan, privileges, usage, watch};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli).unwrap_or_else(|error| complain(&error)),
        Err(error) => monitoring::wrong_check(&error).unwrap_or_else(|| wrong_usage(&error)),
    };
    ExitCode::from(exit.code())
}

/// Help and version are answers; everything else clap says is wrong usage.
fn wrong_usage(error: &clap::Error) -> Exit {
    // Where even that cannot be printed, the exit status still tells.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Answered }
}

/// One sentence on standard error; a reader that went away (`| head`) is no error.
fn complain(error: &anyhow::Error) -> Exit {
    let gone = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(gone) {
        return Exit::Answered;
    }
    let _ = writeln!(io::stderr(), "thinspect: {}", report::clean(&format!("{error:#}")));
    Exit::CouldNotAnswer
}

fn run(cli: Cli) -> Result<Exit> {
    let global = &cli.global;
    match cli.command.unwrap_or(Command::Status { exit_code: false, html: None }) {
        Command::Status { exit_code, html } => status(global, exit_code, html.as_deref()),
        Command::Usage(asked) => show_usage(global, &asked),
        Command::Plan(goal) => make_plan(global, &goal),
        Command::Watch { interval, full_screen } => follow(global, interval, full_screen),
        Command::Record { file } => save(global, file.as_deref()),
        Command::Check(options) => monitoring::check(global, &options),
        Command::Metrics(options) => monitoring::metrics(global, &options),
        Command::Man { of, dir } => manual::pages(&of, dir.as_deref()),
        Command::Completions { shell } => manual::completions(shell),
        Command::Rules => print(&report::explain::rules()),
        Command::Explain { rule } => explain(&rule),
        Command::Schema { of } => {
            let schema = match of {
                SchemaOf::Status => report::json::schema(),
                SchemaOf::Plan => report::plan_schema(),
                SchemaOf::Usage => report::usage::schema(),
                SchemaOf::Watch => report::watch::schema(),
            };
            print(&json(&schema)?)
        }
    }
}

/// What was said, with the history that was named: it becomes an answer like any other.
fn recording(global: &Global, options: &live::Options) -> Result<(Recording, Source)> {
    let (mut recording, source) = said(global, options)?;
    if let Some(log) = &global.log {
        let name = log.display().to_string();
        recording.push(record::Ask::History, &name, live::history(log, global.timeout));
    }
    Ok((recording, source))
}

/// The one place where live, recorded and pasted differ.
fn said(global: &Global, options: &live::Options) -> Result<(Recording, Source)> {
    let Some(from) = &global.from else {
        return Ok((live::this_machine_as(root(global), global.timeout, options), Source::Live));
    };
    let name = if from == Path::new("-") { "standard input".to_owned() } else { from.display().to_string() };
    if from.is_dir() {
        return Ok((bundle::read(from).with_context(|| name)?, Source::Recording));
    }
    let bytes = read_all(from).with_context(|| format!("cannot read {name}"))?;
    let recording = load::load(&bytes).with_context(|| name)?;
    let source = match recording.source {
        record::Source::Machine => Source::Recording,
        record::Source::Pasted => Source::Pasted,
    };
    Ok((recording, source))
}

/// What to ask a machine; who owns the thin devices takes many files to read and is asked only where it is shown.
fn asking(owners: bool) -> live::Options {
    let read_metadata = Some(lent::pool_metadata as record::pool_metadata::Read);
    live::Options {
        recorded_at: Some(live::now()),
        commands: true,
        owners,
        read_metadata,
        ..live::Options::default()
    }
}

fn root(global: &Global) -> PathBuf {
    global.root.clone().unwrap_or_else(|| "/".into())
}

fn read_all(from: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(load::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    if from == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(from)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn status(global: &Global, exit_code: bool, page: Option<&Path>) -> Result<Exit> {
    // A page may go where only root writes.
    let report = report(global, if page.is_none() { asked_everything } else { || () })?;
    match (page, global.output) {
        (Some(page), _) => write_out(page, report::html(&report, units(global)).as_bytes())?,
        (None, Format::Text) => print(&report::text(&report, &look(global)))?,
        (None, Format::Json) => print(&json(&report::json::output(&report))?)?,
    };
    Ok(if exit_code { Exit::Verdict(report.verdict) } else { answered(&report) })
}

/// What there is to say of the pools; `asked` is called between the questions and the reading of the answers.
fn report(global: &Global, asked: fn()) -> Result<Report> {
    let (recording, source) = recording(global, &asking(false))?;
    asked();
    let host = host::read(&recording);
    if let Some(name) = &global.pool {
        named_pool(&host, name)?;
    }
    Ok(Report::new(host, source, global.pool.as_deref()))
}

/// Nothing is asked or written any more: what was said, by whomever, is read without root's powers. That a system does
/// not let go of them is no reason to withhold the verdict.
fn asked_everything() {
    let _ = privileges::keep_nothing();
}

/// Unknown is no answer: a machine that could not be asked, a text that says nothing of pools, a gap that may hide
/// trouble.
fn answered(report: &Report) -> Exit {
    if report.verdict == Verdict::Unknown { Exit::CouldNotAnswer } else { Exit::Answered }
}

fn look(global: &Global) -> Look {
    let colour = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|v: std::ffi::OsString| !v.is_empty());
            io::stdout().is_terminal()
                && !set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
        }
    };
    Look { units: units(global), colour, verbose: global.verbose, ..Look::default() }
}

fn units(global: &Global) -> Units {
    match (global.bytes, global.si) {
        (true, _) => Units::Bytes,
        (_, true) => Units::Si,
        _ => Units::Iec,
    }
}

/// Joins who owns what with what the pool's metadata says of it.
fn show_usage(global: &Global, asked: &cli::Usage) -> Result<Exit> {
    let copy = asked.metadata.as_deref();
    let (about, owners) = match copy {
        // A copy alone has no names.
        Some(_) if global.from.is_none() => (None, Owners::default()),
        _ => {
            let (recording, source) = recording(global, &asking(true))?;
            if source != Source::Live && copy.is_none() {
                return Err(counting::no_metadata());
            }
            let host = host::read(&recording);
            let pool = chosen_pool(&host, global.pool.as_deref())?.clone();
            let owners = owners::read(&recording, &host, &pool);
            (Some((host, pool)), owners)
        }
    };
    let path = match (copy, &about) {
        (Some(copy), _) => copy.to_owned(),
        (None, Some((_, pool))) => counting::metadata_path(pool, &root(global))?,
        (None, None) => return Err(anyhow!("nothing to read")),
    };
    let holding = match about.as_ref().filter(|_| asked.snapshot) {
        Some((host, pool)) => Some(counting::Holding::take(host, pool, &path, global.timeout)?),
        None => None,
    };
    let counted = count(&path, asked, &owners, holding.is_some());
    let released = holding.map(|holding| holding.release(global.timeout));
    counting::clear_progress();
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
            let table = counting::table(asked, now);
            let mut text = report::usage::text(Some(label), &rows, &owners, &table, &look(global));
            if let Some(without) = &without {
                text.push_str(&report::usage::without_text(without, &rows, &look(global)));
            }
            print(&text)
        }
        Format::Json => print(&json(&report::usage::output(Some(label), &rows, &owners, without.as_ref()))?),
    };
    released.transpose()?;
    exit
}

/// Counts in the metadata for every row, and for the set that was named.
fn count(
    path: &Path,
    asked: &cli::Usage,
    owners: &Owners,
    own_snapshot: bool,
) -> Result<(usage::Usage, Option<usage::Without>)> {
    let progress = counting::progress();
    let options = metadata::Options {
        through_held_root: asked.held_root || own_snapshot,
        bytes_per_second: asked.max_rate,
        progress: Some(&progress),
        ..metadata::Options::default()
    };
    let (file, counted) = counting::read(path, &options)?;
    // Where a pool never came to rest, a snapshot that somebody holds was read.
    let options = metadata::Options { through_held_root: counted.through_held_root, ..options };
    let reclaim = usage::InMetadata { source: &file, options, transaction_id: counted.transaction_id };
    let rows = usage::join(&counted, owners, &reclaim, usage::walks_worth_it(&counted));
    let in_pool = counted.devices.iter().map(|device| device.device_id).collect();
    let named = Some(&asked.without).filter(|names| !names.is_empty());
    let without = named.map(|names| usage::without(names, owners, &in_pool, &reclaim)).transpose();
    Ok((rows, without.map_err(|why| anyhow!(why))?))
}

fn make_plan(global: &Global, goal: &Plan) -> Result<Exit> {
    let named =
        matches!(goal, Plan::Free { need: Some(_), .. } | Plan::Overlay2 { .. } | Plan::DirectLvm { .. });
    let mut asked = asking(named);
    if let Plan::DirectLvm { to, .. } = goal {
        asked.disks = true;
        asked.disk.clone_from(&to.device);
    }
    let (recording, source) = recording(global, &asked)?;
    if !named {
        asked_everything();
    }
    let host = host::read(&recording);
    let absent = match goal {
        // What is to be repaired or moved may not be set up.
        Plan::Repair { .. } | Plan::Overlay2 { .. } | Plan::DirectLvm { .. } => plan::absent_pool(&host),
        _ => None,
    };
    let wanted = global.pool.as_deref();
    let meant = |p: &&Pool| wanted.map_or(host.pools.is_empty(), |name| p.name.as_deref() == Some(name));
    let pool = match absent.as_ref().filter(meant) {
        Some(pool) => pool,
        None => chosen_pool(&host, wanted)?,
    };
    let about = freeing::About { recording: &recording, source, host: &host, pool };
    let (plan, script) = planning::plan(&about, &root(global), goal)?;
    if script {
        if let Some(why) = plan.unscriptable() {
            return Err(anyhow!("no script: {}", report::amounts(why, units(global))));
        }
        return print(&plan::script(&plan));
    }
    match global.output {
        Format::Text => print(&report::plan_text(&plan, &look(global)))?,
        Format::Json => print(&json(&report::plan_json(&plan))?)?,
    };
    Ok(if plan.possible { Exit::Answered } else { Exit::CouldNotAnswer })
}

/// Watches until a signal or the reader ends it.
fn follow(global: &Global, interval: Duration, full_screen: bool) -> Result<Exit> {
    let terminal = io::stdout().is_terminal();
    if full_screen && !(terminal && io::stdin().is_terminal()) {
        return Err(anyhow!("the whole screen needs a terminal; without --full-screen `watch` writes lines"));
    }
    if full_screen && global.from.is_some() {
        watch::start::browse(&report(global, || ())?, look(global))?;
        return Ok(Exit::Answered);
    }
    if global.from.is_some() {
        return Err(anyhow!(
            "a recording does not move, there is nothing to watch; `thinspect status` shows it"
        ));
    }
    let shape = match (global.output, terminal) {
        _ if full_screen => watch::start::Shape::Full,
        (Format::Json, _) => watch::start::Shape::Json,
        (Format::Text, true) => watch::start::Shape::Block,
        (Format::Text, false) => watch::start::Shape::Text,
    };
    let options = watch::start::Options {
        root: root(global),
        limit: global.timeout,
        pool: global.pool.clone(),
        log: global.log.clone(),
        interval,
        look: look(global),
        shape,
    };
    watch::start::start(options)?;
    Ok(Exit::Answered)
}

fn named_pool<'a>(host: &'a Host, name: &str) -> Result<&'a Pool> {
    host.pools.iter().find(|p| p.is_called(name)).ok_or_else(|| {
        let names: Vec<&str> = host.pools.iter().map(Pool::label).collect();
        let known = if names.is_empty() {
            "there is none".to_owned()
        } else {
            format!("there is: {}", names.join(", "))
        };
        anyhow!("no thin pool named {name}; {known}")
    })
}

/// The pool that is meant: the one named, else the only one.
fn chosen_pool<'a>(host: &'a Host, name: Option<&str>) -> Result<&'a Pool> {
    match (name, host.pools.as_slice()) {
        (Some(name), _) => named_pool(host, name),
        (None, [only]) => Ok(only),
        (None, []) => {
            Err(anyhow!("no thin pool to plan for: run it on the host, or give its recording with --from"))
        }
        (None, many) => {
            let names: Vec<&str> = many.iter().map(Pool::label).collect();
            Err(anyhow!("several thin pools; name one with --pool: {}", names.join(", ")))
        }
    }
}

fn save(global: &Global, file: Option<&Path>) -> Result<Exit> {
    let (recording, _) = recording(global, &live::Options { disks: true, ..asking(true) })?;
    let mut text = Vec::new();
    recording.write(&mut text)?;
    write_out(file.unwrap_or(Path::new("-")), &text)
}

/// To a file, or to standard output for `-`. The listing of a machine is for its owner: the file is made for nobody
/// else to read.
fn write_out(file: &Path, bytes: &[u8]) -> Result<Exit> {
    if file == Path::new("-") {
        return print(&String::from_utf8_lossy(bytes));
    }
    let name = file.display();
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(file)
        .with_context(|| format!("cannot write {name}"))?;
    out.write_all(bytes).with_context(|| format!("cannot write {name}"))?;
    Ok(Exit::Answered)
}

fn explain(name: &str) -> Result<Exit> {
    let Some(rule) = rules::find(name) else {
        return Err(anyhow!("no rule named {name}; `thinspect rules` lists them"));
    };
    print(&report::explain::explain(rule))
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write JSON")?;
    text.push('\n');
    Ok(text)
}

fn print(text: &str) -> Result<Exit> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(Exit::Answered)
}

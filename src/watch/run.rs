//! Sets up `watch`: watcher, waiter, history file and view.

use super::event_loop::{Flow, follow};
use super::history_file::Log;
use super::inplace_view::{Block, is_plain};
use super::line_view::Lines;
use super::poll::{Waiter, Woken};
use super::tui::Full;
use super::{Poll, View, Watcher, moment};
use crate::host::DeviceMapper;
use crate::record::collect;
use crate::record::probe::Machine;
use crate::record::probe::dm_events::Events;
use crate::record::probe::worker::Worker;
use crate::report::{self, Report};
use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::io::stdout;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `watch`.
pub struct Options {
    /// Root directory of the host's files.
    pub root: PathBuf,
    /// Time limit of a query.
    pub limit: Duration,
    /// Watch only this pool.
    pub pool: Option<String>,
    /// The history file.
    pub log: Option<PathBuf>,
    /// Polling interval, in addition to kernel events.
    pub interval: Duration,
    /// Units and colour.
    pub style: report::TextStyle,
    /// The kind of output.
    pub shape: Shape,
}

/// The kind of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Full-screen interface.
    Full,
    /// A block that is redrawn in place.
    Block,
    /// Lines of text.
    Text,
    /// Lines of JSON.
    Json,
}

/// Watches until a signal or the user ends it.
///
/// # Errors
/// There is no device-mapper or no pool of that name, the history file cannot be used, or the output was closed.
pub fn start(options: Options) -> Result<()> {
    let usage = usage_arguments(&options);
    let past = options.log.as_ref().map(|log| collect::history(log, options.limit));
    let root = options.root;
    let worker = Worker::new(options.limit, move || Box::new(Machine::new(root.clone())));
    let pool = options.pool;
    let mut watcher = Watcher::new(worker, pool.clone(), past);
    check_watchable(&watcher, pool.as_deref())?;
    let mut log = options.log.as_ref().map(|log| Log::open(log, &watcher.report.host)).transpose()?;
    let events = Events::open(watcher.device_mapper());
    let mut waiter = Waiter::new(events, options.shape == Shape::Full).context("cannot wait for signals")?;
    let mut view: Box<dyn View> = match options.shape {
        Shape::Full => Box::new(Full::open(options.style, only_ascii(), Some(usage))?),
        Shape::Block => {
            let width = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
            Box::new(Block::new(stdout(), options.style, only_ascii(), width))
        }
        Shape::Text | Shape::Json => {
            Box::new(Lines::new(stdout(), options.shape == Shape::Json, options.style))
        }
    };
    if let Some(signal) = follow(&mut watcher, &mut waiter, &mut log, options.interval, view.as_mut())? {
        Waiter::end_by(signal);
    }
    Ok(())
}

/// Shows a fixed report in the full-screen interface until the user or a signal ends it.
///
/// # Errors
/// Those of the terminal.
pub fn browse(report: &Report, style: report::TextStyle) -> Result<()> {
    let mut waiter = Waiter::new(None, true).context("cannot wait for signals")?;
    let mut view = Full::open(style, only_ascii(), None)?;
    let at = moment(report.host.recorded_at.as_deref());
    let shown = Poll { at, samples: Vec::new(), events: Vec::new(), woken: false };
    view.show(report, &shown)?;
    loop {
        let woken = waiter.wait(Instant::now() + Duration::from_secs(3600), &view.inputs());
        match woken {
            Woken::Signal(Signal::SIGWINCH | Signal::SIGCONT) => view.redraw(report, &shown)?,
            Woken::Signal(Signal::SIGTSTP) => view.stop()?,
            Woken::Signal(signal) => {
                view.end()?;
                Waiter::end_by(signal);
                return Ok(());
            }
            Woken::Input if view.input(report, &shown)? == Flow::Quit => return view.end(),
            Woken::Input | Woken::Event | Woken::Time => {}
        }
    }
}

fn only_ascii() -> bool {
    is_plain(|name| std::env::var(name).ok())
}

/// Arguments that make another process of this program read the same host.
fn usage_arguments(options: &Options) -> Vec<OsString> {
    let limit = format!("--timeout={}ms", options.limit.as_millis());
    let root = (options.root != Path::new("/")).then(|| ["--root".into(), options.root.clone().into()]);
    root.into_iter().flatten().chain([OsString::from(limit)]).collect()
}

/// Fails without device-mapper, or if the named pool does not exist: the name is probably mistyped. A host without
/// pools can be watched, because one may be created later.
fn check_watchable(watcher: &Watcher, pool: Option<&str>) -> Result<()> {
    if let (Some(name), true) = (pool, watcher.report.host.pools.is_empty()) {
        return Err(anyhow!("no thin pool named {name}; `thinspect status` shows what there is"));
    }
    match &watcher.report.host.kernel.device_mapper {
        DeviceMapper::Missing => Err(anyhow!(
            "this kernel has no device-mapper loaded, so there is nothing to watch (modprobe dm_thin_pool loads it)"
        )),
        DeviceMapper::Refused(why) => Err(anyhow!("device-mapper refused to answer: {why}")),
        _ => Ok(()),
    }
}

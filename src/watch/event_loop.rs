//! The main loop of `watch`: wait, poll, save, show; until a signal or the user ends it.

use super::history_file::Log;
use super::poll::{Waiter, Woken};
use super::{Poll, View, Watcher};
use anyhow::Result;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// How the loop continues after input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Keep waiting.
    Continue,
    /// Repeat all queries now.
    Reload,
    /// End the loop.
    Quit,
}

/// Polls every `interval` and at every event until the user or a signal ends it. Returns that signal.
///
/// # Errors
/// Those of the view: the output was closed, or the terminal cannot be used.
pub fn follow(
    watcher: &mut Watcher,
    waiter: &mut Waiter,
    log: &mut Option<Log>,
    interval: Duration,
    view: &mut dyn View,
) -> Result<Option<Signal>> {
    waiter.before_poll();
    let mut poll = watcher.first();
    let mut next = Instant::now() + interval;
    save_and_show(watcher, &poll, log, view)?;
    loop {
        let woken = waiter.wait(next, &view.inputs());
        let flow = match woken {
            Woken::Signal(Signal::SIGWINCH | Signal::SIGCONT) => {
                view.redraw(&watcher.report, &poll)?;
                continue;
            }
            Woken::Signal(Signal::SIGTSTP) => {
                view.stop()?;
                continue;
            }
            Woken::Signal(signal) => {
                view.end()?;
                return Ok(Some(signal));
            }
            Woken::Input => view.input(&watcher.report, &poll)?,
            Woken::Event | Woken::Time => Flow::Continue,
        };
        match (flow, woken) {
            (Flow::Quit, _) => {
                view.end()?;
                return Ok(None);
            }
            (Flow::Continue, Woken::Input) => continue,
            _ => {}
        }
        waiter.before_poll();
        poll = match flow {
            Flow::Reload => watcher.poll_everything(),
            Flow::Continue | Flow::Quit => watcher.poll(woken == Woken::Event),
        };
        next = Instant::now() + interval;
        save_and_show(watcher, &poll, log, view)?;
    }
}

/// Writes a poll to the history file and shows it. If writing fails, that is reported once and retried at each poll.
fn save_and_show(
    watcher: &mut Watcher,
    poll: &Poll,
    log: &mut Option<Log>,
    view: &mut dyn View,
) -> Result<()> {
    let saved = log.as_mut().map_or(Ok(()), |log| log.keep(&poll.samples, &poll.events));
    let trouble = saved.err().map(|error| format!("the history is not kept: {error:#}"));
    if watcher.trouble != trouble {
        if let Some(text) = &trouble {
            view.note(text)?;
        }
        watcher.trouble = trouble;
    }
    view.show(&watcher.report, poll)
}

//! The loop of watching: wait, look, keep, show; until a signal or the reader ends it.

use super::history_file::Log;
use super::poll::{Waiter, Woken};
use super::{Poll, View, Watcher};
use anyhow::Result;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// How a view wants to go on after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// As before.
    On,
    /// Look again now, and ask everything anew.
    Anew,
    /// No more.
    End,
}

/// Watches until it is ended, looking every `interval` and at every event. Returns the signal that ended it.
///
/// # Errors
/// Those of the view: a reader that went away, a terminal that cannot be used.
pub fn follow(
    watcher: &mut Watcher,
    waiter: &mut Waiter,
    log: &mut Option<Log>,
    interval: Duration,
    view: &mut dyn View,
) -> Result<Option<Signal>> {
    waiter.before_look();
    let mut style = watcher.first();
    let mut next = Instant::now() + interval;
    shown(watcher, &style, log, view)?;
    loop {
        let woken = waiter.wait(next, &view.inputs());
        let flow = match woken {
            Woken::Signal(Signal::SIGWINCH | Signal::SIGCONT) => {
                view.redraw(&watcher.report, &style)?;
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
            Woken::Input => view.input(&watcher.report, &style)?,
            Woken::Event | Woken::Time => Flow::On,
        };
        match (flow, woken) {
            (Flow::End, _) => {
                view.end()?;
                return Ok(None);
            }
            (Flow::On, Woken::Input) => continue,
            _ => {}
        }
        waiter.before_look();
        style =
            if flow == Flow::Anew { watcher.poll_everything() } else { watcher.poll(woken == Woken::Event) };
        next = Instant::now() + interval;
        shown(watcher, &style, log, view)?;
    }
}

/// Keeps a look in the history, and shows it. A history that cannot be kept is told once, and tried again.
fn shown(watcher: &mut Watcher, poll: &Poll, log: &mut Option<Log>, view: &mut dyn View) -> Result<()> {
    let kept = log.as_mut().map_or(Ok(()), |log| log.keep(&poll.samples, &poll.events));
    let trouble = kept.err().map(|error| format!("the history is not kept: {error:#}"));
    if watcher.trouble != trouble {
        if let Some(text) = &trouble {
            view.note(text)?;
        }
        watcher.trouble = trouble;
    }
    view.show(&watcher.report, poll)
}

//! The full-screen interface: a pool's bars and chart, findings with explanations, users and events.
//!
//! The terminal is restored however the interface ends: by a key, a signal, a panic or Ctrl-Z. The drawing is a pure
//! function of the report and the state.

mod draw;
mod state;
mod usage_pane;

pub use draw::{Scene, draw};
pub use state::{Keys, State, Tab};

use super::event_loop::Flow;
use super::{Poll, View};
use crate::host::history::Moment;
use crate::report::{self, Report};
use anyhow::{Context, Result};
use crossterm::cursor::Show;
use crossterm::event::{self, Event, KeyEventKind};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::ffi::OsString;
use std::io::{Stdin, Stdout, stdin, stdout};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use usage_pane::UsageReader;

/// The full-screen view.
pub struct Full {
    /// Never dropped, because its `Drop` panics if the terminal is gone. The cursor is restored by `restore`.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    keys: Stdin,
    state: State,
    style: report::TextStyle,
    plain: bool,
    /// Arguments for `thinspect usage` on this host; `None` if a recording is shown.
    usage: Option<Vec<OsString>>,
    reading: Option<UsageReader>,
    notes: Vec<String>,
}

impl Full {
    /// Takes over the terminal. `usage` holds the arguments that make `thinspect usage` read this host; `None` for a
    /// recording.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn open(style: report::TextStyle, plain: bool, usage: Option<Vec<OsString>>) -> Result<Self> {
        restore_on_panic();
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).context("cannot use the terminal")?;
        let terminal = ManuallyDrop::new(terminal);
        let (keys, state, reading, notes) = (stdin(), State::default(), None, Vec::new());
        let mut full = Self { terminal, keys, state, style, plain, usage, reading, notes };
        full.take()?;
        Ok(full)
    }

    fn take(&mut self) -> Result<()> {
        enable_raw_mode().context("cannot use the terminal")?;
        execute!(stdout(), EnterAlternateScreen)?;
        self.blank()
    }

    /// Clears the screen, so that the next drawing is complete. Does not use `clear`, which asks the terminal for the
    /// cursor position and fails if no answer comes within two seconds.
    fn blank(&mut self) -> Result<()> {
        let size = self.terminal.size()?;
        Ok(self.terminal.resize(size.into())?)
    }

    fn draw(&mut self, report: &Report, at: Moment) -> Result<()> {
        let scene = draw::Scene {
            report,
            at,
            notes: &self.notes,
            style: &self.style,
            plain: self.plain,
            live: self.usage.is_some(),
        };
        let state = &mut self.state;
        match self.terminal.draw(|frame| draw(frame, state, &scene)) {
            // The terminal went away while drawing. That is a normal end, which `input` handles.
            Err(_) if is_gone(self.keys.as_fd()) => Ok(()),
            drawn => Ok(drawn.map(|_| ())?),
        }
    }

    /// Starts reading the pool's usage if the user asked for it.
    fn read_users(&mut self, report: &Report) -> Result<()> {
        let Some(by) = self.state.wants_users.take() else { return Ok(()) };
        let Some(arguments) = &self.usage else {
            self.state.users =
                vec!["a recording does not hold the pool's metadata, which says who uses it".to_owned()];
            return Ok(());
        };
        let pool = report.host.pools.get(self.state.pool).and_then(|p| p.name.as_deref());
        self.state.users = vec!["reading the pool's metadata...".to_owned()];
        self.reading = Some(UsageReader::start(arguments, pool, by)?);
        Ok(())
    }

    /// Takes over the result of the usage reader once it is complete.
    fn users(&mut self) -> Result<()> {
        if let Some(reading) = &mut self.reading
            && let Some(lines) = reading.ready()?
        {
            self.state.users = lines;
            self.reading = None;
        }
        Ok(())
    }
}

impl View for Full {
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        self.state.fit(report);
        self.draw(report, poll.at)
    }

    fn redraw(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        self.blank()?;
        self.show(report, poll)
    }

    fn note(&mut self, text: &str) -> Result<()> {
        self.notes.push(text.to_owned());
        Ok(())
    }

    fn inputs(&self) -> Vec<BorrowedFd<'_>> {
        std::iter::once(self.keys.as_fd()).chain(self.reading.as_ref().map(UsageReader::fd)).collect()
    }

    fn input(&mut self, report: &Report, poll: &Poll) -> Result<Flow> {
        if is_gone(self.keys.as_fd()) {
            return Ok(Flow::Quit);
        }
        let mut flow = Flow::Continue;
        while flow == Flow::Continue && event::poll(Duration::ZERO)? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match self.state.key(key, report) {
                Keys::Flow(other) => flow = other,
                Keys::Stop => self.stop()?,
            }
        }
        self.users()?;
        self.read_users(report)?;
        self.show(report, poll)?;
        Ok(flow)
    }

    fn stop(&mut self) -> Result<()> {
        restore();
        raise(Signal::SIGSTOP)?;
        self.take()
    }

    fn end(&mut self) -> Result<()> {
        restore();
        Ok(())
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether a terminal was closed; reading it would return end of file for ever.
fn is_gone(terminal: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(terminal, PollFlags::POLLIN)];
    let over = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    poll(&mut fds, PollTimeout::ZERO).is_ok()
        && fds[0].revents().is_some_and(|events| events.intersects(over))
}

/// Restores the terminal; may be called repeatedly.
fn restore() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Restores the terminal before a panic message is printed, so that it can be read.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        restore();
        before(about);
    }));
}

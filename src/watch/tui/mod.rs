//! The whole screen: a pool with its bars and its past, its findings and their explanation, its users, its events.
//!
//! It takes the terminal only while it shows something, and gives it back on every way out: the end, a signal, a panic,
//! Ctrl-Z. What is drawn is a pure function of a report and of what keys were pressed.

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

/// The whole screen of a terminal.
pub struct Full {
    /// Never dropped: it would show the cursor, as is done here anyway, and panic where the terminal is gone.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    keys: Stdin,
    state: State,
    style: report::TextStyle,
    plain: bool,
    /// How `usage` is to be called for this machine; nothing where a recording is shown.
    usage: Option<Vec<OsString>>,
    reading: Option<UsageReader>,
    notes: Vec<String>,
}

impl Full {
    /// Takes the terminal. `usage` are the arguments that lead to the same machine.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn open(style: report::TextStyle, plain: bool, usage: Option<Vec<OsString>>) -> Result<Self> {
        give_back_on_panic();
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

    /// Empties the screen; what is drawn next is drawn whole. Not by `clear`, which asks the terminal where its cursor
    /// is and fails where the answer does not come within two seconds.
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
            // Its terminal went away while it was drawn: that is an end like any other, which `input` comes to.
            Err(_) if is_gone(self.keys.as_fd()) => Ok(()),
            drawn => Ok(drawn.map(|_| ())?),
        }
    }

    /// Starts reading who uses the pool's space, if that was asked for and is not under way.
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

    /// Takes in what was read so far.
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
            return Ok(Flow::End);
        }
        let mut flow = Flow::On;
        while flow == Flow::On && event::poll(Duration::ZERO)? {
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
        give_back();
        raise(Signal::SIGSTOP)?;
        self.take()
    }

    fn end(&mut self) -> Result<()> {
        give_back();
        Ok(())
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether the other side of a terminal is gone: it would be read as empty for ever.
fn is_gone(terminal: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(terminal, PollFlags::POLLIN)];
    let over = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    poll(&mut fds, PollTimeout::ZERO).is_ok()
        && fds[0].revents().is_some_and(|events| events.intersects(over))
}

/// Gives the terminal back; done twice it does no harm.
fn give_back() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A message about a panic is to be read, on a terminal as it was.
fn give_back_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        give_back();
        before(about);
    }));
}

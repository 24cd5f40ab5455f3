//! The state of the full-screen interface, and how keys change it.
//!
//! Pure. The selected pool and finding always exist, even after the report has changed.

use crate::report::Report;
use crate::report::usage::By;
use crate::watch::event_loop::Flow;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The tabs in the lower part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// Findings.
    #[default]
    Findings,
    /// Images, containers and devices that use the space.
    Users,
    /// Events.
    Events,
}

/// The state of the interface.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Index of the pool shown.
    pub pool: usize,
    /// The selected tab.
    pub tab: Tab,
    /// Index of the selected finding.
    pub chosen: usize,
    /// The selected finding is shown in full, with its rule's explanation.
    pub explained: bool,
    /// First line shown in the lower part.
    pub scroll: usize,
    /// Height of the lower part in lines, when it was last drawn.
    pub room: usize,
    /// Number of lines in the lower part, including those not visible, when it was last drawn.
    pub lines: usize,
    /// The lines of the users tab, once they were read.
    pub users: Vec<String>,
    /// Set if the users have to be read, with the grouping.
    pub wants_users: Option<By>,
    /// Grouping of the users.
    pub by: By,
}

/// The effect of a key beyond a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// How the main loop continues.
    Flow(Flow),
    /// Stop the process (Ctrl-Z).
    Stop,
}

impl State {
    /// Corrects the selected pool and finding if they do not exist in the report.
    pub fn fit(&mut self, report: &Report) {
        let last = |count: usize| count.saturating_sub(1);
        self.pool = self.pool.min(last(report.host.pools.len()));
        self.chosen = self.chosen.min(last(report.findings.len()));
        self.explained &= !report.findings.is_empty();
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent, report: &Report) -> Keys {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Keys::Flow(Flow::Quit),
                KeyCode::Char('z') => Keys::Stop,
                _ => Keys::Flow(Flow::Continue),
            };
        }
        match key.code {
            KeyCode::Char('q') => return Keys::Flow(Flow::Quit),
            KeyCode::Char('r') => return Keys::Flow(Flow::Reload),
            KeyCode::Esc | KeyCode::Backspace if self.explained => (self.explained, self.scroll) = (false, 0),
            KeyCode::Esc => return Keys::Flow(Flow::Quit),
            KeyCode::Enter if self.tab == Tab::Findings && !report.findings.is_empty() => {
                (self.explained, self.scroll) = (!self.explained, 0);
            }
            KeyCode::Char('1' | 'f') => self.show(Tab::Findings),
            KeyCode::Char('2' | 'u') => self.ask_users(),
            KeyCode::Char('3' | 'e') => self.show(Tab::Events),
            KeyCode::Char('b') if self.tab == Tab::Users => {
                self.by = self.by.next();
                self.wants_users = Some(self.by);
            }
            KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => self.turn(report, 1),
            KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => self.turn(report, -1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.step(self.page()),
            KeyCode::PageUp => self.step(-self.page()),
            KeyCode::Home | KeyCode::Char('g') => self.step(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.step(isize::MAX),
            _ => {}
        }
        self.fit(report);
        Keys::Flow(Flow::Continue)
    }

    fn show(&mut self, tab: Tab) {
        (self.tab, self.scroll, self.explained) = (tab, 0, false);
    }

    /// Shows the users. They are read the first time, and again if the tab is already shown.
    fn ask_users(&mut self) {
        if self.users.is_empty() || self.tab == Tab::Users {
            self.wants_users = Some(self.by);
        }
        self.show(Tab::Users);
    }

    fn turn(&mut self, report: &Report, by: isize) {
        let pools = report.host.pools.len().max(1);
        let next = self.pool.saturating_add(pools).saturating_add_signed(by) % pools;
        if next != self.pool {
            // The users on the screen belong to the previous pool.
            (self.pool, self.scroll) = (next, 0);
            self.users.clear();
            if self.tab == Tab::Users {
                self.wants_users = Some(self.by);
            }
        }
    }

    fn page(&self) -> isize {
        isize::try_from(self.room.max(1)).unwrap_or(1)
    }

    /// Selects another finding, or scrolls.
    fn step(&mut self, by: isize) {
        if self.tab == Tab::Findings && !self.explained {
            self.chosen = self.chosen.saturating_add_signed(by);
            return;
        }
        let last = self.lines.saturating_sub(self.room);
        self.scroll = self.scroll.saturating_add_signed(by).min(last);
    }
}

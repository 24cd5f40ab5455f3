//! What of a report is on the screen, and what keys do to that.
//!
//! Pure: a key changes what is shown, or says how to go on. Whatever the report becomes meanwhile, what is chosen exists.

use crate::report::Report;
use crate::report::usage::By;
use crate::watch::event_loop::Flow;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the lower part of the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// What is wrong.
    #[default]
    Findings,
    /// Who uses the space.
    Users,
    /// What happened.
    Events,
}

/// What is on the screen.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Place of the pool shown.
    pub pool: usize,
    /// What the lower part shows.
    pub tab: Tab,
    /// Place of the finding chosen.
    pub chosen: usize,
    /// The chosen finding is shown in full, with its rule's explanation.
    pub explained: bool,
    /// First line shown of what is longer than the screen.
    pub scroll: usize,
    /// Lines that fit into the lower part, as it was last drawn.
    pub room: usize,
    /// Lines there were to show, as it was last drawn.
    pub lines: usize,
    /// Who uses the space, in lines, once that was read.
    pub users: Vec<String>,
    /// That it is to be read, and by what.
    pub wants_users: Option<By>,
    /// By what it is read.
    pub by: By,
}

/// What a key asks for beyond another picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// How to go on.
    Flow(Flow),
    /// Give the terminal back for a while.
    Stop,
}

impl State {
    /// Makes what is chosen exist.
    pub fn fit(&mut self, report: &Report) {
        let last = |count: usize| count.saturating_sub(1);
        self.pool = self.pool.min(last(report.host.pools.len()));
        self.chosen = self.chosen.min(last(report.findings.len()));
        self.explained &= !report.findings.is_empty();
    }

    /// What a key does.
    pub fn key(&mut self, key: KeyEvent, report: &Report) -> Keys {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Keys::Flow(Flow::End),
                KeyCode::Char('z') => Keys::Stop,
                _ => Keys::Flow(Flow::On),
            };
        }
        match key.code {
            KeyCode::Char('q') => return Keys::Flow(Flow::End),
            KeyCode::Char('r') => return Keys::Flow(Flow::Anew),
            KeyCode::Esc | KeyCode::Backspace if self.explained => (self.explained, self.scroll) = (false, 0),
            KeyCode::Esc => return Keys::Flow(Flow::End),
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
        Keys::Flow(Flow::On)
    }

    fn show(&mut self, tab: Tab) {
        (self.tab, self.scroll, self.explained) = (tab, 0, false);
    }

    /// Shows the users, and has them read at the first time and whenever it is asked for again.
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
            // What was read is another pool's.
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

    /// Chooses another finding, or scrolls.
    fn step(&mut self, by: isize) {
        if self.tab == Tab::Findings && !self.explained {
            self.chosen = self.chosen.saturating_add_signed(by);
            return;
        }
        let last = self.lines.saturating_sub(self.room);
        self.scroll = self.scroll.saturating_add_signed(by).min(last);
    }
}

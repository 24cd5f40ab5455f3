//! Turns pasted text, any mix of tool output and log lines, into a recording.
//!
//! Only determines which tool printed which part, and keeps the text; [`crate::host`] parses it. Nothing but blank lines
//! is lost: text of no known tool is kept as [`Query::PastedLine`]. For very long texts see `limits`.
//!
//! Pasted text has often been through mail, issue trackers and chat. Quoting, prompts, bullets and escape sequences are
//! removed first (`unquote`). Lines that were folded into a paragraph are split at the names of known fields and at
//! `start length target` (`segments`). A report may be incomplete, or interrupted by other lines: a single
//! `Data Space Used: 1 GB` is a `docker info`.

mod dm;
mod docker;
mod fields;
mod json;
mod limits;
mod segments;
mod shapes;
mod tables;
mod tool;
mod unquote;

use super::{Outcome, Query, Recording, Source};
use fields::{Class, Field};
use segments::Piece;

pub use tool::Tool;

/// Target of the [`Query::PastedOutput`] that tells how much of a very long text was left out.
pub const LEFT_OUT: &str = "paste";
/// Target of the [`Query::PastedOutput`] with the lines of a long text that did not become separate answers.
pub const LOG: &str = "log";

/// Turns pasted text into a recording.
#[must_use]
pub fn paste(text: &str) -> Recording {
    let (head, middle, tail) = limits::parts(text.trim_start_matches('\u{feff}'));
    let mut builder = Builder::new();
    builder.text(head);
    builder.close();
    builder.lines.push_unseen(&mut builder.recording, middle);
    builder.text(tail);
    builder.finish()
}

/// The recording so far, and the state that the next line may continue.
///
/// `open` is the report that the previous line belonged to. A line whose tool only a later line can show is held back
/// in `pending` ([`Self::hold`]). The next line decides: [`Self::settle`] keeps the pending lines as what they seemed
/// to be, [`Self::settle_as_docker`] makes them the beginning of a `docker info`. [`Self::close`] settles and ends the
/// report.
struct Builder {
    recording: Recording,
    /// The report that the previous line belonged to.
    open: Open,
    /// Lines that are held back.
    pending: Vec<Pending>,
    docker: docker::Blocks,
    lines: limits::Limit,
    hint: unquote::Hint,
}

/// The report that the previous line belonged to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// A `docker info`. `list` is true if its last line begins or continues a list of words.
    Docker {
        list: bool,
    },
    /// A block of `dmsetup info`, with the index of its answer.
    DmInfo(usize),
    /// Device-mapper targets, as status or table.
    Targets(Query),
    /// Another report: its query, its tool, and the index of its answer.
    Report(Query, &'static str, usize),
}

/// A line that is held back until a later one shows what it is.
struct Pending {
    text: String,
    /// Its field; `None` if it may be the first half of a wrapped `df` row.
    field: Option<&'static Field>,
    /// Whether it follows a line of `docker info`.
    after_docker: bool,
}

impl Builder {
    fn new() -> Self {
        Self {
            recording: Recording::new(Source::Pasted, None),
            open: Open::Nothing,
            pending: Vec::new(),
            docker: docker::Blocks::default(),
            lines: limits::Limit::default(),
            hint: unquote::Hint::default(),
        }
    }

    fn text(&mut self, text: &str) {
        let mut budget = json::Budget::new(text);
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((found, after)) = json::next(rest, &mut budget) {
                self.json(found);
                rest = after;
                continue;
            }
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            self.line(line);
            rest = after;
        }
    }

    fn json(&mut self, found: json::Found) {
        self.close();
        match found {
            json::Found::Answer(answer) => self.recording.push(answer.query, &answer.target, answer.outcome),
            json::Found::Log(text) => text.lines().for_each(|line| self.line(line)),
        }
    }

    fn line(&mut self, raw: &str) {
        let characters = unquote::characters(raw);
        let line = unquote::unquoted(&characters);
        if line.trim().is_empty() {
            return self.blank();
        }
        let body = match unquote::prompt(line) {
            Some(command) if unquote::is_command(command) => {
                self.close();
                self.hint = unquote::Hint::of(command);
                return self.plain(line);
            }
            Some(rest) => rest,
            None => line,
        };
        for piece in segments::pieces(body) {
            self.piece(piece, line);
        }
    }

    /// A blank line ends tables, but not a `docker info`, which contains blank lines.
    fn blank(&mut self) {
        if !matches!(self.open, Open::Docker { .. }) && self.pending.iter().all(|p| p.field.is_none()) {
            self.close();
        }
    }

    fn close(&mut self) {
        self.settle();
        self.open = Open::Nothing;
    }

    /// Adds a piece of the line `whole`.
    fn piece(&mut self, piece: Piece<'_>, whole: &str) {
        if !matches!(piece, Piece::Target(_)) {
            self.hint.device = None;
        }
        match piece {
            Piece::Target(target) => self.target(&target),
            Piece::Field(field, text) => self.field(field, text),
            Piece::Around(text) => {
                self.settle();
                self.lines.push(&mut self.recording, text.trim_end());
            }
            Piece::Rest(text) => self.rest(text, whole),
        }
    }

    fn target(&mut self, target: &dm::Target<'_>) {
        if !self.lines.takes_row() {
            return;
        }
        self.settle();
        let run = match self.open {
            Open::Targets(query) => Some(query),
            _ => self.hint.targets,
        };
        let query = target.ask(run);
        self.open = Open::Targets(query);
        let name = match self.hint.device.as_deref() {
            Some(device) if target.name.is_empty() && run == self.hint.targets => device.to_owned(),
            _ => target.name.to_owned(),
        };
        let recent =
            self.recording.answers.iter_mut().rev().take(if target.is_first() { 0 } else { limits::HELD });
        if let Some(answer) = recent.filter(|a| a.query == query).find(|a| a.target == name)
            && let Outcome::Answered(said) = &mut answer.outcome
            && target.continues(said)
        {
            said.push('\n');
            said.push_str(target.text);
            return;
        }
        self.recording.push(query, &name, Outcome::Answered(target.text.to_owned()));
    }

    fn field(&mut self, field: &'static Field, text: &str) {
        if !self.lines.takes_row() {
            return;
        }
        match field.class {
            Class::Dm => return self.dm_field(field, text),
            Class::Name => {
                if self.pending.iter().any(|p| p.field.is_none()) {
                    self.settle();
                }
                return self.hold(text, Some(field));
            }
            Class::Pool | Class::Docker => {
                self.settle_as_docker();
                self.docker.add(&mut self.recording, Some(field), text);
            }
            Class::Common if !self.docker.has_any() => return self.hold(text, Some(field)),
            Class::Weak if !self.beside_docker() => return self.hold(text, Some(field)),
            Class::Common | Class::Weak => {
                self.settle_as_docker();
                self.docker.add(&mut self.recording, Some(field), text);
            }
        }
        self.open = Open::Docker { list: field.is_list() };
    }

    /// Whether the previous line belongs, or may belong, to a `docker info`.
    fn beside_docker(&self) -> bool {
        matches!(self.open, Open::Docker { .. }) && self.pending.iter().all(|p| p.after_docker)
    }

    /// Adds a field of `dmsetup info`. A `Name:` before it was held back, because `docker info` has such a line, too.
    fn dm_field(&mut self, field: &'static Field, text: &str) {
        let name = self.pending.pop_if(|p| p.field.is_some_and(|f| f.class == Class::Name));
        self.settle();
        if name.is_none()
            && let Open::DmInfo(at) = self.open
            && let Some(Outcome::Answered(said)) = self.recording.answers.get_mut(at).map(|a| &mut a.outcome)
            && !said.lines().any(|l| field.begins(l))
        {
            said.push('\n');
            said.push_str(text);
            return;
        }
        if name.is_none() && !field.alone {
            return self.plain(text);
        }
        self.open = Open::DmInfo(self.recording.answers.len());
        let target = name.as_ref().map(|n| fields::value(&n.text)).unwrap_or_default();
        let said = name.as_ref().map_or_else(|| text.to_owned(), |n| format!("{}\n{text}", n.text));
        self.recording.push(Query::DmInfo, target, Outcome::Answered(said));
    }

    fn rest(&mut self, text: &str, whole: &str) {
        let open = match self.open {
            Open::Report(query, target, _) => Some((query, target)),
            _ => None,
        };
        if let Some(wrapped) = self.pending.pop_if(|p| p.field.is_none()) {
            if tables::is_rest_of_df(text) {
                let target = self.df_tool(open);
                return self.report(
                    Query::Df,
                    target,
                    false,
                    &format!("{} {}", wrapped.text.trim(), text.trim()),
                );
            }
            self.pending.push(wrapped);
        }
        if let Some(found) = tables::recognise(text, open) {
            self.settle();
            let target =
                if found.query == Query::Df && !found.heading { self.df_tool(open) } else { found.target };
            return self.report(found.query, target, found.heading, text);
        }
        if let Open::Docker { list: true } = self.open
            && docker::is_list_item(text)
        {
            self.settle();
            return self.docker.add(&mut self.recording, None, text);
        }
        if tables::may_be_wrapped(text) {
            self.settle();
            return self.hold(text, None);
        }
        self.close();
        if let Some(hint) = unquote::Hint::of_bare(text) {
            self.hint = hint;
        }
        self.plain(if text.len() == whole.len() { whole } else { text });
    }

    /// `df` or `df -i`, for rows without headings.
    fn df_tool(&self, open: Option<(Query, &'static str)>) -> &'static str {
        match open {
            Some((Query::Df, target)) => target,
            _ if self.hint.inodes || self.recording.answers.last().is_some_and(tables::mentions_inodes) => {
                "df -i"
            }
            _ => "df",
        }
    }

    /// Adds a line of a report; a heading begins a new one.
    fn report(&mut self, query: Query, target: &'static str, heading: bool, text: &str) {
        if !self.lines.takes_row() {
            return;
        }
        let line = text.trim_end();
        if !heading
            && let Open::Report(open_ask, open_of, at) = self.open
            && (open_ask, open_of) == (query, target)
            && let Some(Outcome::Answered(said)) = self.recording.answers.get_mut(at).map(|a| &mut a.outcome)
        {
            said.push('\n');
            said.push_str(line);
            return;
        }
        self.open = Open::Report(query, target, self.recording.answers.len());
        // Add the directory of the command line, in the form in which `ls` prints it for several directories.
        let said = match self.hint.directory.take() {
            Some(directory) if target == "ls -l" && !line.ends_with(':') => format!("{directory}:\n{line}"),
            _ => line.to_owned(),
        };
        self.recording.push(query, target, Outcome::Answered(said));
    }

    /// Holds a line back until a later one shows what it is.
    fn hold(&mut self, text: &str, field: Option<&'static Field>) {
        let after_docker = self.beside_docker();
        if self.pending.len() >= limits::HELD {
            self.settle();
        }
        self.pending.push(Pending { text: text.to_owned(), field, after_docker });
    }

    /// Keeps the pending lines as what they seemed to be: part of the previous `docker info`, or lines of text.
    fn settle(&mut self) {
        for held in std::mem::take(&mut self.pending) {
            if held.after_docker {
                self.docker.add(&mut self.recording, held.field, &held.text);
            } else {
                self.plain(&held.text);
                self.open = Open::Nothing;
            }
        }
    }

    /// Makes the pending lines the beginning of a `docker info`.
    fn settle_as_docker(&mut self) {
        for held in std::mem::take(&mut self.pending) {
            if held.field.is_some() {
                self.docker.add(&mut self.recording, held.field, &held.text);
            } else {
                self.plain(&held.text);
            }
        }
    }

    fn plain(&mut self, text: &str) {
        self.lines.push(&mut self.recording, text.trim_end());
    }

    fn finish(mut self) -> Recording {
        self.settle();
        self.docker.write(&mut self.recording);
        self.lines.finish(&mut self.recording);
        self.recording
    }
}

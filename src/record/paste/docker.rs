//! Collects the lines of `docker info` reports into one answer per report, even with other lines in between.
//!
//! Compares values only to distinguish a second report from a repeated line.

use super::fields::{self, Class, Field};
use crate::record::{Outcome, Query, Recording};

/// The reports in a text. Each gets a place in the recording when it begins, and is written there at the end.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
}

#[derive(Default)]
struct Block {
    /// Index of the answer in the recording.
    at: usize,
    lines: Vec<Line>,
    /// Index of the first repeated line. If a later line contradicts an earlier one, a second report began there.
    repeated_from: Option<usize>,
}

struct Line {
    field: Option<&'static Field>,
    text: String,
}

impl Blocks {
    /// Whether there is any `docker info` so far.
    pub(super) const fn has_any(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Adds a line to the current report. If a field is repeated with another value, a new report begins.
    pub(super) fn add(&mut self, recording: &mut Recording, field: Option<&'static Field>, text: &str) {
        let line = Line { field, text: text.trim().to_owned() };
        if self.blocks.is_empty() {
            self.begin(recording, Vec::new());
        }
        match self.blocks.last().and_then(|b| b.earlier_value(&line)) {
            Some(earlier) if !earlier.eq_ignore_ascii_case(fields::value(&line.text)) => {
                let moved = self.blocks.last_mut().map(Block::split).unwrap_or_default();
                self.begin(recording, moved);
            }
            Some(_) => {
                if let Some(block) = self.blocks.last_mut() {
                    block.repeated_from.get_or_insert(block.lines.len());
                }
            }
            None => {}
        }
        if let Some(block) = self.blocks.last_mut() {
            block.lines.push(line);
        }
    }

    fn begin(&mut self, recording: &mut Recording, lines: Vec<Line>) {
        self.blocks.push(Block { at: recording.answers.len(), lines, repeated_from: None });
        recording.push(Query::DockerInfo, "", Outcome::Answered(String::new()));
    }

    /// Writes the reports into the recording.
    pub(super) fn write(self, recording: &mut Recording) {
        for block in self.blocks {
            if let Some(answer) = recording.answers.get_mut(block.at) {
                let lines: Vec<String> = block.lines.into_iter().map(|l| l.text).collect();
                answer.outcome = Outcome::Answered(lines.join("\n"));
            }
        }
    }
}

impl Block {
    /// The value that the report already has for the line's field, for fields that occur once in a report.
    fn earlier_value(&self, line: &Line) -> Option<&str> {
        let field = line.field.filter(|f| matches!(f.class, Class::Pool | Class::Docker | Class::Common))?;
        let same = |l: &&Line| l.field.is_some_and(|f| f.name == field.name);
        self.lines.iter().rev().find(same).map(|l| fields::value(&l.text))
    }

    /// Removes and returns the lines that belong to the next report.
    fn split(&mut self) -> Vec<Line> {
        self.repeated_from.take().map(|at| self.lines.split_off(at)).unwrap_or_default()
    }
}

/// Whether a line is an item of a list: an indented single word such as `seccomp`, `127.0.0.0/8`, `provider=generic`.
pub(super) fn is_list_item(text: &str) -> bool {
    text.starts_with([' ', '\t']) && text.split_whitespace().count() == 1 && text.len() <= 100
}

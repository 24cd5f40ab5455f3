//! Gathers the lines of `docker info` reports: one answer for each report, also when other lines stand in between.
//!
//! It compares values only to tell a second report from a repeated line.

use super::fields::{self, Class, Field};
use crate::record::{Outcome, Query, Recording};

/// The reports of one text. They are written into the recording at the end, where each began.
#[derive(Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
}

#[derive(Default)]
struct Block {
    /// The answer's place in the recording.
    at: usize,
    lines: Vec<Line>,
    /// Where lines began to say again what was said: if one of them contradicts, a second report began there.
    again_from: Option<usize>,
}

struct Line {
    field: Option<&'static Field>,
    text: String,
}

impl Blocks {
    /// Whether some `docker info` has been seen.
    pub(super) const fn has_any(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Adds a line to the report at hand, or begins the next: when a field comes again with another value.
    pub(super) fn add(&mut self, recording: &mut Recording, field: Option<&'static Field>, text: &str) {
        let line = Line { field, text: text.trim().to_owned() };
        if self.blocks.is_empty() {
            self.begin(recording, Vec::new());
        }
        match self.blocks.last().and_then(|b| b.said(&line)) {
            Some(said) if !said.eq_ignore_ascii_case(fields::value(&line.text)) => {
                let moved = self.blocks.last_mut().map(Block::split).unwrap_or_default();
                self.begin(recording, moved);
            }
            Some(_) => {
                if let Some(block) = self.blocks.last_mut() {
                    block.again_from.get_or_insert(block.lines.len());
                }
            }
            None => {}
        }
        if let Some(block) = self.blocks.last_mut() {
            block.lines.push(line);
        }
    }

    fn begin(&mut self, recording: &mut Recording, lines: Vec<Line>) {
        self.blocks.push(Block { at: recording.answers.len(), lines, again_from: None });
        recording.push(Query::DockerInfo, "", Outcome::Answered(String::new()));
    }

    /// Writes the reports into their places.
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
    /// What the report already says in the field of a line, for fields that a report has once.
    fn said(&self, line: &Line) -> Option<&str> {
        let field = line.field.filter(|f| matches!(f.class, Class::Pool | Class::Docker | Class::Common))?;
        let same = |l: &&Line| l.field.is_some_and(|f| f.name == field.name);
        self.lines.iter().rev().find(same).map(|l| fields::value(&l.text))
    }

    /// Takes off the lines that turned out to be of the next report.
    fn split(&mut self) -> Vec<Line> {
        self.again_from.take().map(|at| self.lines.split_off(at)).unwrap_or_default()
    }
}

/// A bare word in a list: `seccomp`, `127.0.0.0/8`, `provider=generic`. Such lines are indented.
pub(super) fn is_list_item(text: &str) -> bool {
    text.starts_with([' ', '\t']) && text.split_whitespace().count() == 1 && text.len() <= 100
}

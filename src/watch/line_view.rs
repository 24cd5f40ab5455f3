//! Prints a line for each sample and each event, as text or as JSON.
//!
//! Each line is written and flushed at once, so a program that reads a pipe sees it without delay.

use super::{Poll, View};
use crate::report::{self, Report, watch};
use anyhow::Result;
use std::io::Write;

/// A view that prints a line for each sample and each event.
pub struct Lines<W> {
    out: W,
    json: bool,
    style: report::TextStyle,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`, as JSON or as text in the given style.
    pub const fn new(out: W, json: bool, style: report::TextStyle) -> Self {
        Self { out, json, style }
    }

    fn write(
        &mut self,
        json: &impl serde::Serialize,
        text: impl Fn(&report::TextStyle) -> String,
    ) -> Result<()> {
        let line = if self.json { serde_json::to_string(json)? } else { text(&self.style) };
        self.out.write_all((line + "\n").as_bytes())?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> View for Lines<W> {
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        let host = &report.host;
        for event in &poll.events {
            self.write(&watch::Line::event(event), |_| watch::event_text(event))?;
        }
        // Starting and stopping containers causes many kernel events that change nothing worth a line.
        if poll.woken && poll.events.is_empty() {
            return Ok(());
        }
        for sample in &poll.samples {
            self.write(&watch::Line::sample(sample, host), |style| watch::sample_text(sample, host, style))?;
        }
        Ok(())
    }

    /// Goes to standard error, because programs parse the lines on standard output.
    fn note(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(std::io::stderr(), "thinspect: {}", watch::note(text))?)
    }

    fn redraw(&mut self, _: &Report, _: &Poll) -> Result<()> {
        Ok(())
    }
}

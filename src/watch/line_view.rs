//! Watching without a terminal: a line for each look at each pool and for each event, as text or as JSON.
//!
//! Every line is written whole and at once, so that whoever reads a pipe sees it when it happens.

use super::{Poll, View};
use crate::report::{self, Report, watch};
use anyhow::Result;
use std::io::Write;

/// A line for each look at each pool, and for each event.
pub struct Lines<W> {
    out: W,
    json: bool,
    style: report::TextStyle,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`, as JSON or as text in the units of `look`.
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
        // While containers come and go the kernel wakes it often, and mostly there is nothing to say.
        let silent = poll.woken && poll.events.is_empty();
        for sample in poll.samples.iter().filter(|_| !silent) {
            self.write(&watch::Line::sample(sample, host), |style| watch::sample_text(sample, host, style))?;
        }
        Ok(())
    }

    /// Not a line of its own kind: whoever reads lines is not to stumble over it.
    fn note(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(std::io::stderr(), "thinspect: {}", watch::note(text))?)
    }

    fn redraw(&mut self, _: &Report, _: &Poll) -> Result<()> {
        Ok(())
    }
}

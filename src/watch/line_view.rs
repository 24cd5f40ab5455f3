//! Watching without a terminal: a line for each look at each pool and for each event, as text or as JSON.
//!
//! Every line is written whole and at once, so that whoever reads a pipe sees it when it happens.

use super::{Look, View};
use crate::report::{self, Report, watch};
use anyhow::Result;
use std::io::Write;

/// A line for each look at each pool, and for each event.
pub struct Lines<W> {
    out: W,
    json: bool,
    look: report::Look,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`, as JSON or as text in the units of `look`.
    pub const fn new(out: W, json: bool, look: report::Look) -> Self {
        Self { out, json, look }
    }

    fn write(&mut self, json: &impl serde::Serialize, text: impl Fn(&report::Look) -> String) -> Result<()> {
        let line = if self.json { serde_json::to_string(json)? } else { text(&self.look) };
        self.out.write_all((line + "\n").as_bytes())?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> View for Lines<W> {
    fn show(&mut self, report: &Report, look: &Look) -> Result<()> {
        let host = &report.host;
        for event in &look.events {
            self.write(&watch::Line::event(event), |_| watch::event_text(event))?;
        }
        // While containers come and go the kernel wakes it often, and mostly there is nothing to say.
        let silent = look.woken && look.events.is_empty();
        for sample in look.samples.iter().filter(|_| !silent) {
            self.write(&watch::Line::sample(sample, host), |look| watch::sample_text(sample, host, look))?;
        }
        Ok(())
    }

    /// Not a line of its own kind: whoever reads lines is not to stumble over it.
    fn note(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(std::io::stderr(), "thinspect: {}", watch::note(text))?)
    }

    fn redraw(&mut self, _: &Report, _: &Look) -> Result<()> {
        Ok(())
    }
}

//! Redraws a block of lines in place on a terminal.
//!
//! Never hides the cursor nor changes the input mode, so the terminal needs no restoring however the program ends.

use super::{Poll, View};
use crate::report::{self, Report, watch};
use anyhow::Result;
use std::io::Write;

/// A view that redraws one block of lines in place and lets events scroll by above it.
pub struct Block<W> {
    out: W,
    style: report::TextStyle,
    plain: bool,
    /// Returns the terminal's current width in columns.
    width: fn() -> Option<usize>,
    /// Number of lines on the screen that the next drawing replaces.
    drawn: usize,
}

impl<W: Write> Block<W> {
    /// Draws to `out` in the given style; with `plain` in ASCII only.
    pub const fn new(out: W, style: report::TextStyle, plain: bool, width: fn() -> Option<usize>) -> Self {
        Self { out, style, plain, width, drawn: 0 }
    }

    /// Replaces the block on the screen with the lines `above` and a new block below them.
    fn draw(&mut self, report: &Report, poll: &Poll, above: &[String]) -> Result<()> {
        let mut text = String::new();
        if self.drawn > 0 {
            // Move up to the first line of the block and clear from there.
            text.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", self.drawn));
        }
        self.style.width = (self.width)().unwrap_or(80).max(20);
        let block = watch::block(report, poll.at, self.plain, &self.style);
        for line in above.iter().chain(&block) {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = block.len();
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> View for Block<W> {
    fn show(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        let above: Vec<String> = poll.events.iter().map(watch::event_text).collect();
        self.draw(report, poll, &above)
    }

    fn note(&mut self, text: &str) -> Result<()> {
        let clear = if self.drawn > 0 { format!("\u{1b}[{}A\r\u{1b}[J", self.drawn) } else { String::new() };
        self.drawn = 0;
        writeln!(self.out, "{clear}{}", watch::note(text))?;
        Ok(self.out.flush()?)
    }

    fn redraw(&mut self, report: &Report, poll: &Poll) -> Result<()> {
        // The old block may have been rewrapped or scrolled, so it is left and a new one drawn below it.
        self.drawn = 0;
        self.draw(report, poll, &[])
    }
}

/// Whether the terminal shows only ASCII, by the environment variables for locale and terminal type.
#[must_use]
pub fn is_plain(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|v| !v.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    let term = set("TERM").unwrap_or_default();
    !(locale.contains("utf-8") || locale.contains("utf8")) || term == "linux" || term == "dumb"
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn locale_and_terminal_type_decide() {
        let with = |pairs: &'static [(&str, &str)]| {
            is_plain(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert!(with(&[]) && with(&[("LANG", "C")]) && with(&[("LANG", "C.UTF-8"), ("TERM", "linux")]));
        assert!(
            !with(&[("LANG", "C.UTF-8"), ("TERM", "xterm")])
                && !with(&[("LC_ALL", ""), ("LANG", "de_DE.utf8")])
        );
        assert!(with(&[("LC_ALL", "POSIX"), ("LANG", "C.UTF-8")]));
    }
}

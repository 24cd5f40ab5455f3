//! What the terminal can do, and the block that is drawn in place on it.
//!
//! It neither hides the cursor nor changes how keys are read: whatever ends the program, the terminal is as it was.

use super::{Poll, View};
use crate::report::{self, Report, watch};
use anyhow::Result;
use std::io::Write;

/// What a person sees who watches on a terminal.
pub struct Block<W> {
    out: W,
    style: report::TextStyle,
    plain: bool,
    /// Asks how wide the terminal is now.
    width: fn() -> Option<usize>,
    /// Lines drawn that the next drawing replaces.
    drawn: usize,
}

impl<W: Write> Block<W> {
    /// Draws to `out` as `look` says; `plain` where the terminal has only ASCII.
    pub const fn new(out: W, style: report::TextStyle, plain: bool, width: fn() -> Option<usize>) -> Self {
        Self { out, style, plain, width, drawn: 0 }
    }

    /// What is added above the block, and the block again.
    fn draw(&mut self, report: &Report, poll: &Poll, above: &[String]) -> Result<()> {
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to the first line of the block, and everything from there on is cleared.
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
        // What was drawn may have been wrapped or scrolled meanwhile: it is left, and drawn again below.
        self.drawn = 0;
        self.draw(report, poll, &[])
    }
}

/// Whether a terminal shows more than ASCII, by what the environment says of it.
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
    fn what_the_environment_says() {
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

//! Style of text output: units, colour, width, verbosity.

use super::units::{Units, clean};
use crate::host::model::text::{Text, Words};
use crate::verdict::Severity;
use anstyle::{AnsiColor, Style};

/// Style of text output.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    /// Units of amounts.
    pub units: Units,
    /// Use ANSI colours.
    pub colour: bool,
    /// Show evidence, all notes and all advice.
    pub verbose: bool,
    /// Width in columns.
    pub width: usize,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { units: Units::Iec, colour: false, verbose: false, width: 80 }
    }
}

impl TextStyle {
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Renders a text in these units, with control characters escaped.
    pub(crate) fn say(&self, words: &(impl Words + ?Sized)) -> String {
        clean(&Text::of(words).show(self.units)).into_owned()
    }
}

/// The colour of a severity.
pub(super) fn colour_of(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Notice => AnsiColor::Cyan,
    };
    colour.on_default().bold()
}

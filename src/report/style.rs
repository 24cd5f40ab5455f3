//! How text for people looks: units, colour, width, how much of it.

use super::units::{Units, clean};
use crate::host::model::text::{Text, Words};
use crate::verdict::Severity;
use anstyle::{AnsiColor, Style};

/// How the screen is to look.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    /// Units of amounts.
    pub units: Units,
    /// Colour, where the reader is a terminal that wants it.
    pub colour: bool,
    /// Evidence, notes and all advice of all findings.
    pub verbose: bool,
    /// Columns.
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

    /// A text in the units of this screen, without what a terminal would obey.
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

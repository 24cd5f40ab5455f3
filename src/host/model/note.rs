//! What could not be read, or was refused: kept and shown, never dropped.

/// Something that was not understood, or a question that got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about: a question, a device, a line number.
    pub about: String,
    /// What happened, in one clear sentence.
    pub text: String,
    /// Whether a verdict of `ok` is impossible without it: a refused or silent question about a pool.
    pub forces_unknown: bool,
}

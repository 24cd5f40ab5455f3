//! Notes about what could not be read. Never dropped: every note is shown.

/// A query without an answer, or an answer that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The subject: a query, a device, a line.
    pub about: String,
    /// What happened, in one sentence.
    pub text: String,
    /// Whether the gap can hide a problem, so that the verdict cannot be `ok`.
    pub forces_unknown: bool,
}

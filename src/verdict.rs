//! Severities, the verdict they add up to, and the exit codes: the whole truth about both in one place.
//!
//! It knows no rule and no pool.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Will hurt, or hurts a little.
    Warning,
    /// Hurts now, or refuses work now.
    Critical,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// One of several explanations.
    Possible,
    /// The best explanation of what was said.
    Likely,
    /// The facts say so themselves.
    Certain,
}

/// What it all adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was asked, nothing is wrong.
    Ok,
    /// A warning stands.
    Warning,
    /// Something critical stands.
    Critical,
    /// Not enough was answered to say `ok`, and nothing worse was found.
    Unknown,
}

impl Verdict {
    /// The worst finding decides; a gap in the answers can hide trouble, so it cannot be `ok`.
    #[must_use]
    pub fn of(worst: Option<Severity>, gap: bool) -> Self {
        match worst {
            Some(Severity::Critical) => Self::Critical,
            _ if gap => Self::Unknown,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Notice) | None => Self::Ok,
        }
    }

    /// The exit status of `check` and `status --exit-code`, as monitoring plug-ins use it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// How the program itself ends: every exit status there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The question was answered, whatever the answer.
    Answered,
    /// The verdict as a status, where it was asked for.
    Verdict(Verdict),
    /// The question could not be answered.
    CouldNotAnswer,
    /// The command line made no sense.
    Usage,
}

impl Exit {
    /// The number the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::Verdict(verdict) => verdict.exit_code(),
            Self::CouldNotAnswer => 3,
            Self::Usage => 64,
        }
    }
}

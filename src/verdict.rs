//! Severities, certainties, verdicts and exit codes.

use serde::Serialize;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For information.
    Notice,
    /// A problem later, or a small one now.
    Warning,
    /// A problem now, such as refused writes or containers.
    Critical,
}

impl Severity {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// The certainty of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// One of several explanations.
    Possible,
    /// The best explanation of the facts.
    Likely,
    /// Follows directly from the facts.
    Certain,
}

/// The overall state of the host's pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was answered and nothing is wrong.
    Ok,
    /// There is a warning.
    Warning,
    /// There is a critical finding.
    Critical,
    /// An answer is missing that may hide a problem, and there is no critical finding.
    Unknown,
}

impl Verdict {
    /// The verdict for the worst finding. With a `gap` in the answers it is `unknown`, unless it is critical.
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

    /// The word in the output.
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

/// The program's exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The question was answered, whatever the verdict.
    Answered,
    /// The verdict as exit status, for `check` and `--exit-code`.
    Verdict(Verdict),
    /// The question could not be answered.
    CouldNotAnswer,
    /// The command line was wrong.
    Usage,
}

impl Exit {
    /// The exit status as a number.
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

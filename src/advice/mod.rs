//! Advice as data: what to do, its risk, its commands and its gain.
//!
//! Never executed. Names from outside are always quoted in commands.

pub mod recipes;
mod shell;
pub mod since;

pub use shell::quote;

use crate::host::model::text::Text;
use crate::host::model::units::Bytes;
use serde::Serialize;

/// The risk of following advice, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Only reads.
    Reads,
    /// Changes settings or sizes; nothing is interrupted.
    Changes,
    /// Interrupts containers or the daemon.
    Stops,
    /// Deletes something for good.
    Destroys,
}

impl Risk {
    /// The word in the output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Stops => "stops",
            Self::Destroys => "destroys",
        }
    }
}

/// One recommended action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it does, in a few words.
    pub does: Text,
    /// Its risk.
    pub risk: Risk,
    /// Commands in order, each complete and quoted.
    pub commands: Vec<String>,
    /// Bytes freed, if known.
    pub gain: Option<Bytes>,
}

impl Advice {
    /// Advice without a known gain.
    #[must_use]
    pub fn new(risk: Risk, does: impl Into<Text>, commands: &[&str]) -> Self {
        Self {
            does: does.into(),
            risk,
            commands: commands.iter().map(|c| (*c).to_owned()).collect(),
            gain: None,
        }
    }

    /// Sets the known gain.
    #[must_use]
    pub fn gaining(self, gain: Bytes) -> Self {
        Self { gain: Some(gain), ..self }
    }
}

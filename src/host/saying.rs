//! What daemons, kernels and tools said in so many words: log and error lines, recognised by their wording.
//!
//! A line is recognised or it is not; nothing is concluded from it here.

use super::units::Bytes;

/// A recognised line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// What it says.
    pub kind: Kind,
    /// The line as it came.
    pub text: String,
    /// Seconds since boot, for lines of the kernel's log.
    pub uptime_secs: Option<u64>,
}

/// Which half of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Its data.
    Data,
    /// Its metadata.
    Metadata,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Docker: `Thin Pool has N free data blocks which is less than minimum required M free data blocks`.
    MinFreeRefused {
        /// Data or metadata.
        half: Half,
        /// Blocks free, if the line still holds the number.
        free: Option<u64>,
        /// Blocks required, if the line still holds the number.
        required: Option<u64>,
    },
    /// `no space left on device` (or errno -28), with the path if the line names one.
    NoSpaceLeft {
        /// The path that could not be written.
        path: Option<String>,
    },
    /// A person or tool speaks of an amount that was to be written, e.g. a 12 GB download.
    WantedToWrite {
        /// The amount.
        bytes: Bytes,
    },
    /// Any other wording that some rule knows; `name` is that wording's entry in the table of this module.
    Known {
        /// E.g. `uuid-verification-failed`.
        name: &'static str,
    },
}
/// x
pub fn read(_t: &str) -> Option<Saying> {
    None
}

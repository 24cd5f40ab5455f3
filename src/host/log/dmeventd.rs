//! dmeventd and its thin plugin.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[

];

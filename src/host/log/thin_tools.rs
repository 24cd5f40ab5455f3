//! thin-provisioning-tools: `thin_check`, `thin_repair`, `thin_dump`, `thin_restore`, `thin_ls`.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[

];

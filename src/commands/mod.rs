//! The program's commands, a file each: they collect the input, call the library and print the outcome.
//!
//! [`input`] and [`output`] are what they share at either end; [`metadata_file`] and [`held_snapshot`] read a pool's
//! metadata for the commands that count in it.

pub(crate) mod check;
mod held_snapshot;
mod input;
mod metadata_file;
pub(crate) mod metrics;
mod output;
pub(crate) mod plan;
mod plan_inputs;
pub(crate) mod record;
pub(crate) mod reference;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod watch;

//! The program's commands, one file each: they collect the input, call the library and print the result.
//!
//! [`input`] and [`output`] are shared by all; [`metadata_file`] and [`held_snapshot`] by the commands that read a
//! pool's metadata.

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

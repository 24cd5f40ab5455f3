//! The program's commands, a file each: they ask what has to be asked, call what computes, and say what came of it.
//!
//! [`collector`] and [`saying`] are what they share at either end; [`counting`] and [`holding`] read a pool's metadata for
//! those that count in it. Nothing is computed here.

mod held_snapshot;
mod input;
mod metadata_file;
pub(crate) mod monitor;
mod output;
pub(crate) mod plan;
mod plan_inputs;
pub(crate) mod record;
pub(crate) mod reference;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod watch;

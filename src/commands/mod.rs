//! The program's commands, a file each: they ask what has to be asked, call what computes, and say what came of it.
//!
//! [`asking`] and [`saying`] are what they share at either end; [`counting`] and [`holding`] read a pool's metadata for
//! those that count in it. Nothing is computed here.

mod asking;
mod counting;
mod freeing;
mod holding;
pub(crate) mod manual;
pub(crate) mod monitor;
pub(crate) mod plan;
pub(crate) mod record;
mod saying;
pub(crate) mod status;
pub(crate) mod usage;
pub(crate) mod watch;

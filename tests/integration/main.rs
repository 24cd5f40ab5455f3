//! The integration tests: one crate with a module for each subject.
//!
//! Their data is beside this folder: recorded hosts, pasted incidents, golden plans and screens. `UPDATE=1 cargo
//! test` rewrites golden files.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that stumbles should stop where it stumbles"
)]

mod advised_commands;
mod check_plugin;
mod cli;
mod dialogues;
mod failed_queries;
mod fleet;
mod fuzz_corpus;
mod hostile_names;
mod hosts;
mod hosts_without_pools;
mod html;
mod icinga_nagios;
mod incidents;
mod messages;
mod metadata;
mod metrics;
mod owners;
mod paste;
mod plans;
mod readme;
mod reconcile;
mod rules;
mod settings;
mod sosreport;
mod support;
mod tidy;
mod tui_pty;
mod tui_screens;
mod watch;

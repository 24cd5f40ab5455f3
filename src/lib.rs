//! thinspect says what is wrong with a device-mapper thin pool, which limit was hit, and what to do about it.
//!
//! # The shape
//! A recording is the only input: inspecting a live host is making a recording and inspecting it. An arrow is also
//! the only allowed direction of imports (`tests/integration/tidy.rs` checks it).
//! ```text
//! machine ──▶ record ──▶ host ──▶ rules ──▶ diagnosis ──▶ report ──▶ reader
//!             what it    what it  what is   what          how it
//!             said       means    wrong     explains it   is shown
//!                          └──▶ plan ──▶ report      what to do, in exact numbers
//!
//! host ──▶ forecast ──▶ rules, report                how fast it fills, and when it is full
//! metadata ──▶ usage ──▶ plan, report                who owns which blocks, and what may go
//! ```
//! - [`record`] asks a fixed, read-only set of questions and keeps the answers word for word, refusals and silences
//!   included; it turns pasted text into the same recording.
//! - [`host`] reads a recording into typed pools, thin devices, what carries them and who owns them. It is total.
//! - [`metadata`] reads a pool's own B-trees; [`usage`] joins their counts with the owners' names.
//! - [`forecast`] computes rates and times to full from a history, which is an answer in the recording like any other.
//! - [`snapshot`] takes the one write there is, a metadata snapshot that the user asked for, and releases it.
//! - [`rules`] are pure functions from a host to findings, one file each, with explanations that run as tests.
//! - [`diagnosis`] puts findings beside the failures that were told: what is explained, suspected, excluded.
//! - [`plan`] computes exact numbers and ordered steps for one goal, and a guarded script of them.
//! - [`watch`] polls: each poll is a recording in which only what changes was asked again.
//! - [`report`] renders; it decides nothing. [`exporter`] hands metrics to their collector.
//! - `src/commands/` is the program itself, a file a command: it asks, calls the above and prints; [`cli`] is its
//!   command line. [`capabilities`] are dropped once they have served; [`metadata_probe`] lets the recorder read a pool's
//!   metadata. [`advice`] and [`verdict`] are what rules and plans share; [`whole_file`]
//!   replaces files atomically.
//!
//! # What always holds
//! 1. **Looking writes nothing.** Every status ioctl carries `DM_NOFLUSH`: without it the kernel commits the pool's
//!    metadata. No block device is opened for writing. (`tests/lab/scenarios/looking-writes-nothing.sh`) The one
//!    exception is asked for by name, `usage --snapshot`, and always undone.
//! 2. **It always answers.** Each question has its own time limit and is asked by a worker process that can be left
//!    behind. (`tests/lab/scenarios/stuck-metadata-device.sh`)
//! 3. **Everything after `record` is a pure function of the recording**: no clock, no environment, no file.
//!    (`tests/integration/tidy.rs`) What only a live host allows, such as counting in its metadata, is in `src/commands/`.
//! 4. **Reading never fails and never drops; unknown is not fine.** A question that was refused or silent cannot end
//!    in `ok`; an unknown number is `None`, never 0. (`tests/integration/failed_queries.rs`)
//! 5. **Integers are exact.** Blocks, sectors and bytes are distinct types up to the plans; amounts are rounded when they
//!    are shown.
//! 6. **Advice is data, never executed, and says what it risks.** Names in commands are quoted for the shell. What
//!    destroys never comes first. (`tests/integration/rules.rs`, `tests/integration/plans/`)
//! 7. **A released name means one thing for ever**: rules, JSON fields, exit statuses.
//!
//! # Where to start reading
//! `src/rules/data_below_min_free.rs` is a whole rule; [`host::dm::status`] reads the line it rests on;
//! `tests/hosts/capture-min-free-space-error/` is the evidence and every rendering of it.

pub mod advice;
pub mod capabilities;
pub mod cli;
pub mod diagnosis;
pub mod exporter;
pub mod forecast;
pub mod host;
pub mod metadata;
pub mod metadata_probe;
pub mod plan;
pub mod record;
pub mod report;
pub mod rules;
pub mod snapshot;
pub mod usage;
pub mod verdict;
pub mod watch;
pub mod whole_file;

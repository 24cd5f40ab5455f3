//! thinspect finds out what is wrong with a device-mapper thin pool, which limit was hit, and what to do about it.
//!
//! # Structure
//! A recording is the only input: inspecting a live host means making a recording and inspecting it. The arrows are
//! also the only allowed directions of imports (`tests/integration/tidy.rs` checks them).
//! ```text
//! live host ──▶ record ──▶ host ──▶ rules ──▶ diagnosis ──▶ report
//!               raw        typed    what is   what          text, JSON,
//!               answers    model    wrong     explains it   HTML, metrics
//!                            └──▶ plan ──▶ report   what to do, in exact numbers
//!
//! host ──▶ forecast ──▶ rules, report               how fast it fills, and when it is full
//! metadata ──▶ usage ──▶ plan, report               who owns which blocks, and what can be removed
//! ```
//! - [`record`] makes a fixed set of read-only queries and keeps the answers verbatim, including errors and timeouts.
//!   It turns pasted text into the same kind of recording.
//! - [`host`] parses a recording into typed pools, thin devices, the devices under them and their owners. It never
//!   fails.
//! - [`metadata`] reads a pool's B-trees; [`usage`] joins their block counts with the owners' names.
//! - [`forecast`] computes rates and times to full from a history, which is part of the recording.
//! - [`snapshot`] makes the only write to a pool: it takes a metadata snapshot if the user asks for it, and releases
//!   it.
//! - [`rules`] are pure functions from a host to findings, one file each, with explanations that run as tests.
//! - [`diagnosis`] compares findings with the observed failures: what is explained, suspected, excluded.
//! - [`plan`] computes exact numbers and ordered steps for one goal, and a guarded script for them.
//! - [`watch`] polls: each poll is a recording in which only volatile queries are repeated.
//! - [`report`] renders and contains no judgement. [`exporter`] publishes metrics.
//! - `src/commands/` is the program itself, one file per command: it collects the input, calls the library and prints.
//!   [`cli`] defines the command line. [`capabilities`] are dropped as soon as possible. [`metadata_probe`] lets the
//!   recorder read a pool's metadata. [`advice`] and [`verdict`] are shared by rules and plans; [`whole_file`] replaces
//!   files atomically.
//!
//! # Invariants
//! 1. **Inspection writes nothing.** Every status ioctl carries `DM_NOFLUSH`; without it the kernel commits the pool's
//!    metadata. No block device is opened for writing. (`tests/lab/scenarios/looking-writes-nothing.sh`) The only
//!    exception is `usage --snapshot`, and it is always undone.
//! 2. **It always answers.** Each query has its own time limit and is made by a worker process that can be abandoned.
//!    (`tests/lab/scenarios/stuck-metadata-device.sh`)
//! 3. **Everything after `record` is a pure function of the recording**: no clock, no environment, no file.
//!    (`tests/integration/tidy.rs`) What needs a live host, such as counting in its metadata, is in `src/commands/`.
//! 4. **Parsing never fails and never drops an answer; unknown is not fine.** A query that failed or timed out never
//!    ends in `ok`; an unknown number is `None`, never 0. (`tests/integration/failed_queries.rs`)
//! 5. **Integers are exact.** Blocks, sectors and bytes are distinct types up to the plans; amounts are rounded only
//!    when they are shown.
//! 6. **Advice is data, never executed, and states its risk.** Names in commands are quoted for the shell. Advice that
//!    destroys something never comes first. (`tests/integration/rules.rs`, `tests/integration/plans/`)
//! 7. **A released name never changes its meaning**: rules, JSON fields, exit statuses.
//!
//! # Where to start reading
//! `src/rules/data_below_min_free.rs` is a complete rule; [`host::dm::status`] parses the status line it uses;
//! `tests/hosts/capture-min-free-space-error/` has a recording and every rendering of it.

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

//! Plans: numbers, refusals, and their scripts, run end to end with fake tools.
//!
//! `UPDATE=1 cargo test plans` rewrites the plans and scripts under `tests/plans`.

mod attack;
mod containerd;
mod direct_lvm;
mod disks;
mod fake_disks;
mod fake_docker;
mod fake_repair_tools;
mod fake_tools;
mod from_reports;
mod grow_and_min_free;
mod hosts;
mod output;
mod overlay2;
mod repair_and_free;
mod scripts;
mod settings;
mod shell;
mod tools;

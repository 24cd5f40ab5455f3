//! Answers what a pool's own metadata says: the superblock's numbers, the thin devices, and what in it is damaged.
//! Does not know the on-disk format; the caller passes a reader, a [`Read`].
//!
//! **The notation** of the answer: one [`Line`] a line, as JSON. A line in parentheses says how many were left out.

use super::Lines;
use crate::record::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::File;

/// Reads an opened metadata device, in a few blocks and without writing; or says in a sentence why it cannot.
pub type Read = fn(File) -> Result<Vec<Line>, String>;

/// One thing that the metadata says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Line {
    /// The superblock. Missing where it cannot be read.
    Pool {
        /// The owner's transaction counter, as it is on the disk.
        transaction_id: u64,
        /// The counter of snapshots (`time` in the superblock); recordings of earlier versions lack it.
        #[serde(default)]
        snapshot_time: Option<u32>,
        /// Metadata blocks in use; the status line adds the kernel's reserve to these.
        used_metadata_blocks: u64,
        /// Metadata blocks in all.
        total_metadata_blocks: u64,
        /// How many thin devices there are; each has a line.
        devices: usize,
        /// How much is damaged, also beyond the lines that tell of it.
        damaged: u64,
        /// Whether nothing changed while it was read. If something did, the rest belongs to several moments.
        steady: bool,
    },
    /// A thin device.
    Device {
        /// Its id.
        id: u32,
        /// Data blocks that it maps, shared ones included.
        mapped_blocks: Option<u64>,
        /// The pool's transaction id when it was made.
        transaction_id: Option<u64>,
    },
    /// Something that is damaged.
    Damage {
        /// The metadata block where it was seen.
        block: u64,
        /// What is wrong there.
        what: String,
    },
}

/// The answer, in its notation.
pub(in crate::record) fn answer(read: Read, device: File) -> Result<String, Outcome> {
    let found = read(device).map_err(|why| Outcome::Refused(format!("EIO: {why}")))?;
    let mut lines = Lines::new();
    found.iter().for_each(|line| lines.push(line));
    Ok(lines.text())
}

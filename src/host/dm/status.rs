//! Parses the status lines of `thin-pool` and `thin` targets, of every kernel since 3.2.
//!
//! Never fails: words and numbers that are not understood are kept in `unrecognized`, and their fields stay unknown.
//!
//! Grammar: `drivers/md/dm-thin.c`, `pool_status` and `thin_status`. Later kernels added words after the two ratios, so
//! those words are recognised by their text, not by their position.

use crate::host::model::units::{DataBlocks, MetadataBlocks, Sectors};

/// The mode of a pool as its status line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// `rw`: read-write.
    ReadWrite,
    /// `ro`: read-only after a failed metadata operation, or out of metadata space.
    ReadOnly,
    /// `out_of_data_space`: no data block is free; reads, overwrites and deletions still work.
    OutOfDataSpace,
    /// `Fail`, or `Error` where the kernel could not read its own numbers: all I/O fails.
    Failed,
    /// An unknown word.
    Other(String),
}

/// Handling of discards (`TRIM`) sent to a thin device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discards {
    /// Unmapped in the pool and passed on to the data device.
    PassedDown,
    /// Unmapped in the pool, not passed on.
    NotPassedDown,
    /// Ignored.
    Ignored,
}

/// Handling of writes that need a new data block when none is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait, at most `no_space_timeout` seconds.
    Queue,
    /// They fail with ENOSPC.
    Error,
}

/// Whether a metadata snapshot is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldRoot {
    /// `-`: none is held.
    No,
    /// The metadata block of the held snapshot's superblock.
    Block(u64),
}

/// A thin pool's status line. Fields that the line does not contain are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// Transaction id, set by the pool's owner.
    pub transaction_id: Option<u64>,
    /// Used metadata blocks; newer kernels count a hidden reserve as used.
    pub used_metadata: Option<MetadataBlocks>,
    /// Total metadata blocks.
    pub total_metadata: Option<MetadataBlocks>,
    /// Used data blocks.
    pub used_data: Option<DataBlocks>,
    /// Total data blocks.
    pub total_data: Option<DataBlocks>,
    /// Held metadata snapshot.
    pub held_root: Option<HeldRoot>,
    /// The pool's mode.
    pub mode: Option<Mode>,
    /// Effective handling of discards.
    pub discards: Option<Discards>,
    /// Effective policy when full.
    pub when_full: Option<WhenFull>,
    /// Whether the metadata needs an offline check; `None` on kernels that do not report it.
    pub needs_check: Option<bool>,
    /// Low-water mark of the metadata, since Linux 4.19.
    pub metadata_low_water: Option<MetadataBlocks>,
    /// Words that were not understood, in order.
    pub unrecognized: Vec<String>,
}

/// Parses the words after `thin-pool` in a status line.
#[must_use]
pub fn pool_status(params: &str) -> PoolStatus {
    let mut status = PoolStatus::default();
    let mut words = params.split_whitespace().peekable();
    if let Some(word @ ("Fail" | "Error")) = words.peek().copied() {
        status.mode = Some(Mode::Failed);
        status.unrecognized.extend(words.filter(|w| *w != word).map(str::to_owned));
        return status;
    }
    let mut ratios = 0;
    let mut after_check = false;
    for word in words {
        if let Some((used, total)) = ratio(word) {
            match ratios {
                // More used than total blocks is impossible, so neither number is trusted.
                0 | 1 if used > total => status.unrecognized.push(word.to_owned()),
                0 => {
                    (status.used_metadata, status.total_metadata) =
                        (Some(MetadataBlocks(used)), Some(MetadataBlocks(total)))
                }
                1 => {
                    (status.used_data, status.total_data) = (Some(DataBlocks(used)), Some(DataBlocks(total)))
                }
                _ => status.unrecognized.push(word.to_owned()),
            }
            ratios += 1;
        } else if !status.take_word(word, ratios, &mut after_check) {
            status.unrecognized.push(word.to_owned());
        }
    }
    status
}

impl PoolStatus {
    /// Parses a word that is not a ratio; returns whether it was understood.
    fn take_word(&mut self, word: &str, ratios: u32, after_check: &mut bool) -> bool {
        match word {
            "rw" => self.mode = Some(Mode::ReadWrite),
            "ro" => self.mode = Some(Mode::ReadOnly),
            "out_of_data_space" => self.mode = Some(Mode::OutOfDataSpace),
            "discard_passdown" => self.discards = Some(Discards::PassedDown),
            "no_discard_passdown" => self.discards = Some(Discards::NotPassedDown),
            "ignore_discard" => self.discards = Some(Discards::Ignored),
            "error_if_no_space" => self.when_full = Some(WhenFull::Error),
            "queue_if_no_space" => self.when_full = Some(WhenFull::Queue),
            "needs_check" => (self.needs_check, *after_check) = (Some(true), true),
            "-" if self.held_root.is_none() && self.mode.is_none() => self.held_root = Some(HeldRoot::No),
            // A later `-` on a broken line does not reset `needs_check`.
            "-" if self.mode.is_some() => {
                (self.needs_check, *after_check) = (Some(self.needs_check == Some(true)), true);
            }
            _ => return self.take_number(word, ratios, *after_check),
        }
        true
    }

    /// Parses a bare number, or an unknown word in the position of the mode.
    fn take_number(&mut self, word: &str, ratios: u32, after_check: bool) -> bool {
        match word.parse::<u64>() {
            Ok(id) if ratios == 0 && self.transaction_id.is_none() => self.transaction_id = Some(id),
            Ok(block) if ratios > 0 && self.mode.is_none() && self.held_root.is_none() => {
                self.held_root = Some(HeldRoot::Block(block));
            }
            Ok(mark) if after_check && self.metadata_low_water.is_none() => {
                self.metadata_low_water = Some(MetadataBlocks(mark));
            }
            Err(_) if ratios >= 2 && self.held_root.is_some() && self.mode.is_none() => {
                self.mode = Some(Mode::Other(word.to_owned()));
            }
            _ => return false,
        }
        true
    }

    /// Whether nothing in the line was understood.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { unrecognized: self.unrecognized.clone(), ..Self::default() }
    }
}

fn ratio(word: &str) -> Option<(u64, u64)> {
    let (used, total) = word.split_once('/')?;
    Some((used.parse().ok()?, total.parse().ok()?))
}

/// A thin device's status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThinStatus {
    /// Mapped sectors and the highest mapped sector.
    Mapped {
        /// Mapped sectors, including those in shared blocks.
        mapped: Sectors,
        /// The last mapped sector; `None` if nothing is mapped.
        highest: Option<Sectors>,
    },
    /// `-`: the target has no thin volume.
    Unbound,
    /// `Fail` or `Error`.
    Failed,
    /// Something else.
    Other(String),
}

/// Parses the words after `thin` in a status line.
#[must_use]
pub fn thin_status(params: &str) -> ThinStatus {
    let words: Vec<&str> = params.split_whitespace().collect();
    match words.as_slice() {
        ["-"] => ThinStatus::Unbound,
        ["Fail" | "Error", ..] => ThinStatus::Failed,
        [mapped, rest @ ..] => match mapped.parse() {
            Ok(sectors) => ThinStatus::Mapped {
                mapped: Sectors(sectors),
                highest: rest.first().and_then(|w| w.parse().ok()).map(Sectors),
            },
            Err(_) => ThinStatus::Other(params.trim().to_owned()),
        },
        [] => ThinStatus::Other(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_of_all_kernels() {
        let lines = [
            ("3.10", "91 422/524288 18338/1638400 - rw discard_passdown"),
            ("4.0", "91 422/524288 18338/1638400 - rw discard_passdown queue_if_no_space "),
            ("4.4", "91 422/524288 18338/1638400 - rw discard_passdown queue_if_no_space - "),
            ("6.1", "91 422/524288 18338/1638400 - rw discard_passdown queue_if_no_space - 1024 "),
        ];
        for (kernel, line) in lines {
            let status = pool_status(line);
            assert_eq!(status.transaction_id, Some(91), "{kernel}");
            assert_eq!(status.used_metadata, Some(MetadataBlocks(422)), "{kernel}");
            assert_eq!(status.total_data, Some(DataBlocks(1_638_400)), "{kernel}");
            assert_eq!(status.held_root, Some(HeldRoot::No), "{kernel}");
            assert_eq!(status.mode, Some(Mode::ReadWrite), "{kernel}");
            assert_eq!(status.discards, Some(Discards::PassedDown), "{kernel}");
            assert!(status.unrecognized.is_empty(), "{kernel}");
        }
        let newest = pool_status(lines[3].1);
        assert_eq!(newest.needs_check, Some(false));
        assert_eq!(newest.metadata_low_water, Some(MetadataBlocks(1024)));
        assert_eq!(pool_status(lines[0].1).needs_check, None, "an old kernel does not say");
    }

    #[test]
    fn modes_and_features() {
        let full = pool_status(
            "3 120/2048 1024/1024 77 out_of_data_space ignore_discard error_if_no_space needs_check 512",
        );
        assert_eq!(full.mode, Some(Mode::OutOfDataSpace));
        assert_eq!(full.held_root, Some(HeldRoot::Block(77)));
        assert_eq!(full.discards, Some(Discards::Ignored));
        assert_eq!(full.when_full, Some(WhenFull::Error));
        assert_eq!(full.needs_check, Some(true));
        assert_eq!(full.metadata_low_water, Some(MetadataBlocks(512)));
        assert_eq!(pool_status(" Fail").mode, Some(Mode::Failed));
        assert_eq!(pool_status("Error").mode, Some(Mode::Failed));
        let later = pool_status("1 2/3 4/5 - frozen discard_passdown");
        assert_eq!(later.mode, Some(Mode::Other("frozen".into())));
    }

    #[test]
    fn an_impossible_line_yields_no_numbers() {
        let status = pool_status("56798/524288 4387626/1638400 - rw discard_passdown queue_if_no_space");
        assert_eq!(status.total_data, None);
        assert_eq!(status.unrecognized, ["4387626/1638400"]);
        assert_eq!(status.transaction_id, None);
        assert_eq!(status.mode, Some(Mode::ReadWrite));
    }

    #[test]
    fn thin_lines() {
        let mapped = ThinStatus::Mapped { mapped: Sectors(400_000), highest: Some(Sectors(409_599)) };
        assert_eq!(thin_status("400000 409599"), mapped);
        assert_eq!(thin_status("0 -"), ThinStatus::Mapped { mapped: Sectors(0), highest: None });
        assert_eq!(thin_status("-"), ThinStatus::Unbound);
        assert_eq!(thin_status("Fail"), ThinStatus::Failed);
        assert_eq!(thin_status(""), ThinStatus::Other(String::new()));
    }
}

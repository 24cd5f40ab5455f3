//! Counts semaphores, shared memory segments and message queues (proc(5), `/proc/sysvipc`).
//!
//! Only the counts are kept, because a host may have tens of thousands of entries.

use super::root::Root;
use crate::record::Outcome;
use nix::fcntl::OFlag;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Most bytes read of one list; 32000 sets take about 3 MB.
const LIMIT: u64 = 16 << 20;
/// Column of `/proc/sysvipc/sem` with the number of semaphores in a set: `key semid perms nsems …`.
const SEMAPHORES: usize = 3;

/// The counts: `semaphore_sets=3 semaphores=12 memory_segments=1 queues=0`.
pub(super) fn answer(root: &Root) -> Result<String, Outcome> {
    let (sets, semaphores) = count(root, "sem")?;
    let (segments, _) = count(root, "shm")?;
    let (queues, _) = count(root, "msg")?;
    Ok(format!("semaphore_sets={sets} semaphores={semaphores} memory_segments={segments} queues={queues}"))
}

/// The number of rows in a list, and the sum of their fourth column.
fn count(root: &Root, list: &str) -> Result<(u64, u64), Outcome> {
    let path = format!("/proc/sysvipc/{list}");
    let file = root.open(&path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Outcome::refused)?;
    super::files::regular(&file)?;
    let (mut rows, mut sum) = (0_u64, 0_u64);
    for line in BufReader::new(File::from(file).take(LIMIT)).lines().skip(1) {
        let line = line.map_err(|e| super::refused_io(&e))?;
        rows += 1;
        let column = line.split_whitespace().nth(SEMAPHORES).and_then(|w| w.parse::<u64>().ok());
        sum = sum.saturating_add(column.unwrap_or_default());
    }
    Ok((rows, sum))
}

//! The kernel's block layer, SCSI, loop devices and hung tasks.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Block layer and loop.
    says(M::BufferIoError, &["Buffer I/O error"]), // fs/buffer.c
    says(M::BlockIoError, &["I/O error, dev "]), // block/blk-core.c
    says(M::BlockIoError, &["end_request: I/O error"]), // before 4.x
    says(M::MediumError, &["critical medium error"]), // block/blk-core.c
    says(M::MediumError, &["rejecting I/O to offline device"]), // scsi
    says(M::LoopWriteError, &["loop: Write error at byte offset"]), // drivers/block/loop.c: the file's filesystem is full or fails
    says(M::LostWrite, &["lost async page write"]), // fs/buffer.c
    says(M::LostWrite, &["lost page write due to I/O error"]), // before 4.x
    says(M::SnapshotInvalid, &["Invalidating snapshot"]), // dm-snap.c
    says(M::SnapshotInvalid, &["snapshot Invalid"]), // its status
    // Waiting.
    says(M::HungTask, &["blocked for more than", "seconds"]), // kernel/hung_task.c
];

//! The kernel's block layer, SCSI, loop devices and hung tasks.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::matcher::{Pattern, says};

/// Drives that are empty or not attached: they cause errors at every access.
const REMOVABLE: &[&str] = &["dev fd", "device fd", "dev sr", "device sr", "dev nbd", "device nbd"];

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Block layer and loop.
    says(M::BufferIoError, &["Buffer I/O error"]).without(REMOVABLE), // fs/buffer.c
    says(M::BlockIoError, &["I/O error, dev "]).without(REMOVABLE), // block/blk-core.c
    says(M::BlockIoError, &["end_request: I/O error"]), // before 4.x
    says(M::MediumError, &["critical medium error"]), // block/blk-core.c
    says(M::MediumError, &["rejecting I/O to offline device"]), // scsi
    says(M::LoopWriteError, &["loop: Write error at byte offset"]), // drivers/block/loop.c: the file's filesystem is full or fails
    says(M::LostWrite, &["lost async page write"]), // fs/buffer.c
    says(M::LostWrite, &["lost page write due to I/O error"]), // before 4.x
    says(M::SnapshotInvalid, &["Invalidating snapshot"]), // dm-snap.c
    says(M::SnapshotInvalid, &["snapshot Invalid"]), // its status
    // Waiting.
    says(M::HungTask, &["task ", "blocked for more than", "seconds"]).without(&["thread"]), // kernel/hung_task.c
    says(M::HungTask, &["hung_task_timeout_secs", "disables this message"]), // the same
    says(M::MediumError, &["timeout error, dev "]), // blk-core.c
    says(M::MediumError, &["nvme", "timeout, aborting"]), // drivers/nvme/host/pci.c
    says(M::BackingStorageFull, &["critical space allocation error, dev "]).without(&["dev dm-"]), // BLK_STS_NOSPC of what is below
    says(M::NoSpaceBelow, &["critical space allocation error, dev dm-"]), // the same of a thin device
    says(M::BackingStorageFull, &["Space allocation failed write protect"]), // SCSI sense 27/07
    says(M::BackingNearlyFull, &["thin provisioning soft threshold"]), // SCSI sense 38/07
    says(M::DiscardsUnsupported, &["critical target error, dev ", "DISCARD"]), // blk-core.c
    says(M::DiscardsUnsupported, &["operation not supported error, dev "]), // the same
    says(M::AccessBeyondEnd, &["attempt to access beyond end of device"]), // the device is smaller than what is on it
    says(M::Normal, &["Trying to write to read-only block-device"]), // blk-core.c; the filesystem says what comes of it
    says(M::Normal, &["detected capacity change from"]), // loop, dm
    says(M::Normal, &["loop: module loaded"]), // start
];

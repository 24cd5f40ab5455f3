//! Filesystems and files: `stat`, `df`, and deleted files that are held open.

pub mod df;
pub mod lsof;
pub mod stat;

//! Block devices: what lies on what, from sysfs, `lsblk` and `losetup`.

pub mod disk;
pub mod losetup;
pub mod lsblk;
pub(super) mod sysfs;

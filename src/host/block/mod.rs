//! Block devices and their stacking, from sysfs, `lsblk` and `losetup`.

pub mod disk;
pub mod losetup;
pub mod lsblk;
pub(super) mod sysfs;

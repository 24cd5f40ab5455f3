//! Device-mapper's events: a descriptor that becomes readable when any device had one.
//!
//! It tells that something happened, not what: events of all devices come as one, creating or removing a device is one
//! too, so whoever is woken compares what was asked before and after. Kernels before 4.14 have none of it
//! (drivers/md/dm-ioctl.c, `dm_poll` and `DM_DEV_ARM_POLL`, sound since device-mapper 4.37).

use devicemapper::DM;
use std::os::fd::{AsFd, BorrowedFd};

/// The first version of device-mapper that can be polled; 4.36 has the request with a wrong layout.
const FIRST: (u32, u32) = (4, 37);

/// An open control node of device-mapper.
pub struct Events {
    dm: DM,
}

impl Events {
    /// Opens the control node, if this version of device-mapper (`4.47.0`) can be polled.
    #[must_use]
    pub fn open(version: &str) -> Option<Self> {
        let mut numbers = version.trim().split('.').map_while(|n| n.parse().ok());
        let version: (u32, u32) = (numbers.next()?, numbers.next()?);
        let dm = (version >= FIRST).then(DM::new)?.ok()?;
        Some(Self { dm })
    }

    /// Makes the descriptor quiet until the next event; to be called before asking, so that none is missed. Whether it
    /// worked: without it the descriptor stays readable.
    #[must_use]
    pub fn arm(&self) -> bool {
        self.dm.arm_poll().is_ok()
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dm.file().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn old_kernels_cannot_be_polled() {
        for version in ["4.36.0", "3.0.0", "4", "", "x.y"] {
            assert!(Events::open(version).is_none(), "{version}");
        }
    }
}

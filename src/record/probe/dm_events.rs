//! Device-mapper events: a descriptor that becomes readable when any device has an event.
//!
//! It does not tell which device or what happened, and creating or removing a device is an event, too. The caller
//! compares the states before and after. Needs Linux 4.14 (drivers/md/dm-ioctl.c, `dm_poll` and `DM_DEV_ARM_POLL`,
//! correct since device-mapper 4.37).

use devicemapper::DM;
use std::os::fd::{AsFd, BorrowedFd};

/// The first version of device-mapper that can be polled; in 4.36 the ioctl has a wrong layout.
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

    /// Makes the descriptor unreadable until the next event. Must be called before the queries, so that no event is
    /// missed. Returns whether it worked; if not, the descriptor stays readable.
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

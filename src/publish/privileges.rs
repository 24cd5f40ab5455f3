//! Gives up every capability that asking the machine does not need, before anybody can talk to the program.
//!
//! It is no sandbox: what is left, `CAP_SYS_ADMIN`, is much. It leaves little to whoever would abuse the rest.

use caps::{CapSet, Capability, CapsHashSet};

/// Device-mapper's ioctls need the first (drivers/md/dm-ioctl.c, `dm_ctl_ioctl`), the kernel's log the second where
/// `kernel.dmesg_restrict` is set.
const NEEDED: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_SYSLOG];

/// Keeps what is needed, of what there is, for this process and all that it starts. Programs it runs cannot gain more.
///
/// # Errors
/// What the kernel said, in one sentence.
pub fn give_up() -> Result<(), String> {
    let said = |error: caps::errors::CapsError| format!("cannot give up capabilities: {error}");
    nix::sys::prctl::set_no_new_privs().map_err(|errno| format!("cannot give up new privileges: {errno}"))?;
    let had = caps::read(None, CapSet::Permitted).map_err(said)?;
    let kept: CapsHashSet = NEEDED.into_iter().filter(|c| had.contains(c)).collect();
    if had.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::runtime::thread_all_supported().into_iter().filter(|c| !kept.contains(c)) {
            caps::drop(None, CapSet::Bounding, capability).map_err(said)?;
        }
    }
    caps::clear(None, CapSet::Inheritable).map_err(said)?;
    // Effective ones first: they must be among the permitted ones at every moment.
    caps::set(None, CapSet::Effective, &kept).map_err(said)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(said)
}

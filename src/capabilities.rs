//! Gives up capabilities as soon as they have served: before anybody can talk to the program, and before it reads what
//! others wrote.
//!
//! It is no sandbox: files of its user stay within reach, and to ask on, much has to be kept.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// Device-mapper's ioctls need the first (drivers/md/dm-ioctl.c, `dm_ctl_ioctl`), the kernel's log the second where
/// `kernel.dmesg_restrict` is set.
const TO_ASK: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_SYSLOG];

/// Keeps what asking the machine needs, of what there is, for this process and all that it starts. Programs it runs cannot
/// gain more.
///
/// # Errors
/// What the kernel said, in one sentence.
pub fn keep_to_ask() -> Result<(), String> {
    let had = caps::read(None, CapSet::Permitted).map_err(said)?;
    let kept: CapsHashSet = TO_ASK.into_iter().filter(|c| had.contains(c)).collect();
    if had.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::runtime::thread_all_supported().into_iter().filter(|c| !kept.contains(c)) {
            caps::drop(None, CapSet::Bounding, capability).map_err(said)?;
        }
    }
    keep(&kept)
}

/// Keeps nothing: from here on only what was answered is read. It costs five system calls.
///
/// # Errors
/// What the kernel said, in one sentence.
pub fn keep_nothing() -> Result<(), String> {
    keep(&CapsHashSet::new())
}

fn keep(kept: &CapsHashSet) -> Result<(), String> {
    nix::sys::prctl::set_no_new_privs().map_err(|errno| format!("cannot give up new privileges: {errno}"))?;
    caps::clear(None, CapSet::Inheritable).map_err(said)?;
    // Effective ones first: they must be among the permitted ones at every moment.
    caps::set(None, CapSet::Effective, kept).map_err(said)?;
    caps::set(None, CapSet::Permitted, kept).map_err(said)
}

fn said(error: CapsError) -> String {
    format!("cannot give up capabilities: {error}")
}

//! Drops capabilities as soon as they are no longer needed: before the program listens on the network, and before it
//! parses untrusted text.
//!
//! This is not a sandbox: the user's files stay accessible, and further recording needs powerful capabilities.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// Capabilities for recording. Device-mapper's ioctls need the first (drivers/md/dm-ioctl.c, `dm_ctl_ioctl`), the
/// kernel log needs the second if `kernel.dmesg_restrict` is set.
const RECORDING: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_SYSLOG];

/// Drops all capabilities except those for recording, for this process and its children, which cannot gain new ones.
///
/// # Errors
/// The kernel's error, in one sentence.
pub fn keep_to_ask() -> Result<(), String> {
    let had = caps::read(None, CapSet::Permitted).map_err(sentence)?;
    let kept: CapsHashSet = RECORDING.into_iter().filter(|c| had.contains(c)).collect();
    if had.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::runtime::thread_all_supported().into_iter().filter(|c| !kept.contains(c)) {
            caps::drop(None, CapSet::Bounding, capability).map_err(sentence)?;
        }
    }
    keep(&kept)
}

/// Drops all capabilities. Takes five system calls.
///
/// # Errors
/// The kernel's error, in one sentence.
pub fn keep_nothing() -> Result<(), String> {
    keep(&CapsHashSet::new())
}

fn keep(kept: &CapsHashSet) -> Result<(), String> {
    nix::sys::prctl::set_no_new_privs().map_err(|errno| format!("cannot give up new privileges: {errno}"))?;
    caps::clear(None, CapSet::Inheritable).map_err(sentence)?;
    // Effective ones first: they must always be a subset of the permitted ones.
    caps::set(None, CapSet::Effective, kept).map_err(sentence)?;
    caps::set(None, CapSet::Permitted, kept).map_err(sentence)
}

fn sentence(error: CapsError) -> String {
    format!("cannot give up capabilities: {error}")
}

//! Takes a pool's metadata snapshot when the user asks for it, and releases it in every case.
//! This is the only write to a pool that this program makes. It refuses if taking a snapshot could harm the pool or if
//! another program holds one, and never releases a snapshot of another program.
//!
//! **Release.** A child process, the `guardian`, takes the snapshot and waits until its parent no longer needs it or
//! ends: by a signal, a panic (which aborts), or SIGKILL. If the guardian is killed, the parent releases the snapshot.
//! Only if both are killed at once does it stay held; the next run then reports it.

mod guardian;
mod messages;

use crate::host::Host;
use crate::host::dm::status::{HeldRoot, Mode};
use crate::host::model::pool::Pool;
use crate::host::parse::version::{el7_build, version};
use guardian::Guardian;
use nix::errno::Errno;
use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use messages::release_command;

/// The result of taking or releasing a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The snapshot was taken.
    Taken(messages::Own),
    /// The snapshot was released.
    Released,
    /// The snapshot was gone, or another was held instead; the reason.
    Lost(String),
    /// The pool refused, or could not be asked; the reason.
    Failed(String),
}

/// First kernel without a known corruption by metadata snapshots (google/cadvisor pull requests 1409, 1411).
const SOUND_KERNEL: (u32, u32) = (4, 4);
/// First safe RHEL 7 build of kernel 3.10.0: `3.10.0-366.el7`.
const SOUND_EL7: u32 = 366;

/// A metadata snapshot that this process's guardian holds.
#[derive(Debug)]
pub struct Snapshot {
    own: messages::Own,
    guardian: Guardian,
}

/// Why a snapshot could not be taken or released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No snapshot was taken; the reason.
    NotTaken(String),
    /// Another program released it meanwhile, so there is nothing of ours to release; the reason.
    NotOurs(String),
    /// The snapshot may still be held; the reason.
    NotReleased(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken(why) => write!(f, "the metadata snapshot was not taken: {why}"),
            Self::NotOurs(why) => write!(f, "the metadata snapshot was released by somebody else: {why}"),
            Self::NotReleased(why) => write!(f, "the metadata snapshot may still be held: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Why no metadata snapshot of the pool may be taken now; `None` if one may be taken.
#[must_use]
pub fn refusal(host: &Host, pool: &Pool) -> Option<String> {
    let release = host.kernel.release.as_deref();
    if !release.is_some_and(is_sound) {
        let kernel = release.unwrap_or("of unknown version");
        return Some(format!(
            "this kernel, {kernel}, may corrupt a pool whose metadata snapshot is taken (fixed in 4.4 and in RHEL 7's \
             3.10.0-366)"
        ));
    }
    let Some(name) = pool.name.as_deref() else { return Some("the pool's name is not known".to_owned()) };
    state_refusal(pool).map(str::to_owned).or_else(|| match pool.held_root {
        Some(HeldRoot::Block(block)) => Some(format!(
            "somebody holds one already (metadata block {block}), and a pool has only one: read through it with \
             --held-root, or, if no program uses it any more, release it: {}",
            release_command(name)
        )),
        Some(HeldRoot::No) => None,
        None => Some("the kernel does not say whether somebody holds one".to_owned()),
    })
}

/// Why the pool's state forbids a snapshot: the kernel would refuse the message (drivers/md/dm-thin.c, `pool_message`),
/// or the metadata could run full, because every block that changes while a snapshot is held is copied.
fn state_refusal(pool: &Pool) -> Option<&'static str> {
    let (used, total) = (pool.metadata.used.map(|b| b.0), pool.metadata.total.map(|b| b.0));
    // The kernel's own threshold: a quarter, at most 1024 blocks (drivers/md/dm-thin.c, `calc_metadata_threshold`).
    let low = used.zip(total).is_none_or(|(used, total)| total.saturating_sub(used) < (total / 4).min(1024));
    match &pool.mode {
        _ if pool.suspended == Some(true) => Some("the pool is suspended"),
        _ if pool.needs_check == Some(true) => Some("the pool is marked needs_check"),
        Some(Mode::ReadOnly) => Some("the pool is read-only"),
        Some(Mode::Failed) => Some("the pool has failed"),
        Some(Mode::ReadWrite | Mode::OutOfDataSpace) if low => {
            Some("the pool's metadata is nearly full, and every change costs more of it while one is held")
        }
        Some(Mode::ReadWrite | Mode::OutOfDataSpace) => None,
        Some(Mode::Other(_)) | None => Some("the pool's state is not known"),
    }
}

/// Whether taking metadata snapshots is safe on this kernel release.
fn is_sound(release: &str) -> bool {
    version(release) >= Some(SOUND_KERNEL) || el7_build(release) >= Some(SOUND_EL7)
}

impl Snapshot {
    /// Starts a guardian that takes a metadata snapshot of the named pool. `metadata` is the path of the pool's
    /// metadata device. Forks, so the caller must have only one thread.
    ///
    /// # Errors
    /// [`Error::NotTaken`], also if the pool does not answer within `limit`; a snapshot taken later is released.
    pub fn take(name: &str, metadata: &Path, limit: Duration) -> Result<Self, Error> {
        let not_started =
            |errno: Errno| Error::NotTaken(format!("no process could be started for it: {}", errno.desc()));
        let mut guardian = Guardian::start(name, metadata).map_err(not_started)?;
        match guardian.report(limit) {
            Some(Outcome::Taken(own)) => Ok(Self { own, guardian }),
            Some(Outcome::Failed(why)) => Err(Error::NotTaken(why)),
            Some(_) | None => Err(Error::NotTaken(
                "the pool did not answer; if it still does, the snapshot is released at once".to_owned(),
            )),
        }
    }

    /// The metadata block of the snapshot.
    #[must_use]
    pub const fn block(&self) -> u64 {
        self.own.block
    }

    /// Releases the snapshot.
    ///
    /// # Errors
    /// [`Error::NotOurs`] and [`Error::NotReleased`], also if the pool does not answer within `limit`.
    pub fn release(mut self, limit: Duration) -> Result<(), Error> {
        self.guardian.dismiss();
        match self.guardian.report(limit) {
            Some(Outcome::Released) => Ok(()),
            Some(Outcome::Lost(why)) => Err(Error::NotOurs(why)),
            Some(Outcome::Failed(why)) => Err(Error::NotReleased(why)),
            Some(Outcome::Taken(_)) => Err(Error::NotReleased("its guardian is confused".to_owned())),
            None if self.guardian.is_gone() => match self.own.release() {
                Outcome::Released => Ok(()),
                Outcome::Lost(why) => Err(Error::NotOurs(why)),
                Outcome::Failed(why) => Err(Error::NotReleased(why)),
                Outcome::Taken(_) => Ok(()),
            },
            None => Err(Error::NotReleased("the pool does not answer".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;

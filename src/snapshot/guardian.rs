//! A child process that holds a metadata snapshot, and releases it when the parent asks for it or ends.
//! It survives the parent: it blocks all signals that can be blocked and runs in its own session.

use super::Outcome;
use super::messages::{self, Own};
use crate::record::probe::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The parent's handle to a guardian process.
#[derive(Debug)]
pub(super) struct Guardian {
    name: String,
    metadata: PathBuf,
    /// Write end of a pipe. When it is closed, also by the end of this process, the guardian releases the snapshot.
    leash: Option<OwnedFd>,
    reports: File,
    /// The guardian closed its end of `reports`.
    gone: bool,
}

impl Guardian {
    /// Starts a guardian, which takes a snapshot at once.
    pub(super) fn start(name: &str, metadata: &Path) -> Result<Self, Errno> {
        let (leash_in, leash) = pipe2(OFlag::O_CLOEXEC)?;
        let (reports, reports_out) = pipe2(OFlag::O_CLOEXEC)?;
        sys::fork(|| {
            detach(&leash_in, &reports_out);
            guard(name, metadata, File::from(leash_in), File::from(reports_out));
        })?;
        Ok(Self {
            name: name.to_owned(),
            metadata: metadata.to_owned(),
            leash: Some(leash),
            reports: File::from(reports),
            gone: false,
        })
    }

    /// Tells the guardian to release the snapshot and end.
    pub(super) fn dismiss(&mut self) {
        self.leash = None;
    }

    /// Whether the guardian ended without the report that was waited for.
    pub(super) const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Waits at most `limit` for the guardian's next report; `None` if none comes.
    pub(super) fn report(&mut self, limit: Duration) -> Option<Outcome> {
        let deadline = Instant::now() + limit;
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.reports.as_fd(), PollFlags::POLLIN)], left) {
                Ok(0) => return None,
                Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(_) => return None,
            }
            let mut byte = [0];
            match self.reports.read(&mut byte) {
                Ok(1) => line.extend(byte),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.gone = true;
                    return None;
                }
            }
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "taken" => Some(Outcome::Taken(Own::at(&self.name, &self.metadata, rest.parse().ok()?))),
            "released" => Some(Outcome::Released),
            "lost" => Some(Outcome::Lost(rest.to_owned())),
            _ => Some(Outcome::Failed(rest.to_owned())),
        }
    }
}

/// The guardian's main function.
fn guard(name: &str, metadata: &Path, mut leash: File, mut reports: File) {
    let own = match messages::take(name, metadata) {
        Ok(own) => own,
        Err(why) => return tell(&mut reports, &format!("failed {why}")),
    };
    tell(&mut reports, &format!("taken {}", own.block));
    // The parent never writes to the pipe; the read returns when the write end is closed.
    while let Err(error) = leash.read(&mut [0]) {
        if error.kind() != std::io::ErrorKind::Interrupted {
            break;
        }
    }
    match own.release() {
        Outcome::Lost(why) => tell(&mut reports, &format!("lost {why}")),
        Outcome::Failed(why) => tell(&mut reports, &format!("failed {why}")),
        Outcome::Released | Outcome::Taken(_) => tell(&mut reports, "released"),
    }
}

/// Reports to the parent. If the parent has ended, the write fails, which does not matter.
fn tell(reports: &mut File, line: &str) {
    let _ = reports.write_all(format!("{}\n", line.replace('\n', " ")).as_bytes());
}

/// Detaches the guardian from its parent: signals, session, standard streams and inherited descriptors.
fn detach(leash: &OwnedFd, reports: &OwnedFd) {
    let _ = SigSet::all().thread_block();
    // Fails only for a process group leader, and a process that was just forked is not one.
    let _ = setsid();
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    }
    sys::keep_only(leash, reports);
}

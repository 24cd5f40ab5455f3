//! Reads a pool's usage in the background, with `thinspect usage` as a child process.
//!
//! Reading the metadata can take long, or hang if the device is stuck. The interface must not wait for it.

use crate::report::usage::By;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe2, read};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

/// A running `thinspect usage`, killed when dropped.
pub(super) struct UsageReader {
    child: Child,
    output: OwnedFd,
    text: Vec<u8>,
}

impl UsageReader {
    /// Starts `thinspect usage` for a pool.
    pub(super) fn start(arguments: &[OsString], pool: Option<&str>, by: By) -> Result<Self> {
        let (output, input) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let child = Command::new(std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()))
            .args(["usage", "--color", "never", "--by", by.word()])
            .args(arguments)
            .args(pool.map(|name| format!("--pool={name}")))
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()
            .context("cannot run this program again to read the metadata")?;
        Ok(Self { child, output, text: Vec::new() })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// The lines that the child printed, once it has closed its output; `None` before.
    pub(super) fn ready(&mut self) -> Result<Option<Vec<String>>> {
        let mut piece = [0; 16 * 1024];
        loop {
            match read(&self.output, &mut piece) {
                Ok(0) => break,
                Ok(length) => self.text.extend_from_slice(piece.get(..length).unwrap_or_default()),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Some(String::from_utf8_lossy(&self.text).lines().map(str::to_owned).collect()))
    }
}

impl Drop for UsageReader {
    fn drop(&mut self) {
        // The child may be stuck in the kernel, so its end is not waited for.
        let _ = self.child.kill();
        let _ = self.child.try_wait();
    }
}

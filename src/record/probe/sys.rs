//! System calls without a safe wrapper: fork, `_exit`, closing inherited descriptors, and `LOOP_GET_STATUS64`.
//!
//! No other file of the program may contain unsafe code.
#![allow(unsafe_code, reason = "neither nix nor devicemapper wraps these calls safely")]

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::stat::{major, minor};
use nix::unistd::{ForkResult, Pid};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Runs `run` in a new process, which then exits. The caller should have only one thread: a lock that another thread
/// holds stays locked in the new process.
///
/// # Errors
/// The errno of fork(2), such as `EAGAIN` if no more processes are allowed.
pub(crate) fn fork(run: impl FnOnce()) -> Result<Pid, Errno> {
    // SAFETY: the child runs ordinary code on its copy of this process and never returns into the caller's
    // stack: it leaves by `_exit`, after a panic too, so that nothing of the parent's is flushed or dropped
    // twice. glibc makes its allocator usable after fork.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // In the release build a panic aborts and is not caught: the process ends by SIGABRT and never returns.
            let code = i32::from(catch_unwind(AssertUnwindSafe(run)).is_err());
            // SAFETY: `_exit` has no preconditions.
            unsafe { libc::_exit(code) }
        }
    }
}

/// Closes every descriptor from 3 on except two. Only for a process that was just forked: no other owner of a
/// descriptor may run again in it.
pub(crate) fn keep_only(one: &OwnedFd, other: &OwnedFd) {
    let (low, high) = {
        let (a, b) = (one.as_raw_fd(), other.as_raw_fd());
        (a.min(b), a.max(b))
    };
    for (first, last) in [(3, low - 1), (low + 1, high - 1), (high + 1, RawFd::MAX)] {
        if first <= last && !close_range(first, last) {
            close_one_by_one(first, last);
        }
    }
}

fn close_range(first: RawFd, last: RawFd) -> bool {
    let (Ok(first), Ok(last)) = (libc::c_ulong::try_from(first), libc::c_ulong::try_from(last)) else {
        return true;
    };
    // SAFETY: the call takes three numbers and touches no memory; see `keep_only` for the owners of the descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0 as libc::c_ulong) == 0 }
}

/// For kernels before 5.9, which have no `close_range`.
fn close_one_by_one(first: RawFd, last: RawFd) {
    let open: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(names) => names.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect(),
        Err(_) => (first..last.min(4096)).collect(),
    };
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        // SAFETY: as in `close_range`; closing a number that is not open only returns EBADF.
        unsafe { libc::close(fd) };
    }
}

/// The process group of the running command; 0 if none runs.
static COMMAND: AtomicI32 = AtomicI32::new(0);
/// Whether this is a worker process, which ends with its parent.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Sets the process group of the running command, or `None` once it has ended. A worker gets a signal when its parent
/// ends: SIGTERM while a command runs, whose handler also kills the command's group; otherwise SIGKILL, which also ends
/// sleeps in the kernel that SIGTERM does not.
pub(super) fn note_command(group: Option<Pid>) {
    COMMAND.store(group.map_or(0, Pid::as_raw), Ordering::Relaxed);
    let signal = if group.is_some() { Signal::SIGTERM } else { Signal::SIGKILL };
    if IS_WORKER.load(Ordering::Relaxed) {
        let _ = nix::sys::prctl::set_pdeathsig(signal);
    }
}

/// Makes this process end with `parent`, together with the command that it runs. Only for a process that was just
/// forked.
pub(super) fn end_with(parent: Pid) {
    let end = SigAction::new(SigHandler::Handler(end_with_command), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler calls kill and _exit alone, which are async-signal-safe, and reads one atomic.
    let _ = unsafe { sigaction(Signal::SIGTERM, &end) };
    IS_WORKER.store(true, Ordering::Relaxed);
    note_command(None);
    if nix::unistd::getppid() != parent {
        // The parent ended before the signal was set up.
        end_with_command(libc::SIGTERM);
    }
}

extern "C" fn end_with_command(signal: libc::c_int) {
    let group = COMMAND.load(Ordering::Relaxed);
    // SAFETY: neither call touches memory. If the group is gone, `kill` fails without effect.
    unsafe {
        if group > 0 {
            libc::kill(-group, libc::SIGKILL);
        }
        libc::_exit(128 + signal);
    }
}

/// Starts a command that is killed when this process ends, and remembers its process group.
pub(super) fn start_command(command: &mut Command) -> std::io::Result<Child> {
    let is_worker = IS_WORKER.load(Ordering::Relaxed);
    let end = SigSet::from(Signal::SIGTERM);
    if is_worker {
        // A SIGTERM before the group is known would leave the command's children running.
        let _ = end.thread_block();
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM);
    }
    let parent = nix::unistd::getpid();
    let end_with_parent = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        if nix::unistd::getppid() == parent { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only prctl and getppid are called, and nothing is allocated. The standard library
    // gives the command an empty signal mask.
    unsafe { command.pre_exec(end_with_parent) };
    let started = command.spawn();
    let group = started.as_ref().ok().and_then(|child| i32::try_from(child.id()).ok());
    note_command(group.map(Pid::from_raw));
    if is_worker {
        let _ = end.thread_unblock();
    }
    started
}

/// The state of a loop device (`struct loop_info64`, include/uapi/linux/loop.h).
pub(in crate::record) struct LoopInfo {
    /// Device of the backing file.
    pub(in crate::record) dev: (u64, u64),
    /// Inode of the backing file.
    pub(in crate::record) inode: u64,
    /// Offset of the device in the file, in bytes.
    pub(in crate::record) offset: u64,
    /// Size limit in bytes; 0 for none.
    pub(in crate::record) sizelimit: u64,
    /// 1 read-only, 4 autoclear, 8 partition scan, 16 direct I/O.
    pub(in crate::record) flags: u32,
}

const LOOP_GET_STATUS64: u32 = 0x4C05;

/// The state of a loop device. The descriptor may be read-only.
///
/// # Errors
/// `ENXIO` if no file is attached, or the backing filesystem's error.
pub(in crate::record) fn loop_info(device: BorrowedFd<'_>) -> Result<LoopInfo, Errno> {
    let mut words = [0_u64; 232 / 8];
    let at = words.as_mut_ptr();
    // SAFETY: the kernel writes one `struct loop_info64`, 232 bytes on every architecture, to memory of just
    // that size; a device that is no loop device refuses an unknown request without writing.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64 as _, at) })?;
    let [dev, inode, _, offset, sizelimit, _, half_flags, ..] = words;
    let [_, _, _, _, a, b, c, d] = half_flags.to_ne_bytes();
    let flags = u32::from_ne_bytes([a, b, c, d]);
    Ok(LoopInfo { dev: (major(dev), minor(dev)), inode, offset, sizelimit, flags })
}

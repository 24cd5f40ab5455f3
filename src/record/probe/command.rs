//! Runs fixed read-only commands, without a shell and with a time limit.
//!
//! Never passes arguments from outside to a command: a name selects a complete command line in [`COMMANDS`]. The only
//! exception is the path in `signatures`, which the caller has checked to be a block device.

use crate::record::Outcome;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A command that may be run.
#[derive(Debug)]
pub struct Fixed {
    /// Its name in queries.
    pub name: &'static str,
    /// The program and its arguments. If the program does not know an argument, the next line is tried.
    pub lines: &'static [&'static [&'static str]],
    /// Time limit.
    pub limit: Duration,
}

const LVM: Duration = Duration::from_secs(2);
const VERSION: Duration = Duration::from_secs(1);

/// LVM must not write metadata, wait for a stuck device, or save hints and logs.
const QUIET: &str = "global{metadata_read_only=1} devices{ignore_suspended_devices=1 hints=\"none\"} \
                     log{silent=1 syslog=0}";
/// The same for LVM before 2.03, which has no `--nolocking`.
const QUIET_OLD: &str = "global{metadata_read_only=1 locking_type=0} devices{ignore_suspended_devices=1} \
                         log{syslog=0}";

macro_rules! lvs {
    ($($more:literal)?) => {
        concat!(
            "vg_name,lv_name,lv_uuid,lv_attr,lv_size,pool_lv,origin,data_percent,metadata_percent,lv_when_full,",
            "lv_profile,chunk_size,transaction_id,lv_health_status,discards,zero,lv_metadata_size" $(, $more)?
        )
    };
}
const LVS: &str = lvs!();
const LVS_MONITOR: &str = lvs!(",seg_monitor");
const VGS: &str = "vg_name,vg_attr,vg_size,vg_free,vg_extent_size,vg_extent_count,vg_free_count,vg_profile,\
                   pv_count,lv_count,snap_count";
const PVS: &str = "pv_name,vg_name,pv_attr,pv_size,pv_free,dev_size,pv_missing";

macro_rules! report {
    ($program:literal, $($all:literal,)? $fields:ident) => {
        &[
            &[
                $program, $($all,)? "--reportformat", "json", "--units", "b", "--nosuffix", "--nolocking", "--config",
                QUIET, "-o", $fields,
            ],
            &[
                $program, $($all,)? "--reportformat", "json", "--units", "b", "--nosuffix", "--config", QUIET_OLD,
                "-o", $fields,
            ],
        ]
    };
}

/// All commands. `lvs -o +seg_monitor` is a command of its own, because that field starts dmeventd if it does not run
/// (lvm2 daemons/dmeventd/libdevmapper-event.c), and waits for it if it does.
pub const COMMANDS: &[Fixed] = &[
    Fixed { name: "lvs", lines: report!("lvs", "-a", LVS), limit: LVM },
    Fixed { name: "lvs -o +seg_monitor", lines: report!("lvs", "-a", LVS_MONITOR), limit: LVM },
    Fixed { name: "vgs", lines: report!("vgs", VGS), limit: LVM },
    Fixed { name: "pvs", lines: report!("pvs", PVS), limit: LVM },
    Fixed { name: "dockerd --version", lines: &[&["dockerd", "--version"]], limit: VERSION },
    Fixed { name: "dockerd-current --version", lines: &[&["dockerd-current", "--version"]], limit: VERSION },
    Fixed { name: "docker --version", lines: &[&["docker", "--version"]], limit: VERSION },
];

/// Search path for programs.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/snap/bin";

/// Time limit for reading the signatures of a device; a disk may have to spin up.
const PROBE: Duration = Duration::from_secs(4);

/// Most bytes kept of a command's output.
const LIMIT_OUTPUT: usize = 4 << 20;
/// LVM's exit status for unknown arguments (`EINVALID_CMD_LINE`, lib/commands/errors.h).
const UNKNOWN_ARGUMENT: i32 = 3;

/// Runs a command by its name in [`COMMANDS`]. `patience` extends the command's time limit, if it is longer.
pub(super) fn run(name: &str, patience: Duration) -> Result<String, Outcome> {
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        return Err(Outcome::NotAsked("not one of the commands that may be run".to_owned()));
    };
    let mut result = Err(Outcome::refused(Errno::ENOENT));
    for line in command.lines {
        let (outcome, has_unknown_argument) = attempt(line, command.limit.max(patience));
        result = outcome;
        if !has_unknown_argument {
            break;
        }
    }
    result
}

/// The signatures that `blkid` finds on the block device at this absolute path, without using its cache. It exits with
/// 2 and no output if there are none, and with 8 if there are several kinds (blkid(8)).
pub(super) fn signatures(node: &str) -> Result<String, Outcome> {
    match attempt(&["blkid", "-p", "-o", "export", "--", node], PROBE).0 {
        Err(Outcome::Refused(why)) if why == "exit 2: " => Ok(String::new()),
        Err(Outcome::Refused(why)) if why.starts_with("exit 8") => Ok("ambivalent\n".to_owned()),
        other => other,
    }
}

/// Runs a program. Returns the outcome, and whether the program did not know an argument.
pub(super) fn attempt(line: &[&str], limit: Duration) -> (Result<String, Outcome>, bool) {
    let Some((program, arguments)) = line.split_first() else {
        return (Err(Outcome::refused(Errno::EINVAL)), false);
    };
    // Opened here, because otherwise a missing /dev/null would be reported as a missing program.
    let Ok(nothing) = File::open("/dev/null") else {
        let why = "ENODEV: /dev/null cannot be opened here, so that no command can be run";
        return (Err(Outcome::Refused(why.to_owned())), false);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .env("LVM_SUPPRESS_FD_WARNINGS", "1")
        .env("LVM_SUPPRESS_SYSLOG", "1")
        .current_dir("/")
        .stdin(nothing)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    match super::sys::start_command(&mut command) {
        Ok(child) => {
            let outcome = finish(child, limit);
            super::sys::note_command(None);
            outcome
        }
        Err(error) => (Err(super::refused_io(&error)), false),
    }
}

/// The process group that a command leads.
fn group(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().map(Pid::from_raw)
}

fn finish(mut child: Child, limit: Duration) -> (Result<String, Outcome>, bool) {
    let deadline = Instant::now() + limit;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = gather(&mut child, &mut out, &mut err, deadline) && wait(&mut child, deadline);
    if !ended {
        // Kill the whole group, in case it started helpers. A process in uninterruptible sleep is abandoned.
        if let Some(group) = group(&child) {
            let _ = killpg(group, Signal::SIGKILL);
        }
        wait(&mut child, Instant::now() + Duration::from_millis(20));
        return (Err(Outcome::TimedOut(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))), false);
    }
    let out = String::from_utf8_lossy(&out).into_owned();
    match child.try_wait().ok().flatten() {
        Some(status) if status.success() => (Ok(out), false),
        status => {
            let code = status.and_then(|s| s.code());
            let words = String::from_utf8_lossy(&err).trim().replace('\n', "; ");
            let exit = code.map_or_else(|| "killed".to_owned(), |c| format!("exit {c}"));
            (Err(Outcome::Refused(format!("{exit}: {words}"))), code == Some(UNKNOWN_ARGUMENT))
        }
    }
}

/// Reads both outputs to their ends; false if the deadline came first.
fn gather(child: &mut Child, out: &mut Vec<u8>, err: &mut Vec<u8>, deadline: Instant) -> bool {
    let out = child.stdout.take().map(|pipe| (File::from(OwnedFd::from(pipe)), out));
    let err = child.stderr.take().map(|pipe| (File::from(OwnedFd::from(pipe)), err));
    let mut open: Vec<(File, &mut Vec<u8>)> = out.into_iter().chain(err).collect();
    while !open.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut fds: Vec<PollFd<'_>> =
            open.iter().map(|(pipe, _)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)).collect();
        match poll(&mut fds, left) {
            Ok(0) => return false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut ready = ready.into_iter();
        open.retain_mut(|(pipe, bytes)| !ready.next().unwrap_or(false) || more(pipe, bytes));
    }
    true
}

/// Reads available output; false at the end, or if the output is too long.
fn more(from: &mut File, to: &mut Vec<u8>) -> bool {
    let mut piece = [0_u8; 16 * 1024];
    match from.read(&mut piece) {
        Ok(0) | Err(_) => false,
        Ok(length) => {
            to.extend_from_slice(piece.get(..length).unwrap_or_default());
            to.len() < LIMIT_OUTPUT
        }
    }
}

/// Whether the child ended before the deadline.
fn wait(child: &mut Child, deadline: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(_)) | Err(_) => return true,
            Ok(None) if Instant::now() >= deadline => return false,
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_exit_status_are_kept() {
        assert_eq!(attempt(&["echo", "a"], VERSION).0, Ok("a\n".to_owned()));
        let (said, again) = attempt(&["sh", "-c", "echo no >&2; exit 3"], VERSION);
        assert_eq!((said, again), (Err(Outcome::Refused("exit 3: no".to_owned())), true));
        assert_eq!(attempt(&["no-such-program"], VERSION).0, Err(Outcome::refused(Errno::ENOENT)));
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let started = Instant::now();
        let limit = Duration::from_millis(100);
        // The helper keeps the pipe open after its parent is gone.
        assert_eq!(attempt(&["sh", "-c", "sleep 30 & exit 0"], limit).0, Err(Outcome::TimedOut(100)));
        assert_eq!(attempt(&["sleep", "30"], limit).0, Err(Outcome::TimedOut(100)));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn only_listed_commands_are_run() {
        assert!(matches!(run("sh", Duration::ZERO), Err(Outcome::NotAsked(_))));
        assert!(matches!(run("lvs; true", Duration::ZERO), Err(Outcome::NotAsked(_))));
    }
}

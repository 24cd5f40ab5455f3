//! Real programs that tests run: their location after `scripts/setup fleet`, starting, waiting and ending.

use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// An unpacked file by its path in the package.
pub(crate) fn unpacked(path: &str) -> PathBuf {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = || var("XDG_CACHE_HOME").unwrap_or_else(|| var("HOME").unwrap().join(".cache"));
    let path = var("THINSPECT_FLEET_CACHE").unwrap_or_else(|| cache().join("thinspect/fleet")).join(path);
    assert!(path.exists(), "{} is missing: run scripts/setup fleet", path.display());
    path
}

/// An unpacked program, with the unpacked libraries beside it.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(unpacked(path));
    command.env("LD_LIBRARY_PATH", unpacked("usr/lib/x86_64-linux-gnu"));
    command
}

/// Standard output and standard error.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", said(&output));
    said(&output)
}

/// A child process that is terminated on drop.
pub(crate) struct Running(Child);

impl Drop for Running {
    /// A polite signal first: some have children of their own to end.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let end = Instant::now() + Duration::from_secs(5);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn run(command: &mut Command, log: &Path) -> Running {
    let log = std::fs::File::create(log).unwrap();
    Running(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Retries until there is an answer.
pub(crate) fn wait_for<T>(what: &str, seconds: u64, log: &Path, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        let text = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(Instant::now() < end, "not within {seconds} s: {what}\n{}", text());
        std::thread::sleep(Duration::from_millis(200));
    }
}

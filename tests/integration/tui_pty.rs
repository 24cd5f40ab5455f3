//! The whole screen on a real terminal: the terminal is restored however the program ends, and a terminal that closes
//! ends the program.

use crate::support::tests;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Far longer than any step takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(30);
/// Text on the screen once it is drawn.
const POOL: &str = "docker-254:0-7356-pool";
/// The text that is drawn last.
const LAST: &str = "quit";
/// Switches back to the primary screen.
const LEFT: &str = "\u{1b}[?1049l";

/// A user's terminal with the program on it. It is not a controlling terminal: closing it sends no signal.
struct Seat {
    /// The user's end; the program has the other.
    here: Option<OwnedFd>,
    there: OwnedFd,
    program: Child,
    drawn: Vec<u8>,
    /// The terminal's modes before the program started.
    before: Modes,
}

/// Every mode that a program can set.
type Modes = [u32; 4];

fn modes(terminal: &OwnedFd) -> Modes {
    let all = tcgetattr(terminal).unwrap();
    [all.input_modes.bits(), all.output_modes.bits(), all.control_modes.bits(), all.local_modes.bits()]
}

impl Seat {
    /// Starts the program and waits until the whole screen is drawn.
    fn take() -> Self {
        let here = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&here).unwrap();
        unlockpt(&here).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let there = rustix::fs::open(ptsname(&here, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
        tcsetwinsize(&there, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = modes(&there);
        let side = || there.try_clone().unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_thinspect"))
            .args(["watch", "--full-screen", "--from"])
            .arg(tests("hosts/capture-min-free-space-error/input.txt"))
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let mut seat = Self { here: Some(here), there, program, drawn: Vec::new(), before };
        seat.until("the pool is drawn", |seat| seat.text().contains(POOL) && seat.text().contains(LAST));
        assert!(seat.has_it(), "keys are read one by one");
        seat
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.drawn).into_owned()
    }

    /// Whether the program has put the terminal into raw mode.
    fn has_it(&self) -> bool {
        !tcgetattr(&self.there).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// Whether a signal stopped the program: the state after its name in parentheses (proc(5)).
    fn is_stopped(&mut self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.program.id())).unwrap();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }

    /// Reads output until a condition holds.
    fn until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let end = Instant::now() + LONG;
        while !holds(self) {
            assert!(Instant::now() < end, "not within {LONG:?}: {what}\n{}", self.text());
            self.read();
        }
    }

    fn read(&mut self) {
        let soon = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let Some(here) = &self.here else {
            std::thread::sleep(Duration::from_millis(20));
            return;
        };
        if poll(&mut [PollFd::new(here, PollFlags::IN)], Some(&soon)).unwrap() > 0 {
            let mut bytes = [0; 4096];
            let count = rustix::io::read(here, &mut bytes).unwrap();
            self.drawn.extend(bytes.iter().take(count));
        }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.program), signal).unwrap();
    }

    fn press(&self, key: u8) {
        rustix::io::write(self.here.as_ref().unwrap(), &[key]).unwrap();
    }

    /// Expects that the program ends successfully.
    fn ends(&mut self) {
        self.until("the program has ended", |seat| seat.program.try_wait().unwrap().is_some());
        let status = self.program.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.text());
    }

    /// Expects the terminal's original modes, on the primary screen.
    fn has_its_terminal_back(&mut self) {
        self.until("the screen is left", |seat| seat.text().contains(LEFT));
        self.until("the terminal's modes are as before", |seat| modes(&seat.there) == seat.before);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn signals_and_a_key_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut seat = Seat::take();
        seat.send(signal);
        seat.ends();
        seat.has_its_terminal_back();
    }
    let mut seat = Seat::take();
    seat.press(b'q');
    seat.ends();
    seat.has_its_terminal_back();
}

/// On signals that end a program with a core dump, the terminal is restored first.
#[test]
fn whatever_leaves_a_core_leaves_the_terminal_before() {
    use std::os::unix::process::ExitStatusExt;
    for signal in [Signal::QUIT, Signal::ABORT] {
        let mut seat = Seat::take();
        seat.send(signal);
        seat.until("the program has ended", |seat| seat.program.try_wait().unwrap().is_some());
        seat.has_its_terminal_back();
        assert_eq!(seat.program.wait().unwrap().signal(), Some(signal.as_raw()), "it ends as it was told");
    }
}

/// A terminal without capabilities gets a plain message, without escapes.
#[test]
fn a_dumb_terminal_gets_words() {
    let here = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&here).unwrap();
    unlockpt(&here).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let there = rustix::fs::open(ptsname(&here, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    let side = || there.try_clone().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_thinspect"))
        .args(["watch", "--full-screen", "--from"])
        .arg(tests("hosts/capture-min-free-space-error/input.txt"))
        .env("TERM", "dumb")
        .stdin(side())
        .stdout(side())
        .stderr(side())
        .spawn()
        .unwrap();
    let before = modes(&there);
    let mut seat = Seat { here: Some(here), there, program, drawn: Vec::new(), before };
    seat.until("it says why", |seat| seat.text().contains("TERM says so"));
    assert!(!seat.text().contains('\u{1b}'), "{}", seat.text());
    // Control: another terminal gets escapes.
    assert!(Seat::take().text().contains('\u{1b}'));
}

#[test]
fn it_lends_the_terminal_while_it_is_stopped() {
    let mut seat = Seat::take();
    seat.send(Signal::TSTP);
    seat.has_its_terminal_back();
    seat.until("the program has stopped", Seat::is_stopped);
    seat.drawn.clear();
    seat.send(Signal::CONT);
    seat.until("the pool is drawn again", |seat| seat.text().contains(POOL));
    assert!(seat.has_it(), "keys are read one by one again");
    seat.press(b'q');
    seat.ends();
    seat.has_its_terminal_back();
}

/// A closed terminal reads as empty forever, so a program that retries would never end.
#[test]
fn it_ends_with_its_terminal() {
    let mut seat = Seat::take();
    seat.here = None;
    seat.ends();
}

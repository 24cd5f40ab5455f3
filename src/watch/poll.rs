//! Waits for whichever comes first: a device-mapper event, a signal, a key, or the time.
//!
//! Between those it costs nothing. It cannot be driven: where events come faster than ten a second, as while
//! containers are made and removed, they are gathered.

use crate::record::probe::dm_events::Events;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The least time between two looks.
const LEAST: Duration = Duration::from_millis(100);

/// Why the waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Some device had an event.
    Event,
    /// It was time.
    Time,
    /// One of the other descriptors has something to read.
    Input,
    /// A signal came.
    Signal(Signal),
}

/// Who waits.
pub struct Waiter {
    events: Option<Events>,
    signals: SignalFd,
    looked: Instant,
    /// An event came sooner after a look than it may be answered.
    early: bool,
}

impl Waiter {
    /// Keeps signals from ending the program: they are told instead. With `stops`, also those of Ctrl-Z and Ctrl-\, and
    /// that of an abort.
    ///
    /// # Errors
    /// Where the system has no descriptor to give.
    pub fn new(events: Option<Events>, stops: bool) -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        let kept = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH, Signal::SIGCONT];
        // Those that leave a core only where the terminal has to be given back before.
        let drawn = [Signal::SIGTSTP, Signal::SIGQUIT, Signal::SIGABRT];
        kept.into_iter().chain(drawn.into_iter().filter(|_| stops)).for_each(|s| set.add(s));
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { events, signals, looked: Instant::now(), early: false })
    }

    /// Whether the kernel wakes it, or only the time.
    #[must_use]
    pub const fn by_events(&self) -> bool {
        self.events.is_some()
    }

    /// To be called before each look, so that no event between it and the next waiting is missed.
    pub fn before_look(&mut self) {
        self.looked = Instant::now();
        self.early = false;
        // A descriptor that cannot be made quiet again would wake for ever.
        if self.events.as_ref().is_some_and(|e| !e.arm()) {
            self.events = None;
        }
    }

    /// Waits until `until` at the latest.
    pub fn wait(&mut self, until: Instant, inputs: &[BorrowedFd<'_>]) -> Woken {
        loop {
            let until = if self.early { until.min(self.looked + LEAST) } else { until };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return if self.early { Woken::Event } else { Woken::Time };
            }
            match self.ready(left, inputs) {
                Some(Woken::Event) if self.looked.elapsed() < LEAST => self.early = true,
                Some(woken) => return woken,
                None => {}
            }
        }
    }

    /// What is ready within a time.
    fn ready(&mut self, left: Duration, inputs: &[BorrowedFd<'_>]) -> Option<Woken> {
        // Rounded up, so that the last part of a millisecond is slept rather than spun through.
        let left = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(inputs.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        let events = self.events.as_ref().filter(|_| !self.early);
        fds.extend(events.map(|e| PollFd::new(e.as_fd(), PollFlags::POLLIN)));
        let ready = poll(&mut fds, left).unwrap_or(0);
        if ready == 0 {
            return None;
        }
        let is_ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        drop(fds);
        let input = is_ready.get(1..=inputs.len()).is_some_and(|all| all.contains(&true));
        match is_ready.first() {
            Some(true) => self.signal().map(Woken::Signal),
            _ if input => Some(Woken::Input),
            _ => Some(Woken::Event),
        }
    }

    /// Ends the program by a signal that was kept from it, if that is one that people expect to leave a core.
    pub fn end_by(signal: Signal) {
        if matches!(signal, Signal::SIGQUIT | Signal::SIGABRT) {
            let mut set = SigSet::empty();
            set.add(signal);
            let _ = set.thread_unblock();
            let _ = raise(signal);
        }
    }

    fn signal(&mut self) -> Option<Signal> {
        let info = self.signals.read_signal().ok()??;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

//! Waits for a device-mapper event, a signal, a key, or the end of the interval.
//!
//! Uses no CPU while waiting. Events that come faster than ten per second, for example while containers are created
//! and removed, are merged.

use crate::record::probe::dm_events::Events;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Shortest time between two polls.
const SHORTEST: Duration = Duration::from_millis(100);

/// Why the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A device-mapper event.
    Event,
    /// The interval ended.
    Time,
    /// One of the inputs is readable.
    Input,
    /// A signal.
    Signal(Signal),
}

/// Waits for events and signals.
pub struct Waiter {
    events: Option<Events>,
    signals: SignalFd,
    /// Time of the last poll.
    polled: Instant,
    /// An event came within [`SHORTEST`] of the last poll; it is reported when that time is over.
    pending: bool,
}

impl Waiter {
    /// Blocks the signals that would end the program and reports them from [`Self::wait`] instead. With `stops`, also
    /// those of Ctrl-Z, Ctrl-\ and abort.
    ///
    /// # Errors
    /// If no file descriptor is available.
    pub fn new(events: Option<Events>, stops: bool) -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        let kept = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH, Signal::SIGCONT];
        kept.into_iter().for_each(|s| set.add(s));
        // Caught only if the terminal has to be restored first.
        if stops {
            [Signal::SIGTSTP, Signal::SIGQUIT, Signal::SIGABRT].into_iter().for_each(|s| set.add(s));
        }
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { events, signals, polled: Instant::now(), pending: false })
    }

    /// Whether kernel events end the wait, not only the interval.
    #[must_use]
    pub const fn by_events(&self) -> bool {
        self.events.is_some()
    }

    /// Must be called before each poll, so that no event between the poll and the next wait is missed.
    pub fn before_poll(&mut self) {
        self.polled = Instant::now();
        self.pending = false;
        // A descriptor that cannot be re-armed would stay readable and wake for ever.
        if self.events.as_ref().is_some_and(|e| !e.arm()) {
            self.events = None;
        }
    }

    /// Waits until `until` at the latest.
    pub fn wait(&mut self, until: Instant, inputs: &[BorrowedFd<'_>]) -> Woken {
        loop {
            let until = if self.pending { until.min(self.polled + SHORTEST) } else { until };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return if self.pending { Woken::Event } else { Woken::Time };
            }
            match self.ready(left, inputs) {
                Some(Woken::Event) if self.polled.elapsed() < SHORTEST => self.pending = true,
                Some(woken) => return woken,
                None => {}
            }
        }
    }

    /// The first thing that is ready within `left`; `None` if nothing is.
    fn ready(&mut self, left: Duration, inputs: &[BorrowedFd<'_>]) -> Option<Woken> {
        // Rounded up, so that the last fraction of a millisecond is no busy loop.
        let left = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(inputs.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        if !self.pending
            && let Some(events) = &self.events
        {
            fds.push(PollFd::new(events.as_fd(), PollFlags::POLLIN));
        }
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

    /// Raises a caught SIGQUIT or SIGABRT again with its default action, so that it leaves a core dump.
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

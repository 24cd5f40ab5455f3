//! Puts a time limit on every question: a worker process asks the machine, and one that does not answer in
//! time is killed and left behind.
//!
//! A status ioctl on a pool whose metadata device is stuck waits in uninterruptible sleep. No thread can be
//! taken out of that, and a process with such a thread does not end, so the questions are asked by a process
//! that may be lost (drivers/md/dm-thin.c, `pool_status` takes the metadata lock). It holds no descriptor of
//! its parent's, so that nobody who waits for the parent's output waits for it. This module never interprets
//! an answer.

mod stuck;

use super::sys;
use crate::record::{Outcome, Query, Responder};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Longest time one question waits unless the user said otherwise.
pub const LIMIT: Duration = Duration::from_secs(1);
/// A command has its own limit ([`super::command::COMMANDS`]), and may be tried twice; this is for a machine that
/// cannot even start it.
const LIMIT_RUN: Duration = Duration::from_secs(5);
/// The least that a question waits, however many were silent before.
const LIMIT_LEAST: Duration = Duration::from_millis(20);
/// How long a process may take to end its command, and then itself.
const LIMIT_END: Duration = Duration::from_millis(250);
/// Bytes of questions under way at once. A pipe takes so many at once even where pipes are kept short, so
/// that asking never waits.
const LIMIT_UNDER_WAY: usize = 4096;
/// While more answers than this are awaited, they are let gather for a moment: to wake for each of thousands would cost more
/// than the asking.
const MANY: usize = 16;
/// How long answers are let gather.
const GATHER: Duration = Duration::from_millis(1);
/// Bytes read of answers at once.
const PIECE: usize = 64 * 1024;
/// Longest answer accepted, in bytes.
const LIMIT_ANSWER: usize = 64 << 20;

/// Answers by means of a worker process, within a time limit.
pub struct Worker {
    make: Box<dyn Fn() -> Box<dyn Responder>>,
    limit: Duration,
    lost: Duration,
    process: Option<Process>,
    abandoned: Vec<Pid>,
}

impl Worker {
    /// A worker that asks whomever `make` makes, in a process of its own, and waits `limit` for each answer.
    /// After twice that time was lost to silences, each question waits a twentieth of it: many stuck devices
    /// do not add up. The process is made at the first question; the caller should have one thread then.
    #[must_use]
    pub fn new(limit: Duration, make: impl Fn() -> Box<dyn Responder> + 'static) -> Self {
        let make = Box::new(make);
        Self { make, limit, lost: Duration::ZERO, process: None, abandoned: Vec::new() }
    }

    /// Whether a process that asked is still waiting for an answer that came too late.
    pub fn is_stuck(&mut self) -> bool {
        self.reap();
        !self.abandoned.is_empty()
    }

    /// Forgets the time that was lost to silences: each round of questions has its own.
    pub fn reset_budget(&mut self) {
        self.lost = Duration::ZERO;
    }

    fn limit_of(&self, query: Query) -> Duration {
        match query {
            Query::Run | Query::Signatures => LIMIT_RUN.max(self.limit * 2 + LIMIT),
            _ if self.lost >= self.limit * 2 => (self.limit / 20).max(LIMIT_LEAST),
            _ => self.limit,
        }
    }

    /// Sends the first of these questions, as many as may be under way, and reads the answers; fewer come back after a
    /// silence or a death.
    fn exchange(&mut self, query: Query, targets: &[&str]) -> Vec<Outcome> {
        let limit = self.limit_of(query);
        self.reap();
        self.give_the_dying_a_moment(query, targets);
        // Another process would wait for the same, and stay as long.
        let free = targets.iter().take_while(|target| !self.is_waited_for(query, target, limit)).count();
        let targets = targets.get(..free).unwrap_or_default();
        if targets.is_empty() {
            return vec![Outcome::TimedOut(millis(limit))];
        }
        let (questions, count) = questions(query, targets);
        if count == 0 {
            return vec![Outcome::refused(Errno::ENAMETOOLONG)];
        }
        let mut process = match self.process.take().map_or_else(|| Process::start(self.make.as_ref()), Ok) {
            Ok(process) => process,
            Err(errno) => {
                return vec![
                    Outcome::Refused(format!("{errno:?}: no process could be made to ask in"));
                    count
                ];
            }
        };
        let mut outcomes = Vec::with_capacity(count);
        let mut sent = process.requests.write_all(&questions).map_err(|_| Failure::Died);
        while outcomes.len() < count {
            let awaited = count - outcomes.len();
            match sent.and_then(|()| process.answer(Instant::now() + limit, awaited)) {
                Ok(outcome) => outcomes.push(outcome),
                Err(failure) => {
                    let target = targets.get(outcomes.len()).copied().unwrap_or_default();
                    outcomes.push(failure.reading(limit));
                    self.lose(&process, &failure, (query, target), limit);
                    return outcomes;
                }
            }
            sent = Ok(());
        }
        self.process = Some(process);
        outcomes
    }

    /// A process that was just killed takes a moment to end, which is not to be stuck.
    fn give_the_dying_a_moment(&mut self, query: Query, targets: &[&str]) {
        let deadline = Instant::now() + LIMIT_LEAST;
        let is_stuck = || targets.first().is_some_and(|target| stuck::is_stuck(query, target));
        while is_stuck() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            self.reap();
        }
    }

    /// Whether a process that was killed still waits for the answer to this. One that another run left behind gets as long to
    /// end as an answer would take.
    fn is_waited_for(&self, query: Query, target: &str, limit: Duration) -> bool {
        if stuck::is_stuck(query, target) {
            return true;
        }
        // Only what the kernel itself answers can wait for ever; a command has a limit of its own.
        if query != Query::DmStatus {
            return false;
        }
        let question = question(query, target);
        let deadline = Instant::now() + limit;
        while stuck::is_asked_by_an_orphan(&question) {
            if Instant::now() >= deadline {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    fn lose(&mut self, process: &Process, failure: &Failure, question: (Query, &str), limit: Duration) {
        end(process.pid, matches!(question.0, Query::Run | Query::Signatures));
        self.abandoned.push(process.pid);
        if matches!(failure, Failure::Silent) {
            self.lost += limit;
            stuck::note(process.pid, question);
        }
    }

    /// Takes note of workers left behind that ended at last, so that no zombie stays.
    fn reap(&mut self) {
        self.abandoned.retain(|pid| !has_ended(*pid));
        stuck::reap(&self.abandoned);
    }
}

/// Ends a process. It may have ended already, or be in a sleep that no signal ends: both are fine. One that runs a command
/// ends that first.
fn end(pid: Pid, runs_command: bool) {
    if runs_command && kill(pid, Signal::SIGTERM).is_ok() {
        let deadline = Instant::now() + LIMIT_END;
        while !has_ended(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let _ = kill(pid, Signal::SIGKILL);
}

/// Whether a child of this process has ended; it is waited for then.
fn has_ended(pid: Pid) -> bool {
    !matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Ok(status) if status.pid().is_none())
}

impl Responder for Worker {
    fn ask(&mut self, query: Query, target: &str) -> Outcome {
        let silent = Outcome::TimedOut(millis(self.limit));
        self.ask_each(query, &[target]).pop().unwrap_or(silent)
    }

    fn ask_each(&mut self, query: Query, target: &[&str]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(target.len());
        while let Some(rest) = target.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            outcomes.extend(self.exchange(query, rest));
            if matches!(outcomes.last(), Some(Outcome::TimedOut(_))) {
                break;
            }
        }
        outcomes
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = kill(process.pid, Signal::SIGKILL);
            self.abandoned.push(process.pid);
        }
        let deadline = Instant::now() + LIMIT_LEAST;
        loop {
            self.reap();
            if self.abandoned.is_empty() || Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        stuck::leave(&self.abandoned);
    }
}

/// A worker process, and what connects to it.
struct Process {
    pid: Pid,
    requests: File,
    answers: File,
    /// Bytes received; up to `taken` their answers were given out.
    received: Vec<u8>,
    taken: usize,
    /// Where bytes are read to.
    piece: Box<[u8]>,
}

enum Failure {
    Silent,
    Died,
}

impl Failure {
    fn reading(&self, limit: Duration) -> Outcome {
        match self {
            Self::Silent => Outcome::TimedOut(millis(limit)),
            Self::Died => Outcome::Refused("EPIPE: the process that asked died".to_owned()),
        }
    }
}

impl Process {
    fn start(make: &dyn Fn() -> Box<dyn Responder>) -> Result<Self, Errno> {
        let (requests_in, requests) = pipe2(OFlag::O_CLOEXEC)?;
        let (answers, answers_out) = pipe2(OFlag::O_CLOEXEC)?;
        let parent = Pid::this();
        let pid = sys::fork(|| {
            retire(parent, &requests_in, &answers_out);
            serve(make().as_mut(), &mut File::from(requests_in), &mut File::from(answers_out));
        })?;
        let (requests, answers) = (File::from(requests), File::from(answers));
        Ok(Self { pid, requests, answers, received: Vec::new(), taken: 0, piece: vec![0; PIECE].into() })
    }

    /// The next of so many awaited answers, if it comes before the deadline.
    fn answer(&mut self, deadline: Instant, awaited: usize) -> Result<Outcome, Failure> {
        loop {
            if let Some((outcome, length)) = decode(self.received.get(self.taken..).unwrap_or_default())? {
                self.taken += length;
                return Ok(outcome);
            }
            // Once for all that came together: of thousands of answers each would move those behind it.
            self.received.drain(..std::mem::take(&mut self.taken));
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that the last part of a millisecond is slept rather than spun through.
            let left = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::ZERO);
            let mut fds = [PollFd::new(self.answers.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, left) {
                Ok(0) => return Err(Failure::Silent),
                Ok(_) if awaited > MANY => std::thread::sleep(GATHER),
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(_) => return Err(Failure::Died),
            }
            match self.answers.read(&mut self.piece) {
                Ok(0) => return Err(Failure::Died),
                Ok(length) => self.received.extend_from_slice(self.piece.get(..length).unwrap_or_default()),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Died),
            }
        }
    }
}

/// Leaves the session and the descriptors of the parent: a worker that cannot end holds up nobody.
fn retire(parent: Pid, requests: &OwnedFd, answers: &OwnedFd) {
    // The only failure is to lead a group already, which a process just forked does not.
    let _ = setsid();
    sys::end_with(parent);
    // The parent may keep signals for itself; what this one starts must not inherit that.
    let _ = SigSet::empty().thread_set_mask();
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    } else if let Ok((end, begin)) = pipe2(OFlag::empty()) {
        // Where there is no such device, a pipe to itself takes nothing from the parent either.
        let _ = dup2_stdin(&end);
        let _ = dup2_stdout(&begin);
        let _ = dup2_stderr(&begin);
    }
    sys::keep_only(requests, answers);
}

/// The life of a worker: question, answer, until nobody asks.
fn serve(machine: &mut dyn Responder, requests: &mut File, answers: &mut File) {
    let mut received = Vec::new();
    let mut piece = [0_u8; LIMIT_UNDER_WAY];
    loop {
        while let Some((question, length)) = framed(&received) {
            let Ok((query, target)) = serde_json::from_slice::<(Query, String)>(question) else { return };
            // By this a later run knows who still waits for it.
            let _ = nix::sys::prctl::set_name(&stuck::name(question));
            if answers.write_all(&encode(&machine.ask(query, &target))).is_err() {
                return;
            }
            received.drain(..length);
        }
        match requests.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => received.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
}

fn question(query: Query, target: &str) -> Vec<u8> {
    serde_json::to_vec(&(query, target)).unwrap_or_default()
}

/// As many questions as may be under way at once, and how many; none if the first is too long.
fn questions(query: Query, target: &[&str]) -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for thing in target {
        let question = question(query, thing);
        if bytes.len() + question.len() + 4 > LIMIT_UNDER_WAY {
            break;
        }
        bytes.extend(frame(&question));
        count += 1;
    }
    (bytes, count)
}

/// Bytes with their length before them.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

/// The first framed piece if it is complete, and how many bytes it took with its length.
fn framed(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some((rest.get(..length)?, length.saturating_add(4)))
}

/// A reading on its way: a letter for its sort, then its text.
fn encode(outcome: &Outcome) -> Vec<u8> {
    let number;
    let (letter, text) = match outcome {
        Outcome::Answered(text) => (b's', text.as_str()),
        Outcome::Refused(why) => (b'r', why.as_str()),
        Outcome::NotAsked(why) => (b'u', why.as_str()),
        Outcome::TimedOut(millis) => {
            number = millis.to_string();
            (b'q', number.as_str())
        }
    };
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.push(letter);
    bytes.extend_from_slice(text.as_bytes());
    frame(&bytes)
}

/// The first reading among the bytes if it is complete, and how many bytes it took.
fn decode(bytes: &[u8]) -> Result<Option<(Outcome, usize)>, Failure> {
    let too_long = bytes.first_chunk::<4>().is_some_and(|length| {
        usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX) > LIMIT_ANSWER
    });
    if too_long {
        return Err(Failure::Died);
    }
    let Some((body, length)) = framed(bytes) else { return Ok(None) };
    let (letter, text) = body.split_first().ok_or(Failure::Died)?;
    let text = String::from_utf8_lossy(text).into_owned();
    let outcome = match letter {
        b's' => Outcome::Answered(text),
        b'r' => Outcome::Refused(text),
        b'u' => Outcome::NotAsked(text),
        b'q' => Outcome::TimedOut(text.parse().unwrap_or(0)),
        _ => return Err(Failure::Died),
    };
    Ok(Some((outcome, length)))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

//! Puts a time limit on every query: a worker process makes the queries, and is killed and abandoned if it does not
//! answer in time.
//!
//! A status ioctl on a pool whose metadata device is stuck waits in uninterruptible sleep (drivers/md/dm-thin.c,
//! `pool_status` takes the metadata lock). A thread cannot be taken out of that, and a process with such a thread does
//! not end. Therefore a separate process makes the queries. It keeps no descriptors of its parent, so that a program
//! that waits for the end of the parent's output does not wait for the worker.

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

/// Default time limit of a query.
pub const LIMIT: Duration = Duration::from_secs(1);
/// Time limit of a query that runs a command. The command has its own limit ([`super::command::COMMANDS`]) and may be
/// tried twice; this one is for a host that cannot even start it.
const LIMIT_RUN: Duration = Duration::from_secs(5);
/// Shortest time limit, after many queries have timed out.
const LIMIT_LEAST: Duration = Duration::from_millis(20);
/// Time for a process to end its command and itself.
const LIMIT_END: Duration = Duration::from_millis(250);
/// Most bytes of unanswered queries. Even the smallest pipe holds this much, so that writing a query never blocks.
const LIMIT_UNDER_WAY: usize = 4096;
/// If more answers than this are awaited, they are collected for a moment: waking up for each of thousands of answers
/// would cost more than the queries.
const MANY: usize = 16;
/// Time for which answers are collected.
const GATHER: Duration = Duration::from_millis(1);
/// Most bytes of answers read at once.
const PIECE: usize = 64 * 1024;
/// Longest answer accepted, in bytes.
const LIMIT_ANSWER: usize = 64 << 20;

/// Makes queries in a worker process, with a time limit.
pub struct Worker {
    make: Box<dyn Fn() -> Box<dyn Responder>>,
    limit: Duration,
    lost: Duration,
    process: Option<Process>,
    abandoned: Vec<Pid>,
}

impl Worker {
    /// A worker that queries the responder from `make` in a process of its own, with `limit` as time limit. Once
    /// queries have timed out for twice that time in all, further ones get a twentieth of it, so that many stuck
    /// devices do not add up. The process is forked at the first query; the caller should have only one thread then.
    #[must_use]
    pub fn new(limit: Duration, make: impl Fn() -> Box<dyn Responder> + 'static) -> Self {
        let make = Box::new(make);
        Self { make, limit, lost: Duration::ZERO, process: None, abandoned: Vec::new() }
    }

    /// Whether an abandoned process is still waiting for an answer.
    pub fn is_stuck(&mut self) -> bool {
        self.reap();
        !self.abandoned.is_empty()
    }

    /// Resets the time lost to timeouts, before a new round of queries.
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

    /// Sends as many of these queries as fit [`LIMIT_UNDER_WAY`], and reads their outcomes. Returns fewer if one times
    /// out or the process dies.
    fn exchange(&mut self, query: Query, targets: &[&str]) -> Vec<Outcome> {
        let limit = self.limit_of(query);
        self.reap();
        self.wait_for_killed(query, targets);
        // Another process would get stuck on the same query.
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
                    self.abandon(&process, &failure, (query, target), limit);
                    return outcomes;
                }
            }
            sent = Ok(());
        }
        self.process = Some(process);
        outcomes
    }

    /// Waits a moment for a process that was just killed, before it counts as stuck.
    fn wait_for_killed(&mut self, query: Query, targets: &[&str]) {
        let deadline = Instant::now() + LIMIT_LEAST;
        let is_stuck = || targets.first().is_some_and(|target| stuck::is_stuck(query, target));
        while is_stuck() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            self.reap();
        }
    }

    /// Whether a killed process still waits for the answer to this query. One that another run abandoned gets as long to end
    /// as an answer may take.
    fn is_waited_for(&self, query: Query, target: &str, limit: Duration) -> bool {
        if stuck::is_stuck(query, target) {
            return true;
        }
        // Only an ioctl can wait for ever; a command has a time limit of its own.
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

    /// Kills and abandons a process that timed out or died.
    fn abandon(&mut self, process: &Process, failure: &Failure, question: (Query, &str), limit: Duration) {
        end(process.pid, matches!(question.0, Query::Run | Query::Signatures));
        self.abandoned.push(process.pid);
        if matches!(failure, Failure::Silent) {
            self.lost += limit;
            stuck::note(process.pid, question);
        }
    }

    /// Reaps abandoned processes that have ended, so that no zombie stays.
    fn reap(&mut self) {
        self.abandoned.retain(|pid| !has_ended(*pid));
        stuck::reap(&self.abandoned);
    }
}

/// Ends a process; one that runs a command ends that first. The process may have ended already, or be in
/// uninterruptible sleep; neither is an error.
fn end(pid: Pid, runs_command: bool) {
    if runs_command && kill(pid, Signal::SIGTERM).is_ok() {
        let deadline = Instant::now() + LIMIT_END;
        while !has_ended(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let _ = kill(pid, Signal::SIGKILL);
}

/// Whether a child process has ended; if so, it is reaped.
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

/// A worker process with its pipes.
struct Process {
    pid: Pid,
    requests: File,
    answers: File,
    /// Bytes received; those before `taken` are processed.
    received: Vec<u8>,
    taken: usize,
    /// Read buffer.
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
            detach(parent, &requests_in, &answers_out);
            serve(make().as_mut(), &mut File::from(requests_in), &mut File::from(answers_out));
        })?;
        let (requests, answers) = (File::from(requests), File::from(answers));
        Ok(Self { pid, requests, answers, received: Vec::new(), taken: 0, piece: vec![0; PIECE].into() })
    }

    /// The next answer, if it comes before the deadline. `awaited` is the number of answers not yet received.
    fn answer(&mut self, deadline: Instant, awaited: usize) -> Result<Outcome, Failure> {
        loop {
            if let Some((outcome, length)) = decode(self.received.get(self.taken..).unwrap_or_default())? {
                self.taken += length;
                return Ok(outcome);
            }
            // Once for all answers that came together, because each removal moves all bytes behind it.
            self.received.drain(..std::mem::take(&mut self.taken));
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that the last fraction of a millisecond is no busy loop.
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

/// Leaves the parent's session and closes its descriptors, so that a stuck worker holds up no other program.
fn detach(parent: Pid, requests: &OwnedFd, answers: &OwnedFd) {
    // Fails only for a process group leader, and a process that was just forked is not one.
    let _ = setsid();
    sys::end_with(parent);
    // The parent may have blocked signals; commands must not inherit that.
    let _ = SigSet::empty().thread_set_mask();
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
        let _ = dup2_stderr(&null);
    } else if let Ok((end, begin)) = pipe2(OFlag::empty()) {
        // Without /dev/null, a pipe to itself also replaces the parent's descriptors.
        let _ = dup2_stdin(&end);
        let _ = dup2_stdout(&begin);
        let _ = dup2_stderr(&begin);
    }
    sys::keep_only(requests, answers);
}

/// The worker's main loop: answers queries until the parent closes the pipe.
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

/// Encodes as many queries as fit [`LIMIT_UNDER_WAY`], and returns their number; 0 if the first is too long.
fn questions(query: Query, targets: &[&str]) -> (Vec<u8>, usize) {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for target in targets {
        let question = question(query, target);
        if bytes.len() + question.len() + 4 > LIMIT_UNDER_WAY {
            break;
        }
        bytes.extend(frame(&question));
        count += 1;
    }
    (bytes, count)
}

/// Prefixes bytes with their length.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

/// The first complete frame, and its length including the prefix.
fn framed(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    Some((rest.get(..length)?, length.saturating_add(4)))
}

/// Encodes an outcome: a letter for its kind, then its text.
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

/// Decodes the first outcome if it is complete; also returns the number of bytes it took.
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

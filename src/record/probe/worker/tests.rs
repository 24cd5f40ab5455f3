//! Workers with queries that hang, die, give long answers, or are many.

use super::*;

/// Time limit for tests in which a query times out.
const SHORT: Duration = Duration::from_millis(500);
/// Time limit for all other tests; never reached, however busy the host is.
const LONG: Duration = Duration::from_secs(60);

/// A responder that does what the query says.
struct Puppet;

impl Responder for Puppet {
    fn ask(&mut self, _: Query, target: &str) -> Outcome {
        match target {
            "sleep" => std::thread::sleep(Duration::from_secs(60)),
            "die" => kill(Pid::this(), Signal::SIGKILL).unwrap(),
            "long" => return Outcome::Answered("x".repeat(3 << 20)),
            "refuse" => return Outcome::refused(Errno::EACCES),
            "silent" => return Outcome::TimedOut(7),
            "unasked" => return Outcome::NotAsked("no".to_owned()),
            "descriptors" => return Outcome::Answered(descriptors()),
            "pid" => return Outcome::Answered(std::process::id().to_string()),
            _ => {}
        }
        Outcome::Answered(target.to_owned())
    }
}

fn descriptors() -> String {
    let listing = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut names: Vec<String> = listing
        .flatten()
        .filter_map(|e| {
            Some(format!("{}={}", e.file_name().to_str()?, std::fs::read_link(e.path()).ok()?.display()))
        })
        .filter(|n| !n.contains("/proc/"))
        .collect();
    names.sort();
    names.join(" ")
}

fn worker(limit: Duration) -> Worker {
    Worker::new(limit, || Box::new(Puppet))
}

fn said(text: &str) -> Outcome {
    Outcome::Answered(text.to_owned())
}

#[test]
fn every_kind_of_outcome_is_transmitted() {
    let mut worker = worker(LONG);
    assert_eq!(worker.ask(Query::File, "a\nb é"), said("a\nb é"));
    assert_eq!(worker.ask(Query::File, ""), said(""));
    assert_eq!(worker.ask(Query::File, "refuse"), Outcome::Refused("EACCES".to_owned()));
    assert_eq!(worker.ask(Query::File, "silent"), Outcome::TimedOut(7));
    assert_eq!(worker.ask(Query::File, "unasked"), Outcome::NotAsked("no".to_owned()));
    assert_eq!(worker.ask(Query::File, "long"), Outcome::Answered("x".repeat(3 << 20)));
}

#[test]
fn a_query_times_out_and_the_next_one_is_answered() {
    let mut worker = worker(SHORT);
    let started = Instant::now();
    let first = worker.ask(Query::File, "pid");
    assert_eq!(worker.ask(Query::DmStatus, "sleep"), Outcome::TimedOut(500));
    assert!(started.elapsed() < Duration::from_secs(10));
    let second = worker.ask(Query::File, "pid");
    assert!(second.said().is_some());
    assert_ne!(first, second);
}

#[test]
fn timeouts_do_not_add_up() {
    let mut worker = worker(SHORT);
    let mut silences = Vec::new();
    for _ in 0..4 {
        silences.push(worker.ask(Query::DmStatus, "sleep"));
        // A busy machine takes its time to end what was killed, and until then nobody else is sent.
        while worker.is_stuck() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let want = [500, 500, 25, 25].map(Outcome::TimedOut);
    assert_eq!(silences, want);
}

#[test]
fn a_worker_that_dies_is_replaced() {
    let mut worker = worker(LONG);
    assert_eq!(worker.ask(Query::File, "die").errno(), Some("EPIPE"));
    assert_eq!(worker.ask(Query::File, "a"), said("a"));
}

#[test]
fn many_queries_stop_at_a_timeout_and_survive_a_death() {
    let names: Vec<String> = (0..5000).map(|n| format!("name-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let outcomes = worker(LONG).ask_each(Query::DmTable, &names);
    assert!(outcomes.iter().map(|r| r.said().unwrap()).eq(names.iter().copied()));

    let mut worker = worker(SHORT);
    let outcomes = worker.ask_each(Query::DmTable, &["a", "die", "b", "sleep", "c"]);
    let died = Outcome::Refused("EPIPE: the process that asked died".to_owned());
    assert_eq!(outcomes, [said("a"), died, said("b"), Outcome::TimedOut(500)]);
}

#[test]
fn a_query_too_long_for_a_pipe_is_refused() {
    let mut worker = worker(LONG);
    let long = "x".repeat(LIMIT_UNDER_WAY);
    assert_eq!(worker.ask(Query::File, &long).errno(), Some("ENAMETOOLONG"));
    assert_eq!(worker.ask(Query::File, "a"), said("a"));
}

/// A program that waits for the end of our output must not wait for a worker that cannot end.
#[test]
fn a_worker_keeps_no_inherited_descriptors() {
    let _ours = File::open("/proc/version").unwrap();
    let outcome = worker(LONG).ask(Query::File, "descriptors");
    let held = outcome.said().unwrap();
    let (null, pipes): (Vec<&str>, Vec<&str>) = held.split(' ').partition(|d| d.ends_with("=/dev/null"));
    assert_eq!(null, ["0=/dev/null", "1=/dev/null", "2=/dev/null"]);
    assert_eq!(pipes.len(), 2, "{held}");
    assert!(pipes.iter().all(|p| p.contains("=pipe:")), "{held}");
}

#[test]
fn no_process_stays() {
    let mut worker = worker(SHORT);
    let pid = worker.ask(Query::File, "pid").said().unwrap().to_owned();
    worker.ask(Query::File, "sleep");
    drop(worker);
    // Another process may reuse the id, but not as a zombie of ours.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!state.contains(") Z "), "{state}");
}

/// A process that cannot be killed, like one in uninterruptible sleep.
fn child() -> std::process::Child {
    std::process::Command::new("sleep").arg("60").spawn().unwrap()
}

fn pid_of(child: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

#[test]
fn a_query_that_is_stuck_is_not_repeated() {
    let mut stuck = child();
    {
        let mut first = worker(LONG);
        stuck::note(pid_of(&stuck), (Query::DmStatus, "stuck"));
        first.abandoned.push(pid_of(&stuck));
        assert!(first.is_stuck());
    }
    // The worker is dropped, but the process still exists, and the next worker knows.
    let mut next = worker(LONG);
    let started = Instant::now();
    assert!(matches!(next.ask(Query::DmStatus, "stuck"), Outcome::TimedOut(_)));
    assert!(started.elapsed() < LONG / 2 && next.process.is_none(), "nobody was sent");
    // Other pools are still queried, also in a list together with the stuck one.
    assert_eq!(next.ask(Query::DmStatus, "other"), said("other"));
    let answers = next.ask_each(Query::DmStatus, &["other", "stuck", "third"]);
    assert!(matches!(answers.as_slice(), [Outcome::Answered(_), Outcome::TimedOut(_)]), "{answers:?}");
    // Once it has ended, it is reaped, and the query is made again.
    kill(pid_of(&stuck), Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + LONG;
    while next.ask(Query::DmStatus, "stuck") != said("stuck") {
        assert!(Instant::now() < deadline, "it ended long ago");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(stuck.try_wait().is_err(), "it was waited for already");
}

/// Runs a command that starts a helper; both write their process ids to files.
struct Runner;

impl Responder for Runner {
    fn ask(&mut self, _: Query, target: &str) -> Outcome {
        let script = format!("sleep 600 & echo $$ $! >{target}.part; mv {target}.part {target}; wait");
        let line = ["sh", "-c", &script];
        super::super::command::attempt(&line, Duration::from_secs(60)).0.map_or_else(|r| r, Outcome::Answered)
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The process ids of the command and its helper, once both run.
fn started(file: &std::path::Path) -> Vec<Pid> {
    until("the command starts", || file.exists());
    let pids = std::fs::read_to_string(file).unwrap();
    pids.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// Whether a process has ended; a zombie counts as ended.
fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with(['Z', 'X']))
}

#[test]
fn a_command_ends_with_its_worker_and_with_the_main_process() {
    let folder = tempfile::tempdir().unwrap();
    for (number, signal) in [None, Some(Signal::SIGTERM), Some(Signal::SIGKILL)].into_iter().enumerate() {
        let file = folder.path().join(number.to_string());
        let path = file.to_str().unwrap().to_owned();
        // The main process, killed by this signal while the command runs; without a signal the query times out.
        let asker = sys::fork(|| {
            let limit = if signal.is_some() { LONG } else { SHORT };
            Worker::new(limit, || Box::new(Runner)).ask(Query::Run, &path);
            std::thread::sleep(LONG);
        })
        .unwrap();
        let pids = started(&file);
        if let Some(signal) = signal {
            assert!(pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");
            kill(asker, signal).unwrap();
        }
        until(&format!("{signal:?}: the command and its helper end"), || {
            pids.iter().all(|pid| !is_alive(*pid))
        });
        let _ = kill(asker, Signal::SIGKILL);
        let _ = waitpid(asker, None);
    }
}

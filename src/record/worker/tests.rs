//! What a worker must stand: sleep, death, long answers, many questions.

use super::*;

/// For tests in which somebody sleeps.
const SHORT: Duration = Duration::from_millis(500);
/// For tests in which nobody does: never reached, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// Does what the question says.
struct Puppet;

impl Respondent for Puppet {
    fn ask(&mut self, _: Ask, of: &str) -> Reading {
        match of {
            "sleep" => std::thread::sleep(Duration::from_secs(60)),
            "die" => kill(Pid::this(), Signal::SIGKILL).unwrap(),
            "long" => return Reading::Said("x".repeat(3 << 20)),
            "refuse" => return Reading::refused(Errno::EACCES),
            "silent" => return Reading::Silent(7),
            "unasked" => return Reading::Unasked("no".to_owned()),
            "descriptors" => return Reading::Said(descriptors()),
            "pid" => return Reading::Said(std::process::id().to_string()),
            _ => {}
        }
        Reading::Said(of.to_owned())
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

fn said(text: &str) -> Reading {
    Reading::Said(text.to_owned())
}

#[test]
fn every_sort_of_reading_comes_through() {
    let mut worker = worker(LONG);
    assert_eq!(worker.ask(Ask::File, "a\nb é"), said("a\nb é"));
    assert_eq!(worker.ask(Ask::File, ""), said(""));
    assert_eq!(worker.ask(Ask::File, "refuse"), Reading::Refused("EACCES".to_owned()));
    assert_eq!(worker.ask(Ask::File, "silent"), Reading::Silent(7));
    assert_eq!(worker.ask(Ask::File, "unasked"), Reading::Unasked("no".to_owned()));
    assert_eq!(worker.ask(Ask::File, "long"), Reading::Said("x".repeat(3 << 20)));
}

#[test]
fn a_sleeper_is_silent_and_the_next_question_is_answered() {
    let mut worker = worker(SHORT);
    let started = Instant::now();
    let first = worker.ask(Ask::File, "pid");
    assert_eq!(worker.ask(Ask::DmStatus, "sleep"), Reading::Silent(500));
    assert!(started.elapsed() < Duration::from_secs(10));
    let second = worker.ask(Ask::File, "pid");
    assert!(second.said().is_some());
    assert_ne!(first, second);
}

#[test]
fn silences_do_not_add_up() {
    let mut worker = worker(SHORT);
    let silences: Vec<Reading> = (0..4).map(|_| worker.ask(Ask::DmStatus, "sleep")).collect();
    let want = [500, 500, 25, 25].map(Reading::Silent);
    assert_eq!(silences, want);
}

#[test]
fn a_worker_that_dies_is_replaced() {
    let mut worker = worker(LONG);
    assert_eq!(worker.ask(Ask::File, "die").errno(), Some("EPIPE"));
    assert_eq!(worker.ask(Ask::File, "a"), said("a"));
}

#[test]
fn many_questions_stop_at_a_silence_and_survive_a_death() {
    let names: Vec<String> = (0..5000).map(|n| format!("name-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let readings = worker(LONG).ask_each(Ask::DmTable, &names);
    assert!(readings.iter().map(|r| r.said().unwrap()).eq(names.iter().copied()));

    let mut worker = worker(SHORT);
    let readings = worker.ask_each(Ask::DmTable, &["a", "die", "b", "sleep", "c"]);
    let died = Reading::Refused("EPIPE: the process that asked died".to_owned());
    assert_eq!(readings, [said("a"), died, said("b"), Reading::Silent(500)]);
}

#[test]
fn a_question_too_long_for_a_pipe_is_refused() {
    let mut worker = worker(LONG);
    let long = "x".repeat(LIMIT_UNDER_WAY);
    assert_eq!(worker.ask(Ask::File, &long).errno(), Some("ENAMETOOLONG"));
    assert_eq!(worker.ask(Ask::File, "a"), said("a"));
}

/// Whoever waits for the end of our output must not wait for a worker that cannot end.
#[test]
fn a_worker_holds_nothing_of_ours() {
    let _ours = File::open("/proc/version").unwrap();
    let reading = worker(LONG).ask(Ask::File, "descriptors");
    let held = reading.said().unwrap();
    let (null, pipes): (Vec<&str>, Vec<&str>) = held.split(' ').partition(|d| d.ends_with("=/dev/null"));
    assert_eq!(null, ["0=/dev/null", "1=/dev/null", "2=/dev/null"]);
    assert_eq!(pipes.len(), 2, "{held}");
    assert!(pipes.iter().all(|p| p.contains("=pipe:")), "{held}");
}

#[test]
fn no_process_stays() {
    let mut worker = worker(SHORT);
    let pid = worker.ask(Ask::File, "pid").said().unwrap().to_owned();
    worker.ask(Ask::File, "sleep");
    drop(worker);
    // Another test's fork may get the number again, but not as our child's zombie.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!state.contains(") Z "), "{state}");
}

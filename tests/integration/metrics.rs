//! `metrics` produces Prometheus' text format, checked by an independent parser for every recording.

use crate::support::{folders, tests};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thinspect::host;
use thinspect::record::format;
use thinspect::report::{Report, Source, metrics};

/// A sample: its name and labels, and its value as text.
type Samples = BTreeMap<(String, BTreeMap<String, String>), String>;

/// Parses the text format strictly: head before samples, one head per family, no duplicate sample, no timestamp.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let (mut samples, mut heads, mut family) = (Samples::new(), BTreeSet::new(), String::new());
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            let (name, help) = head.split_once(' ').unwrap();
            assert!(heads.insert(name.to_owned()), "{name} has two heads");
            assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
            name.clone_into(&mut family);
        } else if let Some(head) = line.strip_prefix("# TYPE ") {
            assert_eq!(head, format!("{family} gauge"));
        } else {
            let (key, value) = sample(line);
            assert_eq!(key.0, family, "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(key, value).is_none(), "twice: {line}");
        }
    }
    samples
}

fn sample(line: &str) -> ((String, BTreeMap<String, String>), String) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            let (value, after) = quoted(after);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',').unwrap();
        }
    }
    ((name.to_owned(), labels), rest.strip_prefix(' ').unwrap().to_owned())
}

fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap()),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    panic!("no closing quote: {text}");
}

fn recording(host: &str) -> PathBuf {
    let folder = tests("hosts").join(host);
    ["recording.json", "input.txt"].map(|f| folder.join(f)).into_iter().find(|f| f.exists()).unwrap()
}

fn report(host: &str) -> Report {
    let recording = format::load(&std::fs::read(recording(host)).unwrap()).unwrap();
    Report::new(host::read(&recording), Source::Recording, None)
}

fn of(host: &str, options: &metrics::Options) -> Samples {
    parse(&metrics::text(&report(host), options))
}

fn hosts() -> Vec<String> {
    folders(&tests("hosts")).iter().map(|f| f.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The values of a family by one label, for samples that have the other given labels.
fn by<'a>(
    samples: &'a Samples,
    family: &str,
    label: &str,
    given: &[(&str, &str)],
) -> BTreeMap<&'a str, &'a str> {
    let fits = |labels: &BTreeMap<String, String>| {
        given.iter().all(|(n, v)| labels.get(*n).map(String::as_str) == Some(v))
    };
    let target = samples.iter().filter(|((name, labels), _)| name == family && fits(labels));
    target.map(|((_, labels), value)| (labels[label].as_str(), value.as_str())).collect()
}

#[test]
fn the_published_case_in_numbers() {
    let samples = of("lab-published-case", &metrics::Options::default());
    let half = |family| by(&samples, family, "space", &[("pool", "docker-254:0-8484-pool")]);
    assert_eq!(half("thinspect_pool_size_bytes")["data"], "107374182400");
    assert_eq!(half("thinspect_pool_used_bytes")["data"], ((1_638_400 - 161_986_u64) * 65_536).to_string());
    assert_eq!(half("thinspect_pool_used_ratio")["data"], "0.901131591");
    assert_eq!(half("thinspect_pool_min_free_required_bytes")["data"], (163_840_u64 * 65_536).to_string());
    assert_eq!(half("thinspect_pool_min_free_shortfall_bytes")["data"], (1854_u64 * 65_536).to_string());
    assert_eq!(half("thinspect_pool_min_free_shortfall_bytes")["metadata"], "0");
    let modes = by(&samples, "thinspect_pool_mode", "mode", &[]);
    assert_eq!((modes["rw"], modes["ro"]), ("1", "0"));
    let found = by(&samples, "thinspect_findings", "rule", &[("severity", "critical")]);
    assert!(found.contains_key("data-below-min-free"), "{found:?}");
    assert_eq!(by(&samples, "thinspect_docker_info", "driver", &[])["devicemapper"], "1");
    assert_eq!(by(&samples, "thinspect_pool_info", "backing", &[("owner", "docker")])["loop"], "1");
}

/// Every recording yields valid text with the documented number of series, and ratios between 0 and 1.
#[test]
fn every_host_is_valid_and_bounded() {
    for host in hosts() {
        let report = report(&host);
        let samples = parse(&metrics::text(&report, &metrics::Options::default()));
        let (docker_roots, pools) = (report.host.docker_roots.len(), report.host.pools.len());
        let (found, others): (Vec<_>, Vec<_>) =
            samples.iter().partition(|((name, _), _)| name == "thinspect_findings");
        assert!(others.len() <= 8 + docker_roots + 27 * pools, "{host}: {} series", others.len());
        assert!(found.len() <= thinspect::rules::RULES.len() * 2 * (pools + 1), "{host}");
        for ((name, labels), value) in &samples {
            let number: f64 = value.parse().unwrap();
            assert!(
                !name.ends_with("_ratio") || (0.0..=1.0).contains(&number),
                "{host}: {name}{labels:?} {value}"
            );
            assert!(!name.contains("percent") && !name.ends_with("_total"), "{name}");
        }
        let verdict = by(&samples, "thinspect_verdict", "verdict", &[]);
        assert_eq!(verdict[report.verdict.word()], "1", "{host}");
        assert_eq!(verdict.values().filter(|v| **v == "1").count(), 1, "{host}");
    }
}

/// Unknown values are absent, and a poll without an answer does not count as success; the time of the last success is
/// kept.
#[test]
fn unknown_is_absent() {
    let samples = of("lab-stuck-metadata-device", &metrics::Options::default());
    let stuck = by(&samples, "thinspect_pool_mode", "pool", &[("mode", "unanswered")]);
    let stuck: Vec<&str> = stuck.iter().filter(|(_, v)| **v == "1").map(|(p, _)| *p).collect();
    assert!(!stuck.is_empty());
    for pool in stuck {
        assert!(by(&samples, "thinspect_pool_used_bytes", "space", &[("pool", pool)]).is_empty());
    }
    let blank = format::load(b"nothing of interest\n").unwrap();
    let blank = Report::new(host::read(&blank), Source::Pasted, None);
    let text = |last_success| metrics::text(&blank, &metrics::Options { last_success, devices: None });
    assert!(!text(None).contains(metrics::LAST_SUCCESS));
    assert!(text(Some(17)).contains("\nthinspect_last_success_timestamp_seconds 17\n"));
}

#[test]
fn devices_only_on_request_and_the_largest_first() {
    let all = "capture-loopback-container-running";
    let family = |n| {
        by(
            &of(all, &metrics::Options { devices: n, last_success: None }),
            "thinspect_device_mapped_bytes",
            "device",
            &[],
        )
        .len()
    };
    assert_eq!(family(None), 0);
    let devices = family(Some(usize::MAX));
    assert!(devices >= 1, "{devices}");
    assert_eq!(family(Some(0)), 0);
}

/// The documentation's table has exactly the actual names.
#[test]
fn every_name_is_documented() {
    let mut exported = BTreeSet::new();
    for host in hosts() {
        let samples = of(&host, &metrics::Options { devices: Some(9), last_success: Some(1) });
        exported.extend(samples.into_keys().map(|(name, labels)| {
            let labels: Vec<String> = labels.into_keys().collect();
            (name, labels.join(", "))
        }));
    }
    let page = std::fs::read_to_string(tests("../scripts/fleet/README.md")).unwrap();
    let rows = page.lines().filter_map(|l| l.strip_prefix("| `thinspect_"));
    let documented: BTreeSet<(String, String)> = rows
        .map(|row| {
            let (name, rest) = row.split_once("` | ").unwrap();
            let mut labels: Vec<String> = rest
                .split(" |")
                .next()
                .unwrap()
                .split(", ")
                .map(|l| l.trim_matches('`').to_owned())
                .collect();
            labels.sort();
            (format!("thinspect_{name}"), labels.join(", "))
        })
        .collect();
    assert_eq!(exported, documented);
}

fn thinspect(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_thinspect")).args(args).env_clear().output().unwrap()
}

#[test]
fn a_textfile_is_replaced_and_hands_its_success_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thinspect.prom");
    let (file, fresh) = (file.to_str().unwrap(), recording("lab-fresh-loopback"));
    let run = |from: &str| thinspect(&["metrics", "--textfile", file, "--from", from]);
    let output = run(fresh.to_str().unwrap());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let success = |samples: &Samples| samples[&(metrics::LAST_SUCCESS.to_owned(), BTreeMap::new())].clone();
    let first = success(&parse(&std::fs::read_to_string(file).unwrap()));
    // A recording of a machine that refused: the file says so, with the time of the last success.
    let refused = r#"{"version":1,"source":"machine","recorded_at":"2030-01-01T00:00:00Z","answers":[{"ask":"dm-version","refused":"EACCES: run as root"}]}"#;
    let other = folder.path().join("refused.json");
    std::fs::write(&other, refused).unwrap();
    assert_eq!(run(other.to_str().unwrap()).status.code(), Some(3));
    let after = parse(&std::fs::read_to_string(file).unwrap());
    assert_eq!(success(&after), first);
    assert_eq!(after[&("thinspect_last_run_timestamp_seconds".to_owned(), BTreeMap::new())], "1893456000");
    assert_eq!(by(&after, "thinspect_verdict", "verdict", &[])["unknown"], "1");
}

#[test]
fn wrong_targets_are_refused() {
    for args in [
        &["metrics", "--textfile", "/tmp/thinspect.txt"][..],
        &["metrics", "--listen", "localhost:1"],
        &["metrics", "--listen", "1", "--textfile", "/tmp/a.prom"],
        &["metrics", "--per-device=x"],
    ] {
        assert_eq!(thinspect(args).status.code(), Some(64), "{args:?}");
    }
    let fresh = recording("lab-fresh-loopback");
    let output =
        thinspect(&["metrics", "--textfile", "/nonexistent/a.prom", "--from", fresh.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/a.prom"));
}

/// The program, serving a recording on its own port.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(from: &str) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_thinspect")), from)
    }

    /// A server with a limit of open files.
    fn start_with(descriptors: u32, from: &str) -> Self {
        let mut shell = Command::new("sh");
        let limited = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        shell.args(["-c", &limited, env!("CARGO_BIN_EXE_thinspect")]);
        Self::start_by(shell, from)
    }

    fn start_by(mut command: Command, from: &str) -> Self {
        let mut child = command
            .args(["metrics", "--listen", "0", "--from", from])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().split_once("http://").unwrap().1.strip_suffix("/metrics").unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Self { child, address }
    }

    /// Sends these bytes and returns the whole response.
    fn send(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        // A refused request may be answered before it was read completely.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn one_page_is_served() {
    let server = Server::start(recording("lab-published-case").to_str().unwrap());
    let answer = server.get("/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(parse(body).len() > 20);
    assert!(server.get("/metrics?a=b").starts_with("HTTP/1.1 200"));
    for other in ["/", "/metrics/", "/status", "/../metrics"] {
        assert!(server.get(other).starts_with("HTTP/1.1 404"), "{other}");
    }
    let post = server.send(b"POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    let head = server.send(b"HEAD /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
}

/// The serving process has dropped its capabilities: CAP_SYS_ADMIN (21) and CAP_SYSLOG (34), if it had them.
#[test]
fn what_is_not_needed_is_given_up() {
    let server = Server::start(recording("lab-fresh-loopback").to_str().unwrap());
    let set = |pid: &str, which: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(which)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    let (pid, needed) = (server.child.id().to_string(), 1 << 21 | 1 << 34);
    let kept = set("self", "CapPrm:") & needed;
    assert_eq!(set(&pid, "CapEff:"), kept);
    assert_eq!(set(&pid, "CapPrm:"), kept);
    assert_eq!(set(&pid, "CapInh:"), 0);
    assert_eq!(set(&pid, "NoNewPrivs:"), 1);
}

/// Garbage and an endless request head do not affect other clients.
#[test]
fn bad_clients_are_refused() {
    let server = Server::start(recording("lab-fresh-loopback").to_str().unwrap());
    assert!(server.send(b"\x16\x03\x01 nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    let endless = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 100_000]].concat();
    assert!(!server.send(&endless).contains(" 200 "));
    assert!(server.get("/metrics").starts_with("HTTP/1.1 200"));
}

/// A scrape is answered at once, long before the five-second timeout of the other connections.
fn is_answered_at_once(server: &Server) {
    let started = Instant::now();
    let answer = server.get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn clients_that_say_nothing_hold_up_nobody() {
    let server = Server::start(recording("lab-fresh-loopback").to_str().unwrap());
    let silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    for mut half in &silent[25..] {
        half.write_all(b"GET /met").unwrap();
    }
    is_answered_at_once(&server);
    // More connections than it serves at once: the oldest are closed.
    let more: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    is_answered_at_once(&server);
    // Only one thread, because a forked worker process could inherit a lock held by another thread.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.child.id())).unwrap().count();
    assert_eq!(tasks, 1);
    drop((silent, more));
}

/// A client that sends single bytes slowly, and one that does not read its response, are disconnected after a while.
#[test]
fn slow_clients_are_let_go() {
    let server = Server::start(recording("lab-fresh-loopback").to_str().unwrap());
    let mut slow = TcpStream::connect(&server.address).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
    let started = Instant::now();
    let mut ended = false;
    while started.elapsed() < Duration::from_secs(20) && !ended {
        is_answered_at_once(&server);
        ended = slow.write_all(b"a").is_err();
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(ended && started.elapsed() > Duration::from_secs(3), "{:?}", started.elapsed());
}

/// If all file descriptors are used, it continues: idle connections are closed first.
#[test]
fn too_few_descriptors_end_nothing() {
    for descriptors in [10, 11, 12, 24] {
        let mut server = Server::start_with(descriptors, recording("lab-fresh-loopback").to_str().unwrap());
        let silent: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
        is_answered_at_once(&server);
        assert!(server.child.try_wait().unwrap().is_none(), "it ended");
        drop(silent);
        is_answered_at_once(&server);
    }
}

/// A recording that disappears yields an error, and a response again when it returns: each scrape reads it again.
#[test]
fn each_scrape_asks_again() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("host.json");
    std::fs::copy(recording("lab-fresh-loopback"), &copy).unwrap();
    let server = Server::start(copy.to_str().unwrap());
    assert!(server.get("/metrics").contains("\nthinspect_verdict{verdict=\"critical\"} 0"));
    std::fs::remove_file(&copy).unwrap();
    assert!(server.get("/metrics").starts_with("HTTP/1.1 500"));
    std::fs::copy(recording("lab-published-case"), &copy).unwrap();
    assert!(server.get("/metrics").contains("\nthinspect_verdict{verdict=\"critical\"} 1"));
}

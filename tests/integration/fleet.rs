//! The files for fleets (`scripts/fleet/`) are valid and work with the real tools: promtool, Prometheus,
//! node_exporter, systemd-analyze, Kubernetes' schemas, Grafana's types. Those tests are ignored by default:
//! `scripts/setup fleet` installs the tools, and `cargo test fleet -- --include-ignored` runs all tests.

use crate::support::real::{Running, free_port, program, run, said, succeeds, unpacked, wait_for};
use crate::support::{folders, tests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn fleet(path: &str) -> PathBuf {
    tests("../scripts/fleet").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(fleet(path)).unwrap()
}

fn tool(name: &str) -> Command {
    program(&format!("usr/bin/{name}"))
}

/// Every expression of the dashboard.
fn dashboard_expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/thinspect.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|p| p["targets"].as_array().unwrap());
    targets.map(|t| t["expr"].as_str().unwrap().to_owned()).collect()
}

/// Names in a text: `thinspect_…` of metrics and `thinspect:…` of recording rules.
fn names(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    let words = text.split(|c: char| !part(c)).map(|w| w.trim_end_matches(':'));
    words.filter(|w| w.starts_with("thinspect_") || w.starts_with("thinspect:")).map(str::to_owned).collect()
}

/// The documented metrics (which tests/integration/metrics.rs compares with the actual ones), and the recorded ones.
fn known() -> BTreeSet<String> {
    let page = read("README.md");
    let listed =
        page.lines().filter_map(|l| l.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned()));
    let rules = read("prometheus/thinspect.rules.yml");
    let recorded = rules.lines().filter_map(|l| Some(l.trim().strip_prefix("- record: ")?.to_owned()));
    listed.chain(recorded).collect()
}

#[test]
fn rules_and_dashboard_name_only_what_there_is() {
    let known = known();
    let mut used = names(&dashboard_expressions().join(" "));
    used.extend(names(&read("prometheus/thinspect.rules.yml")));
    used.extend(names(&read("prometheus/thinspect.test.yml")));
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn each_alert_is_tested_and_listed() {
    let (rules, tests, page) =
        (read("prometheus/thinspect.rules.yml"), read("prometheus/thinspect.test.yml"), read("README.md"));
    for alert in rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
        assert!(page.contains(&format!("`{alert}`")), "{alert} is not in the README");
    }
}

/// A portable dashboard: no fixed data source, and every panel names the one it uses.
#[test]
fn the_dashboard_fits_any_grafana() {
    let dashboard: Value = serde_json::from_str(&read("grafana/thinspect.json")).unwrap();
    assert!(dashboard.get("uid").is_none() && dashboard.get("id").is_none());
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap() <= 24, "{}", panel["title"]);
    }
}

/// Options in the monitors' definitions exist.
#[test]
fn definitions_name_only_options_there_are() {
    let help = Command::new(env!("CARGO_BIN_EXE_thinspect")).args(["check", "--help"]).output().unwrap();
    let help = said(&help);
    for file in ["icinga/thinspect.conf", "nagios/thinspect.cfg"] {
        let text = read(file);
        let options =
            text.split(|c: char| c.is_whitespace() || "\"(),".contains(c)).filter(|w| w.starts_with("--"));
        let options: Vec<&str> = options.map(|o| o.trim_end_matches(')')).collect();
        assert!(options.len() > 1, "{file}");
        for option in options {
            assert!(help.contains(option), "{file}: {option}");
        }
    }
}

/// Only necessary privileges are requested, and the rest of the host is mounted read-only.
#[test]
fn the_daemonset_mounts_read_only() {
    let text = read("kubernetes/daemonset.yaml");
    let mounts = text.matches("mountPath:").count();
    assert_eq!(text.matches("\n              readOnly: true\n").count(), mounts);
    assert_eq!(text.matches("readOnlyRootFilesystem: true").count(), 1);
    assert!(text.contains("automountServiceAccountToken: false"));
    for never in ["hostNetwork", "hostPID", "hostIPC", "hostPort"] {
        assert!(!text.contains(never), "{never}");
    }
    let arguments = ["metrics", "--listen", "127.0.0.1:1", "--root", "/nonexistent/host"];
    for argument in arguments.iter().filter(|a| a.starts_with("--") || **a == "metrics") {
        assert!(text.contains(&format!("\"{argument}\"")), "{argument}");
    }
}

#[test]
fn the_service_keeps_to_what_the_program_asks() {
    let unit = read("systemd/thinspect-metrics.service");
    let start = unit.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/bin/thinspect ")).unwrap();
    let file = start.split_once("--textfile ").unwrap().1;
    let folder = Path::new(file).parent().unwrap().to_str().unwrap();
    assert!(unit.contains(&format!("\nReadWritePaths={folder}\n")));
    assert!(unit.contains("\nCapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYSLOG\n"));
}

/// Each host receives the binary and the two units, and nothing else; a failing host does not stop the others.
#[test]
fn the_rollout_copies_three_files() {
    let scratch = tempfile::tempdir().unwrap();
    let (programs, path) = (scratch.path().join("bin"), std::env::var("PATH").unwrap());
    std::fs::create_dir(&programs).unwrap();
    // Stands in for a host: stores what it receives.
    let ssh = "#!/bin/sh\ncat >\"$KEPT/$3.tar.gz\"\necho \"$4\" >\"$KEPT/$3.sh\"\n[ \"$3\" != broken ]\n";
    std::fs::write(programs.join("ssh"), ssh).unwrap();
    std::fs::set_permissions(programs.join("ssh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let output = Command::new(fleet("rollout"))
        .args(["one", "broken", "two"])
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("KEPT", scratch.path())
        .env("THINSPECT", env!("CARGO_BIN_EXE_thinspect"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("failed on: broken"), "{}", said(&output));
    for host in ["one", "two"] {
        let listed = Command::new("tar")
            .arg("-tzf")
            .arg(scratch.path().join(format!("{host}.tar.gz")))
            .output()
            .unwrap();
        assert_eq!(said(&listed), "thinspect\nthinspect-metrics.service\nthinspect-metrics.timer\n");
        succeeds(Command::new("sh").arg("-n").arg(scratch.path().join(format!("{host}.sh"))));
    }
    let usage = Command::new(fleet("rollout")).output().unwrap();
    assert_eq!(usage.status.code(), Some(64));
}

// --- with the real tools ------------------------------------------------------------------------------------------------

#[test]
#[ignore = "needs promtool: scripts/setup fleet"]
fn promtool_takes_rules_and_metrics() {
    let folder = fleet("prometheus");
    succeeds(tool("promtool").current_dir(&folder).args(["check", "rules", "thinspect.rules.yml"]));
    succeeds(tool("promtool").current_dir(&folder).args(["test", "rules", "thinspect.test.yml"]));
    // A dashboard's expressions are checked as rules.
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (at, expression) in dashboard_expressions().iter().enumerate() {
        writeln!(rules, "  - record: panel:{at}\n    expr: {}", serde_json::to_string(expression).unwrap())
            .unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("dashboard.yml");
    std::fs::write(&file, rules.replace("$instance", ".*")).unwrap();
    succeeds(tool("promtool").args(["check", "rules"]).arg(&file));
    // tests/integration/metrics.rs checks the format of every text; here promtool checks some.
    let few = |host: &PathBuf| host.ends_with("hostile-names") || host.join("recording.json").exists();
    for host in folders(&tests("hosts")).into_iter().filter(few) {
        let from =
            ["recording.json", "input.txt"].map(|f| host.join(f)).into_iter().find(|f| f.exists()).unwrap();
        let metrics = Command::new(env!("CARGO_BIN_EXE_thinspect"))
            .args(["metrics", "--per-device", "--from"])
            .arg(&from)
            .output()
            .unwrap();
        let mut check = tool("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check.stdin.take().unwrap().write_all(&metrics.stdout).unwrap();
        let output = check.wait_with_output().unwrap();
        assert!(output.status.success() && said(&output).is_empty(), "{}: {}", from.display(), said(&output));
    }
}

/// The DaemonSet is valid in every Kubernetes schema from 1.30 to the newest; in 1.29 except for the field that its
/// comment names.
#[test]
#[ignore = "needs Kubernetes' schemas: scripts/setup fleet"]
fn kubernetes_knows_every_word_of_the_daemonset() {
    let validate = |version: &[&str]| {
        let mut command = Command::new(unpacked("python/bin/python"));
        command.args(["-m", "kubernetes_validate", "--strict"]).args(version);
        command.arg(fleet("kubernetes/daemonset.yaml"));
        command
    };
    for version in [&[][..], &["-k", "1.30.0"]] {
        let passed = succeeds(&mut validate(version));
        assert_eq!(passed.matches("passed for resource").count(), 2, "{passed}");
    }
    let older = said(&validate(&["-k", "1.29.0"]).output().unwrap());
    let (failures, first) =
        (older.matches("ERROR").count(), older.contains("('recursiveReadOnly' was unexpected)"));
    assert!(failures == 1 && first, "{older}");
}

/// Grafana's types accept the dashboard, except for one field that Grafana itself writes for information.
#[test]
#[ignore = "needs Grafana's types: scripts/setup fleet"]
fn grafana_knows_every_word_of_the_dashboard() {
    let unknown = |dashboard: &Path| {
        let mut command = Command::new(unpacked("python/bin/python"));
        succeeds(command.arg(tests("integration/support/dashboard.py")).arg(dashboard))
    };
    assert_eq!(unknown(&fleet("grafana/thinspect.json")), "/templating/list/1/definition\n");
    let scratch = tempfile::NamedTempFile::new().unwrap();
    let misspelt = read("grafana/thinspect.json").replacen("\"editorMode\"", "\"editingMode\"", 1);
    std::fs::write(scratch.path(), misspelt).unwrap();
    assert!(unknown(scratch.path()).contains("/panels/0/targets/0/editingMode\n"));
}

/// systemd rates its exposure at most 2.0 of 10.
#[test]
#[ignore = "needs systemd-analyze: scripts/setup fleet"]
fn the_service_is_confined() {
    let unit = fleet("systemd/thinspect-metrics.service");
    succeeds(
        Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=20", "--no-pager"])
            .arg(unit),
    );
}

/// The body of a response; `None` while there is no server.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    // HTTP/1.0, so that the response is not chunked.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: here\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// Kinds of unhealthy hosts, with the alerts that each must raise exactly, once they are no longer pending.
const SICK: [(&str, &[&str]); 8] = [
    ("lab-published-case", &["DockerRefusedByMinFreeSpace", "ThinPoolCritical", "ThinPoolWarning"]),
    ("lab-metadata-full", &["DockerRefusedByMinFreeSpace", "ThinPoolReadOnly"]),
    ("lab-needs-check", &["ThinPoolNeedsCheck", "ThinPoolReadOnly"]),
    ("lab-out-of-data-space", &["DockerRefusedByMinFreeSpace", "ThinPoolOutOfDataSpace", "ThinPoolWarning"]),
    (
        "lab-backing-filesystem-full",
        &["ThinPoolCritical", "ThinPoolLoopFileOutgrowsFilesystem", "ThinPoolNeedsCheck", "ThinPoolReadOnly"],
    ),
    ("lab-suspended-pool", &["ThinPoolStuck"]),
    ("lab-stuck-metadata-device", &["ThinPoolStuck"]),
    ("silent", &["ThinspectSilent"]),
];
const WELL: [&str; 2] = ["lab-fresh-loopback", "lab-direct-lvm"];
const HOSTS: usize = 1000;

/// The kind of each host: every twentieth is unhealthy, in rotation.
fn kind(host: usize) -> &'static str {
    if host.is_multiple_of(20) { SICK[host / 20 % SICK.len()].0 } else { WELL[host % WELL.len()] }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Recordings of each kind, with the current time except for the silent host.
fn recordings(folder: &Path) {
    let at =
        String::from_utf8(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap().stdout)
            .unwrap();
    for kind in SICK.iter().map(|(kind, _)| *kind).chain(WELL) {
        let source = if kind == "silent" { WELL[0] } else { kind };
        let text = std::fs::read_to_string(tests("hosts").join(source).join("recording.json")).unwrap();
        let mut recording: Value = serde_json::from_str(&text).unwrap();
        if kind == "silent" {
            recording["recorded_at"] = "2026-01-01T00:00:00Z".into();
        } else {
            recording["recorded_at"] = at.trim().into();
        }
        std::fs::write(folder.join(format!("{kind}.json")), recording.to_string()).unwrap();
    }
}

/// A textfile for each host, written by the program itself.
fn textfiles(folder: &Path) {
    recordings(folder);
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || {
                for host in (0..HOSTS).filter(|h| h % 2 == part) {
                    let status = Command::new(env!("CARGO_BIN_EXE_thinspect"))
                        .arg("metrics")
                        .arg("--textfile")
                        .arg(folder.join(format!("h{host}.prom")))
                        .arg("--from")
                        .arg(folder.join(format!("{}.json", kind(host))))
                        .status()
                        .unwrap();
                    assert!(status.code().is_some_and(|c| c == 0 || c == 3), "h{host}");
                }
            });
        }
    });
}

/// Serves `/hN` from `hN.prom` in a folder, like the node_exporter of each host.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), folder) = (stream, folder.clone()) else { continue };
            std::thread::spawn(move || {
                let mut request = [0_u8; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let name = request.split([' ', '/']).nth(2).unwrap_or_default().to_owned();
                let body = std::fs::read_to_string(folder.join(format!("{name}.prom"))).unwrap_or_default();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            });
        }
    });
    port
}

/// The shipped rules with their pending times removed; promtool tests those.
fn impatient_rules() -> String {
    let waits = |l: &&str| !["for:", "keep_firing_for:"].iter().any(|w| l.trim_start().starts_with(w));
    read("prometheus/thinspect.rules.yml").lines().filter(waits).fold(String::new(), |all, l| all + l + "\n")
}

fn prometheus(folder: &Path, targets: u16, exporter: u16) -> (Running, u16) {
    let hosts: Vec<String> = (0..HOSTS).map(|h| format!("h{h}")).collect();
    let config = format!(
        "global: {{scrape_interval: 5s, evaluation_interval: 5s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs:\n\
         - job_name: hosts\n  static_configs: [{{targets: {hosts:?}}}]\n  relabel_configs:\n\
         \x20 - {{source_labels: [__address__], target_label: instance}}\n\
         \x20 - {{source_labels: [__address__], target_label: __metrics_path__, replacement: '/$1'}}\n\
         \x20 - {{target_label: __address__, replacement: '127.0.0.1:{targets}'}}\n\
         - job_name: node\n  static_configs: [{{targets: ['127.0.0.1:{exporter}'], labels: {{instance: real}}}}]\n"
    );
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    std::fs::write(folder.join("rules.yml"), impatient_rules()).unwrap();
    let port = free_port();
    let mut command = tool("prometheus");
    command.current_dir(folder).arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data");
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    (run(&mut command, &folder.join("prometheus.log")), port)
}

fn query(port: u16, expression: &str) -> Option<Vec<Value>> {
    let encoded = expression.bytes().fold(String::new(), |mut all, b| {
        write!(all, "%{b:02X}").unwrap();
        all
    });
    let answer: Value = serde_json::from_str(&get(port, &format!("/api/v1/query?query={encoded}"))?).ok()?;
    Some(answer["data"]["result"].as_array()?.clone())
}

fn number(port: u16, expression: &str) -> Option<f64> {
    query(port, expression)?.first()?["value"][1].as_str()?.parse().ok()
}

/// Textfiles of a thousand hosts, written by the program from recordings and scraped by a real Prometheus with the
/// shipped rules: exactly the unhealthy hosts raise alerts. One more host's file comes through a real node_exporter.
#[test]
#[ignore = "needs Prometheus and node_exporter: scripts/setup fleet"]
fn a_thousand_hosts() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let started = now();
    textfiles(folder);
    let collector = folder.join("collector");
    std::fs::create_dir(&collector).unwrap();
    std::fs::copy(folder.join("h1.prom"), collector.join("thinspect.prom")).unwrap();
    let exporter = free_port();
    let mut command = tool("prometheus-node-exporter");
    command.arg("--collector.disable-defaults").arg("--collector.textfile");
    command.arg(format!("--collector.textfile.directory={}", collector.display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{exporter}"));
    let _exporter = run(&mut command, &folder.join("exporter.log"));
    let page = wait_for("node_exporter", 30, &folder.join("exporter.log"), || get(exporter, "/metrics"));
    assert!(page.contains("\nnode_textfile_scrape_error 0\n"), "{page}");
    let (_prometheus, port) = prometheus(folder, serve(folder.to_owned()), exporter);
    let log = folder.join("prometheus.log");
    wait_for("all hosts scraped", 90, &log, || {
        (number(port, "count(thinspect_pools)")? >= HOSTS as f64 + 1.0).then_some(())
    });
    // Recorded values of a time when all hosts were present.
    wait_for("the rules evaluated since", 60, &log, || {
        (number(port, "thinspect:hosts:count")? > HOSTS as f64).then_some(())
    });
    let firing = alerts(port, &log);
    let expected: BTreeMap<String, BTreeSet<String>> = (0..HOSTS)
        .filter_map(|h| {
            let (_, alerts) = SICK.iter().find(|(sick, _)| *sick == kind(h))?;
            Some((format!("h{h}"), alerts.iter().map(|a| (*a).to_owned()).collect()))
        })
        .collect();
    assert_eq!(firing, expected);
    questions_are_answered(port);
    println!("{HOSTS} hosts: {} s", now() - started);
}

/// Firing alerts by host, once two readings agree.
fn alerts(port: u16, log: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let once = || {
        let mut firing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for alert in query(port, "ALERTS{alertstate=\"firing\"}")? {
            let label = |name: &str| alert["metric"][name].as_str().unwrap_or_default().to_owned();
            firing.entry(label("instance")).or_default().insert(label("alertname"));
        }
        Some(firing)
    };
    let mut before = None;
    wait_for("alerts that stay", 60, log, || {
        std::thread::sleep(Duration::from_secs(6));
        let now = once();
        let same = now.is_some() && now == before;
        before.clone_from(&now);
        now.filter(|_| same)
    })
}

/// Which hosts use loopback, which cannot upgrade Docker, and the number of series.
fn questions_are_answered(port: u16) {
    let of = |kinds: &[&str]| {
        (0..HOSTS).filter(|h| kinds.contains(&kind(*h))).map(|h| format!("h{h}")).collect::<BTreeSet<_>>()
    };
    let asked = |expression: &str| -> BTreeSet<String> {
        let all = query(port, expression).unwrap();
        all.iter()
            .map(|r| r["metric"]["instance"].as_str().unwrap().to_owned())
            .filter(|i| i != "real")
            .collect()
    };
    let loopback = asked("thinspect:pool_on_loopback:bool");
    assert!(loopback.is_superset(&of(&["lab-fresh-loopback", "lab-published-case"])));
    assert!(loopback.is_disjoint(&of(&["lab-direct-lvm"])));
    let bound = asked("thinspect:docker_needs_devicemapper:bool");
    assert!(bound.is_superset(&of(&["lab-fresh-loopback", "lab-direct-lvm", "lab-published-case"])));
    let most = number(port, "max(count by (instance) ({__name__=~\"thinspect_.+\"}))").unwrap();
    println!("series of one host: at most {most}");
    assert!(most <= 80.0);
}

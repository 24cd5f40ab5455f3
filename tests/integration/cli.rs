//! The command line: exit status, one clear sentence for bad input, nothing on the wrong stream.

use crate::support::thinspect;
use std::process::{Command, Stdio};

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const REFUSAL: &[u8] = b"devmapper: Thin Pool has 161986 free data blocks which is less than minimum required 163840 \
    free data blocks. Create more free space in thin pool or use dm.min_free_space option to change behavior\n";

#[test]
fn the_published_line_alone() {
    let out = thinspect(&["--from", "-", "-o", "json"], REFUSAL);
    assert_eq!(out.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["schema"], "thinspect/1");
    assert_eq!(json["verdict"], "critical");
    assert_eq!(json["findings"][0]["rule"], "data-below-min-free");
    let pool = &json["pools"][0];
    assert_eq!(pool["name"], serde_json::Value::Null);
    assert_eq!(pool["data"]["block_bytes"], serde_json::Value::Null, "the line does not say it");
    assert_eq!(pool["min_free_space"]["data_required_blocks"], 163_840);
    assert_eq!(pool["min_free_space"]["data_short_blocks"], 1854);
    let text = said(&thinspect(&["--from", "-", "-v"], REFUSAL).stdout);
    for number in ["161986", "163840", "1854", "115.9 MiB if a block is 64 KiB", "9 %", "2059"] {
        assert!(text.contains(number), "{number} is missing in\n{text}");
    }
}

#[test]
fn the_published_line_as_plans() {
    let out = thinspect(&["plan", "min-free-space", "--from", "-", "-o", "json"], REFUSAL);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["schema"], "thinspect-plan/1");
    assert_eq!(json["numbers"]["current_percent"], 10);
    assert_eq!(json["numbers"]["largest_unblocking_percent"], 9);
    assert_eq!(json["numbers"]["required_blocks"], 163_840);
    let out = thinspect(&["plan", "grow", "--from", "-", "-o", "json"], REFUSAL);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["numbers"]["minimum_growth_blocks"], 2059);
    assert_eq!(json["numbers"]["minimum_total_blocks"], 1_640_459);
}

#[test]
fn the_verdict_as_exit_status() {
    let healthy =
        b"docker-8:1-2-pool: 0 209715200 thin-pool 1 5000/524288 100000/1638400 - rw discard_passdown \
        queue_if_no_space - 1024\n";
    let status = ["status", "--exit-code", "--from", "-"];
    assert_eq!(thinspect(&status, REFUSAL).status.code(), Some(2));
    assert_eq!(thinspect(&status, healthy).status.code(), Some(0));
    assert_eq!(thinspect(&status, b"nothing of interest\n").status.code(), Some(3));
}

#[test]
fn wrong_usage_is_64() {
    for args in [
        &["--nonsense"][..],
        &["frobnicate"],
        &["plan"],
        &["plan", "grow", "--by", "much"],
        &["--timeout", "0s"],
    ] {
        let out = thinspect(args, b"");
        assert_eq!(out.status.code(), Some(64), "{args:?}: {}", said(&out.stderr));
        assert!(out.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_answers() {
    for args in [&["--help"][..], &["--version"], &["plan", "grow", "--help"]] {
        let out = thinspect(args, b"");
        assert_eq!(out.status.code(), Some(0), "{args:?}");
        assert!(out.stderr.is_empty() && !out.stdout.is_empty(), "{args:?}");
    }
}

/// Bad input: status 3, nothing on standard output, and one line with the problem and what to do.
#[test]
fn bad_input_gets_one_clear_sentence() {
    let future = br#"{"version": 99, "source": "machine", "answers": []}"#;
    let damaged =
        br#"{"version": 1, "tool": "thinspect 0.1.0", "source": "machine", "answers": [{"ask": "dm-list", "#;
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty", b"", "empty"),
        ("blank", b" \n\t\n", "empty"),
        ("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0", "not text"),
        ("future", future, "newer"),
        ("damaged", damaged, "line 1"),
    ];
    for (name, input, word) in cases {
        let out = thinspect(&["--from", "-"], input);
        let stderr = said(&out.stderr);
        assert_eq!(out.status.code(), Some(3), "{name}: {stderr}");
        assert!(out.stdout.is_empty(), "{name}");
        assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
        assert!(stderr.starts_with("thinspect: ") && stderr.contains(word), "{name}: {stderr}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let out = thinspect(&["--from", "/nonexistent/recording.json"], b"");
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("/nonexistent/recording.json"), "{}", said(&out.stderr));
}

#[test]
fn a_rule_that_is_not_there() {
    let out = thinspect(&["explain", "no-such-rule"], b"");
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("thinspect rules"));
}

#[test]
fn a_pool_that_is_not_there() {
    let line = b"a: 0 8388608 thin-pool 0 10/1024 4977/65536 - rw discard_passdown queue_if_no_space - 256\n";
    let out = thinspect(&["--from", "-", "--pool", "b"], line);
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("no thin pool named b; there is: a"));
}

/// A recording is read back to the same result, and only its owner can read the file.
#[test]
fn record_then_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("thinspect-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("recording.json");
    let path = file.to_str().unwrap();
    let out = thinspect(&["record", "--file", path, "--from", "-"], REFUSAL);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out.stderr));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let direct = thinspect(&["--from", "-"], REFUSAL);
    let through = thinspect(&["--from", path], b"");
    assert_eq!(said(&direct.stdout), said(&through.stdout));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_closed_reader_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thinspect"))
        .arg("rules")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert!(out.stderr.is_empty(), "{}", said(&out.stderr));
}

/// A hostile name reaches the terminal without control characters, and a command only quoted.
#[test]
fn hostile_names_stay_words() {
    let input = std::fs::read(crate::support::tests("hosts/hostile-names/input.txt")).unwrap();
    for args in [
        &["--from", "-", "-v"][..],
        &["plan", "grow", "--from", "-"],
        &["plan", "min-free-space", "--from", "-"],
    ] {
        let out = thinspect(args, &input);
        let text = said(&out.stdout) + &said(&out.stderr);
        assert!(!text.contains('\u{1b}'), "{args:?}: an escape reached the terminal");
    }
}

/// A file that is not metadata, and a recording without a copy of it, are reported as such.
#[test]
fn usage_without_metadata() {
    let out = thinspect(&["usage", "--metadata", "/etc/passwd"], b"");
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("not thin-pool metadata"), "{}", said(&out.stderr));
    let out = thinspect(&["usage", "--from", "-"], REFUSAL);
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("--metadata"), "{}", said(&out.stderr));
}

/// A history named on the command line is read with the recording; a missing one is reported and hides no finding.
#[test]
fn a_history_beside_a_recording() {
    let recording = crate::support::tests("hosts/lab-published-case/recording.json");
    let recording = recording.to_str().unwrap();
    let line = |minute: u64| {
        format!(
            "{{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T04:{minute:02}:00Z\",\
             \"pool\":\"docker-254:0-8484-pool\",\"block_bytes\":65536,\"data\":{{\"used_blocks\":{},\
             \"total_blocks\":1638400}}}}\n",
            1_000_000 + minute * 8_000
        )
    };
    let history: String = (0..59).map(line).collect();
    let file = std::env::temp_dir().join(format!("thinspect-history-{}", std::process::id()));
    std::fs::write(&file, &history).unwrap();
    let with = |log: &str| {
        let out = thinspect(&["--from", recording, "--log", log, "-o", "json"], b"");
        serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()
    };
    let json = with(file.to_str().unwrap());
    let fires = |json: &serde_json::Value| json["findings"].to_string().contains("filling-fast");
    assert!(fires(&json), "{json}");
    assert_eq!(json["pools"][0]["forecast"]["data"]["bytes_per_hour"], 60 * 8_000 * 65_536_u64);
    std::fs::remove_file(&file).unwrap();
    let json = with(file.to_str().unwrap());
    assert!(!fires(&json) && json["notes"].to_string().contains("no such file"), "{json}");
    // The recording itself yields one sample.
    let data = &json["pools"][0]["forecast"]["data"];
    assert!(data["samples"] == 1 && data["full_in_seconds"].is_null(), "{data}");
}

/// Every command has a manual page that names its options; wrong names get a clear error.
#[test]
fn manual_pages() {
    let page = |target: &[&str]| said(&thinspect(&[&["man"], target].concat(), b"").stdout);
    assert!(page(&[]).contains(".TH thinspect 1"), "{}", page(&[]));
    assert!(page(&["check"]).contains("metadata\\-warning"), "{}", page(&["check"]));
    assert!(page(&["plan", "grow"]).contains("thinspect\\-plan\\-grow"), "{}", page(&["plan", "grow"]));
    let folder = tempfile::tempdir().unwrap();
    let out = thinspect(&["man", "--dir", folder.path().to_str().unwrap()], b"");
    assert_eq!(out.status.code(), Some(0));
    for name in ["thinspect", "thinspect-metrics", "thinspect-plan-min-free-space"] {
        assert!(folder.path().join(format!("{name}.1")).exists(), "{name}");
    }
    assert_eq!(thinspect(&["man", "frobnicate"], b"").status.code(), Some(3));
    assert_eq!(thinspect(&["man", "--dir", "/nonexistent"], b"").status.code(), Some(3));
}

/// The shells themselves can parse the completions.
#[test]
fn completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let out = thinspect(&["completions", shell], b"");
        assert_eq!(out.status.code(), Some(0), "{shell}");
        assert!(said(&out.stdout).contains("metadata-warning"), "{shell}");
    }
    let script = thinspect(&["completions", "bash"], b"").stdout;
    let query = "\nCOMP_WORDS=(thinspect che); COMP_CWORD=1; _thinspect thinspect che thinspect; echo \"<${COMPREPLY[*]}>\"";
    let out = Command::new("bash").arg("-c").arg(said(&script) + query).output().unwrap();
    assert_eq!(said(&out.stdout).trim(), "<check>", "{}", said(&out.stderr));
}

/// A recording cannot be watched, the whole screen needs a terminal, and an interval has limits.
#[test]
fn what_cannot_be_watched_is_said_so() {
    let recording = crate::support::tests("hosts/lab-published-case/recording.json");
    let recording = recording.to_str().unwrap();
    let out = thinspect(&["watch", "--from", recording], b"");
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("does not move"), "{}", said(&out.stderr));
    let out = thinspect(&["watch", "--full-screen", "--from", recording], b"");
    assert_eq!(out.status.code(), Some(3));
    assert!(said(&out.stderr).contains("needs a terminal"), "{}", said(&out.stderr));
    for wrong in [&["watch", "--interval", "1ms"][..], &["watch", "-f", "-o", "json"]] {
        assert_eq!(thinspect(wrong, b"").status.code(), Some(64), "{wrong:?}");
    }
}

/// The page is written to a file only its owner can read, or to standard output, instead of the screen.
#[test]
fn a_page_instead_of_a_screen() {
    use std::os::unix::fs::PermissionsExt;
    let file = std::env::temp_dir().join(format!("thinspect-page-{}.html", std::process::id()));
    let path = file.to_str().unwrap();
    let out = thinspect(&["status", "--from", "-", "--html", path], REFUSAL);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(0), 0), "{}", said(&out.stderr));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("1854 short"));
    let out = thinspect(&["status", "--from", "-", "--html", "-"], REFUSAL);
    assert_eq!(said(&out.stdout), page);
    let out = thinspect(&["status", "--from", "-", "--html", "-", "--exit-code"], REFUSAL);
    assert_eq!(out.status.code(), Some(2));
    std::fs::remove_file(&file).unwrap();
}

/// On a machine without pools and engines no failure is a finding; with Docker it is.
#[test]
fn a_machine_without_pools_is_not_blamed_for_its_log() {
    let log = "[1.0] INFO: task dd:812 blocked for more than 120 seconds.\\n\
               [2.0] loop: Write error at byte offset 4096, length 4096.\\n\
               [3.0] blk_update_request: I/O error, dev sdb, sector 8 op 0x1:(WRITE) flags 0x800";
    let machine = |docker: &str| {
        let recording = format!(
            r#"{{"version": 1, "tool": "thinspect 0.1.0", "source": "machine", "answers": [
                {{"ask": "dm-version", "said": "4.47.0"}}, {{"ask": "dm-list", "said": ""}},
                {docker} {{"ask": "kernel-log", "said": "{log}"}}]}}"#
        );
        let out = thinspect(&["--from", "-", "-o", "json"], recording.as_bytes());
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        (json["verdict"].clone(), json["findings"].as_array().unwrap().len())
    };
    assert_eq!(machine(""), ("ok".into(), 0));
    let (verdict, findings) =
        machine(r#"{"ask": "device-records", "of": "/var/lib/docker/devicemapper/metadata", "said": ""},"#);
    assert!(verdict == "critical" && findings >= 3, "{verdict} {findings}");
}

/// The fork of Docker's driver has the same floor; the pool's name identifies it.
#[test]
fn what_podman_says_of_its_pool() {
    let yaml = b"store:\n  ConfigFile: /etc/containers/storage.conf\n  GraphDriverName: devicemapper\n  GraphStatus:\n    \
        Base Device Size: 10.74GB\n    Data Space Total: 107.4GB\n    Data Space Used: 106.9GB\n    \
        Pool Name: container-253:0-134-pool\n    Thin Pool Minimum Free Space: 10.74GB\n";
    let json =
        br#"{"store": {"graphDriverName": "devicemapper", "graphStatus": {"Base Device Size": "10.74GB",
        "Data Space Total": "107.4GB", "Data Space Used": "106.9GB", "Pool Name": "container-253:0-134-pool",
        "Thin Pool Minimum Free Space": "10.74GB"}}}"#;
    for text in [&yaml[..], json] {
        let out = said(&thinspect(&["--from", "-"], text).stdout);
        assert!(out.starts_with("CRITICAL: Podman refuses new layers and containers"), "{out}");
        assert!(out.contains("owner: containers/storage (Podman, CRI-O)"), "{out}");
        assert!(!out.contains("docker container prune"), "{out}");
    }
}

/// Errors are one sentence, even if the environment requests backtraces.
#[test]
fn errors_speak_whatever_is_asked_of_backtraces() {
    for (name, value) in [
        ("RUST_BACKTRACE", ""),
        ("RUST_BACKTRACE", "1"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "1"),
    ] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_thinspect"));
        let out = program.args(["status", "--from", "/nonexistent"]).env(name, value).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{name}={value}: {out:?}");
        let words = said(&out.stderr);
        assert!(
            words.starts_with("thinspect: cannot read /nonexistent") && words.lines().count() == 1,
            "{words}"
        );
    }
}

/// Private files stay private, and only regular files are opened.
#[test]
fn files_are_private_and_whole() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let recording = crate::support::tests("hosts/lab-fresh-loopback/recording.json");
    let recording = recording.to_str().unwrap();
    let file = folder.path().join("file");
    let write = |command: &str, to: &std::path::Path| {
        let to = to.to_str().unwrap();
        match command {
            "record" => thinspect(&["record", "--from", recording, "--file", to], b""),
            _ => thinspect(&["status", "--from", recording, "--html", to], b""),
        }
    };
    for command in ["record", "html"] {
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let out = write(command, &file);
        assert!(out.status.success(), "{command}: {out:?}");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{command}");
        let fifo = folder.path().join(command);
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let link = folder.path().join(format!("{command}-link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (place, word) in [(&fifo, "FIFO"), (&link, "symbolic link")] {
            let out = write(command, place);
            assert_eq!(out.status.code(), Some(3), "{command}: {out:?}");
            assert!(said(&out.stderr).contains(word), "{command}: {out:?}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5, "something was left behind");
}

/// A file that is not a history does not get into a recording.
#[test]
fn only_a_history_is_kept_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shadow");
    let recording = crate::support::tests("hosts/lab-fresh-loopback/recording.json");
    let with = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let arguments = ["--from", recording.to_str().unwrap(), "--log", file.to_str().unwrap()];
        let record = said(&thinspect(&[&["record"][..], &arguments].concat(), b"").stdout);
        (record, said(&thinspect(&arguments, b"").stdout))
    };
    let (recorded, shown) = with("root:$6$hash:1:0:\ndaemon:*:1:0:\n");
    assert!(!recorded.contains("$6$hash") && recorded.contains("it is no history"), "{recorded}");
    assert!(shown.contains("it is no history"), "{shown}");
    let sample = "{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T04:00:00Z\",\"pool\":\"p\"}\n";
    let (recorded, _) = with(&format!("{sample}root:$6$hash:1:0:\n{sample}root:$6$hash"));
    assert!(!recorded.contains("$6$hash") && recorded.matches("04:00:00Z").count() == 2, "{recorded}");
}

/// Released field names stay, because programs read them.
#[test]
fn released_fields_of_usage_stay() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_thinspect"))
        .args(["schema", "usage"])
        .output()
        .unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for field in
        ["pool", "transaction_id", "consistent", "devices", "images", "containers", "strangers", "without"]
    {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
}

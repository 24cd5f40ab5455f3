//! `check` follows the conventions for monitoring plug-ins. Its line is parsed here as a monitor would, from the
//! developer guidelines (2.5 ranges, 2.6 performance data), without code of the program.

use crate::support::{folders, tests};
use proptest::prelude::*;
use std::process::Command;
use thinspect::host;
use thinspect::record::format;
use thinspect::report::check_plugin::{Limits, Range, Thresholds, line};
use thinspect::report::{Report, Source};

// --- a monitor, by the guidelines ---------------------------------------------------------------------------------------

/// A parsed line of output.
#[derive(Debug)]
struct Parsed {
    state: String,
    text: String,
    data: Vec<Datum>,
}

/// `'label'=value[UOM];[warn];[crit];[min];[max]`
#[derive(Debug)]
struct Datum {
    label: String,
    value: String,
    unit: String,
    /// warn, crit, min, max; empty if omitted.
    rest: [String; 4],
}

fn parse(output: &str) -> Result<Parsed, String> {
    let one = output.strip_suffix('\n').ok_or("no line end")?;
    if one.contains(['\n', '\r']) {
        return Err(format!("more than one line: {one:?}"));
    }
    let (text, data) = one.split_once('|').unwrap_or((one, ""));
    if data.contains('|') {
        return Err(format!("two bars: {one}"));
    }
    let (head, text) = text.split_once(": ").ok_or("no colon after the state")?;
    let state = head.strip_prefix("THINPOOL ").ok_or("the service is missing")?;
    if !["OK", "WARNING", "CRITICAL", "UNKNOWN"].contains(&state) {
        return Err(format!("no state: {state}"));
    }
    Ok(Parsed { state: state.to_owned(), text: text.trim().to_owned(), data: perfdata(data)? })
}

fn perfdata(text: &str) -> Result<Vec<Datum>, String> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (label, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').ok_or("a quote is not closed")?,
            None => rest.split_at(rest.find('=').ok_or("no =")?),
        };
        if label.contains('=') || label.is_empty() {
            return Err(format!("label {label:?}"));
        }
        let after = after.strip_prefix('=').ok_or(format!("no = after {label}"))?;
        let (numbers, others) = after.split_once(' ').unwrap_or((after, ""));
        let mut parts = numbers.split(';');
        let value = parts.next().unwrap_or_default();
        let end = value.find(|c: char| !"0123456789.-".contains(c)).unwrap_or(value.len());
        let (value, unit) = if value == "U" { ("U", "") } else { value.split_at(end) };
        let mut rest_of = [const { String::new() }; 4];
        for (at, part) in parts.enumerate() {
            *rest_of.get_mut(at).ok_or("too many fields")? = part.to_owned();
        }
        all.push(Datum { label: label.into(), value: value.into(), unit: unit.into(), rest: rest_of });
        rest = others.trim_start();
    }
    Ok(all)
}

/// Whether a value raises an alert: rules 1 to 5 of 2.5, in floating point as in the plug-ins' own library.
fn alerts(range: &str, value: f64) -> Option<bool> {
    let (contents, range) = match range.strip_prefix('@') {
        Some(range) => (true, range),
        None => (false, range),
    };
    let (start, end) = range.split_once(':').unwrap_or(("0", range));
    let start = match start {
        "~" => f64::NEG_INFINITY,
        "" => 0.0,
        start => start.parse().ok()?,
    };
    let end: f64 = if end.is_empty() { f64::INFINITY } else { end.parse().ok()? };
    if start > end {
        return None;
    }
    let outside = value < start || value > end;
    Some(outside != contents)
}

/// The state that a monitor derives from the numbers alone.
fn state_of_numbers(data: &[Datum]) -> &'static str {
    let raises = |d: &&Datum, which: usize| {
        let value: Result<f64, _> = d.value.parse();
        !d.rest[which].is_empty() && value.is_ok_and(|v| alerts(&d.rest[which], v).unwrap())
    };
    if data.iter().any(|d| raises(&d, 1)) {
        "CRITICAL"
    } else if data.iter().any(|d| raises(&d, 0)) {
        "WARNING"
    } else {
        "OK"
    }
}

/// Checks the guidelines' requirements for every line.
fn conforms(output: &str) -> Parsed {
    let parsed = parse(output).unwrap_or_else(|why| panic!("{why}\n{output}"));
    assert!(!parsed.text.is_empty(), "{output}");
    let mut labels = std::collections::HashSet::new();
    for datum in &parsed.data {
        assert!(labels.insert(&datum.label), "{} twice in {output}", datum.label);
        assert!(["", "s", "%", "B"].contains(&datum.unit.as_str()), "unit of {datum:?}");
        assert!(datum.value == "U" || datum.value.parse::<f64>().is_ok(), "value of {datum:?}");
        for range in &datum.rest[..2] {
            assert!(range.is_empty() || alerts(range, 0.0).is_some(), "range in {datum:?}");
        }
        for bound in &datum.rest[2..] {
            assert!(bound.is_empty() || bound.parse::<f64>().is_ok(), "bound in {datum:?}");
        }
    }
    parsed
}

// --- the program, looked at by it ---------------------------------------------------------------------------------------

fn reports() -> Vec<(String, Report)> {
    let of = |folder: &std::path::Path| {
        let file =
            ["recording.json", "input.txt"].map(|f| folder.join(f)).into_iter().find(|f| f.exists()).unwrap();
        let recording = format::load(&std::fs::read(file).unwrap()).unwrap();
        Report::new(host::read(&recording), Source::Recording, None)
    };
    folders(&tests("hosts")).iter().map(|f| (f.display().to_string(), of(f))).collect()
}

/// For every recording, the state is the worse of rules and numbers.
#[test]
fn every_host_in_one_line() {
    let rank =
        |state: &str| ["OK", "WARNING", "UNKNOWN", "CRITICAL"].iter().position(|s| *s == state).unwrap();
    for (name, report) in reports() {
        for verbose in [false, true] {
            let line = line(&report, &Thresholds::default(), verbose);
            let parsed = conforms(&line.text);
            assert_eq!(parsed.state.to_lowercase(), line.verdict.word(), "{name}");
            assert!(rank(&parsed.state) >= rank(state_of_numbers(&parsed.data)), "{name}: {}", line.text);
            // With the default limits, the state equals the verdict of `status`.
            assert_eq!(line.verdict, report.verdict, "{name}: {}", line.text);
        }
    }
}

const PASTED: &str =
    " 0 209715200 thin-pool 1 5000/524288 100000/1638400 - rw discard_passdown queue_if_no_space - 1024\n";

fn healthy(name: &str) -> Report {
    let recording = format::load(format!("{name}:{PASTED}").as_bytes()).unwrap();
    Report::new(host::read(&recording), Source::Pasted, None)
}

/// A name may contain whatever the kernel permits.
#[test]
fn names_do_not_break_the_line() {
    for name in ["it's", "a=b", "a|b", "x;y", "a\"b", "a\\b", "'", "a%b"] {
        let mut report = healthy("p");
        report.host.pools[0].name = Some(name.to_owned());
        let parsed = conforms(&line(&report, &Thresholds::default(), false).text);
        assert_eq!(parsed.data.len(), 4, "{name}");
    }
}

/// The pool of the rule's own example: it grows by 80,000 blocks in 20 minutes and has 498,400 free, so it is full in
/// 2 h 4 min.
fn filling() -> Report {
    let sample = |minutes: u64| {
        format!(
            r#"{{"schema":"thinspect-watch/1","kind":"sample","at":"2026-11-22T02:{minutes:02}:00Z","pool":"p","block_bytes":65536,"data":{{"used_blocks":{},"total_blocks":1638400}}}}"#,
            900_000 + minutes * 4000
        )
    };
    let samples: Vec<String> = [0, 20, 40, 59].map(sample).into();
    let status = "p: 0 209715200 thin-pool 4 4244/524288 1136000/1638400 - rw discard_passdown queue_if_no_space - 1024";
    let recording = format::load(format!("{status}\n{}\n", samples.join("\n")).as_bytes()).unwrap();
    Report::new(host::read(&recording), Source::Pasted, None)
}

#[test]
fn time_to_full_is_a_condition() {
    let report = filling();
    let parsed = |warning: &str, critical: &str| {
        let time = Limits { warning: warning.parse().ok(), critical: critical.parse().ok() };
        let output = line(&report, &Thresholds { time, ..Thresholds::default() }, false).text;
        let parsed = conforms(&output);
        let datum =
            parsed.data.iter().find(|d| d.label == "data_full_in_p").unwrap_or_else(|| panic!("{output}"));
        assert_eq!((datum.value.as_str(), datum.unit.as_str()), ("7536", "s"), "{output}");
        parsed
    };
    assert_eq!(parsed("1h:", "30m:").state, "OK");
    assert_eq!(parsed("3h:", "1h:").state, "WARNING");
    let critical = parsed("5h:", "3h:");
    assert_eq!(critical.state, "CRITICAL");
    assert!(critical.text.contains("data full in"), "{}", critical.text);
    // Without limits from the user, the rule decides.
    let ruled = parsed("", "");
    assert_eq!(ruled.state, "CRITICAL");
    assert!(ruled.text.contains("will be full in"), "{}", ruled.text);
}

/// A range in any form that a person may write.
fn range() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (0_i32..120).prop_map(|n| n.to_string()),
        (0_u32..1000).prop_map(|n| format!("{}.{}", n / 10, n % 10))
    ];
    let start = prop_oneof![
        Just(String::new()),
        Just("~:".to_owned()),
        Just(":".to_owned()),
        number.clone().prop_map(|n| n + ":")
    ];
    (any::<bool>(), start, proptest::option::of(number)).prop_filter_map("a range", |(at, start, end)| {
        let text = format!("{}{start}{}", if at { "@" } else { "" }, end.unwrap_or_default());
        text.parse::<Range>().is_ok().then_some(text)
    })
}

proptest! {
    /// For every use and every range, the state matches the printed numbers and ranges.
    #[test]
    fn numbers_and_state_agree(used in 0_u64..=1_638_400, warning in range(), critical in range()) {
        let mut report = healthy("p");
        report.host.pools[0].data.used = Some(thinspect::host::model::units::DataBlocks(used));
        // Findings of rules are tested elsewhere.
        report.findings.clear();
        let thresholds = Thresholds {
            data: Limits { warning: warning.parse().ok(), critical: critical.parse().ok() },
            metadata: Limits::default(),
            time: Limits::default(),
        };
        let output = line(&report, &thresholds, false).text;
        let parsed = conforms(&output);
        prop_assert_eq!(&parsed.state, state_of_numbers(&parsed.data), "{}", output);
        // The printed ranges are the requested ones.
        let value: f64 = parsed.data[0].value.parse().unwrap();
        prop_assert_eq!(alerts(&warning, value), alerts(&parsed.data[0].rest[0], value), "{}", output);
    }

    /// The program and this parser accept the same ranges, and agree about values.
    #[test]
    fn ranges_mean_the_same_to_both(text in "[@~:0-9.]{0,7}", value in -200_i64..200) {
        let ours = text.parse::<Range>();
        if let Ok(ours) = ours {
            prop_assert_eq!(Some(ours.alerts(value * 1_000_000)), alerts(&text, value as f64), "{}", text);
            prop_assert_eq!(ours.to_string().parse::<Range>(), Ok(ours));
        }
    }

    #[test]
    fn any_name_makes_a_line(name in "\\PC{1,40}", used in 0_u64..=1_638_400) {
        let mut report = healthy("p");
        report.host.pools[0].name = Some(name);
        report.host.pools[0].data.used = Some(thinspect::host::model::units::DataBlocks(used));
        conforms(&line(&report, &Thresholds::default(), true).text);
    }
}

fn check(args: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_thinspect")).arg("check").args(args).env_clear().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_exit_status_is_the_state() {
    let published = tests("hosts/lab-published-case/recording.json");
    let fresh = tests("hosts/lab-direct-lvm/recording.json");
    let (code, output, _) = check(&["--from", published.to_str().unwrap()]);
    assert_eq!((code, conforms(&output).state.as_str()), (Some(2), "CRITICAL"));
    assert!(output.contains("161986"), "{output}");
    let (code, output, _) = check(&["--from", fresh.to_str().unwrap()]);
    assert_eq!((code, conforms(&output).state.as_str()), (Some(0), "OK"), "{output}");
    let (code, output, _) = check(&["-w", "0", "-c", "99", "--from", fresh.to_str().unwrap()]);
    assert_eq!((code, conforms(&output).state.as_str()), (Some(1), "WARNING"), "{output}");
    let (code, output, _) = check(&["-w", "@~:", "-c", "@0:50", "--from", fresh.to_str().unwrap()]);
    assert_eq!((code, conforms(&output).state.as_str()), (Some(2), "CRITICAL"), "{output}");
}

/// A monitor shows the first line of standard output: every error must be there, with the state unknown.
#[test]
fn what_is_not_understood_is_unknown() {
    for args in [
        &["--nonsense"][..],
        &["-w", "80%"],
        &["-w", "20:10"],
        &["-c"],
        &["--from", "/nonexistent"],
        &["--from", "/nonexistent", "a\nb"],
        &["--timeout", "never"],
    ] {
        let (code, output, errors) = check(args);
        assert_eq!(code, Some(3), "{args:?}");
        assert_eq!(conforms(&output).state, "UNKNOWN", "{args:?}");
        assert_eq!(errors, "", "{args:?}");
    }
}

/// Guidelines 2.3: help and version also exit with unknown.
#[test]
fn the_reserved_options() {
    for option in ["-h", "--help", "-V", "--version"] {
        let (code, output, _) = check(&[option]);
        assert_eq!(code, Some(3), "{option}");
        assert!(output.contains("thinspect"), "{option}: {output}");
    }
    let fresh = tests("hosts/lab-direct-lvm/recording.json");
    let (code, output, _) =
        check(&["-v", "-t", "10", "-w", "80", "-c", "90", "--from", fresh.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{output}");
}

//! Finds JSON in a paste: `docker info` as JSON, LVM's reports, `losetup` and `lsblk`, Docker's settings, journal
//! entries, lines of a recording or a history.
//!
//! Determines the end of a JSON value and the tool that wrote it, without parsing reports. Log messages are extracted
//! from journal entries, so that they are treated like plain lines. Truncated JSON is treated as lines of text.

use super::tool::Tool;
use crate::record::{Answer, Outcome, Query, redact};
use serde::de::IgnoredAny;
use serde_json::Value;

/// Path of the Docker daemon's settings.
const DAEMON_JSON: &str = "/etc/docker/daemon.json";

/// Bytes that may still be searched for the end of a JSON value. A hostile text could begin a value on each line and
/// end none.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new(text: &str) -> Self {
        Self(text.len().saturating_mul(2).saturating_add(1 << 16))
    }
}

/// A recognised JSON value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A tool's report, a file, or an answer from a recording.
    Answer(Answer),
    /// Log messages, one per line.
    Log(String),
}

/// The recognised JSON value at the beginning of a text, and the text after it.
pub(super) fn next<'a>(text: &'a str, budget: &mut Budget) -> Option<(Found, &'a str)> {
    let begun = text.trim_start_matches([' ', '\t']);
    let inner = begun.strip_prefix(['{', '['])?.trim_start().bytes().next()?;
    if budget.0 == 0 || !matches!(inner, b'{' | b'[' | b'"') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(begun).into_iter::<IgnoredAny>();
    let complete = match values.next() {
        Some(Ok(_)) => true,
        Some(Err(error)) => {
            let searched = if error.is_eof() { begun.len() } else { error.column() };
            budget.0 = budget.0.saturating_sub(searched);
            false
        }
        None => false,
    };
    let end = values.byte_offset();
    if !complete {
        return None;
    }
    budget.0 = budget.0.saturating_sub(end);
    let (value, after) = begun.split_at_checked(end)?;
    Some((recognise(value)?, after))
}

/// Recognises a JSON value by keys that only one tool writes.
fn recognise(value: &str) -> Option<Found> {
    let has = |key: &str| value.contains(key);
    if has("\"ask\"")
        && let Ok(answer) = serde_json::from_str::<Answer>(value)
    {
        return Some(Found::Answer(answer));
    }
    if ["\"MESSAGE\"", "\"dmesg\"", "\"log\""].into_iter().any(has)
        && let Some(log) = serde_json::from_str(value).ok().as_ref().and_then(messages)
    {
        return Some(Found::Log(log));
    }
    let (query, target) = if has("\"thinspect-watch/1\"") {
        (Query::History, "")
    } else if has("\"DriverStatus\"") || has("\"Pool Name\"") || has("\"Data Space ") {
        (Query::DockerInfo, "")
    } else if has("\"report\"") && has("\"lv\"") {
        (Query::LvmReport, "lvs")
    } else if has("\"report\"") && has("\"vg\"") {
        (Query::LvmReport, "vgs")
    } else if has("\"report\"") && has("\"pv\"") {
        (Query::LvmReport, "pvs")
    } else if has("\"loopdevices\"") {
        (Query::PastedOutput, Tool::Losetup.name())
    } else if has("\"blockdevices\"") {
        (Query::PastedOutput, Tool::Lsblk.name())
    } else if has("\"storage-opts\"") || has("\"storage-driver\"") || has("\"data-root\"") {
        let settings = Outcome::Answered(redact::settings(DAEMON_JSON, value).text);
        return Some(Found::Answer(Answer {
            query: Query::File,
            target: DAEMON_JSON.to_owned(),
            outcome: settings,
        }));
    } else {
        return None;
    };
    Some(Found::Answer(Answer {
        query,
        target: target.to_owned(),
        outcome: Outcome::Answered(value.to_owned()),
    }))
}

/// The messages of a log entry: `journalctl -o json`, `dmesg --json`, or Docker's json-file logs.
fn messages(entry: &Value) -> Option<String> {
    if let Some(lines) = entry.get("dmesg").and_then(Value::as_array) {
        let line = |l: &Value| Some(kernel_line(l.get("time")?.to_string(), &text(l.get("msg")?)?));
        return Some(lines.iter().filter_map(line).collect::<Vec<_>>().join("\n"));
    }
    if let Some(message) = entry.get("MESSAGE") {
        let message = text(message)?;
        let identifier = entry.get("SYSLOG_IDENTIFIER").and_then(Value::as_str).unwrap_or_default();
        let is_kernel =
            identifier == "kernel" || entry.get("_TRANSPORT").and_then(Value::as_str) == Some("kernel");
        let micros = entry.get("_SOURCE_MONOTONIC_TIMESTAMP").and_then(Value::as_str);
        return Some(match micros.and_then(|m| m.parse::<u64>().ok()) {
            Some(micros) if is_kernel => {
                kernel_line(format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000), &message)
            }
            _ if identifier.is_empty() => message,
            _ => format!("{identifier}: {message}"),
        });
    }
    entry.get("stream")?;
    text(entry.get("log")?)
}

/// Formats a kernel message as `dmesg` does.
fn kernel_line(seconds: String, message: &str) -> String {
    format!("[{seconds:>12}] {message}")
}

/// A string, or an array of bytes, which the journal writes for strings with special characters.
fn text(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let byte = |b: &Value| u8::try_from(b.as_u64()?).ok();
    let bytes: Vec<u8> = value.as_array()?.iter().map(byte).collect::<Option<_>>()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Found> {
        next(text, &mut Budget::new(text)).map(|(found, _)| found)
    }

    #[test]
    fn a_line_of_a_recording_becomes_an_answer() {
        let line = r#"{"ask":"dm-status","of":"x","said":"0 4 thin-pool Fail"}"#;
        let Some(Found::Answer(answer)) = found(line) else { panic!("an answer") };
        assert_eq!((answer.query, answer.target.as_str()), (Query::DmStatus, "x"));
        assert_eq!(answer.outcome.said(), Some("0 4 thin-pool Fail"));
    }

    #[test]
    fn messages_of_all_log_formats() {
        let log =
            |text: &str| found(text).map(|f| if let Found::Log(text) = f { text } else { String::new() });
        let kernel = r#"{"MESSAGE":"device-mapper: x","SYSLOG_IDENTIFIER":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"88440204121"}"#;
        assert_eq!(log(kernel).as_deref(), Some("[88440.204121] device-mapper: x"));
        let daemon = "{\n\t\"MESSAGE\" : \"no \\\"x\\\"\",\n\t\"SYSLOG_IDENTIFIER\" : \"dockerd\"\n}";
        assert_eq!(log(daemon).as_deref(), Some("dockerd: no \"x\""));
        assert_eq!(log(r#"{"MESSAGE":[27,91,109,120]}"#).as_deref(), Some("\u{1b}[mx"));
        assert_eq!(log(r#"{"MESSAGE":null}"#), None);
        let dmesg = r#"{"dmesg":[{"pri":4,"time":12.345678,"msg":"a"},{"msg":"b"},{"time":1.5,"msg":"c"}]}"#;
        assert_eq!(log(dmesg).as_deref(), Some("[   12.345678] a\n[         1.5] c"));
        assert_eq!(log(r#"{"log":"a\n","stream":"stderr","time":"2017"}"#).as_deref(), Some("a\n"));
        assert_eq!(log(r#"{"log":"a"}"#), None);
    }

    #[test]
    fn secrets_in_settings_are_removed() {
        let text = r#"{"storage-opts": ["dm.min_free_space=5%"], "http-proxy": "http://u:p@h"}"#;
        let Some(Found::Answer(answer)) = found(text) else { panic!("an answer") };
        assert_eq!((answer.query, answer.target.as_str()), (Query::File, DAEMON_JSON));
        let said = answer.outcome.said().unwrap_or_default();
        assert!(said.contains("5%") && !said.contains("u:p"), "{said}");
    }

    #[test]
    fn unterminated_values_cost_little() {
        let text = "[[\"a\",\n".repeat(20_000);
        let mut budget = Budget::new(&text);
        for (at, _) in text.match_indices("[[") {
            assert!(next(text.split_at(at).1, &mut budget).is_none());
        }
        assert_eq!(budget.0, 0, "it stops looking");
    }
}

//! Changes of a file that holds secrets and carriage returns.

use super::*;
use crate::plan::daemon_json::with_settings;
use serde_json::{Value, json};

/// A file with a secret and carriage returns, and what is recorded of it.
const FILE: &str = "{\r\n  \"splunk-token\": \"abc\",\r\n  \"storage-opts\": [\r\n    \"dm.fs=xfs\"\r\n  ],\r\n  \"x\": 1\r\n}\r\n";

fn digest() -> FileDigest {
    let mut hidden: Vec<Hidden> =
        FILE.match_indices("\r\n").map(|(at, _)| Hidden { offset: number(at), bytes: 1, shown: 0 }).collect();
    let at = FILE.find("\"abc\"").unwrap();
    hidden.push(Hidden { offset: number(at), bytes: 5, shown: 12 });
    hidden.sort_by_key(|h| h.offset);
    FileDigest { hidden, ..FileDigest::of_plain(FILE) }
}

fn text() -> String {
    FILE.replace("\"abc\"", "\"<redacted>\"").replace('\r', "")
}

fn replaced(settings: &[(&str, Option<Value>)]) -> Result<String, String> {
    let edited = with_settings(&text(), settings)?;
    let mut file = FILE.to_owned();
    for one in Replacement::all(&digest(), &edited)?.iter().rev() {
        let at = usize::try_from(one.offset).unwrap();
        assert_eq!(file.get(at..at + one.old.len()), Some(one.old.as_str()));
        file.replace_range(at..at + one.old.len(), &one.new);
    }
    Ok(file)
}

#[test]
fn places_in_the_text_become_places_in_the_file() {
    let new = replaced(&[("storage-opts", Some(json!(["dm.fs=ext4"]))), ("y", Some(json!(true)))]).unwrap();
    let value: Value = serde_json::from_str(&new).unwrap();
    assert_eq!(value, json!({"splunk-token": "abc", "storage-opts": ["dm.fs=ext4"], "x": 1, "y": true}));
    let gone: Value = serde_json::from_str(&replaced(&[("storage-opts", None)]).unwrap()).unwrap();
    assert_eq!(gone, json!({"splunk-token": "abc", "x": 1}));
}

#[test]
fn a_secret_is_never_replaced() {
    let refused = replaced(&[("splunk-token", Some(json!("x")))]).unwrap_err();
    assert!(refused.contains("by hand"), "{refused}");
    assert!(replaced(&[("splunk-token", None)]).is_err());
}

#[test]
fn what_is_not_known_is_refused() {
    let docker = |text: Option<&str>| Docker { daemon_json: text.map(str::to_owned), ..Docker::default() };
    assert_eq!(original(&docker(None)), Ok(Original::Absent));
    assert!(original(&docker(Some("{}"))).is_err());
    let secret = original(&docker(Some("{\"token\": \"<redacted>\"}"))).unwrap_err();
    assert!(secret.contains("secret"), "{secret}");
    let unread = Docker { daemon_json_unread: Some("EACCES".into()), ..Docker::default() };
    assert!(original(&unread).unwrap_err().contains("EACCES"));
}

//! Edits single settings in the text of a `daemon.json` and preserves every other character.
//!
//! The result is parsed again and must equal the old settings with that one change; otherwise the edit fails.

use serde_json::{Value, json};
use std::ops::Range;

/// The key that holds Docker's storage options.
const KEY: &str = "storage-opts";

/// A replacement of a byte range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    /// The bytes to replace; empty for an insertion.
    pub(super) range: Range<usize>,
    /// The new text.
    pub(super) by: String,
}

impl Splice {
    fn whole(text: &str, by: String) -> Self {
        Self { range: 0..text.len(), by }
    }

    /// Applies the change; `None` if the range is outside the text.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let Range { start, end } = self.range;
        Some(format!("{}{}{}", text.get(..start)?, self.by, text.get(end..)?))
    }
}

/// The edit that sets the storage option `name` to `value`. Fails with a sentence if that is not safe.
pub(super) fn with_option(text: &str, name: &str, value: &str) -> Result<Splice, String> {
    let option = format!("{name}={value}");
    if text.trim().is_empty() {
        return Ok(Splice::whole(text, format!("{{\n    \"{KEY}\": [{}]\n}}\n", Value::from(option))));
    }
    let wanted = changed(&parsed(text)?, name, &option)?;
    let literal = Value::from(option).to_string();
    checked(text, splice(text, name, &literal), &wanted)
}

/// The edit that sets or (with `None`) removes the member `key`; `None` if nothing changes. Fails with a sentence if
/// that is not safe.
pub(super) fn with_member(text: &str, key: &str, value: Option<&Value>) -> Result<Option<Splice>, String> {
    let entry = |value: &Value| format!("{}: {value}", Value::from(key));
    if text.trim().is_empty() {
        return Ok(value.map(|v| Splice::whole(text, format!("{{\n    {}\n}}\n", entry(v)))));
    }
    let old = parsed(text)?;
    let mut wanted = old.as_object().cloned().ok_or("daemon.json holds no object")?;
    let top = text.find('{').and_then(|open| members(text, open)).unwrap_or_default();
    let place = top.iter().rposition(|m| m.key.as_deref() == Some(key));
    let new = match (place, value) {
        (Some(at), Some(value)) => {
            wanted.insert(key.to_owned(), value.clone());
            top.get(at).map(|m| replace(m.value.clone(), &value.to_string()))
        }
        (None, Some(value)) => {
            wanted.insert(key.to_owned(), value.clone());
            insert(text, &top, &entry(value))
        }
        (Some(at), None) => {
            wanted.remove(key);
            remove(&top, at)
        }
        (None, None) => return Ok(None),
    };
    checked(text, new, &Value::Object(wanted)).map(Some)
}

fn parsed(text: &str) -> Result<Value, String> {
    if text.chars().any(|c| c.is_control() && !"\n\t\r".contains(c)) {
        return Err("daemon.json holds control characters".into());
    }
    serde_json::from_str(text).map_err(|e| format!("daemon.json is no JSON: {e}"))
}

/// The change, if the edited text parses to `wanted`.
fn checked(text: &str, change: Option<Splice>, wanted: &Value) -> Result<Splice, String> {
    let means = |text: String| serde_json::from_str::<Value>(&text).ok();
    change
        .filter(|change| change.apply(text).and_then(means).as_ref() == Some(wanted))
        .ok_or_else(|| "daemon.json is written in a way that cannot be changed safely".into())
}

/// The expected settings after the change.
fn changed(old: &Value, name: &str, option: &str) -> Result<Value, String> {
    let mut settings = old.as_object().cloned().ok_or("daemon.json holds no object")?;
    let list = settings.entry(KEY).or_insert_with(|| json!([]));
    let list = list.as_array_mut().ok_or("storage-opts in daemon.json is no list")?;
    match list.iter_mut().rev().find(|o| o.as_str().is_some_and(|o| is_option(o, name))) {
        Some(last) => *last = option.into(),
        None => list.push(option.into()),
    }
    Ok(Value::Object(settings))
}

fn is_option(option: &str, name: &str) -> bool {
    option.split_once('=').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name))
}

fn splice(text: &str, name: &str, literal: &str) -> Option<Splice> {
    let top = members(text, text.find('{')?)?;
    let list = top.iter().rev().find(|m| m.key.as_deref() == Some(KEY));
    let Some(list) = list else { return insert(text, &top, &format!("\"{KEY}\": [{literal}]")) };
    let elements = members(text, list.value.start)?;
    let same = |m: &&Member| string(text, &m.value).is_some_and(|o| is_option(&o, name));
    match elements.iter().rev().find(same) {
        Some(last) => Some(replace(last.value.clone(), literal)),
        None if elements.is_empty() => Some(replace(list.value.clone(), &format!("[{literal}]"))),
        None => insert(text, &elements, literal),
    }
}

/// Appends an entry with the same spacing as the last one.
fn insert(text: &str, members: &[Member], entry: &str) -> Option<Splice> {
    let Some(last) = members.last() else {
        let open = text.find('{')?;
        return Some(replace(open..open + 1, &format!("{{\n    {entry}\n")));
    };
    let before = text.get(..last.start)?;
    let gap = before.get(before.trim_end().len()..)?;
    Some(replace(last.value.end..last.value.end, &format!(",{gap}{entry}")))
}

/// Removes an entry with the comma before it, or after it if it is the first.
fn remove(members: &[Member], at: usize) -> Option<Splice> {
    let member = members.get(at)?;
    let before = at.checked_sub(1).and_then(|at| members.get(at));
    let range = match (before, members.get(at + 1)) {
        (Some(before), _) => before.value.end..member.value.end,
        (None, Some(after)) => member.start..after.start,
        (None, None) => member.start..member.value.end,
    };
    Some(replace(range, ""))
}

fn replace(range: Range<usize>, by: &str) -> Splice {
    Splice { range, by: by.to_owned() }
}

/// The text of a string literal.
fn string(text: &str, range: &Range<usize>) -> Option<String> {
    serde_json::from_str(text.get(range.clone())?).ok()
}

/// A member of an object, or an element of a list.
struct Member {
    /// Where it begins: its key, or the element itself.
    start: usize,
    key: Option<String>,
    value: Range<usize>,
}

/// The members of the object or list that opens at `open`, in text that is known to be JSON.
fn members(text: &str, open: usize) -> Option<Vec<Member>> {
    let object = text.get(open..)?.starts_with('{');
    let mut found = Vec::new();
    let mut at = skip_blanks(text, open + 1)?;
    while !text.get(at..)?.starts_with(['}', ']']) {
        let start = at;
        let mut key = None;
        if object {
            let end = value_end(text, at)?;
            key = string(text, &(at..end));
            at = skip_blanks(text, end)?;
            at = skip_blanks(text, at + 1)?;
        }
        let end = value_end(text, at)?;
        found.push(Member { start, key, value: at..end });
        at = skip_blanks(text, end)?;
        if text.get(at..)?.starts_with(',') {
            at = skip_blanks(text, at + 1)?;
        }
    }
    Some(found)
}

fn skip_blanks(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    Some(at + (rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()))
}

/// Where the value that begins at `start` ends.
fn value_end(text: &str, start: usize) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (offset, c) in text.get(start..)?.char_indices() {
        let after = start + offset + c.len_utf8();
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' if depth == 0 => return Some(after),
                '"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => quoted = true,
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 1 => return Some(after),
            '}' | ']' | ',' | ' ' | '\t' | '\r' | '\n' if depth == 0 => return Some(start + offset),
            '}' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nine(text: &str) -> String {
        with_option(text, "dm.min_free_space", "9%").unwrap().apply(text).unwrap()
    }

    #[test]
    fn only_the_option_changes() {
        let text = "{\n  \"storage-opts\": [ \"dm.basesize=20G\", \"dm.min_free_space=10%\" ],\n  \"debug\": \
            true\n}\n";
        assert_eq!(nine(text), text.replace("10%", "9%"));
        let text = "{\"storage-driver\": \"devicemapper\",\n \"storage-opts\": [\n    \"dm.fs=xfs\"\n ]}";
        let want = "{\"storage-driver\": \"devicemapper\",\n \"storage-opts\": [\n    \"dm.fs=xfs\",\n    \
            \"dm.min_free_space=9%\"\n ]}";
        assert_eq!(nine(text), want);
        assert_eq!(nine("{\"storage-opts\":[]}"), "{\"storage-opts\":[\"dm.min_free_space=9%\"]}");
        let text = "{\n\t\"a{\\\"\": [1, {\"storage-opts\": 3}]\n}\n";
        let want = "{\n\t\"a{\\\"\": [1, {\"storage-opts\": 3}],\n\t\"storage-opts\": \
            [\"dm.min_free_space=9%\"]\n}\n";
        assert_eq!(nine(text), want);
        assert_eq!(nine("{}"), "{\n    \"storage-opts\": [\"dm.min_free_space=9%\"]\n}");
        assert_eq!(nine(" \n"), "{\n    \"storage-opts\": [\"dm.min_free_space=9%\"]\n}\n");
        assert_eq!(
            nine("{\"storage-opts\":[\"DM.Min_Free_Space=1%\"]}"),
            "{\"storage-opts\":[\"dm.min_free_space=9%\"]}"
        );
    }

    #[test]
    fn what_cannot_be_changed_safely_is_left_alone() {
        for text in
            ["[]", "{", "{\"storage-opts\": \"dm.fs=xfs\"}", "null", "{\"a\": \"\u{0}\"}", "// {}\n{}"]
        {
            assert!(with_option(text, "dm.min_free_space", "9%").is_err(), "{text:?}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_changed_rightly_or_refused(
            text in "[\\PC\\n]{0,60}",
            keys in prop::collection::vec("[a-z{}\\[\\],\"\\\\ ]{0,8}", 0..5),
        ) {
            let _ = with_option(&text, "dm.min_free_space", "9%");
            let member = |k: &String| (k.clone(), json!([k, {"x": k}, 1, null]));
            let object: serde_json::Map<_, _> = keys.iter().map(member).collect();
            let old = Value::Object(object);
            for text in [old.to_string(), serde_json::to_string_pretty(&old).unwrap()] {
                prop_assert!(with_option(&text, "dm.min_free_space", "9%").is_ok(), "{text}");
                for key in keys.iter().map(String::as_str).chain(["new"]) {
                    prop_assert!(with_member(&text, key, None).is_ok(), "{text} without {key}");
                    prop_assert!(with_member(&text, key, Some(&json!(["x"]))).is_ok(), "{text} with {key}");
                }
            }
        }
    }
}

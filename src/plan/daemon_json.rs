//! Several settings of a `daemon.json` changed at once, in its text, and the difference shown line by line.
//!
//! Every other character stays; what cannot be changed safely is refused with a sentence, as in [`super::json_edit`].

use super::json_edit::with_member;
use super::settings::printed;
use serde_json::Value;

/// The key that holds Docker's storage options.
const OPTIONS: &str = "storage-opts";

/// A setting and its new value; `None` takes it out.
pub(super) type Setting<'a> = (&'a str, Option<Value>);

/// How a script changes the settings: what holds before, what afterwards, and what does it.
pub(super) struct Change {
    pub(super) was: String,
    pub(super) is: String,
    pub(super) write: String,
}

impl Change {
    /// Of the whole file, from one text to another; a file without anything in it is one that is not there.
    pub(super) fn of_file(old: &str, new: &str) -> Self {
        let is = |text: &str| format!("settings_are \"$({})\"", printed(text));
        let empty = || "[ -z \"$(text_of \"$settings\" | tr -d '[:space:]')\" ]".to_owned();
        Self {
            was: if old.trim().is_empty() { empty() } else { is(old) },
            is: is(new),
            write: format!("write_settings \"$({})\"", printed(new)),
        }
    }

    /// What must hold before it, and what is said of `file` if it does not.
    pub(super) fn needed(&self, file: &str) -> (String, String) {
        (
            format!("{{ {} || {}; }}", self.was, self.is),
            format!("{file} is not what it was when it was recorded; make a new plan"),
        )
    }

    /// The line that makes it, where that was not done before.
    pub(super) fn once(&self) -> String {
        format!("{} || {}", self.is, self.write)
    }
}

/// The text with these settings; a sentence where that cannot be done.
pub(super) fn with_settings(text: &str, settings: &[Setting<'_>]) -> Result<String, String> {
    let mut text = text.to_owned();
    for (key, value) in settings {
        text = with_member(&text, key, value.as_ref())?;
    }
    Ok(text)
}

/// The storage options of a text. Empty where there are none or the text is no JSON.
pub(super) fn options(text: &str) -> Vec<Value> {
    let settings: Option<Value> = serde_json::from_str(text).ok();
    settings.as_ref().and_then(|s| s.get(OPTIONS)?.as_array()).cloned().unwrap_or_default()
}

/// Those without the ones of the driver whose prefix (`dm.`) is given.
pub(super) fn options_without(text: &str, prefix: &str) -> Vec<Value> {
    let other = |o: &Value| !o.as_str().is_some_and(|o| o.trim().to_ascii_lowercase().starts_with(prefix));
    options(text).into_iter().filter(other).collect()
}

/// Both texts line by line, as `diff -u` shows them without its heads: lines that both have, `-` what goes, `+` what
/// comes. Only the lines around the change are shown.
pub(super) fn difference(old: &str, new: &str) -> Vec<String> {
    const AROUND: usize = 2;
    if old == new {
        return Vec::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    let part = |lines: &[&str], from: usize, to: usize, mark: char| -> Vec<String> {
        lines.get(from..to).unwrap_or_default().iter().map(|l| format!("{mark}{l}")).collect()
    };
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut shown = part(&old, head.saturating_sub(AROUND), head, ' ');
    shown.extend(part(&old, head, old_end, '-'));
    shown.extend(part(&new, head, new_end, '+'));
    shown.extend(part(&old, old_end, old.len().min(old_end + AROUND), ' '));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_driver_and_its_options() {
        let text = "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \"dm.fs=xfs\",\n    \
                    \"overlay2.size=1G\"\n  ],\n  \"debug\": true\n}\n";
        let rest = options_without(text, "dm.");
        assert_eq!(rest, [json!("overlay2.size=1G")]);
        let settings =
            [("storage-driver", Some(json!("overlay2"))), ("storage-opts", Some(Value::from(rest)))];
        let new = with_settings(text, &settings).unwrap();
        assert_eq!(
            new,
            "{\n  \"storage-driver\": \"overlay2\",\n  \"storage-opts\": [\"overlay2.size=1G\"],\n  \"debug\": true\n}\n"
        );
        let gone = with_settings(text, &[("storage-opts", None)]).unwrap();
        assert_eq!(gone, "{\n  \"storage-driver\": \"devicemapper\",\n  \"debug\": true\n}\n");
        let shown = difference(text, &gone);
        assert_eq!(shown.first().map(String::as_str), Some(" {"));
        assert_eq!(shown.iter().filter(|l| l.starts_with('-')).count(), 4, "{shown:#?}");
    }

    #[test]
    fn the_file_that_is_not_there() {
        let new = with_settings("", &[("storage-driver", Some(json!("overlay2")))]).unwrap();
        assert_eq!(new, "{\n    \"storage-driver\": \"overlay2\"\n}\n");
        assert_eq!(difference("", &new), ["+{", "+    \"storage-driver\": \"overlay2\"", "+}"]);
        assert_eq!(with_settings("", &[("storage-opts", None)]), Ok(String::new()));
        assert!(with_settings("[1]", &[("a", None)]).is_err());
    }

    #[test]
    fn nothing_differs() {
        assert_eq!(difference("a\nb\nc", "a\nb\nc"), Vec::<String>::new());
    }
}

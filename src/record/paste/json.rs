//! JSON in a paste: `docker info` as JSON, LVM's reports, `losetup` and `lsblk`, lines of a recording or a history.
//!
//! It finds where a JSON text ends and whose it is; it is not read here. JSON that is cut off stays lines.

use crate::record::{Answer, Ask, Reading};
use serde::de::IgnoredAny;

/// How much text may still be searched for the end of a JSON value: a hostile text could begin one on each line and
/// end none.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new(text: &str) -> Self {
        Self(text.len().saturating_mul(2).saturating_add(1 << 16))
    }
}

/// The known JSON value a text begins with, and what follows it.
pub(super) fn answer<'a>(text: &'a str, budget: &mut Budget) -> Option<(Answer, &'a str)> {
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
    Some((owner(value)?, after))
}

/// Whose JSON it is, told by the keys that only that tool writes.
fn owner(value: &str) -> Option<Answer> {
    let has = |key: &str| value.contains(key);
    if has("\"ask\"")
        && let Ok(answer) = serde_json::from_str::<Answer>(value)
    {
        return Some(answer);
    }
    let (ask, of) = if has("\"thinspect-watch/1\"") {
        (Ask::History, "")
    } else if has("\"DriverStatus\"") || has("\"Pool Name\"") || has("\"Data Space ") {
        (Ask::DockerInfo, "")
    } else if has("\"report\"") && has("\"lv\"") {
        (Ask::LvmReport, "lvs")
    } else if has("\"report\"") && has("\"vg\"") {
        (Ask::LvmReport, "vgs")
    } else if has("\"report\"") && has("\"pv\"") {
        (Ask::LvmReport, "pvs")
    } else if has("\"loopdevices\"") {
        (Ask::Output, "losetup")
    } else if has("\"blockdevices\"") {
        (Ask::Output, "lsblk")
    } else {
        return None;
    };
    Some(Answer { ask, of: of.to_owned(), reading: Reading::Said(value.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_recording_is_that_answer() {
        let line = r#"{"ask":"dm-status","of":"x","said":"0 4 thin-pool Fail"}"#;
        let (answer, after) = answer(line, &mut Budget::new(line)).unwrap();
        assert_eq!((answer.ask, answer.of.as_str(), after), (Ask::DmStatus, "x", ""));
        assert_eq!(answer.reading.said(), Some("0 4 thin-pool Fail"));
    }

    #[test]
    fn values_without_end_cost_little() {
        let text = "[[\"a\",\n".repeat(20_000);
        let mut budget = Budget::new(&text);
        for (at, _) in text.match_indices("[[") {
            assert!(answer(text.split_at(at).1, &mut budget).is_none());
        }
        assert_eq!(budget.0, 0, "it stops looking");
    }
}

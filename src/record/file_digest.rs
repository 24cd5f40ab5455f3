//! The state of a settings file before its secrets were removed: its SHA-256, and the ranges of removed bytes.
//!
//! It lets a plan edit a file that was not fully recorded: the script compares the checksum and only replaces bytes
//! that were recorded verbatim.

pub use super::redact::Hidden;
use super::redact::Redacted;
use super::{LIMIT_FILE, Outcome, sanitized};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A settings file as on disk. The answer is one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// SHA-256 of the whole file, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// The ranges of bytes that were not recorded verbatim, in order, not adjacent.
    #[serde(default)]
    pub hidden: Vec<Hidden>,
}

impl FileDigest {
    /// The digest of a file that was recorded verbatim.
    #[must_use]
    pub fn of_plain(text: &str) -> Self {
        Self { sha256: sha256(text.as_bytes()), bytes: length(text), hidden: Vec::new() }
    }

    /// Parses an answer; `None` if it is invalid.
    #[must_use]
    pub fn read(answer: &str) -> Option<Self> {
        let read: Self = serde_json::from_str(answer).ok()?;
        let sum =
            read.sha256.len() == 64 && read.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let mut end = 0;
        let apart = read.hidden.iter().all(|h| {
            let follows = h.offset >= end;
            end = h.offset.saturating_add(h.bytes);
            follows && end <= read.bytes
        });
        (sum && apart).then_some(read)
    }
}

/// The digest of a file as an answer; a refusal if the file's bytes cannot be derived from the recorded text.
pub(super) fn answer(original: &str, kept: &Redacted) -> Outcome {
    if original.len() >= LIMIT_FILE {
        return Outcome::Refused("EFBIG: the file was not read to its end".to_owned());
    }
    // Invalid UTF-8 was replaced when reading, and control characters are replaced when recording.
    if original.contains(char::REPLACEMENT_CHARACTER) || sanitized(&kept.text) != kept.text {
        return Outcome::Refused("EILSEQ: the file holds characters that are not recorded".to_owned());
    }
    let digest = FileDigest { hidden: kept.hidden.clone(), ..FileDigest::of_plain(original) };
    serde_json::to_string(&digest)
        .map_or_else(|error| Outcome::Refused(format!("EINVAL: {error}")), Outcome::Answered)
}

/// SHA-256 in lower-case hexadecimal digits, as `sha256sum` prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::redact;

    #[test]
    fn of_a_file_with_a_secret() {
        let text = "{\r\n  \"splunk-token\": \"abc\",\r\n  \"debug\": true\r\n}\r\n";
        let kept = redact::settings("/etc/docker/daemon.json", text);
        assert_eq!(kept.text, "{\n  \"splunk-token\": \"<redacted>\",\n  \"debug\": true\n}\n");
        let answered = answer(text, &kept);
        let digest = FileDigest::read(answered.said().unwrap()).unwrap();
        assert_eq!(digest.bytes, 49);
        assert_eq!(digest.hidden.iter().filter(|h| h.shown == 0).count(), 4);
        let secret = digest.hidden.iter().find(|h| h.shown > 0).unwrap();
        assert_eq!((secret.offset, secret.bytes, secret.shown), (21, 5, 12));
        assert!(!answered.said().unwrap().contains("abc"));
    }

    #[test]
    fn a_known_sum() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_was_not_read_word_for_word_has_no_digest() {
        for text in ["a\u{FFFD}", "a\u{1b}b", "a\rb", "\u{202E}"] {
            let refused = answer(text, &redact::settings("x", text));
            assert_eq!(refused.errno(), Some("EILSEQ"), "{text:?}");
        }
        let long = "a".repeat(LIMIT_FILE);
        assert_eq!(answer(&long, &redact::settings("x", &long)).errno(), Some("EFBIG"));
    }

    #[test]
    fn damaged_answers_are_none() {
        let sum = sha256(b"");
        let read = |hidden: &str| {
            FileDigest::read(&format!("{{\"sha256\":\"{sum}\",\"bytes\":9,\"hidden\":[{hidden}]}}"))
        };
        assert!(read("").is_some());
        assert!(
            read("{\"offset\":1,\"bytes\":2,\"shown\":1},{\"offset\":3,\"bytes\":6,\"shown\":1}").is_some()
        );
        assert!(
            read("{\"offset\":1,\"bytes\":2,\"shown\":1},{\"offset\":2,\"bytes\":6,\"shown\":1}").is_none()
        );
        assert!(read("{\"offset\":1,\"bytes\":9,\"shown\":1}").is_none());
        assert!(FileDigest::read("{\"sha256\":\"x\",\"bytes\":9}").is_none());
    }
}

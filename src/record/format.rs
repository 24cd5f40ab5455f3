//! Reads a recording, or pasted text, from bytes; writes a recording.
//!
//! Any other input is one clear error. Every string is sanitized on the way in ([`super::sanitize::clean`]).

use super::paste::paste;
use super::{FORMAT, Recording};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

/// Longest input in bytes, many times the largest real recording.
pub const LIMIT: usize = 256 << 20;

/// Why an input cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// Empty or blank.
    Empty,
    /// Longer than [`LIMIT`], with its length in bytes.
    TooLong(usize),
    /// Not text.
    Binary,
    /// Compressed or archived, with the program's name.
    Packed(&'static str),
    /// Written by a later version of this program, with its format number.
    Newer(u64),
    /// A recording that was truncated or edited.
    Damaged {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The error there.
        what: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "there is nothing to read: the input is empty"),
            Self::TooLong(bytes) => {
                write!(
                    f,
                    "the input has {bytes} bytes; at most {LIMIT} are read: cut out the part about storage"
                )
            }
            Self::Binary => {
                write!(f, "the input is not text: a recording or what a tool printed is expected")
            }
            Self::Packed(by) => write!(
                f,
                "the input is packed ({by}): unpack it first, and give the file or directory that comes out"
            ),
            Self::Newer(version) => write!(
                f,
                "the recording was made by a newer thinspect (version {version}); this one reads up to {FORMAT}"
            ),
            Self::Damaged { line, column, what } => {
                write!(f, "the recording is damaged at line {line}, column {column}: {what}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Loads a recording, or makes one from pasted text.
///
/// # Errors
///
/// See [`LoadError`]. Any text that is not a recording counts as pasted text.
pub fn load(bytes: &[u8]) -> Result<Recording, LoadError> {
    if bytes.len() > LIMIT {
        return Err(LoadError::TooLong(bytes.len()));
    }
    let text = decode(bytes)?;
    if text.trim().is_empty() {
        return Err(LoadError::Empty);
    }
    if looks_recorded(&text) { recorded(&text) } else { Ok(paste(&text)) }
}

/// The fields that distinguish a recording from other JSON, such as `docker info --format '{{json .}}'`.
#[derive(Deserialize)]
struct Head {
    version: u64,
    #[serde(default)]
    tool: String,
    answers: Option<IgnoredAny>,
}

impl Head {
    fn is_recording(&self) -> bool {
        self.answers.is_some() || self.tool.starts_with("thinspect")
    }
}

fn looks_recorded(text: &str) -> bool {
    let text = text.trim_start();
    if !text.starts_with('{') {
        return false;
    }
    let whole = serde_json::from_str::<Head>(text).is_ok_and(|head| head.is_recording());
    // A damaged recording still has the usual beginning.
    whole || begins_recorded(text)
}

/// Bytes that suffice to recognize the beginning of a recording.
const HEAD: usize = 256;

fn begins_recorded(text: &str) -> bool {
    let start: String = text.chars().filter(|c| !c.is_whitespace()).take(60).collect();
    start.starts_with("{\"version\":") && start.contains("\"tool\":\"thinspect")
}

fn recorded(text: &str) -> Result<Recording, LoadError> {
    // The version first: a newer recording may contain what this program would call damage.
    if let Ok(head) = serde_json::from_str::<Head>(text)
        && head.version > u64::from(FORMAT)
    {
        return Err(LoadError::Newer(head.version));
    }
    let read: Recording = serde_json::from_str(text).map_err(|e| {
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        LoadError::Damaged { line: e.line(), column: e.column(), what }
    })?;
    let mut recording = Recording::new(read.source, read.recorded_at.map(super::sanitize::clean));
    recording.version = read.version;
    recording.tool = super::sanitize::clean(read.tool);
    for answer in read.answers {
        recording.push(answer.query, &answer.target, answer.outcome);
    }
    Ok(recording)
}

/// Magic numbers of compressed files; no text starts with them.
const PACKED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh91AY&SY", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
];

/// Decodes the bytes. Invalid bytes become `U+FFFD`; if a twentieth of the characters are not text, the input is not
/// text.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, LoadError> {
    if let Some((_, by)) = PACKED.iter().find(|(begin, _)| bytes.starts_with(begin)) {
        return Err(LoadError::Packed(by));
    }
    // This program's own recordings may contain any output, including what were invalid bytes.
    let is_own = begins_recorded(&String::from_utf8_lossy(bytes.get(..HEAD).unwrap_or(bytes)));
    if !is_own && is_long_and_foreign(bytes) {
        return Err(LoadError::Binary);
    }
    let text = match bytes {
        // Byte order marks, as some terminals and shells on Windows write them.
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    };
    // Logs after a crash contain runs of NUL, and terminal escapes are common; only many of them prove a binary.
    let (all, strange) =
        text.as_bytes().chunks(64 << 10).map(strange).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if !is_own && strange.saturating_mul(20) > all { Err(LoadError::Binary) } else { Ok(text) }
}

/// Whether samples of a long input contain no text at all, so that a disk image need not be read in full.
fn is_long_and_foreign(bytes: &[u8]) -> bool {
    const SAMPLE: usize = 64 << 10;
    let wide = matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    let sample = |at: usize| bytes.get(at..at.saturating_add(SAMPLE)).map(strange);
    let places = (1..=8).map(|eighth| (bytes.len() / 8).saturating_mul(eighth).saturating_sub(SAMPLE));
    let foreign = |at| sample(at).is_some_and(|(all, strange)| strange.saturating_mul(20) > all);
    !wide && bytes.len() > 64 * SAMPLE && places.into_iter().all(foreign)
}

/// Total characters, and those that do not occur in text. Plain ASCII is skipped quickly.
fn strange(bytes: &[u8]) -> (usize, usize) {
    let odd = |b: u8| (b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x1b | 0x8)) || b >= 0x7f;
    if !bytes.iter().any(|b| odd(*b)) {
        return (bytes.len(), 0);
    }
    let foreign =
        |c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !"\t\n\r\u{1b}\u{8}".contains(c));
    // A character cut at the end of a chunk counts as one or two strange ones, too few to matter.
    let text = String::from_utf8_lossy(bytes);
    text.chars().fold((0, 0), |(all, strange), c| (all + 1, strange + usize::from(foreign(c))))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

impl Recording {
    /// Writes the recording as JSON, one answer per line, so that recordings can be compared with diff.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "{{\n\"version\": {},", self.version)?;
        writeln!(to, "\"tool\": {},", serde_json::to_string(&self.tool)?)?;
        writeln!(to, "\"source\": {},", serde_json::to_string(&self.source)?)?;
        writeln!(to, "\"recorded_at\": {},", serde_json::to_string(&self.recorded_at)?)?;
        write!(to, "\"answers\": [")?;
        for (number, answer) in self.answers.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(to, "{comma}\n{}", serde_json::to_string(answer)?)?;
        }
        writeln!(to, "\n]\n}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, Query, Source};

    fn example() -> Recording {
        let mut recording = Recording::new(Source::Machine, Some("2026-11-22T02:20:16Z".to_owned()));
        recording.push(Query::DmVersion, "", Outcome::Answered("4.47.0".to_owned()));
        recording.push(Query::DmStatus, "pool", Outcome::TimedOut(1000));
        recording.push(Query::File, "/etc/docker/daemon.json", Outcome::Refused("ENOENT".to_owned()));
        recording.push(Query::DmStatus, "thin", Outcome::NotAsked("its pool did not answer".to_owned()));
        recording
    }

    fn written(recording: &Recording) -> Vec<u8> {
        let mut bytes = Vec::new();
        recording.write(&mut bytes).unwrap();
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        load(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let recording = example();
        assert_eq!(load(&written(&recording)), Ok(recording.clone()));
        assert_eq!(load(&serde_json::to_vec(&recording).unwrap()), Ok(recording));
        let empty = Recording::new(Source::Machine, None);
        assert_eq!(load(&written(&empty)), Ok(empty));
    }

    #[test]
    fn what_is_no_recording_is_refused_in_a_sentence() {
        assert_eq!(refusal(b" \n\t"), "there is nothing to read: the input is empty");
        assert_eq!(load(&[0; 4096]), Err(LoadError::Binary));
        assert_eq!(load(b"\x1f\x8b\x08\x00\x99\xfe\x01\x02"), Err(LoadError::Packed("gzip")));
        let newer = br#"{"version": 2, "tool": "thinspect 9.0.0", "replies": []}"#;
        assert_eq!(
            refusal(newer),
            "the recording was made by a newer thinspect (version 2); this one reads up to 1"
        );
    }

    #[test]
    fn every_cut_of_a_recording_is_damaged_or_empty() {
        let bytes = written(&example());
        for length in 50..bytes.len() - 3 {
            let error = load(&bytes[..length]).unwrap_err();
            assert!(matches!(error, LoadError::Damaged { .. }), "{length}: {error}");
        }
        let error = refusal(&bytes[..120]);
        assert!(error.starts_with("the recording is damaged at line 7, column "), "{error}");
    }

    #[test]
    fn other_text_is_pasted() {
        for text in ["no space left on device", "{\"Driver\": \"devicemapper\"}", "{ not json", "caf\u{e9} {"]
        {
            assert_eq!(load(text.as_bytes()).unwrap().source, Source::Pasted, "{text}");
        }
        let latin = b"no space left on device: caf\xe9 and much more text behind it";
        assert_eq!(load(latin).unwrap().source, Source::Pasted);
    }

    #[test]
    fn text_of_other_encodings() {
        let plain = load("h\u{e9}llo".as_bytes()).unwrap();
        let units: Vec<u8> = "h\u{e9}llo".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(load(&[&[0xFF, 0xFE], units.as_slice()].concat()), Ok(plain.clone()));
        assert_eq!(load("\u{FEFF}h\u{e9}llo".as_bytes()), Ok(plain));
    }

    #[test]
    fn no_control_character_is_loaded() {
        let mut bytes = Vec::new();
        let mut recording = example();
        recording.answers[0].outcome = Outcome::Answered("4.47\u{7}".to_owned());
        recording.write(&mut bytes).unwrap();
        let loaded = load(&bytes).unwrap();
        assert_eq!(loaded.said(Query::DmVersion, ""), Some("4.47\u{FFFD}"));
    }
}

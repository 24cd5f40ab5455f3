//! The history of pools: samples of their space and events, one JSON line each, as written by `watch`.
//!
//! Parsing never fails: truncated and foreign lines are skipped, and foreign ones are counted.

use super::Host;
use super::model::pool::Pool;
use super::model::space::Space;
use super::model::units::{Blocks, Bytes};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The schema of the lines. Within a version, fields are only added; unknown is `null`, never 0.
pub const SCHEMA: &str = "thinspect-watch/1";

/// A time in milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// Samples and events, in the order they were written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Samples of pools.
    pub samples: Vec<Sample>,
    /// Events of pools.
    pub events: Vec<Event>,
    /// Number of complete lines that were neither.
    pub foreign: usize,
}

/// The state of a pool at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sample {
    /// Time: RFC 3339, UTC.
    #[schemars(with = "String")]
    pub at: Moment,
    /// The pool's device-mapper name.
    pub pool: String,
    /// Its mode, in the words of `status -o json`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Bytes in a data block.
    #[serde(default)]
    pub block_bytes: Option<u64>,
    /// Data space in blocks of that size.
    #[serde(default)]
    pub data: Option<Level>,
    /// Metadata space in blocks of 4096 bytes.
    #[serde(default)]
    pub metadata: Option<Level>,
    /// The filesystem that holds the data's loop file; `null` if there is none.
    #[serde(default)]
    pub filesystem: Option<Below>,
}

/// Used and total blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Level {
    /// Used blocks.
    pub used_blocks: u64,
    /// Total blocks.
    pub total_blocks: u64,
}

/// The filesystem that holds a loop file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Below {
    /// Mount point.
    #[serde(default)]
    pub mount: Option<String>,
    /// Free for root, in bytes.
    pub free_bytes: u64,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Event {
    /// When it was noticed: RFC 3339, UTC.
    #[schemars(with = "String")]
    pub at: Moment,
    /// The pool's device-mapper name; `null` if the event is not about a pool.
    #[serde(default)]
    pub pool: Option<String>,
    /// The kind of event: `data-low-water`, `mode`, …; open-ended.
    pub event: String,
    /// A sentence about the event.
    pub text: String,
}

/// A line of a history.
#[derive(Deserialize)]
struct Line {
    schema: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum What {
    Sample(Sample),
    Event(Event),
    #[serde(other)]
    Later,
}

/// Parses the lines of a history. The last one may be incomplete, because it may just be written.
#[must_use]
pub fn read(text: &str) -> History {
    let mut history = History::default();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let torn = lines.peek().is_none() && !line.ends_with('\n');
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(line).ok().filter(|l| l.schema == SCHEMA).map(|l| l.what) {
            Some(What::Sample(sample)) => history.samples.push(sample),
            Some(What::Event(event)) => history.events.push(event),
            Some(What::Later) => {}
            None => history.foreign += usize::from(!torn),
        }
    }
    history
}

impl History {
    /// The samples of one pool.
    pub fn of<'a>(&'a self, pool: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |s| s.pool == pool)
    }

    /// Appends another history.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.samples.extend(other.samples);
        self.events.extend(other.events);
        self.foreign += other.foreign;
        self
    }

    /// The events of one pool, and those that are not about a pool.
    pub fn events_of<'a>(&'a self, pool: &'a str) -> impl DoubleEndedIterator<Item = &'a Event> {
        self.events.iter().filter(move |e| e.pool.as_deref().is_none_or(|p| p == pool))
    }

    /// Adds samples of the host's pools at the time of its recording, if that is known.
    pub(super) fn add_now(&mut self, host: &Host) {
        let Some(at) = host.recorded_at.as_deref().and_then(Moment::read) else { return };
        self.samples.extend(host.pools.iter().filter_map(|p| Sample::of(p, at)));
    }
}

impl Sample {
    /// A sample of a pool; `None` if the pool has no name.
    #[must_use]
    pub fn of(pool: &Pool, at: Moment) -> Option<Self> {
        let filesystem = match &pool.data_backing.filesystem {
            Some(f) if pool.data_backing.is_loop() => f.free.zip(f.size).map(|(free, size)| Below {
                mount: f.mount.clone(),
                free_bytes: free.0,
                size_bytes: size.0,
            }),
            _ => None,
        };
        Some(Self {
            at,
            pool: pool.name.clone()?,
            mode: Some(pool.state().word().to_owned()),
            block_bytes: pool.block.map(|b| b.0),
            data: Level::of(&pool.data),
            metadata: Level::of(&pool.metadata),
            filesystem,
        })
    }

    /// The sample as a line of a history, with its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        line("sample", self)
    }

    /// Size of a data block.
    #[must_use]
    pub fn block(&self) -> Option<Bytes> {
        self.block_bytes.map(Bytes)
    }
}

impl Event {
    /// The event as a line of a history, with its line feed.
    #[must_use]
    pub fn line(&self) -> String {
        line("event", self)
    }
}

impl Level {
    /// The used and total blocks of a space; `None` unless they are exact, because the changes of rounded numbers are
    /// not real.
    fn of<B: Blocks>(space: &Space<B>) -> Option<Self> {
        if !space.exact {
            return None;
        }
        Some(Self { used_blocks: space.used?.count(), total_blocks: space.total?.count() })
    }
}

/// A line of a history: schema, kind and the fields of `what`.
pub fn line(kind: &'static str, what: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Written<'a, T> {
        schema: &'static str,
        kind: &'static str,
        #[serde(flatten)]
        what: &'a T,
    }
    // Serializing numbers and strings cannot fail.
    let mut text = serde_json::to_string(&Written { schema: SCHEMA, kind, what }).unwrap_or_default();
    text.push('\n');
    text
}

impl Moment {
    /// Parses RFC 3339, `2026-11-22T02:20:16.250Z`; fractions of a millisecond are dropped.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// The time of day, `02:20:16Z`.
    #[must_use]
    pub fn clock(self) -> String {
        let whole = Self(self.0.div_euclid(1000) * 1000).to_string();
        whole.split_once('T').map(|(_, clock)| clock.to_owned()).unwrap_or(whole)
    }

    /// Milliseconds since `earlier`; negative if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, with milliseconds unless they are 0.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "(no time)"),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom("no time in RFC 3339"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(at: i64, used: u64) -> Sample {
        Sample {
            at: Moment(at),
            pool: "docker-8:1-2-pool".to_owned(),
            mode: Some("rw".to_owned()),
            block_bytes: Some(65536),
            data: Some(Level { used_blocks: used, total_blocks: 1_638_400 }),
            metadata: None,
            filesystem: Some(Below { mount: Some("/".to_owned()), free_bytes: 5, size_bytes: 10 }),
        }
    }

    #[test]
    fn a_sample_has_the_documented_format() {
        let line = sample(1_795_314_016_250, 7).line();
        assert_eq!(
            line,
            "{\"schema\":\"thinspect-watch/1\",\"kind\":\"sample\",\"at\":\"2026-11-22T02:20:16.25Z\",\
             \"pool\":\"docker-8:1-2-pool\",\"mode\":\"rw\",\"block_bytes\":65536,\
             \"data\":{\"used_blocks\":7,\"total_blocks\":1638400},\"metadata\":null,\
             \"filesystem\":{\"mount\":\"/\",\"free_bytes\":5,\"size_bytes\":10}}\n"
        );
    }

    #[test]
    fn foreign_lines_are_counted_and_later_kinds_are_not() {
        let event = Event { at: Moment(0), pool: Some("p".into()), event: "mode".into(), text: "t".into() };
        let later = "{\"schema\":\"thinspect-watch/1\",\"kind\":\"marvel\"}\n";
        let text = format!("{}not json\n\n{later}{{\"a\":1}}\n{}", sample(0, 1).line(), event.line());
        let history = read(&text);
        assert_eq!((history.samples.len(), history.events, history.foreign), (1, vec![event], 2));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(uses in prop::collection::vec(0_u64..u64::MAX, 0..20)) {
            let samples: Vec<Sample> = (0..).zip(uses).map(|(at, used)| sample(at, used)).collect();
            let text: String = samples.iter().map(Sample::line).collect();
            prop_assert_eq!(read(&text).samples, samples);
        }

        /// Wherever a history is truncated, the complete lines are read and no foreign line is counted.
        #[test]
        fn a_torn_last_line_is_ignored(count in 1_i64..6, cut in 0_usize..2000) {
            let lines: Vec<String> = (0..count).map(|at| sample(at, 1).line()).collect();
            let text = lines.concat();
            let cut = cut.min(text.len());
            let history = read(text.get(..cut).unwrap());
            // A line that lacks only the line feed is complete.
            let ends = lines.iter().scan(0, |end, line| { *end += line.len(); Some(*end) });
            let whole = ends.filter(|end| cut + 1 >= *end).count();
            prop_assert_eq!((history.samples.len(), history.foreign), (whole, 0));
        }

        #[test]
        fn nothing_makes_it_fail(text in "\\PC*") {
            let _ = read(&text);
        }
    }
}

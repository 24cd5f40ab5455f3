//! Reads bbolt databases, as containerd keeps them, from bytes: a tree of buckets, keys and values.
//! Never locks and never writes. No page is trusted: every offset is checked, and each page is visited once.
//!
//! The format is that of go.etcd.io/bbolt `page.go`, `bucket.go`, `db.go` (version 2), on little-endian machines.
//! What is damaged is left out and named by its page; only a file without a valid meta page is an error.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Longest database read, in bytes: containerd's own are a few megabytes even on busy hosts.
pub const LIMIT_BYTES: u64 = 256 << 20;
/// Most damage listed; all of it is counted.
pub const LIMIT_DAMAGE: usize = 100;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER: usize = 16;
/// Bytes of a meta record, its checksum included.
const META: usize = 64;
const ELEMENT: usize = 16;
const BUCKET_HEADER: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const BUCKET: u32 = 1;
/// Branch pages above a leaf, and buckets in buckets; real ones have less than ten.
const DEEPEST: u32 = 64;

/// A database as one transaction left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database<'a> {
    /// The transaction.
    pub txid: u64,
    /// The bucket that holds all others.
    pub root: Bucket<'a>,
    /// What could not be read, at most [`LIMIT_DAMAGE`] of it.
    pub damage: Vec<Damage>,
    /// How much could not be read.
    pub damaged: u64,
}

/// A bucket: its keys ascend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bucket<'a> {
    /// Its counter.
    pub sequence: u64,
    /// What it holds.
    pub entries: Vec<(&'a [u8], Entry<'a>)>,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Bytes.
    Value(&'a [u8]),
    /// A bucket of its own.
    Bucket(Bucket<'a>),
}

/// Something that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The page.
    pub page: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}: {}", self.page, self.what)
    }
}

/// Neither of the two meta pages is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMeta;

impl fmt::Display for NoMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a bbolt database: no valid meta page")
    }
}

impl std::error::Error for NoMeta {}

impl<'a> Bucket<'a> {
    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: &[u8]) -> Option<&'a [u8]> {
        match self.entry(key)? {
            Entry::Value(value) => Some(value),
            Entry::Bucket(_) => None,
        }
    }

    /// The bucket of a key.
    #[must_use]
    pub fn bucket(&self, key: &[u8]) -> Option<&Self> {
        match self.entry(key)? {
            Entry::Value(_) => None,
            Entry::Bucket(bucket) => Some(bucket),
        }
    }

    /// The buckets it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (&'a [u8], &Self)> {
        self.entries.iter().filter_map(|(key, entry)| match entry {
            Entry::Value(_) => None,
            Entry::Bucket(bucket) => Some((*key, bucket)),
        })
    }

    /// The values it holds.
    pub fn values(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.entries.iter().filter_map(|(key, entry)| match entry {
            Entry::Value(value) => Some((*key, *value)),
            Entry::Bucket(_) => None,
        })
    }

    fn entry(&self, key: &[u8]) -> Option<&Entry<'a>> {
        // Keys ascend, unless a page is damaged.
        self.entries.iter().find(|(k, _)| *k == key).map(|(_, entry)| entry)
    }
}

/// Reads a database from bytes.
///
/// # Errors
/// [`NoMeta`] if neither meta page is valid.
pub fn read(bytes: &[u8]) -> Result<Database<'_>, NoMeta> {
    let meta = meta(bytes).ok_or(NoMeta)?;
    let pages = bytes.len() / meta.page_bytes;
    let elements = bytes.len() / ELEMENT;
    let mut reader =
        Reader { bytes, meta, visited: vec![false; pages], elements, damage: Vec::new(), damaged: 0 };
    let mut root = Bucket { sequence: meta.sequence, entries: Vec::new() };
    reader.page(meta.root, &mut root.entries, 0);
    Ok(Database { txid: meta.txid, root, damage: reader.damage, damaged: reader.damaged })
}

/// The bytes of a database, of one transaction: read again while a writer commits meanwhile.
///
/// A page that a transaction uses is not overwritten before the next one has committed (bbolt `db.go`, `freePages`),
/// so that the bytes between two looks at the same newest meta page belong together.
///
/// # Errors
/// What the system says; [`io::ErrorKind::FileTooLarge`] beyond [`LIMIT_BYTES`];
/// [`io::ErrorKind::WouldBlock`] if it changed each of `attempts` times.
pub fn load(file: &File, attempts: u32) -> io::Result<Vec<u8>> {
    for _ in 0..attempts.max(1) {
        let length = file.metadata()?.len();
        if length > LIMIT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        let read = read_up_to(file, &mut bytes)?;
        bytes.truncate(read);
        let Some(before) = meta(&bytes) else { return Ok(bytes) };
        let mut again = vec![0; before.page_bytes.saturating_mul(2)];
        let read = read_up_to(file, &mut again)?;
        again.truncate(read);
        if meta(&again).is_some_and(|after| after.txid == before.txid) {
            return Ok(bytes);
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

fn read_up_to(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, done as u64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[derive(Debug, Clone, Copy)]
struct Meta {
    page_bytes: usize,
    root: u64,
    sequence: u64,
    high_water: u64,
    txid: u64,
}

/// The valid meta page with the highest transaction. The second lies one page in, and where the first is damaged
/// nobody knows how long a page is, so that all lengths are tried as bbolt does (`db.go`, `getPageSize`).
fn meta(bytes: &[u8]) -> Option<Meta> {
    let first = meta_at(bytes, 0);
    let tried = (10..=25).map(|power| 1_usize << power);
    let mut lengths =
        first.map_or_else(|| tried.collect::<Vec<_>>(), |meta| vec![meta.page_bytes]).into_iter();
    let second = lengths.find_map(|length| meta_at(bytes, length).filter(|meta| meta.page_bytes == length));
    first.into_iter().chain(second).max_by_key(|meta| meta.txid)
}

fn meta_at(bytes: &[u8], at: usize) -> Option<Meta> {
    let start = at.checked_add(PAGE_HEADER)?;
    let record = bytes.get(start..start.checked_add(META)?)?;
    let good = u32_at(record, 0)? == MAGIC
        && u32_at(record, 4)? == VERSION
        && u64_at(record, 56)? == fnv(record.get(..56)?);
    let page_bytes = usize::try_from(u32_at(record, 8)?).ok()?;
    (good && page_bytes.is_power_of_two() && page_bytes >= 1024).then_some(Meta {
        page_bytes,
        root: u64_at(record, 16)?,
        sequence: u64_at(record, 24)?,
        high_water: u64_at(record, 40)?,
        txid: u64_at(record, 48)?,
    })
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The bytes that an element at `at` points to, `skip` bytes behind its position.
fn part(page: &[u8], at: usize, skip: u32, length: u32) -> Option<&[u8]> {
    let position = usize::try_from(skip).ok()?;
    let start = at.checked_add(position)?;
    page.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

struct Reader<'a> {
    bytes: &'a [u8],
    meta: Meta,
    visited: Vec<bool>,
    /// Elements that there still can be: each takes its own bytes of the file, so that elements which lie upon one
    /// another, bucket in bucket, come to an end.
    elements: usize,
    damage: Vec<Damage>,
    damaged: u64,
}

type Entries<'a> = Vec<(&'a [u8], Entry<'a>)>;

impl<'a> Reader<'a> {
    fn hurt(&mut self, page: u64, what: &'static str) {
        self.damaged = self.damaged.saturating_add(1);
        if self.damage.len() < LIMIT_DAMAGE {
            self.damage.push(Damage { page, what });
        }
    }

    /// Reads a page and all below it.
    fn page(&mut self, number: u64, into: &mut Entries<'a>, depth: u32) {
        if depth > DEEPEST {
            return self.hurt(number, "too deep");
        }
        match self.take(number) {
            Ok(page) => self.node(number, page, into, depth),
            Err(what) => self.hurt(number, what),
        }
    }

    /// The bytes of a page with its overflow. In bbolt nothing points to a page twice.
    fn take(&mut self, number: u64) -> Result<&'a [u8], &'static str> {
        if number < 2 || number >= self.meta.high_water {
            return Err("no page has this number");
        }
        let beyond = "lies beyond the end of the file";
        let place = usize::try_from(number).map_err(|_| beyond)?;
        let visited = self.visited.get_mut(place).ok_or(beyond)?;
        if std::mem::replace(visited, true) {
            return Err("is pointed to twice");
        }
        let start = place.checked_mul(self.meta.page_bytes).ok_or(beyond)?;
        let rest = self.bytes.get(start..).ok_or(beyond)?;
        if u64_at(rest, 0) != Some(number) {
            return Err("does not carry its own number");
        }
        let overflow = u32_at(rest, 12).and_then(|pages| usize::try_from(pages).ok()).ok_or(beyond)?;
        let pages = overflow.checked_add(1).filter(|pages| *pages <= self.visited.len()).ok_or(beyond)?;
        rest.get(..pages.saturating_mul(self.meta.page_bytes)).ok_or(beyond)
    }

    /// Reads the elements of a page, or of a bucket that lies inside a value of page `number`.
    fn node(&mut self, number: u64, page: &'a [u8], into: &mut Entries<'a>, depth: u32) {
        let (Some(flags), Some(count)) = (u16_at(page, 8), u16_at(page, 10)) else {
            return self.hurt(number, "is cut short");
        };
        for index in 0..usize::from(count) {
            let Some(left) = self.elements.checked_sub(1) else {
                return self.hurt(number, "holds more elements than the file has room for");
            };
            self.elements = left;
            let at = PAGE_HEADER + index * ELEMENT;
            let read = match flags {
                BRANCH => self.branch(page, at, into, depth),
                LEAF => self.leaf(number, page, at, into, depth),
                _ => return self.hurt(number, "is neither branch nor leaf"),
            };
            if read.is_none() {
                self.hurt(number, "an element lies outside the page");
            }
        }
    }

    fn branch(&mut self, page: &'a [u8], at: usize, into: &mut Entries<'a>, depth: u32) -> Option<()> {
        let child = u64_at(page, at.checked_add(8)?)?;
        self.page(child, into, depth + 1);
        Some(())
    }

    fn leaf(
        &mut self,
        number: u64,
        page: &'a [u8],
        at: usize,
        into: &mut Entries<'a>,
        depth: u32,
    ) -> Option<()> {
        let [flags, skip, key, value] = [0, 4, 8, 12].map(|field| u32_at(page, at + field));
        let (flags, skip, key_bytes, value_bytes) = (flags?, skip?, key?, value?);
        let key = part(page, at, skip, key_bytes)?;
        let value = part(page, at, skip.checked_add(key_bytes)?, value_bytes)?;
        if flags & BUCKET == 0 {
            into.push((key, Entry::Value(value)));
            return Some(());
        }
        let (root, sequence) = (u64_at(value, 0)?, u64_at(value, 8)?);
        let mut bucket = Bucket { sequence, entries: Vec::new() };
        match (root, value.get(BUCKET_HEADER..)) {
            (0, Some(inline)) if depth < DEEPEST => self.node(number, inline, &mut bucket.entries, depth + 1),
            (0, _) => self.hurt(number, "too deep"),
            (root, _) => self.page(root, &mut bucket.entries, depth + 1),
        }
        into.push((key, Entry::Bucket(bucket)));
        Some(())
    }
}

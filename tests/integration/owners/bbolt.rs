//! The bbolt reader on real, damaged and random databases.

use proptest::prelude::*;
use std::path::PathBuf;
use thinspect::record::owners::bbolt::{Bucket, Database, Entry, NoMeta, load, read};

pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/owners/containerd", name].iter().collect()
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

const FILES: [&str; 4] = ["ctr-pool.db", "metadata.db", "meta.db", "../buildkit/snapshots.db"];

fn entries(bucket: &Bucket<'_>) -> usize {
    let inner = |entry: &Entry<'_>| match entry {
        Entry::Value(_) => 0,
        Entry::Bucket(bucket) => entries(bucket),
    };
    bucket.entries.iter().map(|(_, entry)| 1 + inner(entry)).sum()
}

/// FNV-1a, to create a meta page that is wrong but has a valid checksum.
fn seal(bytes: &mut [u8], page: usize) {
    let record = page + 16;
    let hash = bytes[record..record + 56].iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    bytes[record + 56..record + 64].copy_from_slice(&hash.to_le_bytes());
}

#[test]
fn real_databases() {
    let expected = [(18, 6, "device_ids"), (4, 21, "v1"), (31, 63, "v1")];
    for (name, (txid, count, first)) in FILES.iter().zip(expected) {
        let bytes = file(name);
        let database = read(&bytes).unwrap();
        assert_eq!((database.txid, database.damaged), (txid, 0), "{name}");
        assert_eq!(entries(&database.root), count, "{name}");
        assert_eq!(database.root.entries[0].0, first.as_bytes(), "{name}");
    }
    let bytes = file("ctr-pool.db");
    let database = read(&bytes).unwrap();
    let ids = database.root.bucket(b"device_ids").unwrap();
    assert_eq!((ids.sequence, ids.value(b"2")), (2, Some(&[1_u8][..])));
    assert_eq!(ids.value(b"3"), None);
}

#[test]
fn the_older_meta_page_serves_when_the_newer_is_damaged() {
    for name in FILES {
        let whole = file(name);
        let newest = read(&whole).unwrap().txid;
        for page in [0, 4096] {
            let mut bytes = whole.clone();
            bytes[page + 30] ^= 1;
            let database = read(&bytes).unwrap();
            let other = newest - 1..=newest;
            assert!(other.contains(&database.txid), "{name}");
        }
        let mut bytes = whole;
        bytes[30] ^= 1;
        bytes[4096 + 30] ^= 1;
        assert_eq!(read(&bytes), Err(NoMeta), "{name}");
    }
}

/// Reading any input terminates and reports what was left out.
fn survives(bytes: &[u8]) -> usize {
    match read(bytes) {
        Ok(Database { root, damage, damaged, .. }) => {
            assert!(damage.len() as u64 <= damaged);
            assert!(entries(&root) <= bytes.len() / 16);
            entries(&root)
        }
        Err(NoMeta) => 0,
    }
}

/// Step between damaged bytes: every byte of the smallest database; of larger ones only samples, except in an
/// optimized build.
fn step(name: &str, here_and_there: usize) -> usize {
    if name == FILES[0] || !cfg!(debug_assertions) { 1 } else { here_and_there }
}

#[test]
fn every_truncation() {
    for name in FILES {
        let bytes = file(name);
        let all = survives(&bytes);
        for length in (0..=bytes.len()).step_by(step(name, 64)) {
            assert!(survives(&bytes[..length]) <= all);
        }
    }
}

#[test]
fn flipped_bytes() {
    for name in FILES {
        let whole = file(name);
        let mut bytes = whole.clone();
        for at in (0..whole.len()).step_by(step(name, 17)) {
            for flip in [0xFF, 1] {
                bytes[at] ^= flip;
                survives(&bytes);
                bytes[at] ^= flip;
            }
        }
    }
}

/// References to the page itself, or twice to the same page, terminate.
#[test]
fn circles() {
    let mut bytes = file("metadata.db");
    // Both meta pages point to page 7 or 10, a branch page that points to itself.
    for meta in [0, 4096] {
        bytes[meta + 32..meta + 40].copy_from_slice(&7_u64.to_le_bytes());
        seal(&mut bytes, meta);
    }
    let page = 7 * 4096;
    bytes[page + 8..page + 16].copy_from_slice(&[1, 0, 2, 0, 0, 0, 0, 0]);
    for element in 0..2 {
        let at = page + 16 + element * 16 + 8;
        bytes[at..at + 8].copy_from_slice(&7_u64.to_le_bytes());
    }
    let database = read(&bytes).unwrap();
    assert!(database.root.entries.is_empty());
    assert_eq!(database.damaged, 2);
    assert_eq!(database.damage[0].to_string(), "page 7: is pointed to twice");
}

/// Overlapping buckets that contain themselves many times.
#[test]
fn buckets_within_themselves() {
    let mut bytes = file("metadata.db");
    for meta in [0, 4096] {
        bytes[meta + 32..meta + 40].copy_from_slice(&7_u64.to_le_bytes());
        seal(&mut bytes, meta);
    }
    let page = 7 * 4096;
    bytes[page + 8..page + 16].copy_from_slice(&[2, 0, 200, 0, 0, 0, 0, 0]);
    for element in 0..200_u32 {
        let at = page + 16 + element as usize * 16;
        let rest = 4096 - 16 - element * 16 - 300;
        for (field, value) in [1, 200, 1, rest - 200].into_iter().enumerate() {
            bytes[at + field * 4..at + field * 4 + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
    }
    survives(&bytes);
}

#[test]
fn loading() {
    let opened = std::fs::File::open(path("meta.db")).unwrap();
    assert_eq!(load(&opened, 3).unwrap(), file("meta.db"));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(read(&load(&null, 1).unwrap()), Err(NoMeta));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..6000)) {
        survives(&bytes);
    }

    /// A valid meta page with random pages after it.
    #[test]
    fn random_pages(
        pages in proptest::collection::vec(any::<[u8; 64]>(), 4),
        flags in proptest::collection::vec(1_u16..4, 4),
    ) {
        let mut bytes = file("ctr-pool.db");
        for (number, (random, flags)) in pages.iter().zip(flags).enumerate() {
            let page = (number + 2) * 4096;
            bytes[page + 16..page + 80].copy_from_slice(random);
            bytes[page..page + 8].copy_from_slice(&(number as u64 + 2).to_le_bytes());
            bytes[page + 8..page + 10].copy_from_slice(&flags.to_le_bytes());
        }
        survives(&bytes);
    }
}

//! One function for each reader of untrusted input: it takes any bytes, and panics if the reader panics or its result
//! violates an invariant. Called by the fuzzers and by `tests/integration/fuzz_corpus.rs`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::duplicate_mod,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a fuzz target fails by panicking, and each caller uses a part"
)]

#[path = "../integration/metadata/block_writer.rs"]
mod block_writer;
#[path = "../integration/metadata/builder.rs"]
mod builder;

use std::hint::black_box;
use std::sync::OnceLock;
use thinspect::host::dm::{status as lines, table as tables};
use thinspect::host::docker::info;
use thinspect::host::{self, Source as Said, lvm as hosts_lvm};
use thinspect::metadata::{self as pool_metadata, Memory, Options};
use thinspect::record::owners::bbolt;
use thinspect::record::owners::bbolt::{Bucket, Entry};
use thinspect::record::{Recording, format, paste as pasting};
use thinspect::report::{self, Report, Source, TextStyle};
use thinspect::rules;

/// Passes one input to a reader.
pub(crate) type Target = fn(&[u8]);

/// Every target by name.
pub(crate) const ALL: [(&str, Target); 9] = [
    ("bolt", bolt),
    ("docker_info", docker_info),
    ("log", log),
    ("lvm", lvm),
    ("metadata", metadata),
    ("paste", paste),
    ("recording", recording),
    ("status", status),
    ("table", table),
];

/// Pasted text, from the parser to the screen.
pub(crate) fn paste(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    show(&pasting::paste(text));
}

/// Log lines: the message reader, and the resulting report.
pub(crate) fn log(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for message in host::log::gather([text.as_ref()].into_iter()) {
        // A message may have been wrapped, so compare only its words in order.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&text).contains(&words(&message.text)), "a message is a part of the text");
        assert!(message.device().is_none_or(|device| message.text.contains(device)));
        black_box((message.pool(), message.number_after("is")));
    }
    let report = Report::new(host::read(&pasting::paste(&text)), Source::Pasted, None);
    for suspect in &report.diagnosis.suspects {
        assert!(
            report.findings.iter().all(|f| f.rule != suspect.rule),
            "{} is found and suspected",
            suspect.rule
        );
        assert!(
            report.diagnosis.excluded.iter().all(|e| e.rule != suspect.rule),
            "{} is ruled out",
            suspect.rule
        );
    }
    let open = report.diagnosis.is_open();
    assert!(!open || report.verdict != thinspect::verdict::Verdict::Ok, "no failure is left open beside ok");
}

/// The input of `--from`: a recording, or pasted text in any encoding.
pub(crate) fn recording(data: &[u8]) {
    let Ok(recording) = format::load(data) else { return };
    let mut written = Vec::new();
    recording.write(&mut written).unwrap();
    assert_eq!(format::load(&written).as_ref(), Ok(&recording), "what is written is read again");
    show(&recording);
}

/// Reads a recording, applies every rule and renders the result, which must not contain terminal control characters.
fn show(recording: &Recording) {
    let host = host::read(recording);
    for finding in rules::findings(&host) {
        assert!(!finding.summary.is_empty() && rules::find(finding.rule).is_some());
    }
    let source = if host.source == Said::Pasted { Source::Pasted } else { Source::Recording };
    let report = Report::new(host, source, None);
    let screen = report::text(&report, &TextStyle { verbose: true, ..TextStyle::default() });
    assert!(screen.chars().all(|c| c == '\n' || !c.is_control()), "{screen:?}");
    let json = serde_json::to_string(&report::json::output(&report)).unwrap();
    assert!(json.starts_with("{\"schema\":\"thinspect/1\""));
}

/// Status lines of pools and thin devices.
pub(crate) fn status(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        let params = tables::target(line).map_or(line, |target| target.params);
        let pool = lines::pool_status(params);
        let data = pool.used_data.map(|b| b.0).zip(pool.total_data.map(|b| b.0));
        let metadata = pool.used_metadata.map(|b| b.0).zip(pool.total_metadata.map(|b| b.0));
        assert!([data, metadata].iter().flatten().all(|(used, total)| used <= total), "{line:?}");
        assert!(pool.unrecognized.iter().all(|word| params.contains(word.as_str())), "{line:?}");
        black_box(lines::thin_status(params));
    }
}

/// Table lines.
pub(crate) fn table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        let params = tables::target(line).map_or(line, |target| target.params);
        black_box((tables::pool_table(params), tables::thin_table(params), tables::DeviceNumber::read(line)));
    }
}

/// Reports of LVM's tools; the first byte chooses the tool.
pub(crate) fn lvm(data: &[u8]) {
    let tools = ["lvs", "vgs", "pvs", "lvdisplay", "vgdisplay", "lvscan"];
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut gathering = hosts_lvm::LvmFacts::default();
    gathering.report(tools[usize::from(*first) % tools.len()], text);
    for file in ["/etc/lvm/lvm.conf", "/etc/lvm/profile/x.profile", "/etc/lvm/backup/vg"] {
        gathering.file(file, text);
    }
    let lvm = gathering.finish();
    for volume in &lvm.volumes {
        assert!(volume.data_centipercent.is_none_or(|c| c <= 10_000));
        assert!(lvm.volume(&volume.name).is_some());
        let name = volume.name.dm_name();
        black_box(hosts_lvm::split_name(&name));
    }
}

/// `docker info`, as text or JSON, whole or cut.
pub(crate) fn docker_info(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let info = info::read(text);
    for amount in [info.data_used, info.data_total].into_iter().flatten() {
        black_box((info::whole_gib(amount), info.block.map(|block| info::blocks(amount, block))));
    }
    black_box(info.on_loop());
}

/// A database of containerd: changes to a real one, or any bytes if the first byte is 255.
pub(crate) fn bolt(data: &[u8]) {
    let bytes = match data.split_first() {
        Some((255, rest)) => rest.to_vec(),
        _ => {
            let mut bytes = include_bytes!("../owners/containerd/ctr-pool.db").to_vec();
            change(&mut bytes, data);
            for page in [0, 4096] {
                seal_meta(&mut bytes, page);
            }
            bytes
        }
    };
    if let Ok(database) = bbolt::read(&bytes) {
        assert!(entries(&database.root) <= bytes.len(), "more entries than bytes");
    }
}

fn entries(bucket: &Bucket<'_>) -> usize {
    let inner = |entry: &Entry<'_>| match entry {
        Entry::Value(_) => 0,
        Entry::Bucket(bucket) => entries(bucket),
    };
    bucket.entries.iter().map(|(_, entry)| 1 + inner(entry)).sum()
}

/// Fixes the checksum of a meta page (bbolt, `meta.sum64`), so that the reader does not stop there.
fn seal_meta(bytes: &mut [u8], page: usize) {
    let Some(record) = bytes.get_mut(page + 16..page + 80) else { return };
    let hash = record[..56].iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    record[56..].copy_from_slice(&hash.to_le_bytes());
}

const BLOCK: usize = 4096;

/// A pool's metadata: changes to a valid one with fixed checksums, so that the reader does not stop there.
pub(crate) fn metadata(data: &[u8]) {
    let sound = sound();
    let mut bytes = sound.clone();
    change(&mut bytes, data);
    let salts =
        [block_writer::SUPERBLOCK, block_writer::NODE, block_writer::BITMAP_SALT, block_writer::INDEX_SALT];
    for (block, before) in
        bytes.chunks_mut(BLOCK).zip(sound.chunks(BLOCK)).filter(|(block, before)| block != before)
    {
        let sum = u32::from_le_bytes([before[0], before[1], before[2], before[3]]);
        if let Some(salt) = salts.iter().find(|salt| !crc32c::crc32c(&before[4..]) ^ **salt == sum) {
            block_writer::seal(block, *salt);
        }
    }
    let source = Memory(bytes);
    let options = Options { threads: 1, ..Options::default() };
    for options in
        [options, Options { details_only: true, ..options }, Options { through_held_root: true, ..options }]
    {
        let Ok(usage) = pool_metadata::read(&source, &options) else { continue };
        let total = usage.devices.iter().filter_map(|d| Some(d.exclusive_blocks? + d.shared_blocks?)).max();
        black_box(total);
        let ids: Vec<u32> = usage.devices.iter().take(3).map(|d| d.device_id).collect();
        black_box(pool_metadata::reclaimable(&source, &ids, &options).is_ok());
    }
}

/// A small pool with shared trees of two levels, a held metadata snapshot and a leak.
fn sound() -> &'static Vec<u8> {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let mut pool = builder::Pool::new(2000, 128);
        pool.create(1);
        pool.write(1, 0, 600);
        pool.snapshot(1, 2);
        pool.write(2, 100, 10);
        pool.hold();
        pool.write(1, 700, 5);
        pool.leak(3);
        pool.image(8)
    })
}

/// Applies changes of four bytes each: block or page, two for the position, and the new value.
fn change(bytes: &mut [u8], changes: &[u8]) {
    for change in changes.chunks_exact(4) {
        let block = usize::from(change[0]) % bytes.len().div_ceil(BLOCK);
        let at = block * BLOCK + usize::from(u16::from_le_bytes([change[1], change[2]])) % BLOCK;
        if let Some(byte) = bytes.get_mut(at) {
            *byte = change[3];
        }
    }
}

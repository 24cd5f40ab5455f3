//! What containerd's and BuildKit's bbolt databases say about devices, snapshots, images and containers (containerd
//! plugins/snapshots/devmapper/metadata.go, core/snapshots/storage/bolt.go, core/metadata/buckets.go).
//! Never takes the lock that their owners hold; the specification of a container is not kept.

use super::{BuildStep, Known, Lines, PoolDevice, Snapshot};
use crate::record::Query;
use crate::record::owners::bbolt::{self, Bucket, Database};
use jiff::Timestamp;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::fs::File;

/// How often a database that changes meanwhile is read.
const ATTEMPTS: u32 = 5;
/// `deviceFaulty`, in the list of device ids.
const FAULTY: u8 = 2;
/// `Faulty` among the states of devices.
const STATE_FAULTY: i64 = 13;

pub(super) fn lines(query: Query, file: &File, lines: &mut Lines) -> Result<(), Errno> {
    let bytes = bbolt::load(file, ATTEMPTS).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => Errno::EFBIG,
        std::io::ErrorKind::WouldBlock => Errno::EAGAIN,
        _ => error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
    })?;
    // "Structure needs cleaning", what filesystems say of themselves.
    let database = bbolt::read(&bytes).map_err(|bbolt::NoMeta| Errno::EUCLEAN)?;
    match query {
        Query::ContainerdDevices => devices(&database, lines),
        Query::ContainerdSnapshots => snapshots(&database, lines),
        Query::DockerBuildCache => build_steps(&database, lines),
        _ => known(&database, lines),
    }
    for damage in &database.damage {
        lines.miss(&format!("page {}", damage.page), damage.what);
    }
    lines.left_out += database.damaged.saturating_sub(database.damage.len() as u64);
    Ok(())
}

fn devices(database: &Database<'_>, lines: &mut Lines) {
    let Some(devices) = database.root.bucket(b"devices") else {
        return lines.miss("bucket devices", "not there");
    };
    let mut ids = Vec::new();
    for (name, value) in devices.values() {
        match serde_json::from_slice::<PoolDevice>(value) {
            Ok(device) => {
                ids.push(device.device_id);
                lines.push(&device);
            }
            Err(error) => {
                lines.miss(&text(name), &format!("not as expected at column {}", error.column()));
            }
        }
    }
    ids.sort_unstable();
    let reserved = database.root.bucket(b"device_ids").into_iter().flat_map(Bucket::values);
    for (id, _) in reserved.filter(|(_, mark)| *mark == [FAULTY]) {
        let Ok(device_id) = text(id).parse() else { continue };
        if ids.binary_search(&device_id).is_err() {
            lines.push(&PoolDevice { device_id, state: STATE_FAULTY, ..PoolDevice::default() });
        }
    }
}

fn snapshots(database: &Database<'_>, lines: &mut Lines) {
    let Some(all) = database.root.bucket(b"v1").and_then(|v1| v1.bucket(b"snapshots")) else {
        return lines.miss("bucket v1/snapshots", "not there");
    };
    for (key, snapshot) in all.buckets() {
        let own = |(label, _): &(&[u8], &[u8])| label.starts_with(b"containerd.io/");
        let labels = snapshot.bucket(b"labels").into_iter().flat_map(Bucket::values).filter(own);
        lines.push(&Snapshot {
            key: text(key),
            id: snapshot.value(b"id").and_then(varint),
            kind: snapshot.value(b"kind").and_then(<[u8]>::first).copied().unwrap_or_default(),
            parent: text_of(snapshot, b"parent"),
            created: time_of(snapshot, b"createdat"),
            labels: labels.map(|(label, value)| (text(label), text(value))).collect::<BTreeMap<_, _>>(),
        });
    }
}

fn build_steps(database: &Database<'_>, lines: &mut Lines) {
    for (key, step) in database.root.buckets() {
        lines.push(&BuildStep {
            key: text(key),
            parent: text_of(step, b"parent"),
            committed: text_of(step, b"committed"),
            chain: text_of(step, b"chainid"),
        });
    }
}

fn known(database: &Database<'_>, lines: &mut Lines) {
    let Some(v1) = database.root.bucket(b"v1") else { return lines.miss("bucket v1", "not there") };
    for (namespace, known) in v1.buckets() {
        let namespace = text(namespace);
        images(&namespace, known, lines);
        references(&namespace, known, lines);
        for (snapshotter, all) in known.bucket(b"snapshots").into_iter().flat_map(Bucket::buckets) {
            for (key, snapshot) in all.buckets() {
                lines.push(&Known::Snapshot {
                    namespace: namespace.clone(),
                    snapshotter: text(snapshotter),
                    key: text(key),
                    name: text_of(snapshot, b"name"),
                    rooted: snapshot
                        .bucket(b"labels")
                        .is_some_and(|labels| labels.value(b"containerd.io/gc.root").is_some()),
                });
            }
        }
        leases(&namespace, known, lines);
        for (id, container) in known.bucket(b"containers").into_iter().flat_map(Bucket::buckets) {
            lines.push(&Known::Container {
                namespace: namespace.clone(),
                id: text(id),
                image: text_of(container, b"image"),
                snapshotter: text_of(container, b"snapshotter"),
                snapshot: text_of(container, b"snapshotKey"),
                created: time_of(container, b"createdat"),
            });
        }
    }
}

fn leases(namespace: &str, known: &Bucket<'_>, lines: &mut Lines) {
    for (id, lease) in known.bucket(b"leases").into_iter().flat_map(Bucket::buckets) {
        let snapshotters = lease.bucket(b"snapshots").into_iter().flat_map(Bucket::buckets);
        for (snapshotter, keys) in snapshotters {
            for (key, _) in &keys.entries {
                lines.push(&Known::Lease {
                    namespace: namespace.to_owned(),
                    id: text(id),
                    snapshotter: text(snapshotter),
                    key: text(key),
                });
            }
        }
    }
}

fn images(namespace: &str, known: &Bucket<'_>, lines: &mut Lines) {
    for (name, image) in known.bucket(b"images").into_iter().flat_map(Bucket::buckets) {
        lines.push(&Known::Image {
            namespace: namespace.to_owned(),
            name: text(name),
            target: image.bucket(b"target").and_then(|target| text_of(target, b"digest")),
            created: time_of(image, b"createdat"),
        });
    }
}

/// How the garbage collector gets from an image to its snapshot: index, manifest, configuration, snapshot.
fn references(namespace: &str, known: &Bucket<'_>, lines: &mut Lines) {
    let blobs = known.bucket(b"content").and_then(|content| content.bucket(b"blob"));
    for (digest, blob) in blobs.into_iter().flat_map(Bucket::buckets) {
        for (label, value) in blob.bucket(b"labels").into_iter().flat_map(Bucket::values) {
            let kept = label.starts_with(b"containerd.io/gc.ref.")
                && !label.starts_with(b"containerd.io/gc.ref.content.l.");
            if kept {
                lines.push(&Known::Reference {
                    namespace: namespace.to_owned(),
                    digest: text(digest),
                    label: text(label),
                    value: text(value),
                });
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text_of(bucket: &Bucket<'_>, key: &[u8]) -> Option<String> {
    bucket.value(key).filter(|value| !value.is_empty()).map(text)
}

fn time_of(bucket: &Bucket<'_>, key: &[u8]) -> Option<String> {
    time(bucket.value(key)?).map(|time| time.to_string())
}

/// Go's `time.MarshalBinary`: a version, seconds since the year 1, nanoseconds, an offset.
fn time(bytes: &[u8]) -> Option<Timestamp> {
    /// Seconds from the year 1 to 1970.
    const YEAR_1: i64 = 62_135_596_800;
    let [version, rest @ ..] = bytes else { return None };
    let (seconds, rest) = rest.split_first_chunk::<8>()?;
    let (nanoseconds, _) = rest.split_first_chunk::<4>()?;
    if !matches!(version, 1 | 2) {
        return None;
    }
    let seconds = i64::from_be_bytes(*seconds).checked_sub(YEAR_1)?;
    Timestamp::new(seconds, i32::from_be_bytes(*nanoseconds)).ok()
}

/// Go's `binary.Uvarint`.
fn varint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F).checked_shl(u32::try_from(place * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_of_go() {
        assert_eq!(varint(&[0x80, 0x80, 0xF0, 0x32]), Some(50 * (1 << 21) + 0x70 * (1 << 14)));
        assert_eq!(varint(&[0x80]), None);
        let bytes = b"\x01\x00\x00\x00\x0e\xe2\x94S\xf7\nv\x16\xc8\xff\xff";
        assert_eq!(time(bytes).unwrap().to_string(), "2026-11-22T03:09:43.17551124Z");
        assert_eq!(time(b"\x01\x00"), None);
    }
}

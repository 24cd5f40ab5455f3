//! A Docker host with images that share layers, containers in every state, and a pool with known blocks.

use std::collections::{BTreeMap, BTreeSet};
use thinspect::host::docker::{DeviceRecord, Docker};
use thinspect::host::model::pool::{Pool, PoolOwner};
use thinspect::host::model::units::Bytes;
use thinspect::host::owners::{self, Owners};
use thinspect::host::{self, Host};
use thinspect::metadata::{Device, Read, SpaceMapRoot, Usage};
use thinspect::record::{Outcome, Query, Recording, Source};
use thinspect::usage::Reclaim;

pub(crate) const ROOT: &str = "/var/lib/docker";

/// Blocks by device; a block of two devices is shared.
#[derive(Clone, Default)]
pub(crate) struct Blocks(pub(crate) BTreeMap<u32, BTreeSet<u64>>);

impl Blocks {
    /// Adds a device with the blocks of another and some of its own.
    pub(crate) fn device(&mut self, id: u32, from: u32, own: std::ops::Range<u64>) {
        let mut blocks = self.0.get(&from).cloned().unwrap_or_default();
        blocks.extend(own);
        self.0.insert(id, blocks);
    }

    pub(crate) fn ids(&self) -> BTreeSet<u32> {
        self.0.keys().copied().collect()
    }

    fn without(&self, gone: &BTreeSet<u32>) -> u64 {
        let staying = self.0.iter().filter(|(id, _)| !gone.contains(id));
        staying.flat_map(|(_, blocks)| blocks).collect::<BTreeSet<_>>().len() as u64
    }

    /// The usage that such a pool's metadata would show.
    pub(crate) fn usage(&self) -> Usage {
        let of = |id: &u32, blocks: &BTreeSet<u64>| {
            let mine =
                |block: &&u64| !self.0.iter().any(|(other, theirs)| other != id && theirs.contains(block));
            blocks.iter().filter(mine).count() as u64
        };
        let device = |(id, blocks): (&u32, &BTreeSet<u64>)| {
            let exclusive = of(id, blocks);
            Device {
                device_id: *id,
                mapped_blocks: Some(blocks.len() as u64),
                exclusive_blocks: Some(exclusive),
                shared_blocks: Some(blocks.len() as u64 - exclusive),
                highest_block: None,
                transaction_id: Some(u64::from(*id) % 7),
                creation_time: None,
                snapshotted_time: None,
            }
        };
        let map = |used_blocks, total_blocks| SpaceMapRoot {
            total_blocks,
            used_blocks,
            bitmap_root: 1,
            ref_count_root: 2,
        };
        Usage {
            transaction_id: 7,
            time: 1,
            needs_check: false,
            held_root: None,
            through_held_root: false,
            data_block_sectors: 128,
            data: map(self.without(&BTreeSet::new()) + 3, 100_000),
            metadata: map(50, 4096),
            devices: self.0.iter().map(device).collect(),
            unaccounted_blocks: Some(3),
            held_only_blocks: Some(0),
            damage: Vec::new(),
            damaged: 0,
            skipped: 0,
            read: Read { blocks: 40, bytes: 40 * 4096 },
            consistent: true,
            attempts: 1,
            changes: 0,
        }
    }
}

impl Reclaim for Blocks {
    fn in_turn(&self, sets: &[Vec<u32>]) -> Option<Vec<u64>> {
        let mut gone = BTreeSet::new();
        let mut gains = Vec::new();
        for set in sets {
            let before = self.without(&gone);
            gone.extend(set.iter().copied());
            gains.push(before - self.without(&gone));
        }
        Some(gains)
    }
}

pub(crate) fn hex(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A Docker host: `base` ← layer a ← layer b; image `web:1` is a+b, `old:1` is a+c, an untagged image is a+d, `app:1`
/// and `app:2` are the same image a+b+e. Containers: `run` is running on `web:1`, `gone` exited long ago on `app`,
/// `late` exited recently on `app`.
pub(crate) fn recording() -> Recording {
    let mut recording = Recording::new(Source::Machine, None);
    let mut say = |query, lines: &[String]| recording.push(query, ROOT, Outcome::Answered(lines.join("\n")));
    let layer = |name: char, parent: Option<char>, size: u64| {
        let parent = parent.map(|p| format!(r#""parent":"sha256:{}","#, hex(p))).unwrap_or_default();
        let (chain, cache) = (hex(name), format!("cache-{name}"));
        format!(
            r#"{{"chain":"{chain}","cache":"{cache}",{parent}"diff":"sha256:diff-{name}","size":"{size}"}}"#
        )
    };
    say(
        Query::DockerLayers,
        &[
            layer('a', None, 10),
            layer('b', Some('a'), 5),
            layer('c', Some('a'), 7),
            layer('d', Some('a'), 1),
            layer('e', Some('b'), 2),
        ],
    );
    let mount = |id: char, name: &str, chain: char| {
        let (id, chain) = (hex(id), hex(chain));
        format!(r#"{{"container":"{id}","mount":"{name}","init":"{name}-init","parent":"sha256:{chain}"}}"#)
    };
    say(Query::DockerMounts, &[mount('1', "run", 'b'), mount('2', "gone", 'e'), mount('3', "late", 'e')]);
    let image = |id: char, names: &str, diffs: &str, updated: &str| {
        let diffs: Vec<String> = diffs.chars().map(|d| format!(r#""sha256:diff-{d}""#)).collect();
        let (id, diffs) = (hex(id), diffs.join(","));
        format!(
            r#"{{"id":"sha256:{id}","names":[{names}],"diffs":[{diffs}],"created":"2020-01-01T00:00:00Z","updated":"{updated}"}}"#
        )
    };
    say(
        Query::DockerImages,
        &[
            image('5', r#""web:1""#, "ab", "2024-01-01T00:00:00Z"),
            image('6', r#""old:1","old@sha256:77""#, "ac", "2021-01-01T00:00:00Z"),
            image('7', "", "ad", "2023-01-01T00:00:00Z"),
            image('8', r#""app:1","app:2""#, "abe", "2022-01-01T00:00:00Z"),
        ],
    );
    let container = |id: char, name: &str, image: char, running: bool, finished: &str| {
        let (id, image) = (hex(id), hex(image));
        let state = format!(
            r#"{{"Running":{running},"StartedAt":"2024-01-01T00:00:00Z","FinishedAt":"{finished}"}}"#
        );
        format!(
            r#"{{"ID":"{id}","Name":"/{name}","Image":"sha256:{image}","Created":"2024-01-01T00:00:00Z","State":{state}}}"#
        )
    };
    say(
        Query::DockerContainers,
        &[
            container('1', "run", '5', true, "0001-01-01T00:00:00Z"),
            container('2', "gone", '8', false, "2024-02-01T00:00:00Z"),
            container('3', "late", '8', false, "2025-02-01T00:00:00Z"),
        ],
    );
    let records = RECORDS.iter().map(|(hash, id)| {
        let hash = if hash.is_empty() { "base" } else { hash };
        format!(r#"{hash} {{"device_id":{id},"size":10737418240,"transaction_id":{id},"initialized":false,"deleted":false}}"#)
    });
    let records = records.collect::<Vec<_>>().join("\n");
    recording.push(Query::DeviceRecords, "/var/lib/docker/devicemapper/metadata", Outcome::Answered(records));
    recording
}

const RECORDS: &[(&str, u32)] = &[
    ("", 1),
    ("cache-a", 2),
    ("cache-b", 3),
    ("cache-c", 4),
    ("cache-d", 5),
    ("cache-e", 6),
    ("run-init", 7),
    ("run", 8),
    ("gone-init", 9),
    ("gone", 10),
    ("late-init", 11),
    ("late", 12),
    ("nobody", 13),
];

/// The blocks of that host: device 14 has no record, the record of `nobody` has no device.
pub(crate) fn blocks() -> Blocks {
    let mut blocks = Blocks::default();
    blocks.device(1, 0, 0..20);
    blocks.device(2, 1, 100..200);
    blocks.device(3, 2, 200..250);
    blocks.device(4, 2, 300..370);
    blocks.device(5, 2, 400..410);
    blocks.device(6, 3, 500..530);
    blocks.device(7, 3, 600..602);
    blocks.device(8, 7, 610..660);
    blocks.device(9, 6, 700..702);
    blocks.device(10, 9, 710..715);
    blocks.device(11, 6, 800..802);
    blocks.device(12, 11, 810..850);
    blocks.device(14, 1, 900..1000);
    blocks
}

pub(crate) fn pool() -> Pool {
    let owner = PoolOwner::Docker { root: Some(ROOT.to_owned()) };
    Pool { name: Some("docker-8:1-2-pool".to_owned()), owner, transaction_id: Some(7), ..Pool::default() }
}

/// The host, with the facts needed for owners.
pub(crate) fn docker_host(recording: &Recording) -> Host {
    let mut host = host::read(recording);
    let devices = RECORDS.iter().map(|(hash, device_id)| DeviceRecord {
        hash: (*hash).to_owned(),
        device_id: *device_id,
        size: Bytes(10 << 30),
        transaction_id: 1,
        deleted: false,
    });
    host.docker_roots =
        vec![Docker { root: Some(ROOT.to_owned()), devices: devices.collect(), ..Docker::default() }];
    host
}

pub(crate) fn owners() -> Owners {
    let recording = recording();
    owners::read(&recording, &docker_host(&recording), &pool())
}

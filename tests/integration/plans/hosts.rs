//! Handmade hosts to plan for, and the golden files of their plans.

use std::path::{Path, PathBuf};
use thinspect::host::block::disk::{Content, Disk};
use thinspect::host::dm::status::{Mode, WhenFull};
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::docker::{Docker, FileDigest, StorageOption};
use thinspect::host::lvm::{LvName, Lvm, VolumeGroup};
use thinspect::host::model::backing::{Backing, BackingKind, Filesystem, LoopFile};
use thinspect::host::model::pool::{MinFree, MinFreeFrom, Pool, PoolOwner, Refusal, StatusAnswer};
use thinspect::host::model::space::Space;
use thinspect::host::model::text::Text;
use thinspect::host::model::units::{Bytes, DataBlocks, METADATA_BLOCK, MetadataBlocks, Sectors};
use thinspect::host::{DeviceMapper, Host, Kernel};
use thinspect::plan::{Plan, script};
use thinspect::record::Source;

const GIB: u64 = 1 << 30;

/// An empty machine.
pub(crate) fn host(source: Source) -> Host {
    let device_mapper = match source {
        Source::Machine => DeviceMapper::Answered,
        Source::Pasted => DeviceMapper::NotAsked,
    };
    let recorded_at = (source == Source::Machine).then(|| "2026-08-22T10:00:00Z".to_owned());
    Host {
        source,
        recorded_at,
        kernel: Kernel { device_mapper, ..Kernel::default() },
        pools: Vec::new(),
        thin_devices: Vec::new(),
        docker_roots: Vec::new(),
        containerd_configs: Vec::new(),
        lvm: Lvm::default(),
        disks: Vec::new(),
        tools: Vec::new(),
        filesystems: Vec::new(),
        log_messages: Vec::new(),
        history: thinspect::host::history::History::default(),
        containers: Vec::new(),
        removable: None,
        engines: Vec::new(),
        limits: Vec::new(),
        open_files: Vec::new(),
        conflicts: Vec::new(),
        notes: Vec::new(),
    }
}

/// A storage option.
pub(crate) fn option(name: &str, value: &str, from: &str) -> StorageOption {
    StorageOption { name: name.into(), value: value.into(), from: from.into() }
}

/// Gives Docker a settings file with this text.
pub(crate) fn set_settings(docker: &mut Docker, text: &str) {
    docker.daemon_json = Some(text.to_owned());
    docker.daemon_json_digest = Some(FileDigest::of_plain(text));
}

/// An empty disk without anything that refers to it.
pub(crate) fn empty_disk(node: &str, gib: u64) -> Disk {
    Disk {
        node: node.into(),
        number: Some(DeviceNumber { major: 8, minor: 16 }),
        size: Some(Bytes(gib * GIB)),
        read_only: Some(false),
        partitions: Some(Vec::new()),
        holders: Some(Vec::new()),
        swap: Some(false),
        takes_discards: Some(true),
        identity: Some("wwid naa.5000c500a1b2c3d4".into()),
        logical_block: Some(512),
        content: Content::Nothing,
        ..Disk::default()
    }
}

/// A loop device on a file.
pub(crate) fn on_loop(minor: u32, path: &str, size: u64, allocated: u64, free: u64) -> Backing {
    Backing {
        kind: BackingKind::Loop,
        device: Some(DeviceNumber { major: 7, minor }),
        path: Some(format!("/dev/loop{minor}")),
        size: Some(Bytes(size)),
        file: Some(LoopFile {
            path: path.into(),
            size: Some(Bytes(size)),
            allocated: Some(Bytes(allocated)),
            ..LoopFile::default()
        }),
        filesystem: Some(Filesystem {
            mount: Some("/".into()),
            kind: Some("ext4".into()),
            device: Some(DeviceNumber { major: 8, minor: 1 }),
            size: Some(Bytes(500 * GIB)),
            free: Some(Bytes(free)),
            ..Filesystem::default()
        }),
        ..Backing::default()
    }
}

/// The published case: 161986 of 1638400 blocks free on Docker's default loop files.
pub(crate) fn published() -> (Host, Pool) {
    let directory = "/var/lib/docker/devicemapper/devicemapper";
    let used = 1_638_400 - 161_986;
    let pool = Pool {
        name: Some("docker-8:1-131188-pool".into()),
        answer: StatusAnswer::Answered,
        mode: Some(Mode::ReadWrite),
        suspended: Some(false),
        inactive_table: Some(false),
        needs_check: Some(false),
        when_full: Some(WhenFull::Queue),
        length: Some(Sectors(209_715_200)),
        block: Some(Bytes(65_536)),
        data: Space {
            block: Some(Bytes(65_536)),
            used: Some(DataBlocks(used)),
            total: Some(DataBlocks(1_638_400)),
            exact: true,
            ..Space::default()
        },
        metadata: Space {
            block: Some(METADATA_BLOCK),
            used: Some(MetadataBlocks(16_057)),
            total: Some(MetadataBlocks(524_288)),
            exact: true,
            ..Space::default()
        },
        data_backing: on_loop(0, &format!("{directory}/data"), 100 * GIB, used << 16, 60 * GIB),
        metadata_backing: on_loop(1, &format!("{directory}/metadata"), 2 * GIB, 64 << 20, 60 * GIB),
        owner: PoolOwner::Docker { root: Some("/var/lib/docker".into()) },
        min_free: MinFree { percent: Some(10), from: MinFreeFrom::Default },
        ..Pool::default()
    };
    let mut host = host(Source::Machine);
    let daemon_json = "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \
        \"dm.basesize=20G\"\n  ]\n}\n";
    host.docker_roots = vec![Docker {
        root: Some("/var/lib/docker".into()),
        version: Some("20.10.24".into()),
        daemon_json: Some(daemon_json.into()),
        daemon_json_digest: Some(FileDigest::of_plain(daemon_json)),
        options: vec![option("dm.basesize", "20G", "/etc/docker/daemon.json")],
        ..Docker::default()
    }];
    host.pools = vec![pool.clone()];
    (host, pool)
}

/// Only Docker's refusal is known.
pub(crate) fn error_line(free: u64, required: u64) -> (Host, Pool) {
    let pool = Pool {
        owner: PoolOwner::Docker { root: None },
        min_free: MinFree { percent: Some(10), from: MinFreeFrom::ErrorLine },
        refused_data: Some(Refusal { free: Some(free), required: Some(required) }),
        ..Pool::default()
    };
    (host(Source::Pasted), pool)
}

/// Docker's own direct-lvm set-up, nearly empty.
pub(crate) fn direct_lvm() -> (Host, Pool) {
    let part = |minor, path: &str, size| Backing {
        kind: BackingKind::Lvm,
        device: Some(DeviceNumber { major: 253, minor }),
        path: Some(path.into()),
        size: Some(Bytes(size)),
        ..Backing::default()
    };
    let (_, loops) = published();
    let pool = Pool {
        name: Some("docker-thinpool".into()),
        uuid: Some("LVM-1P9rmQV7FKFeelSdgXgWCubihNjhwVLztKWOJdmNCy3qSSI0nRakAJIZ6bDrLxfs-tpool".into()),
        length: Some(Sectors(19_914_752)),
        block: Some(Bytes(524_288)),
        data: Space {
            block: Some(Bytes(524_288)),
            used: Some(DataBlocks(181)),
            total: Some(DataBlocks(19_448)),
            ..loops.data
        },
        metadata: Space {
            used: Some(MetadataBlocks(2576)),
            total: Some(MetadataBlocks(25_600)),
            ..loops.metadata
        },
        data_backing: part(1, "/dev/mapper/docker-thinpool_tdata", 19_914_752 * 512),
        metadata_backing: part(0, "/dev/mapper/docker-thinpool_tmeta", 100 << 20),
        lv: Some(LvName { vg: "docker".into(), lv: "thinpool".into() }),
        ..loops
    };
    let mut host = host(Source::Machine);
    host.lvm.groups = vec![VolumeGroup {
        name: "docker".into(),
        size: Some(Bytes(15 * GIB)),
        free: Some(Bytes(5 * GIB)),
        extent: Some(Bytes(4 << 20)),
        profile: None,
    }];
    host.pools = vec![pool.clone()];
    (host, pool)
}

/// A script with the common parts replaced by their names.
fn own_part(script: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    shell_parts(&root.join("src/plan")).iter().fold(script.to_owned(), |own, path| {
        let part = std::fs::read_to_string(path).unwrap();
        own.replace(part.trim(), &format!("# ... here stands {}", name(path)))
    })
}

fn shell_parts(folder: &Path) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            parts.extend(shell_parts(&path));
        } else if path.extension().is_some_and(|end| end == "sh") {
            parts.push(path);
        }
    }
    parts
}

/// Whether one of these sentences contains a word.
pub(crate) fn says(sentences: &[Text], word: &str) -> bool {
    sentences.iter().any(|sentence| sentence.plain().contains(word))
}

/// Compares a plan and its script with the golden files in `tests/plans`; `UPDATE` rewrites them.
pub(crate) fn golden(name: &str, plan: &Plan) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let json = serde_json::to_string_pretty(plan).unwrap() + "\n";
    for (file, text) in [(format!("{name}.json"), json), (format!("{name}.sh"), own_part(&script(plan)))] {
        let path = directory.join(&file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == text, "{file} differs from what is kept; UPDATE=1 rewrites it. Now:\n{text}");
    }
}

//! Possible causes of each kind of failure, most likely first.

use super::SymptomKind::{
    self, ActivationFailed, Busy, Damage, Hang, InputOutputError, Mismatch, Missing, MountFailed, NoSpace,
    Refused, StartFailed,
};
use crate::host::Host;
use crate::host::log::{Kind, LogMessage, Message};

/// A kind of failure and its possible causes.
#[derive(Debug)]
pub(super) struct Case {
    /// The kind.
    pub(super) kind: SymptomKind,
    /// If one line matches several cases, the highest rank wins, then the last: a bare errno tells less than what
    /// failed.
    pub(super) rank: u8,
    /// Messages that indicate it.
    messages: &'static [Message],
    /// Rules for the possible causes, most likely first.
    pub(super) causes: &'static [&'static str],
}

const fn case(kind: SymptomKind, messages: &'static [Message], causes: &'static [&'static str]) -> Case {
    Case { kind, rank: 1, messages, causes }
}

/// A case with only an errno.
const fn errno(kind: SymptomKind, messages: &'static [Message], causes: &'static [&'static str]) -> Case {
    Case { kind, rank: 0, messages, causes }
}

/// A case for facts without any failure.
pub(super) const fn quiet(kind: SymptomKind, causes: &'static [&'static str]) -> Case {
    Case { kind, rank: 0, messages: &[], causes }
}

/// A file of a container, guest or database could not be written.
static NO_SPACE_IN_VOLUME: Case = errno(
    NoSpace,
    &[],
    &[
        "container-size-limit",
        "data-full",
        "host-filesystem-full",
        "inodes-exhausted",
        "open-deleted-files",
        "volume-full",
        "data-below-min-free",
        "limit-not-storage",
    ],
);

/// A file of the host could not be written.
static NO_SPACE_ON_HOST: Case = errno(
    NoSpace,
    &[],
    &[
        "host-filesystem-full",
        "inodes-exhausted",
        "open-deleted-files",
        "loop-file-outgrows-filesystem",
        "limit-not-storage",
    ],
);

/// All other cases.
#[rustfmt::skip]
static CASES: &[Case] = &[
    // Bare errnos.
    errno(InputOutputError, &[Message::IoError],
        &["data-full", "block-device-failing", "pool-read-only", "pool-failed", "filesystem-damaged"]),
    errno(Refused, &[Message::ReadOnlyFilesystem],
        &["data-full", "filesystem-damaged", "pool-read-only", "host-filesystem-read-only", "block-device-failing"]),
    errno(Missing, &[Message::DeviceGone], &["pool-not-found", "docker-metadata-mismatch", "udev-sync-missing"]),
    errno(NoSpace, &[Message::NoSpaceOfDatabase],
        &["container-size-limit", "data-full", "host-filesystem-full", "inodes-exhausted"]),
    errno(StartFailed, &[Message::GraphdriverFailed],
        &["driver-misconfigured", "pool-not-found", "metadata-corrupt", "data-full"]),
    errno(StartFailed, &[Message::LayerFailed],
        &["container-size-limit", "data-full", "pool-read-only", "docker-metadata-mismatch"]),
    errno(StartFailed, &[Message::DaemonUnreachable],
        &["driver-misconfigured", "pool-not-found", "hung-tasks", "driver-removed"]),
    // A healthy status contradicts these, and then the line stays unexplained.
    case(NoSpace, &[Message::PoolOutOfDataSpace, Message::PoolQueuesWrites, Message::PoolFailsWrites, Message::NoFreeData], &["data-full"]),
    case(NoSpace, &[Message::LvmWarnsData, Message::LvmRefusesAtThreshold, Message::UnmountedWhenFull], &["data-nearly-full", "data-full"]),
    case(NoSpace, &[Message::NoFreeMetadata, Message::PoolToOutOfMetadata, Message::MetadataOutOfSpace],
        &["metadata-full", "repair-space-too-small"]),
    case(NoSpace, &[Message::LvmWarnsMetadata], &["metadata-nearly-full", "metadata-full"]),
    case(Refused, &[Message::PoolToReadOnly, Message::MessagesRefused, Message::PoolRefuses, Message::MetadataOperationFailed],
        &["pool-read-only", "pool-failed", "metadata-full"]),
    case(InputOutputError, &[Message::PoolToFail, Message::TransactionAbortFailed], &["pool-failed"]),
    case(Damage, &[Message::NeedsCheck, Message::NeedsCheckNotSet], &["pool-needs-check", "metadata-corrupt"]),
    case(Damage, &[Message::SuperblockDamaged, Message::BtreeDamaged, Message::SpaceMapDamaged, Message::MetadataUnusable, Message::MappingsDamaged],
        &["metadata-corrupt"]),
    case(Mismatch, &[Message::BackingShrunk, Message::DeviceSizeStale], &["pool-size-stale"]),
    case(Refused, &[Message::AutoextendGivenUp], &["autoextend-failing", "volume-group-full", "autoextend-off"]),
    // Failures recognized only by generic words.
    errno(Busy, &[Message::OtherBusy], &["device-busy", "pool-component-active", "udev-worker-timeout", "stratis-pool-full"]),
    errno(Refused, &[Message::OtherInvalid],
        &["driver-misconfigured", "docker-metadata-mismatch", "device-busy", "transaction-id-mismatch", "pool-size-stale"]),
    errno(Missing, &[Message::OtherMissing], &["pool-not-found", "udev-sync-missing", "pool-inactive", "docker-metadata-mismatch"]),
    errno(Refused, &[Message::OtherFailure],
        &["pool-not-found", "pool-inactive", "driver-misconfigured", "pool-read-only", "data-full", "metadata-corrupt"]),
    case(NoSpace, &[Message::CapacityRefused], &["volume-group-full", "pool-overcommitted", "numbers-disagree", "data-nearly-full"]),
    case(Refused, &[Message::NameTaken], &["pool-half-made", "pool-already-used", "pool-not-found"]),
    // Programs and guests.
    case(NoSpace, &[Message::VmNoSpace, Message::VmIoError], &["data-full", "backing-storage-full", "block-device-failing", "host-filesystem-full"]),
    case(NoSpace, &[Message::RecordsNoSpace, Message::ImageBlobNoSpace, Message::MetadataTmpNoSpace, Message::SqliteFull],
        &["host-filesystem-full", "inodes-exhausted"]),
    case(NoSpace, &[Message::RunNoSpace], &["host-filesystem-full", "inodes-exhausted"]),
    case(NoSpace, &[Message::NoSpaceBelow], &["data-full", "backing-storage-full"]),
    // Filesystems on thin devices.
    case(InputOutputError, &[Message::Ext4Error, Message::JournalAborted, Message::RemountedReadOnly, Message::XfsShutdown, Message::BtrfsError],
        &["filesystem-damaged", "data-full", "block-device-failing", "pool-read-only", "pool-failed"]),
    case(InputOutputError, &[Message::Ext4DataLost, Message::Ext4IoError, Message::JournalIoError, Message::XfsWritebackError, Message::XfsLogError, Message::LostWrite],
        &["data-full", "block-device-failing", "pool-read-only", "pool-failed"]),
    case(InputOutputError, &[Message::XfsMetadataError, Message::BufferIoError, Message::BlockIoError],
        &["block-device-failing", "pool-failed", "data-full", "hung-tasks"]),
    case(InputOutputError, &[Message::XfsRetries], &["data-full", "xfs-retries-forever", "block-device-failing"]),
    case(MountFailed, &[Message::MountFailed, Message::MountInvalid],
        &["filesystem-damaged", "driver-misconfigured", "docker-metadata-mismatch", "mount-refused"]),
    case(MountFailed, &[Message::MountIoError], &["block-device-failing", "pool-failed", "data-full", "pool-read-only"]),
    case(MountFailed, &[Message::FilesystemUnknown],
        &["filesystem-damaged", "docker-metadata-mismatch", "metadata-corrupt", "pool-belongs-to-another-docker"]),
    case(MountFailed, &[Message::ProbeFailed], &["block-device-failing", "pool-failed", "filesystem-damaged"]),
    case(MountFailed, &[Message::MountNotFound], &["udev-sync-missing", "docker-metadata-mismatch", "pool-not-found"]),
    case(MountFailed, &[Message::StratisExtendFailed], &["block-device-failing", "data-full", "pool-read-only"]),
    // The owner's operations, which hide the errno or say little.
    case(ActivationFailed, &[Message::ActivateFailed, Message::ContainerdNotActive, Message::ThinOpenFailed],
        &["docker-metadata-mismatch", "pool-failed", "pool-read-only", "metadata-corrupt"]),
    case(Refused, &[Message::CreateSnapFailed, Message::CreateDeviceFailed, Message::ContainerdCreateFailed, Message::ContainerdInitFailed, Message::ContainerdCreateInvalid, Message::ThinCreateFailed],
        &["docker-metadata-mismatch", "pool-read-only", "metadata-full", "data-full"]),
    case(Refused, &[Message::DeleteDeviceFailed, Message::RollbackFailed, Message::ThinDeleteFailed],
        &["pool-read-only", "pool-failed", "docker-metadata-mismatch"]),
    case(ActivationFailed, &[Message::CreatePoolFailed],
        &["metadata-corrupt", "pool-already-used", "loop-devices-exhausted", "driver-misconfigured", "thin-target-missing"]),
    case(Refused, &[Message::SuspendFailed, Message::ResumeFailed, Message::ReloadFailed],
        &["pool-suspended", "pool-size-stale", "device-busy", "docker-metadata-mismatch", "pool-read-only"]),
    case(Refused, &[Message::SuspendRefused],
        &["pool-read-only", "transaction-id-mismatch", "metadata-full", "pool-needs-check", "device-busy"]),
    case(Refused, &[Message::ResumeRefused], &["pool-size-stale", "pool-suspended", "pool-needs-check"]),
    case(Busy, &[Message::RemoveDeviceFailed, Message::ContainerdRemoveFailed],
        &["device-busy", "docker-metadata-mismatch", "deferred-deletion-backlog", "pool-read-only"]),
    case(InputOutputError, &[Message::TrimFailed], &["pool-read-only", "block-device-failing", "pool-failed"]),
    case(Missing, &[Message::TaskNameNotSet], &["driver-misconfigured", "pool-not-found", "udev-sync-missing"]),
    case(Busy, &[Message::MetadataOpenedTwice], &["pool-component-active", "device-busy"]),
    case(Busy, &[Message::ComponentBusy], &["device-busy", "pool-component-active"]),
    case(Busy, &[Message::DmBusy], &["device-busy", "pool-already-used", "metadata-snapshot-held"]),
    case(Busy, &[Message::RemoveRootFailed], &["device-busy", "pool-read-only", "docker-metadata-mismatch"]),
    case(Busy, &[Message::CleanupFailed], &["device-busy", "deferred-deletion-backlog", "containerd-device-faulty"]),
    case(Mismatch, &[Message::MessageQueued], &["transaction-id-mismatch", "docker-metadata-mismatch", "pool-read-only"]),
    case(Refused, &[Message::MessageRefused],
        &["pool-read-only", "transaction-id-mismatch", "volume-without-device", "docker-metadata-mismatch"]),
    case(Mismatch, &[Message::TransactionNotSet], &["transaction-id-mismatch", "pool-read-only"]),
    case(Mismatch, &[Message::TransactionUnreadable], &["pool-failed", "pool-unanswered", "transaction-id-mismatch"]),
    case(InputOutputError, &[Message::DmIoError], &["block-device-failing", "metadata-corrupt", "pool-failed"]),
    case(InputOutputError, &[Message::StatusIoError], &["pool-failed", "block-device-failing", "pool-unanswered"]),
    case(Missing, &[Message::PoolStatusUnreadable], &["pool-failed", "pool-unanswered"]),
    case(Refused, &[Message::TableInvalid], &["table-refused", "metadata-corrupt", "driver-misconfigured"]),
    case(Missing, &[Message::OriginAbsent, Message::PoolDeviceNotOpened], &["pool-not-found", "table-refused", "device-busy"]),
    case(Damage, &[Message::ShadowFailed], &["metadata-full", "metadata-corrupt", "pool-read-only", "block-device-failing"]),
    case(Damage, &[Message::CheckCrashed], &["metadata-corrupt", "thin-check-unavailable"]),
    case(Damage, &[Message::RepairFailed], &["metadata-corrupt", "thin-check-unavailable", "repair-space-too-small"]),
    case(Damage, &[Message::ManualRepairRequired], &["metadata-corrupt", "thin-check-unavailable"]),
    case(Damage, &[Message::TransactionAborted], &["pool-read-only", "metadata-full", "block-device-failing"]),
    case(Damage, &[Message::MountRefused], &["mount-refused"]),
    case(Missing, &[Message::LoopMountNotFound, Message::LoopFileNotFound],
        &["loop-devices-exhausted", "pool-not-found", "loop-file-deleted"]),
    case(Missing, &[Message::SizeUnreadable], &["driver-misconfigured", "block-device-failing"]),
    case(Missing, &[Message::NoneActive], &["pool-not-found", "pool-inactive", "thin-check-unavailable"]),
    case(Missing, &[Message::VolumeGroupMissing], &["pool-not-found", "pv-missing"]),
    case(Missing, &[Message::ImageFsUnknown], &["pool-unanswered", "kubelet-disk-pressure", "monitor-blind"]),
    case(StartFailed, &[Message::DriverAbsent], &["driver-removed", "driver-misconfigured", "thin-target-missing"]),
    case(StartFailed, &[Message::DriverUnsupported, Message::DriverUnfit], &["driver-misconfigured", "driver-removed", "thin-target-missing"]),
    case(Hang, &[Message::HungTask], &["hung-tasks", "data-full", "pool-suspended", "block-device-failing"]),
    case(NoSpace, &[Message::ImageGcFailed, Message::ImageGcOverThreshold],
        &["kubelet-disk-pressure", "data-nearly-full", "thresholds-collide", "host-filesystem-full"]),
];

fn case_of(message: Message) -> Option<&'static Case> {
    CASES.iter().find(|case| case.messages.contains(&message))
}

/// The case of a line, if it indicates a failure; for "no space" the path decides.
pub(super) fn case_for(host: &Host, line: &LogMessage) -> Option<&'static Case> {
    match &line.kind {
        Kind::NoSpaceLeft { path } => Some(no_space(host, path.as_deref())),
        Kind::Known { message } => case_of(*message),
        _ => None,
    }
}

/// Directories of the host and of the engines' own files.
const HOST_DIRECTORIES: &[&str] = &[
    "/var/lib/docker/",
    "/var/lib/containerd/",
    "/var/lib/kubelet/",
    "/var/log/",
    "/run/",
    "/var/run/",
    "/boot/",
];
/// Filesystems of containers below those directories.
const CONTAINER_FILESYSTEMS: &[&str] =
    &["/devicemapper/mnt/", "/storage/mnt/", "/rootfs/", "containerd-mount"];

fn no_space(host: &Host, path: Option<&str>) -> &'static Case {
    let root =
        |path: &str| host.docker_roots.iter().any(|d| d.root.as_deref().is_some_and(|r| path.starts_with(r)));
    let hosts = |path: &str| HOST_DIRECTORIES.iter().any(|start| path.starts_with(start)) || root(path);
    let containers = |path: &str| CONTAINER_FILESYSTEMS.iter().any(|part| path.contains(part));
    if path.is_some_and(|p| hosts(p) && !containers(p)) { &NO_SPACE_ON_HOST } else { &NO_SPACE_IN_VOLUME }
}

/// All cases.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain([&NO_SPACE_IN_VOLUME, &NO_SPACE_ON_HOST])
}

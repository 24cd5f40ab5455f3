//! Programs that show the kernel's errors: shells, databases, package managers, virtual machines.
//!
//! A pattern table; most comments name the source of the message.

use super::Message as M;
use super::enospc::WATCH_WORDS;
use super::matcher::{Pattern, says};

/// Words specific to storage around a thin pool.
const STORAGE_WORDS: &[&str] = &[
    "thin pool",
    "thinpool",
    "thin-pool",
    "thin volume",
    "thin lv",
    "lvm lv",
    "devicemapper",
    "devmapper",
    "device-mapper",
    "lvcreate",
    "lvextend",
    "lvchange",
    "lvconvert",
    "vgchange",
    "volume group",
    "logical volume",
    "stratis",
    "_tmeta",
    "_tdata",
    "dm_thin",
    "thin_check",
    "thin_repair",
    "thin_dump",
    "pod sandbox",
    "low-level ioctl error",
];
/// Words of counters and options, which do not report a failure.
const OTHER_WORDS: &[&str] = &[
    "error_if_no_space",
    "0 errors",
    "error counts",
    "failed=0",
    "[y/n]",
    "dm.",
    "no errors",
    "--help",
    "level=info",
    "level=debug",
];

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Errors as programs show them, glibc's translations included.
    says(M::DeviceReadFailed, &["read failed after 0 of"]).without(&["/dev/fd", "/dev/sr", "/dev/nbd"]), // LVM's scan
    says(M::DeviceGone, &["No such device or address"]), // ENXIO
    says(M::IoError, &["input/output error"]).without(&["/dev/fd", "/dev/sr", "/dev/nbd"]), // EIO
    says(M::IoError, &["disk I/O error"]).without(&["disk i/o error count"]), // SQLite, SQLITE_IOERR
    says(M::IoError, &["entrée/sortie"]), // French
    says(M::IoError, &["Eingabe-/Ausgabefehler"]), // German
    says(M::IoError, &["Error de entrada/salida"]), // Spanish
    says(M::IoError, &["Errore di input/output"]), // Italian
    says(M::IoError, &["Erro de entrada/saída"]), // Portuguese
    says(M::IoError, &["Ошибка ввода/вывода"]), // Russian
    says(M::IoError, &["输入/输出错误"]), // Chinese
    says(M::IoError, &["入力/出力エラー"]), // Japanese
    says(M::InodesUsedUp, &["inodes 100%"]), // people's own words
    says(M::InodesUsedUp, &["out of inodes"]), // the same, ext4 in some versions
    says(M::InodesUsedUp, &["no free inodes"]), // the same
    // Virtual machines.
    says(M::VmIoError, &["status: io-error"]), // qm status, QMP
    says(M::VmNoSpace, &["io-status", "nospace"]), // QMP, query-block
    // Package managers, as a build inside a container runs them.
    says(M::PackageNeedsSpace, &["more space needed on the", "filesystem"]), // rpm, yum and dnf
    says(M::PackageNeedsSpace, &["You don't have enough free space in"]), // apt
    // Files.
    says(M::DeletedFileOpen, &[" (deleted)"]).without(&["/exe ->", "deleted: ", "deleted:  "]), // lsof, losetup, /proc
    says(M::ReadOnlyFilesystem, &["read-only file system"]), // EROFS
    says(M::ReadOnlyFilesystem, &["Dateisystem ist nur lesbar"]), // German
    says(M::ReadOnlyFilesystem, &["Système de fichiers accessible en lecture seulement"]), // French
    says(M::ReadOnlyFilesystem, &["Sistema de archivos de solo lectura"]), // Spanish
    says(M::FilesystemDamaged, &["structure needs cleaning"]).without(&["message ioctl on"]), // EUCLEAN
    says(M::FilesystemDamaged, &["mount: ", "can't read superblock on"]), // mount(8)
    says(M::FilesystemDamaged, &["mount: ", "wrong fs type, bad option, bad superblock on"]), // mount(8)
    says(M::MountRefused, &["permission denied"]).near(&["context=", "selinux relabel", "same superblock, different security settings"]), // SELinux
    says(M::MountRefused, &["mount option"]).near(&["unknown mount option [context", "unrecognized mount option", "unknown mount option"]).without(&["libfuse"]), // xfs, ext4 super.c
    says(M::MountRefused, &["same superblock, different security settings"]), // kernel, SELinux
    says(M::LimitReached, &["disk quota exceeded"]), // EDQUOT
    says(M::LimitReached, &["System limit for number of file watchers reached"]), // node.js
    says(M::LimitReached, &["no space left on device"]).near(WATCH_WORDS), // fs.inotify.max_user_watches
    says(M::LimitReached, &["watch", "ENOSPC"]).near(WATCH_WORDS), // node.js
    says(M::LimitReached, &["no space left on device"]).near(&["semget", "semaphore", "mutex"]), // kernel.sem
    says(M::LimitReached, &["no space left on device"]).near(&["shmget", "shared memory segment", "/dev/shm"]), // memory
    says(M::LimitReached, &["no space left on device"]).near(&["/cgroup", "cgroup.procs", "/proc/"]), // tables of the kernel
    says(M::LimitReached, &["too many open files"]).near(&["dmsetup", "devmapper", "devicemapper", "thin", "snapshot"]), // EMFILE, ENFILE
    says(M::VmNoSpace, &["block I/O error in device", "No space left on device"]), // qemu
    says(M::VmNoSpace, &["qemu", "no space left on device"]), // the same
    says(M::NoSpaceOfDatabase, &["Operating system error number 28"]), // InnoDB
    says(M::DiscardsUnsupported, &["the discard operation is not supported"]), // fstrim
    says(M::TrimFailed, &["FITRIM ioctl failed: Input/output error"]), // fstrim
    says(M::LoopDevicesExhausted, &["cannot find an unused loop device"]), // losetup
    says(M::LoopDevicesExhausted, &["failed to set up loop device: Resource temporarily unavailable"]), // losetup
    says(M::LoopFileGone, &["failed to set up loop device: No such file or directory"]), // losetup
    says(M::ToolMissing, &["executable file not found in $PATH"]).near(&["mkfs.", "pvcreate", "vgcreate", "lvcreate", "lvconvert", "thin_", "dmsetup", "blkdiscard", "vgs", "lvs"]).without(&["thin_ls"]), // Go
    says(M::ToolMissing, &["command not found"]).near(&["pvcreate", "vgcreate", "lvcreate", "lvconvert", "thin_dump", "thin_repair", "thin_ls", "dmsetup", "blkdiscard", "mkfs."]), // a shell
    says(M::OverlayImpossible, &["cannot use overlay backend"]), // container-storage-setup: ftype=0
    says(M::OverlayImpossible, &["d_type", "overlay"]).near(&["not supported", "does not support", "without d_type"]), // Docker
    // Stratis.
    says(M::StratisFull, &["Device extension failed"]), // thinpool.rs
    says(M::StratisFull, &["Could not put thin pool into IO", "mode on out of space"]), // the same
    says(M::StratisFull, &["Overprovisioning protection must be disabled or more space"]), // the same
    says(M::StratisFull, &["Could not allocate sufficient space for thinpool devices"]), // the same
    says(M::StratisFull, &["Could not save MDV for fs", "No space left on device"]), // the same
    says(M::StratisFull, &["WS001", "fully allocated"]), // stratis pool list
    says(M::Overcommitted, &["Cannot disable overprovisioning on a pool"]), // stratisd
    says(M::Overcommitted, &["Overprovisioning is disabled on the pool", "would result in overprovisioning"]), // the same
    says(M::StratisExtendFailed, &["Failed to extend filesystem", "xfs_growfs"]), // the same
    says(M::MappingsDamaged, &["stratis", "Thin check failed"]), // the same
    says(M::ThinCheckMissing, &["Unable to find executable", "thin_"]), // the same
    says(M::StratisFailed, &["thin_metadata_size failed"]), // the same
    says(M::StratisFailed, &["The pool limit of", "filesystems has already been reached"]), // the same
    says(M::StratisFailed, &["Rollback failed; causal_error"]), // the same
    says(M::StratisFailed, &["Pool is in state NoRequests"]), // the same
    says(M::StratisFailed, &["Attempt to set up pool failed", "unopened"]), // liminal.rs
    says(M::PvMissing, &["Attempt to set up pool failed", "did not match UUIDs found"]), // the same
    says(M::PoolUnanswered, &["stratis", "Pool checks failed with error"]), // engine.rs
    says(M::Normal, &["stratis", "Pool with name", "set up"]), // liminal.rs
    // container-storage-setup, docker-storage-setup.
    says(M::VgNoSpace, &["not enough free space in volume group"]), // MIN_DATA_SIZE
    says(M::PoolSetUpBefore, &["previously configured for use with devicemapper graph driver"]), // another pool's records
    says(M::PoolAbsent, &["Already configured thin pool", "is not available"]), // it did not come up
    says(M::PoolSetUpBefore, &["does not seem to be managed by container-storage-setup"]), // another's pool
    says(M::PoolAbsent, &["Timed out waiting for device /dev/mapper/"]), // it did not come up
    says(M::PoolAbsent, &["Timed out waiting for lvm thin pool"]), // the same
    says(M::DeviceHasFilesystem, &["Found", "signature on device"]), // wipefs
    says(M::DeviceHasFilesystem, &["is already partitioned and cannot be added to volume group"]), // DEVS
    says(M::VolumeGroupMissing, &["Specified volume group", "does not exist"]), // VG
    says(M::VolumeGroupMissing, &["No valid volume group found"]), // the same
    says(M::DriverUnfit, &["Storage is already configured with devicemapper driver"]), // another driver is asked for
    says(M::PoolAbsent, &["Thin pool", "activation failed"]), // lvchange -ay
    says(M::OptionInvalid, &["Old mode of passing data and metadata logical volumes"]), // settings
    says(M::OptionInvalid, &["_SIZE=", "is too large to handle"]), // settings
    says(M::PoolSetUpBefore, &["Thin pool named", "already exists"]), // the name is taken
    says(M::PvMissing, &["UUIDs of devices found", "did not correspond with UUIDs specified"]), // stratisd 2
    says(M::StratisFailed, &["failed to set up pool for"]), // stratisd 2
    // Unspecific failures: only the errno counts, in a line that mentions a pool's storage.
    says(M::OtherBusy, &["device or resource busy"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherBusy, &["EBUSY"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherInvalid, &["invalid argument"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherMissing, &["no such file or directory"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherMissing, &["no such device"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["failed"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["failure"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["error"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["cannot "]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["can't "]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["unable to"]).near(STORAGE_WORDS).without(OTHER_WORDS),
    says(M::OtherFailure, &["refus"]).near(STORAGE_WORDS).without(OTHER_WORDS),
];

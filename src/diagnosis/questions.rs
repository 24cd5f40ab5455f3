//! For each suspect: the cause in a sentence, and the question that decides. The commands only read and exist on
//! every host.

/// The texts of a suspect.
#[derive(Debug)]
pub(super) struct Question {
    /// The rule for the cause.
    pub(super) rule: &'static str,
    /// The cause, in one sentence.
    pub(super) summary: &'static str,
    /// What to find out.
    pub(super) does: &'static str,
    /// Commands that find it out.
    pub(super) commands: &'static [&'static str],
}

/// The texts of a suspect by its rule.
pub(super) fn find(rule: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|q| q.rule == rule)
}

static QUESTIONS: &[Question] = &[
    Question {
        rule: "pool-half-made",
        summary: "The creation of a pool was interrupted, and parts of it are left",
        does: "see which parts there are",
        commands: &["lvs -a -o vg_name,lv_name,lv_attr,lv_size"],
    },
    Question {
        rule: "udev-worker-timeout",
        summary: "udev waits for a device that does not answer",
        does: "see what udev waits for",
        commands: &["dmsetup udevcookies", "journalctl -u systemd-udevd -n 20"],
    },
    Question {
        rule: "stratis-pool-full",
        summary: "The Stratis pool has no space left",
        does: "see what the pool has",
        commands: &["stratis pool list"],
    },
    Question {
        rule: "container-size-limit",
        summary: "One container or layer has reached the size of its own disk, while the pool has room",
        does: "see how full the container's own filesystem is",
        commands: &["df -h /var/lib/docker/devicemapper/mnt/*", "docker info | grep -i \"base device size\""],
    },
    Question {
        rule: "data-full",
        summary: "The pool has no free data block",
        does: "read the pool's status: data in use, and its mode",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "data-nearly-full",
        summary: "The pool's data is nearly full",
        does: "read the pool's status: data in use",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "data-below-min-free",
        summary: "Docker's free-space floor refuses new layers, while the pool has some room",
        does: "see what Docker said when it refused, and its floor",
        commands: &["docker info", "journalctl -u docker --since -1h | grep -i \"free data blocks\""],
    },
    Question {
        rule: "metadata-full",
        summary: "The pool's metadata has no free block",
        does: "read the pool's status: metadata in use",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "metadata-nearly-full",
        summary: "The pool's metadata is nearly full",
        does: "read the pool's status: metadata in use",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "metadata-corrupt",
        summary: "The pool's metadata is damaged",
        does: "see what the kernel said of the metadata",
        commands: &["dmesg | grep -E 'device-mapper: (thin|block manager|btree|space map|table)'"],
    },
    Question {
        rule: "pool-read-only",
        summary: "The pool is read-only and refuses every change",
        does: "read the pool's mode",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "pool-failed",
        summary: "The pool has failed",
        does: "read the pool's mode",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "pool-needs-check",
        summary: "The pool's metadata needs an offline check",
        does: "read the flag in the pool's status",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "pool-suspended",
        summary: "The pool or a device in it is suspended",
        does: "see which devices are suspended",
        commands: &["dmsetup info -c -o name,suspended"],
    },
    Question {
        rule: "pool-unanswered",
        summary: "The pool does not answer",
        does: "ask the pool for its status, with a limit",
        commands: &["timeout 5 dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "pool-not-found",
        summary: "The pool is not there, or not under the name that is used",
        does: "see which pools there are",
        commands: &["dmsetup table --target thin-pool", "lvs -a"],
    },
    Question {
        rule: "pool-inactive",
        summary: "The pool is not active",
        does: "see which volumes are active",
        commands: &["lvs -a -o vg_name,lv_name,lv_attr"],
    },
    Question {
        rule: "pool-component-active",
        summary: "A hidden part of the pool is active on its own",
        does: "see which parts are active",
        commands: &["lvs -a -o vg_name,lv_name,lv_attr"],
    },
    Question {
        rule: "pool-already-used",
        summary: "The devices belong to another pool already",
        does: "see what the devices carry",
        commands: &["lsblk -f", "dmsetup table --target thin-pool"],
    },
    Question {
        rule: "pool-belongs-to-another-docker",
        summary: "The pool is another Docker's",
        does: "see which UUID the base device has",
        commands: &["blkid", "docker info"],
    },
    Question {
        rule: "pool-size-stale",
        summary: "The pool's devices and its table have different sizes",
        does: "compare the table with the sizes of its devices",
        commands: &["dmsetup table --target thin-pool", "lsblk -b"],
    },
    Question {
        rule: "pool-overcommitted",
        summary: "The volumes may together grow past the pool",
        does: "compare the sizes of the volumes with the pool",
        commands: &["lvs -a --units b"],
    },
    Question {
        rule: "host-filesystem-full",
        summary: "The filesystem under the engine's own files is full",
        does: "see how full the filesystems of the host are",
        commands: &["df -h / /var/lib/docker /var/lib/containerd /run /tmp"],
    },
    Question {
        rule: "host-filesystem-read-only",
        summary: "The filesystem under the engine's own files is read-only",
        does: "see how it is mounted",
        commands: &["findmnt -T /var/lib/docker"],
    },
    Question {
        rule: "inodes-exhausted",
        summary: "The filesystem has no free inode",
        does: "see the inodes",
        commands: &["df -i / /var/lib/docker /var/lib/containerd /run"],
    },
    Question {
        rule: "open-deleted-files",
        summary: "Deleted files that are still open keep the space",
        does: "see which deleted files are open",
        commands: &["lsof -nP +L1"],
    },
    Question {
        rule: "volume-full",
        summary: "A thin volume has reached its own size",
        does: "see how full the volumes and their filesystems are",
        commands: &["lvs", "df -h"],
    },
    Question {
        rule: "volume-without-device",
        summary: "The records name a thin device that the pool lacks",
        does: "compare the records with the pool's devices",
        commands: &["thinspect usage"],
    },
    Question {
        rule: "limit-not-storage",
        summary: "A limit that is not storage: inotify, semaphores, shared memory, quota",
        does: "see such limits",
        commands: &["sysctl fs.inotify kernel.sem", "df -h /dev/shm", "quota -v"],
    },
    Question {
        rule: "loop-file-outgrows-filesystem",
        summary: "The filesystem under the loop file has less room than the pool",
        does: "see how full the filesystem of the loop file is",
        commands: &["losetup -l", "df -h /var/lib/docker"],
    },
    Question {
        rule: "loop-file-deleted",
        summary: "The loop file of the pool is gone",
        does: "see which files the loop devices hold",
        commands: &["losetup -l"],
    },
    Question {
        rule: "loop-devices-exhausted",
        summary: "No loop device was free",
        does: "see the loop devices",
        commands: &["losetup -l", "ls -l /dev/loop*"],
    },
    Question {
        rule: "block-device-failing",
        summary: "A device under the pool fails",
        does: "see errors of the devices below",
        commands: &["dmesg | grep -E 'I/O error|medium error'"],
    },
    Question {
        rule: "backing-storage-full",
        summary: "The storage under the pool is thin itself and full",
        does: "see what lies under the pool, and ask that storage",
        commands: &["lsblk -s", "dmesg | grep -i \"space allocation\""],
    },
    Question {
        rule: "filesystem-damaged",
        summary: "The filesystem itself is damaged",
        does: "see what the filesystem said first",
        commands: &["dmesg | grep -E 'XFS|EXT4-fs|BTRFS'"],
    },
    Question {
        rule: "mount-refused",
        summary: "The mount was refused for its options, UUID or label",
        does: "see what the kernel said at the mount",
        commands: &["dmesg | grep -E 'XFS|EXT4-fs|SELinux' | tail -20"],
    },
    Question {
        rule: "driver-misconfigured",
        summary: "A storage setting does not fit this host",
        does: "see the settings, and what the daemon says at its start",
        commands: &["cat /etc/docker/daemon.json", "journalctl -u docker -u containerd -n 50"],
    },
    Question {
        rule: "driver-removed",
        summary: "This release of the engine no longer has the driver",
        does: "see the release",
        commands: &["docker version", "dockerd --version"],
    },
    Question {
        rule: "thin-target-missing",
        summary: "The kernel has no thin-pool target",
        does: "see the targets",
        commands: &["dmsetup targets", "modinfo dm_thin_pool"],
    },
    Question {
        rule: "thin-check-unavailable",
        summary: "thin_check is missing, so LVM does not activate the pool",
        does: "see whether it is installed",
        commands: &["command -v thin_check"],
    },
    Question {
        rule: "transaction-id-mismatch",
        summary: "Pool and records disagree about the transaction",
        does: "compare the two numbers",
        commands: &["dmsetup status --noflush --target thin-pool", "lvs -a -o+transaction_id"],
    },
    Question {
        rule: "docker-metadata-mismatch",
        summary: "The engine's records and the pool disagree about a device",
        does: "compare the pool's devices with the records",
        commands: &["thinspect usage"],
    },
    Question {
        rule: "device-busy",
        summary: "Something holds the device open",
        does: "see which devices are open",
        commands: &["dmsetup info -c -o name,open", "lsblk"],
    },
    Question {
        rule: "deferred-deletion-backlog",
        summary: "Devices wait for their deletion",
        does: "see how many wait",
        commands: &["docker info | grep -i deferred"],
    },
    Question {
        rule: "thin-devices-leaked",
        summary: "Devices that nobody owns take the space",
        does: "compare the pool's devices with their owners",
        commands: &["thinspect usage"],
    },
    Question {
        rule: "containerd-device-faulty",
        summary: "containerd has marked devices as faulty",
        does: "see the snapshots",
        commands: &["ctr -n k8s.io snapshots --snapshotter devmapper list"],
    },
    Question {
        rule: "udev-sync-missing",
        summary: "udev and the engine do not wait for each other",
        does: "see whether udev sync works",
        commands: &["docker info | grep -i \"udev sync\"", "dmsetup udevcookies"],
    },
    Question {
        rule: "hung-tasks",
        summary: "Tasks hang, waiting for storage",
        does: "see whether the kernel reported hung tasks",
        commands: &["dmesg | grep -i \"blocked for more than\""],
    },
    Question {
        rule: "xfs-retries-forever",
        summary: "XFS retries failed writes for ever",
        does: "see the setting",
        commands: &["grep . /sys/fs/xfs/*/error/metadata/ENOSPC/max_retries"],
    },
    Question {
        rule: "discards-not-passed",
        summary: "Freed blocks do not come back to what lies below",
        does: "compare what the pool uses with what its file takes",
        commands: &[
            "dmsetup status --noflush --target thin-pool",
            "du -h /var/lib/docker/devicemapper/devicemapper/data",
        ],
    },
    Question {
        rule: "thresholds-collide",
        summary: "What should make room acts later than the pool refuses",
        does: "see the thresholds",
        commands: &[
            "lvmconfig --type full activation/thin_pool_autoextend_threshold",
            "docker info | grep -i \"minimum free\"",
        ],
    },
    Question {
        rule: "autoextend-off",
        summary: "Nothing extends the pool when it fills",
        does: "see the setting, and whether the pool is watched",
        commands: &["lvmconfig --type full activation/thin_pool_autoextend_threshold", "lvs -o+seg_monitor"],
    },
    Question {
        rule: "autoextend-failing",
        summary: "LVM fails to extend the pool",
        does: "try the extension",
        commands: &["lvextend --test --use-policies VG/POOL"],
    },
    Question {
        rule: "volume-group-full",
        summary: "The volume group has no room",
        does: "see what the group has free",
        commands: &["vgs"],
    },
    Question {
        rule: "pv-missing",
        summary: "A physical volume is missing",
        does: "see the physical volumes",
        commands: &["pvs -a -o+missing"],
    },
    Question {
        rule: "table-refused",
        summary: "The kernel refused a table",
        does: "see the kernel's reason",
        commands: &["dmesg | grep device-mapper"],
    },
    Question {
        rule: "repair-space-too-small",
        summary: "The repair has no room to write to",
        does: "see the spare and the group's room",
        commands: &["lvs -a", "vgs"],
    },
    Question {
        rule: "metadata-snapshot-held",
        summary: "A metadata snapshot is held",
        does: "read the held root in the pool's status",
        commands: &["dmsetup status --noflush --target thin-pool"],
    },
    Question {
        rule: "numbers-disagree",
        summary: "Two numbers are of different things: group, pool, volume or filesystem",
        does: "put the numbers side by side, in bytes",
        commands: &["lvs -a --units b", "vgs --units b", "df -B1"],
    },
    Question {
        rule: "kubelet-disk-pressure",
        summary: "The kubelet sees a filesystem above its threshold",
        does: "see what the node reports",
        commands: &["kubectl describe node"],
    },
    Question {
        rule: "monitor-blind",
        summary: "The monitor cannot see the pool",
        does: "read the pool's own numbers",
        commands: &["thinspect check"],
    },
    Question {
        rule: "block-size-wasteful",
        summary: "Large blocks waste space",
        does: "see the block size of the pool",
        commands: &["dmsetup table --target thin-pool"],
    },
];

#[cfg(test)]
mod tests {
    use super::super::causes;
    use super::*;

    #[test]
    fn every_cause_is_a_rule_and_has_its_question() {
        for case in causes::all() {
            for rule in case.causes {
                assert!(crate::rules::find(rule).is_some(), "{rule} is no rule");
                assert!(find(rule).is_some(), "{rule} has no question");
            }
        }
        for question in QUESTIONS {
            assert!(crate::rules::find(question.rule).is_some(), "{} is no rule", question.rule);
        }
    }
}

//! A stage for the move to LVM up to the volume group: a disk in a fake sysfs, and fake LVM tools that record what
//! they create.

use super::fake_tools::Stage;
use super::hosts::{empty_disk, on_loop, published};
use thinspect::host::Host;
use thinspect::host::block::disk::Disk;
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::model::pool::Pool;
use thinspect::plan::{DirectLvm, Where, direct_lvm, script};

const GIB: u64 = 1 << 30;

/// The disk's identity.
pub(crate) const WWID: &str = "naa.5000c500a1b2c3d4";

/// LVM's tools for physical volumes and groups: `pvs` lists the contents of the files `pvs.UUID`.
const LVM: &[(&str, &str)] = &[
    (
        "pvs",
        "[ ! -e \"$STAGE/silent\" ] || exit 5; for file in \"$STAGE\"/pvs.*; do [ ! -e \"$file\" ] || cat \"$file\"; done",
    ),
    (
        "pvcreate",
        "shift 2; echo \"  $2,,\" >\"$STAGE/pvs.$2\"; echo \"$2\" >\"$STAGE/label\"; [ ! -e \"$STAGE/dies\" ] || kill -KILL $PPID",
    ),
    (
        "vgcreate",
        "for file in \"$STAGE\"/pvs.*; do uuid=${file##*pvs.}; echo \"  $uuid,$3,$2\" >\"$file\"; done",
    ),
    ("vgs", "echo 999999999999"),
    ("lvs", "exit 5"),
    ("lvcreate", "exit 5"),
    ("lvconvert", ""),
    ("lvchange", "echo --metadataprofile"),
    ("thin_check", ""),
    ("thin_dump", ""),
    ("thin_restore", ""),
    ("wipefs", "rm -f \"$STAGE/label\" \"$STAGE\"/pvs.*"),
    ("dd", "[ ! -e \"$STAGE/unreadable\" ]"),
    (
        "blkid",
        "[ -e \"$STAGE/label\" ] || exit 2; case \"$*\" in *UUID*) cat \"$STAGE/label\" ;; *) echo LVM2_member ;; esac",
    ),
    (
        "blockdev",
        "case $1 in --getsize64) cat \"$STAGE/disk-size\" ;; --getro) echo 0 ;; --getss) case $2 in */loop*) echo 512 ;; *) cat \
         \"$STAGE/sector\" ;; esac ;; esac",
    ),
];

impl Stage {
    /// A Docker on loop files, an empty disk, and the script that moves the pool there; everything works up to the
    /// creation of volumes.
    pub(crate) fn disk(&self) -> String {
        for (name, body) in LVM {
            self.tool(name, body);
        }
        for (minor, file) in [(0, "data"), (1, "metadata")] {
            let path = format!("root/devicemapper/devicemapper/{file}");
            self.write(&path, "x");
            self.write(&format!("back{minor}"), &self.path(&path).display().to_string());
        }
        self.write("disk-size", &(200 * GIB).to_string());
        self.write("sector", "512");
        self.write("etc/daemon.json", super::fake_docker::SETTINGS);
        self.write("sys/devices/pci0/block/sdb/wwid", &format!("{WWID}\n"));
        std::fs::create_dir_all(self.path("sys/devices/pci0/block/sdb/holders")).unwrap();
        self.sh("mknod sdb b 7 200; ln -s \"$STAGE/sys/devices/pci0/block/sdb\" sys/dev/block/7:200");
        self.write(
            "info",
            &format!(
                " Docker Root Dir: {}\n Pool Name: pool\n Swarm: inactive\n",
                self.path("root").display()
            ),
        );
        let (host, pool) = moving();
        let plan = direct_lvm(
            &host,
            &pool,
            &DirectLvm { to: Some(Where::Device("/dev/sdb".into())), ..DirectLvm::default() },
        );
        assert!(
            plan.possible && plan.unscriptable().is_none(),
            "{:?} {:?}",
            plan.blocked_by,
            plan.unscriptable()
        );
        self.here(&script(&plan))
    }

    /// A script for the host, with paths redirected to this stage.
    fn here(&self, script: &str) -> String {
        let place = |name: &str| self.path(name).display().to_string();
        self.rooted(script)
            .replace("/var/lib/docker", &place("root"))
            .replace("/root/thinspect-direct-lvm", &place("copies"))
            .replace("/dev/sdb", &place("sdb"))
    }
}

fn moving() -> (Host, Pool) {
    let (mut host, mut pool) = published();
    let directory = "/var/lib/docker/devicemapper/devicemapper";
    pool.name = Some("pool".into());
    pool.device = Some(DeviceNumber { major: 253, minor: 0 });
    pool.data_backing = on_loop(0, &format!("{directory}/data"), 100 * GIB, 0, 1 << 40);
    pool.metadata_backing = on_loop(1, &format!("{directory}/metadata"), 2 * GIB, 0, 1 << 40);
    host.disks = vec![Disk {
        number: Some(DeviceNumber { major: 7, minor: 200 }),
        identity: Some(format!("wwid {WWID}")),
        ..empty_disk("/dev/sdb", 200)
    }];
    host.pools = vec![pool.clone()];
    (host, pool)
}

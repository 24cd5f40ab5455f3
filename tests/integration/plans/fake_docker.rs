//! A stage for the move to overlay2: a fake Docker with both stores, an image, and containers that have written data.

use super::fake_tools::{Run, Stage};
use super::hosts::published;
use std::collections::BTreeMap;
use std::process::Command;
use thinspect::host::Host;
use thinspect::host::dm::table::DeviceNumber;
use thinspect::host::docker::Docker;
use thinspect::host::model::backing::Filesystem;
use thinspect::host::model::owners::{Container, Image, Owners, State};
use thinspect::host::model::pool::Pool;
use thinspect::host::model::units::{Bytes, DataBlocks};
use thinspect::plan::{Overlay2, overlay2, script};

/// On stop and start the fake daemon reads its driver from its settings.
const SYSTEMCTL: &str = r#"case "$*" in
stop*docker.service | "stop docker") [ ! -e "$STAGE/stuck" ] || exit 1; rm -f "$STAGE/up" ;;
start*docker*)
    if grep -q '"storage-driver": *"overlay2"' "$STAGE/etc/daemon.json"; then echo overlay2; else echo devicemapper; fi >"$STAGE/driver"
    mkdir -p "$STAGE/root/image/$(cat "$STAGE/driver")/layerdb/mounts" "$STAGE/root/image/$(cat "$STAGE/driver")/imagedb/metadata/sha256"
    touch "$STAGE/up" ;;
'show -p LoadState docker.service') echo LoadState=loaded ;;
show*) echo LoadState=not-found ;;
esac"#;

/// The overlay filesystem records deleted files; the fake `mount` does so immediately.
const MOUNT: &str = r#"for word in "$@"; do case $word in lowerdir=*) up=${word#*upperdir=}; mknod "${up%%,*}/file" c 0 0 ;; esac; done"#;

/// Docker's settings before the move.
pub(crate) const SETTINGS: &str =
    "{\n  \"storage-driver\": \"devicemapper\",\n  \"storage-opts\": [\n    \"dm.basesize=20G\"\n  ]\n}\n";

const GIB: u64 = 1 << 30;

/// A filesystem of 500 GiB.
pub(crate) fn filesystem(mount: &str, minor: u32, free: u64) -> Filesystem {
    Filesystem {
        mount: Some(mount.into()),
        kind: Some("ext4".into()),
        device: Some(DeviceNumber { major: 8, minor }),
        size: Some(Bytes(500 * GIB)),
        free: Some(Bytes(free)),
        available: Some(Bytes(free)),
        ..Filesystem::default()
    }
}

/// The published host with room in the pool, and with all facts that the plan needs.
pub(crate) fn ready() -> (Host, Pool) {
    let (mut host, mut pool) = published();
    pool.data.used = Some(DataBlocks(20_000));
    host.pools = vec![pool.clone()];
    host.kernel.release = Some("5.10.0-28-amd64".into());
    host.filesystems = vec![filesystem("/", 1, 60 * GIB), filesystem("/boot", 2, 90 * GIB)];
    host.docker_roots[0] = Docker {
        running: Some(true),
        driver: Some("devicemapper".into()),
        driver_from: Some("/etc/docker/daemon.json".into()),
        filesystem: Some(filesystem("/", 1, 60 * GIB)),
        typed_entries: Some(true),
        volumes: Some(vec!["data".into()]),
        overlay2_images: Some(0),
        swarm: Some(false),
        ..host.docker_roots[0].clone()
    };
    (host, pool)
}

/// The script that moves this Docker.
pub(crate) fn to_overlay2(owners: Owners, written: BTreeMap<u32, Bytes>) -> String {
    let (mut host, mut pool) = ready();
    pool.name = Some("pool".into());
    host.docker_roots[0].daemon_json = Some(SETTINGS.into());
    host.docker_roots[0].overlay2_images = None;
    let plan = overlay2(&host, &pool, &Overlay2 { owners, written: Some(written), ..Overlay2::default() });
    assert!(plan.possible && plan.unscriptable().is_none(), "{:?}", plan.blocked_by);
    script(&plan)
}

impl Stage {
    /// A Docker running on a pool, with an image and two containers; returns the owners that the plan needs.
    pub(crate) fn docker(&self) -> Owners {
        self.plain_tool("docker", include_str!("fake_docker.sh"));
        for (name, body) in [
            ("systemctl", SYSTEMCTL),
            ("pgrep", "[ \"$2\" = dockerd ] && [ -e \"$STAGE/up\" ] && echo 4242"),
            ("modprobe", ""),
            ("mount", MOUNT),
            ("umount", ""),
            ("mountpoint", "exit 1"),
        ] {
            self.tool(name, body);
        }
        self.write("name", "pool");
        self.write("etc/daemon.json", SETTINGS);
        self.write("root/devicemapper/metadata/base", "x");
        self.write("root/image/devicemapper/repositories.json", "{}");
        self.sh("systemctl start docker; mkdir -p first; echo base >first/base; tar -C first -cf first.tar .; docker import first.tar web:1");
        let image = self.sh("docker images -q --no-trunc").trim().to_owned();
        let mut containers = Vec::new();
        for (name, runs) in [("runs", true), ("stopped", false), ("fresh", false)] {
            let id = self.sh(&format!("docker create --name {name} web:1 true")).trim().to_owned();
            if name != "fresh" {
                self.sh(&format!("docker start {id}; echo first >root/devicemapper/mnt/{id}/file"));
            }
            if !runs && name != "fresh" {
                self.sh(&format!("docker stop {id}"));
            }
            containers.push(Container {
                id,
                name: Some(name.into()),
                image: Some(0),
                state: if runs { State::Running } else { State::Exited },
                ..Container::default()
            });
        }
        let images = vec![Image { id: image, tags: vec!["web:1".into()], whole: true, ..Image::default() }];
        Owners { images, containers, ..Owners::default() }
    }

    /// Runs a shell line with the fake tools.
    pub(crate) fn sh(&self, line: &str) -> String {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let mut command = Command::new("bash");
        command
            .args(["-c", line])
            .env_clear()
            .env("PATH", path)
            .env("STAGE", self.path(""))
            .current_dir(self.path(""));
        let out = command.output().unwrap();
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The current contents of a container's file, with either driver.
    pub(crate) fn file_in(&self, id: &str) -> String {
        self.sh(&format!("docker export {id} | tar -xO -f - ./file"))
    }

    /// Runs a script for the host on this stage.
    pub(crate) fn run_here(&self, script: &str, arguments: &[&str]) -> Run {
        self.run(&self.at_home(script), arguments)
    }

    /// A script for the host, with paths redirected to this stage.
    pub(crate) fn at_home(&self, script: &str) -> String {
        self.rooted(script).replace("/var/lib/docker", &self.path("root").display().to_string())
    }
}

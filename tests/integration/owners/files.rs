//! Docker's files below a data root: read as they are, without leaving the data root and without blocking.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use thinspect::record::owners::answer_at;
use thinspect::record::{Outcome, Query};

use super::fixture::hex;

const LAYER: &str = "08868ef23106a2bd5b6f40a0c472283db85aad84af379d576f6e72f558b80a3e";
const CONTAINER: &str = "969e1aea3968c44c1d19752fbbbc99e527ee892db3aa1b170bd37eed8ac38780";

/// A data root that is removed on drop.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("thinspect-owners-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn layerdb(&self, path: &str) -> PathBuf {
        self.0.join("image/devicemapper/layerdb").join(path)
    }

    fn answer(&self, query: Query) -> String {
        answer_at(query, &self.0).said().unwrap().to_owned()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn docker() -> Root {
    let root = Root::new();
    let layer = format!("image/devicemapper/layerdb/sha256/{LAYER}");
    root.write(&format!("{layer}/cache-id"), "855d0252");
    root.write(&format!("{layer}/diff"), "sha256:9b");
    root.write(&format!("{layer}/size"), "2056192");
    let mount = format!("image/devicemapper/layerdb/mounts/{CONTAINER}");
    root.write(&format!("{mount}/mount-id"), "cc3b");
    root.write(&format!("{mount}/init-id"), "cc3b-init");
    root.write(&format!("{mount}/parent"), &format!("sha256:{LAYER}"));
    let id = hex('4');
    let names =
        format!(r#"{{"Repositories":{{"bb":{{"bb:1":"sha256:{id}"}},"x":{{"x@sha256:00":"sha256:11"}}}}}}"#);
    root.write("image/devicemapper/repositories.json", &names);
    let image = r#"{"architecture":"amd64","config":{"Env":["TOKEN=secret"],"Labels":{"key":"secret"}},
        "created":"2026-11-22T03:04:05Z","rootfs":{"type":"layers","diff_ids":["sha256:9b"]}}"#;
    root.write(&format!("image/devicemapper/imagedb/content/sha256/{id}"), image);
    root.write(
        &format!("image/devicemapper/imagedb/metadata/sha256/{id}/lastUpdated"),
        "2026-11-22T03:04:06Z",
    );
    let container = r#"{"StreamConfig":{},"State":{"Running":true,"Paused":false,"Pid":463,"ExitCode":0,
        "StartedAt":"2026-11-22T03:04:13.96086596Z","FinishedAt":"0001-01-01T00:00:00Z","Health":null},
        "ID":"other","Created":"2026-11-22T03:04:09.86031527Z","Path":"sleep","Args":["--password=secret"],
        "Config":{"Env":["TOKEN=secret"],"Labels":{"key":"secret"}},"Image":"sha256:4","Name":"/c2"}"#;
    root.write(&format!("containers/{CONTAINER}/config.v2.json"), container);
    root
}

#[test]
fn answers_of_a_data_root() {
    let root = docker();
    let layer = format!(r#"{{"chain":"{LAYER}","cache":"855d0252","diff":"sha256:9b","size":"2056192"}}"#);
    assert_eq!(root.answer(Query::DockerLayers), layer);
    let mount = format!(
        r#"{{"container":"{CONTAINER}","mount":"cc3b","init":"cc3b-init","parent":"sha256:{LAYER}"}}"#
    );
    assert_eq!(root.answer(Query::DockerMounts), mount);
    let images = root.answer(Query::DockerImages);
    let (first, second) = images.split_once('\n').unwrap();
    let id = hex('4');
    let times = r#""created":"2026-11-22T03:04:05Z","updated":"2026-11-22T03:04:06Z""#;
    assert_eq!(first, format!(r#"{{"id":"sha256:{id}","names":["bb:1"],"diffs":["sha256:9b"],{times}}}"#));
    assert_eq!(second, r#"{"id":"sha256:11","names":["x@sha256:00"]}"#);
    let containers = root.answer(Query::DockerContainers);
    let start = format!(
        r#"{{"ID":"{CONTAINER}","Name":"/c2","Image":"sha256:4","Created":"2026-11-22T03:04:09.86031527Z","#
    );
    assert!(containers.starts_with(&start), "{containers}");
    assert!(containers.contains(r#""Running":true,"Paused":false"#), "{containers}");
    assert!(!format!("{images}{containers}").contains("secret"));
}

#[test]
fn what_is_not_there() {
    let root = Root::new();
    for query in [Query::DockerLayers, Query::DockerMounts, Query::DockerImages, Query::DockerContainers] {
        assert_eq!(answer_at(query, &root.0), Outcome::Refused("ENOENT".to_owned()));
    }
    assert_eq!(answer_at(Query::ContainerdImages, &root.0), Outcome::Refused("EINVAL".to_owned()));
    assert_eq!(answer_at(Query::DmList, &root.0), Outcome::Refused("EINVAL".to_owned()));
    assert_eq!(answer_at(Query::DockerLayers, Path::new("/dev/null")), Outcome::Refused("EINVAL".to_owned()));
}

#[test]
fn links_and_pipes_are_not_followed() {
    let root = docker();
    let outside = Root::new();
    outside.write("secret/cache-id", "secret");
    // A layer that is a link, a file that is a link, a FIFO, and an unrelated file.
    symlink(outside.0.join("secret"), root.layerdb("sha256/linked")).unwrap();
    fs::create_dir(root.layerdb("sha256/odd")).unwrap();
    symlink(outside.0.join("secret/cache-id"), root.layerdb("sha256/odd/cache-id")).unwrap();
    nix::unistd::mkfifo(&root.layerdb("sha256/odd/diff"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    fs::write(root.layerdb("sha256/stray"), "").unwrap();
    let said = root.answer(Query::DockerLayers);
    assert!(!said.contains("secret"), "{said}");
    assert!(said.contains(r#"{"chain":"odd"}"#), "{said}");
    assert!(
        said.contains("sha256/odd/cache-id: EINVAL)") && said.contains("sha256/odd/diff: EINVAL)"),
        "{said}"
    );
    nix::unistd::mkfifo(&outside.0.join("meta.db"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    let pipe = answer_at(Query::ContainerdImages, &outside.0.join("meta.db"));
    assert_eq!(pipe, Outcome::Refused("EINVAL".to_owned()));
    // The data root itself may be a symbolic link: administrators move it like that.
    let link = outside.0.join("docker");
    symlink(&root.0, &link).unwrap();
    assert_eq!(answer_at(Query::DockerLayers, &link), root_answer(&root));
    fs::rename(root.0.join("image"), root.0.join("moved")).unwrap();
    symlink(root.0.join("moved"), root.0.join("image")).unwrap();
    assert_eq!(answer_at(Query::DockerLayers, &root.0), Outcome::Refused("ENOTDIR".to_owned()));
}

fn root_answer(root: &Root) -> Outcome {
    answer_at(Query::DockerLayers, &root.0)
}

#[test]
fn what_is_damaged_is_told_without_its_words() {
    let root = docker();
    root.write("containers/bad/config.v2.json", r#"{"State":{"Running":"secret"}}"#);
    root.write("containers/cut/config.v2.json", r#"{"State":{"Running":tr"#);
    root.write("image/devicemapper/repositories.json", "secret");
    let said = root.answer(Query::DockerContainers);
    assert!(said.contains("(containers/bad/config.v2.json: not as expected at line 1 column"), "{said}");
    assert!(said.contains("(containers/cut/config.v2.json: not as expected"), "{said}");
    assert!(said.contains(CONTAINER), "{said}");
    let images = root.answer(Query::DockerImages);
    assert!(images.contains("(image/devicemapper/repositories.json: not as expected at line 1"), "{images}");
    assert!(!format!("{said}{images}").contains("secret"));
}

#[test]
fn endless_files_are_refused() {
    let root = docker();
    root.write(&format!("image/devicemapper/layerdb/sha256/{LAYER}/size"), &"9".repeat(5000));
    let said = root.answer(Query::DockerLayers);
    assert!(said.contains("/size: EFBIG)"), "{said}");
}

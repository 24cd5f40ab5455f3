//! The filesystem of a path in an error message: the path of an `ENOSPC` tells which disk is full.

/// The location of a path, judged by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum Place {
    /// On the filesystem under Docker's own files: downloads, records, logs, volumes.
    DockersFiles,
    /// On the small in-memory filesystem under `/run`.
    Run,
    /// In a container's or image layer's filesystem, mounted below Docker's directory.
    Container,
    /// On a filesystem that the name does not reveal.
    Unknown,
}

/// Parts of paths that only Docker's own files have, under any data root.
const DOCKERS: [&str; 8] = [
    "/tmp/GetImageBlob",
    "/devicemapper/metadata/",
    "/devicemapper/devicemapper/",
    "/linkgraph.db",
    "/image/devicemapper/",
    "/layerdb/",
    "/tmp/docker-builder",
    "/network/files/",
];

/// Parts of paths of mounted layers and containers.
const MOUNTED: [&str; 2] = ["/devicemapper/mnt/", "/containers/storage/mnt/"];

/// The location of `path`; `root` is Docker's data root.
pub(in crate::rules) fn place(path: &str, root: &str) -> Place {
    let below_root = || path.strip_prefix(root.trim_end_matches('/')).is_some_and(|r| r.starts_with('/'));
    if MOUNTED.iter().any(|m| path.contains(m)) {
        Place::Container
    } else if DOCKERS.iter().any(|d| path.contains(d)) || below_root() {
        Place::DockersFiles
    } else if path.starts_with("/run/") || path.starts_with("/var/run/") {
        Place::Run
    } else {
        Place::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    #[test]
    fn a_path_names_its_filesystem() {
        let cases = [
            ("/var/lib/docker/tmp/GetImageBlob740058354", Place::DockersFiles),
            ("/data/docker/devicemapper/metadata/.tmp526707588", Place::DockersFiles),
            ("/var/lib/docker/linkgraph.db", Place::DockersFiles),
            ("/var/lib/docker/containers/ab/config.json", Place::DockersFiles),
            ("/export/docker/devicemapper/mnt/c3ba1b9d/rootfs/.pivot_root041682652", Place::Container),
            ("/var/run/docker/libcontainerd/", Place::Run),
            ("/run/containerd/x", Place::Run),
            ("/usr/lib/libx.so", Place::Unknown),
            ("/var/lib/dockerish", Place::Unknown),
        ];
        for (path, expected) in cases {
            assert_eq!(place(path, "/var/lib/docker"), expected, "{path}");
        }
    }
}

//! Commands shared by several rules and plans.

use super::quote;
use crate::host::model::backing::Backing;
use crate::host::model::pool::Pool;

/// Trims the filesystems of running containers in the mount namespace of Docker's daemon, where they are mounted.
/// `/proc/PID/root` would not work: fstrim resolves the link's text (util-linux 2.38) and would trim the host's `/`.
pub const TRIM_CONTAINERS: &str = "d=$(pidof -s dockerd dockerd-current docker); awk '$5 ~ \"/devicemapper/mnt/\" {print $5}' \
                                   /proc/$d/mountinfo | xargs -r -n 1 nsenter -t $d -m fstrim -v";

/// ` --pool NAME` for this program's command line; empty if the pool has no name.
#[must_use]
pub fn pool_option(pool: &Pool) -> String {
    pool.name.as_deref().map(|n| format!(" --pool {}", quote(n))).unwrap_or_default()
}

/// Stops Docker's containers first, because live-restore would keep them running, and then Docker with its socket,
/// which would start it again.
pub const STOP_DOCKER: [&str; 2] =
    ["docker ps -q | timeout 300 xargs -r docker stop", "systemctl stop docker.socket docker"];
/// Starts Docker.
pub const START_DOCKER: &str = "systemctl start docker";

/// The backings of a pool (`data`, `metadata`) whose loop file was deleted or replaced while in use.
#[must_use]
pub fn lost_files(pool: &Pool) -> Vec<(&'static str, &Backing)> {
    let is_lost = |b: &&Backing| b.file.as_ref().is_some_and(|f| f.deleted || f.replaced);
    let halves = [("data", &pool.data_backing), ("metadata", &pool.metadata_backing)];
    halves.into_iter().filter(|(_, backing)| is_lost(backing)).collect()
}

/// Commands, for a single shell, that restore deleted loop files of Docker; `None` if there are none. The loop devices
/// are copied while Docker is stopped, so that nothing changes them. The shell holds them open meanwhile, because they
/// detach with their last user (`LO_FLAGS_AUTOCLEAR`).
#[must_use]
pub fn put_back(pool: &Pool) -> Option<Vec<String>> {
    let mut copies = Vec::new();
    let (mut open, mut close) = (String::from("exec"), String::from("exec"));
    for (descriptor, (_, backing)) in [9, 8].into_iter().zip(lost_files(pool)) {
        let (node, file) = (quote(backing.path.as_deref()?), &backing.file.as_ref()?.path);
        let (path, saved) = (quote(file), quote(&format!("{file}.saved")));
        open.push_str(&format!(" {descriptor}<{node}"));
        close.push_str(&format!(" {descriptor}<&-"));
        copies.push(format!(
            "cp --sparse=always {node} {saved} && sync {saved} && mv --backup=numbered {saved} {path}"
        ));
    }
    if copies.is_empty() || !pool.is_dockers() {
        return None;
    }
    let stop = STOP_DOCKER.map(str::to_owned);
    Some([open].into_iter().chain(stop).chain(copies).chain([close, START_DOCKER.to_owned()]).collect())
}

//! Files of Docker and containerd: settings, data directories, records of thin devices.
//!
//! Never queries the daemons, which may hang with the pool. Settings are only parsed for paths.

use super::Collector;
use crate::record::Query;

/// Program names of Docker's daemon.
const DAEMONS: [&str; 3] = ["dockerd", "dockerd-current", "docker-current"];
/// Before 1.12 one program was daemon and client. Only looked for if no daemon runs, because it may be a client.
const OLD_DAEMON: &str = "docker";
/// Most data roots, settings files and snapshotter directories that are queried.
const LIMIT_PLACES: usize = 16;
/// The default settings file.
const DAEMON_JSON: &str = "/etc/docker/daemon.json";
/// Files of shell variables with the daemon's arguments.
const WORD_FILES: [&str; 3] =
    ["/etc/sysconfig/docker", "/etc/sysconfig/docker-storage", "/etc/default/docker"];
/// systemd's unit search path, highest priority first.
const UNIT_PLACES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Docker's default data root.
const DOCKER_ROOT: &str = "/var/lib/docker";
/// containerd's default data directory.
pub(super) const CONTAINERD_ROOT: &str = "/var/lib/containerd";
/// The devmapper snapshotter's directory below it.
pub(super) const SNAPSHOTTER: &str = "io.containerd.snapshotter.v1.devmapper";

/// Queries Docker's files and processes.
pub(super) fn ask(collector: &mut Collector<'_>) {
    let mut programs = Vec::new();
    for name in DAEMONS {
        programs.push((name, collector.ask(Query::Processes, name).unwrap_or_default()));
    }
    if programs.iter().all(|(_, lines)| lines.is_empty()) {
        programs.push((OLD_DAEMON, collector.ask(Query::Processes, OLD_DAEMON).unwrap_or_default()));
    }
    let words: Vec<&str> = programs.iter().flat_map(|(_, lines)| lines.split(['\n', '\t'])).collect();
    let mut roots = Places::default();
    roots.extend(&options(&words, &["--data-root", "--graph", "-g"]));
    let files = settings_files(collector);
    let mut named = Places::default();
    named.extend(&options(&words, &["--config-file"]));
    for path in &files {
        let text = collector.settings(path).unwrap_or_default();
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '"' || c == '\'').collect();
        roots.extend(&options(&words, &["--data-root", "--graph", "-g"]));
        named.extend(&options(&words, &["--config-file"]));
    }
    named.push(DAEMON_JSON);
    for path in named.0 {
        let text = collector.settings(&path).unwrap_or_default();
        roots.extend(&roots_in_json(&text));
    }
    if roots.0.is_empty() {
        roots.0.push(DOCKER_ROOT.to_owned());
    }
    let mut found = false;
    let mut at = 0;
    while let Some(root) = roots.0.get(at).cloned() {
        found |= ask_root(collector, &root);
        roots.extend(&remapped(&root, &collector.said(Query::Dir, &root).unwrap_or_default()));
        at += 1;
    }
    ask_version(collector, &programs, found);
}

/// Files with the daemon's arguments: shell variables, the unit and its drop-ins.
fn settings_files(collector: &mut Collector<'_>) -> Vec<String> {
    let mut files: Vec<String> = WORD_FILES.map(str::to_owned).to_vec();
    files.extend(UNIT_PLACES.iter().map(|place| format!("{place}/docker.service")));
    files.push("/etc/systemd/system/snap.docker.dockerd.service".to_owned());
    for place in UNIT_PLACES {
        let folder = format!("{place}/docker.service.d");
        let names = collector.ask(Query::Dir, &folder).unwrap_or_default();
        let additions = names.lines().filter(|n| n.ends_with(".conf")).take(LIMIT_PLACES);
        files.extend(additions.map(|name| format!("{folder}/{name}")));
    }
    files
}

/// Queries one data root; returns whether the devicemapper driver was used there.
fn ask_root(collector: &mut Collector<'_>, root: &str) -> bool {
    collector.ask(Query::Dir, root);
    collector.ask(Query::Stat, root);
    collector.ask(Query::Statfs, root);
    let home = format!("{root}/devicemapper");
    collector.ask(Query::Stat, &home);
    if !collector.may_exist(Query::Stat, &home) {
        return false;
    }
    for file in ["base", "deviceset-metadata"] {
        collector.ask(Query::File, &format!("{home}/metadata/{file}"));
    }
    collector.ask(Query::DeviceRecords, &format!("{home}/metadata"));
    // Read last: if it still has the pool's transaction id, no record has changed in between.
    collector.ask(Query::File, &format!("{home}/metadata/transaction-metadata"));
    for file in ["data", "metadata"] {
        collector.ask(Query::Stat, &format!("{home}/devicemapper/{file}"));
    }
    true
}

/// With user namespaces each mapping has its own data root: `/var/lib/docker/165536.165536`.
fn remapped(root: &str, names: &str) -> Vec<String> {
    let is_mapping = |name: &&str| {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        name.split_once('.').is_some_and(|(uid, gid)| digits(uid) && digits(gid))
    };
    names.lines().filter(is_mapping).map(|name| format!("{root}/{name}")).collect()
}

/// Queries the version, which tells whether a free-space floor and the driver exist.
fn ask_version(collector: &mut Collector<'_>, programs: &[(&str, String)], driver_used: bool) {
    let running = programs.iter().find(|(name, lines)| *name != OLD_DAEMON && !lines.is_empty());
    let command = match running {
        Some(("dockerd-current" | "docker-current", _)) => "dockerd-current --version",
        Some(_) => "dockerd --version",
        None if driver_used => "dockerd --version",
        None => return,
    };
    if !collector.commands {
        collector.leave(Query::Run, command, "commands are not run");
        return;
    }
    if collector.ask(Query::Run, command).is_none() && !collector.may_exist(Query::Run, command) {
        collector.ask(Query::Run, "docker --version");
    }
}

/// Queries containerd's settings, running daemons and devmapper snapshotter.
pub(super) fn ask_containerd(collector: &mut Collector<'_>) {
    let mut lines = collector.ask(Query::Processes, "containerd").unwrap_or_default();
    lines.push('\n');
    lines.push_str(&collector.ask(Query::Processes, "firecracker-containerd").unwrap_or_default());
    let words: Vec<&str> = lines.split(['\n', '\t']).collect();
    let mut files = Places::default();
    files.extend(&options(&words, &["--config", "-c"]));
    files.push("/etc/containerd/config.toml");
    let mut roots = Places::default();
    let mut own = options(&words, &["--root"]);
    for path in files.0 {
        let text = collector.settings(&path).unwrap_or_default();
        roots.extend(&toml_strings(&text, "root_path"));
        own.extend(toml_strings(&text, "root"));
    }
    own.push(CONTAINERD_ROOT.to_owned());
    for root in own {
        let root = if root == "/" { "/" } else { root.trim_end_matches('/') };
        collector.ask(Query::Stat, root);
        if collector.may_exist(Query::Stat, root) {
            collector.ask(Query::Statfs, root);
        }
        roots.push(&format!("{}/{SNAPSHOTTER}", root.trim_end_matches('/')));
    }
    for root in roots.0 {
        collector.ask(Query::Stat, &root);
        if collector.may_exist(Query::Stat, &root) {
            collector.ask(Query::Dir, &root);
            collector.ask(Query::Statfs, &root);
        }
    }
}

/// Distinct absolute paths, at most [`LIMIT_PLACES`].
#[derive(Default)]
struct Places(Vec<String>);

impl Places {
    fn push(&mut self, path: &str) {
        let path = if path == "/" { path } else { path.trim_end_matches('/') };
        if path.starts_with('/') && self.0.len() < LIMIT_PLACES && !self.0.iter().any(|p| p == path) {
            self.0.push(path.to_owned());
        }
    }

    fn extend(&mut self, paths: &[String]) {
        for path in paths {
            self.push(path);
        }
    }
}

/// Values of options given as `--name value`, `--name=value` or, for one letter, `-nvalue`.
pub(super) fn options(words: &[&str], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut given = false;
    for word in words {
        if given {
            values.push((*word).to_owned());
        }
        given = names.contains(word);
        for name in names {
            let rest = word.strip_prefix(name).filter(|r| !r.is_empty());
            let value = match rest.and_then(|r| r.strip_prefix('=')) {
                None if name.len() == 2 => rest,
                value => value,
            };
            values.extend(value.map(str::to_owned));
        }
    }
    values
}

/// `data-root` (`graph` before 17.05) in daemon.json.
fn roots_in_json(text: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let values = ["data-root", "graph"].iter().filter_map(|key| json.get(key)?.as_str());
    values.map(str::to_owned).collect()
}

/// Values of `key = "…"` in TOML, in any table.
pub(super) fn toml_strings(text: &str, key: &str) -> Vec<String> {
    let value = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix(['"', '\''])?;
        let end = value.find(['"', '\''])?;
        (name.trim() == key).then(|| value.get(..end).map(str::to_owned))?
    };
    text.lines().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_every_notation() {
        let words =
            ["12", "dockerd", "-g", "/a", "--data-root=/b", "-g/c", "--graph", "/d", "--debug", "-g=/e"];
        assert_eq!(options(&words, &["--data-root", "--graph", "-g"]), ["/a", "/b", "/c", "/d", "/e"]);
        assert!(options(&["--data-rooted=/x", "-g"], &["--data-root", "-g"]).is_empty());
    }

    #[test]
    fn places_are_absolute_and_single() {
        let mut places = Places::default();
        for path in ["/a/", "b", "/a", "", "/"] {
            places.push(path);
        }
        assert_eq!(places.0, ["/a", "/"]);
    }

    #[test]
    fn roots_in_settings() {
        assert_eq!(roots_in_json(r#"{"graph": "/g", "data-root": "/d"}"#), ["/d", "/g"]);
        assert!(roots_in_json("{ broken").is_empty());
        let toml = "root = '/r' # c\n[plugins.devmapper]\n  root_path = \"/p\"\n  pool_name=\"x\"\n";
        assert_eq!(
            (toml_strings(toml, "root_path"), toml_strings(toml, "root")),
            (vec!["/p".into()], vec!["/r".into()])
        );
        assert_eq!(remapped("/r", "overlay2\n165536.165536\nx.1"), ["/r/165536.165536"]);
    }
}

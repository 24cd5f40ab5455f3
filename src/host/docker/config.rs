//! Docker's settings and records, from its recorded files and its daemon's recorded command line.
//!
//! Settings unrelated to storage are ignored; an invalid JSON file becomes a note.

use super::service;
use super::{DAEMON_JSON, DeviceRecord, Docker, StorageOption};
use crate::host::block::sysfs;
use crate::host::fs::stat;
use crate::host::model::backing::Filesystem;
use crate::host::model::note::Note;
use crate::host::model::units::Bytes;
use crate::record::file_digest::FileDigest;
use crate::record::{Outcome, Query, Recording, Source};
use serde_json::Value;

/// Files of shell variables, or of a service, whose words become arguments of the daemon.
const WORD_FILES: [&str; 3] =
    ["/etc/default/docker", "/etc/sysconfig/docker", "/etc/sysconfig/docker-storage"];
/// Placeholder for a secret in a recording.
const REDACTED: &str = "<redacted>";
/// Directory below the data root with one record per device.
const RECORDS: &str = "/devicemapper/metadata";

/// Every recorded Docker data root that has or had the devicemapper driver.
#[must_use]
pub(in crate::host) fn dockers(
    recording: &Recording,
    mounts: &[Filesystem],
    notes: &mut Vec<Note>,
) -> Vec<Docker> {
    let roots = recording.all(Query::DeviceRecords).filter_map(|a| a.target.strip_suffix(RECORDS));
    let common = common(recording, notes);
    let mut docker_roots: Vec<Docker> =
        roots.map(|root| docker(recording, mounts, root, &common, notes)).collect();
    let told = common.driver.is_some() || !common.options.is_empty();
    if docker_roots.is_empty() && told && recording.source == Source::Pasted {
        // The data root was not recorded, but the daemon's settings were.
        docker_roots.push(Docker { configured_pool: configured_pool(&common), ..common });
    }
    docker_roots
}

/// The daemon's settings, shared by all data roots. The command line is read last because it takes precedence.
fn common(recording: &Recording, notes: &mut Vec<Note>) -> Docker {
    let mut docker = Docker::default();
    let daemons = daemons(recording);
    let unit = service::lines(recording);
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for answer in recording.all(Query::File).filter(|a| WORD_FILES.contains(&a.target.as_str())) {
        let said = answer.outcome.said().unwrap_or_default().lines();
        lines.extend(said.map(|line| (answer.target.as_str(), words_of_line(line))));
    }
    lines.extend(unit.iter().map(|line| (line.from, words_of_line(&line.text))));
    let running = daemons.iter().flatten().find_map(|words| config_file(words));
    let named = match &daemons {
        Some(daemons) if !daemons.is_empty() => running,
        _ => lines.iter().rev().find_map(|(_, words)| config_file(words)),
    };
    docker.settings_path = named.filter(|path| *path != DAEMON_JSON).map(str::to_owned);
    daemon_json(recording, &mut docker, notes);
    for (from, words) in &lines {
        from_words(words, from, &mut docker);
    }
    if recording.source == Source::Pasted {
        let lines = recording.all(Query::PastedLine).filter_map(|a| a.outcome.said()).flat_map(str::lines);
        lines.for_each(|line| from_pasted(line, &mut docker));
    }
    docker.running = daemons.as_ref().map(|d| !d.is_empty());
    let may_start = docker.running != Some(true) && recording.source == Source::Machine;
    docker.service_unread = service::unread(recording).filter(|_| may_start);
    for words in daemons.iter().flatten() {
        from_words(words, "the daemon's command line", &mut docker);
    }
    docker.version = version(recording);
    docker
}

/// The settings file: its text, its digest, and its settings.
fn daemon_json(recording: &Recording, docker: &mut Docker, notes: &mut Vec<Note>) {
    let path = docker.settings_file().to_owned();
    match recording.outcome(Query::File, &path) {
        Some(Outcome::Answered(text)) => {
            let text = quoted(text);
            match serde_json::from_str::<Value>(&text) {
                Ok(json) => from_daemon_json(&json, &path, docker),
                Err(error) if !text.trim().is_empty() => notes.push(Note {
                    about: path.clone(),
                    text: format!("not valid JSON ({error}); its storage options were not read"),
                    forces_unknown: false,
                }),
                Err(_) => {}
            }
            docker.daemon_json = Some(text);
        }
        Some(refused) if refused.errno() == Some("ENOENT") => {}
        Some(Outcome::Refused(why) | Outcome::NotAsked(why)) => docker.daemon_json_unread = Some(why.clone()),
        Some(Outcome::TimedOut(_)) => docker.daemon_json_unread = Some("reading it took too long".to_owned()),
        None if recording.source == Source::Machine => {
            docker.daemon_json_unread = Some("it was not recorded".to_owned());
        }
        None => {}
    }
    let digest = recording.said(Query::FileDigest, &path).and_then(FileDigest::read);
    docker.daemon_json_digest =
        digest.or_else(|| docker.daemon_json.as_deref().and_then(|t| plain(recording, &path, t)));
}

/// The digest of a file that was recorded verbatim by an earlier version.
fn plain(recording: &Recording, path: &str, text: &str) -> Option<FileDigest> {
    let changed = text.contains(REDACTED) || text.contains(char::REPLACEMENT_CHARACTER);
    let earlier = recording.source == Source::Machine && recording.outcome(Query::FileDigest, path).is_none();
    (earlier && !changed).then(|| FileDigest::of_plain(text))
}

/// Quotes `<redacted>`, which the first versions wrote without quotes in place of any value.
fn quoted(text: &str) -> String {
    let (mut kept, mut inside, mut escaped) = (String::with_capacity(text.len()), false, false);
    for (at, c) in text.char_indices() {
        let bare = !inside && text.get(at..).is_some_and(|rest| rest.starts_with(REDACTED));
        if bare {
            kept.push('"');
        }
        kept.push(c);
        if !inside && kept.ends_with(REDACTED) {
            kept.push('"');
        }
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && c == '\\' && !escaped;
    }
    kept
}

/// Settings in a pasted line: a command line, a variable for it, or a fragment of daemon.json.
fn from_pasted(line: &str, docker: &mut Docker) {
    const FROM: &str = "pasted text";
    if line.contains("--storage-") || line.contains("dockerd") && line.contains(" -s ") {
        from_words(&words_of_line(line), FROM, docker);
    } else if line.contains("\"dm.") {
        let quoted = line.split('"').filter(|word| word.starts_with("dm.") && !word.contains(' '));
        docker.options.extend(quoted.filter_map(|word| option(word, FROM)));
    }
}

/// The command lines of the running daemons, as words; `None` if processes were not recorded.
fn daemons(recording: &Recording) -> Option<Vec<Vec<&str>>> {
    let asked = || recording.all(Query::Processes).filter(|a| a.target.starts_with("docker"));
    // If the process list could not be read, it is unknown whether a daemon runs.
    asked().find(|a| a.outcome.said().is_some())?;
    let asked = asked();
    let lines =
        asked.flat_map(|a| a.outcome.said().unwrap_or_default().lines().map(|l| (a.target.as_str(), l)));
    let commands = lines.map(|(program, line)| (program, line.split('\t').collect::<Vec<_>>()));
    // Before 1.12 one program was daemon and client, chosen by an argument.
    let is_daemon = |(program, words): &(&str, Vec<&str>)| {
        program.starts_with("dockerd") || words.iter().any(|w| matches!(*w, "daemon" | "-d" | "--daemon"))
    };
    Some(commands.filter(is_daemon).map(|(_, words)| words).collect())
}

/// The settings file that a command line names.
fn config_file<'a>(words: &[&'a str]) -> Option<&'a str> {
    let given = words.iter().find_map(|w| w.strip_prefix("--config-file="));
    given.or_else(|| words.iter().skip_while(|w| **w != "--config-file").nth(1).copied())
}

/// The words of a line such as `OPTIONS="--storage-opt dm.basesize=20G"` or `ExecStart=/usr/bin/dockerd -s overlay2`.
fn words_of_line(line: &str) -> Vec<&str> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return Vec::new();
    }
    let variable = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let value = line.split_once('=').filter(|(name, _)| variable(name)).map_or(line, |(_, value)| value);
    value.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).filter(|w| !w.is_empty()).collect()
}

fn version(recording: &Recording) -> Option<String> {
    let said =
        recording.all(Query::Run).filter(|a| a.target.contains("docker")).find_map(|a| a.outcome.said())?;
    let word = said.split_whitespace().skip_while(|w| *w != "version").nth(1)?;
    Some(word.trim_end_matches(',').to_owned())
}

fn from_daemon_json(settings: &Value, from: &str, docker: &mut Docker) {
    if let Some(name) = settings.get("storage-driver").and_then(Value::as_str) {
        docker.driver = Some(name.to_owned());
        docker.driver_from = Some(from.to_owned());
    }
    let given = settings.get("storage-opts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    docker.options.extend(given.iter().filter_map(Value::as_str).filter_map(|o| option(o, from)));
}

/// Parses `dm.min_free_space=5%`; the name in lower case because Docker ignores case.
fn option(text: &str, from: &str) -> Option<StorageOption> {
    let (name, value) = text.split_once('=')?;
    Some(StorageOption {
        name: name.trim().to_lowercase(),
        value: value.trim().to_owned(),
        from: from.to_owned(),
    })
}

/// Storage options among words, as `--flag value` and `--flag=value`.
fn from_words(words: &[&str], from: &str, docker: &mut Docker) {
    let mut words = words.iter().copied().peekable();
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) if word.starts_with('-') => (flag, Some(value)),
            _ => (word, None),
        };
        let mut value = || value.or_else(|| words.next()).map(str::to_owned);
        match flag {
            "--storage-opt" => docker.options.extend(value().and_then(|v| option(&v, from))),
            "--storage-driver" | "-s" => {
                if let Some(name) = value() {
                    docker.driver = Some(name);
                    docker.driver_from = Some(from.to_owned());
                }
            }
            _ => {}
        }
    }
}

fn docker(
    recording: &Recording,
    mounts: &[Filesystem],
    root: &str,
    common: &Docker,
    notes: &mut Vec<Note>,
) -> Docker {
    let home = format!("{root}/devicemapper");
    let metadata = format!("{root}{RECORDS}");
    let set = json(recording, &format!("{metadata}/deviceset-metadata"), notes);
    let transaction = json(recording, &format!("{metadata}/transaction-metadata"), notes);
    let (devices, base) = devices(recording, &metadata, notes);
    Docker {
        root: Some(root.to_owned()),
        prefix: recording.said(Query::Stat, &home).and_then(prefix),
        configured_pool: configured_pool(common),
        base_size: base,
        base_filesystem: text_of(set.as_ref(), "BaseDeviceFilesystem"),
        open_transaction: number_of(transaction.as_ref(), "open_transaction_id"),
        open_device: number_of(transaction.as_ref(), "device_id").and_then(|id| id.try_into().ok()),
        devices,
        filesystem: sysfs::filesystem_of(recording, mounts, root),
        typed_entries: recording.said(Query::EntryTypes, root).and_then(stat::typed),
        volumes: names(recording, &format!("{root}/volumes")).map(|all| {
            // Docker's own files among the volumes.
            all.into_iter().filter(|n| !matches!(n.as_str(), "metadata.db" | "backingFsBlockDev")).collect()
        }),
        overlay2_images: names(recording, &format!("{root}/image/overlay2/imagedb/content/sha256"))
            .and_then(|all| u64::try_from(all.len()).ok()),
        swarm: exists(recording, &format!("{root}/swarm/docker-state.json")),
        ..common.clone()
    }
}

/// The names in a directory; empty if it does not exist, `None` if unknown.
fn names(recording: &Recording, path: &str) -> Option<Vec<String>> {
    match recording.outcome(Query::Dir, path)? {
        Outcome::Answered(text) => Some(text.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()),
        refused => (refused.errno() == Some("ENOENT")).then(Vec::new),
    }
}

fn exists(recording: &Recording, path: &str) -> Option<bool> {
    match recording.outcome(Query::Stat, path)? {
        Outcome::Answered(_) => Some(true),
        refused => (refused.errno() == Some("ENOENT")).then_some(false),
    }
}

/// The pool that the options name, or the one that Docker creates on a device they name.
fn configured_pool(common: &Docker) -> Option<String> {
    let named =
        common.option("dm.thinpooldev").map(|o| o.value.trim_start_matches("/dev/mapper/").to_owned());
    named.or_else(|| common.option("dm.directlvm_device").map(|_| "docker-thinpool".to_owned()))
}

/// `docker-MAJOR:MINOR-INODE`, from the identity of the driver's directory (deviceset.go, `initDevmapper`).
fn prefix(text: &str) -> Option<String> {
    let stat = stat::stat(text);
    Some(format!("docker-{}-{}", stat.device?, stat.inode?))
}

fn json(recording: &Recording, path: &str, notes: &mut Vec<Note>) -> Option<Value> {
    let text = recording.said(Query::File, path)?;
    serde_json::from_str(text)
        .map_err(|error| {
            let text = format!("not valid JSON ({error})");
            notes.push(Note { about: path.to_owned(), text, forces_unknown: false });
        })
        .ok()
}

fn text_of(value: Option<&Value>, key: &str) -> Option<String> {
    value?.get(key)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

fn number_of(value: Option<&Value>, key: &str) -> Option<u64> {
    value?.get(key)?.as_u64()
}

/// The records of thin devices, and the base device's size.
fn devices(recording: &Recording, dir: &str, notes: &mut Vec<Note>) -> (Vec<DeviceRecord>, Option<Bytes>) {
    let Some(Outcome::Answered(text)) = recording.outcome(Query::DeviceRecords, dir) else {
        return (Vec::new(), None);
    };
    let mut devices = Vec::new();
    let mut base = None;
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let (hash, json) = line.split_once(' ').unwrap_or((line, ""));
        if matches!(hash, "deviceset-metadata" | "transaction-metadata") || hash.starts_with('.') {
            continue;
        }
        match device_record(hash, json) {
            Some(record) => {
                base = if record.hash.is_empty() { Some(record.size) } else { base };
                devices.push(record);
            }
            None => notes.push(Note {
                about: format!("{dir}/{hash}"),
                text: "not a device record of Docker's; left out".to_owned(),
                forces_unknown: false,
            }),
        }
    }
    (devices, base)
}

fn device_record(hash: &str, json: &str) -> Option<DeviceRecord> {
    let value: Value = serde_json::from_str(json).ok()?;
    Some(DeviceRecord {
        hash: if hash == "base" { String::new() } else { hash.to_owned() },
        device_id: value.get("device_id")?.as_u64()?.try_into().ok()?,
        size: Bytes(value.get("size")?.as_u64()?),
        transaction_id: value.get("transaction_id").and_then(Value::as_u64).unwrap_or_default(),
        deleted: value.get("deleted").and_then(Value::as_bool).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Source;

    fn of(answers: &[(Query, &str, &str)]) -> Docker {
        let mut recording = Recording::new(Source::Machine, None);
        for (query, target, said) in answers {
            recording.push(*query, target, Outcome::Answered((*said).to_owned()));
        }
        common(&recording, &mut Vec::new())
    }

    fn percent(docker: &Docker) -> Option<(&str, &str)> {
        docker.option("dm.min_free_space").map(|o| (o.value.as_str(), o.from.as_str()))
    }

    #[test]
    fn every_place_that_options_stand_in() {
        for (file, text) in [
            (
                "/etc/sysconfig/docker",
                "# OPTIONS\nOPTIONS='--selinux-enabled --storage-opt dm.min_free_space=5%'",
            ),
            (
                "/etc/sysconfig/docker-storage",
                "DOCKER_STORAGE_OPTIONS=\"--storage-opt dm.min_free_space=5% \"",
            ),
            ("/etc/default/docker", "DOCKER_OPTS=\"--storage-opt=dm.min_free_space=5%\""),
            (
                "/etc/systemd/system/docker.service.d/a.conf",
                "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --storage-opt dm.min_free_space=5%",
            ),
        ] {
            assert_eq!(percent(&of(&[(Query::File, file, text)])), Some(("5%", file)), "{file}");
        }
        let commented = "#DOCKER_OPTS=\"--storage-opt dm.min_free_space=5%\"";
        assert_eq!(percent(&of(&[(Query::File, "/etc/default/docker", commented)])), None);
    }

    #[test]
    fn the_command_line_counts_and_names_the_settings() {
        let json = r#"{"storage-opts": ["dm.min_free_space=4%"]}"#;
        let line = "7\tdockerd\t--config-file\t/srv/d.json";
        let docker = of(&[(Query::Processes, "dockerd", line), (Query::File, "/srv/d.json", json)]);
        assert_eq!((percent(&docker), docker.running), (Some(("4%", "/srv/d.json")), Some(true)));
        let line = "7\tdockerd\t--storage-opt\tdm.min_free_space=3%";
        let docker = of(&[(Query::File, DAEMON_JSON, json), (Query::Processes, "dockerd", line)]);
        assert_eq!(percent(&docker), Some(("3%", "the daemon's command line")));
    }

    #[test]
    fn a_client_is_no_daemon() {
        let client = of(&[(Query::Processes, "docker", "7\tdocker\trun\t--storage-opt\tdm.basesize=1G")]);
        assert_eq!((client.running, client.options.len()), (Some(false), 0));
        let daemon = of(&[(Query::Processes, "docker", "7\tdocker\tdaemon\t-s\tdevicemapper")]);
        assert_eq!((daemon.running, daemon.driver.as_deref()), (Some(true), Some("devicemapper")));
        assert_eq!(of(&[]).running, None);
    }
}

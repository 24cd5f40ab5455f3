//! Docker's settings and records, read from its recorded files and its daemon's recorded command line.
//!
//! Settings that have nothing to do with storage are not looked at; a file that is not JSON becomes an oddity.

use super::docker::{DeviceRecord, Docker, StorageOption};
use super::oddity::Oddity;
use super::units::Bytes;
use super::{stack, stat};
use crate::record::{Ask, Reading, Recording};
use serde_json::Value;

const DAEMON_JSON: &str = "/etc/docker/daemon.json";
const SYSCONFIG: &str = "/etc/sysconfig/docker-storage";
/// Below the data root, where the driver keeps one record a device.
const RECORDS: &str = "/devicemapper/metadata";

/// Every Docker data root that was asked about and that has, or had, the devicemapper driver.
#[must_use]
pub(super) fn dockers(recording: &Recording, oddities: &mut Vec<Oddity>) -> Vec<Docker> {
    let roots = recording.all(Ask::DeviceRecords).filter_map(|a| a.of.strip_suffix(RECORDS));
    let common = common(recording, oddities);
    roots.map(|root| docker(recording, root, &common, oddities)).collect()
}

/// What all data roots of the machine share: the daemon's settings.
fn common(recording: &Recording, oddities: &mut Vec<Oddity>) -> Docker {
    let mut docker = Docker {
        daemon_json: recording.said(Ask::File, DAEMON_JSON).map(str::to_owned),
        ..Docker::default()
    };
    if let Some(text) = &docker.daemon_json {
        match serde_json::from_str::<Value>(text) {
            Ok(settings) => from_daemon_json(&settings, &mut docker.driver, &mut docker.options),
            Err(error) => oddities.push(Oddity {
                about: DAEMON_JSON.to_owned(),
                text: format!("not valid JSON ({error}); its storage options were not read"),
                blocks_ok: false,
            }),
        }
    }
    if let Some(text) = recording.said(Ask::File, SYSCONFIG) {
        let words = text.replace(['"', '\'', '='], " ").replace("storage-opt ", "storage-opt\t");
        from_words(
            &words.split_whitespace().collect::<Vec<_>>(),
            "/etc/sysconfig/docker-storage",
            &mut docker,
        );
    }
    let mut asked = recording.all(Ask::Processes).filter(|a| a.of.starts_with("docker")).peekable();
    docker.running = asked.peek().is_some().then_some(false);
    for answer in asked {
        for process in answer.reading.said().unwrap_or_default().lines() {
            let words: Vec<&str> = process.split('\t').collect();
            docker.running = Some(true);
            from_words(&words, "the daemon's command line", &mut docker);
        }
    }
    docker.version = version(recording);
    docker
}

fn version(recording: &Recording) -> Option<String> {
    let said = recording.all(Ask::Run).filter(|a| a.of.contains("docker")).find_map(|a| a.reading.said())?;
    let word = said.split_whitespace().skip_while(|w| *w != "version").nth(1)?;
    Some(word.trim_end_matches(',').to_owned())
}

fn from_daemon_json(settings: &Value, driver: &mut Option<String>, options: &mut Vec<StorageOption>) {
    if let Some(name) = settings.get("storage-driver").and_then(Value::as_str) {
        *driver = Some(name.to_owned());
    }
    let given = settings.get("storage-opts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    options.extend(given.iter().filter_map(Value::as_str).filter_map(|o| option(o, DAEMON_JSON)));
}

/// `dm.min_free_space=5%`; the name in lower case as Docker compares it.
fn option(text: &str, from: &str) -> Option<StorageOption> {
    let (name, value) = text.split_once('=')?;
    Some(StorageOption {
        name: name.trim().to_lowercase(),
        value: value.trim().to_owned(),
        from: from.to_owned(),
    })
}

/// Storage flags among words, as `--flag value` and `--flag=value`.
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
            "--storage-driver" | "-s" => docker.driver = value().or(docker.driver.take()),
            _ => {}
        }
    }
}

fn docker(recording: &Recording, root: &str, common: &Docker, oddities: &mut Vec<Oddity>) -> Docker {
    let home = format!("{root}/devicemapper");
    let metadata = format!("{root}{RECORDS}");
    let set = json(recording, &format!("{metadata}/deviceset-metadata"), oddities);
    let transaction = json(recording, &format!("{metadata}/transaction-metadata"), oddities);
    let (devices, base) = devices(recording, &metadata, oddities);
    let pool = common.option("dm.thinpooldev").map(|o| o.value.trim_start_matches("/dev/mapper/").to_owned());
    let automatic = common.option("dm.directlvm_device").map(|_| "docker-thinpool".to_owned());
    Docker {
        root: Some(root.to_owned()),
        prefix: recording.said(Ask::Stat, &home).and_then(prefix),
        configured_pool: pool.or(automatic),
        base_size: base,
        base_filesystem: text_of(set.as_ref(), "BaseDeviceFilesystem"),
        open_transaction: transaction
            .as_ref()
            .and_then(|t| t.get("open_transaction_id"))
            .and_then(Value::as_u64),
        devices,
        filesystem: stack::filesystem_of(recording, root),
        ..common.clone()
    }
}

/// `docker-MAJOR:MINOR-INODE`, from the identity of the driver's directory (deviceset.go, `initDevmapper`).
fn prefix(text: &str) -> Option<String> {
    let stat = stat::stat(text);
    Some(format!("docker-{}-{}", stat.device?, stat.inode?))
}

fn json(recording: &Recording, path: &str, oddities: &mut Vec<Oddity>) -> Option<Value> {
    let text = recording.said(Ask::File, path)?;
    serde_json::from_str(text)
        .map_err(|error| {
            let text = format!("not valid JSON ({error})");
            oddities.push(Oddity { about: path.to_owned(), text, blocks_ok: false });
        })
        .ok()
}

fn text_of(value: Option<&Value>, key: &str) -> Option<String> {
    value?.get(key)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

/// The records of thin devices, and the size of the base device.
fn devices(
    recording: &Recording,
    dir: &str,
    oddities: &mut Vec<Oddity>,
) -> (Vec<DeviceRecord>, Option<Bytes>) {
    let Some(Reading::Said(text)) = recording.reading(Ask::DeviceRecords, dir) else {
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
            None => oddities.push(Oddity {
                about: format!("{dir}/{hash}"),
                text: "not a device record of Docker's; left out".to_owned(),
                blocks_ok: false,
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

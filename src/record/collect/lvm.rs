//! LVM's settings, its backups of volume groups with pools, and its reports.
//!
//! Only queried if a pool or a device under it is LVM's, a pool could move to LVM, a configured pool does not exist,
//! or a group's backup names a pool that may be inactive. The tools run last, without locks and with time limits,
//! because they may hang where the kernel still answers.

use super::block_stack::Carrier;
use super::dm_devices::Devices;
use super::{Collector, redact};
use crate::record::{Outcome, Query, Recording};

/// LVM's default path of thin_check.
const CHECKER: &str = "/usr/sbin/thin_check";
/// Directory of LVM's metadata backups, one file per group.
const BACKUPS: &str = "/etc/lvm/backup";
/// Most profiles and volume groups that are read.
const LIMIT_FILES: usize = 64;

/// Queries LVM, if any pool involves it or `always` is set.
pub(super) fn ask(collector: &mut Collector<'_>, devices: &Devices, carriers: &[Carrier], always: bool) {
    let mut names: Vec<&str> = Vec::new();
    for pool in &devices.pools {
        let info = collector.said(Query::DmInfo, &pool.name).unwrap_or_default();
        if info.lines().any(|l| l.strip_prefix("UUID:").is_some_and(|u| u.trim().starts_with("LVM-"))) {
            names.push(&pool.name);
        }
    }
    names.extend(carriers.iter().filter(|c| c.uuid.starts_with("LVM-")).map(|c| c.name.as_str()));
    let absent = configured(&collector.recording);
    names.extend(absent.iter().map(String::as_str).filter(|n| devices.pools.iter().all(|p| p.name != *n)));
    let mut groups: Vec<String> = names.into_iter().filter_map(group).collect();
    if devices.pools.is_empty() {
        groups.extend(groups_with_pools(collector));
    }
    if groups.is_empty() && !always {
        return;
    }
    ask_settings(collector);
    groups.sort_unstable();
    groups.dedup();
    for group in groups.iter().take(LIMIT_FILES) {
        collector.ask(Query::File, &format!("{BACKUPS}/{group}"));
    }
    // Querying monitoring would start dmeventd if it does not run. If it hangs, the rest is queried without.
    let watched = collector.ask(Query::Processes, "dmeventd").is_some_and(|lines| !lines.is_empty());
    if !watched || !run(collector, "lvs -o +seg_monitor") {
        run(collector, "lvs");
    }
    run(collector, "vgs");
    run(collector, "pvs");
    ask_checker(collector);
}

/// Volume groups whose backup names a thin pool, active or not. Groups without a backup are not found.
fn groups_with_pools(collector: &mut Collector<'_>) -> Vec<String> {
    let names = collector.ask(Query::Dir, BACKUPS).unwrap_or_default();
    let mut with_pools = Vec::new();
    for name in names.lines().take(LIMIT_FILES) {
        let Outcome::Answered(text) = collector.respondent.ask(Query::File, &format!("{BACKUPS}/{name}"))
        else {
            continue;
        };
        if text.contains("type = \"thin-pool\"") {
            with_pools.push(name.to_owned());
        }
    }
    with_pools
}

/// Pools that daemons are configured to use, by their device-mapper names.
fn configured(recording: &Recording) -> Vec<String> {
    let told = |query| matches!(query, Query::File | Query::Processes);
    let texts = recording.answers.iter().filter(|a| told(a.query)).filter_map(|a| a.outcome.said());
    let value = |text: &str, option: &str| {
        let (_, rest) = text.split_once(option)?;
        let end = rest.find(|c: char| c.is_whitespace() || "\"',]".contains(c)).unwrap_or(rest.len());
        rest.get(..end).map(|v| v.trim_start_matches("/dev/mapper/").to_owned())
    };
    texts.filter_map(|text| value(text, "dm.thinpooldev=")).collect()
}

/// Queries whether the checker exists, without which LVM activates no pool. An empty name in the settings disables
/// the check.
fn ask_checker(collector: &mut Collector<'_>) {
    let set = collector.said(Query::File, "/etc/lvm/lvm.conf").and_then(|text| {
        let line = text.lines().find_map(|l| l.trim().strip_prefix("thin_check_executable"))?;
        line.split('"').nth(1).map(str::to_owned)
    });
    let path = set.unwrap_or_else(|| CHECKER.to_owned());
    if path.starts_with('/') {
        collector.ask(Query::Stat, &path);
    }
}

/// Runs a command; returns whether it answered.
fn run(collector: &mut Collector<'_>, command: &str) -> bool {
    if !collector.commands {
        collector.leave(Query::Run, command, "commands are not run");
        return false;
    }
    collector.ask(Query::Run, command).is_some()
}

fn ask_settings(collector: &mut Collector<'_>) {
    for path in ["/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf"] {
        ask_uncommented(collector, path);
    }
    let profiles = collector.ask(Query::Dir, "/etc/lvm/profile").unwrap_or_default();
    for name in profiles.lines().filter(|n| n.ends_with(".profile")).take(LIMIT_FILES) {
        ask_uncommented(collector, &format!("/etc/lvm/profile/{name}"));
    }
}

fn ask_uncommented(collector: &mut Collector<'_>, path: &str) {
    let outcome = match collector.respondent.ask(Query::File, path) {
        Outcome::Answered(text) => Outcome::Answered(redact::uncommented(&text)),
        outcome => outcome,
    };
    collector.keep(Query::File, path, outcome);
}

/// The volume group in a dm name made by LVM: up to the first single hyphen; hyphens in the name are doubled.
fn group(name: &str) -> Option<String> {
    let marked = name.replace("--", "\0");
    let group = marked.split_once('-')?.0.replace('\0', "-");
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
    let fits = !group.is_empty() && !group.starts_with('.') && group.chars().all(allowed);
    fits.then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Responder;

    #[test]
    fn groups_in_names() {
        assert_eq!(group("docker-thinpool").as_deref(), Some("docker"));
        assert_eq!(group("my--vg-pool-tpool").as_deref(), Some("my-vg"));
        assert_eq!(group("nothing"), None);
        assert_eq!(group("..-x"), None);
        assert_eq!(group("a/b-x"), None);
    }

    /// A machine without a pool, with one volume group whose backup has this content.
    struct Machine(&'static str);

    impl Responder for Machine {
        fn ask(&mut self, query: Query, target: &str) -> Outcome {
            let said = match (query, target) {
                (Query::DmVersion, _) => "4.47.0",
                (Query::DmList, _) => "",
                (Query::Dir, "/etc/lvm/backup") => "vm",
                (Query::File, "/etc/lvm/backup/vm") => self.0,
                (Query::Run, _) => "{}",
                _ => return Outcome::Refused("ENOENT: not there".into()),
            };
            Outcome::Answered(said.into())
        }
    }

    #[test]
    fn a_pool_that_is_not_active_is_looked_for() {
        let asked = |backup| {
            let options = crate::record::collect::Options { commands: true, ..Default::default() };
            let recording = crate::record::collect::record(&mut Machine(backup), &options);
            recording.all(Query::Run).any(|a| a.target == "lvs")
        };
        assert!(asked("segment1 {\n  type = \"thin-pool\"\n}\n"));
        assert!(!asked("segment1 {\n  type = \"striped\"\n}\n"));
    }
}

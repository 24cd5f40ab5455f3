//! LVM's own files: the autoextend settings in `lvm.conf` and profiles, and volume groups in metadata backups.
//!
//! Only settings that are not commented out count; defaults are not filled in.

use super::{Autoextend, LvName, Lvm, ThinVolume, VolumeGroup};
use crate::host::model::units::{Bytes, Sectors};

/// Reads `lvm.conf`, `lvmlocal.conf` or a profile, selected by path.
pub(super) fn settings(path: &str, text: &str, lvm: &mut Lvm) {
    if let Some(profile) = path.strip_prefix("/etc/lvm/profile/") {
        let name = profile.strip_suffix(".profile").unwrap_or(profile);
        lvm.profiles.push((name.to_owned(), autoextend(text)));
        return;
    }
    let (said, known) = (autoextend(text), lvm.autoextend.unwrap_or_default());
    // lvmlocal.conf overrides lvm.conf.
    let (threshold, percent) = (said.threshold.or(known.threshold), said.percent.or(known.percent));
    lvm.autoextend = Some(Autoextend { threshold, percent });
}

/// The autoextend settings in `/etc/lvm/lvm.conf` or a profile; the last of a name counts.
#[must_use]
pub(super) fn autoextend(text: &str) -> Autoextend {
    let mut found = Autoextend::default();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        if let Some(value) = setting(line, "thin_pool_autoextend_threshold") {
            found.threshold = Some(value);
        }
        if let Some(value) = setting(line, "thin_pool_autoextend_percent") {
            found.percent = Some(value);
        }
    }
    found
}

/// The number after `name =` in a line.
fn setting(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value.get(..end)?.parse().ok()
}

/// The volume group of a backup file (`/etc/lvm/backup/VG`) with its thin volumes; free extents are the total less
/// those of segments on physical volumes. `None` if the text is not a backup.
#[must_use]
pub(super) fn backup(text: &str) -> Option<(VolumeGroup, Vec<ThinVolume>)> {
    let mut state = Backup::default();
    for line in text.lines() {
        state.take(line.split('#').next().unwrap_or_default().trim());
    }
    let thin_devices = std::mem::take(&mut state.thin_devices);
    let extent = state.extent.filter(|e| e.0 > 0)?.bytes();
    let bytes = |extents: u64| Bytes(extents.saturating_mul(extent.0));
    let group = VolumeGroup {
        name: state.name?,
        size: Some(bytes(state.extents)),
        free: Some(bytes(state.extents.saturating_sub(state.used))),
        extent: Some(extent),
        profile: None,
    };
    Some((group, thin_devices))
}

#[derive(Default)]
struct Backup {
    /// Names of the enclosing sections.
    sections: Vec<String>,
    name: Option<String>,
    extent: Option<Sectors>,
    extents: u64,
    used: u64,
    segment_extents: u64,
    /// The pool that the segment names.
    pool: Option<String>,
    thin_devices: Vec<ThinVolume>,
}

impl Backup {
    fn take(&mut self, line: &str) {
        if let Some(name) = line.strip_suffix('{') {
            (self.segment_extents, self.pool) = (0, None);
            self.sections.push(name.trim().to_owned());
        } else if line == "}" {
            self.sections.pop();
        } else if let Some((key, value)) = line.split_once('=') {
            self.setting(key.trim(), value.trim());
        }
    }

    fn setting(&mut self, key: &str, value: &str) {
        let number = value.parse::<u64>().unwrap_or(0);
        let sections: Vec<&str> = self.sections.iter().map(String::as_str).collect();
        match (sections.as_slice(), key) {
            ([group], "extent_size") => {
                self.name = Some((*group).to_owned());
                self.extent = Some(Sectors(number));
            }
            ([_, "physical_volumes", _], "pe_count") => self.extents = self.extents.saturating_add(number),
            ([_, "logical_volumes", _, _], "extent_count") => self.segment_extents = number,
            // A thin volume's segment; LVM writes the pool first.
            ([_, "logical_volumes", _, _], "thin_pool") => {
                self.pool = Some(value.trim_matches('"').to_owned())
            }
            ([vg, "logical_volumes", lv, _], "device_id") => {
                let name = |lv: &str| LvName { vg: (*vg).to_owned(), lv: lv.to_owned() };
                if let (Some(pool), Ok(device_id)) = (&self.pool, value.parse()) {
                    self.thin_devices.push(ThinVolume { pool: name(pool), device_id, name: name(lv) });
                }
            }
            // Only striped segments name physical volumes; those of pools and thin volumes name other volumes.
            ([_, "logical_volumes", _, _], "stripes") => {
                self.used = self.used.saturating_add(std::mem::take(&mut self.segment_extents));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_commented_counts() {
        let text = "activation {\n\t# thin_pool_autoextend_threshold = 100\n\tthin_pool_autoextend_threshold = 80\n}";
        assert_eq!(autoextend(text), Autoextend { threshold: Some(80), percent: None });
        let profile = "activation { thin_pool_autoextend_threshold=70 thin_pool_autoextend_percent=20 }";
        assert_eq!(autoextend(profile), Autoextend { threshold: Some(70), percent: Some(20) });
        assert_eq!(autoextend("# nothing"), Autoextend::default());
    }

    #[test]
    fn a_backup_knows_what_is_free() {
        let text = "contents = \"Text Format Volume Group\"\nversion = 1\ndocker {\n\tid = \"x\"\n\textent_size = 8192\t# 4 Megabytes\n\
            physical_volumes {\npv0 {\ndev_size = 20969472\npe_count = 2559\n}\n}\nlogical_volumes {\n\
            thinpool {\nsegment_count = 1\nsegment1 {\nextent_count = 2431\ntype = \"thin-pool\"\npool = \"thinpool_tdata\"\n}\n}\n\
            thinpool_tdata {\nsegment1 {\nstart_extent = 0\nextent_count = 2431\ntype = \"striped\"\nstripes = [\n\"pv0\", 0\n]\n}\n}\n\
            thinpool_tmeta {\nsegment1 {\nextent_count = 25\nstripes = [\n\"pv0\", 2431\n]\n}\n}\n\
            data {\nsegment1 {\nextent_count = 100\ntype = \"thin\"\nthin_pool = \"thinpool\"\ntransaction_id = 0\n\
            device_id = 7\n}\n}\n}\n}\n";
        let (group, thin_devices) = backup(text).unwrap();
        let name = |lv: &str| LvName { vg: "docker".to_owned(), lv: lv.to_owned() };
        assert_eq!(thin_devices, [ThinVolume { pool: name("thinpool"), device_id: 7, name: name("data") }]);
        assert_eq!((group.name.as_str(), group.extent), ("docker", Some(Bytes(4 << 20))));
        assert_eq!(group.size, Some(Bytes(2559 * (4 << 20))));
        assert_eq!(group.free, Some(Bytes(103 * (4 << 20))));
        assert_eq!(backup("nothing"), None);
    }
}

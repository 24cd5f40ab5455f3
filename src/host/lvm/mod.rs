//! LVM's names and reports: logical volumes of dm devices, free space of volume groups.
//!
//! Reads text only; [`crate::record`] runs LVM's tools.

mod config;
mod display;
mod report;

pub use report::LvmFacts;

use super::model::units::Bytes;

/// A report's row: pairs of column name and value.
type Cells = Vec<(String, String)>;

/// A logical volume's name in its volume group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LvName {
    /// Volume group.
    pub vg: String,
    /// Logical volume.
    pub lv: String,
}

impl LvName {
    /// Its device-mapper name: hyphens doubled, the parts joined by a single one.
    #[must_use]
    pub fn dm_name(&self) -> String {
        let double = |name: &str| name.replace('-', "--");
        if self.vg.is_empty() {
            double(&self.lv)
        } else {
            format!("{}-{}", double(&self.vg), double(&self.lv))
        }
    }
}

/// One row of `lvs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogicalVolume {
    /// Its name; `vg` is empty if the report does not have it.
    pub name: LvName,
    /// Attribute letters, `twi-aot---`.
    pub attr: String,
    /// Size.
    pub size: Option<Bytes>,
    /// Data in use, in hundredths of a percent.
    pub data_centipercent: Option<u64>,
    /// Metadata in use, in hundredths of a percent.
    pub metadata_centipercent: Option<u64>,
    /// Whether it is active, if `lvscan` or `lvdisplay` says so.
    pub active: Option<bool>,
    /// Whether dmeventd monitors it; `None` if unknown.
    pub monitored: Option<bool>,
    /// The profile attached to it.
    pub profile: Option<String>,
    /// Whether the sizes are exact bytes rather than rounded.
    pub exact: bool,
}

/// A thin volume, active or not, from the backup of its group's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinVolume {
    /// Its pool.
    pub pool: LvName,
    /// Its id in the pool.
    pub device_id: u32,
    /// Its name.
    pub name: LvName,
}

/// One row of `vgs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Size.
    pub size: Option<Bytes>,
    /// Free space.
    pub free: Option<Bytes>,
    /// Extent size, the unit of allocation.
    pub extent: Option<Bytes>,
    /// The profile attached to it, used for volumes without their own.
    pub profile: Option<String>,
}

/// LVM's settings for extending pools automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Autoextend {
    /// `thin_pool_autoextend_threshold`: 100 means never.
    pub threshold: Option<u64>,
    /// `thin_pool_autoextend_percent`.
    pub percent: Option<u64>,
}

/// Everything known about LVM on the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lvm {
    /// Logical volumes.
    pub volumes: Vec<LogicalVolume>,
    /// Volume groups.
    pub groups: Vec<VolumeGroup>,
    /// Thin volumes with their ids.
    pub thin_devices: Vec<ThinVolume>,
    /// The setting in `lvm.conf`.
    pub autoextend: Option<Autoextend>,
    /// Settings by profile name.
    pub profiles: Vec<(String, Autoextend)>,
    /// Whether dmeventd runs; `None` if unknown.
    pub dmeventd: Option<bool>,
    /// The missing program that checks a pool before its activation.
    pub missing_checker: Option<String>,
}

/// LVM's default `thin_pool_autoextend_threshold` (lvm.conf(5)): never.
const DEFAULT_THRESHOLD: u64 = 100;

impl LogicalVolume {
    /// Whether it is a thin pool, by its attributes; in `lvdisplay`, which has none, by metadata in use, which only
    /// pools have.
    #[must_use]
    pub fn is_pool(&self) -> bool {
        self.attr.starts_with('t') || self.attr.is_empty() && self.metadata_centipercent.is_some()
    }

    /// Whether it is an inactive thin pool, by its attributes (lvs(8)): `twi---tz--`.
    #[must_use]
    pub fn is_inactive_pool(&self) -> bool {
        self.attr.starts_with('t') && self.attr.chars().nth(4) == Some('-')
            || self.is_pool() && self.active == Some(false)
    }
}

impl Lvm {
    /// The row of a volume group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&VolumeGroup> {
        self.groups.iter().find(|g| g.name == name)
    }

    /// The row of a logical volume.
    #[must_use]
    pub fn volume(&self, name: &LvName) -> Option<&LogicalVolume> {
        self.volumes.iter().find(|v| v.name == *name)
    }

    /// The effective profile of a volume: its own, else its group's.
    #[must_use]
    pub fn profile_of(&self, name: &LvName) -> Option<&str> {
        let own = self.volume(name).and_then(|v| v.profile.as_deref());
        own.or_else(|| self.group(&name.vg)?.profile.as_deref())
    }

    /// The effective autoextend settings of a volume: each from its profile, else from the configuration; LVM's
    /// default threshold if the configuration was read and has none.
    #[must_use]
    pub fn autoextend_of(&self, name: &LvName) -> Option<Autoextend> {
        let profile = self.profile_of(name);
        let own = profile.and_then(|p| self.profiles.iter().find(|(n, _)| n == p)).map(|(_, a)| *a);
        // A profile that was not read may contain anything.
        if profile.is_some() && own.is_none() {
            return None;
        }
        let common =
            self.autoextend.map(|a| Autoextend { threshold: a.threshold.or(Some(DEFAULT_THRESHOLD)), ..a });
        let (Some(own), Some(common)) = (own, common) else { return own.or(common) };
        Some(Autoextend {
            threshold: own.threshold.or(common.threshold),
            percent: own.percent.or(common.percent),
        })
    }
}

/// Splits a dm name made by LVM, `docker-docker--pool_tdata`, at its single hyphens into VG, LV and layer suffix.
///
/// LVM doubles hyphens inside names (lib/misc/lvm-string.c, `build_dm_name`).
#[must_use]
pub fn split_name(dm: &str) -> Option<(LvName, Option<String>)> {
    let marked = dm.replace("--", "\u{0}");
    let mut parts = marked.splitn(3, '-').map(|p| p.replace('\u{0}', "-"));
    let (vg, lv, layer) = (parts.next()?, parts.next()?, parts.next());
    if vg.is_empty() || lv.is_empty() {
        return None;
    }
    Some((LvName { vg, lv }, layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a single report.
    pub(super) fn read(target: &str, text: &str) -> Lvm {
        let mut lvm = LvmFacts::default();
        lvm.report(target, text);
        lvm.finish()
    }

    pub(super) fn volume<'a>(lvm: &'a Lvm, vg: &str, lv: &str) -> &'a LogicalVolume {
        lvm.volume(&LvName { vg: vg.into(), lv: lv.into() }).unwrap()
    }

    #[test]
    fn doubled_hyphens() {
        let (name, layer) = split_name("docker-docker--pool").unwrap();
        assert_eq!((name.vg.as_str(), name.lv.as_str(), layer), ("docker", "docker-pool", None));
        let (name, layer) = split_name("a--b-pool-tpool").unwrap();
        assert_eq!((name.vg.as_str(), name.lv.as_str(), layer.as_deref()), ("a-b", "pool", Some("tpool")));
        assert_eq!(split_name("nothing"), None);
    }
}

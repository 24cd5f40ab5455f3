//! Names for the new pool: that of Docker's documentation, or for containerd one of the same length as the old name.
//!
//! containerd's list of devices and each device in it are named after the pool. The list is changed in place, so
//! the new name must have the same length. Names that no logical volume can have are errors.

use crate::host::lvm::LvName;

/// Constraints on the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming<'a> {
    /// The names in Docker's documentation.
    Docker,
    /// The same length as this name but different, so that what creates the old pool at boot does not find the new
    /// one.
    SameLength(&'a str),
}

/// Names for a new volume group, in order of preference.
const GROUPS: [&str; 4] = ["containerd", "ctr", "ct", "c"];
/// Prefixes of volume names, padded with zeros.
const VOLUMES: [&str; 5] = ["thinpool", "pool", "tp", "p", "d"];

impl Naming<'_> {
    /// Name of a volume in a new group.
    pub(super) fn on_device(self) -> Result<LvName, String> {
        let Self::SameLength(old) = self else {
            return Ok(LvName { vg: "docker".into(), lv: "thinpool".into() });
        };
        let all = || GROUPS.into_iter().flat_map(|group| as_long(group, old));
        all().find(|name| name.lv.contains("pool")).or_else(|| all().next()).ok_or_else(|| {
            format!("the pool's name {old:?} is too short for a logical volume: such names have three letters at least")
        })
    }

    /// Name of a volume in an existing group.
    pub(super) fn in_group(self, group: &str) -> Result<LvName, String> {
        match self {
            Self::Docker => Ok(LvName { vg: group.into(), lv: "thinpool".into() }),
            Self::SameLength(old) => as_long(group, old).next().ok_or_else(|| {
                format!(
                    "a pool in volume group {group:?} cannot have a name as long as {old:?}, which it must, as containerd's \
                     records of it are changed in their place: name an empty disk with --device, or a group with a shorter name"
                )
            }),
        }
    }
}

/// Volumes in this group whose device-mapper name has the same length as the old one but differs.
fn as_long<'a>(group: &'a str, old: &'a str) -> impl Iterator<Item = LvName> + 'a {
    let name = move |lv: String| LvName { vg: group.into(), lv };
    let left = old.len().saturating_sub(name(String::new()).dm_name().len());
    let begins = VOLUMES.into_iter().filter(move |begins| begins.len() <= left);
    let names = begins.map(move |begins| name(format!("{begins}{}", "0".repeat(left - begins.len()))));
    names.filter(move |name| name.dm_name() != old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_use() {
        let named = |old: &str| Naming::SameLength(old).on_device().unwrap().dm_name();
        assert_eq!(named("devpool"), "ct-pool");
        assert_eq!(named("ctr-pool"), "ct-pool0");
        assert_eq!(named("containerd-pool"), "ctr-thinpool000");
        assert_eq!(named("fc-dev-thinpool"), "containerd-pool");
        assert_eq!(named("fc-dev-thinpool-of-ours"), "containerd-thinpool0000");
        assert_eq!(named("c-p"), "c-d");
        assert!(Naming::SameLength("ab").on_device().is_err());
        let group = |group: &str| Naming::SameLength("devpool").in_group(group).map(|name| name.dm_name());
        assert_eq!(group("vg").unwrap(), "vg-pool");
        assert!(group("ubuntu-vg").unwrap_err().contains("shorter name"));
    }

    proptest! {
        #[test]
        fn as_long_and_another(old in "[a-z-]{3,40}", group in "[a-z][a-z-]{0,12}[a-z]") {
            let made = Naming::SameLength(&old).on_device().unwrap().dm_name();
            prop_assert_eq!(made.len(), old.len());
            prop_assert_ne!(&made, &old);
            if let Ok(name) = Naming::SameLength(&old).in_group(&group) {
                prop_assert_eq!(name.dm_name().len(), old.len());
                prop_assert!(name.dm_name() != old && !name.lv.is_empty() && name.vg == group);
            }
        }
    }
}

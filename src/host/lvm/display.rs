//! LVM's output with one field per line (`lvdisplay`, `vgdisplay`) or one volume per line (`lvscan`).
//!
//! Fields that no rule needs are ignored.

use super::{Cells, LogicalVolume, LvName};
use crate::host::parse::size::{self, Scale};

/// Reads `lvdisplay` and `vgdisplay`; `keep` gets the cells of each volume or group.
pub(super) fn fields(text: &str, mut keep: impl FnMut(&Cells)) {
    let mut cells = Cells::new();
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = [
            ("LV Name", "lv_name"),
            ("VG Name", "vg_name"),
            ("LV Size", "lv_size"),
            ("LV Status", "lv_status"),
            ("Allocated pool data", "data_percent"),
            ("Allocated metadata", "metadata_percent"),
            ("VG Size", "vg_size"),
            ("PE Size", "vg_extent_size"),
            ("Free PE / Size", "vg_free"),
        ];
        if line.starts_with("--- ") {
            keep(&std::mem::take(&mut cells));
        }
        let Some((name, value)) =
            fields.iter().find_map(|(f, name)| Some((*name, line.strip_prefix(f)?.trim())))
        else {
            continue;
        };
        if cells.iter().any(|(n, _)| n == name) {
            keep(&std::mem::take(&mut cells));
        }
        let value = value.rsplit_once(" / ").map_or(value, |(_, size)| size);
        let value = value.rsplit('/').next().filter(|_| name == "lv_name").unwrap_or(value);
        cells.push((name.to_owned(), value.to_owned()));
    }
    keep(&cells);
}

/// `ACTIVE '/dev/vg/lv' [10.00 GiB] inherit`.
pub(super) fn scanned(line: &str) -> Option<LogicalVolume> {
    let mut quoted = line.split('\'');
    let path = quoted.nth(1)?.strip_prefix("/dev/")?;
    let (vg, lv) = path.split_once('/')?;
    let size = quoted.next().and_then(|r| r.split_once('[')).and_then(|(_, s)| size::read(s, Scale::Lvm));
    let name = LvName { vg: vg.to_owned(), lv: lv.to_owned() };
    let active = Some(line.trim_start().starts_with("ACTIVE"));
    Some(LogicalVolume { name, active, size: size.map(|a| a.bytes), ..LogicalVolume::default() })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, volume};
    use crate::host::model::units::Bytes;

    #[test]
    fn displays_and_scans() {
        let lvm = read(
            "lvdisplay",
            "  LV Size                30.39 GiB\n  Allocated pool data    0.27%\n  Allocated metadata     0.03%",
        );
        assert_eq!(volume(&lvm, "", "").data_centipercent, Some(27));
        let lvm = read("lvscan", "  inactive          '/dev/vg0/thinpool' [285.79 GiB] inherit");
        assert_eq!(volume(&lvm, "vg0", "thinpool").size, Some(Bytes(306_864_675_881)));
    }
}

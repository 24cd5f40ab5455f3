//! Reports of `lvs`, `vgs`, `pvs`, `lvdisplay`, `vgdisplay` and `lvscan`: text, with or without headings, or JSON.
//!
//! A row is read by its headings if its columns are aligned with them, else by the form of its words: blank cells (no
//! Pool, no Data%) make counting columns impossible. Rounded sizes are marked as such.

use super::{Cells, LogicalVolume, LvName, Lvm, VolumeGroup, config, display};
use crate::host::model::units::Bytes;
use crate::host::parse::partial_json::{self, Token};
use crate::host::parse::size::{self, Scale};
use std::collections::HashMap;

/// Collects facts about LVM. Later values for the same volume or group replace earlier ones; omitted values are kept.
#[derive(Default)]
pub struct LvmFacts {
    lvm: Lvm,
    /// Index of each volume, so that long reports are read in linear time.
    volumes: HashMap<LvName, usize>,
    groups: HashMap<String, usize>,
}

impl LvmFacts {
    /// Reads a report; `target` is its command, with or without arguments.
    pub fn report(&mut self, target: &str, text: &str) {
        let tool = target.split_whitespace().next().unwrap_or_default();
        let tool = tool.rsplit('/').next().unwrap_or_default();
        if text.trim_start().starts_with('{') {
            return self.json(text);
        }
        match tool {
            "lvdisplay" | "vgdisplay" => display::fields(text, |cells| self.keep(cells)),
            "lvscan" => text.lines().filter_map(display::scanned).for_each(|volume| self.keep_volume(volume)),
            _ => self.table(tool, text),
        }
    }

    /// Reads one of LVM's own files, selected by path: `lvm.conf`, a profile, or a group's metadata backup.
    pub fn file(&mut self, path: &str, text: &str) {
        if path.starts_with("/etc/lvm/backup/") {
            // Output of lvs and vgs is newer than a file.
            if let Some((group, thin_devices)) = config::backup(text) {
                self.lvm.thin_devices.extend(thin_devices);
                self.add_group(group);
            }
        } else {
            config::settings(path, text, &mut self.lvm);
        }
    }

    /// The collected facts.
    #[must_use]
    pub fn finish(self) -> Lvm {
        self.lvm
    }

    fn json(&mut self, text: &str) {
        let mut cells = Cells::new();
        let mut physical: Vec<VolumeGroup> = Vec::new();
        for token in partial_json::tokens(text) {
            match token {
                Token::Open => cells.clear(),
                Token::Member(key, value) => cells.push((key, value)),
                Token::Close => {
                    let cells = std::mem::take(&mut cells);
                    if cell(&cells, "pv_name").is_some() {
                        sum_physical(&cells, &mut physical);
                    } else {
                        self.keep(&cells);
                    }
                }
                Token::Pair(..) => {}
            }
        }
        self.keep(&cells);
        physical.into_iter().for_each(|group| self.add_group(group));
    }

    fn table(&mut self, tool: &str, text: &str) {
        let mut headings: Vec<(usize, &str)> = Vec::new();
        let mut physical: Vec<VolumeGroup> = Vec::new();
        for line in text.lines() {
            let words: Vec<(usize, &str)> = words(line).collect();
            let known = words.iter().filter(|(_, w)| column(w).is_some()).count();
            if known >= 2 && known * 2 > words.len() {
                headings = words;
                continue;
            }
            let all: Vec<&str> = words.iter().map(|(_, w)| *w).collect();
            let cells = under(&headings, &words).unwrap_or_else(|| by_shape(tool, &all));
            if tool == "pvs" {
                sum_physical(&cells, &mut physical);
            } else {
                self.keep(&cells);
            }
        }
        physical.into_iter().for_each(|group| self.add_group(group));
    }

    /// Adds the cells of a row to a volume, a group or both.
    fn keep(&mut self, cells: &Cells) {
        let vg = cell(cells, "vg_name").unwrap_or_default().to_owned();
        if cells.iter().any(|(name, _)| name == "lv_name" || name == "lv_size" || name == "data_percent") {
            let lv = cell(cells, "lv_name").unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let units = cell(cells, "lv_size").unwrap_or_default();
            let volume = LogicalVolume {
                name: LvName { vg: vg.clone(), lv },
                attr: cell(cells, "lv_attr").unwrap_or_default().to_owned(),
                size: size(cells, "lv_size"),
                data_centipercent: cell(cells, "data_percent").and_then(centipercent),
                metadata_centipercent: cell(cells, "metadata_percent").and_then(centipercent),
                active: match cell(cells, "lv_status") {
                    Some("available") => Some(true),
                    Some("NOT available") => Some(false),
                    _ => None,
                },
                monitored: match cell(cells, "seg_monitor") {
                    Some("monitored") => Some(true),
                    Some("not monitored") => Some(false),
                    _ => None,
                },
                profile: cell(cells, "lv_profile").map(str::to_owned),
                exact: units.ends_with(['B', 'b', 's', 'S']),
            };
            self.keep_volume(volume);
        }
        if cells.iter().any(|(name, _)| name.starts_with("vg_") && name != "vg_name") {
            let (size, free) = (size(cells, "vg_size"), size(cells, "vg_free"));
            let extent =
                cell(cells, "vg_extent_size").and_then(|c| size::read(c, Scale::Lvm)).map(|a| a.bytes);
            let profile = cell(cells, "vg_profile").map(str::to_owned);
            self.keep_group(VolumeGroup { name: vg, size, free, extent, profile });
        }
    }

    fn keep_volume(&mut self, new: LogicalVolume) {
        let at = *self.volumes.entry(new.name.clone()).or_insert(self.lvm.volumes.len());
        let Some(old) = self.lvm.volumes.get_mut(at) else {
            return self.lvm.volumes.push(new);
        };
        let attr = if new.attr.is_empty() { std::mem::take(&mut old.attr) } else { new.attr };
        *old = LogicalVolume {
            attr,
            size: new.size.or(old.size),
            data_centipercent: new.data_centipercent.or(old.data_centipercent),
            metadata_centipercent: new.metadata_centipercent.or(old.metadata_centipercent),
            active: new.active.or(old.active),
            monitored: new.monitored.or(old.monitored),
            profile: new.profile.or_else(|| old.profile.take()),
            exact: if new.size.is_some() { new.exact } else { old.exact },
            name: new.name,
        };
    }

    fn keep_group(&mut self, new: VolumeGroup) {
        let at = *self.groups.entry(new.name.clone()).or_insert(self.lvm.groups.len());
        let Some(old) = self.lvm.groups.get_mut(at) else {
            return self.lvm.groups.push(new);
        };
        old.size = new.size.or(old.size);
        old.free = new.free.or(old.free);
        old.extent = new.extent.or(old.extent);
        old.profile = new.profile.or_else(|| old.profile.take());
    }

    /// Adds a group unless a report already has it: reports take precedence.
    fn add_group(&mut self, new: VolumeGroup) {
        if !self.groups.contains_key(&new.name) {
            self.keep_group(new);
        }
    }
}

/// The words of a line with their column, counted in characters.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = line.as_ptr() as usize;
    line.split_whitespace().map(move |word| {
        let bytes = word.as_ptr() as usize - base;
        (line.get(..bytes).map_or(bytes, |before| before.chars().count()), word)
    })
}

/// The report field for a heading (lib/report/columns.h).
fn column(heading: &str) -> Option<&'static str> {
    Some(match heading {
        "LV" => "lv_name",
        "VG" => "vg_name",
        "PV" => "pv_name",
        "Attr" => "lv_attr",
        "LSize" => "lv_size",
        "Pool" => "pool_lv",
        "Origin" => "origin",
        "Data%" | "Snap%" => "data_percent",
        "Meta%" => "metadata_percent",
        "Monitor" => "seg_monitor",
        "Profile" | "LProfile" => "lv_profile",
        "VSize" => "vg_size",
        "VFree" => "vg_free",
        "Ext" => "vg_extent_size",
        "PSize" => "pv_size",
        "PFree" => "pv_free",
        "Move" | "Log" | "Cpy%Sync" | "Copy%" | "Convert" | "#PV" | "#LV" | "#SN" | "Fmt" | "Chunk"
        | "Devices" | "#Ext" | "Free" | "UUID" | "MSize" | "Zero" | "Discards" | "WhenFull" | "TransId"
        | "Path" => "other",
        _ => return None,
    })
}

/// The cells by the headings above; `None` if the columns are not aligned with them.
fn under(headings: &[(usize, &str)], words: &[(usize, &str)]) -> Option<Cells> {
    let mut cells = Cells::new();
    for (at, word) in words {
        let index = headings.iter().rposition(|(heading, _)| heading <= at)?;
        let end = headings.get(index + 1).map_or(usize::MAX, |(next, _)| *next);
        let name = column(headings.get(index)?.1).unwrap_or("other");
        if at + word.chars().count() > end {
            return None;
        }
        match cells.last_mut() {
            Some((last, value)) if *last == name && name != "other" => *value = format!("{value} {word}"),
            _ => cells.push((name.to_owned(), (*word).to_owned())),
        }
    }
    let has_attr = headings.iter().any(|(_, h)| *h == "Attr");
    let attr = cells.iter().find(|(name, _)| name == "lv_attr").map(|(_, value)| value.as_str());
    (!cells.is_empty() && (!has_attr || attr.is_some_and(is_attr))).then_some(cells)
}

/// Whether a word is an attribute field of `lvs`, `vgs` or `pvs`.
fn is_attr(word: &str) -> bool {
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let lv =
        (8..=10).contains(&word.len()) && word.as_bytes().get(3).is_some_and(|b| matches!(b, b'-' | b'm'));
    letters && word.contains('-') && (lv || word.len() == 6 || word.len() == 3)
}

/// The cells of a row without usable headings.
fn by_shape(tool: &str, all: &[&str]) -> Cells {
    let Some(at) = all.iter().position(|w| is_attr(w) && !(tool == "pvs" && w.len() != 3)) else {
        return Cells::new();
    };
    let (before, rest) = all.split_at(at);
    let attr = rest.first().copied().unwrap_or_default();
    let after = rest.get(1..).unwrap_or_default();
    let mut cells = Cells::new();
    let mut put =
        |name: &str, value: Option<&str>| cells.extend(value.map(|v| (name.to_owned(), v.to_owned())));
    let is_name = |w: &&&str| !is_size(w) && !matches!(**w, "lv_attr" | "Attr" | "lvm2");
    let mut names = before.iter().filter(is_name).copied();
    put("lv_attr", Some(attr));
    match tool {
        "vgs" => {
            put("vg_name", names.next());
            put("vg_size", after.first().copied());
            put("vg_free", after.get(1).copied());
        }
        "pvs" => {
            put("pv_name", names.next());
            put("vg_name", names.next());
            put("pv_size", after.first().copied());
            put("pv_free", after.get(1).copied());
        }
        _ => {
            put("lv_name", Some(names.next().unwrap_or_default()));
            put("vg_name", names.next());
            put("lv_size", before.iter().chain(after).find(|w| is_size(w)).copied());
            let mut shares = after.iter().filter(|w| centipercent(w).is_some()).copied();
            if attr.starts_with(['t', 'V']) {
                put("data_percent", shares.next());
            }
            if attr.starts_with('t') {
                put("metadata_percent", shares.next());
            }
        }
    }
    cells
}

/// Whether a word is a number with a unit.
fn is_size(word: &str) -> bool {
    size::read(word, Scale::Lvm).is_some_and(|a| a.has_unit)
}

/// Hundredths of a percent: `27.35`, `27,35`, `100.00%`.
fn centipercent(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches('%');
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    if part.is_empty() || part.len() > 2 || !part.bytes().chain(whole.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part).filter(|c| *c <= 10_000)
}

fn cell<'a>(cells: &'a Cells, name: &str) -> Option<&'a str> {
    cells.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim()).filter(|v| !v.is_empty())
}

fn size(cells: &Cells, name: &str) -> Option<Bytes> {
    size::read(cell(cells, name)?, Scale::Lvm).map(|a| a.bytes)
}

/// Sums up the physical volumes of a group, because `pvs` has no row for groups.
fn sum_physical(cells: &Cells, groups: &mut Vec<VolumeGroup>) {
    let Some(name) = cell(cells, "vg_name") else { return };
    let add = |sum: Option<Bytes>, more: Option<Bytes>| Some(sum?.plus(more?));
    let (size, free) = (size(cells, "pv_size"), size(cells, "pv_free"));
    match groups.iter_mut().find(|g| g.name == name) {
        Some(group) => (group.size, group.free) = (add(group.size, size), add(group.free, free)),
        None => groups.push(VolumeGroup { name: name.to_owned(), size, free, ..VolumeGroup::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, volume};
    use super::*;

    const TABLE: &str = "  LV               VG     Attr       LSize   Pool Origin Data%  Meta%  Move Log Cpy%Sync Convert Monitor
  [lvol0_pmspare]  docker ewi------- 100.00m
  thinpool         docker twi-aot-D- <15,88g             100.00 10.04                            not monitored
  snap             docker Vwi-aotz--   1.00g thinpool    12.50
  [thinpool_tmeta] docker ewi-aor--- 100.00m                                    100.00";

    #[test]
    fn a_table_with_headings() {
        let lvm = read("lvs", TABLE);
        let pool = volume(&lvm, "docker", "thinpool");
        assert_eq!(pool.attr, "twi-aot-D-");
        assert_eq!((pool.data_centipercent, pool.metadata_centipercent), (Some(10000), Some(1004)));
        assert_eq!((pool.size, pool.exact), (Some(Bytes(17_051_020_165)), false));
        assert_eq!(pool.monitored, Some(false));
        assert_eq!(volume(&lvm, "docker", "snap").data_centipercent, Some(1250));
        assert_eq!(
            volume(&lvm, "docker", "thinpool_tmeta").metadata_centipercent,
            None,
            "Cpy%Sync is no Meta%"
        );
    }

    #[test]
    fn the_same_without_headings_or_columns() {
        let lvm =
            read("lvs", "docker-pool docker twi-aot--- 12.44g 27.35 3.92\nlv_attr twi-aotzD- Data% 100.00");
        let pool = volume(&lvm, "docker", "docker-pool");
        assert_eq!((pool.data_centipercent, pool.metadata_centipercent), (Some(2735), Some(392)));
        let bare = volume(&lvm, "", "");
        assert_eq!((bare.attr.as_str(), bare.data_centipercent), ("twi-aotzD-", Some(10000)));
        let inactive = read("lvs", "LSize   Attr\n838.36g twi---tz--");
        assert_eq!(volume(&inactive, "", "").data_centipercent, None);
        assert_eq!(volume(&inactive, "", "").size, Some(Bytes(900_182_195_569)));
        let shifted: String = TABLE.lines().map(|l| format!("{}\n", l.trim())).collect();
        assert_eq!(volume(&read("lvs", &shifted), "docker", "thinpool").data_centipercent, Some(10000));
    }

    #[test]
    fn groups() {
        let lvm = read(
            "vgs",
            "  VG     #PV #LV #SN Attr   VSize  VFree\n  docker   1   1   0 wz--n- 22.00g 204.00m",
        );
        assert_eq!(lvm.group("docker").unwrap().free, Some(Bytes(204 << 20)));
        let bare = read("vgs", "qubes_dom0   1  62   0 wz--n- 118.24g 0");
        assert_eq!(bare.group("qubes_dom0").unwrap().free, Some(Bytes(0)));
        let pvs = read(
            "pvs",
            "  PV         VG     Fmt  Attr PSize  PFree\n  /dev/sda3  docker lvm2 a--  25.00g    0",
        );
        assert_eq!(pvs.group("docker").unwrap().free, Some(Bytes(0)));
        let shown = read(
            "vgdisplay",
            "  VG Name  docker\n  PE Size               4.00 MiB\n  Free  PE / Size       5 / 20.00 MiB",
        );
        assert_eq!(shown.group("docker").unwrap().free, Some(Bytes(20 << 20)));
        assert_eq!(shown.group("docker").unwrap().extent, Some(Bytes(4 << 20)));
    }

    #[test]
    fn json_exact_or_cut_off() {
        let json = r#"{"report":[{"lv":[{"lv_name":"thinpool","vg_name":"docker","lv_attr":"twi-aot---",
            "lv_size":"10200547328B","data_percent":"0.93","metadata_percent":"10.06","seg_monitor":"monitored",
            "lv_profile":"docker-thinpool"},{"lv_name":"[thinpool_tdata]","vg_name":"docker","lv_size":"1"#;
        let lvm = read("/sbin/lvs --reportformat json", json);
        let pool = volume(&lvm, "docker", "thinpool");
        assert_eq!((pool.size, pool.exact), (Some(Bytes(10_200_547_328)), true));
        assert_eq!((pool.data_centipercent, pool.monitored), (Some(93), Some(true)));
        assert_eq!(pool.profile.as_deref(), Some("docker-thinpool"));
        let groups = read(
            "vgs",
            r#"{"report":[{"vg":[{"vg_name":"d","vg_size":"1073741824B","vg_free":"0B","vg_extent_size":"4194304B"}]}]}"#,
        );
        assert_eq!(groups.group("d").unwrap().extent, Some(Bytes(4 << 20)));
    }

    #[test]
    fn later_words_count_and_silence_does_not() {
        let mut lvm = LvmFacts::default();
        lvm.report("lvs", "pool vg twi-aot--- 1.00g 10.00 1.00");
        lvm.report("lvs", "pool vg twi---t--- 2.00g");
        let lvm = lvm.finish();
        let pool = volume(&lvm, "vg", "pool");
        assert_eq!((pool.size, pool.data_centipercent), (Some(Bytes(2 << 30)), Some(1000)));
        assert_eq!((lvm.volumes.len(), pool.attr.as_str()), (1, "twi---t---"));
    }
}

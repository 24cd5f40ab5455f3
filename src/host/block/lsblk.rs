//! Parses lists of block devices and their dependencies: `lsblk` in every format, `dmsetup ls`, `dmsetup ls --tree` and
//! `dmsetup deps`.

use crate::host::dm::table::DeviceNumber;
use crate::host::model::units::Bytes;
use crate::host::parse::partial_json::{self, Token};
use crate::host::parse::size::{self, Scale};
use crate::record::paste::Tool;
use std::collections::HashMap;

/// A listed block device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockDevice {
    /// Its name, without the lines of the tree.
    pub name: String,
    /// Its device number.
    pub device: Option<DeviceNumber>,
    /// Its size; rounded unless the list shows bytes.
    pub size: Option<Bytes>,
    /// `disk`, `part`, `loop`, `lvm`, `dm`, …; empty if the tool does not show it.
    pub kind: String,
    /// The devices directly below it, without duplicates.
    pub below: Vec<Below>,
}

/// A device below another, by name, number, or both, as the tool shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Below {
    /// Its name, or empty.
    pub name: String,
    /// Its device number.
    pub device: Option<DeviceNumber>,
}

/// Parses the output of a tool, such as `lsblk`; empty for tools that list no devices.
#[must_use]
pub fn read(tool: Tool, text: &str) -> Vec<BlockDevice> {
    match tool {
        Tool::Lsblk if text.trim_start().starts_with('{') => normalize_orientation(lsblk_json(text)),
        Tool::Lsblk => normalize_orientation(rows(text, lsblk_row)),
        Tool::DmsetupLs => from_tree(rows(text, dm_row), |outer, inner| (outer, inner)),
        Tool::DmsetupDeps => text.lines().filter_map(dependencies).collect(),
        _ => Vec::new(),
    }
}

/// All listed devices, merged by name and indexed by name and number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    all: Vec<BlockDevice>,
    names: HashMap<String, usize>,
    numbers: HashMap<DeviceNumber, usize>,
}

impl Listing {
    /// Merges the devices of several lists by name.
    #[must_use]
    pub fn new(all: impl Iterator<Item = BlockDevice>) -> Self {
        let mut listing = Self::default();
        for one in all {
            let at = *listing.names.entry(one.name.clone()).or_insert(listing.all.len());
            if let Some(device) = one.device {
                listing.numbers.entry(device).or_insert(at);
            }
            let Some(known) = listing.all.get_mut(at) else {
                listing.all.push(one);
                continue;
            };
            known.device = known.device.or(one.device);
            known.size = known.size.or(one.size);
            if known.kind.is_empty() {
                known.kind = one.kind;
            }
            known.add_parents(one.below);
        }
        listing
    }

    /// The device with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&BlockDevice> {
        self.names.get(name).and_then(|at| self.all.get(*at))
    }

    /// Every device, in the order listed.
    pub fn iter(&self) -> impl Iterator<Item = &BlockDevice> {
        self.all.iter()
    }

    /// Whether a device is an LVM pool: LVM names its data and metadata devices after it.
    #[must_use]
    pub fn is_lvm_pool(&self, device: &BlockDevice) -> bool {
        let has_halves = |name: &str| {
            ["_tdata", "_tmeta"].iter().any(|end| self.names.contains_key(&format!("{name}{end}")))
        };
        match device.name.strip_suffix("-tpool") {
            Some(volume) => has_halves(volume),
            None => has_halves(&device.name) && !self.names.contains_key(&format!("{}-tpool", device.name)),
        }
    }

    /// The data and metadata devices of a pool: by LVM's names, or else the larger one holds the data. `None` if there
    /// are not exactly two devices below.
    #[must_use]
    pub fn halves(&self, device: &BlockDevice) -> Option<Halves> {
        let by_number = |b: &Below| self.numbers.get(&b.device?).and_then(|at| self.all.get(*at));
        let listed = |b: &Below| {
            let unlisted =
                || BlockDevice { name: b.name.clone(), device: b.device, ..BlockDevice::default() };
            self.named(&b.name).or_else(|| by_number(b)).cloned().unwrap_or_else(unlisted)
        };
        let [one, other] = device.below.as_slice() else { return None };
        let mut halves = [listed(one), listed(other)];
        // The sort is stable, and the kernel lists the data device first (dm-thin.c, `pool_ctr`, and dm-table.c,
        // `dm_get_device`).
        halves.sort_by_key(|l| (l.name.ends_with("_tmeta"), std::cmp::Reverse(l.size)));
        let [data, metadata] = halves;
        Some(Halves { data, metadata })
    }
}

/// The devices under a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Halves {
    /// The data device.
    pub data: BlockDevice,
    /// The metadata device.
    pub metadata: BlockDevice,
}

impl BlockDevice {
    /// Adds the devices below from another list. If one list has only numbers and the other only names, both are in the
    /// kernel's order (libdm, `dm_task_get_deps`), so they are matched by position.
    fn add_parents(&mut self, new: Vec<Below>) {
        let complement = |(old, new): (&Below, &Below)| {
            old.name.is_empty() != new.name.is_empty() && old.device.is_some() != new.device.is_some()
        };
        if self.below.len() == new.len() && self.below.iter().zip(&new).all(complement) {
            for (old, new) in self.below.iter_mut().zip(new) {
                old.device = old.device.or(new.device);
                old.name = std::mem::take(&mut old.name) + &new.name;
            }
        } else {
            new.into_iter().for_each(|below| self.add_parent(below));
        }
    }

    /// Adds a device below, or completes it if it is already there.
    fn add_parent(&mut self, new: Below) {
        let is_same = |old: &&mut Below| {
            !new.name.is_empty() && old.name == new.name || new.device.is_some() && old.device == new.device
        };
        match self.below.iter_mut().find(is_same) {
            Some(old) => {
                old.device = old.device.or(new.device);
                if old.name.is_empty() {
                    old.name = new.name;
                }
            }
            None => self.below.push(new),
        }
    }
}

/// A row's depth in the tree, and its device.
type Row = (usize, BlockDevice);

fn rows(text: &str, row: fn(&str) -> Option<BlockDevice>) -> Vec<Row> {
    let is_drawing = |c: char| c.is_whitespace() || "└├│─`|-".contains(c);
    let depth = |line: &str| line.chars().take_while(|c| is_drawing(*c)).count();
    // Indentation that all rows share comes from the paste, not from the tree.
    let shared = text.lines().filter(|l| row(l.trim_start_matches(is_drawing)).is_some()).map(depth).min();
    let with_depth = |line: &str| {
        let listed = row(line.trim_start_matches(is_drawing))?;
        Some((depth(line).saturating_sub(shared.unwrap_or_default()), listed))
    };
    text.lines().filter_map(with_depth).collect()
}

/// Turns the rows of a tree into devices with the devices below them. `order` gets the indices of a row and of a row
/// nested in it, and returns the upper and the lower device.
fn from_tree(rows: Vec<Row>, order: fn(usize, usize) -> (usize, usize)) -> Vec<BlockDevice> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (at, (depth, _)) in rows.iter().enumerate() {
        while open.last().is_some_and(|(d, _)| d >= depth) {
            open.pop();
        }
        edges.extend(open.last().map(|(_, outer)| order(*outer, at)));
        open.push((*depth, at));
    }
    let mut listed: Vec<BlockDevice> = rows.into_iter().map(|(_, listed)| listed).collect();
    for (upper, lower) in edges {
        let below = listed.get(lower).map(|l| Below { name: l.name.clone(), device: l.device });
        if let Some((upper, below)) = listed.get_mut(upper).zip(below) {
            upper.add_parent(below);
        }
    }
    listed.retain(|l| !l.name.is_empty());
    listed
}

/// `lsblk` nests consumers under their device; `lsblk -s` nests the other way round.
fn normalize_orientation(rows: Vec<Row>) -> Vec<BlockDevice> {
    let is_physical = |l: &BlockDevice| matches!(l.kind.as_str(), "disk" | "loop" | "rom");
    let inverse = rows.iter().any(|(depth, l)| *depth > 0 && is_physical(l));
    from_tree(rows, if inverse { |outer, inner| (outer, inner) } else { |outer, inner| (inner, outer) })
}

/// Device types of `lsblk` (util-linux, misc-utils/lsblk.c, `get_type`).
const KINDS: [&str; 9] = ["disk", "part", "lvm", "loop", "dm", "crypt", "rom", "mpath", "md"];

/// Parses a row of `lsblk` with any columns: the name first, then number, size and type, recognised by their form.
fn lsblk_row(line: &str) -> Option<BlockDevice> {
    if line.starts_with("NAME=\"") {
        return pairs(line);
    }
    let mut words = line.split_whitespace();
    let name = words.next().filter(|name| *name != "NAME")?;
    let rest: Vec<&str> = words.collect();
    let at = rest.iter().position(|w| number(w).is_some());
    let kind = rest.iter().take(7).find(|w| KINDS.contains(w) || w.starts_with("raid"));
    at.or(kind.map(|_| 0))?;
    let sizes = rest.iter().skip(at.map_or(0, |at| at + 1)).take(5);
    let size = sizes.filter_map(|w| size::read(w, Scale::Coreutils)).find(|a| a.has_unit || a.bytes.0 > 1);
    Some(BlockDevice {
        name: name.to_owned(),
        device: at.and_then(|at| number(rest.get(at)?)),
        size: size.map(|a| a.bytes),
        kind: kind.map(|k| (*k).to_owned()).unwrap_or_default(),
        below: Vec::new(),
    })
}

/// Parses a row of `lsblk -P`: `NAME="sda1" MAJ:MIN="8:1" … PKNAME="sda"`.
fn pairs(line: &str) -> Option<BlockDevice> {
    let mut listed = BlockDevice::default();
    for (key, value) in line.split("\" ").filter_map(|pair| pair.split_once("=\"")) {
        listed.field(&key.to_ascii_lowercase(), value.trim_end_matches('"'));
    }
    (!listed.name.is_empty()).then_some(listed)
}

impl BlockDevice {
    /// Sets the field for a column of `lsblk`.
    fn field(&mut self, key: &str, value: &str) {
        match key {
            "name" => value.clone_into(&mut self.name),
            "maj:min" | "maj_min" => self.device = number(value.trim()),
            "size" => self.size = size::read(value, Scale::Coreutils).map(|a| a.bytes),
            "type" => value.clone_into(&mut self.kind),
            "pkname" if !value.is_empty() && value != "null" => {
                self.add_parent(Below { name: value.to_owned(), device: None });
            }
            _ => {}
        }
    }
}

/// Parses a word such as `253:0`.
fn number(word: &str) -> Option<DeviceNumber> {
    if word.starts_with(|c: char| c.is_ascii_digit()) { DeviceNumber::read(word) } else { None }
}

fn lsblk_json(text: &str) -> Vec<Row> {
    let mut found: Vec<Row> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for token in partial_json::tokens(text) {
        match token {
            Token::Open => {
                open.push(found.len());
                found.push((open.len(), BlockDevice::default()));
            }
            Token::Close => drop(open.pop()),
            Token::Member(key, value) => {
                if let Some((_, listed)) = open.last().and_then(|at| found.get_mut(*at)) {
                    listed.field(&key, &value);
                }
            }
            Token::Pair(..) => {}
        }
    }
    // The outermost braces hold the list, not a device.
    found.retain(|(depth, _)| *depth > 1);
    found.iter_mut().for_each(|(depth, _)| *depth -= 2);
    found
}

/// Parses a row of `dmsetup ls` or `dmsetup ls --tree`: `NAME (253:1)`, in old versions `NAME (253, 1)`. Other devices
/// than device-mapper's have no name there.
fn dm_row(line: &str) -> Option<BlockDevice> {
    let line = line.trim();
    let (name, number) = line
        .strip_suffix([')', '>'])
        .and_then(|l| l.rsplit_once(['(', '<']))
        .and_then(|(name, number)| Some((name.trim(), DeviceNumber::read(number)?)))
        // The tree cuts lines at the width of the screen, which removes the number.
        .map_or_else(
            || line.ends_with("...").then_some((line, None)),
            |(name, number)| Some((name, Some(number))),
        )?;
    Some(BlockDevice { name: name.to_owned(), device: number, ..BlockDevice::default() })
}

/// Parses a row of `dmsetup deps`: `NAME: 2 dependencies : (253, 1) (253, 0)`, or with names in the brackets.
fn dependencies(line: &str) -> Option<BlockDevice> {
    let (name, rest) = line.split_once(" dependencies")?;
    let (name, _) = name.rsplit_once(": ")?;
    let brackets = rest.split('(').skip(1).filter_map(|part| Some(part.split_once(')')?.0));
    let mut listed = BlockDevice { name: name.trim().to_owned(), ..BlockDevice::default() };
    for contents in brackets {
        let device = number(contents);
        let name = if device.is_some() { String::new() } else { contents.to_owned() };
        listed.add_parent(Below { name, device });
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(major: u32, minor: u32) -> Option<DeviceNumber> {
        Some(DeviceNumber { major, minor })
    }

    fn listing(target: Tool, text: &str) -> Listing {
        Listing::new(read(target, text).into_iter())
    }

    fn halves(all: &Listing, name: &str) -> (String, String) {
        let pool = all.halves(all.named(name).unwrap()).unwrap();
        let word = |listed: BlockDevice| listed.device.map_or(listed.name, |d| d.to_string());
        (word(pool.data), word(pool.metadata))
    }

    fn pair(data: &str, metadata: &str) -> (String, String) {
        (data.to_owned(), metadata.to_owned())
    }

    const TREE: &str = "NAME                       MAJ:MIN RM  SIZE RO TYPE MOUNTPOINT\n\
        loop0                        7:0    0  100G  0 loop\n\
        └─docker-254:0-7356-pool   253:0    0  100G  0 dm\n\
        loop1                        7:1    0    2G  0 loop\n\
        └─docker-254:0-7356-pool   253:0    0  100G  0 dm\n\
        sdb                          8:16   0   25G  0 disk\n\
        `-sdb1                       8:17   0   25G  0 part\n\
        \u{20} |-vg-pool_tmeta          253:2    0   28M  0 lvm\n\
        \u{20} | `-vg-pool              253:4    0 21.9G  0 lvm\n\
        \u{20} `-vg-pool_tdata          253:3    0 21.9G  0 lvm\n\
        \u{20}   `-vg-pool              253:4    0 21.9G  0 lvm\n";

    #[test]
    fn lsblk_trees() {
        let all = listing(Tool::Lsblk, TREE);
        assert_eq!(halves(&all, "docker-254:0-7356-pool"), pair("7:0", "7:1"));
        assert_eq!(halves(&all, "vg-pool"), pair("253:3", "253:2"));
        let pool = all.named("vg-pool").unwrap();
        assert_eq!(
            (pool.device, pool.size, pool.kind.as_str()),
            (device(253, 4), Some(Bytes(23_514_945_946)), "lvm")
        );
        assert_eq!(all.named("sdb1").unwrap().below, [Below { name: "sdb".into(), device: device(8, 16) }]);
        let indented: String = TREE.lines().map(|l| format!("    {l}\n")).collect();
        assert_eq!(listing(Tool::Lsblk, &indented), all);
    }

    #[test]
    fn lsblk_inverse_trees() {
        let text = "NAME               MAJ:MIN RM SIZE RO TYPE MOUNTPOINT\n\
            vg-pool            253:4    0  22G  0 lvm\n├─vg-pool_tmeta    253:2    0  28M  0 lvm\n\
            │ └─sdb             8:16    0  25G  0 disk\n└─vg-pool_tdata    253:3    0  22G  0 lvm\n\
            \u{20} └─sdb             8:16    0  25G  0 disk\n";
        assert_eq!(halves(&listing(Tool::Lsblk, text), "vg-pool"), pair("253:3", "253:2"));
    }

    #[test]
    fn lsblk_json_and_pairs() {
        let text = r#"{"blockdevices": [{"name": "loop0", "maj:min": "7:0", "size": 107374182400, "type": "loop",
            "mountpoint": null, "children": [{"name": "docker-1:2-3-pool", "maj:min": "253:0", "size": "100G", "type": "dm"}]},
            {"name":"loop1","maj:min":"7:1","size":"2G","type":"loop","children":[{"name":"docker-1:2-3-pool","maj:min":"253:0"}]}]}"#;
        let all = listing(Tool::Lsblk, text);
        assert_eq!(halves(&all, "docker-1:2-3-pool"), pair("7:0", "7:1"));
        assert_eq!((all.iter().count(), all.named("loop0").unwrap().size), (3, Some(Bytes(100 << 30))));
        let cut = text.split_at(text.len() / 2).0;
        assert!(!read(Tool::Lsblk, cut).is_empty(), "complete devices are read from truncated JSON");
        let text = "NAME=\"loop0\" MAJ:MIN=\"7:0\" SIZE=\"100G\" TYPE=\"loop\" PKNAME=\"\"\n\
            NAME=\"docker-1:2-3-pool\" MAJ:MIN=\"253:0\" SIZE=\"100G\" TYPE=\"dm\" PKNAME=\"loop0\"";
        let all = read(Tool::Lsblk, text);
        assert_eq!((all[1].below[0].name.as_str(), all[0].kind.as_str()), ("loop0", "loop"));
    }

    #[test]
    fn dmsetup_lists_trees_and_dependencies() {
        let text = "a-pool\t(253:0)\nb\t(253, 1)\ndocker-1:2-3-0e6ed417d8306bccb108769...\n └─docker-1:2-3-pool (253:2)\n    \
            ├─ (7:0)\n    └─ (7:1)\nvg-p <253:4>\n ├─vg-p_tdata <253:3>\n └─vg-p_tmeta <253:5>\n";
        let all = listing(Tool::DmsetupLs, text);
        assert_eq!(
            (all.named("a-pool").unwrap().device, all.named("b").unwrap().device),
            (device(253, 0), device(253, 1))
        );
        assert_eq!(halves(&all, "docker-1:2-3-pool"), pair("7:0", "7:1"));
        assert_eq!(halves(&all, "vg-p"), pair("253:3", "253:5"));
        let text = "docker-1:2-3-pool: 2 dependencies\t: (7, 0) (7, 1)\nvg-p: 2 dependencies : (vg-p_tdata) (vg-p_tmeta)";
        let all = listing(Tool::DmsetupDeps, text);
        assert_eq!(halves(&all, "docker-1:2-3-pool"), pair("7:0", "7:1"));
        assert_eq!(halves(&all, "vg-p"), pair("vg-p_tdata", "vg-p_tmeta"));
        assert_eq!(all.halves(&BlockDevice::default()), None);
        let names = listing(
            Tool::DmsetupLs,
            "vg-p\t(253:4)\nvg-p_tdata\t(253:3)\nvg-q_tdata\t(253:5)\nvg-q\t(253:6)\nvg-q-tpool\t(253:7)",
        );
        let pools: Vec<&str> =
            names.iter().filter(|l| names.is_lvm_pool(l)).map(|l| l.name.as_str()).collect();
        assert_eq!(pools, ["vg-p", "vg-q-tpool"]);
    }
}

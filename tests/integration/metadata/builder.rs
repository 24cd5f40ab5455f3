//! Builds thin-pool metadata in memory, with the sharing that kernel snapshots create: a B-tree node is copied on
//! write if others refer to it (`dm_tm_shadow_block`). Does not commit in steps, rebalance after removals, or reuse
//! blocks.

use std::collections::BTreeMap;

use super::block_writer::{Pages, node_page};

/// Entries of a node with 8-byte values.
const ROOM: usize = 252;
/// Entries left in the left node when a full node is split: appending then leaves nodes two thirds full, the kernel's
/// average, and never below the third that `thin_check` requires.
const LEFT: usize = 168;

/// The fewest entries of a node with siblings.
const LEAST: usize = 84;

#[derive(Clone)]
struct Node {
    leaf: bool,
    keys: Vec<u64>,
    values: Vec<u64>,
}

/// A thin device: root node and details.
#[derive(Clone)]
pub(crate) struct Thin {
    root: usize,
    pub(crate) mapped: u64,
    created: u32,
    snapshotted: u32,
}

/// A pool's metadata.
pub(crate) struct Pool {
    nodes: Vec<Node>,
    refs: Vec<u32>,
    data_refs: Vec<u32>,
    pub(crate) thin_devices: BTreeMap<u32, Thin>,
    held: Option<BTreeMap<u32, Thin>>,
    time: u32,
    data_blocks: u64,
    pub(crate) block_sectors: u32,
    /// Data blocks counted as used that nothing maps.
    leaked: u64,
}

/// Expected usage of each device: mapped, exclusive, shared blocks.
pub(crate) type Truth = BTreeMap<u32, (u64, u64, u64)>;

impl Pool {
    pub(crate) fn new(data_blocks: u64, block_sectors: u32) -> Self {
        let (nodes, refs, data_refs) = (Vec::new(), Vec::new(), Vec::new());
        let thin_devices = BTreeMap::new();
        Self {
            nodes,
            refs,
            data_refs,
            thin_devices,
            held: None,
            time: 0,
            data_blocks,
            block_sectors,
            leaked: 0,
        }
    }

    pub(crate) fn create(&mut self, id: u32) {
        let root = self.add(Node { leaf: true, keys: Vec::new(), values: Vec::new() });
        self.thin_devices.insert(id, Thin { root, mapped: 0, created: self.time, snapshotted: self.time });
    }

    pub(crate) fn snapshot(&mut self, origin: u32, id: u32) {
        self.time += 1;
        let time = self.time;
        let thin = self.thin_devices.get_mut(&origin).unwrap();
        thin.snapshotted = time;
        let copy = Thin { created: time, ..thin.clone() };
        self.refs[copy.root] += 1;
        self.thin_devices.insert(id, copy);
    }

    /// Writes virtual blocks; each gets a new data block, as a write of a full block does.
    pub(crate) fn write(&mut self, id: u32, first: u64, blocks: u64) {
        for block in first..first + blocks {
            self.data_refs.push(1);
            let value = (self.data_refs.len() as u64 - 1) << 24 | u64::from(self.time);
            let root = self.thin_devices[&id].root;
            let (root, split, new) = self.insert(root, block, value);
            let root = match split {
                None => root,
                Some((key, right)) => {
                    let keys = vec![self.nodes[root].keys[0], key];
                    self.add(Node { leaf: false, keys, values: vec![root as u64, right as u64] })
                }
            };
            let thin = self.thin_devices.get_mut(&id).unwrap();
            thin.root = root;
            thin.mapped += u64::from(new);
        }
        assert!(self.data_refs.len() as u64 <= self.data_blocks);
    }

    /// Unmaps virtual blocks like a discard, but not below the third of a leaf at which nodes are merged.
    pub(crate) fn discard(&mut self, id: u32, first: u64, blocks: u64) {
        for block in first..first + blocks {
            let (root, gone) = self.remove(self.thin_devices[&id].root, block);
            let thin = self.thin_devices.get_mut(&id).unwrap();
            thin.root = root;
            thin.mapped -= u64::from(gone);
        }
    }

    pub(crate) fn delete(&mut self, id: u32) {
        let thin = self.thin_devices.remove(&id).unwrap();
        self.drop_node(thin.root);
    }

    /// Takes a metadata snapshot: another top tree over the same devices.
    pub(crate) fn hold(&mut self) {
        self.held = Some(self.thin_devices.clone());
        self.thin_devices.values().for_each(|thin| self.refs[thin.root] += 1);
    }

    /// Takes one unless one is held, because the kernel refuses a second.
    pub(crate) fn hold_once(&mut self) {
        if self.held.is_none() {
            self.hold();
        }
    }

    /// Counts data blocks as used without mapping them.
    pub(crate) fn leak(&mut self, blocks: u64) {
        self.leaked += blocks;
        self.data_refs.extend((0..blocks).map(|_| 1));
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.refs.push(1);
        self.nodes.len() - 1
    }

    /// The node itself if nothing else refers to it, else a copy.
    fn shadow(&mut self, at: usize) -> usize {
        if self.refs[at] == 1 {
            return at;
        }
        self.refs[at] -= 1;
        let node = self.nodes[at].clone();
        for &value in &node.values {
            let (refs, to) =
                if node.leaf { (&mut self.data_refs, value >> 24) } else { (&mut self.refs, value) };
            refs[to as usize] += 1;
        }
        self.add(node)
    }

    fn insert(&mut self, at: usize, key: u64, value: u64) -> (usize, Option<(u64, usize)>, bool) {
        let at = self.shadow(at);
        let place = self.nodes[at].keys.binary_search(&key);
        let mut new = false;
        if self.nodes[at].leaf {
            match place {
                Ok(place) => {
                    let old = std::mem::replace(&mut self.nodes[at].values[place], value);
                    self.data_refs[(old >> 24) as usize] -= 1;
                }
                Err(place) => {
                    self.nodes[at].keys.insert(place, key);
                    self.nodes[at].values.insert(place, value);
                    new = true;
                }
            }
        } else {
            let place = place.unwrap_or_else(|place| place.saturating_sub(1));
            self.nodes[at].keys[place] = self.nodes[at].keys[place].min(key);
            let child = self.nodes[at].values[place] as usize;
            let (child, split, grown) = self.insert(child, key, value);
            self.nodes[at].values[place] = child as u64;
            if let Some((key, right)) = split {
                self.nodes[at].keys.insert(place + 1, key);
                self.nodes[at].values.insert(place + 1, right as u64);
            }
            new = grown;
        }
        if self.nodes[at].keys.len() < ROOM {
            return (at, None, new);
        }
        let (keys, values) = (self.nodes[at].keys.split_off(LEFT), self.nodes[at].values.split_off(LEFT));
        let (key, leaf) = (keys[0], self.nodes[at].leaf);
        (at, Some((key, self.add(Node { leaf, keys, values }))), new)
    }

    fn remove(&mut self, at: usize, key: u64) -> (usize, bool) {
        let at = self.shadow(at);
        let place = self.nodes[at].keys.binary_search(&key);
        if self.nodes[at].leaf {
            let Ok(place) = place else { return (at, false) };
            if self.nodes[at].keys.len() <= LEAST {
                return (at, false);
            }
            self.nodes[at].keys.remove(place);
            let old = self.nodes[at].values.remove(place);
            self.data_refs[(old >> 24) as usize] -= 1;
            return (at, true);
        }
        let place = place.unwrap_or_else(|place| place.saturating_sub(1));
        let (child, gone) = self.remove(self.nodes[at].values[place] as usize, key);
        self.nodes[at].values[place] = child as u64;
        (at, gone)
    }

    fn drop_node(&mut self, at: usize) {
        self.refs[at] -= 1;
        if self.refs[at] > 0 {
            return;
        }
        let node = self.nodes[at].clone();
        for value in node.values {
            if node.leaf {
                self.data_refs[(value >> 24) as usize] -= 1;
            } else {
                self.drop_node(value as usize);
            }
        }
    }

    fn each_mapping(&self, at: usize, each: &mut dyn FnMut(u64)) {
        let node = &self.nodes[at];
        for &value in &node.values {
            if node.leaf { each(value >> 24) } else { self.each_mapping(value as usize, each) }
        }
    }

    /// Usage of each device, computed from every mapping of every device.
    pub(crate) fn truth(&self) -> Truth {
        self.truth_of(&self.thin_devices)
    }

    /// [`Self::truth`] for the devices in the held metadata snapshot.
    pub(crate) fn held_truth(&self) -> Truth {
        self.truth_of(self.held.as_ref().unwrap())
    }

    fn truth_of(&self, thin_devices: &BTreeMap<u32, Thin>) -> Truth {
        let mut uses = vec![0_u32; self.data_refs.len()];
        thin_devices
            .values()
            .for_each(|thin| self.each_mapping(thin.root, &mut |block| uses[block as usize] += 1));
        let count = |thin: &Thin| {
            let (mut mapped, mut exclusive) = (0, 0);
            self.each_mapping(thin.root, &mut |block| {
                mapped += 1;
                exclusive += u64::from(uses[block as usize] == 1);
            });
            assert_eq!(mapped, thin.mapped);
            (mapped, exclusive, mapped - exclusive)
        };
        thin_devices.iter().map(|(&id, thin)| (id, count(thin))).collect()
    }

    /// Data blocks that only the devices of `set` map, computed from every mapping.
    pub(crate) fn reclaimable(&self, set: &[u32]) -> u64 {
        let mut kept = vec![false; self.data_refs.len()];
        let staying = self.thin_devices.iter().filter(|(id, _)| !set.contains(id)).map(|(_, thin)| thin);
        for thin in staying.chain(self.held.iter().flat_map(|held| held.values())) {
            self.each_mapping(thin.root, &mut |block| kept[block as usize] = true);
        }
        let mut blocks = 0;
        for thin in self.thin_devices.iter().filter(|(id, _)| set.contains(id)).map(|(_, thin)| thin) {
            self.each_mapping(thin.root, &mut |block| {
                blocks += u64::from(!std::mem::replace(&mut kept[block as usize], true));
            });
        }
        blocks
    }

    /// Data blocks that some device maps, computed from every mapping.
    pub(crate) fn truth_blocks(&self) -> u64 {
        let mut mapped = vec![false; self.data_refs.len()];
        let thin_devices = self.thin_devices.values();
        thin_devices
            .for_each(|thin| self.each_mapping(thin.root, &mut |block| mapped[block as usize] = true));
        mapped.iter().filter(|&&mapped| mapped).count() as u64
    }

    /// Data blocks in use.
    pub(crate) fn used(&self) -> u64 {
        self.data_refs.iter().filter(|&&refs| refs > 0).count() as u64
    }

    /// The metadata as on disk, followed by `spare` free blocks.
    pub(crate) fn image(&self, spare: u64) -> Vec<u8> {
        let mut pages = Pages::new(self.block_sectors, self.time);
        let mut places = vec![0_u64; self.nodes.len()];
        let live = (0..self.nodes.len()).filter(|&at| self.refs[at] > 0);
        live.for_each(|at| places[at] = pages.reserve(self.refs[at]));
        for (at, node) in self.nodes.iter().enumerate().filter(|&(at, _)| self.refs[at] > 0) {
            let values = node.values.iter();
            let value = |&value: &u64| if node.leaf { value } else { places[value as usize] };
            let values: Vec<[u8; 8]> = values.map(|item| value(item).to_le_bytes()).collect();
            pages.put(places[at], node_page(node.leaf, places[at], &node.keys, &values));
        }
        let held = self.held.as_ref().map(|thin_devices| Self::tops(&mut pages, &places, thin_devices));
        let tops = Self::tops(&mut pages, &places, &self.thin_devices);
        pages.finish(tops, held, &self.data_refs, self.data_blocks, spare)
    }

    /// Top tree and details tree.
    fn tops(pages: &mut Pages, places: &[u64], thin_devices: &BTreeMap<u32, Thin>) -> (u64, u64) {
        let top = thin_devices.iter().map(|(&id, thin)| (u64::from(id), places[thin.root].to_le_bytes()));
        let top = pages.tree(&top.collect::<Vec<_>>());
        let details = thin_devices.iter().map(|(&id, thin)| {
            let mut value = [0; 24];
            value[..8].copy_from_slice(&thin.mapped.to_le_bytes());
            value[8..16].copy_from_slice(&u64::from(thin.created).to_le_bytes());
            value[16..20].copy_from_slice(&thin.created.to_le_bytes());
            value[20..].copy_from_slice(&thin.snapshotted.to_le_bytes());
            (u64::from(id), value)
        });
        (top, pages.tree(&details.collect::<Vec<_>>()))
    }
}

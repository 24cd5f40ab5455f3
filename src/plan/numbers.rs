//! The numbers of plans: every name there is, with its meaning, and the ordered map a plan carries.
//!
//! A name means one thing for ever and ends in its unit; a number nobody knows is there, and null.

use super::pool_facts::Half;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

macro_rules! numbers {
    ($($name:literal $meaning:literal)+) => {
        /// Every name and what it means. Names without `metadata_` that count blocks are about the pool's
        /// data.
        pub const NUMBERS: &[(&str, &str)] = &[$(($name, $meaning)),+];
    };
}

numbers! {
    "block_bytes" "Size of a data block."
    "total_blocks" "Data blocks there are."
    "used_blocks" "Data blocks in use."
    "free_blocks" "Data blocks free."
    "metadata_block_bytes" "Size of a metadata block: always 4096."
    "metadata_total_blocks" "Metadata blocks there are."
    "metadata_used_blocks" "Metadata blocks in use, with the reserve that newer kernels count as used."
    "metadata_free_blocks" "Metadata blocks free."

    "current_percent" "Percent that Docker demands free now (dm.min_free_space)."
    "largest_unblocking_percent" "Largest percent under which neither data nor metadata is refused."
    "new_percent" "Percent that the steps set."
    "required_blocks" "Data blocks that must be free at the current percent."
    "short_blocks" "Data blocks missing for that; 0 if none."
    "new_required_blocks" "Data blocks that must be free at the new percent."
    "headroom_blocks" "Data blocks left above the floor at the new percent."
    "headroom_bytes" "The same in bytes."
    "effective_headroom_bytes" "The same, if the filesystem under the loop file has no more than that free."
    "short_bytes" "The same as short_blocks in bytes."
    "over_80_percent_blocks" "Data blocks to free so that at most 80 % are in use; 0 if none."
    "over_80_percent_bytes" "The same in bytes."
    "wanted_blocks" "Data blocks that the steps are to free."
    "wanted_bytes" "The same in bytes."
    "gained_blocks" "Data blocks that the steps give back."
    "gained_bytes" "The same in bytes."
    "reachable_blocks" "Data blocks that removing everything that is not in use gives back."
    "reachable_bytes" "The same in bytes."
    "trim_bytes" "The most that trimming gives back: what mounted thin devices map, less what their files use."
    "file_surplus_bytes" "What the data's loop file takes beyond what the pool uses."
    "metadata_required_blocks" "Metadata blocks that must be free at the current percent."
    "metadata_short_blocks" "Metadata blocks missing for that; 0 if none."
    "metadata_new_required_blocks" "Metadata blocks that must be free at the new percent."
    "metadata_headroom_blocks" "Metadata blocks left above the floor at the new percent."
    "metadata_headroom_bytes" "The same in bytes."

    "minimum_growth_blocks" "Fewest data blocks to add so that Docker's floor is met; 0 if it is."
    "minimum_growth_bytes" "The same in bytes."
    "minimum_total_blocks" "Data blocks there are after that."
    "minimum_total_bytes" "The same in bytes."
    "recommended_total_blocks" "Data blocks that leave room to work: at most 75 % used, in round units."
    "recommended_total_bytes" "The same in bytes."
    "new_total_blocks" "Data blocks there are after the steps."
    "new_total_bytes" "The same in bytes."
    "growth_blocks" "Data blocks that the steps add."
    "growth_bytes" "The same in bytes."
    "metadata_minimum_growth_blocks" "Fewest metadata blocks to add so that Docker's floor is met, in steps \
     of 64."
    "metadata_minimum_growth_bytes" "The same in bytes."
    "metadata_minimum_total_blocks" "Metadata blocks there are after that."
    "metadata_minimum_total_bytes" "The same in bytes."
    "metadata_recommended_total_blocks" "Metadata blocks that leave room, also for the new data size."
    "metadata_recommended_total_bytes" "The same in bytes."
    "metadata_new_total_blocks" "Metadata blocks there are after the steps."
    "metadata_new_total_bytes" "The same in bytes."
    "metadata_growth_blocks" "Metadata blocks that the steps add."
    "metadata_growth_bytes" "The same in bytes."
    "metadata_needed_bytes" "Metadata for the new data size: 48 bytes a block (the kernel's rule), at least \
     2 MiB."
    "metadata_advised_bytes" "The same by LVM's rule: 64 bytes a block, at least 2 MiB."
    "metadata_limit_bytes" "The most metadata the kernel uses: 15.875 GiB."

    "image_count" "Images to move, those without a name too."
    "layer_count" "Layers they and the containers stand on, each once."
    "container_count" "Containers to move."
    "volume_count" "Volumes, which stay where they are."
    "content_bytes" "The content of the files in those layers."
    "changes_bytes" "What containers have written at most."
    "archive_bytes" "What the archives take, what containers have written included where it was counted."
    "unpacked_bytes" "What the new store takes once all is loaded."
    "temporary_bytes" "What Docker's own copy takes below its data root while it saves and while it loads."
    "archive_free_bytes" "Free where the archives go."

    "metadata_copy_bytes" "What a copy of the metadata takes, at most."
    "room_needed_bytes" "What has to be free for the copies, with a reserve."
    "filesystem_free_bytes" "Free on the filesystem under the loop files, for the kernel's writes."
    "file_may_demand_bytes" "What the loop files on it can still demand of it after the steps."
    "largest_total_bytes" "Largest data size that the filesystem or the volume group carries."
    "volume_group_free_bytes" "Free in the volume group."
    "volume_group_needed_bytes" "What the steps take of it, the spare copy of the metadata included."
    "extent_bytes" "The unit that volumes of this group grow in."

    "used_bytes" "Data in use, each block counted once however many devices share it."
    "device_bytes" "Size of the device that the pool moves to, or what the volume group has free."
    "device_usable_bytes" "What of it is whole extents."
    "device_needed_bytes" "The least of it that is needed: data, one step of growth, the metadata twice."
    "metadata_spare_bytes" "What LVM keeps as a spare for the metadata's repair."
    "autoextend_threshold_percent" "Percent of use at which LVM grows the pool."
    "autoextend_growth_percent" "By how much LVM grows it each time, in percent of its size."
    "autoextend_room_bytes" "What stays free in the volume group for that."
}

/// Numbers by name, in the order in which a person reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Numbers(Vec<(&'static str, Option<u64>)>);

impl Numbers {
    /// Sets one; a name is set once, a second value replaces the first.
    pub fn set(&mut self, name: &'static str, value: Option<u64>) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes back the counts of data blocks where nobody said how large a block is: only bytes are known then.
    pub(super) fn forget_data_blocks(&mut self) {
        for (name, value) in &mut self.0 {
            if *name == "block_bytes" || name.ends_with("_blocks") && !name.starts_with("metadata_") {
                *value = None;
            }
        }
    }

    /// Sets what a plan about the pool's space begins with: its data, and what Docker demands of it.
    pub(super) fn set_data(&mut self, data: &Half, metadata: &Half) {
        self.set("current_percent", data.percent.or(metadata.percent));
        self.set("block_bytes", data.block);
        self.set("total_blocks", data.total);
        self.set("used_blocks", data.used());
        self.set("free_blocks", data.free);
        self.set("required_blocks", data.required);
        self.set("short_blocks", data.short());
    }

    /// The number of a name; `None` where unknown.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(n, _)| *n == name).and_then(|(_, value)| *value)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        self.0.iter().copied()
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl JsonSchema for Numbers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Numbers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = |meaning: &str| {
            serde_json::json!({
                "description": meaning, "type": ["integer", "null"], "minimum": 0, "format": "uint64"
            })
        };
        let properties: serde_json::Map<_, _> =
            NUMBERS.iter().map(|(name, meaning)| ((*name).to_owned(), number(meaning))).collect();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}
